# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks the x86-64 page tables level by level, as the processor does.

drgn's own look-ups give only the result; here each entry is shown, so that "not present",
"read-only" and "never mapped" are seen and not guessed. Entry bits: Intel SDM vol. 3A, 4.5.
"""

from __future__ import annotations

from typing import Callable, Optional

import drgn
from drgn import Object, Program

from crashext.errors import Unknown
from crashext.targets.base import PageLevel

PRESENT = 1 << 0
WRITE = 1 << 1
USER = 1 << 2
LARGE = 1 << 7  # in a PUD or PMD
PROT_NONE = 1 << 8  # _PAGE_PROTNONE: the kernel's, means something only when not present
NX = 1 << 63
#: Physical address in an entry; bits 51 down to 12.
ADDRESS = 0x000FFFFFFFFFF000

#: __START_KERNEL_map (arch/x86/include/asm/page_64_types.h): where the kernel image is mapped.
KERNEL_IMAGE = 0xFFFFFFFF80000000

LEVELS_4 = (("PGD", 39), ("PUD", 30), ("PMD", 21), ("PTE", 12))
LEVELS_5 = (("PGD", 48), ("P4D", 39), ("PUD", 30), ("PMD", 21), ("PTE", 12))


def is_canonical(address: int, levels: int) -> bool:
    """Whether the processor translates the address at all (48 or 57 significant bits)."""
    sign = 47 if levels == 4 else 56
    return address >> sign in (0, (1 << (64 - sign)) - 1)


def walk_tables(
    read: Callable[[int], int], root: int, address: int, levels: int, mask: int = 0
) -> list[PageLevel]:
    """The levels down to the one that is not present or maps the address.

    :param read: gives the 8-byte entry at a physical address.
    :param root: physical address of the top table.
    :param mask: bit that memory encryption (SME, SEV) sets in addresses.
    """
    result: list[PageLevel] = []
    table = root & ADDRESS & ~mask
    for name, shift in LEVELS_4 if levels == 4 else LEVELS_5:
        entry = read(table + 8 * (address >> shift & 511))
        present = bool(entry & PRESENT)
        large = present and name in ("PUD", "PMD") and bool(entry & LARGE)
        result.append(
            PageLevel(
                name,
                entry,
                present,
                bool(entry & WRITE) if present else None,
                bool(entry & USER) if present else None,
                not entry & NX if present else None,
                large,
            )
        )
        if not present or large:
            break
        table = entry & ADDRESS & ~mask
    return result


def walk(prog: Program, address: int, task: Optional[Object]) -> list[PageLevel]:
    """The walk for a kernel or user address. Raises Unknown off x86-64 or without the tables.

    The kernel's half is the same in every top table but for what was not yet copied into it, and
    ``init_mm`` has all of it; the user half is the task's (``active_mm`` for a kernel thread).
    """
    arch = prog.platform.arch if prog.platform is not None else None
    if arch != drgn.Architecture.X86_64:
        raise Unknown(f"page tables are walked on x86-64 only, this is {arch}")
    levels = 5 if _five_levels(prog) else 4
    if not is_canonical(address, levels):
        raise Unknown(
            f"{address:#x} is not canonical: the processor never looks into the page tables"
        )
    mm = prog["init_mm"].address_of_()
    if address < 1 << 63 and task is not None:
        own = task.mm or task.active_mm
        if own:
            mm = own
    root = _physical(prog, int(mm.pgd.value_()))
    try:
        mask = int(prog["sme_me_mask"].value_())
    except LookupError:
        mask = 0
    return walk_tables(lambda physical: prog.read_u64(physical, True), root, address, levels, mask)


def _five_levels(prog: Program) -> bool:
    try:
        return bool(prog["__pgtable_l5_enabled"].value_())
    except LookupError:
        return False


def _physical(prog: Program, virtual: int) -> int:
    """Physical address of a top table: in the kernel image (init_mm) or the direct map."""
    from drgn.helpers.linux.mm import virt_to_phys

    if virtual >= KERNEL_IMAGE:
        # __phys_addr() in arch/x86/mm/physaddr.c
        # phys_base is defined in assembler: a symbol, but no variable of the debug info.
        phys_base = int(prog.read_u64(prog.symbol("phys_base").address))
        return virtual - KERNEL_IMAGE + phys_base
    return int(virt_to_phys(prog, virtual))
