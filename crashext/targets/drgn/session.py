# SPDX-License-Identifier: GPL-2.0-or-later
"""One program under examination: what the target and each of its findings ask.

A question is answered from its arguments alone; what is kept (symbols, traces) is kept because a
dump does not change. The target composes; this file is what a finding gets to see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

import drgn
from drgn import Object, Program

from crashext.engine import kinds
from crashext.engine.arch import Architecture
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel import cpus, stacks
from crashext.kernel.crashed import CrashedKernel
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn import operand, stack
from crashext.targets.drgn.architecture import of_program
from crashext.targets.drgn.asking import NO_ANSWER, asking, reason
from crashext.targets.drgn.port import DrgnPort
from crashext.targets.drgn.symbols import KERNEL_HALF, Symbols

#: Reports whose task went on to wait or to spin: its stack in memory is still the report's.
WAITING = (
    kinds.HUNG_TASK,
    kinds.SOFT_LOCKUP,
    kinds.HARD_LOCKUP,
    kinds.RCU_STALL,
    kinds.WORKQUEUE_STALL,
)


@dataclass(frozen=True)
class Trace:
    """drgn's stack trace. ``from_panic``: no registers were saved, so it begins at panic()'s
    caller, one byte inside of its call."""

    steps: drgn.StackTrace
    from_panic: bool = False


class Session:
    """:param registers: registers of the CPUs at the time of the dump, by CPU number, when drgn
    has none of its own (inside crash)."""

    def __init__(
        self, prog: Program, registers: Optional[Mapping[int, Mapping[str, int]]] = None
    ) -> None:
        self.prog = prog
        self.port = DrgnPort(prog)
        self.kernel = CrashedKernel(self.port)
        self.symbols = Symbols(prog, self.port)
        self._arch: Optional[Architecture] = None
        self._registers = dict(registers or {})
        self._traces: dict[int, Trace] = {}
        self._crashed: list[tuple[Optional[Report], Trace]] = []

    @property
    def arch(self) -> Architecture:
        """Raises Unknown for an architecture that crashext does not know."""
        if self._arch is None:
            self._arch = of_program(self.prog)
        return self._arch

    def pc_of(self, frame: ExceptionFrame) -> int:
        return frame.registers[self.arch.registers.pc]

    def task_object(self, task: int) -> Object:
        """``struct task_struct *``"""
        return Object(self.prog, "struct task_struct *", task)

    # Traces

    def trace(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> drgn.StackTrace:
        """From the exception, else of the crashed task from panic() on. Raises Unknown."""
        return self.trace_of_crash(report, frame).steps

    def trace_of_crash(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Trace:
        with asking("the stack"):
            if frame is None:
                return self._trace_of_task(report)
            key = frame.address if frame.address is not None else -1
            if key not in self._traces:
                self._traces[key] = Trace(stack.unwind(self.prog, self.symbols, frame.registers))
            return self._traces[key]

    def _trace_of_task(self, report: Optional[Report]) -> Trace:
        for asked, known in self._crashed:
            if asked is report:
                return known
        task = self.kernel.crashed_task(report)
        self._require_standing_still(report, task)
        try:
            found = Trace(self.task_trace(task))
        except NO_ANSWER as error:
            area = stacks.of_task(self.port, task)
            registers = stack.from_panic(self.prog, area) if area is not None else None
            if registers is None:
                raise Unknown(f"no saved registers of the crashed task: {reason(error)}") from None
            found = Trace(stack.unwind(self.prog, self.symbols, registers), from_panic=True)
        self._crashed.append((report, found))
        return found

    def _require_standing_still(self, report: Optional[Report], task: int) -> None:
        """A task that ran on after the report is elsewhere now: its stack is not the report's."""
        if report is None or report.kind in WAITING or self.kernel.stands_still(task):
            return
        raise Unknown(
            "the kernel went on after this report, so memory no longer has its stack; the log does"
        )

    def task_trace(self, task: int) -> drgn.StackTrace:
        """The stack of any task, with the debug info of the modules that it leads through.

        Raises what drgn raises for a running task whose registers nobody saved.
        """
        registers = self._running_registers(task)
        if registers is not None:
            return stack.unwind(self.prog, self.symbols, registers)
        thread = self.task_object(task)
        trace = self.prog.stack_trace(thread)
        if len(trace):
            names = self.arch.registers
            stack.preload(self.prog, self.symbols, {names.pc: trace[0].pc, names.sp: trace[0].sp})
            trace = self.prog.stack_trace(thread)
        return trace

    def _running_registers(self, task: int) -> Optional[Mapping[str, int]]:
        """The given registers of the CPU that a task runs on; None when it runs on none."""
        cpu = self.kernel.tasks.cpu(task) if self._registers else None
        registers = self._registers.get(cpu) if cpu is not None else None
        if cpu is None or registers is None or registers[self.arch.registers.pc] < KERNEL_HALF:
            return None
        return registers if cpus.current_task(self.port, cpu) == task else None

    def path_of(self, task: int) -> list[str]:
        """Functions that a task is in, innermost first, without inlined ones; empty: not known."""
        try:
            trace = self.task_trace(task)
        except (Unknown, *NO_ANSWER):
            return []
        return [step.function_name for step in trace if step.function_name and not step.is_inline]

    # The operand

    def operand(
        self, frame: ExceptionFrame, register: Optional[str], displacement: int, size: int
    ) -> str:
        """What the source calls ``displacement(register)`` at the fault. Raises Unknown."""
        if self.arch.name != "x86_64":
            raise Unknown("operands are read in x86 code only")
        with asking("the operand"):
            trace = self.trace(None, frame)
            if not self.symbols.is_code(self.pc_of(frame)):
                return operand.called(self.prog, trace, frame.registers)
            return operand.describe(self.prog, trace, frame.registers, register, displacement, size)

    def faulting_expression(self, frame: ExceptionFrame) -> Optional[str]:
        """The memory operand of the faulting instruction in the source's words; None: none."""
        pc = self.pc_of(frame)
        try:
            if not self.symbols.is_code(pc):
                return self.operand(frame, None, pc, 8)
            step = self.arch.decode(self.port.read(pc, self.arch.longest_instruction), pc)
            operands = step.explicit_memory() if step is not None else []
            if len(operands) != 1 or operands[0].index or operands[0].segment:
                return None
            memory = operands[0]
            return self.operand(frame, memory.base, memory.displacement, memory.size)
        except Unknown:
            return None
