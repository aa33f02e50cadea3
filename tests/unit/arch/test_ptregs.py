# SPDX-License-Identifier: GPL-2.0-or-later
"""pt_regs are found in stacks that were taken, whole, from real vmcores (kernel 6.1, x86-64)."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from crashext.engine import arch
from crashext.engine.arch import ptregs
from crashext.engine.arch.ptregs import Stack

X86 = arch.of("x86_64")
ARM64 = arch.of("arm64")
STACKS = Path(__file__).parents[2] / "data" / "stacks"

PAGE_FAULT = (0xFFFFFFFF8BA00BE0, 0xFFFFFFFF8BA00C07, "asm_exc_page_fault")
DOUBLE_FAULT = (0xFFFFFFFF90C00CD0, 0xFFFFFFFF90C00CF4, "asm_exc_double_fault")

#: name → (stack, base, the pt_regs, RIP, RSP, the entry that saved them)
CASES = {
    "null-write-unload": (
        "task", 0xFFFFD01E80388000, 0xFFFFD01E8038BC98, 0xFFFFFFFFC03080DD, 0xFFFFD01E8038BD48,
        PAGE_FAULT,
    ),
    "stack-overflow": (
        "#DF", 0xFFFFFE0000009000, 0xFFFFFE000000AF58, 0xFFFFFFFFC028019C, 0xFFFFCF5A0000FF58,
        DOUBLE_FAULT,
    ),
    "timer-null": (
        "IRQ", 0xFFFFCA24C0000000, 0xFFFFCA24C0003DF8, 0xFFFFFFFFC0367065, 0xFFFFCA24C0003EA8,
        PAGE_FAULT,
    ),
}  # fmt: skip


def stack(name: str) -> Stack:
    data = gzip.decompress((STACKS / f"{name}.bin.gz").read_bytes())
    return Stack(CASES[name][0], CASES[name][1], data)


@pytest.mark.parametrize("name", CASES)
def test_the_log_s_rsp_finds_the_registers(name: str) -> None:
    where, _, address, rip, rsp, _ = CASES[name]
    found = ptregs.find_logged(stack(name), {"rsp": rsp}, X86)
    assert [(m.address, m.registers["rip"], m.stack) for m in found] == [(address, rip, where)]


@pytest.mark.parametrize("name", CASES)
def test_the_entry_s_return_address_finds_the_registers_without_a_log(name: str) -> None:
    _, _, address, rip, _, entry = CASES[name]
    match, symbol = ptregs.find_entries(stack(name), [entry], X86)[0]
    assert (match.address, match.registers["rip"], symbol) == (address, rip, entry[2])


def test_registers_that_agree_with_the_log_are_counted() -> None:
    logged = {"rsp": 0xFFFFD01E8038BD48, "rax": 0x26, "rbp": 0x880, "rdx": 1, "fs": 0x334EF3C0}
    (match,) = ptregs.find_logged(stack("null-write-unload"), logged, X86)
    assert (match.agreeing, match.compared) == (3, 4)  # rsp, rax, rbp; not rdx; fs is no pt_regs


def test_a_rip_that_the_log_gives_must_agree() -> None:
    logged = {"rsp": 0xFFFFD01E8038BD48, "rip": 0xFFFFFFFFC03080DE}
    assert ptregs.find_logged(stack("null-write-unload"), logged, X86) == []


def test_registers_of_another_moment_with_the_same_rsp_are_not_taken() -> None:
    logged = {"rsp": 0xFFFFD01E8038BD48, "rax": 1, "rbp": 2, "rdx": 3}
    assert ptregs.find_logged(stack("null-write-unload"), logged, X86) == []


def test_of_two_copies_the_outer_one_comes_first() -> None:
    """kdump copies pt_regs to a deeper place of the same stack."""
    registers = {"rip": 0xFFFFFFFF81000010, "cs": 0x10, "eflags": 0x246, "rsp": 0x1000, "ss": 0x18}
    one = ptregs.pack(registers, X86)
    area = Stack("task", 0x8000, one + bytes(64) + one)
    found = ptregs.find_logged(area, {"rsp": 0x1000}, X86)
    assert [match.address for match in found] == [0x8000 + len(one) + 64, 0x8000]


@pytest.mark.parametrize(
    "registers",
    [
        {"cs": 0x33, "eflags": 0x246},  # user mode
        {"cs": 0x10, "eflags": 0x244},  # bit 1 of EFLAGS is always set
        {"cs": 0x10, "eflags": 1 << 22 | 2},  # reserved bits
    ],
)
def test_what_cannot_be_kernel_registers_is_refused(registers: dict[str, int]) -> None:
    words = struct.unpack("<21Q", ptregs.pack(registers, X86))
    assert not X86.is_pt_regs(words, 0)


def test_fred_keeps_more_above_the_selector() -> None:
    words = struct.unpack("<21Q", ptregs.pack({"cs": 0x0003_0000_0010, "eflags": 2}, X86))
    assert X86.is_pt_regs(words, 0)


def test_registers_cut_by_the_end_of_the_stack_are_not_read() -> None:
    area = Stack("task", 0, ptregs.pack({"cs": 0x10, "eflags": 2}, X86)[:-8])
    assert ptregs.find_logged(area, {"rsp": 0}, X86) == []


def test_pack_and_read_back() -> None:
    registers = {name: number for number, name in enumerate(X86.registers.pt_regs)}
    words = struct.unpack("<21Q", ptregs.pack(registers, X86))
    assert ptregs.registers_at(words, 0, X86) == registers


def test_the_word_below_pt_regs_is_the_handler_s_return_address() -> None:
    word = ptregs.entry_of(stack("timer-null"), 0xFFFFCA24C0003DF8)
    assert word is not None
    assert PAGE_FAULT[0] < word <= PAGE_FAULT[1]


def test_a_stack_without_an_exception_gives_nothing() -> None:
    assert ptregs.find_entries(Stack("task", 0, bytes(16384)), [PAGE_FAULT], X86) == []


def arm64_registers() -> dict[str, int]:
    registers = {name: 0x1000 + number for number, name in enumerate(ARM64.registers.pt_regs)}
    registers.update(sp=0xFFFF80000824BB50, pc=0xFFFFADBDB8EFD488)
    return registers


def test_arm64_registers_are_found_by_the_log_s_sp() -> None:
    registers = arm64_registers()
    area = Stack("task", 0x8000, bytes(64) + ptregs.pack(registers, ARM64) + bytes(64))
    logged = {"sp": registers["sp"], "x0": registers["x0"], "x29": registers["x29"]}
    (match,) = ptregs.find_logged(area, logged, ARM64)
    assert (match.address, match.registers) == (0x8040, registers)


def test_arm64_registers_of_another_moment_are_not_taken() -> None:
    area = Stack("task", 0x8000, ptregs.pack(arm64_registers(), ARM64))
    logged = {"sp": 0xFFFF80000824BB50, "x0": 1, "x1": 2}
    assert ptregs.find_logged(area, logged, ARM64) == []
