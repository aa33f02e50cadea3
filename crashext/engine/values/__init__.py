# SPDX-License-Identifier: GPL-2.0-or-later
"""What a 64-bit value is: NULL, an error number, poison, a region of the address map, text.

Nothing here reads memory.
"""

from __future__ import annotations

from crashext.engine.values.kasan import (
    KASAN_GRANULE,
    KASAN_SHADOW_OFFSET_X86,
    kasan_original,
    kasan_pointer,
    kasan_shadow,
)
from crashext.engine.values.layout import AddressLayout, Region, is_canonical, region_of
from crashext.engine.values.meaning import (
    MMAP_MIN_ADDR,
    PAGE_SIZE,
    Classification,
    SymbolLookup,
    ascii_text,
    classify,
    describe,
    err_ptr,
)
from crashext.engine.values.patterns import Poison, poison

__all__ = [
    "KASAN_GRANULE",
    "KASAN_SHADOW_OFFSET_X86",
    "MMAP_MIN_ADDR",
    "PAGE_SIZE",
    "AddressLayout",
    "Classification",
    "Poison",
    "Region",
    "SymbolLookup",
    "ascii_text",
    "classify",
    "describe",
    "err_ptr",
    "is_canonical",
    "kasan_original",
    "kasan_pointer",
    "kasan_shadow",
    "poison",
    "region_of",
]
