# SPDX-License-Identifier: GPL-2.0-or-later
"""A crashed kernel that is open in ``crash``, by PyKdump's names alone.

crash's own reading of registers and stacks is not used: crash 8.0.2 misreads parts of 6.1
kernels (stale frames in ``bt``, tasks missing from its PID hash). Registers come from the stacks
in memory, the call path from the log's, confirmed by memory. What needs debug info beyond that
is :class:`crashext.targets.crash.deep.DeepCrashTarget`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn, Optional

from crashext.engine.arch import of
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
from crashext.engine.modules import ModuleTable
from crashext.engine.report import Report
from crashext.engine.words import TaskContext
from crashext.errors import Unknown
from crashext.kernel.modules import records, table
from crashext.source_text import SourceFiles
from crashext.targets.base import ExceptionFrame, Owner, PageLevel, Symbol
from crashext.targets.crash import lines, names, path, registers
from crashext.targets.crash.cpus import Cpus
from crashext.targets.crash.port import CrashPort

#: crash decodes dumps of its own architecture only, and PyKdump exists for this one.
_ARCH = of("x86_64")
#: A kernel thread (include/linux/sched.h; unchanged since 2.6).
_PF_KTHREAD = 0x00200000
#: What every module calls its entry points besides their own names.
_MODULE_ALIASES = ("init_module", "cleanup_module")


class CrashTarget:
    """Implements :class:`crashext.targets.base.Target`.

    :param why_shallow: why there is no drgn in this Python, for the user.
    """

    name = "crash"

    def __init__(
        self, source_dirs: Optional[list[str]] = None, why_shallow: str = "drgn is not used"
    ) -> None:
        self.source_dirs: list[str] = list(source_dirs or [])
        self.module_dirs: list[str] = []
        self.memory = CrashPort()
        self.cpus = Cpus(self.memory)
        self._why_shallow = why_shallow
        self._sources = SourceFiles(self.source_dirs)
        self._report: Optional[Report] = None
        self._frame: Optional[ExceptionFrame] = None
        self._frame_stack: Optional[str] = None
        self._entry_points: Optional[list[tuple[int, int, str]]] = None

    # The kernel

    def log(self) -> str:
        with names.asking("the kernel log"):
            return str(names.exec_crash_command("log"))

    def kernel(self) -> Kernel:
        kernel = Kernel(
            release=self._uts("release"), version=self._uts("version"), machine=self._uts("machine")
        )
        if kernel.release is None:
            kernel.release = names.sys_info.get("RELEASE")
        try:
            kernel.cpus = len(self.cpus.present())
        except Unknown:
            pass
        return kernel

    def _uts(self, member: str) -> Optional[str]:
        base = self.memory.symbol("init_uts_ns")
        place = self.memory.member("struct uts_namespace", f"name.{member}")
        if base is None or place is None:
            return None
        try:
            raw = self.memory.read(base + place.offset, place.size)
        except Unknown:
            return None
        return raw.partition(b"\0")[0].decode(errors="replace")

    # The task

    def crashed_task(self) -> int:
        """Address of the ``task_struct`` that crashed: the report's, else the panic CPU's."""
        report = self._report
        cpu = self.cpus.panic_cpu()
        if report is not None and report.pid is not None:
            wanted = [number for number in (report.cpu, cpu) if number is not None]
            task = self.cpus.task_of_pid(report.pid, wanted)
            if task is not None:
                return task
            if report.cpu is not None and report.pid == 0:
                return self.cpus.current_task(report.cpu)
        if cpu is None and report is not None:
            cpu = report.cpu
        if cpu is None:
            raise Unknown("no CPU has panicked (panic_cpu is not set)")
        return self.cpus.current_task(cpu)

    def task(self) -> Task:
        task = self.crashed_task()
        result = Task(comm=self.cpus.task_comm(task), pid=self.cpus.task_pid(task))
        if result.comm is None and result.pid is None:
            raise Unknown(f"the task_struct at {task:#x} cannot be read")
        result.cpu = self.cpus.task_cpu(task)
        result.context = self._context(task)
        return result

    def _context(self, task: int) -> Optional[TaskContext]:
        if self._report is not None and self._report.context not in (None, "process"):
            return self._report.context
        if self._frame_stack == "NMI":
            return "nmi"
        flags = self.cpus.task_number(task, "flags")
        if flags is None:
            return None
        return "kthread" if flags & _PF_KTHREAD else "process"

    # The exception

    def exception_frame(self, report: Optional[Report]) -> ExceptionFrame:
        if self._frame is not None and report is self._report:
            return self._frame
        self._report, self._frame, self._frame_stack = report, None, None
        machine = str(names.sys_info.get("machine", ""))
        if machine != _ARCH.name:
            raise Unknown(f"pt_regs are searched on x86-64 only, this is {machine or 'unknown'}")
        frame, match = registers.find_frame(self._stacks(), self._entries(), report, _ARCH)
        self._frame, self._frame_stack = frame, match.stack
        return frame

    def _stacks(self) -> Iterator[Stack]:
        """The stacks on which the exception can have been taken, likeliest first."""
        report = self._report
        seen: set[int] = set()
        tasks: list[int] = []
        try:
            tasks.append(self.crashed_task())
        except Unknown:
            pass
        numbers = [report.cpu if report is not None else None, self.cpus.panic_cpu()]
        wanted = [n for i, n in enumerate(numbers) if n is not None and n not in numbers[:i]]
        for cpu in wanted:
            try:
                tasks.append(self.cpus.current_task(cpu))
            except Unknown:
                continue
        for task in tasks:
            area = self.cpus.task_stack(task)
            if area is not None and area.base not in seen:
                seen.add(area.base)
                yield area
        for cpu in wanted:
            yield from self.cpus.cpu_stacks(cpu)

    def _entries(self) -> list[tuple[int, int, str]]:
        """(start, end, name) of the exception entries that this kernel has."""
        if self._entry_points is None:
            found = []
            for name in _ARCH.entries:
                start = self.memory.symbol(name)
                if start is not None:
                    found.append((start, self._symbol_end(start, name), name))
            self._entry_points = found
        return self._entry_points

    @staticmethod
    def _symbol_end(start: int, name: str) -> int:
        """The end of a function, to its alignment: PyKdump's names give no sizes."""
        end = start + 16
        while end < start + 2048 and names.addr2sym(end, 1)[0] == name:
            end += 16
        return end

    def saved_registers(self) -> dict[int, dict[str, int]]:
        """The registers that the dump saved, by CPU; a CPU without any is left out."""
        try:
            text = str(names.exec_crash_command("help -r"))
        except names.CrashError:
            return {}
        return registers.parse_saved_registers(text)

    # The stack

    def backtrace(self, frame: Optional[ExceptionFrame]) -> list[StackFrame]:
        """The log's path, each frame confirmed by its return address in memory.

        Without a log: words of the stack that point into code, none of them reliable.
        """
        start = self._stack_pointer(frame)
        found = [self._at(frame.registers[_ARCH.registers.pc])] if frame is not None else []
        areas = list(self._stacks())
        report = self._report
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

    def _stack_pointer(self, frame: Optional[ExceptionFrame]) -> int:
        if frame is not None:
            return frame.registers[_ARCH.registers.sp]
        cpu = self.cpus.panic_cpu()
        if cpu is None and self._report is not None:
            cpu = self._report.cpu
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
            low, high = self.memory.symbol(start), self.memory.symbol(end)
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
        return [SourceLocation(self.symbol(address).name, found[0], found[1])]

    def source_text(self, file: str, line: int, context: int = 2) -> list[SourceLine]:
        places = [str(names.sys_info.get(key, "")).split("[")[0].strip().rpartition("/")[0] or "."
                  for key in ("DUMPFILE", "DEBUG KERNEL", "KERNEL")]  # fmt: skip
        return self._sources.lines(file, line, context, places, self.module_dirs)

    def read(self, address: int, size: int) -> bytes:
        return self.memory.read(address, size)

    # Modules

    def module_table(self) -> ModuleTable:
        return table.walk_modules(self.memory).table()

    def modules(self) -> list[Module]:
        return self.module_table().modules

    def last_unloaded(self) -> Optional[str]:
        return records.last_name(self.memory)

    # What only debug info tells

    def _needs_drgn(self, what: str) -> NoReturn:
        raise Unknown(f"{what}: needs drgn inside crash ({self._why_shallow})")

    def variables(self, frame: Optional[ExceptionFrame]) -> list[Variable]:
        self._needs_drgn("parameters and locals of the frames")

    def operand(
        self, frame: ExceptionFrame, register: Optional[str], displacement: int, size: int
    ) -> str:
        self._needs_drgn("the source's name of the operand")

    def owner(self, address: int) -> Owner:
        self._needs_drgn(f"what {address:#x} belongs to")

    def page_walk(self, address: int) -> list[PageLevel]:
        self._needs_drgn(f"the page tables of {address:#x}")

    def findings(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> list[Finding]:
        self._needs_drgn("locks, other CPUs, system call and work item")
