# SPDX-License-Identifier: GPL-2.0-or-later
"""What the caller gave for the parameter that turned out to be bad: ``dev`` was ``the_device``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Optional

import drgn

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn import operand, origin, variables
from crashext.targets.drgn.asking import NO_ANSWER

if TYPE_CHECKING:
    from crashext.targets.drgn.target import DrgnTarget


def find(
    target: DrgnTarget, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """One finding, when the operand's root is a parameter and the call site tells its origin."""
    names = target.arch.registers
    pc = frame.registers.get(names.pc) if frame is not None else None
    if pc is None or not target.symbols.is_code(pc):
        return
    expression = target.faulting_expression()
    root = re.match(r"\*?\(*(\w+)", expression) if expression else None
    if root is None:
        return
    trace = target.trace(frame)
    # Frames that share a pc: the functions inlined there, then the one they are inlined into.
    whole = [step for step in trace if not step.is_inline]
    own, caller = (whole[0], whole[1]) if len(whole) > 1 else (None, None)
    if own is None or caller is None or own.function_name is None:
        return
    parameters = variables.parameter_names(target.prog, own, own.function_name)
    if root.group(1) not in parameters[: len(names.arguments)]:
        return
    register = names.arguments[parameters.index(root.group(1))]
    passed = _passed(target, caller, register)
    if passed is None or passed == root.group(1):
        return
    call = caller.pc - 1
    yield Finding(
        "argument",
        f"{root.group(1)} of {own.function_name} is what {caller.name} passed: {passed}",
        [],
        Check(crash=f"dis -s {call:x}", drgn=f"prog.source_location({call:#x})"),
    )


def _passed(target: DrgnTarget, caller: drgn.StackFrame, register: str) -> Optional[str]:
    """The expression for the argument register at the call; None when it cannot be told."""
    try:
        code = origin.before(target.prog, caller.pc, caller.pc - 1)
        known = caller.registers()
    except (Unknown, *NO_ANSWER):
        return None
    if not code or "call" not in code[-1].flow:
        return None
    registers = {**known, target.arch.registers.pc: code[-1].address}
    pointers = list(operand.pointers_of([caller]))
    flow = operand.flow_of(target.prog, pointers, registers, code[:-1])
    found = flow.pointer_of(register)
    return found.expression if found is not None else None
