# SPDX-License-Identifier: GPL-2.0-or-later
"""The walk over page tables that a test lays out in a dictionary of physical memory."""

from __future__ import annotations

import pytest

from crashext.kernel import pagetable
from crashext.kernel.pagetable import NX, PRESENT, USER, WRITE

ROOT = 0x1000
ADDRESS = 0xFFFF_8880_1234_5678


def tables(levels: list[tuple[str, int]], entries: list[int]) -> dict[int, int]:
    """Physical address of an entry → entry; table n lies at 0x1000 * (n + 1)."""
    memory = {}
    for number, ((_, shift), entry) in enumerate(zip(levels, entries)):
        memory[0x1000 * (number + 1) + 8 * (ADDRESS >> shift & 511)] = entry
    return memory


def walk(entries: list[int], levels: int = 4) -> list[tuple[str, bool]]:
    layout = list(pagetable.LEVELS_4 if levels == 4 else pagetable.LEVELS_5)
    memory = tables(layout, entries)
    found = pagetable.walk_tables(memory.__getitem__, ROOT, ADDRESS, levels)
    return [(level.level, level.present) for level in found]


def test_a_mapped_page_has_four_levels() -> None:
    entries = [0x2000 | PRESENT, 0x3000 | PRESENT, 0x4000 | PRESENT, 0x9000 | PRESENT]
    assert walk(entries) == [("PGD", True), ("PUD", True), ("PMD", True), ("PTE", True)]


def test_with_five_levels_the_p4d_comes_second() -> None:
    entries = [0x2000 | PRESENT, 0x3000 | PRESENT, 0x4000 | PRESENT, 0x5000 | PRESENT, PRESENT]
    assert [name for name, _ in walk(entries, 5)] == ["PGD", "P4D", "PUD", "PMD", "PTE"]


def test_the_walk_ends_at_the_entry_that_is_not_present() -> None:
    assert walk([0x2000 | PRESENT, 0x3000]) == [("PGD", True), ("PUD", False)]


def test_a_large_page_ends_the_walk() -> None:
    entries = [0x2000 | PRESENT, 0x3000 | PRESENT, 0x200000 | PRESENT | pagetable.LARGE]
    memory = tables(list(pagetable.LEVELS_4), entries)
    found = pagetable.walk_tables(memory.__getitem__, ROOT, ADDRESS, 4)
    assert [(level.level, level.large) for level in found] == [
        ("PGD", False),
        ("PUD", False),
        ("PMD", True),
    ]


@pytest.mark.parametrize(
    ("bits", "writable", "user", "executable"),
    [
        (PRESENT, False, False, True),
        (PRESENT | WRITE, True, False, True),
        (PRESENT | USER, False, True, True),
        (PRESENT | NX, False, False, False),
    ],
)
def test_the_rights_of_an_entry(bits: int, writable: bool, user: bool, executable: bool) -> None:
    memory = tables(list(pagetable.LEVELS_4), [bits])
    first = pagetable.walk_tables(lambda where: memory.get(where, 0), ROOT, ADDRESS, 4)[0]
    assert (first.writable, first.user, first.executable) == (writable, user, executable)


def test_a_page_that_is_not_present_has_no_rights() -> None:
    memory = tables(list(pagetable.LEVELS_4), [WRITE | USER])
    (level,) = pagetable.walk_tables(memory.__getitem__, ROOT, ADDRESS, 4)
    assert (level.writable, level.user, level.executable) == (None, None, None)


def test_the_encryption_bit_is_no_part_of_the_address() -> None:
    sme = 1 << 47
    memory = tables(list(pagetable.LEVELS_4), [0x2000 | PRESENT | sme, 0])
    found = pagetable.walk_tables(memory.__getitem__, ROOT, ADDRESS, 4, sme)
    assert [level.level for level in found] == ["PGD", "PUD"]


@pytest.mark.parametrize(
    ("address", "levels", "canonical"),
    [
        (0, 4, True),
        (0x0000_7FFF_FFFF_FFFF, 4, True),
        (0x0000_8000_0000_0000, 4, False),
        (0xFFFF_8000_0000_0000, 4, True),
        (0xDEAD_0000_0000_0100, 4, False),
        (0x0000_8000_0000_0000, 5, True),
        (0x0100_0000_0000_0000, 5, False),
    ],
)
def test_canonical_addresses(address: int, levels: int, canonical: bool) -> None:
    assert pagetable.is_canonical(address, levels) is canonical
