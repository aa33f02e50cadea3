# SPDX-License-Identifier: GPL-2.0-or-later
"""What is found out about a faulting instruction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Protocol

from crashext.engine.arch.code import Memory
from crashext.engine.arch.flow import Origin
from crashext.engine.words import AccessType


@dataclass
class Operand:
    """A memory operand with the address that the registers give it."""

    memory: Memory
    address: Optional[int]
    #: Role for instructions with several: "source", "destination", "stack", "function pointer", "".
    role: str = ""

    @property
    def text(self) -> str:
        return self.memory.text


@dataclass
class Analysis:
    """What the instruction at RIP tried. Sizes are in bytes, addresses virtual."""

    #: None where the report does not tell it (a log since 4.10 gives symbol and offset only).
    rip: Optional[int]
    instruction: str = ""
    data: bytes = b""
    #: "memory", "call", "jump", "return", "stack", "string", "bug" (ud2), "breakpoint" (int3),
    #: "divide", "privileged", "fetch" (RIP itself is bad), "other"
    kind: str = "other"
    access_type: Optional[AccessType] = None
    access_size: Optional[int] = None
    operands: list[Operand] = field(default_factory=list)
    #: The operand that faulted, as far as the evidence tells.
    operand: Optional[Operand] = None
    effective_address: Optional[int] = None
    #: Whether the effective address fits the reported one; None: nothing to compare.
    matches: Optional[bool] = None
    bad_register: Optional[str] = None
    bad_value: Optional[int] = None
    #: The operand's other register and its value, when it has two.
    other_register: Optional[tuple[str, int]] = None
    #: Value of the pointer that was followed: the base register's, or 0 when the address is a
    #: small constant (then the compiler knew that the pointer is NULL). None: not known.
    pointer: Optional[int] = None
    #: The address that a #GP's headline gives is the base register's value, without displacement.
    hint_is_register: bool = False
    #: A double fault: the stack pointer itself is what went wrong.
    off_stack: bool = False
    #: The address is in the instruction itself: no register took part.
    constant_address: bool = False
    origin: Optional[Origin] = None
    #: One sentence for a person.
    sentence: str = ""
    notes: list[str] = field(default_factory=list)
    #: Instruction borders before RIP are certain (the function's start was in the bytes).
    synchronised: bool = False


class Words(Protocol):
    """What names values: the symbols and the address map of the kernel."""

    def describe(self, value: int, pointer: bool = True) -> str:
        """What a value means, in a few words."""

    def is_poison(self, value: int) -> bool:
        """Whether the value is a filler that the kernel writes into memory no longer in use."""


class NoWords:
    """Where nothing is known of the kernel."""

    def describe(self, value: int, pointer: bool = True) -> str:
        return "a value"

    def is_poison(self, value: int) -> bool:
        return False
