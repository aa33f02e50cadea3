# SPDX-License-Identifier: GPL-2.0-or-later
"""The parsers of single lines: frames, code, CPU line, modules, registers."""

from __future__ import annotations

from typing import Optional

import pytest
from log_cases import symbol_text

from crashext.engine import arch
from crashext.engine.log.code import parse_code
from crashext.engine.log.context import (
    CpuLine,
    continues_modules,
    parse_cpu_line,
    parse_modules,
    taint_letters,
)
from crashext.engine.log.symbols import parse_frame
from crashext.engine.report import CodeBytes, LogModule

FRAMES = {
    " vfs_write+0xc7/0x3f0": "vfs_write+0xc7/0x3f0",
    " ? vfs_write+0xc7/0x3f0": "? vfs_write+0xc7/0x3f0",
    "\t__slab_alloc.constprop.74+0x3c1/0x3dc": "__slab_alloc.constprop.74+0x3c1/0x3dc",
    " fault_write+0x92/0xb0 [hello]": "fault_write+0x92/0xb0 [hello]",
    " f+0x92/0xb0 [hello 8a2b6ad0c4ff4b1d9f5e6c7d8091a2b3c4d5e6f7]": "f+0x92/0xb0 [hello]",
    " f+0x92/0xb0 8a2b6ad0c4ff4b1d9f5e6c7d8091a2b3c4d5e6f7": "f+0x92/0xb0",
    " f+0x92/0xb0 [hello(OE)]": "f+0x92/0xb0 [hello]",
    " [<ffffffff810fdd4b>] SyS_read+0x16b/0x2d0": "SyS_read+0x16b/0x2d0 @0xffffffff810fdd4b",
    " [<ffffffff810fdd4b>] ? f+0x1/0x2 [m]": "? f+0x1/0x2 [m] @0xffffffff810fdd4b",
    " [<ffffffffa0001123>] 0xffffffffa0001122": "@0xffffffffa0001123",
    " 0xffffffffc0001234": "@0xffffffffc0001234",
    " ? 0xffffffffc0001234": "? @0xffffffffc0001234",
    " el0t_64_sync+0x190/0x194 (P)": "el0t_64_sync+0x190/0x194",
    " kfree+0xcd/0x340 mm/slub.c:4500": "kfree+0xcd/0x340 mm/slub.c:4500",
    " slab_free mm/slub.c:3500 [inline]": "slab_free mm/slub.c:3500 inline",
    "do_mount (fs/namespace.c:3335 (discriminator 2)) xfs": "do_mount [xfs] fs/namespace.c:3335",
    "[<c0010f0c>] (show) from [<c0020a24>] (dump+0x10/0x20 [m])": "dump+0x10/0x20 [m] @0xc0020a24",
    " oom_kill from out_of_memory+0x218/0x34c": "out_of_memory+0x218/0x34c",
    "[c00000007a3ef970] [c00000000022d784] part+0x44/0x560 (unreliable)": (
        "? part+0x44/0x560 @0xc00000000022d784"
    ),
    " _RNvCs1a2b3c_6module4init+0x12/0x40 [rust_demo]": (
        "_RNvCs1a2b3c_6module4init+0x12/0x40 [rust_demo]"
    ),
    "vfs_write+0xc7/0x3f0 and more": None,
    "RIP: 0033:0x47b7a0": None,
    " (null)": None,
    "Code: 48 3d": None,
    "": None,
}


@pytest.mark.parametrize(("text", "expected"), FRAMES.items())
def test_frame(text: str, expected: Optional[str]) -> None:
    assert symbol_text(parse_frame(text, 1, "task")) == expected


def test_code_marks_the_byte_at_rip() -> None:
    assert parse_code(" 31 d2 <f7> f1 c3", 4) == CodeBytes(bytes.fromhex("31d2f7f1c3"), 2, 4)


def test_code_words_of_arm64_are_little_endian() -> None:
    assert parse_code("d503245f (b9001001) ", 4) == CodeBytes(
        bytes.fromhex("5f2403d5011000b9"), 4, 4
    )


def test_code_cut_inside_a_byte_drops_it() -> None:
    assert parse_code(" 31 <f7> f1 c", 4) == CodeBytes(bytes.fromhex("31f7f1"), 1, 4)


def test_code_cut_before_its_mark_is_no_code() -> None:
    assert parse_code(" 31 d2 f7", 4) is None


