# SPDX-License-Identifier: GPL-2.0-or-later
"""Poison and magic values.

include/linux/poison.h, include/uapi/linux/magic.h, include/linux/spinlock_types_raw.h.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from crashext.engine import arch, kinds
from crashext.engine.arch.addresses import AddressLayout
from crashext.engine.kinds import Kind

#: Offsets up to this still count as "the poison pointer plus a member offset".
_POISON_REACH = 0x1000


class Poison(NamedTuple):
    """A known filler or magic. ``kind`` is the crash kind that a dereference of it suggests."""

    text: str
    kind: Kind


#: Pointers of include/linux/poison.h, with POISON_POINTER_DELTA of x86-64 and arm64. The second
#: list pair had other offsets before 5.5 and before 4.x; their values do not collide.
_POISON_POINTERS: tuple[tuple[int, str, str], ...] = (
    (0xDEAD_0000_0000_0100, "LIST_POISON1", "next of a list entry that was already deleted"),
    (0xDEAD_0000_0000_0122, "LIST_POISON2", "prev of a list entry that was already deleted"),
    (0xDEAD_0000_0000_0200, "LIST_POISON2", "prev of an already deleted list entry, before 5.5"),
    (0xDEAD_0000_0010_0100, "LIST_POISON1", "next of an already deleted list entry, old kernels"),
    (0xDEAD_0000_0020_0200, "LIST_POISON2", "prev of an already deleted list entry, old kernels"),
    (0xDEAD_0000_0000_0300, "TIMER_ENTRY_STATIC", "a statically initialised or detached timer"),
    (0xDEAD_0000_0000_0400, "TAIL_MAPPING", "page->mapping of a tail page"),
    (0xDEAD_0000_0000_0500, "MUTEX_POISON_WW_CTX", "the ww context of a mutex that has none"),
    (0xDEAD_0000_0000_0040, "PP_SIGNATURE", "the page_pool signature of a page"),
    (0xDEAD_0000_0000_EB9F, "BPF_PTR_POISON", "a pointer that BPF poisoned"),
    (0xDEAD_0000_0000_00F5, "VFS_PTR_POISON", "a pointer that the VFS poisoned"),
)

#: Fill bytes: byte, name, text, crash kind.
_POISON_BYTES: dict[int, tuple[str, str, Kind]] = {
    0x6B: ("POISON_FREE", "slab object that was freed", kinds.USE_AFTER_FREE),
    0x5A: ("POISON_INUSE", "slab object that was never initialised", kinds.SLAB_CORRUPTION),
    0xA5: ("POISON_END", "last byte of a poisoned slab object", kinds.SLAB_CORRUPTION),
    0xBB: ("SLUB_RED_INACTIVE", "red zone of a free slab object", kinds.SLAB_CORRUPTION),
    0xCC: (
        "SLUB_RED_ACTIVE or POISON_FREE_INITMEM",
        "red zone of a slab object in use, freed init memory, or int3 padding",
        kinds.SLAB_CORRUPTION,
    ),
    0xAA: ("PAGE_POISON", "page that was freed", kinds.USE_AFTER_FREE),
    0xA7: ("POOL_POISON_FREED", "DMA pool block that was freed", kinds.USE_AFTER_FREE),
    0xA9: ("POOL_POISON_ALLOCATED", "DMA pool block, never initialised", kinds.BAD_POINTER),
    0xBD: ("KEY_DESTROY", "key that was destroyed", kinds.USE_AFTER_FREE),
    0x6C: ("FLEX_ARRAY_FREE", "flex array that was freed", kinds.USE_AFTER_FREE),
    0x5B: ("JBD_POISON_FREE", "jbd object that was freed", kinds.USE_AFTER_FREE),
    0x5C: ("JBD2_POISON_FREE", "jbd2 object that was freed", kinds.USE_AFTER_FREE),
}
#: With fewer equal bytes these are more often numbers than poison.
_WEAK_POISON_BYTES = frozenset({0xBD, 0x6C, 0x5B, 0x5C})

_MAGIC_64 = {
    0x09F9_1102_9D74_E35B: ("RED_INACTIVE", "SLAB red zone of a free object"),
    0xD841_56C5_6356_88C0: ("RED_ACTIVE", "SLAB red zone of an object in use"),
    0x0000_0000_57AC_6E9D: ("STACK_END_MAGIC", "the mark at the end of a task's stack"),
}
_MAGIC_32 = {
    0x57AC_6E9D: ("STACK_END_MAGIC", "the mark at the end of a task's stack"),
    0xDEAD_4EAD: ("SPINLOCK_MAGIC", "the debug magic of a spinlock"),
    0xDEAF_1EED: ("RWLOCK_MAGIC", "the debug magic of an rwlock"),
    0xDEAD_BEEF: ("deadbeef", "a filler that many drivers use"),
    0x1111_1111: ("MUTEX_DEBUG_INIT", "an initialised mutex, CONFIG_DEBUG_MUTEXES"),
    0x2222_2222: ("MUTEX_DEBUG_FREE", "a destroyed mutex, CONFIG_DEBUG_MUTEXES"),
}


def _signed(offset: int) -> str:
    return f"+ 0x{offset:x}" if offset >= 0 else f"- 0x{-offset:x}"


#: The same list poisons where POISON_POINTER_DELTA is 0 (32-bit kernels:
#: CONFIG_ILLEGAL_POINTER_VALUE depends on 64BIT). They look like NULL plus an offset, so only the
#: exact values count.
_POISON_POINTERS_32: tuple[tuple[int, str, str], ...] = (
    (0x0010_0100, "LIST_POISON1", "next of an already deleted list entry, old kernels"),
    (0x0020_0200, "LIST_POISON2", "prev of an already deleted list entry, old kernels"),
)


#: POISON_POINTER_DELTA of x86-64 and arm64, as the tables have it.
_DELTA = 0xDEAD_0000_0000_0000


def poison_in(value: int, layout: AddressLayout) -> Optional[Poison]:
    """As :func:`poison`, with the width and POISON_POINTER_DELTA of the layout's machine."""
    delta = arch.of(layout.machine).poison_delta
    if layout.pointer_bits == 64 and delta not in (0, _DELTA) and 0 < value - delta < 1 << 32:
        value = value - delta + _DELTA
    return poison(value, layout.pointer_bits)


