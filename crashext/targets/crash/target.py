# SPDX-License-Identifier: GPL-2.0-or-later
"""A crashed kernel that is open in ``crash``, by PyKdump's names alone.

crash's own reading of registers and stacks is not used: crash 8.0.2 misreads parts of 6.1
kernels (stale frames in ``bt``, tasks missing from its PID hash). Registers come from the stacks
in memory, the call path from the log's, confirmed by memory. What needs debug info beyond that
is :class:`crashext.targets.crash.deep.DeepCrashTarget`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, Optional

from crashext.engine.arch import Architecture, of
from crashext.engine.model import (
    Kernel,
    Module,
    SourceLine,
    SourceLocation,
    StackFrame,
    Task,
    Variable,
)
from crashext.engine.modules import ModuleTable
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel import context, cpus
from crashext.kernel.crashed import CrashedKernel
from crashext.kernel.modules import records, table
from crashext.kernel.tasks import PF_KTHREAD
from crashext.source_text import SourceFiles
from crashext.targets.base import ExceptionFrame, Findings, Symbol
from crashext.targets.crash import findings, lines, names, path, registers
from crashext.targets.crash.port import CrashPort

#: crash decodes dumps of its own architecture only, and PyKdump exists for this one.
_ARCH = of("x86_64")
#: What every module calls its entry points besides their own names.
_MODULE_ALIASES = ("init_module", "cleanup_module")


class CrashTarget:
    """Implements :class:`crashext.targets.base.Target`.

    :param why_shallow: why there is no drgn in this Python, for the user.
    """

    name = "crash"
    has_memory = True

    def __init__(
        self, source_dirs: Optional[list[str]] = None, why_shallow: str = "drgn is not used"
    ) -> None:
        self.source_dirs: list[str] = list(source_dirs or [])
        self.module_dirs: list[str] = []
        self.port = CrashPort()
        self.crashed = CrashedKernel(self.port)
        self._why_shallow = why_shallow
        self._sources = SourceFiles(self.source_dirs)
        #: Modules of which source lines were given, the first first: what a person was shown and
        #: may want to check with crash's own commands.
        self.lined: dict[str, None] = {}

    # The kernel

    def log(self) -> str:
        with names.asking("the kernel log"):
            text = str(names.exec_crash_command("log"))
        if not text.strip():
            raise Unknown("crash finds no record in the kernel log")
        return text

    def kernel(self) -> Kernel:
        kernel = self.crashed.kernel()
        if kernel.release is None:
            kernel.release = names.sys_info.get("RELEASE")
        return kernel

    # The crash

    @property
    def arch(self) -> Architecture:
        """Raises Unknown off x86-64: crash decodes dumps of its own architecture only, and
        PyKdump exists for this one."""
        machine = str(names.sys_info.get("machine", ""))
        if machine != _ARCH.name:
            raise Unknown(f"pt_regs are searched on x86-64 only, this is {machine or 'unknown'}")
        return _ARCH

    def task(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Task:
        task = self.crashed.task(report)
        if report is not None and report.context not in (None, "process"):
            task.context = report.context
            return task
        flags = self.crashed.tasks.number(self.crashed.crashed_task(report), "flags")
        task.context = context.of_crash(
            (),
            frame.stack if frame is not None else None,
            bool(flags & PF_KTHREAD) if flags is not None else None,
        )
        return task

    def exception_frame(self, report: Optional[Report]) -> ExceptionFrame:
        return self.crashed.exception_frame(report, self.arch)

    def saved_registers(self) -> dict[int, dict[str, int]]:
        """The registers that the dump saved, by CPU; a CPU without any is left out."""
        try:
            text = str(names.exec_crash_command("help -r"))
        except names.CrashError:
            return {}
        return registers.parse_saved_registers(text)

    # The stack

    def backtrace(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[StackFrame]:
        """The log's path, each frame confirmed by its return address in memory.

        Without a log: words of the stack that point into code, none of them reliable.
        """
        start = self._stack_pointer(report, frame)
        found = [self._at(frame.registers[_ARCH.registers.pc])] if frame is not None else []
        areas = list(self.crashed.stacks(report))
        if report is not None and report.frames:
            logged = [one for one in report.frames if one.name]
            start_here = path.from_panic if frame is None else path.from_exception
            callers = path.confirmed(start_here(logged), areas, start, self._addresses)
            for one in callers:
                if one.reliable:
                    self._locate(one, is_return_address=True)
            return found + callers
        for area in areas:
            if area.base <= start < area.end:
                words = path.guessed(area, start, self._is_text)
                found += [self._at(word, is_return_address=True) for word in words]
        if not found:
            raise Unknown("neither the log nor memory has a call path of the crashed task")
        return found

    def _stack_pointer(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> int:
        if frame is not None:
            return frame.registers[_ARCH.registers.sp]
        cpu = cpus.panic_cpu(self.port)
        if cpu is None and report is not None:
            cpu = report.cpu
        return self.saved_registers().get(-1 if cpu is None else cpu, {}).get(_ARCH.registers.sp, 0)

    def _at(self, address: int, is_return_address: bool = False) -> StackFrame:
        frame = StackFrame(address=address, reliable=not is_return_address)
        try:
            symbol = self.symbol(address)
        except Unknown:
            return frame
        frame.function, frame.offset, frame.module = symbol.name, symbol.offset, symbol.module
        self._locate(frame, is_return_address)
        return frame

    def _locate(self, frame: StackFrame, is_return_address: bool) -> None:
        if frame.address is None:
            return
        try:
            location = self.source(frame.address, is_return_address)[0]
            frame.file, frame.line = location.file, location.line
        except Unknown:
            pass

    def _addresses(self, name: str, module: Optional[str]) -> Sequence[int]:
        return [int(address) for address in names.sym2alladdr(name)]

    def _is_text(self, address: int) -> bool:
        for start, end in (("_stext", "_etext"), ("_text", "_end")):
            low, high = self.port.symbol(start), self.port.symbol(end)
            if low is not None and high is not None:
                return low <= address < high or names.addr2mod(address) is not None
        return False

    # Names and text

    def symbol(self, address: int) -> Symbol:
        with names.asking(f"the symbol at {address:#x}"):
            name, offset = names.addr2sym(address, 1)
            module = names.addr2mod(address)
        if name is None:
            raise Unknown(f"no symbol holds {address:#x}")
        if name in _MODULE_ALIASES and module is not None:
            name = self._own_name(name, module, address - offset)
        return Symbol(str(name), address - int(offset), int(offset), None, module)

    def _own_name(self, alias: str, module: str, start: int) -> str:
        """``hello_cleanup``, which the module's source calls it, for ``cleanup_module``."""
        try:
            listed = str(names.exec_crash_command(f"sym -m {module}"))
        except names.CrashError:
            return alias
        others = [n for n in lines.names_at(listed, start) if n not in _MODULE_ALIASES]
        return others[0] if others else alias

    def address(self, name: str) -> int:
        with names.asking(f"the address of {name}"):
            found = {int(address) for address in names.sym2alladdr(name)}
        if len(found) != 1:
            count = "no symbol" if not found else f"{len(found)} symbols"
            raise Unknown(f"{count} named {name}")
        return found.pop()

    def source(self, address: int, is_return_address: bool = False) -> list[SourceLocation]:
        where = address - 1 if is_return_address else address
        try:
            found = lines.parse_info_line(names.exec_gdb_command(f"info line *{where:#x}"))
            if found is None:
                found = lines.parse_sym_line(str(names.exec_crash_command(f"sym {where:x}")))
        except names.CrashError:
            found = None
        if found is None:
            module = names.addr2mod(address)
            advice = f"load it with mod -s {module} FILE.ko" if module else self._why_shallow
            raise Unknown(f"gdb knows no source line for {address:#x}: {advice}")
        self._note_lines(address)
        return [SourceLocation(self.symbol(address).name, found[0], found[1])]

    def _note_lines(self, address: int) -> None:
        module = names.addr2mod(address)
        if module is not None:
            self.lined[str(module)] = None

    def source_text(self, file: str, line: int, context: int = 2) -> list[SourceLine]:
        places = [str(names.sys_info.get(key, "")).split("[")[0].strip().rpartition("/")[0] or "."
                  for key in ("DUMPFILE", "DEBUG KERNEL", "KERNEL")]  # fmt: skip
        return self._sources.lines(file, line, context, places, self.module_dirs)

    def read(self, address: int, size: int) -> bytes:
        return self.port.read(address, size)

    # Modules

    def module_table(self) -> ModuleTable:
        return table.walk_modules(self.port).table()

    def modules(self) -> list[Module]:
        return self.module_table().modules

    def last_unloaded(self) -> Optional[str]:
        return records.last_name(self.port)

    # What only debug info tells

    def _needs_drgn(self, what: str) -> NoReturn:
        raise Unknown(f"{what}: needs drgn inside crash ({self._why_shallow})")

    def variables(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[Variable]:
        self._needs_drgn("parameters and locals of the frames")

    def operand(
        self, frame: ExceptionFrame, register: Optional[str], displacement: int, size: int
    ) -> str:
        self._needs_drgn("the source's name of the operand")

    def line_of_access(self, frame: ExceptionFrame) -> Optional[int]:
        return None

    def findings(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Findings:
        session = findings.CrashSession(self.crashed, self.arch)
        return findings.of_crash(session, report, frame, self._why_shallow)
