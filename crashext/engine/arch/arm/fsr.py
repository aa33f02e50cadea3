# SPDX-License-Identifier: GPL-2.0-or-later
"""The fault status register that ``Internal error: Oops: 817`` prints (arch/arm/mm/fault.h)."""

from __future__ import annotations

from crashext.engine.words import AccessType

#: FSR_WRITE: the access was a write.
WRITE = 1 << 11
#: FSR_LNX_PF: the kernel's own mark of a prefetch abort, an instruction fetch.
FETCH = 1 << 31


def access_type(fsr: int) -> AccessType:
    """``"execute"``, ``"write"`` or ``"read"``."""
    if fsr & FETCH:
        return "execute"
    return "write" if fsr & WRITE else "read"
