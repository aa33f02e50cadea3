# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a line of a log is as long as the kernel prints it
"""Reports of two CPUs whose lines mix, without caller tags (CONFIG_PRINTK_CALLER is off)."""

from __future__ import annotations

from crashext.engine.log import reader

_PANIC = """\
[  200.999653] Kernel panic - not syncing: corrupted stack end detected inside scheduler
[  201.007844] CPU: 1 PID: 7 Comm: kworker/u4:0 Not tainted 4.20.0+ #252
[  201.029181] Call Trace:
[  201.040625]  panic+0x2ad/0x55f
[  201.076801]  __schedule+0x1ec6/0x1ed0
[  201.261080]  ring_grow+0x355/0xdb0
"""
_OOM_HEAD = "[  201.264929] feeder invoked oom-killer: gfp_mask=0x6202c2(GFP_HIGHUSER), order=0, oom_score_adj=0\n"
_PANIC_REST = """\
[  201.324288]  ring_refill+0x53a/0xf00
[  201.382778]  ring_work+0xa80/0x1e70
"""
_OOM_REST = """\
[  201.400001] CPU: 0 PID: 99 Comm: feeder Not tainted 4.20.0+ #252
[  201.400002] Call Trace:
[  201.400003]  dump_header+0x5b/0x300
[  201.400004]  oom_kill_process+0x2b6/0x4a0
"""


def names(text: str) -> list[list[str]]:
    return [[f.name or "" for f in report.frames] for report in reader.parse(text).reports]


def test_frames_before_the_new_reports_own_trace_are_the_older_ones() -> None:
    assert names(_PANIC + _OOM_HEAD + _PANIC_REST + _OOM_REST) == [
        ["panic", "__schedule", "ring_grow", "ring_refill", "ring_work"],
        ["dump_header", "oom_kill_process"],
    ]


def test_a_report_after_a_whole_one_keeps_its_frames() -> None:
    assert names(_PANIC + _PANIC_REST + _OOM_HEAD + _OOM_REST) == [
        ["panic", "__schedule", "ring_grow", "ring_refill", "ring_work"],
        ["dump_header", "oom_kill_process"],
    ]
