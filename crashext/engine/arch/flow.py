# SPDX-License-Identifier: GPL-2.0-or-later
"""Data flow through straight-line code: who wrote a register last, and whether a jump joins.

Used twice: an architecture tells from the bytes of a log where a bad pointer came from
(:class:`Origin`), and a target with debug info follows the same instructions to the variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Optional

from crashext.engine.arch.code import Decoded, Memory


@dataclass(frozen=True)
class Step:
    """One instruction that took part, nearest to the fault first."""

    address: int
    instruction: str
    text: str


@dataclass
class Origin:
    """Where a register's value came from.

    ``kind``: "memory" (loaded; ``memory`` is the operand, ``memory_address`` its address where the
    registers still tell, ``base`` the origin of the operand's base register), "stack" (an address
    in the stack frame), "argument" (``argument`` counts from 1), "return-value" (of the call at
    ``call_address`` to ``call_target``), "constant" (``constant``), "computed", "caller" (a
    register that the function had from its caller), "unknown".
    """

    register: str
    kind: str
    text: str
    steps: list[Step] = field(default_factory=list)
    memory: Optional[Memory] = None
    memory_address: Optional[int] = None
    base: Optional[Origin] = None
    argument: Optional[int] = None
    call_address: Optional[int] = None
    call_target: Optional[int] = None
    constant: Optional[int] = None
    #: Sum of what lea and add put on top: the value is what was loaded plus this.
    offset: int = 0
    #: The code tested the register for zero / for an error pointer on the way.
    null_checked: bool = False
    error_checked: bool = False
    #: False when a jump within the bytes joins between the origin and the fault.
    straight: bool = True
    #: The value was loaded from the stack frame, where the compiler had put a register.
    spilled: bool = False


def writes(step: Decoded, caller_saved: frozenset[str]) -> frozenset[str]:
    """Full names of the registers that an instruction changes or may change.

    A call changes all that the calling convention lets it.
    """
    found = step.written | step.maybe_written
    return found | caller_saved if "call" in step.flow else found


def last_write(
    code: Sequence[Decoded], register: str, end: int, caller_saved: frozenset[str]
) -> Optional[int]:
    """Index of the last instruction before ``code[end]`` that changes the register, or None."""
    for index in range(end - 1, -1, -1):
        if register in writes(code[index], caller_saved):
            return index
    return None


def changed(
    code: Sequence[Decoded], register: str, start: int, caller_saved: frozenset[str]
) -> bool:
    """Whether ``code[start:]`` changes the register."""
    return any(register in writes(step, caller_saved) for step in code[start:])


def jumps_into(code: Sequence[Decoded], low: int, high: int) -> Iterator[Decoded]:
    """The jumps and branches of ``code`` that land above ``low``, at most at ``high``."""
    for step in code:
        jumps = step.flow in ("jump", "branch")
        if jumps and step.target is not None and low < step.target <= high:
            yield step