def test_code_that_the_kernel_could_not_read() -> None:
    assert parse_code("  Bad RIP value.", 4) == "Bad RIP value."


CPU_LINES = {
    "CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1": CpuLine(
        0, 1, None, "init", "", "6.1.0", "#1"
    ),
    "CPU: 1 UID: 1000 PID: 77 Comm: a b c Tainted: G           OE       6.12.48+deb13-amd64 #1 "
    "PREEMPT(lazy)  Debian 6.12.48-1": CpuLine(
        1, 77, 1000, "a b c", "GOE", "6.12.48+deb13-amd64", "#1 PREEMPT(lazy)  Debian 6.12.48-1"
    ),
    "CPU: 0 PID: 3787 Comm: rmmod Tainted: G           OE  ------------   "
    "3.10.0-514.el7.x86_64 #1": (
        CpuLine(0, 3787, None, "rmmod", "GOE", "3.10.0-514.el7.x86_64", "#1")
    ),
    "CPU: 0 PID: 9 Comm: x Kdump: loaded Tainted: P     U  W  OE    --------- -  - 4.18.0-305 #1": (
        CpuLine(0, 9, None, "x", "PUWOE", "4.18.0-305", "#1")
    ),
    "CPU: 3 UID: 0 PID: 8 Comm: sy Not tainted syzkaller #0 PREEMPT(full) ": CpuLine(
        3, 8, 0, "sy", "", "syzkaller", "#0 PREEMPT(full)"
    ),
    "CPU: 3 PID: 8 Comm: Not tainted x Tainted: G W 6.1.0 #1": CpuLine(
        3, 8, None, "Not tainted x", "GW", "6.1.0", "#1"
    ),
    "Pid: 143, comm: modprobe Not tainted 2.6.32-19.el6.x86_64 #1": CpuLine(
        None, 143, None, "modprobe", "", "2.6.32-19.el6.x86_64", "#1"
    ),
    "CPU: 0 PID: 1 Comm: init Tainted: G": CpuLine(0, 1, None, "init", None, None, None),
    "CPU: 0 PID: 1": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CPU_LINES.items())
def test_cpu_line(text: str, expected: Optional[CpuLine]) -> None:
    assert parse_cpu_line(text) == expected


@pytest.mark.parametrize(
    ("field", "letters"),
    [
        ("G           OE", "GOE"),
        ("GF          O--------------", "GFO"),
        ("G           OE    --------- -t -", "GOE"),
        ("PF  R   D  W   L", "PFRDWL"),
    ],
)
def test_taint_letters(field: str, letters: str) -> None:
    assert taint_letters(field) == letters


def test_modules_with_marks() -> None:
    assert parse_modules("hello(OE-) load_me(+) nvidia(PO) ext4 [last unloaded: x(OE)]") == (
        [
            LogModule("hello", "OE", "unloading"),
            LogModule("load_me", "", "loading"),
            LogModule("nvidia", "PO", "live"),
            LogModule("ext4", "", "live"),
        ],
        "x",
    )


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (" bridge stp llc(O)", True),
        (" crc32 [last unloaded: demo]", True),
        ("unloaded: demo]", True),
        ("CPU: 0 PID: 1 Comm: init", False),
        ("Call Trace:", False),
        (" <TASK>", False),
        ("---[ end trace 0000000000000000 ]---", False),
        ("", False),
    ],
)
def test_wrapped_modules(text: str, more: bool) -> None:
    assert continues_modules(text) is more


def test_registers_with_segments() -> None:
    assert arch.of("x86_64").parse_registers(
        "FS:  00007f3581511740(0000) GS:ffff88007fc00000(0000) knlGS:0000000000000000", {}
    ) == {"fs": 0x7F3581511740, "gs": 0xFFFF88007FC00000, "kernel_gs": 0}


def test_registers_rsp_behind_its_segment() -> None:
    assert arch.of("x86_64").parse_registers(
        "RSP: 0018:ffff880035d4fef0  EFLAGS: 00010246", {}
    ) == {
        "rsp": 0xFFFF880035D4FEF0,
        "eflags": 0x10246,
    }


def test_registers_lose_their_zero_padding() -> None:
    assert arch.of("x86_64").parse_registers("RBP: 0000000000000001 R08: 0000000000000002", {}) == {
        "rbp": 1,
        "r8": 2,
    }
