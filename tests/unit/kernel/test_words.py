# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers of the kernel in words: page-table entries, spinlocks."""

from __future__ import annotations

import pytest

from crashext.kernel.locks import spinlock_text
from crashext.kernel.pagetable import level_text, summary
from crashext.targets.base import PageLevel


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "not locked"),
        (1, "locked"),
        (0x101, "locked, one CPU is next in turn"),
        (3 << 18 | 1, "locked, CPU 2 is the last in its queue"),
    ],
)
def test_a_spinlock_s_value(value: int, text: str) -> None:
    assert spinlock_text(value) == text


TABLE = PageLevel("PGD", 0x2943067, True, True, True, True)
READ_ONLY = PageLevel("PTE", 0x8000000002A3F161, True, False, False, False)
ABSENT = PageLevel("PMD", 0, False)


@pytest.mark.parametrize(
    ("levels", "text"),
    [
        ([TABLE, ABSENT], "no page: the PMD entry is not present"),
        ([TABLE, READ_ONLY], "a page, read-only, not executable"),
        ([TABLE, PageLevel("PMD", 0x1E3, True, True, False, True, True)],
         "a 2 MiB page, writable, executable"),
        ([TABLE, PageLevel("PTE", 7, True, True, True, True)],
         "a page, writable, executable, of user space"),
        # One level that forbids is enough.
        ([PageLevel("PGD", 1, True, False, True, True),
          PageLevel("PTE", 7, True, True, True, True)],
         "a page, read-only, executable, of user space"),
    ],
)  # fmt: skip
def test_the_rights_along_a_walk(levels: list[PageLevel], text: str) -> None:
    assert summary(levels) == text


@pytest.mark.parametrize(
    ("level", "text"),
    [
        (READ_ONLY, "PTE 0x8000000002a3f161: present, read-only, kernel, NX"),
        (ABSENT, "PMD 0x0000000000000000: not present"),
        (TABLE, "PGD 0x0000000002943067: present, writable, user"),
    ],
)
def test_a_level_in_words(level: PageLevel, text: str) -> None:
    assert level_text(level) == text
