# SPDX-License-Identifier: GPL-2.0-or-later
"""The log's call path, confirmed by the stack of the same dump (see test_registers)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from crashext.engine.arch.ptregs import Stack
from crashext.engine.report import LogFrame, Report
from crashext.targets.crash.path import confirmed, from_exception, from_panic, guessed
from tests.unit.kernel.test_crashed import report, stack

__all__ = ["report", "stack"]

RSP = 0xFFFFD01E8038BD48
SYMBOLS = {
    "__do_sys_delete_module": [0xFFFFFFFF8AF3C860],
    "do_syscall_64": [0xFFFFFFFF8B803EF0],
    "entry_SYSCALL_64_after_hwframe": [0xFFFFFFFF8BA000B8],
    "handle_mm_fault": [0xFFFFFFFF8B0C2730],
}


def resolve(name: str, module: Optional[str]) -> Sequence[int]:
    return SYMBOLS.get(name, [])


def path(frames: Sequence[LogFrame], stack: Stack) -> list[tuple[Optional[str], bool]]:
    return [(f.function, f.reliable) for f in confirmed(frames, [stack], RSP, resolve)]


def test_reliable_frames_lie_on_the_stack_in_order(report: Report, stack: Stack) -> None:
    found = path([f for f in report.frames if f.name in SYMBOLS], stack)
    assert [name for name, reliable in found if reliable] == [
        "__do_sys_delete_module",
        "do_syscall_64",
        "entry_SYSCALL_64_after_hwframe",
    ]


def test_stale_frames_stay_marked(report: Report, stack: Stack) -> None:
    assert ("handle_mm_fault", False) in path(report.frames, stack)


def test_a_frame_that_memory_does_not_have_is_not_reliable(stack: Stack) -> None:
    frame = LogFrame("do_syscall_64", 0x11, 0x82)
    assert path([frame], stack) == [("do_syscall_64", False)]


def test_order_matters(stack: Stack) -> None:
    frames = [LogFrame("do_syscall_64", 0x5D), LogFrame("__do_sys_delete_module", 0x1B9)]
    assert path(frames, stack) == [("do_syscall_64", True), ("__do_sys_delete_module", False)]


def test_words_below_the_stack_pointer_do_not_count(stack: Stack) -> None:
    frames = [LogFrame("__do_sys_delete_module", 0x1B9)]
    behind = confirmed(frames, [stack], stack.end - 64, resolve)
    assert [f.reliable for f in behind] == [False]


def test_path_goes_on_over_another_stack(stack: Stack) -> None:
    irq = Stack("IRQ", 0xFFFFC90000000000, (0xFFFFFFFF8B0C280B).to_bytes(8, "little") * 2)
    frames = [LogFrame("handle_mm_fault", 0xDB), LogFrame("do_syscall_64", 0x5D)]
    found = confirmed(frames, [stack, irq], irq.base, resolve)
    assert [f.reliable for f in found] == [True, True]


def test_the_printing_of_a_panic_is_left_out() -> None:
    frames = [LogFrame("dump_stack_lvl"), LogFrame("panic"), LogFrame("sysrq_handle_crash")]
    assert [f.name for f in from_panic(frames)] == ["panic", "sysrq_handle_crash"]
    assert from_panic(frames[2:]) == frames[2:]


def test_the_exception_itself_is_left_out() -> None:
    # Debian's 5.10: "? exc_page_fault+0x78", "? asm_exc_page_fault+0x1e", "? fault_menu_exit", …
    frames = [
        LogFrame("exc_page_fault", reliable=False),
        LogFrame("asm_exc_page_fault", reliable=False),
        LogFrame("fault_menu_exit", reliable=False),
        LogFrame("fault_trigger"),
        LogFrame("asm_exc_page_fault", reliable=False),
    ]
    assert from_exception(frames) == frames[2:]
    assert from_exception(frames[3:]) == frames[3:]


def test_guesses_are_bounded(stack: Stack) -> None:
    found = guessed(stack, stack.base, lambda address: address >= 0xFFFFFFFF80000000)
    assert 0xFFFFFFFF8AF3CA19 in found
    assert len(found) <= 64
