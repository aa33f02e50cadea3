# SPDX-License-Identifier: GPL-2.0-or-later
"""The printed page walk against the error code."""

from __future__ import annotations

import pytest

from crashext.engine.arch.x86 import pagewalk

# A kernel text page at PMD level: present, accessed, large, global; no WRITABLE bit, no NX.
TEXT = "PGD 50a20e067 P4D 50a20e067 PUD 50a20f063 PMD 50b4000e1"
# A 4 KiB data page of the direct map: present, writable, NX.
DATA = "PGD 3a01067 P4D 3a01067 PUD 17fdf8067 PMD 17fd85063 PTE 8000000004567163"
GONE = "PGD 2a8f067 P4D 2a8f067 PUD 2a90067 PMD 0"


def walk(text: str) -> pagewalk.Walk:
    found = pagewalk.parse(text)
    assert found is not None
    return found


def test_every_level_is_read() -> None:
    assert walk(DATA).entries == (
        ("PGD", 0x3A01067), ("P4D", 0x3A01067), ("PUD", 0x17FDF8067), ("PMD", 0x17FD85063),
        ("PTE", 0x8000000004567163),
    )  # fmt: skip


def test_i386_prints_other_names() -> None:
    assert walk("*pdpt = 0000000033a49001 *pde = 0000000000000000").entries == (
        ("PUD", 0x33A49001), ("PMD", 0),
    )  # fmt: skip


def test_a_bad_table_ends_the_walk() -> None:
    assert walk("PGD 2a8f067 P4D 2a8f067 PUD BAD").entries == (
        ("PGD", 0x2A8F067),
        ("P4D", 0x2A8F067),
    )


@pytest.mark.parametrize("text", ["", "PGDAT 123", "Call Trace:", "PTE_MARKER uffd"])
def test_other_lines_hold_no_walk(text: str) -> None:
    assert pagewalk.parse(text) is None


def test_the_leaf_of_a_large_page() -> None:
    assert walk(TEXT).leaf == ("PMD", 0x50B4000E1)
    assert walk(TEXT).text() == "PMD 50b4000e1: present, large page, read-only, executable, kernel"


def test_the_missing_level() -> None:
    assert walk(GONE).missing == "PMD"
    assert walk(GONE).leaf is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GONE, 0x0000),  # not present, and none is
        (GONE, 0x0010),
        (DATA, 0x0011),  # NX, and the entry has it
        (TEXT, 0x0003),  # a write to read-only text
        ("PGD 2a8f067 P4D 2a8f067 PUD 2a90067 PMD 2a91067", 0x0000),  # cut before the PTE
        # SMAP: a user page that is writable, read and written by the kernel
        ("PGD 800000010a067 P4D 800000010a067 PUD 10b067 PMD 10c067 PTE 800000010d867", 0x0003),
        (DATA, 0x0009),  # reserved bit: what is reserved depends on the processor
    ],
)
def test_what_agrees(text: str, code: int) -> None:
    assert pagewalk.contradiction(walk(text), code) is None


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (TEXT, 0x0010, "no page was present, the walk shows one"),
        (DATA, 0x0002, "no page was present, the walk shows one"),
        (GONE, 0x0003, "the walk shows none (PMD 0: not present)"),
        (DATA, 0x0003, "refused the write, the walk shows a page that allows it"),
        (TEXT, 0x0011, "refused the instruction fetch, the walk shows a page that allows it"),
        (DATA, 0x0001, "refused the read, the walk shows a page that allows it"),
    ],
)
def test_what_contradicts(text: str, code: int, said: str) -> None:
    assert said in (pagewalk.contradiction(walk(text), code) or "")


def test_a_user_page_may_be_read_without_smap() -> None:
    user = walk("PGD 10a067 P4D 10a067 PUD 10b067 PMD 10c067 PTE 800000010d867")
    assert pagewalk.contradiction(user, 0x0001, {"cr4": 0x2006F0}) is None
    assert pagewalk.contradiction(user, 0x0001, {"cr4": 0x6F0}) is not None
    assert pagewalk.contradiction(user, 0x0001) is None
