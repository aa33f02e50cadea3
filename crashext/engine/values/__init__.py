# SPDX-License-Identifier: GPL-2.0-or-later
"""What a 64-bit value is: NULL, an error number, poison, a region of the address map, text.

Nothing here reads memory.
"""

from __future__ import annotations

from crashext.engine.arch.addresses import MMAP_MIN_ADDR, PAGE_SIZE, AddressLayout, Region
from crashext.engine.values.meaning import (
    KASAN_GRANULE,
    Classification,
    SymbolLookup,
    Words,
    ascii_text,
    classify,
    describe,
    err_ptr,
    kasan_original,
    region_of,
)
from crashext.engine.values.patterns import Poison, poison

__all__ = [
    "KASAN_GRANULE",
    "MMAP_MIN_ADDR",
    "PAGE_SIZE",
    "AddressLayout",
    "Classification",
    "Poison",
    "Region",
    "SymbolLookup",
    "Words",
    "ascii_text",
    "classify",
    "describe",
    "err_ptr",
    "kasan_original",
    "poison",
    "region_of",
]
