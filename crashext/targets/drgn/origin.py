# SPDX-License-Identifier: GPL-2.0-or-later
"""From where the faulting instruction's base register came, in the source's words.

The instructions before RIP are read backwards for the last one that wrote the register, and what
that one loaded from is resolved the same way. Wherever a value can be had twice (from the register
at RIP, and from memory again) the two must agree, or nothing is said: so a jump from elsewhere in
the function cannot lead to a wrong name. Where it cannot be had twice, no jump may land between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, Optional

import drgn
from drgn import Program

from crashext.engine.arch import flow
from crashext.engine.arch.base import Registers
from crashext.engine.arch.code import Decoded, Memory
from crashext.errors import Unknown
from crashext.targets.drgn.architecture import of_program
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.members import AGGREGATES, Pointer, member_at, pointee, size_of

#: Bytes of code before RIP that are looked at.
WINDOW = 1024
#: Instructions followed one after the other: ``a->b->c->d`` with copies between.
MAX_STEPS = 12
_MASK = (1 << 64) - 1

#: Gives the pointer variable that the debug info places in a register at an address.
VariableIn = Callable[[int, str], Optional[Pointer]]


@dataclass(frozen=True)
class Resolved:
    """What a register held: its value, if that can be told, and the expression for it."""

    value: Optional[int]
    pointer: Optional[Pointer] = None


@dataclass
class Flow:
    """The function's code up to RIP, and what is known at RIP."""

    prog: Program
    registers: Mapping[str, int]
    pointers: Sequence[Pointer]
    code: Sequence[Decoded]
    variable_in: VariableIn

    @property
    def _names(self) -> Registers:
        return of_program(self.prog).registers

    @property
    def _clobbered(self) -> frozenset[str]:
        return self._names.caller_saved

    @property
    def _pc(self) -> int:
        return self.registers[self._names.pc]

    def pointer_of(self, register: str) -> Optional[Pointer]:
        """The expression for what the register holds at RIP; None when it cannot be told."""
        found = self._before(register, len(self.code), MAX_STEPS)
        return found.pointer if found is not None else None

    def loaded_from(self, memory: Memory) -> Optional[Pointer]:
        """The expression for what a memory operand of the next instruction holds."""
        found = self._load(memory, len(self.code), MAX_STEPS)
        return found.pointer if found is not None else None

    def _before(self, register: str, position: int, steps: int) -> Optional[Resolved]:
        """What ``register`` held just before ``code[position]``."""
        if steps == 0:
            return None
        index = flow.last_write(self.code, register, position, self._clobbered)
        if index is not None:
            return self._written(register, index, position, steps)
        if not self._changed(register, 0):
            return self._named(register, self.registers.get(register), position)
        return self._named(register, None, position)

    def _written(self, register: str, index: int, position: int, steps: int) -> Optional[Resolved]:
        step = self.code[index]
        lasting = not self._changed(register, index + 1)
        known = self.registers.get(register) if lasting else None
        if step.mnemonic != "mov" or register in step.maybe_written or "call" in step.flow:
            return self._named(register, known, position)
        sources = step.explicit_memory()
        if not sources:
            source = step.operand_registers[-1] if len(step.operand_registers) == 2 else ""
            copied = self._before(source, index, steps - 1) if source else None
            if copied is None or copied.pointer is None:
                return self._named(register, known, position)
            if known is None or copied.value in (None, known):
                return copied
            return None
        loaded = self._load(sources[0], index, steps)
        if loaded is None:
            return self._named(register, known, position)
        if known is not None and loaded.value is not None and loaded.value != known:
            return None
        value = known if known is not None else loaded.value
        if loaded.value is None and self._joined(index, position):
            return None
        if loaded.pointer is None:
            return self._named(register, value, position)
        named = loaded.pointer
        return Resolved(value, Pointer(named.expression, value or 0, named.target))

    def _load(self, memory: Memory, index: int, steps: int) -> Optional[Resolved]:
        """What ``code[index]`` loaded from a memory operand."""
        if memory.index or memory.segment or memory.size != 8:
            return None
        if memory.rip_relative or memory.base is None:
            return _global(self.prog, memory.displacement)
        frame = (self._names.sp, self._names.frame)
        if memory.base in frame and not self._changed(memory.base, index):
            # A slot of the stack frame: the spilled variable is found by its value.
            value = _read(self.prog, self.registers[memory.base] + memory.displacement)
            return self._by_value(value)
        base = self._before(memory.base, index, steps - 1)
        if base is None:
            return None
        value = None
        named = None
        if base.pointer is not None:
            named = _member(base.pointer, memory.displacement, 0)
        if base.value is not None:
            address = (base.value + memory.displacement) & _MASK
            value = _read(self.prog, address)
            named = named or self._member_at(address)
        return Resolved(value, named)

    def _named(self, register: str, value: Optional[int], position: int) -> Optional[Resolved]:
        """A value by the variable that holds it; one that is NULL or lost, by its place."""
        if value:
            found = self._by_value(value)
            if found is not None and found.pointer is not None:
                return found
        if position < len(self.code):
            variable = self.variable_in(self.code[position].address, register)
            if variable is not None and not self._joined(position, len(self.code)):
                return Resolved(value, Pointer(variable.expression, value or 0, variable.target))
        return Resolved(value) if value is not None else None

    def _by_value(self, value: Optional[int]) -> Optional[Resolved]:
        if value is None:
            return None
        named = [pointer for pointer in self.pointers if pointer.value == value and value]
        return Resolved(value, named[0] if named else None)

    def _member_at(self, address: int) -> Optional[Pointer]:
        """The pointer member at an address inside of what a variable in scope points to.

        The compiler reaches it from another register: ``container_of()`` leaves only the inner
        pointer and a negative offset.
        """
        for pointer in self.pointers:
            offset = address - pointer.value
            if pointer.value and 0 <= offset < size_of(pointer.target):
                found = _member(pointer, offset, 0)
                if found is not None:
                    return found
        return None

    def _changed(self, register: str, start: int) -> bool:
        """Whether ``code[start:]`` writes the register."""
        return flow.changed(self.code, register, start, self._clobbered)

    def _joined(self, start: int, end: int) -> bool:
        """Whether a jump before RIP lands after ``code[start]`` and not past ``code[end]``."""
        low = self.code[start].address
        high = self.code[end].address if end < len(self.code) else self._pc
        return any(flow.jumps_into(self.code, low, high))


