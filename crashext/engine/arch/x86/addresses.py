# SPDX-License-Identifier: GPL-2.0-or-later
"""The x86-64 address map: which region an address lies in.

Documentation/arch/x86/x86_64/mm.rst, arch/x86/include/asm/page_64_types.h. KASLR moves the direct
map, vmalloc and vmemmap; what is said of them without knowing their bases is marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Callable, Optional

from crashext.engine.arch.addresses import MASK as _MASK
from crashext.engine.arch.addresses import NON_CANONICAL, AddressLayout, Region
from crashext.engine.arch.x86 import paging

#: Reads a variable of the kernel by name and size in bytes; None when it cannot be had.
Variable = Callable[[str, int], Optional[int]]


def layout_of(variable: Variable) -> AddressLayout:
    """The map of the kernel that ``variable`` reads.

    The bases are variables where KASLR of memory is built in (arch/x86/mm/kaslr.c).
    """
    return AddressLayout(
        address_bits=57 if variable("__pgtable_l5_enabled", 4) else 48,
        page_offset=variable("page_offset_base", 8),
        vmalloc=variable("vmalloc_base", 8),
        vmemmap=variable("vmemmap_base", 8),
    )


def fixed(*, five_level: bool = False, old: bool = False) -> AddressLayout:
    """The map without KASLR. ``old``: before 4.20 the direct map began at ffff8800…

    (commit d52888aa2753 "x86/mm: Move LDT remap out of KASLR region on 5-level paging").
    """
    if five_level:
        return AddressLayout(
            address_bits=57,
            page_offset=0xFF10_0000_0000_0000 if old else 0xFF11_0000_0000_0000,
            vmalloc=0xFFA0_0000_0000_0000,
            vmemmap=0xFFD4_0000_0000_0000,
        )
    return AddressLayout(
        page_offset=0xFFFF_8800_0000_0000 if old else 0xFFFF_8880_0000_0000,
        vmalloc=0xFFFF_C900_0000_0000,
        vmemmap=0xFFFF_EA00_0000_0000,
    )


def with_registers(layout: AddressLayout, registers: Mapping[str, int]) -> AddressLayout:
    """The same, with what the registers of a report suggest: ``rsp``, ``gs`` or ``gs_base``."""
    per_cpu = registers.get("gs_base", registers.get("gs"))
    return replace(
        layout,
        address_bits=57 if paging.is_five_level(registers) else layout.address_bits,
        per_cpu=per_cpu if per_cpu is not None and per_cpu >> 63 else layout.per_cpu,
        stack=registers.get("rsp", layout.stack),
    )


def five_level(layout: AddressLayout) -> bool:
    """Whether the kernel has 5-level page tables."""
    return layout.address_bits == 57


def is_canonical(value: int, address_bits: int = 48) -> bool:
    """Whether bits 63 … address_bits-1 are all equal: else an access raises #GP, not #PF."""
    top = value >> (address_bits - 1)
    return top == 0 or top == (1 << (65 - address_bits)) - 1


def _kernel_regions(layout: AddressLayout) -> list[Region]:
    """The upper half, highest first; gaps stay out."""
    tail = [
        Region("error numbers (ERR_PTR)", 0xFFFF_FFFF_FFFF_F001, _MASK),
        Region("unused hole at the top", 0xFFFF_FFFF_FFE0_0000, 0xFFFF_FFFF_FFFF_F000),
        Region("vsyscall", 0xFFFF_FFFF_FF60_0000, 0xFFFF_FFFF_FF60_0FFF),
        Region("fixmap", 0xFFFF_FFFF_FF00_0000, 0xFFFF_FFFF_FFDF_FFFF),
    ]
    modules_end = layout.modules_end or 0xFFFF_FFFF_FEFF_FFFF
    if layout.modules_start:
        tail.append(Region("modules", layout.modules_start, modules_end))
        tail.append(Region("kernel text mapping", 0xFFFF_FFFF_8000_0000, layout.modules_start - 1))
    else:
        # MODULES_VADDR: ffffffffa0000000 with a 512 MB kernel image, ffffffffc0000000 with the
        # 1 GB that CONFIG_RANDOMIZE_BASE gives it (arch/x86/include/asm/page_64_types.h).
        tail.append(Region("modules", 0xFFFF_FFFF_C000_0000, modules_end))
        tail.append(
            Region(
                "modules (or kernel text mapping, when KASLR is built in)",
                0xFFFF_FFFF_A000_0000,
                0xFFFF_FFFF_BFFF_FFFF,
                certain=False,
            )
        )
        tail.append(Region("kernel text mapping", 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_9FFF_FFFF))
    return [
        *tail,
        Region("EFI runtime services", 0xFFFF_FFEF_0000_0000, 0xFFFF_FFFE_FFFF_FFFF),
        Region("espfix stacks", 0xFFFF_FF00_0000_0000, 0xFFFF_FF7F_FFFF_FFFF),
        Region("cpu_entry_area", 0xFFFF_FE00_0000_0000, 0xFFFF_FE7F_FFFF_FFFF),
        *_movable_regions(layout),
    ]


