# SPDX-License-Identifier: GPL-2.0-or-later
"""The page-table walk that an x86 oops prints, held against the error code.

``dump_pagetable()`` of arch/x86/mm/fault.c prints each entry of the walk down to the leaf or to the
first entry that is not present: ``PGD … P4D … PUD … PMD … PTE …`` (P4D since 4.12, also where it is
folded), on i386 ``*pdpt = … *pde = … *pte = …``; ``BAD`` where a table could not be read. It runs
after the fault, so what it shows may differ from what the processor saw: then the TLB was stale,
the table was changed in between, or the machine is at fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from crashext.engine.arch.x86 import pagefault, paging
from crashext.engine.lazy import Lazy

#: arch/x86/include/asm/pgtable_types.h
PRESENT, WRITABLE, USER, PSE, NX = 1, 1 << 1, 1 << 2, 1 << 7, 1 << 63

_LEVELS = ("PGD", "P4D", "PUD", "PMD", "PTE")
_I386 = {"pdpt": "PUD", "pde": "PMD", "pte": "PTE"}
_ENTRY = re.compile(r"\b(PGD|P4D|PUD|PMD|PTE) (?:BAD|([0-9a-f]{1,16}))(?![0-9a-f])")
_ENTRY_I386 = Lazy(r"\*(pdpt|pde|pte) = ([0-9a-f]{8,16})\b")


@dataclass(frozen=True)
class Walk:
    """Printed page-table entries, top level first: ``(level, entry)``."""

    entries: tuple[tuple[str, int], ...]

    @property
    def leaf(self) -> Optional[tuple[str, int]]:
        """The entry that maps the page, or None when the walk found none."""
        if not self.entries:
            return None
        level, entry = self.entries[-1]
        if not entry & PRESENT or any(not upper & PRESENT for _, upper in self.entries):
            return None
        if level == "PTE" or (level in ("PMD", "PUD") and entry & PSE):
            return level, entry
        return None

    @property
    def missing(self) -> Optional[str]:
        """The level whose entry is not present, or None when the walk reached a page."""
        for level, entry in self.entries:
            if not entry & PRESENT:
                return level
        return None

    @property
    def writable(self) -> bool:
        """Whether every level allows a write."""
        return bool(self.entries) and all(entry & WRITABLE for _, entry in self.entries)

    @property
    def user(self) -> bool:
        """Whether every level allows user mode: then it is a user page, subject to SMAP and "
        "SMEP."""
        return bool(self.entries) and all(entry & USER for _, entry in self.entries)

    @property
    def executable(self) -> bool:
        """Whether no level has NX."""
        return bool(self.entries) and not any(entry & NX for _, entry in self.entries)

    def text(self) -> str:
        """``PMD 50b4000e1: present, large page, read-only, executable`` of the last entry."""
        if not self.entries:
            return "no entry"
        level, entry = self.entries[-1]
        if not entry & PRESENT:
            return f"{level} {entry:x}: not present"
        words = ["present"]
        if level in ("PMD", "PUD") and entry & PSE:
            words.append("large page")
        if self.leaf is not None:
            words.append("writable" if self.writable else "read-only")
            words.append("executable" if self.executable else "no-execute")
            words.append("user" if self.user else "kernel")
        return f"{level} {entry:x}: {', '.join(words)}"


def parse(text: str) -> Optional[Walk]:
    """The walk of one logical line, or None when it holds none.

    A ``BAD`` level ends the walk: what lies beyond it is not known.
    """
    found: list[tuple[str, int]] = []
    for match in _ENTRY.finditer(text):
        if match[2] is None:
            break
        if found and _LEVELS.index(match[1]) <= _LEVELS.index(found[-1][0]):
            break
        found.append((match[1], int(match[2], 16)))
    if not found:
        found = [(_I386[match[1]], int(match[2], 16)) for match in _ENTRY_I386.finditer(text)]
    return Walk(tuple(found)) if found else None


def contradiction(
    walk: Walk, code: int, registers: Optional[Mapping[str, int]] = None
) -> Optional[str]:
    """How the printed walk and a page fault's error code disagree, in a clause; None: they agree.

    ``code`` is the error code of arch/x86/include/asm/trap_pf.h; CR4 of ``registers`` tells whether
    SMAP and SMEP are on. A walk that ends early (cut or
    ``BAD``) proves nothing. Accessed and dirty bits are no subject here, nor protection keys, SGX
    and shadow stacks, whose causes no entry shows.
    """
    leaf, missing = walk.leaf, walk.missing
    if not code & pagefault.PROT:
        if leaf is None:
            return None
        return f"the error code says that no page was present, the walk shows one ({walk.text()})"
    if code & (pagefault.RSVD | pagefault.PK):
        return None
    if missing is not None:
        return (
            "the error code says that a page was present and refused the access, the walk shows "
            f"none ({walk.text()})"
        )
    if leaf is None:
        return None
    access = pagefault.access_type(code)
    smep, smap = paging.has_smep(registers or {}), paging.has_smap(registers or {})
    if access == "execute":
        allowed = walk.executable and not (walk.user and smep)
    elif access == "write":
        allowed = walk.writable and not (walk.user and smap)
    else:
        allowed = not (walk.user and smap)
    if not allowed or code & pagefault.USER:
        return None
    return (
        f"the error code says that the page refused the {_NOUN.get(access, 'access')}, the walk "
        f"shows a page that allows it ({walk.text()})"
    )


_NOUN = {"execute": "instruction fetch", "write": "write", "read": "read"}