def before(prog: Program, end: int, inside: int) -> list[Decoded]:
    """The instructions before ``end``, in order, of the function that holds ``inside``.

    Raises Unknown when the code is not in the dump.
    """
    try:
        start = prog.symbol(inside).address
    except LookupError:
        start = end - WINDOW
    known = end - start <= WINDOW
    begin = start if known else end - WINDOW
    try:
        data = prog.read(begin, end - begin)
    except drgn.FaultError as error:
        raise Unknown(f"code before {end:#x}: {error}") from None
    return of_program(prog).decode_before(data, begin, known)


def called_through(path: Flow) -> Optional[Pointer]:
    """The function pointer of the call that ends ``path.code``; None when it cannot be told.

    Of a call that has just been made all registers are still those at the call.
    """
    call, path.code = path.code[-1], path.code[:-1]
    if call.flow == "indirect call":
        memory = [operand for operand in call.explicit_memory() if not operand.implied]
        if memory:
            return path.loaded_from(memory[0])
        register = call.operand_registers[0] if call.operand_registers else ""
        return path.pointer_of(register) if register else None
    if call.flow != "call" or call.target is None:
        return None
    thunk = _thunk_register(path.prog, call.target)
    return path.pointer_of(thunk) if thunk is not None else None


def _thunk_register(prog: Program, target: int) -> Optional[str]:
    """The register that a retpoline jumps through .

    Asked by name: the thunks are labels without size in one array.
    """
    for name, register in of_program(prog).indirect_thunks().items():
        try:
            if prog.symbol(name).address == target:
                return register
        except LookupError:
            continue
    return None


def _read(prog: Program, address: int) -> Optional[int]:
    try:
        return int(prog.read_u64(address & _MASK))
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


def _global(prog: Program, address: int) -> Optional[Resolved]:
    """The global variable (or a pointer member of it) at an address."""
    value = _read(prog, address)
    if value is None:
        return None
    try:
        symbol = prog.symbol(address)
        variable = prog.variable(symbol.name)
    except NO_ANSWER:
        return Resolved(value)
    if variable.address_ != symbol.address:
        return Resolved(value)
    offset = address - symbol.address
    target = pointee(variable.type_)
    if target is not None and offset == 0:
        return Resolved(value, Pointer(symbol.name, value, target))
    member = member_at(variable.type_, offset, 8)
    inner = pointee(member.type) if member is not None else None
    if member is None or inner is None:
        return Resolved(value)
    separator = "" if member.path.startswith("[") else "."
    return Resolved(value, Pointer(f"{symbol.name}{separator}{member.path}", value, inner))
