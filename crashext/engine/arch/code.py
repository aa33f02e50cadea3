# SPDX-License-Identifier: GPL-2.0-or-later
"""A decoded instruction, whatever the architecture: what it reads, writes and where control goes.

The decoders fill these; the data flow (:mod:`.flow`) and the analysis of a fault work on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

from crashext.engine.model import Instruction

_SIGN_BIT = 1 << 63
#: A branch that goes farther leaves its function, when the function's size is not known.
_LONGEST_FUNCTION = 1 << 16


def to_signed(value: int) -> int:
    """The 64-bit number as a signed one."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value & _SIGN_BIT else value


@dataclass(frozen=True)
class Memory:
    """One memory operand, explicit or implied (the stack of a push).

    ``displacement`` is signed, but for an operand without base register, where it is the address
    itself (or the offset in the segment, for fs and gs). ``size`` is in bytes, 0 when unknown.
    Register names are lower case and 64 bits wide where the address is.
    """

    base: Optional[str]
    index: Optional[str]
    scale: int
    displacement: int
    segment: Optional[str]  # "fs" and "gs" only: the others are flat
    size: int
    access: str  # "read", "write", "read and write"
    implied: bool = False  # the stack access of push, pop, call, ret
    #: RIP-relative: ``displacement`` holds the absolute address …
    rip_relative: bool = False
    #: … or, where RIP is not known, the distance to the next instruction.
    rip_known: bool = True
    #: bt, bts, btr, btc with a register: the bit number moves the address.
    bit_offset: Optional[str] = None

    @property
    def reads(self) -> bool:
        return self.access != "write"

    @property
    def writes(self) -> bool:
        return self.access != "read"

    @property
    def constant(self) -> bool:
        """No register takes part: the compiler knew the address."""
        return not (self.base or self.index or self.segment or self.bit_offset)

    @property
    def text(self) -> str:
        """The operand as AT&T writes it: ``0x18(%rbx)``, ``%gs:0x10``, ``0x0``."""
        prefix = f"%{self.segment}:" if self.segment else ""
        if not self.rip_known:
            return (
                f"{prefix}{'-' if self.displacement < 0 else ''}0x{abs(self.displacement):x}(%rip)"
            )
        if not self.base and not self.index:
            return f"{prefix}0x{self.displacement:x}"
        number = ""
        if self.displacement:
            sign = "-" if self.displacement < 0 else ""
            number = f"{sign}0x{abs(self.displacement):x}"
        base = f"%{self.base}" if self.base else ""
        index = f",%{self.index},{self.scale}" if self.index else ""
        return f"{prefix}{number}({base}{index})"

    def registers(self) -> list[str]:
        """The general registers that make the address, base first."""
        return [name for name in (self.base, self.index, self.bit_offset) if name]

    def address(self, registers: dict[str, int], bits: int = 64) -> Optional[int]:
        """The effective address with these register values, or None when one is missing.

        fs and gs bases are looked up as ``fs_base`` and ``gs_base``.
        """
        if not self.rip_known:
            return None
        total = self.displacement
        if self.segment:
            base = registers.get(self.segment + "_base")
            if base is None:
                return None
            total += base
        for name, scale in ((self.base, 1), (self.index, self.scale)):
            if name:
                value = registers.get(name)
                if value is None:
                    return None
                total += value * scale
        if self.bit_offset:
            value = registers.get(self.bit_offset)
            if value is None:
                return None
            signed = value - (1 << 64) if value & _SIGN_BIT else value
            total += (signed >> 6) * 8 if self.size == 8 else (signed >> 5) * 4
        return total & ((1 << bits) - 1)


@dataclass(frozen=True)
class Decoded:
    """One decoded instruction."""

    address: int
    data: bytes
    text: str  # AT&T, as objdump prints it: "movl $0x1,0x0"
    mnemonic: str  # without size suffix: "mov"
    memory: tuple[Memory, ...]
    #: "next", "jump", "branch" (conditional), "call", "indirect call", "indirect jump", "return",
    #: "exception" (ud2), "interrupt" (int3), "other"
    flow: str
    target: Optional[int]  # of a direct jump, branch or call
    written: frozenset[str]  # full registers written for certain
    maybe_written: frozenset[str]  # … or perhaps (cmov)
    #: Operand registers in Intel order ("" where an operand is no register), sub-registers named
    #: as written (``eax``).
    operand_registers: tuple[str, ...]
    immediate: Optional[int]
    repeated: bool = False  # has a rep prefix
    string: bool = False  # movs, stos, lods, cmps, scas, ins, outs
    privileged: bool = False
    #: lea: the operand whose address is taken; nothing is accessed there.
    address_of: Optional[Memory] = None

    @property
    def length(self) -> int:
        return len(self.data)

    @property
    def end(self) -> int:
        return self.address + len(self.data)

    def explicit_memory(self) -> list[Memory]:
        return [operand for operand in self.memory if not operand.implied]

    def relative_to_rip(self) -> Decoded:
        """The same where no address is known: targets are given as distances to RIP.

        To be called on an instruction that was decoded as if the faulting one lay at 0.
        """
        text = self.text
        if self.target is not None:
            distance = to_signed(self.target)
            sign = "-" if distance < 0 else "+"
            text = f"{text.rsplit(' ', 1)[0]} RIP{sign}0x{abs(distance):x}"
        return self._without_places(text, self.target)

    def relative_to_function(self, size: Optional[int] = None) -> Decoded:
        """The same where the address is the offset in the function, ``size`` bytes long.

        Targets outside of it cannot be known, nor what lies at a RIP-relative operand.
        """
        if self.target is None or 0 <= to_signed(self.target) < (size or _LONGEST_FUNCTION):
            return self._without_places(self.text, self.target)
        return self._without_places(f"{self.text.rsplit(' ', 1)[0]} (another function)", None)

    def _without_places(self, text: str, target: Optional[int]) -> Decoded:
        memory = tuple(
            replace(
                operand,
                displacement=to_signed(operand.displacement - self.end),
                rip_known=False,
            )
            if operand.rip_relative
            else operand
            for operand in self.memory
        )
        address_of = self.address_of
        if address_of is not None and address_of.rip_relative:
            address_of = replace(
                address_of,
                displacement=to_signed(address_of.displacement - self.end),
                rip_known=False,
            )
        return replace(
            self,
            text=text.split("  # ", 1)[0],
            memory=memory,
            target=target,
            address_of=address_of,
        )

    def display(self, faulting: bool = False) -> Instruction:
        """The model's form of it."""
        return Instruction(
            address=self.address, bytes=self.data.hex(), text=self.text, faulting=faulting
        )
