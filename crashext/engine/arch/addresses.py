# SPDX-License-Identifier: GPL-2.0-or-later
"""Address maps: what every architecture's has in common. Each folder knows its own regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional

from crashext.engine.arch.names import Machine

MASK = (1 << 64) - 1
PAGE_SIZE = 4096
#: Name of the region that no pointer can lie in.
NON_CANONICAL = "non-canonical"
#: Below this nothing is mapped for ordinary programs (vm.mmap_min_addr, default 65536): a kernel
#: pointer down here is NULL plus an offset.
MMAP_MIN_ADDR = 0x10000


@dataclass(frozen=True)
class AddressLayout:
    """Where one kernel's regions are. None means unknown.

    ``page_offset``, ``vmalloc`` and ``vmemmap`` are page_offset_base, vmalloc_base and
    vmemmap_base of an x86-64 kernel, which KASLR moves. ``Architecture.layout()`` makes one.
    """

    machine: Machine = "x86_64"
    #: Bits of a pointer.
    pointer_bits: int = 64
    #: Significant bits of a virtual address where that is known: 48, or 57 with 5-level paging.
    address_bits: int = 48
    page_offset: Optional[int] = None
    vmalloc: Optional[int] = None
    vmemmap: Optional[int] = None
    modules_start: Optional[int] = None
    modules_end: Optional[int] = None
    #: For a guess where the bases are unknown: an address of per-CPU data (it lies in the direct
    #: map) and the stack pointer (stacks lie in vmalloc since 4.9).
    per_cpu: Optional[int] = None
    stack: Optional[int] = None
    #: Stacks are known to lie in the direct map: no CONFIG_VMAP_STACK (before 4.9 never).
    stack_is_direct: bool = False
    #: CONFIG_KASAN_SHADOW_OFFSET, when the kernel has KASAN (generic).
    kasan_shadow_offset: Optional[int] = None


class Region(NamedTuple):
    """A part of the address map. ``certain`` is false where a border could lie elsewhere."""

    name: str  # "direct map", "vmalloc", "user", "non-canonical", …
    start: int
    end: int  # inclusive
    certain: bool = True


def half(value: int, user_end: int, kernel_start: int, bits: int = 64) -> Region:
    """The half of the map that holds an address, where no more is known of it.

    ``user_end`` (exclusive) and ``kernel_start`` are the widest that the architecture can be
    configured to; what lies between is no pointer.
    """
    last = (1 << bits) - 1
    if value > last:
        return Region(NON_CANONICAL, last + 1, MASK)
    if value < user_end:
        return Region("user", 0, user_end - 1)
    if value >= kernel_start:
        return Region("kernel memory", kernel_start, last)
    return Region(NON_CANONICAL, user_end, kernel_start - 1)


def near_null(address: int) -> bool:
    """A constant address that is NULL plus or minus a member's offset."""
    address &= MASK
    return address < MMAP_MIN_ADDR or address >= (1 << 64) - PAGE_SIZE
