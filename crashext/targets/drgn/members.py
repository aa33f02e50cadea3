# SPDX-License-Identifier: GPL-2.0-or-later
"""From an offset in a C type to the member there, through nested and anonymous members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import drgn
from drgn import Type, TypeKind

_MASK = (1 << 64) - 1
#: Deepest nesting of structs that a member path is followed through.
MAX_DEPTH = 12
AGGREGATES = (TypeKind.STRUCT, TypeKind.UNION, TypeKind.CLASS)


@dataclass(frozen=True)
class Pointer:
    """A pointer that the source names: ``expression`` holds ``value``, pointing to ``target``."""

    expression: str
    value: int
    target: Type  # type pointed to


@dataclass(frozen=True)
class Member:
    """``path`` from the outer type, e.g. ``a.list[3].next``, and the type found there."""

    path: str
    type: Type


def pointee(type_: Type) -> Optional[Type]:
    """The type that a pointer type points to; None for another kind."""
    if type_.unaliased_kind() != TypeKind.POINTER:
        return None
    return type_.unaliased().type


def size_of(type_: Type) -> int:
    """Size in bytes; 0 for void, functions, incomplete types and flexible arrays."""
    try:
        return int(drgn.sizeof(type_))
    except (TypeError, ValueError):
        return 0


def signed(value: int) -> int:
    """A 64-bit value as the processor adds it."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def member_at(type_: Type, offset: int, size: int) -> Optional[Member]:
    """The innermost member at an offset, None when there is none.

    Anonymous structs and unions add no name. In a union the member that fits the access size is
    preferred, else the first.
    """
    found = _find(type_, offset, size, 0)
    if found is None:
        return None
    return Member(found.path[1:] if found.path.startswith(".") else found.path, found.type)


def member_path(type_: Type, offset: int, size: int) -> Optional[str]:
    """The path of :func:`member_at`."""
    found = member_at(type_, offset, size)
    return found.path if found is not None else None


def _find(type_: Type, offset: int, size: int, depth: int) -> Optional[Member]:
    if depth > MAX_DEPTH:
        return None
    plain = type_.unaliased()
    if plain.kind == TypeKind.ARRAY:
        return _find_element(plain, offset, size, depth)
    if plain.kind not in AGGREGATES:
        return Member("", type_) if offset < max(size_of(plain), 1) else None
    candidates: list[tuple[bool, int, Member]] = []
    for member in plain.members or ():
        extent = size_of(member.type)
        if member.bit_field_size is not None:
            first, last = member.bit_offset, member.bit_offset + member.bit_field_size
            if not (first < 8 * (offset + max(size, 1)) and last > 8 * offset):
                continue
            inner: Optional[Member] = Member("", member.type)
        elif member.offset <= offset < member.offset + max(extent, 1):
            inner = _find(member.type, offset - member.offset, size, depth + 1)
        else:
            continue
        if inner is None:
            continue
        path = f".{member.name}{inner.path}" if member.name else inner.path
        fits = size_of(inner.type) == size
        candidates.append((not fits, len(candidates), Member(path, inner.type)))
    return min(candidates, key=lambda item: item[:2])[2] if candidates else None


def _find_element(array: Type, offset: int, size: int, depth: int) -> Optional[Member]:
    length = size_of(array.type)
    if length == 0 or (array.length is not None and offset >= length * array.length):
        return None
    index, rest = divmod(offset, length)
    inner = _find(array.type, rest, size, depth + 1)
    if inner is None:
        return None
    return Member(f"[{index}]{inner.path}", inner.type)
