# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading: what is skipped, where blocks end, what a file may hold that is no log."""

from __future__ import annotations

import io
import tracemalloc
from typing import Callable

import pytest
from log_cases import LOGS

from crashext.engine.forms.prefix import strip
from crashext.engine.kinds import panics, registry
from crashext.engine.kinds.family import Needle
from crashext.engine.kinds.registry import NEEDLES
from crashext.engine.log import parse, prefilter, scan
from crashext.engine.log.assemble import MAX_REPORTS
from crashext.engine.log.reader import BLOCK

NOISE = b"Dec 12 09:50:01 host systemd[1]: Started Session 15 of user root, the INFO: of it.\n"
OOPS = (
    b"[   63.550330] demo: about to divide\n"
    b"[   63.550339] divide error: 0000 [#1] PREEMPT SMP NOPTI\n"
    b"[   63.556240] CPU: 1 PID: 855 Comm: tc Not tainted 6.1.0 #1\n"
    b"[   63.570262] RIP: 0010:rate+0x22a/0x2a0 [shaper]\n"
    b"[   63.719690] Call Trace:\n"
    b"[   63.719692]  enqueue+0x461/0x3560 [shaper]\n"
    b"[   63.719694] ---[ end trace 0000000000000000 ]---\n"
)


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_prefilter_finds_every_line_that_begins_a_report(log) -> None:  # type: ignore[no-untyped-def]
    # These stand right before a line that the prefilter does find.
    heralds = (
        "kernel tried to execute",
        "unable to execute userspace",
        "Unhandled fault: ",
        "Insufficient stack space",
    )
    missed = []
    for number, raw in enumerate(log.read_bytes().split(b"\n"), 1):
        line = strip(raw.decode("utf-8", "replace"), number)
        text = line.text.strip()
        begins = registry.header(text) or panics.LINE.match(text)
        if line.program in ("", "kernel") and begins and not text.startswith(heralds):
            missed += [] if prefilter.candidates(raw) else [raw]
    assert missed == []


@pytest.mark.parametrize("before", [0, 1, 59, 60, 61, 1000, 20_000])
def test_line_numbers_after_skipped_lines(before: int) -> None:
    summary = scan(io.BytesIO(NOISE * before + OOPS + NOISE * 500))
    report = summary.reports[0]
    assert (report.first_line, report.last_line, summary.lines) == (
        before + 2,
        before + 7,
        before + 7 + 500,
    )


