# SPDX-License-Identifier: GPL-2.0-or-later
"""The fault: what was tried, at which address, and what the registers held."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from crashext.engine.model.fields import hexadecimal
from crashext.engine.words import AccessType


@dataclass
class ErrorBit:
    bit: int
    name: str
    set: bool
    meaning: str


@dataclass
class ErrorCode:
    """A trap's error code, bit by bit (arch/x86/include/asm/trap_pf.h for page faults)."""

    raw: int
    bits: list[ErrorBit] = field(default_factory=list)
    meaning: str = ""
    trap: Optional[str] = None  # "#PF", "#GP", …: whose error code it is


@dataclass
class Access:
    """What the faulting instruction tried: ``size`` in bytes."""

    type: Optional[AccessType] = None
    size: Optional[int] = None
    address: Optional[int] = hexadecimal()
    expression: Optional[str] = None
    operand: Optional[str] = None  # as the assembler writes it: "0x18(%rbx)"
    register: Optional[str] = None  # the register that holds the bad pointer
    register_value: Optional[int] = hexadecimal()
    origin: Optional[str] = None  # where that register came from, in words
    source: Optional[str] = None  # what the source calls it: "req->file", "*p"


@dataclass
class FaultAddress:
    value: int = hexadecimal(0)
    source: str = field(default="", metadata={"json": "from"})
    meaning: str = ""


@dataclass
class RegisterValue:
    value: int = hexadecimal(0)
    meaning: str = ""
