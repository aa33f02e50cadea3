# SPDX-License-Identifier: GPL-2.0-or-later
"""Text that was made to be slow or big: what is kept is bounded, however much comes."""

from __future__ import annotations

import pytest

from crashext.engine.forms.prefix import strip
from crashext.engine.log import parse
from crashext.engine.log.assemble import MAX_REPORTS, MAX_STREAMS, Assembler
from crashext.engine.log.context import continues_modules, parse_cpu_line
from crashext.engine.log.symbols import parse_frame


def test_callers_that_each_report_are_bounded() -> None:
    assembler = Assembler()
    for number in range(1, 6 * MAX_STREAMS):
        raw = f"[    1.000000][T{number}] kernel BUG at fs/inode.c:{number}!"
        assembler.feed(strip(raw, number))
    assert len(assembler._streams) <= MAX_STREAMS
    assert len(assembler._builders) <= MAX_STREAMS + MAX_REPORTS


def test_a_caller_that_goes_on_is_not_forgotten_in_a_flood() -> None:
    lines = ["[    1.000000][T1] BUG: kernel NULL pointer dereference, address: 0000000000000008"]
    for number in range(2, 2 * MAX_STREAMS):
        lines.append(f"[    1.000000][T{number}] hello")
        if number % 100 == 0:
            lines.append("[    1.000000][T1] #PF: supervisor read access in kernel mode")
    lines.append("[    1.000000][T1] CPU: 1 PID: 77 Comm: lasts Not tainted 6.1.0 #1")
    assert [report.comm for report in parse("\n".join(lines)).reports] == ["lasts"]


@pytest.mark.parametrize("count", [1, 7, 39])
def test_blanks_in_a_frame(count: int) -> None:
    blanks = " " * count
    frame = parse_frame(f"{blanks}[<ffffffff81000000>]{blanks}? f+0x1/0x2 [m]{blanks}", 1, "task")
    assert frame is not None
    assert (frame.name, frame.module, frame.reliable) == ("f", "m", False)


def test_a_version_with_blanks_at_its_end() -> None:
    parsed = parse_cpu_line(
        "CPU: 1 PID: 2 Comm: a b Tainted: G        W  6.1.0 #1 SMP x" + " " * 999
    )
    assert parsed is not None
    assert (parsed.comm, parsed.taint, parsed.version) == ("a b", "GW", "#1 SMP x")


@pytest.mark.parametrize(
    ("text", "goes_on"),
    [
        ("ext4 mbcache(O) jbd2", True),
        (" usb_storage [last unloaded: demo]", True),
        ("unloaded: demo]", True),
        ("[last", True),
        ("CPU: 1 PID: 2", False),
        ("---[ end trace 0 ]---", False),
        ("ext4 [last unloaded: a] b", True),
        ("   ", False),
    ],
)
def test_the_rest_of_a_module_line(text: str, goes_on: bool) -> None:
    assert continues_modules(text) is goes_on
