# SPDX-License-Identifier: GPL-2.0-or-later
"""Why the page allocator calls a page bad."""

from __future__ import annotations

from crashext.engine import pages


def test_only_flags_that_a_freed_page_may_not_have_are_named() -> None:
    said = pages.meaning(
        "PAGE_FLAGS_CHECK_AT_FREE flag(s) set", "referenced|uptodate|lru|active|node=0"
    )
    assert said == "the flags lru, active are set, which no page may have when it is freed"


def test_a_page_that_is_given_out_may_have_none() -> None:
    said = pages.meaning("PAGE_FLAGS_CHECK_AT_PREP flag set", "uptodate")
    assert said == "the flag uptodate is set, which no page may have when it is given out"


def test_reference_count_of_old_and_new_kernels() -> None:
    words = "someone still holds a reference to it, or gave one back too often"
    assert pages.meaning("nonzero _count", "") == words
    assert pages.meaning("nonzero _refcount", "") == words


def test_unknown_reason_is_not_explained() -> None:
    assert pages.meaning("of something new", "lru") is None
