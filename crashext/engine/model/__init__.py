# SPDX-License-Identifier: GPL-2.0-or-later
"""The model of an explained crash, and the contract behind ``--json``: docs/json.md.

:mod:`explanation` composes it from its parts, one module each.
"""

from __future__ import annotations

from crashext.engine.model.cause import Cause, ChainLink, OtherReport
from crashext.engine.model.evidence import Check, Evidence, Finding, NextStep
from crashext.engine.model.explanation import SCHEMA, Explanation
from crashext.engine.model.fault import Access, ErrorBit, ErrorCode, FaultAddress, RegisterValue
from crashext.engine.model.fields import hexadecimal
from crashext.engine.model.hardware import Hardware, Sign
from crashext.engine.model.memory import Asked, Holder, MemoryState
from crashext.engine.model.place import (
    Culprit,
    Instruction,
    Rip,
    SourceLine,
    SourceLocation,
    StackFrame,
)
from crashext.engine.model.setting import (
    Kernel,
    Module,
    ModuleRegion,
    Taint,
    TaintMeaning,
    Task,
    Variable,
)
from crashext.engine.model.waits import WaitingTask, Waits

__all__ = [
    "SCHEMA",
    "Access",
    "Asked",
    "Cause",
    "ChainLink",
    "Check",
    "Culprit",
    "ErrorBit",
    "ErrorCode",
    "Evidence",
    "Explanation",
    "FaultAddress",
    "Finding",
    "Hardware",
    "Holder",
    "Instruction",
    "Kernel",
    "MemoryState",
    "Module",
    "ModuleRegion",
    "NextStep",
    "OtherReport",
    "RegisterValue",
    "Rip",
    "Sign",
    "SourceLine",
    "SourceLocation",
    "StackFrame",
    "Taint",
    "TaintMeaning",
    "Task",
    "Variable",
    "WaitingTask",
    "Waits",
    "hexadecimal",
]
