# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from crashext.engine.arch.x86.traps import (
    TRAPS,
    explain_selector_error,
    explain_trap_error,
    trap_by_die_string,
    trap_by_mnemonic,
    trap_by_number,
)


@pytest.mark.parametrize(
    ("header", "mnemonic"),
    [
        ("Oops: 0002 [#1] SMP", "#PF"),
        ("Oops: Oops: 0002 [#1] SMP NOPTI", "#PF"),
        ("divide error: 0000 [#1] PREEMPT SMP NOPTI", "#DE"),
        ("Oops: divide error: 0000 [#1] PREEMPT SMP NOPTI", "#DE"),
        ("invalid opcode: 0000 [#1] SMP", "#UD"),
        ("general protection fault: 0000 [#1] SMP", "#GP"),
        ("general protection fault, probably for non-canonical address 0xdead0: 0000", "#GP"),
        ("segment-related general protection fault: 0018 [#1]", "#GP"),
        ("Oops: general protection fault, maybe for address 0x10: 0000 [#1]", "#GP"),
        ("int3: 0000 [#1] SMP", "#BP"),
        ("stack segment: 0000 [#1] SMP", "#SS"),
        ("double fault: 0000 [#1] SMP", "#DF"),
        ("stack guard page: 0000 [#1] PREEMPT SMP", "#DF"),
        ("Missing ENDBR: foo+0x0/0x10", "#CP"),
        ("alignment check: 0000 [#1]", "#AC"),
        ("Split lock detected", "#AC"),
        ("simd exception: 0000 [#1]", "#XF"),
        ("VE fault: 0000 [#1]", "#VE"),
    ],
)
def test_die_strings(header: str, mnemonic: str) -> None:
    trap = trap_by_die_string(header)
    assert trap is not None
    assert trap.mnemonic == mnemonic


@pytest.mark.parametrize("text", ["", "hello", "WARNING: CPU: 0", "oopsy", "divided"])
def test_other_text_is_no_trap(text: str) -> None:
    assert trap_by_die_string(text) is None


@pytest.mark.parametrize("number", [15, 22, 28, 30, 31, 255])
def test_reserved_vectors_have_no_trap(number: int) -> None:
    assert trap_by_number(number) is None


def test_numbers_and_mnemonics_are_unique() -> None:
    assert len({trap.number for trap in TRAPS}) == len(TRAPS)
    assert len({trap.mnemonic for trap in TRAPS}) == len(TRAPS)


@pytest.mark.parametrize("name", ["#GP", "gp", " #gp ", "GP"])
def test_mnemonics_as_typed(name: str) -> None:
    assert trap_by_mnemonic(name) == trap_by_number(13)


def test_traps_with_error_code() -> None:
    """Intel SDM volume 3, table 6-1 (and #VC: AMD APM volume 2, 15.35.5)."""
    numbers = {trap.number for trap in TRAPS if trap.has_error_code and trap.number < 32}
    assert numbers == {8, 10, 11, 12, 13, 14, 17, 21, 29}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x0000, "no selector is involved"),
        (0x0018, "descriptor 3 of the GDT (selector 0x0018)"),
        (0x0014, "descriptor 2 of the LDT (selector 0x0014)"),
        (0x0073, "gate 0xe of the IDT (#PF, page fault), while the processor delivered"),
        (0x0402, "gate 0x80 of the IDT"),
    ],
)
def test_selector_codes(code: int, words: str) -> None:
    assert words in explain_selector_error(code).meaning


def test_selector_bits() -> None:
    bits = [(bit.name, bit.set) for bit in explain_selector_error(0x0015).bits]
    assert bits == [("EXT", True), ("IDT", False), ("TI", True)]


@pytest.mark.parametrize(
    ("mnemonic", "code", "meaning"),
    [
        ("#GP", 0, "no selector is involved: mostly an address that is not canonical"),
        ("#DF", 0, "always 0: a double fault says nothing of its cause"),
        ("#CP", 3, "endbranch: an indirect call or jump to a place without endbr64"),
        ("#CP", 1, "near return: the return address differs from the shadow stack"),
        ("#CP", 9, "violation 9, not known here"),
        ("#GP", 0x18, "the fault concerns descriptor 3 of the GDT (selector 0x0018)"),
    ],
)
def test_codes_mean_what_their_trap_makes_of_them(mnemonic: str, code: int, meaning: str) -> None:
    assert explain_trap_error(mnemonic, code).meaning == meaning
