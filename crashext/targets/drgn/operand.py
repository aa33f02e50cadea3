# SPDX-License-Identifier: GPL-2.0-or-later
"""What the source calls the memory operand of the faulting instruction.

DWARF knows the variables of the function at RIP and of the functions inlined there. The operand is
``displacement(register)``; the variable wanted is a pointer whose value is the register's. The
member is then the one at the displacement of the struct it points to. Where no variable holds the
pointer, the instructions before RIP tell from where the register was loaded (see
:mod:`crashext.targets.drgn.origin`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Optional

import drgn
from drgn import Program, Type, TypeKind

from crashext.errors import Unknown
from crashext.targets.drgn import origin
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.members import (
    AGGREGATES,
    Pointer,
    member_path,
    pointee,
    signed,
    size_of,
)

_MASK = (1 << 64) - 1
#: Variables looked at in one frame.
MAX_LOCALS = 64


def describe(
    prog: Program,
    trace: drgn.StackTrace,
    registers: Mapping[str, int],
    register: Optional[str],
    displacement: int,
    size: int,
) -> str:
    """``req->file``, ``*p``, ``table[3].next`` … Raises Unknown with the reason.

    :param register: base register (64-bit name) or None for a constant address.
    :param displacement: signed bytes added to the register; the address itself without one.
    :param size: bytes accessed.
    """
    base = registers[register] if register is not None else None
    if register is not None and base is None:
        raise Unknown(f"the value of {register} is not known")
    pointers = list(_pointers(trace))
    if not pointers and not _has_variables(trace):
        raise Unknown("no debug info for the variables of this function")
    found = []
    for pointer in pointers:
        text = _match(pointer, base, displacement, size)
        if text is not None and text not in found:
            found.append(text)
    if register is not None and len(found) != 1:
        # None or several: two NULL pointers can be in scope, only one of them was loaded.
        loaded = origin.of_register(prog, pointers, registers, register)
        text = _match(loaded, base, displacement, size) if loaded is not None else None
        if text is not None:
            return text
    if not found:
        raise Unknown(
            f"no variable in scope holds the value of {register}"
            if register is not None
            else "no variable in scope points there"
        )
    return found[0] if len(found) == 1 else " or ".join(found[:3])


def _has_variables(trace: drgn.StackTrace) -> bool:
    try:
        return bool(trace[0].locals())
    except NO_ANSWER:
        return False


def _frames(trace: drgn.StackTrace) -> Iterator[drgn.StackFrame]:
    """The frames that share RIP: the inlined functions and the one they are inlined into."""
    for frame in trace:
        yield frame
        if not frame.is_inline:
            return


def _pointers(trace: drgn.StackTrace) -> Iterator[Pointer]:
    """Pointer variables with a known value, innermost function first."""
    for frame in _frames(trace):
        for name in frame.locals()[:MAX_LOCALS]:
            try:
                value = frame[name]
                target = pointee(value.type_)
                if target is None or value.absent_:
                    continue
                yield Pointer(name, int(value.value_()), target)
            except NO_ANSWER:
                continue


def _match(pointer: Pointer, base: Optional[int], displacement: int, size: int) -> Optional[str]:
    """The operand in terms of one pointer, None when it has nothing to do with it."""
    if base is not None:
        if pointer.value != base:
            return None
        offset = displacement
    else:
        # A constant address: the compiler knew the pointer's value and folded the offset.
        offset = signed((displacement - pointer.value) & _MASK)
        if not 0 <= offset < max(size_of(pointer.target), 1):
            return None
    return dereference(pointer.expression, pointer.target, offset, size)


def dereference(expression: str, target: Type, offset: int, size: int) -> Optional[str]:
    """``*p``, ``p->member.sub``, ``p[2].member`` for a pointer and an offset; None if outside."""
    kind = target.unaliased_kind()
    if kind == TypeKind.VOID:
        return f"*({expression} + {offset:#x})" if offset else f"*{expression}"
    length = size_of(target)
    if length == 0:
        return f"*{expression}" if offset == 0 else None
    index, rest = divmod(offset, length)
    if index != 0 and kind in AGGREGATES and not -64 <= index <= 4096:
        return None
    if kind in AGGREGATES:
        path = member_path(target, rest, size)
        if index == 0:
            return f"{expression}->{path}" if path else f"*{expression}"
        return f"{expression}[{index}].{path}" if path else f"{expression}[{index}]"
    if kind == TypeKind.ARRAY:
        path = member_path(target, rest, size)
        return f"(*{expression}){path}" if index == 0 else None
    return f"{expression}[{index}]" if index else f"*{expression}"