def poison(value: int, bits: int = 64) -> Optional[Poison]:
    """The poison or magic that a pointer-sized value is or lies near, or None.

    ``bits`` is the size of a pointer: 32-bit kernels have other list poisons, and their fill bytes
    make half as long a pattern.
    """
    if bits == 32:
        return _poison_32(value)
    exact = [entry for entry in _POISON_POINTERS if entry[0] == value]
    if exact:
        _, name, text = exact[0]
        return Poison(
            f"{name}: {text}", kinds.USE_AFTER_FREE if "list" in text else kinds.BAD_POINTER
        )
    if value in _MAGIC_64:
        name, text = _MAGIC_64[value]
        return Poison(f"{name}: {text}", kinds.BAD_POINTER)
    repeated = _repeated_byte(value)
    if repeated is not None:
        return repeated
    near = [
        (abs(value - base), base, name, text)
        for base, name, text in _POISON_POINTERS
        if name.startswith("LIST_POISON") and abs(value - base) < 0x100
    ]
    near.sort()
    if near:
        _, base, name, text = near[0]
        # 122 and 100 are 0x22 apart; a positive small offset is a member of what the entry was.
        below = [entry for entry in near if entry[1] <= value]
        if below:
            _, base, name, text = below[0]
        return Poison(f"{name} {_signed(value - base)}: {text}", kinds.USE_AFTER_FREE)
    if value >> 32 == 0xDEAD_0000:
        # All pointer poisons lie within POISON_POINTER_DELTA's first 4 GiB; other values that begin
        # with dead are somebody's own.
        return Poison(
            "dead0000…: a poisoned pointer (POISON_POINTER_DELTA) of a kind not known here",
            kinds.USE_AFTER_FREE,
        )
    for shift in (0, 32):
        half = value >> shift & 0xFFFF_FFFF
        if half in _MAGIC_32 and half not in (0x1111_1111, 0x2222_2222):
            name, text = _MAGIC_32[half]
            if value >> 32 == 0 or shift == 32 or half in (0xDEAD_4EAD, 0xDEAF_1EED):
                where = "" if value >> 32 == 0 else " in one half of the value"
                return Poison(f"{name}{where}: {text}", kinds.BAD_POINTER)
    return None


def _poison_32(value: int) -> Optional[Poison]:
    for base, name, text in _POISON_POINTERS_32:
        if 0 <= value - base < 0x100:
            where = f" {_signed(value - base)}" if value != base else ""
            return Poison(f"{name}{where}: {text}", kinds.USE_AFTER_FREE)
    if value in _MAGIC_32:
        name, text = _MAGIC_32[value]
        return Poison(f"{name}: {text}", kinds.BAD_POINTER)
    byte = value >> 24
    entry = _POISON_BYTES.get(byte)
    if entry is None or byte in _WEAK_POISON_BYTES:
        return None
    name, text, kind = entry
    offset = value - byte * 0x0101_0101
    if byte == 0x6B and value == 0xA56B_6B6B:
        return Poison(f"{name} up to POISON_END (6b…a5): the end of a freed slab object", kind)
    if -_POISON_REACH < offset < 16 * _POISON_REACH and (byte in (0x6B, 0x5A, 0xAA) or not offset):
        where = f" {_signed(offset)}" if offset else ""
        return Poison(f"{name} ({byte:02x} repeated){where}: {text}", kind)
    return None


def _repeated_byte(value: int) -> Optional[Poison]:
    """``6b6b6b6b6b6b6b6b``, ``…6b73`` (plus a member offset), ``…6ba5``, ``ffff6b6b…`` is none."""
    if value <= 0xFFFF_FFFF:
        low = value & 0xFF
        if value == low * 0x0101_0101 and low in _POISON_BYTES and low not in _WEAK_POISON_BYTES:
            name, text, kind = _POISON_BYTES[low]
            return Poison(f"{name} (32 bits of {low:02x}): {text}", kind)
        return None
    byte = value >> 56
    entry = _POISON_BYTES.get(byte)
    if entry is None:
        return None
    name, text, kind = entry
    filler = byte * 0x0101_0101_0101_0101
    offset = value - filler
    if offset == 0:
        return Poison(f"{name} ({byte:02x} repeated): {text}", kind)
    if byte == 0x6B and value & 0xFF == 0xA5 and value >> 8 == filler >> 8:
        return Poison(f"{name} up to POISON_END (6b…a5): the end of a freed slab object", kind)
    if -_POISON_REACH < offset < 16 * _POISON_REACH:
        return Poison(f"{name} ({byte:02x} repeated) {_signed(offset)}: {text}", kind)
    return None
