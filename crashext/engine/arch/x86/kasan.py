# SPDX-License-Identifier: GPL-2.0-or-later
"""KASAN's shadow memory: from a shadow address back to the pointer (mm/kasan/report.c)."""

from __future__ import annotations

from typing import Optional

from crashext.engine.arch.x86.addresses import is_canonical

_MASK = (1 << 64) - 1

#: CONFIG_KASAN_SHADOW_OFFSET of x86-64 (arch/x86/Kconfig); the same for 4 and 5 levels.
KASAN_SHADOW_OFFSET_X86 = 0xDFFF_FC00_0000_0000
#: Bytes of memory that one shadow byte speaks for: 1 << KASAN_SHADOW_SCALE_SHIFT.
KASAN_GRANULE = 8


def kasan_pointer(shadow: int, offset: int = KASAN_SHADOW_OFFSET_X86) -> int:
    """The first address that a KASAN shadow address speaks for (kasan_shadow_to_mem())."""
    return ((shadow - offset) & _MASK) << 3 & _MASK


def kasan_shadow(address: int, offset: int = KASAN_SHADOW_OFFSET_X86) -> int:
    """The shadow address of a pointer (kasan_mem_to_shadow())."""
    return ((address >> 3) + offset) & _MASK


def kasan_original(
    fault: int,
    offset: int = KASAN_SHADOW_OFFSET_X86,
    *,
    address_bits: int = 48,
    kasan: bool = False,
) -> Optional[int]:
    """The bad pointer (first of its 8 bytes) behind a fault on KASAN shadow, or None.

    mm/kasan/report.c kasan_non_canonical_hook(): a kernel with KASAN looks at the shadow of a
    pointer first, so a wild pointer faults at its shadow. ``kasan``: the kernel is known to have
    KASAN, then any non-canonical address from the offset on counts. Otherwise only the shadow of
    NULL and of user addresses does, a narrow range that hardly anything else falls into. Shadow of
    kernel memory is mapped and does not fault.
    """
    if fault < offset or is_canonical(fault, address_bits):
        return None
    original = kasan_pointer(fault, offset)
    if not kasan and original >= 1 << (address_bits - 1):
        return None
    return original if kasan_shadow(original, offset) == fault else None