@pytest.mark.parametrize("offset", range(-len(OOPS) - 3, 4, 7))
def test_a_report_across_the_end_of_a_block(offset: int) -> None:
    filler = NOISE * (BLOCK // len(NOISE) - 20)
    filler += b"x" * (BLOCK + offset - len(filler) - 1) + b"\n"
    summary = scan(io.BytesIO(filler + OOPS))
    assert [(r.kind, r.comm, len(r.frames)) for r in summary.reports] == [("divide-error", "tc", 1)]


def test_what_was_said_right_before_a_report_is_read_although_skipped() -> None:
    text = (
        NOISE.decode() * 300
        + "[    1.0] list_del corruption. prev->next should be ffff88800a, but was 0000\n"
        + "[    1.0] ------------[ cut here ]------------\n"
        + "[    1.0] kernel BUG at lib/list_debug.c:53!\n"
    )
    assert [(r.kind, r.first_line) for r in parse(text).reports] == [("list-corruption", 301)]


def test_a_log_of_needles_that_mean_nothing() -> None:
    line = (
        b"Dec 12 09:50:01 host app[7]: BUG WARNING: Oops: 0002 [#1] INFO: task x Linux version 9\n"
    )
    assert scan(io.BytesIO(line * 5000)).reports == []


def test_endless_line_in_bounded_memory() -> None:
    class Endless(io.RawIOBase):
        left = 200

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"A" * size if self.left > 0 else b""

    tracemalloc.start()
    summary = scan(Endless())  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert summary.lines == 1
    assert peak < 6 * BLOCK


def test_large_log_in_bounded_memory() -> None:
    class Large(io.RawIOBase):
        left = 100
        block = NOISE * (BLOCK // len(NOISE))

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return self.block if self.left > 0 else b""

    tracemalloc.start()
    summary = scan(Large())  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert summary.lines == 99 * (BLOCK // len(NOISE))
    assert peak < 6 * BLOCK


def test_of_a_flood_the_first_the_fatal_and_the_last_are_kept() -> None:
    warning = (
        "[    1.0] WARNING: CPU: 0 PID: {0} at a.c:{0} f+0x1/0x2\n"
        "[    1.0] ---[ end trace 0000000000000000 ]---\n"
    )
    text = "".join(warning.format(n) for n in range(1, 3001))
    text += "[    2.0] divide error: 0000 [#1] SMP\n"
    text += "".join(warning.format(n) for n in range(3001, 6001))
    summary = parse(text)
    pids = [report.pid for report in summary.reports if report.kind == "warning"]
    assert (pids[0], pids[-1], len(summary.reports)) == (1, 6000, MAX_REPORTS)
    assert summary.crash is not None
    assert summary.reports[summary.crash].kind == "divide-error"
    assert summary.notes == [f"{6001 - MAX_REPORTS} further reports are not listed"]


NO_LOGS = {
    "empty": b"",
    "newlines": b"\n" * 1000,
    "elf": b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 64,
    "nuls": bytes(100_000),
    "invalid utf-8": b"\xff\xfe\xc3\x28[   12.0] \xf0\x28\x8c\x28\n" * 100,
    "utf-16": "BUG: kernel NULL pointer dereference, address: 8\n".encode("utf-16"),
    "escapes": b"\x1b]0;title\x07\x1b[2J\x1b[31m" * 1000,
}


@pytest.mark.parametrize("data", NO_LOGS.values(), ids=NO_LOGS)
def test_what_is_no_log_holds_no_report(data: bytes) -> None:
    assert scan(io.BytesIO(data)).reports == []


@pytest.mark.parametrize("read", [lambda b: scan(io.BytesIO(b)), lambda b: parse(b.decode())])
@pytest.mark.parametrize(
    ("data", "lines"), [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n\n", 2)]
)
def test_lines_are_counted_as_an_editor_does(
    read: Callable[[bytes], object], data: bytes, lines: int
) -> None:
    assert read(data).lines == lines  # type: ignore[attr-defined]


def test_a_lone_surrogate_is_no_error() -> None:
    assert parse("\udcff[   12.0] \udc80\n").reports == []


def test_a_report_behind_a_line_of_a_megabyte() -> None:
    summary = scan(io.BytesIO(b"x" * 1_000_000 + b"\n" + OOPS))
    assert [r.first_line for r in summary.reports] == [3]


def test_two_machines_in_one_file() -> None:
    text = "".join(
        f"Dec 12 09:50:0{i} {host} kernel: {words}\n"
        for i, (host, words) in enumerate(
            [
                ("one", "divide error: 0000 [#1] SMP"),
                ("two", "general protection fault: 0000 [#1] SMP"),
                ("one", "CPU: 1 PID: 11 Comm: first Not tainted 6.1.0 #1"),
                ("two", "CPU: 2 PID: 22 Comm: second Not tainted 6.1.0 #1"),
                ("one", "RIP: 0010:f+0x1/0x2"),
                ("two", "RIP: 0010:g+0x1/0x2"),
            ]
        )
    )
    assert [(r.kind, r.comm, r.rip and r.rip.name) for r in parse(text).reports] == [
        ("divide-error", "first", "f"),
        ("general-protection", "second", "g"),
    ]


@pytest.mark.parametrize("needle", [n for n in NEEDLES if n.trace], ids=lambda n: n.text.decode())
def test_a_needle_leaves_its_trace(needle: Needle) -> None:
    """Else the scanner would never find it: the traces share one set of kept bytes."""
    assert prefilter.candidates(b"before " + needle.text + b" after") != []
