# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of plain integers and of other address spaces.

Addresses are virtual kernel addresses unless said otherwise. ``crash.error`` means the memory is
not in the dump; an IndexError means the address is NULL.
"""

from __future__ import annotations

from crashext.pykdump.cmodule import crash

readmem = crash.readmem
readPtr = crash.readPtr
readIntN = crash.readInt


def readU8(addr: int) -> int:
    return int(readIntN(int(addr), 1))


def readU16(addr: int) -> int:
    return int(readIntN(int(addr), 2))


def readU32(addr: int) -> int:
    return int(readIntN(int(addr), 4))


def readS32(addr: int) -> int:
    return int(readIntN(int(addr), 4, True))


def readU64(addr: int) -> int:
    return int(readIntN(int(addr), 8))


def readS64(addr: int) -> int:
    return int(readIntN(int(addr), 8, True))


def readProcessMem(taskaddr: int, uvaddr: int, size: int) -> bytes:
    """Bytes of a task's user memory, page by page through its page tables."""
    parts = []
    while size > 0:
        count = min(size, crash.PAGESIZE - uvaddr % crash.PAGESIZE)
        physical = crash.uvtop(int(taskaddr), uvaddr)
        parts.append(bytes(crash.readmem(physical, count, crash.PHYSADDR)))
        uvaddr += count
        size -= count
    return b"".join(parts)
