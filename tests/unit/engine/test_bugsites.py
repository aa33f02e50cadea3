# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from typing import Optional

import pytest

from crashext.engine.bugsites import lookup
from crashext.engine.kinds import KINDS


@pytest.mark.parametrize(
    ("file", "function", "kind"),
    [
        ("lib/list_debug.c", "__list_add_valid.cold", "list-corruption"),
        ("/build/linux-6.1/lib/list_debug.c", "__list_del_entry_valid", "list-corruption"),
        ("lib/refcount.c", "refcount_warn_saturate", "refcount"),
        ("mm/usercopy.c", "usercopy_abort", "usercopy"),
        ("lib/string_helpers.c", "fortify_panic", "fortify"),
        ("lib/string_helpers.c", "__fortify_report", "fortify"),
        ("lib/string.c", "fortify_panic", "fortify"),
        ("lib/string_helpers.c", "string_escape_mem", None),
        ("mm/slub.c", "__kmem_cache_free", "double-free"),
        ("mm/slub.c", "kfree", "double-free"),
        ("mm/slub.c", "kmem_cache_free.part.0", "double-free"),
        ("mm/slub.c", "__slab_free", "double-free"),
        ("mm/slub.c", "___slab_alloc", "slab-corruption"),
        ("mm/slub.c", None, "slab-corruption"),
        ("drivers/x/mylib/list_debug.c.inc", "f", None),
        ("drivers/xlib/list_debug.c", "f", None),
        ("fs/ext4/inode.c", "ext4_writepages", None),
        (None, "__list_add_valid", None),
    ],
)
def test_sites(file: Optional[str], function: Optional[str], kind: Optional[str]) -> None:
    found = lookup(file, function)
    assert (found.kind if found else None) == kind
    assert kind is None or kind in KINDS
