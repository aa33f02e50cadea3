# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with a page that the page allocator calls bad (mm/page_alloc.c: bad_page())."""

from __future__ import annotations

import re
from typing import Optional

from crashext.engine.lazy import Lazy

#: include/linux/page-flags.h: PAGE_FLAGS_CHECK_AT_FREE, all versions together.
_NEVER_WHEN_FREED = frozenset({
    "lru", "locked", "private", "private_2", "writeback", "reserved", "slab", "swapcache", "active",
    "unevictable", "mlocked", "compound_lock",
})  # fmt: skip

#: Reasons as page_bad_reason(), free_tail_page_prepare() and check_new_page() print them.
_REASONS: tuple[tuple[Lazy[str], str], ...] = (
    (Lazy(r"nonzero (?:entire_|large_|compound_|nr_pages_)?mapcount"), "it is still mapped"),
    (Lazy(r"non-NULL mapping"), "it still belongs to a file or to anonymous memory"),
    (
        Lazy(r"nonzero _?(?:ref)?count"),
        "someone still holds a reference to it, or gave one back too often",
    ),
    (Lazy(r"page still charged to cgroup"), "it is still charged to a control group"),
    (Lazy(r"page_pool leak"), "it still belongs to a network driver's page pool"),
    (Lazy(r"HWPoisoned"), "the hardware reported the page as faulty"),
    (
        Lazy(r"corrupted mapping in tail page|compound_head not consistent"),
        "the parts of a compound page do not fit together",
    ),
)


def meaning(reason: str, flags: str) -> Optional[str]:
    """What "page dumped because: ``reason``" says; ``flags`` as printed ("lru|active"), or "".

    None for a reason that is not known.
    """
    if "PAGE_FLAGS_CHECK_AT" in reason:
        names = [name for name in flags.split("|") if re.fullmatch(r"\w{1,40}", name)]
        if "AT_FREE" in reason:
            names = [name for name in names if name in _NEVER_WHEN_FREED]
        when = "freed" if "AT_FREE" in reason else "given out"
        if not names:
            return f"a flag is set that no page may have when it is {when}"
        listed = ", ".join(names)
        set_ones = f"the flags {listed} are" if len(names) > 1 else f"the flag {listed} is"
        return f"{set_ones} set, which no page may have when it is {when}"
    return next((words for expression, words in _REASONS if expression.search(reason)), None)
