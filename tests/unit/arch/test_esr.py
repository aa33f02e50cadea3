# SPDX-License-Identifier: GPL-2.0-or-later
"""arm64 ESR values; each was worked out from ESR_EL1's fields (Arm ARM, asm/esr.h)."""

from __future__ import annotations

from typing import Optional

import pytest

from crashext.engine.arch.arm.fsr import access_type as fsr_access_type
from crashext.engine.arch.arm64.esr import access_type, explain_esr, is_permission_fault


@pytest.mark.parametrize(
    ("esr", "address", "meaning"),
    [
        (0x96000004, None, "kernel read · level 0 translation fault: nothing is mapped there"),
        (0x96000005, 0, "kernel read · level 1 translation fault: NULL pointer"),
        (0x96000006, 0x18, "kernel read · level 2 translation fault: NULL pointer plus 0x18"),
        (0x96000044, None, "kernel write · level 0 translation fault: nothing is mapped there"),
        (0x96000047, None, "kernel write · level 3 translation fault: nothing is mapped there"),
        (0x9600004F, None, "kernel write · level 3 permission fault: write to read-only memory"),
        (
            0x9600000F,
            0x0000FFFF12345678,
            "kernel read · level 3 permission fault: the kernel touched user memory outside the "
            "uaccess routines (PAN)",
        ),
        (
            0x96000021,
            None,
            "kernel read · alignment fault: the address is not aligned as the instruction or the "
            "memory type needs it",
        ),
        (
            0x96000010,
            None,
            "kernel read · synchronous external abort: the memory system reported an error: "
            "hardware, or a device that does not answer",
        ),
        (
            0x96000011,
            None,
            "kernel read · synchronous tag check fault: the pointer's tag differs from the "
            "memory's: use after free or out of bounds",
        ),
        (
            0x86000004,
            None,
            "kernel instruction fetch · level 0 translation fault: a call or jump through a bad "
            "function pointer: nothing is mapped there",
        ),
        (
            0x8600000F,
            None,
            "kernel instruction fetch · level 3 permission fault: execution of memory that is not "
            "executable: a bad function pointer",
        ),
        (
            0xF2000800,
            None,
            "EC 0x3c BRK (AArch64): BRK instruction; immediate 0x800, BUG() or WARN()",
        ),
        (
            0xF2000924,
            None,
            "EC 0x3c BRK (AArch64): BRK instruction; immediate 0x924, KASAN (software tags) found "
            "a bad access",
        ),
        (
            0x02000000,
            None,
            "EC 0x00 Unknown/Uncategorized: undefined instruction, or one trapped without a class",
        ),
        (0x92000006, None, "user read · level 2 translation fault: nothing is mapped there"),
        (0xBE000011, None, "EC 0x2f SError: asynchronous external abort: hardware; uncontainable"),
        (0xBE000C11, None, "EC 0x2f SError: asynchronous external abort: hardware; recoverable"),
    ],
)  # fmt: skip
def test_meanings(esr: int, address: Optional[int], meaning: str) -> None:
    assert explain_esr(esr, address=address).meaning == meaning


@pytest.mark.parametrize(
    ("esr", "access"),
    [
        (0x96000004, "read"),
        (0x96000044, "write"),
        (0x96000144, "read"),  # cache maintenance: WnR does not count
        (0x86000004, "execute"),
        (0xF2000800, None),
    ],
)
def test_access(esr: int, access: Optional[str]) -> None:
    assert access_type(esr) == access


def test_bits_of_a_data_abort() -> None:
    bits = [(bit.bit, bit.name, bit.set) for bit in explain_esr(0x96000444).bits]
    assert bits == [(25, "IL", True), (10, "FnV", True), (6, "WnR", True)]


def test_an_unknown_class_is_said_to_be_unknown() -> None:
    assert explain_esr(0x3F << 26).meaning == ("EC 0x3f EC 0x3f: an exception class not known here")


@pytest.mark.parametrize(
    ("esr", "permission"),
    [(0x9600004F, True), (0x8600000F, True), (0x96000044, False), (0xF200000F, False)],
)
def test_permission_faults(esr: int, permission: bool) -> None:
    assert is_permission_fault(esr) is permission


@pytest.mark.parametrize(
    ("fsr", "access"), [(0x817, "write"), (0x17, "read"), (0x80000005, "execute")]
)
def test_fault_status_of_32_bit_arm(fsr: int, access: str) -> None:
    assert fsr_access_type(fsr) == access
