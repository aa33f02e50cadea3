# SPDX-License-Identifier: GPL-2.0-or-later
"""The one model of an explained crash, and the contract behind ``--json``.

Values are plain ints and strings. Fields made with ``hexadecimal()`` hold 64-bit addresses or
register values as ints here; JSON carries them as ``"0x…"`` strings, because JSON numbers lose
the low bits of a 64-bit address in jq 1.6 and in JavaScript.
``None`` means unknown; ``Explanation.unknown`` then holds the reason under the top-level key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from crashext.engine.kinds import Kind
from crashext.engine.model.cause import Cause, ChainLink, OtherReport
from crashext.engine.model.evidence import Evidence, Finding, NextStep
from crashext.engine.model.fault import Access, ErrorCode, FaultAddress, RegisterValue
from crashext.engine.model.hardware import Hardware
from crashext.engine.model.memory import MemoryState
from crashext.engine.model.place import Culprit, Rip, StackFrame
from crashext.engine.model.setting import Kernel, Module, Taint, Task, Variable
from crashext.engine.model.waits import Waits
from crashext.engine.words import Level

SCHEMA = "crashext/1"


@dataclass
class Explanation:
    schema: str = SCHEMA
    target: str = "log"  # "log", "crash", "drgn", "gdb"
    crashed: bool = False
    kind: Optional[Kind] = None
    title: Optional[str] = None
    bucket: Optional[str] = None
    bucket_text: Optional[str] = None
    headline: Optional[str] = None
    error_code: Optional[ErrorCode] = None
    access: Optional[Access] = None
    fault_address: Optional[FaultAddress] = None
    rip: Optional[Rip] = None
    culprit: Optional[Culprit] = None
    task: Optional[Task] = None
    stack: Optional[list[StackFrame]] = None
    registers: Optional[dict[str, RegisterValue]] = None
    variables: Optional[list[Variable]] = None
    taint: Optional[Taint] = None
    modules: Optional[list[Module]] = None
    last_unloaded: Optional[str] = None
    kernel: Optional[Kernel] = None
    confidence: Optional[Level] = None
    confidence_why: Optional[str] = None
    findings: list[Finding] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    reports: list[OtherReport] = field(default_factory=list)
    #: What of the five does not concern a crash is null or empty, without a reason in ``unknown``.
    cause: Optional[Cause] = None
    chain: list[ChainLink] = field(default_factory=list)
    waits: Optional[Waits] = None
    memory: Optional[MemoryState] = None
    hardware: Optional[Hardware] = None
    evidence: list[Evidence] = field(default_factory=list)
    next_steps: list[NextStep] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
