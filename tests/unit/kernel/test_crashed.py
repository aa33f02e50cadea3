# SPDX-License-Identifier: GPL-2.0-or-later
"""The registers of a real crash, found in the bytes of its stack.

The stack is the top 2 KiB of rmmod's, from a dump of Debian's kernel 6.1.0-56-cloud-amd64 whose
module wrote through a NULL pointer on unload; the log is from the same dump.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crashext.engine import log
from crashext.engine.arch import of
from crashext.engine.arch.ptregs import Stack
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel.crashed import find_frame
from crashext.targets.crash.registers import parse_saved_registers

DATA = Path(__file__).resolve().parents[2] / "data" / "crash"
BASE = 0xFFFFD01E8038B800
PT_REGS = 0xFFFFD01E8038BC98
X86 = of("x86_64")
ENTRIES = [
    (0xFFFFFFFF8BA00B20, 0xFFFFFFFF8BA00B47, "asm_exc_general_protection"),
    (0xFFFFFFFF8BA00BE0, 0xFFFFFFFF8BA00C07, "asm_exc_page_fault"),
]


@pytest.fixture(scope="module")
def report() -> Report:
    summary = log.parse((DATA / "log-null-write-unload.txt").read_text())
    assert summary.crash is not None
    return summary.reports[summary.crash]


@pytest.fixture(scope="module")
def stack() -> Stack:
    return Stack("task", BASE, (DATA / "stack-null-write-unload.bin").read_bytes())


def test_by_the_log(stack: Stack, report: Report) -> None:
    frame = find_frame([stack], ENTRIES, report, X86)
    assert (frame.address, frame.stack, frame.trap) == (PT_REGS, "task", "#PF")
    assert frame.registers["rip"] == 0xFFFFFFFFC03080DD
    assert frame.registers["rsp"] == 0xFFFFD01E8038BD48
    assert frame.registers["cs"] == 0x10
    assert frame.registers["orig_rax"] == 0xFFFFFFFFFFFFFFFF
    assert frame.error_code is None
    assert "17 of 17 registers as in the log" in frame.how


def test_without_a_log(stack: Stack) -> None:
    frame = find_frame([stack], ENTRIES, None, X86)
    assert (frame.address, frame.trap) == (PT_REGS, "#PF")
    assert "above a return address into asm_exc_page_fault" in frame.how


def test_another_stack_is_searched_too(stack: Stack, report: Report) -> None:
    empty = Stack("IRQ", 0xFFFFC90000000000, bytes(4096))
    frame = find_frame([empty, stack], ENTRIES, report, X86)
    assert frame.stack == "task"


def test_stack_of_another_crash_has_none(stack: Stack, report: Report) -> None:
    other = replace(report, registers={**report.registers, "rsp": 0xFFFFC90000001000})
    with pytest.raises(Unknown, match="no pt_regs of an exception"):
        find_frame([stack], ENTRIES, other, X86)


def test_cut_stack(stack: Stack, report: Report) -> None:
    cut = Stack("task", stack.base, stack.data[: PT_REGS - BASE + 80])
    with pytest.raises(Unknown):
        find_frame([cut], ENTRIES, report, X86)


def test_saved_registers_of_each_cpu() -> None:
    saved = parse_saved_registers((DATA / "help-r.txt").read_text())
    assert sorted(saved) == [0, 1]
    assert saved[1]["rip"] == 0xFFFFFFFF8AE3D023
    assert saved[1]["eflags"] == 0x93
    assert saved[1]["cs"] == 0x10
    assert saved[0]["r15"] == 0


@pytest.mark.parametrize("text", ["", "help: no registers\n", "CPU 0: [OFFLINE]\n\nCPU 1:\n"])
def test_no_saved_registers(text: str) -> None:
    assert parse_saved_registers(text) == {}
