# SPDX-License-Identifier: GPL-2.0-or-later
"""BUG() and WARN() sites whose place alone tells what was wrong.

``kernel BUG at lib/list_debug.c:33!`` is a list corruption, whichever line it is: the file and the
function say so, in every version. The message before the report says it too, but can be cut off.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from crashext.engine.blame.names import normalise
from crashext.engine.kinds import Kind


class Site(NamedTuple):
    """What a site means: a crash kind and one sentence."""

    kind: Kind
    why: str


_FREEING = re.compile(
    r"(?:__)?(?:kfree\w*|kmem_cache_free\w*|slab_free\w*|__slab_free|do_slab_free|set_freepointer"
    r"|free_to_partial_list|cache_free\w*|kvfree\w*|free_debug_processing|free_large_kmalloc"
    r"|__kmem_cache_free|free_block|___cache_free|unfreeze_partials|put_cpu_partial)$"
)

#: (end of the file's path, function pattern or None, kind, sentence)
_SITES: tuple[tuple[str, Optional[re.Pattern[str]], Kind, str], ...] = (
    ("lib/list_debug.c", None, "list-corruption",
     "the list checks (CONFIG_DEBUG_LIST) found next or prev pointers that do not fit"),
    ("lib/refcount.c", None, "refcount",
     "the reference-count checks found a count saturated, underflowed or raised from zero"),
    ("include/linux/refcount.h", None, "refcount",
     "the reference-count checks found a count saturated, underflowed or raised from zero"),
    ("mm/usercopy.c", None, "usercopy",
     "the hardened user copy found a copy that leaves the object"),
    ("lib/string_helpers.c", re.compile(r"_*fortify_\w+$"), "fortify",
     "FORTIFY_SOURCE found a length larger than the buffer"),
    ("lib/string.c", re.compile(r"_*fortify_\w+$"), "fortify",
     "FORTIFY_SOURCE found a length larger than the buffer"),
    ("mm/slub.c", _FREEING, "double-free",
     "the slab allocator found, while freeing, that the object is on its free list already or is "
     "no slab object"),
    ("mm/slab.c", _FREEING, "double-free",
     "the slab allocator found, while freeing, that the object is free already or is no slab "
     "object"),
    ("mm/slub.c", None, "slab-corruption", "the slab allocator found its own data damaged"),
    ("mm/slab.c", None, "slab-corruption", "the slab allocator found its own data damaged"),
)  # fmt: skip


def lookup(file: Optional[str], function: Optional[str]) -> Optional[Site]:
    """What a BUG() or WARN() at ``file`` in ``function`` means, or None for an ordinary site.

    ``file`` as the report prints it (any leading directories); ``function`` with any suffixes.
    """
    if file is None:
        return None
    name = normalise(function) if function else ""
    for end, pattern, kind, why in _SITES:
        if file != end and not file.endswith("/" + end):
            continue
        if pattern is None or pattern.match(name):
            return Site(kind, why)
    return None
