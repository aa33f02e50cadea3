# SPDX-License-Identifier: GPL-2.0-or-later
"""A crashed kernel behind a drgn Program: a vmcore, /proc/kcore, or crash's memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Optional

from drgn import Program, ProgramFlags
from drgn.helpers.linux.printk import get_dmesg

from crashext.engine import linetable
from crashext.engine.model import (
    Finding,
    Kernel,
    Module,
    SourceLine,
    SourceLocation,
    StackFrame,
    Task,
    Variable,
)
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel import context, printk
from crashext.kernel.tasks import PF_KTHREAD
from crashext.source_text import SourceFiles
from crashext.targets.base import ExceptionFrame, Findings, Symbol
from crashext.targets.drgn import lines, stack
from crashext.targets.drgn.asking import asking
from crashext.targets.drgn.files import DebugFileFinder
from crashext.targets.drgn.modules.deep import DrgnModules, ModuleQuestions
from crashext.targets.drgn.session import Session


class DrgnTarget(ModuleQuestions):
    """Implements :class:`crashext.targets.base.Target` over a drgn Program; it only composes.

    :param prog: a program whose kernel debug info (vmlinux) is loaded.
    :param registers: registers of the CPUs at the time of the dump, by CPU number, when the caller
        has them and drgn does not (inside crash).
    """

    name = "drgn"
    has_memory = True

    def __init__(
        self,
        prog: Program,
        *,
        registers: Optional[Mapping[int, Mapping[str, int]]] = None,
        source_dirs: Optional[list[str]] = None,
        module_dirs: Optional[list[str]] = None,
        notes: Optional[list[str]] = None,
    ) -> None:
        if not prog.flags & ProgramFlags.IS_LINUX_KERNEL:
            raise Unknown("this drgn program is no Linux kernel")
        self.prog = prog
        self.source_dirs: list[str] = list(source_dirs or [])
        finder = DebugFileFinder.of(prog)
        finder.module_dirs += module_dirs or []
        #: Live: a directory added before the first question counts.
        self.module_dirs: list[str] = finder.module_dirs
        #: What a person must know of the dump itself: that it is cut, for example.
        self.notes: list[str] = list(notes or [])
        self.session = Session(prog, registers)
        self._sources = SourceFiles(self.source_dirs)
        self._lines: dict[Optional[int], Optional[int]] = {}  # of the access, by its pt_regs
        self.deep_modules = DrgnModules(
            prog, self.session.port, self.session.symbols, self._crashed_counters
        )

    # The kernel

    def log(self) -> str:
        with asking("; ".join([*self.notes, "the kernel log"])):
            if printk.has_ring(self.session.port):
                return printk.dmesg(self.session.port)
            text = str(get_dmesg(self.prog).decode(errors="replace"))
            if not text.strip():
                raise Unknown("the kernel log is damaged: it has no record that can be read")
            return text

    def kernel(self) -> Kernel:
        return self.session.kernel.kernel()

    # The crash

    def task(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Task:
        kernel = self.session.kernel
        result = kernel.task(report)
        try:
            path = [step.name for step in self.session.trace(report, frame)]
        except Unknown:
            path = []
        flags = kernel.tasks.number(kernel.crashed_task(report), "flags")
        result.context = context.of_crash(
            path,
            frame.stack if frame is not None else None,
            bool(flags & PF_KTHREAD) if flags is not None else None,
        )
        return result

    def exception_frame(self, report: Optional[Report]) -> ExceptionFrame:
        return self.session.kernel.exception_frame(report, self.session.arch)

    def backtrace(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[StackFrame]:
        symbols = self.session.symbols
        try:
            trace = self.session.trace_of_crash(report, frame)
        except Unknown:
            if report is None or not report.frames:
                raise
            return stack.from_log(symbols, report.frames)
        frames = stack.frames(symbols, trace.steps)
        if trace.from_panic:
            return [StackFrame("panic"), *stack.as_callers(frames)]
        if frame is None:
            return stack.after_panic(frames)
        pc = self.session.pc_of(frame)
        if not symbols.is_code(pc):
            return [StackFrame(address=pc), *stack.as_callers(frames)]
        line = self.line_of_access(frame)
        if line is not None and frames:
            frames[0].line = line
        return frames

    def line_of_access(self, frame: ExceptionFrame) -> Optional[int]:
        if frame.address not in self._lines:
            try:
                self._lines[frame.address] = self._find_line_of_access(frame)
            except Unknown:
                self._lines[frame.address] = None
        return self._lines[frame.address]

    def _find_line_of_access(self, frame: ExceptionFrame) -> Optional[int]:
        """The text of the line that names the member or pointer accessed tells; the debug info
        alone cannot."""
        rip = self.session.pc_of(frame)
        innermost = self.session.symbols.source(rip, False)[0]
        file, line = innermost.file, innermost.line
        expression = self.session.faulting_expression(frame)
        if file is None or line is None or expression is None:
            return None
        rows = lines.rows(self.prog, self.session.symbols.symbol(rip).address, rip)
        texts = {
            number: self.source_text(file, number, 0)[0].text
            for number in (*linetable.statement_lines(rows, line), line)
            if 0 <= line - number <= linetable.MAX_DISTANCE
        }
        return linetable.accessing_line(texts, line, expression)

    # Names and text

    def symbol(self, address: int) -> Symbol:
        with asking(f"the symbol at {address:#x}"):
            return self.session.symbols.symbol(address)

    def address(self, name: str) -> int:
        with asking(f"the address of {name}"):
            found = self.session.symbols.addresses(name)
        if len(found) != 1:
            count = "no symbol" if not found else f"{len(found)} symbols"
            raise Unknown(f"{count} named {name}")
        return int(found.pop())

    def source(self, address: int, is_return_address: bool = False) -> list[SourceLocation]:
        return self.session.symbols.source(address, is_return_address)

    def source_text(self, file: str, line: int, context: int = 2) -> list[SourceLine]:
        return self._sources.lines(file, line, context, self._origins(), self._named())

    def _named(self) -> list[str]:
        """Folders that the user named, besides those of --source-dir: of -S and of -s."""
        finder = DebugFileFinder.of(self.prog)
        files = [word for word in finder.symbols if not os.path.isdir(word)]
        return [
            *finder.directories(),
            *dict.fromkeys(os.path.dirname(os.path.abspath(word)) for word in files),
        ]

    def _origins(self) -> list[str]:
        """Directories where the module files and the dump lie: sources often lie beside them."""
        from_modules = [
            module.debug_file_path for module in self.prog.modules() if module.debug_file_path
        ]
        paths = [*from_modules, self.prog.core_dump_path]
        return [path.rpartition("/")[0] or "." for path in paths if path]

    def read(self, address: int, size: int) -> bytes:
        with asking(f"memory at {address:#x}"):
            return bytes(self.prog.read(address, size))

    # Modules

    def modules(self) -> list[Module]:
        return self.module_table().modules

    def last_unloaded(self) -> Optional[str]:
        return self.deep_modules.last_unloaded()

    def _crashed_counters(self) -> dict[int, list[int]]:
        """The crashed task's program counters, from the exception on, by its task_struct."""
        try:
            task = self.session.kernel.crashed_task(None)
            try:
                frame: Optional[ExceptionFrame] = self.exception_frame(None)
            except Unknown:
                frame = None
            frames = self.backtrace(None, frame)
        except Unknown:
            return {}
        return {task: [entry.address for entry in frames if entry.address is not None]}

    # Data

    def variables(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[Variable]:
        from crashext.targets.drgn import variables

        with asking("the variables"):
            trace = self.session.trace(report, frame)
            return variables.of_trace(self.prog, self.session.symbols, trace)

    def operand(
        self, frame: ExceptionFrame, register: Optional[str], displacement: int, size: int
    ) -> str:
        return self.session.operand(frame, register, displacement, size)

    def findings(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Findings:
        from crashext.targets.drgn import findings

        result = findings.of_crash(self.session, report, frame)
        result.found[:0] = [Finding("dump", note) for note in self.notes]
        return result
