# SPDX-License-Identifier: GPL-2.0-or-later
"""One flipped bit between a bad pointer and a plausible one.

A bit that a bad memory cell or bus flipped leaves all others right: the value differs in that one
bit from another copy of the pointer in the registers, or from the neighbourhood that the others
point into. The idea is that of Firefox's crash reports (rust-minidump, "possible bit flips"): each
hypothesis has a confidence, and only a strong one is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from crashext.engine.arch.addresses import NON_CANONICAL, AddressLayout
from crashext.engine.values.meaning import region_of

_MASK = (1 << 64) - 1
#: Pointers into one object or one page are this near to each other.
_OBJECT = 4096


@dataclass(frozen=True)
class BitFlip:
    """``value`` with ``bit`` inverted is ``original``; ``why`` is the ground in a clause."""

    value: int
    bit: int
    original: int
    why: str
    #: An exact copy of the original value is in a register.
    exact: bool


def _is_kernel(value: int, layout: AddressLayout) -> bool:
    return value >> 63 == 1 and region_of(value, layout).name != NON_CANONICAL


def single_bit_flip(
    value: int,
    others: Mapping[str, int],
    layout: Optional[AddressLayout] = None,
) -> Optional[BitFlip]:
    """The flipped bit that explains a bad pointer, or None when there is no good ground for one.

    ``value`` is a 64-bit pointer that faulted; ``others`` are the other registers by name. Two
    grounds count:

    * another register holds the value with one bit inverted, and that is a kernel address;
    * the value is not canonical, inverting one bit makes it a kernel address, and that lies within
      a page of what another register points to.

    Values that differ in a low bit only (below bit 12) are left alone: objects lie that near to
    each other. So are pairs that differ in a high bit where both are canonical kernel addresses
    and nothing but the distance speaks for a flip.
    """
    layout = layout or AddressLayout()
    if layout.pointer_bits != 64 or value in (0, _MASK):
        return None
    region = region_of(value, layout).name
    if region == "user":
        return None  # no one bit takes an address from one half of the map to the other
    canonical = region != NON_CANONICAL
    pointers = {
        name: other
        for name, other in others.items()
        if _is_kernel(other, layout) and other != value
    }
    for name, other in pointers.items():
        difference = value ^ other
        if difference & (difference - 1) or difference < 1 << 12:
            continue
        bit = difference.bit_length() - 1
        if canonical and bit < 21:
            continue  # array elements and pages of one area lie a power of two apart
        return BitFlip(
            value, bit, other, f"%{name} holds the same address with that bit right", True
        )
    if canonical:
        return None
    for bit in range(38, 64):
        original = value ^ (1 << bit)
        if not _is_kernel(original, layout):
            continue
        for name, other in pointers.items():
            if abs(other - original) < _OBJECT:
                return BitFlip(
                    value,
                    bit,
                    original,
                    f"with that bit right it lies beside what %{name} holds",
                    False,
                )
    return None
