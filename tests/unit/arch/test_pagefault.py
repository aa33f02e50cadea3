# SPDX-License-Identifier: GPL-2.0-or-later
"""Page-fault error codes, with the readings of arch/x86/include/asm/trap_pf.h."""

from __future__ import annotations

import pytest

from crashext.engine.arch.x86.pagefault import access_type, explain_error_code

KERNEL_TEXT = 0xFFFFFFFF81000000


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0x0000, "page not present · read · kernel mode"),
        (0x0002, "page not present · write · kernel mode"),
        (0x0004, "page not present · read · user mode"),
    ],
)
def test_facts_lead_the_meaning(code: int, expected: str) -> None:
    assert explain_error_code(code).meaning.split(":")[0] == expected


@pytest.mark.parametrize(
    ("code", "access"),
    [(0, "read"), (2, "write"), (0x10, "execute"), (0x11, "execute"), (0x12, "execute"),
     (9, "read"), (0xB, "write")],
)  # fmt: skip
def test_access_type(code: int, access: str) -> None:
    assert access_type(code) == access


def test_every_bit_of_a_kernel_write_is_named() -> None:
    bits = [(bit.bit, bit.name, bit.set) for bit in explain_error_code(0x0002).bits]
    assert bits == [
        (0, "PROT", False),
        (1, "WRITE", True),
        (2, "USER", False),
        (4, "INSTR", False),
    ]


def test_rare_bits_are_named_when_set() -> None:
    bits = {bit.name for bit in explain_error_code(0x8000_8069).bits if bit.set}
    assert bits == {"PROT", "RSVD", "PK", "SHSTK", "SGX", "RMP"}


def test_an_undefined_bit_is_not_hidden() -> None:
    bit = explain_error_code(0x100).bits[-1]
    assert (bit.bit, bit.name, bit.set) == (8, "bit 8", True)


@pytest.mark.parametrize(
    ("code", "rip", "address", "words"),
    [
        (0x0002, KERNEL_TEXT, 0, "NULL pointer"),
        (0x0000, KERNEL_TEXT, 0x18, "NULL pointer plus 0x18"),
        (0x0000, KERNEL_TEXT, 0x7F1234567000, "a pointer of a program that was followed directly"),
        (0x0002, KERNEL_TEXT, 0xFFFFC90000046000, "a kernel address where nothing is mapped"),
        (0x0000, KERNEL_TEXT, 0xFFFFFFFFFFFFFFF8, "NULL minus an offset (container_of)"),
        (0x0000, KERNEL_TEXT, 0x2000, "NULL pointer plus 0x2000"),
        (0x0001, KERNEL_TEXT, 0x7F1234567000, "SMAP stopped it"),
        (0x0003, KERNEL_TEXT, 0x7F1234567000, "SMAP, or the page is read-only"),
        (0x0003, KERNEL_TEXT, 0xFFFFFFFF81E00000, "write to read-only memory"),
        (0x0009, KERNEL_TEXT, 0xFFFF888000001000, "page table is corrupted"),
        (0x000B, KERNEL_TEXT, 0xFFFF888000001000, "page table is corrupted"),
        (0x0010, 0, 0, "through a NULL function pointer"),
        (0x0010, 0x40, 0x40, "a call or jump to NULL plus 0x40"),
        (0x0010, 0xFFFFFFFFC1234567, 0xFFFFFFFFC1234567, "RIP is the bad address itself"),
        (0x0010, KERNEL_TEXT, KERNEL_TEXT + 0x1000, "crosses into a page that is not mapped"),
        (0x0011, 0xFFFF888003C40000, 0xFFFF888003C40000, "not executable (NX)"),
        (0x0011, 0x401000, 0x401000, "SMEP stopped it"),
        (0x0021, KERNEL_TEXT, 0xFFFF888000001000, "protection key"),
        (0x0006, KERNEL_TEXT, 0x1000, "user access though RIP is a kernel address"),
        (0x8000_0003, KERNEL_TEXT, 0xFFFF888000001000, "SEV-SNP reverse map"),
    ],
)  # fmt: skip
def test_combinations_are_read_as_a_person_would(
    code: int, rip: int, address: int, words: str
) -> None:
    assert words in explain_error_code(code, rip=rip, address=address).meaning


def test_an_error_pointer_is_not_read_as_null() -> None:
    found = explain_error_code(0, rip=KERNEL_TEXT, address=0x3E, pointer=0xFFFFFFFFFFFFFFFE)
    assert found.meaning.endswith("an error pointer (ERR_PTR) was used as if it were valid")


def test_the_region_of_a_read_only_write_is_given() -> None:
    meaning = explain_error_code(0x3, address=0xFFFFFFFFC0400000, region="hello, .rodata").meaning
    assert meaning.endswith("write to read-only memory: hello, .rodata")


def test_a_negative_code_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        explain_error_code(-1)
