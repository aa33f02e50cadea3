# SPDX-License-Identifier: GPL-2.0-or-later
"""A crashed kernel behind a drgn Program: a vmcore, /proc/kcore, or crash's memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Optional

import drgn
from drgn import Object, Program, ProgramFlags
from drgn.helpers.linux.printk import get_dmesg

from crashext.engine import linetable
from crashext.engine.arch import Architecture, ptregs
from crashext.engine.arch.ptregs import Stack
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
from crashext.kernel import printk
from crashext.source_text import SourceFiles
from crashext.targets.base import ExceptionFrame, Owner, PageLevel, Symbol
from crashext.targets.drgn import context, cpus, lines, locks, stack
from crashext.targets.drgn.architecture import of_program
from crashext.targets.drgn.asking import NO_ANSWER, asking, reason
from crashext.targets.drgn.files import DebugFileFinder
from crashext.targets.drgn.modules.deep import ModuleQuestions
from crashext.targets.drgn.port import DrgnPort
from crashext.targets.drgn.symbols import KERNEL_HALF, Symbols

#: No line has this number.
_NOT_ASKED = -1


class DrgnTarget(ModuleQuestions):
    """Implements :class:`crashext.targets.base.Target` over a drgn Program.

    :param prog: a program whose kernel debug info (vmlinux) is loaded.
    :param crashed_task: ``struct task_struct *`` of the task that crashed, when the caller knows
        it better (inside crash, where drgn has no saved registers); else found from memory.
    :param registers: registers of the CPUs at the time of the dump, by CPU number, likewise.
    """

    name = "drgn"

    def __init__(
        self,
        prog: Program,
        *,
        crashed_task: Optional[Object] = None,
        registers: Optional[Mapping[int, Mapping[str, int]]] = None,
        source_dirs: Optional[list[str]] = None,
        module_dirs: Optional[list[str]] = None,
        notes: Optional[list[str]] = None,
    ) -> None:
        if not prog.flags & ProgramFlags.IS_LINUX_KERNEL:
            raise Unknown("this drgn program is no Linux kernel")
        self.prog = prog
        self._arch: Optional[Architecture] = None
        self.source_dirs: list[str] = list(source_dirs or [])
        finder = DebugFileFinder.of(prog)
        finder.module_dirs += module_dirs or []
        #: Live: a directory added before the first question counts.
        self.module_dirs: list[str] = finder.module_dirs
        #: What a person must know of the dump itself: that it is cut, for example.
        self.notes: list[str] = list(notes or [])
        self.port = DrgnPort(prog)
        self.symbols = Symbols(prog)
        self._sources = SourceFiles(self.source_dirs)
        self._crashed_task = crashed_task
        self._registers = dict(registers or {})
        #: The report that the exception frame was looked up for: later questions are about it.
        self._report: Optional[Report] = None
        self._frame: Optional[ExceptionFrame] = None
        self._rip_line: Optional[int] = _NOT_ASKED
        #: No registers were saved: the trace without an exception begins at panic()'s caller.
        self._from_panic = False
        self._frame_stack: Optional[str] = None  # name of the stack that held the frame
        self._traces: dict[Optional[int], drgn.StackTrace] = {}

    # The kernel

    @property
    def arch(self) -> Architecture:
        """Raises Unknown for an architecture that crashext does not know."""
        if self._arch is None:
            self._arch = of_program(self.prog)
        return self._arch

    def log(self) -> str:
        with asking("; ".join([*self.notes, "the kernel log"])):
            if printk.has_ring(self.port):
                return printk.dmesg(self.port)
            return str(get_dmesg(self.prog).decode(errors="replace"))

    def kernel(self) -> Kernel:
        with asking("the kernel's name"):
            names = self.prog["init_uts_ns"].name
            kernel = Kernel(
                release=_text(names.release),
                version=_text(names.version),
                machine=_text(names.machine),
            )
        try:
            kernel.cpus = len(cpus.present_cpus(self.prog))
        except NO_ANSWER:
            pass
        return kernel

    # The task

    def crashed_task(self) -> Object:
        """``struct task_struct *`` of the task that crashed.

        From the caller, else the report's task, else whoever runs on the CPU that panicked.
        """
        if self._crashed_task is not None:
            return self._crashed_task
        report = self._report
        if report is not None and report.pid:
            task = cpus.task_of_pid(self.prog, report.pid)
            if task is None:
                raise Unknown(f"the task of the report, pid {report.pid}, had ended by the dump")
            return task
        cpu = report.cpu if report is not None and report.pid == 0 else cpus.panic_cpu(self.prog)
        if cpu is None and report is not None:
            cpu = report.cpu
        if cpu is None:
            raise Unknown("no CPU has panicked (panic_cpu is not set)")
        with asking(f"the task of CPU {cpu}"):
            return cpus.current_task(self.prog, cpu)

    def task(self) -> Task:
        task = self.crashed_task()
        with asking("the crashed task"):
            result = Task(comm=_text(task.comm), pid=int(task.pid.value_()))
        result.cpu = context.task_cpu(task)
        result.context = context.of_crash(self._trace_or_none(), self._frame_stack, task)
        return result

    # The exception

    def exception_frame(self, report: Optional[Report]) -> ExceptionFrame:
        if self._frame is not None and report is self._report:
            return self._frame
        self._report, self._frame, self._traces = report, None, {}
        self._rip_line = _NOT_ASKED
        if not self.arch.registers.pt_regs:
            raise Unknown(f"pt_regs are searched on x86-64 and arm64, this is {self.arch.name}")
        match, how = ptregs.search(self._stacks(report), self._entries(), report, self.arch)
        frame = ExceptionFrame(match.registers, match.address, how)
        self._frame_stack = match.stack
        self._trap(frame)
        self._frame = frame
        return frame

    def _stacks(self, report: Optional[Report]) -> Iterator[Stack]:
        """The stacks on which the exception can have been taken, likeliest first."""
        seen: set[int] = set()
        tasks: list[Object] = []
        try:
            tasks.append(self.crashed_task())
        except Unknown:
            pass
        numbers = [report.cpu if report is not None else None, cpus.panic_cpu(self.prog)]
        wanted = [n for i, n in enumerate(numbers) if n is not None and n not in numbers[:i]]
        for cpu in wanted:
            try:
                tasks.append(cpus.current_task(self.prog, cpu))
            except NO_ANSWER:
                continue
        for task in tasks:
            area = cpus.task_stack(self.prog, task)
            if area is not None and area.base not in seen:
                seen.add(area.base)
                yield area
        for cpu in wanted:
            yield from cpus.cpu_stacks(self.prog, cpu)

    def _entries(self) -> Iterator[tuple[int, int, str]]:
        """(start, end, name) of the exception entries that this kernel has."""
        for name in self.arch.entries:
            try:
                symbol = self.prog.symbol(name)
            except LookupError:
                continue
            yield symbol.address, symbol.address + (symbol.size or 64), name

    def _trap(self, frame: ExceptionFrame) -> None:
        """Trap from the entry that saved the registers; error code where they keep it."""
        if frame.address is None or not self.arch.entries:
            return
        try:
            word = self.prog.read_u64(frame.address - 8)
            name = self.symbols.symbol(word - 1).name
        except (drgn.FaultError, Unknown):
            return
        frame.trap = self.arch.entries.get(name)
        if frame.trap is not None:
            frame.error_code = self.arch.saved_error_code(frame.trap, frame.registers)

    # The stack

    def trace(self, frame: Optional[ExceptionFrame]) -> drgn.StackTrace:
        """drgn's stack trace from the exception, else of the crashed task from panic() on."""
        key = frame.address if frame is not None else None
        if key not in self._traces:
            with asking("the stack"):
                if frame is not None:
                    self._traces[key] = stack.unwind(self.prog, self.symbols, frame.registers)
                else:
                    self._traces[key] = self._crashed_trace()
        return self._traces[key]

    def _crashed_trace(self) -> drgn.StackTrace:
        task = self.crashed_task()
        self._require_standing_still(task)
        try:
            return self.task_trace(task)
        except NO_ANSWER as error:
            area = cpus.task_stack(self.prog, task)
            registers = stack.from_panic(self.prog, area) if area is not None else None
            if registers is None:
                raise Unknown(f"no saved registers of the crashed task: {reason(error)}") from None
            self._from_panic = True
            return stack.unwind(self.prog, self.symbols, registers)

    def task_trace(self, task: Object) -> drgn.StackTrace:
        """The stack of any task, with the debug info of the modules that it leads through.

        Raises what drgn raises for a running task whose registers nobody saved.
        """
        registers = self._running_registers(task)
        if registers is not None:
            return stack.unwind(self.prog, self.symbols, registers)
        trace = self.prog.stack_trace(task)
        if len(trace):
            names = self.arch.registers
            stack.preload(self.prog, self.symbols, {names.pc: trace[0].pc, names.sp: trace[0].sp})
            trace = self.prog.stack_trace(task)
        return trace

    def _running_registers(self, task: Object) -> Optional[Mapping[str, int]]:
        """The given registers of the CPU that a task runs on; None when it runs on none."""
        cpu = context.task_cpu(task) if self._registers else None
        registers = self._registers.get(cpu) if cpu is not None else None
        if cpu is None or registers is None or registers[self.arch.registers.pc] < KERNEL_HALF:
            return None
        return registers if cpus.current_task(self.prog, cpu) == task else None

    def _require_standing_still(self, task: Object) -> None:
        """A task that ran on after the report is elsewhere now: its stack is not the report's."""
        report = self._report
        if report is None or report.kind in locks.KINDS:
            return
        panicked = cpus.panic_cpu(self.prog)
        with asking("the crashed task"):
            if panicked is not None and cpus.current_task(self.prog, panicked) == task:
                return
        raise Unknown(
            "the kernel went on after this report, so memory no longer has its stack; the log does"
        )

    def _trace_or_none(self) -> Optional[drgn.StackTrace]:
        try:
            return self.trace(self._frame)
        except Unknown:
            return None

    def backtrace(self, frame: Optional[ExceptionFrame]) -> list[StackFrame]:
        try:
            trace = self.trace(frame)
        except Unknown:
            logged = self._report.frames if self._report is not None else []
            if not logged:
                raise
            return stack.from_log(self.symbols, logged)
        frames = stack.frames(self.symbols, trace)
        if frame is None and self._from_panic:
            return [StackFrame("panic"), *stack.as_callers(frames)]
        if frame is None:
            return stack.after_panic(frames)
        rip = frame.registers[self.arch.registers.pc]
        if not self.symbols.is_code(rip):
            return [StackFrame(address=rip), *stack.as_callers(frames)]
        line = self._line_of_access()
        if line is not None and frames:
            frames[0].line = line
        return frames

    # Names and text

    def symbol(self, address: int) -> Symbol:
        with asking(f"the symbol at {address:#x}"):
            return self.symbols.symbol(address)

    def address(self, name: str) -> int:
        with asking(f"the address of {name}"):
            found = self.symbols.addresses(name)
        if len(found) != 1:
            count = "no symbol" if not found else f"{len(found)} symbols"
            raise Unknown(f"{count} named {name}")
        return int(found.pop())

    def source(self, address: int, is_return_address: bool = False) -> list[SourceLocation]:
        chain = self.symbols.source(address, is_return_address)
        if self._frame is not None and address == self._frame.registers[self.arch.registers.pc]:
            line = self._line_of_access()
            if line is not None:
                chain[0] = replace(chain[0], line=line, column=None)
        return chain

    def _line_of_access(self) -> Optional[int]:
        """The line of the faulting access, where the compiler gave it to a later statement.

        The debug info alone cannot tell; the text of the line that names the member or pointer
        accessed does. None: the line of the debug info is the one, or the text does not decide.
        """
        if self._rip_line == _NOT_ASKED:
            try:
                self._rip_line = self._find_line_of_access()
            except Unknown:
                self._rip_line = None
        return self._rip_line

    def _find_line_of_access(self) -> Optional[int]:
        frame = self._frame
        if frame is None:
            return None
        rip = frame.registers[self.arch.registers.pc]
        innermost = self.symbols.source(rip, False)[0]
        file, line = innermost.file, innermost.line
        expression = self.faulting_expression()
        if file is None or line is None or expression is None:
            return None
        rows = lines.rows(self.prog, self.symbols.symbol(rip).address, rip)
        texts = {
            number: self.source_text(file, number, 0)[0].text
            for number in (*linetable.statement_lines(rows, line), line)
            if 0 <= line - number <= linetable.MAX_DISTANCE
        }
        return linetable.accessing_line(texts, line, expression)

    def faulting_expression(self) -> Optional[str]:
        """The memory operand of the faulting instruction in the source's words; None: none."""
        frame = self._frame
        if frame is None:
            return None
        rip = frame.registers[self.arch.registers.pc]
        try:
            if not self.symbols.is_code(rip):
                return self.operand(frame, None, rip, 8)
            step = self.arch.decode(self.read(rip, self.arch.longest_instruction), rip)
            operands = step.explicit_memory() if step is not None else []
            if len(operands) != 1 or operands[0].index or operands[0].segment:
                return None
            memory = operands[0]
            return self.operand(frame, memory.base, memory.displacement, memory.size)
        except Unknown:
            return None

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

    # Data

    def variables(self, frame: Optional[ExceptionFrame]) -> list[Variable]:
        from crashext.targets.drgn import variables

        with asking("the variables"):
            return variables.of_trace(self.prog, self.symbols, self.trace(frame))

    def operand(
        self, frame: ExceptionFrame, register: Optional[str], displacement: int, size: int
    ) -> str:
        from crashext.targets.drgn import operand

        if self.arch.name != "x86_64":
            raise Unknown("operands are read in x86 code only")
        with asking("the operand"):
            if not self.symbols.is_code(frame.registers[self.arch.registers.pc]):
                return operand.called(self.prog, self.trace(frame), frame.registers)
            return operand.describe(
                self.prog, self.trace(frame), frame.registers, register, displacement, size
            )

    def owner(self, address: int) -> Owner:
        from crashext.targets.drgn import owner

        return owner.of(self.prog, self.symbols, address, self._known_tasks())

    def page_walk(self, address: int) -> list[PageLevel]:
        from crashext.targets.drgn import pagetable

        with asking("the page tables"):
            return pagetable.walk(self.prog, address, self._page_table_task())

    def _known_tasks(self) -> list[Object]:
        """The crashed task and those that run on the CPUs, for what lies on their stacks."""
        tasks = [self._page_table_task()]
        for cpu in cpus.present_cpus(self.prog):
            try:
                tasks.append(cpus.current_task(self.prog, cpu))
            except NO_ANSWER:
                continue
        return [task for task in tasks if task is not None]

    def _page_table_task(self) -> Optional[Object]:
        try:
            return self.crashed_task()
        except Unknown:
            return None

    def findings(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> list[Finding]:
        from crashext.targets.drgn import findings

        about_dump = [Finding("dump", note) for note in self.notes]
        return about_dump + findings.of_crash(self, report, frame)


def _text(value: Object) -> str:
    return str(value.string_().decode(errors="replace"))
