# SPDX-License-Identifier: GPL-2.0-or-later
"""What CR4 says of paging: five levels, SMEP, SMAP "
"(arch/x86/include/uapi/asm/processor-flags.h)."""

from __future__ import annotations

from collections.abc import Mapping

LA57, SMEP, SMAP = 1 << 12, 1 << 20, 1 << 21


def is_five_level(registers: Mapping[str, int]) -> bool:
    """Whether the kernel pages with five levels: CR4.LA57, else a stack that only LA57 can map."""
    if "cr4" in registers:
        return bool(registers["cr4"] & LA57)
    stack = registers.get("rsp", 0)
    return stack >> 56 == 0xFF and stack >> 47 != (1 << 17) - 1


def has_smep(registers: Mapping[str, int]) -> bool:
    """Whether the kernel may not execute user pages; True where CR4 is not known."""
    return bool(registers.get("cr4", SMEP) & SMEP)


def has_smap(registers: Mapping[str, int]) -> bool:
    """Whether the kernel may not touch user pages directly; True where CR4 is not known."""
    return bool(registers.get("cr4", SMAP) & SMAP)
