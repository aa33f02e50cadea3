# SPDX-License-Identifier: GPL-2.0-or-later
"""What the caller gave for the parameter that turned out to be bad: ``dev`` was ``the_device``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

import drgn

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel.findings import Look
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn import operand, origin, variables
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.session import Session


def find(
    session: Session, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """One finding, when the operand's root is a parameter and the call site tells its origin."""
    names = session.arch.registers
    pc = frame.registers.get(names.pc) if frame is not None else None
    if frame is None or pc is None or not session.symbols.is_code(pc):
        return
    expression = session.faulting_expression(frame)
    root = re.match(r"\*?\(*(\w+)", expression) if expression else None
    if root is None:
        return
    trace = session.trace(report, frame)
    # Frames that share a pc: the functions inlined there, then the one they are inlined into.
    whole = [step for step in trace if not step.is_inline]
    own, caller = (whole[0], whole[1]) if len(whole) > 1 else (None, None)
    if own is None or caller is None or own.function_name is None:
        return
    parameters = variables.parameter_names(session.prog, own, own.function_name)
    if root.group(1) not in parameters[: len(names.arguments)]:
        return
    register = names.arguments[parameters.index(root.group(1))]
    passed = _passed(session, caller, register)
    if passed is None or passed == root.group(1):
        return
    call = caller.pc - 1
    yield Finding(
        "argument",
        f"{root.group(1)} of {own.function_name} is what {caller.name} passed: {passed}",
        [],
        Check(crash=f"dis -s {call:x}", drgn=f"prog.source_location({call:#x})"),
    )


def _passed(session: Session, caller: drgn.StackFrame, register: str) -> Optional[str]:
    """The expression for the argument register at the call; None when it cannot be told."""
    try:
        code = origin.before(session.prog, caller.pc, caller.pc - 1)
        known = caller.registers()
    except (Unknown, *NO_ANSWER):
        return None
    if not code or "call" not in code[-1].flow:
        return None
    registers = {**known, session.arch.registers.pc: code[-1].address}
    pointers = list(operand.pointers_of([caller]))
    flow = operand.flow_of(session.prog, pointers, registers, code[:-1])
    found = flow.pointer_of(register)
    return found.expression if found is not None else None


LOOK: Look[Session] = Look(("argument",), frozenset({"exception frame", "variables"}), find)