#: Two addresses nearer than this lie in the same region: the movable regions are at least 1 TB
#: apart in practice (the direct map has the size of memory, vmalloc is filled from its start).
_NEAR = 1 << 40


def _movable_regions(layout: AddressLayout) -> list[Region]:
    five = five_level(layout)
    if layout.page_offset is None or layout.vmalloc is None:
        return _guessed_regions(layout)
    regions = []
    vmalloc_end = layout.vmalloc + ((0x32 << 48) if five else (32 << 40)) - 1
    if layout.vmemmap is not None:
        vmalloc_end = min(vmalloc_end, layout.vmemmap - 1)
        regions.append(
            Region(
                "vmemmap (struct page)",
                layout.vmemmap,
                layout.vmemmap + ((1 << 50) if five else (1 << 40)) - 1,
            )
        )
    regions.append(Region("vmalloc", layout.vmalloc, vmalloc_end))
    regions.append(Region("direct map of memory", layout.page_offset, layout.vmalloc - 1))
    return regions


def _guessed_regions(layout: AddressLayout) -> list[Region]:
    """What registers and the bases without KASLR suggest; none of it is certain."""
    regions = []
    per_cpu, stack = layout.per_cpu, layout.stack
    near = []
    if layout.stack_is_direct:
        near = [("direct map of memory (where its stacks are)", stack)]
    elif per_cpu is not None and (stack is None or abs(per_cpu - stack) >= 2 * _NEAR):
        near = [("direct map of memory (near the per-CPU base)", per_cpu)]
        if stack is not None:
            # Far from the direct map: mapped by vmalloc(), as stacks are since 4.9 where
            # CONFIG_VMAP_STACK is on. Without the per-CPU base the two cannot be told apart.
            near.append(("vmalloc (near the stack)", stack))
    for name, anchor in near:
        if anchor is not None:
            regions.append(Region(name, anchor - _NEAR, anchor + _NEAR - 1, certain=False))
    default = fixed(five_level=five_level(layout))
    old = fixed(five_level=five_level(layout), old=True)
    for name, start in (
        ("vmemmap (struct page)", default.vmemmap),
        ("vmalloc", default.vmalloc),
        ("direct map of memory", default.page_offset),
        ("direct map of memory (before 4.20)", old.page_offset),
    ):
        if start is not None:
            regions.append(
                Region(f"{name}, unless KASLR moved it", start, start + _NEAR - 1, certain=False)
            )
    low = 0xFF10_0000_0000_0000 if five_level(layout) else 0xFFFF_8800_0000_0000
    regions.append(
        Region(
            "kernel memory (direct map, vmalloc or vmemmap)",
            low,
            0xFFFF_FDFF_FFFF_FFFF,
            certain=False,
        )
    )
    return regions


def region_of(value: int, layout: AddressLayout) -> Region:
    """The region of the x86-64 map that holds an address.

    Where the layout's bases are unknown, what KASLR could have moved has ``certain=False``.
    """
    half = 1 << (layout.address_bits - 1)
    if value < half:
        return Region("user", 0, half - 1)
    if value < (1 << 64) - half:
        return Region(NON_CANONICAL, half, (1 << 64) - half - 1)
    for region in _kernel_regions(layout):
        if region.start <= value <= region.end:
            return region
    return Region("unused hole of the kernel's address map", value, value, certain=False)
