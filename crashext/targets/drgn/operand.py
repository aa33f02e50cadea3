# SPDX-License-Identifier: GPL-2.0-or-later
"""What the source calls the memory operand of the faulting instruction.

DWARF knows the variables of the function at RIP and of the functions inlined there. The operand is
``displacement(register)``; what is wanted is the pointer that the register holds. In this order:

1. a pointer variable whose value is the register's;
2. what the instructions before RIP loaded into the register (:mod:`.origin`);
3. a pointer member of what a variable points to, when just one holds the value.

The member of the operand is then the one at the displacement of the struct pointed to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Optional

import drgn
from drgn import Object, Program, Type, TypeKind

from crashext.engine.arch.code import Decoded
from crashext.errors import Unknown
from crashext.targets.drgn import origin, stack
from crashext.targets.drgn.architecture import of_program
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
#: Bytes of a struct that are searched for a pointer, and levels of structs inside it.
MAX_STRUCT = 16384
MAX_NESTING = 3


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
    pointers = list(_pointers(trace))
    counts = dict(_counts(trace)) if register is not None else {}
    if not pointers and not _has_variables(trace):
        raise Unknown("no debug info for the variables of this function")
    if register is None:
        found = _unique(_constant(p, displacement, size) for p in pointers)
        if not found:
            raise Unknown(f"no variable in scope points to {displacement:#x}")
        return found[0] if len(found) == 1 else " or ".join(found[:3])
    if register not in registers:
        raise Unknown(f"the value of {register} is not known")
    value = registers[register]
    found = _unique(
        dereference(p.expression, p.target, displacement, size)
        for p in pointers
        if p.value == value
    )
    if len(found) == 1:
        return found[0]
    # None, or several NULL pointers of which only one was loaded.
    loaded = _loaded(prog, pointers, registers, register)
    if loaded is not None:
        text = dereference(loaded.expression, loaded.target, displacement, size)
        if text is not None:
            return text
    if found:
        return " or ".join(found[:3])
    inside = _unique(
        dereference(p.expression, p.target, displacement, size)
        for p in members_holding(pointers, prog, value)
    )
    if len(inside) == 1:
        return inside[0]
    address = (value + displacement) & _MASK
    elements = _unique(_element(p, address, size, counts) for p in pointers)
    if len(elements) == 1:
        return elements[0]
    raise Unknown(f"no variable in scope holds the value of {register}")


def _unique(texts: Iterator[Optional[str]]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text is not None))


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
    return pointers_of(_frames(trace))


def pointers_of(frames: Iterable[drgn.StackFrame]) -> Iterator[Pointer]:
    """Pointer variables with a known value, in the order of the frames."""
    for frame in frames:
        for name in frame.locals()[:MAX_LOCALS]:
            try:
                value = frame[name]
                target = pointee(value.type_)
                if target is None or value.absent_:
                    continue
                yield Pointer(name, int(value.value_()), target)
            except NO_ANSWER:
                continue


def _counts(trace: drgn.StackTrace) -> Iterator[tuple[str, int]]:
    """Integer variables in scope with their values: what may be the index of an array."""
    for frame in _frames(trace):
        for name in frame.locals()[:MAX_LOCALS]:
            try:
                value = frame[name]
                if value.type_.unaliased_kind() == TypeKind.INT and not value.absent_:
                    yield name, int(value.value_())
            except NO_ANSWER:
                continue


def _element(pointer: Pointer, address: int, size: int, counts: Mapping[str, int]) -> Optional[str]:
    """``table[i]``: the address is as many elements past the pointer as an integer in scope says.

    With several such integers the number stands for them.
    """
    length = size_of(pointer.target)
    if pointer.value < 4096 or length == 0:
        return None
    index, rest = divmod(address - pointer.value, length)
    names = [name for name, value in counts.items() if value == index]
    if index == 0 or not names:
        return None
    element = f"{pointer.expression}[{names[0] if len(names) == 1 else index}]"
    if pointer.target.unaliased_kind() not in AGGREGATES:
        return element if rest == 0 else None
    path = member_path(pointer.target, rest, size)
    return f"{element}.{path}" if path else None


def _constant(pointer: Pointer, address: int, size: int) -> Optional[str]:
    """The operand at a constant address: the compiler knew the pointer and folded the offset."""
    offset = signed((address - pointer.value) & _MASK)
    if not 0 <= offset < max(size_of(pointer.target), 1):
        return None
    return dereference(pointer.expression, pointer.target, offset, size)


def _loaded(
    prog: Program, pointers: Sequence[Pointer], registers: Mapping[str, int], register: str
) -> Optional[Pointer]:
    try:
        pc = registers[of_program(prog).registers.pc]
        code = origin.before(prog, pc, pc)
    except Unknown:
        return None

    return flow_of(prog, pointers, registers, code).pointer_of(register)


def flow_of(
    prog: Program,
    pointers: Sequence[Pointer],
    registers: Mapping[str, int],
    code: Sequence[Decoded],
) -> origin.Flow:
    """The data flow through ``code``, which ends where the registers hold these values."""

    def variable_in(address: int, name: str) -> Optional[Pointer]:
        return variable_in_register(prog, registers, address, name)

    return origin.Flow(prog, registers, pointers, code, variable_in)


def called(prog: Program, trace: drgn.StackTrace, registers: Mapping[str, int]) -> str:
    """The function pointer through which control came to a bad address: ``req->complete``.

    :param trace: begins at the caller, inside its call.
    :param registers: those at the bad address, so those of the call. Raises Unknown.
    """
    inside = trace[0].pc
    code = origin.before(prog, inside + 1, inside)
    if not code:
        raise Unknown("the code of the call is not in the dump")
    pointers = list(_pointers(trace))
    pc = registers[of_program(prog).registers.pc]
    if code[-1].target == pc:
        # A direct call: the compiler knew the address. What the source calls may still be the one
        # member in scope that holds it.
        try:
            name = str(prog.symbol(pc).name)
        except LookupError:
            name = f"{pc:#x}"
        holders = _unique(pointer.expression for pointer in members_holding(pointers, prog, pc))
        return f"{holders[0]}, which is {name}" if len(holders) == 1 else name
    found = origin.called_through(flow_of(prog, pointers, registers, code))
    if found is None:
        raise Unknown("the debug info does not tell which function pointer was called")
    return found.expression


#: A value that no register holds by chance.
_MARK = 0x5CA1_AB1E_0DD5_EED5


def variable_in_register(
    prog: Program, registers: Mapping[str, int], address: int, register: str
) -> Optional[Pointer]:
    """The one pointer variable that the debug info places in a register at a code address.

    drgn does not show a variable's location; so the function is entered at that address with a
    mark in the register, and the variable that then has the mark for a value lives there.
    """
    marked = {**registers, of_program(prog).registers.pc: address, register: _MARK}
    try:
        trace = prog.stack_trace(stack.pt_regs(prog, marked))
        found = [pointer for pointer in _pointers(trace) if pointer.value == _MARK]
    except (Unknown, *NO_ANSWER):
        return None
    return found[0] if len(found) == 1 else None


def members_holding(pointers: Sequence[Pointer], prog: Program, value: int) -> Iterator[Pointer]:
    """``p->member`` for each pointer member that holds a value, one step from each variable.

    Only for values that tell something: NULL is in every struct.
    """
    if value < 4096:
        return
    seen: set[tuple[str, int]] = set()
    for pointer in pointers:
        key = (pointer.expression, pointer.value)
        if key in seen or pointer.target.unaliased_kind() not in AGGREGATES:
            continue
        seen.add(key)
        length = size_of(pointer.target)
        if not 0 < length <= MAX_STRUCT:
            continue
        try:
            data = prog.read(pointer.value, length)
            outer = Object.from_bytes_(prog, pointer.target, data)
        except NO_ANSWER:
            continue
        yield from _holding(outer, pointer.expression + "->", value, MAX_NESTING)


def _holding(outer: Object, prefix: str, value: int, nesting: int) -> Iterator[Pointer]:
    for member in outer.type_.unaliased().members or ():
        if member.name is None or member.bit_field_size is not None:
            continue
        kind = member.type.unaliased_kind()
        if kind == TypeKind.POINTER:
            target = pointee(member.type)
            if target is not None and int(outer.member_(member.name).value_()) == value:
                yield Pointer(prefix + member.name, value, target)
        elif kind in AGGREGATES and nesting > 0:
            inner = outer.member_(member.name)
            yield from _holding(inner, f"{prefix}{member.name}.", value, nesting - 1)


def dereference(expression: str, target: Type, offset: int, size: int) -> Optional[str]:
    """``*p``, ``p->member.sub``, ``p[2].member`` for a pointer and an offset; None if outside."""
    kind = target.unaliased_kind()
    if kind == TypeKind.FUNCTION:
        return expression
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
