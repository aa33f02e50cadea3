# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash target with drgn over crash's memory: the answers that need debug info are drgn's.

What PyKdump's names read from memory (kernel, task, registers) stays crash's own, and the rest is
asked of the same code that the drgn target is: so both give the same explanation.
"""

from __future__ import annotations

from typing import Optional

from crashext.engine.integrity import Integrity
from crashext.engine.model import (
    Finding,
    Module,
    SourceLine,
    SourceLocation,
    StackFrame,
    Task,
    Variable,
)
from crashext.engine.modules import ModuleDetail, ModuleSection, ModuleTable, Unloaded
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.targets.base import ExceptionFrame, Owner, PageLevel, Symbol
from crashext.targets.crash.target import CrashTarget
from crashext.targets.drgn import DrgnTarget
from crashext.targets.drgn.modules.deep import DrgnModules, ModuleQuestions


class DeepCrashTarget(ModuleQuestions, CrashTarget):
    """:param deep: a drgn target whose program reads crash's memory."""

    def __init__(self, deep: DrgnTarget) -> None:
        super().__init__()
        self.deep = deep
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
            theirs: Optional[ExceptionFrame] = self.deep.exception_frame(report)
        except Unknown:
            theirs = None
        try:
            ours = super().exception_frame(report)
        except Unknown:
            if theirs is None:
                raise
            return theirs
        # The deep target remembers its frame for what follows; ours is the same pt_regs.
        return ours

    def task(self) -> Task:
        task = super().task()
        try:
            task.context = self.deep.task().context or task.context
        except Unknown:
            pass
        return task

    def backtrace(self, frame: Optional[ExceptionFrame]) -> list[StackFrame]:
        try:
            return self.deep.backtrace(frame)
        except Unknown as reason:
            found = super().backtrace(frame)
            if not found:
                raise reason
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
        return self.deep.source(address, is_return_address)

    def source_text(self, file: str, line: int, context: int = 2) -> list[SourceLine]:
        return self.deep.source_text(file, line, context)

    def modules(self) -> list[Module]:
        return self.deep.modules()

    @property
    def deep_modules(self) -> DrgnModules:
        return self.deep.deep_modules

    def variables(self, frame: Optional[ExceptionFrame]) -> list[Variable]:
        return self.deep.variables(frame)

    def operand(
        self, frame: ExceptionFrame, register: Optional[str], displacement: int, size: int
    ) -> str:
        return self.deep.operand(frame, register, displacement, size)

    def owner(self, address: int) -> Owner:
        return self.deep.owner(address)

    def page_walk(self, address: int) -> list[PageLevel]:
        return self.deep.page_walk(address)

    def findings(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> list[Finding]:
        return self.deep.findings(report, frame)

    # crashext.targets.base.DeepModules

    def module_table(self) -> ModuleTable:
        return self.deep.module_table()

    def find_debug_info(self, name: str) -> None:
        self.deep.find_debug_info(name)

    def module_sections(self, name: str) -> list[ModuleSection]:
        return self.deep.module_sections(name)

    def module_detail(self, name: str) -> ModuleDetail:
        return self.deep.module_detail(name)

    def module_integrity(self, name: str) -> Integrity:
        return self.deep.module_integrity(name)

    def text_integrity(self, address: int) -> Integrity:
        return self.deep.text_integrity(address)

    def kernel_integrity(self) -> Integrity:
        return self.deep.kernel_integrity()

    def unloaded_modules(self) -> Unloaded:
        return self.deep.unloaded_modules()
