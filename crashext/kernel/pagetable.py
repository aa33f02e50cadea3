# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks the x86-64 page tables level by level, as the processor does.

A debugger's own look-up gives only the result; here each entry is shown, so that "not present",
"read-only" and "never mapped" are seen and not guessed. Entry bits: Intel SDM vol. 3A, 4.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Optional

from crashext.errors import Unknown
from crashext.kernel.memory import read_pointer, read_unsigned
from crashext.kernel.port import PhysicalMemory, Port
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

#: PAGE_OFFSET with four levels where nothing moved it (__PAGE_OFFSET_BASE_L4).
DIRECT_MAP = 0xFFFF888000000000
#: The same before 4.20 (commit d52888aa2753 "x86/mm: Move LDT remap out of KASLR region").
OLD_DIRECT_MAP = 0xFFFF880000000000

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


def walk(port: Port, machine: str, address: int, task: Optional[int] = None) -> list[PageLevel]:
    """The walk for a kernel or user address. Raises Unknown off x86-64 or without the tables.

    The kernel's half is the same in every top table but for what was not yet copied into it, and
    ``init_mm`` has all of it; the user half is the task's (``active_mm`` for a kernel thread).

    :param task: address of the ``task_struct`` in whose tables a user address is looked up.
    """
    if machine != "x86_64":
        raise Unknown(f"page tables are walked on x86-64 only, this is {machine}")
    if not isinstance(port, PhysicalMemory):
        raise Unknown("this debugger does not read physical memory, where the page tables are")
    levels = 5 if _five_levels(port) else 4
    if not is_canonical(address, levels):
        raise Unknown(
            f"{address:#x} is not canonical: the processor never looks into the page tables"
        )
    mm = port.symbol("init_mm")
    if address < 1 << 63 and task is not None:
        mm = _mm_of(port, task) or mm
    pgd = port.member("struct mm_struct", "pgd")
    if mm is None or pgd is None:
        raise Unknown("the debug info has no init_mm")
    root = _physical(port, read_pointer(port, mm + pgd.offset))
    encrypted = port.symbol("sme_me_mask")
    mask = read_unsigned(port, encrypted, 8) if encrypted is not None else 0
    physical: PhysicalMemory = port

    def entry_at(place: int) -> int:
        return int.from_bytes(physical.read_physical(place, 8), "little")

    return walk_tables(entry_at, root, address, levels, mask)


def _mm_of(port: Port, task: int) -> Optional[int]:
    for name in ("mm", "active_mm"):
        member = port.member("struct task_struct", name)
        own = read_pointer(port, task + member.offset) if member is not None else 0
        if own:
            return own
    return None


def _five_levels(port: Port) -> bool:
    enabled = port.symbol("__pgtable_l5_enabled")
    return enabled is not None and bool(read_unsigned(port, enabled, 4))


def _physical(port: Port, virtual: int) -> int:
    """Physical address of a top table: in the kernel image (init_mm) or the direct map."""
    if virtual >= KERNEL_IMAGE:
        # __phys_addr() in arch/x86/mm/physaddr.c
        phys_base = port.symbol("phys_base")
        if phys_base is None:
            raise Unknown("this kernel has no phys_base")
        return virtual - KERNEL_IMAGE + read_unsigned(port, phys_base, 8)
    base = port.symbol("page_offset_base")  # without CONFIG_RANDOMIZE_MEMORY a constant
    if base is not None:
        return virtual - read_unsigned(port, base, 8)
    return virtual - (DIRECT_MAP if virtual >= DIRECT_MAP else OLD_DIRECT_MAP)


def summary(levels: Sequence[PageLevel]) -> str:
    """The walk in words: where it ended, or the rights of the page."""
    last = levels[-1]
    if not last.present:
        return f"no page: the {last.level} entry is not present"
    writable = all(level.writable for level in levels)
    executable = all(level.executable for level in levels)
    user = all(level.user for level in levels)
    rights = ["writable" if writable else "read-only"]
    rights.append("executable" if executable else "not executable")
    if user:
        rights.append("of user space")
    size = {"PUD": "1 GiB page", "PMD": "2 MiB page"}.get(last.level, "page")
    return f"a {size}, {', '.join(rights)}"


def level_text(level: PageLevel) -> str:
    """``PTE 0x8000000001234063: present, writable, kernel, NX``."""
    words = ["present" if level.present else "not present"]
    if level.present:
        words.append("writable" if level.writable else "read-only")
        words.append("user" if level.user else "kernel")
        if not level.executable:
            words.append("NX")
        if level.large:
            words.append("large page")
    return f"{level.level} {level.entry or 0:#018x}: {', '.join(words)}"
