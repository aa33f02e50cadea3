# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash target with drgn over crash's memory: the answers that need debug info are drgn's.

What PyKdump's names read from memory (kernel, task, registers) stays crash's own, and the rest is
asked of the same code that the drgn target is: so both give the same explanation.
"""

from __future__ import annotations

from typing import Optional

from crashext.engine.model import (
    Module,
    SourceLine,
    SourceLocation,
    StackFrame,
    Task,
    Variable,
)
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.targets.base import ExceptionFrame, Findings, Symbol
from crashext.targets.crash.target import CrashTarget
from crashext.targets.drgn import DrgnTarget
from crashext.targets.drgn.modules.deep import ModuleQuestions


class DeepCrashTarget(ModuleQuestions, CrashTarget):
    """:param deep: a drgn target whose program reads crash's memory."""

    def __init__(self, deep: DrgnTarget) -> None:
        super().__init__()
        self.deep = deep
        self.deep_modules = deep.deep_modules
        # Its lists: a directory that a command adds is looked in when drgn answers.
        self.source_dirs, self.module_dirs = deep.source_dirs, deep.module_dirs

    def log(self) -> str:
        # crash's own text lacks the caller's tag (CONFIG_PRINTK_CALLER), which tells the reports of
        # two CPUs apart; and it costs a command.
        try:
            return self.deep.log()
        except Unknown:
            return super().log()

    def exception_frame(self, report: Optional[Report]) -> ExceptionFrame:
        try:
            return super().exception_frame(report)
        except Unknown:
            return self.deep.exception_frame(report)

    def task(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Task:
        task = super().task(report, frame)
        try:
            task.context = self.deep.task(report, frame).context or task.context
        except Unknown:
            pass
        return task

    def backtrace(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[StackFrame]:
        try:
            found = self.deep.backtrace(report, frame)
        except Unknown as reason:
            found = super().backtrace(report, frame)
            if not found:
                raise reason
        for entry in found:
            if entry.module is not None and entry.line is not None:
                self.lined[entry.module] = None
        return found

    def symbol(self, address: int) -> Symbol:
        try:
            return self.deep.symbol(address)
        except Unknown:
            return super().symbol(address)

    def address(self, name: str) -> int:
        try:
            return self.deep.address(name)
        except Unknown:
            return super().address(name)

    def source(self, address: int, is_return_address: bool = False) -> list[SourceLocation]:
        self._note_lines(address)  # also when drgn has none: crash may get the file all the same
        return self.deep.source(address, is_return_address)

    def source_text(self, file: str, line: int, context: int = 2) -> list[SourceLine]:
        return self.deep.source_text(file, line, context)

    def modules(self) -> list[Module]:
        return self.deep.modules()

    def line_of_access(self, frame: ExceptionFrame) -> Optional[int]:
        return self.deep.line_of_access(frame)

    def variables(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[Variable]:
        return self.deep.variables(report, frame)

    def operand(
        self, frame: ExceptionFrame, register: Optional[str], displacement: int, size: int
    ) -> str:
        return self.deep.operand(frame, register, displacement, size)

    def findings(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Findings:
        return self.deep.findings(report, frame)
