# SPDX-License-Identifier: GPL-2.0-or-later
"""How questions to a target end."""

from __future__ import annotations

from typing import NoReturn, Optional

from crashext.engine.case import FAILURE, Case
from crashext.engine.model import Explanation, Kernel, SourceLocation, StackFrame
from crashext.engine.report import LogSummary, Report
from crashext.engine.verdict import explain, read_log
from crashext.errors import Unknown
from crashext.render import text
from crashext.targets.base import ExceptionFrame, Symbol
from crashext.targets.log import LogTarget
from crashext.view import explain as view

OOPS = """\
[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000
[    1.0] #PF: supervisor write access in kernel mode
[    1.0] #PF: error_code(0x0002) - not-present page
[    1.0] Oops: 0002 [#1] PREEMPT SMP NOPTI
[    1.0] RIP: 0010:f+0x1/0x10 [m]
"""


def case(report: Optional[Report] = None) -> Case:
    return Case(LogTarget(""), LogSummary(), report, Explanation())


def refuse() -> NoReturn:
    raise Unknown("no memory")


def fail() -> NoReturn:
    raise ValueError("bad\ndata")


def test_a_reason_is_kept() -> None:
    asked = case()
    assert asked.ask("stack", refuse) is None
    assert asked.reasons == {"stack": "no memory"}
    assert asked.explanation.unknown == {}


def test_a_failure_is_shown_and_not_raised() -> None:
    asked = case()
    assert asked.ask("stack", fail) is None
    assert asked.explanation.unknown == {"stack": f"{FAILURE}: ValueError: bad data"}


class BrokenTarget(LogTarget):
    def kernel(self) -> Kernel:
        raise RuntimeError("broken")


def test_the_rest_of_the_answer_is_given() -> None:
    target = BrokenTarget(OOPS)
    explanation = explain(target, read_log(target))
    assert explanation.kind == "null-deref"
    shown = " ".join(text.render(view.document(explanation)).split())
    assert f"kernel: {FAILURE}: RuntimeError: broken" in shown


class LiveTarget(LogTarget):
    """A kernel that survived the oops: symbols and lines, but no registers of the fault."""

    name = "drgn"

    def address(self, name: str) -> int:
        if name != "f":
            raise Unknown(f"no symbol named {name}")
        return 0xFFFFFFFFC0001000

    def symbol(self, address: int) -> Symbol:
        return Symbol("f", 0xFFFFFFFFC0001000, address - 0xFFFFFFFFC0001000, 0x10, "m")

    def source(self, address: int, is_return_address: bool = False) -> list[SourceLocation]:
        return [SourceLocation("f", "m.c", 7, 2)]

    def backtrace(self, frame: Optional[ExceptionFrame]) -> list[StackFrame]:
        return [StackFrame("of_something_else")]


def test_a_survived_oops_has_the_place_of_the_log_and_lines_of_the_kernel() -> None:
    target = LiveTarget(OOPS)
    explanation = explain(target, read_log(target))
    assert explanation.rip is not None
    assert (explanation.rip.address, explanation.rip.line) == (0xFFFFFFFFC0001001, 7)
    assert [frame.function for frame in explanation.stack or []] == ["f"]
    assert explanation.culprit is not None
    assert (explanation.culprit.function, explanation.culprit.line) == ("f", 7)
