# SPDX-License-Identifier: GPL-2.0-or-later
"""From where the faulting instruction's base register was loaded, in the source's words.

The instructions before RIP are read backwards for the last one that wrote the register. When that
is a load whose own address registers still hold their values, memory is read again: only if the
same value lies there is the load taken for the origin. So a jump from elsewhere in the function
cannot lead to a wrong name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

import drgn
from drgn import Program

from crashext.engine.x86.decoder import Decoded, borders_before, decode_run
from crashext.errors import Unknown
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.members import AGGREGATES, Pointer, member_at, pointee

#: Bytes of code before RIP that are looked at.
WINDOW = 512
#: Loads followed one after the other: ``a->b->c->d``.
MAX_LOADS = 4
#: Registers that a callee may change (System V AMD64 ABI, 3.2.1).
CALLER_SAVED = frozenset(("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"))


def of_register(
    prog: Program,
    pointers: Sequence[Pointer],
    registers: Mapping[str, int],
    register: str,
) -> Optional[Pointer]:
    """The pointer expression that the register was loaded from; None when it cannot be told.

    :param pointers: variables in scope that hold a pointer, with their values.
    """
    try:
        code = before(prog, registers["rip"])
    except Unknown:
        return None
    return _origin(prog, pointers, registers, register, code, MAX_LOADS)


def before(prog: Program, rip: int) -> list[Decoded]:
    """The instructions of the function before RIP, in order. Raises Unknown."""
    try:
        start = prog.symbol(rip).address
    except LookupError:
        start = rip - WINDOW
    known = rip - start <= WINDOW
    begin = start if known else rip - WINDOW
    try:
        data = prog.read(begin, rip - begin)
    except drgn.FaultError as error:
        raise Unknown(f"code before {rip:#x}: {error}") from None
    offset, _ = borders_before(data, len(data), len(data) if known else None)
    return decode_run(data, offset, begin + offset)


def _origin(
    prog: Program,
    pointers: Sequence[Pointer],
    registers: Mapping[str, int],
    register: str,
    code: Sequence[Decoded],
    loads: int,
) -> Optional[Pointer]:
    changed: set[str] = set()  # written between the load and RIP
    for position in range(len(code) - 1, -1, -1):
        step = code[position]
        writes = step.written | step.maybe_written
        if "call" in step.flow:
            writes |= CALLER_SAVED
        if register not in writes:
            changed |= writes
            continue
        if step.mnemonic != "mov" or register in step.maybe_written:
            return None
        sources = step.explicit_memory()
        if not sources:
            source = step.operand_registers[-1] if len(step.operand_registers) == 2 else ""
            if source in registers and source not in changed:
                named = [p for p in pointers if p.value == registers[source]]
                if len(named) == 1:
                    return named[0]
                return _origin(prog, pointers, registers, source, code[:position], loads)
            return None
        memory = sources[0]
        if memory.index or memory.segment or memory.size != 8:
            return None
        if memory.rip_relative or memory.base is None:
            address = memory.displacement
            if _read(prog, address) != registers[register]:
                return None
            return _global(prog, address, registers[register])
        base = memory.base
        if base in changed or base == register or base not in registers or loads == 0:
            return None
        if _read(prog, registers[base] + memory.displacement) != registers[register]:
            return None
        holders = [p for p in pointers if p.value == registers[base] and p.value]
        outer = (
            holders[0]
            if holders
            else _origin(prog, pointers, registers, base, code[:position], loads - 1)
        )
        if outer is None:
            return None
        return _member(outer, memory.displacement, registers[register])
    return None


def _read(prog: Program, address: int) -> Optional[int]:
    try:
        return int(prog.read_u64(address & (1 << 64) - 1))
    except drgn.FaultError:
        return None


def _member(outer: Pointer, offset: int, value: int) -> Optional[Pointer]:
    if outer.target.unaliased_kind() not in AGGREGATES:
        return None
    member = member_at(outer.target, offset, 8)
    target = pointee(member.type) if member is not None else None
    if member is None or target is None:
        return None
    return Pointer(f"{outer.expression}->{member.path}", value, target)


def _global(prog: Program, address: int, value: int) -> Optional[Pointer]:
    """The global variable (or a pointer member of it) at an address."""
    try:
        symbol = prog.symbol(address)
        variable = prog.variable(symbol.name)
    except NO_ANSWER:
        return None
    if variable.address_ != symbol.address:
        return None
    offset = address - symbol.address
    target = pointee(variable.type_)
    if target is not None and offset == 0:
        return Pointer(symbol.name, value, target)
    member = member_at(variable.type_, offset, 8)
    inner = pointee(member.type) if member is not None else None
    if member is None or inner is None:
        return None
    separator = "" if member.path.startswith("[") else "."
    return Pointer(f"{symbol.name}{separator}{member.path}", value, inner)
