# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash in a kernel's memory: which task it was, and the registers that it interrupted.

Nothing here remembers an earlier question: what a question is about is its argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Optional

from crashext.engine.arch import Architecture, ptregs
from crashext.engine.arch.ptregs import Stack
from crashext.engine.model import Kernel, Task
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel import cpus, stacks
from crashext.kernel.memory import text_of
from crashext.kernel.port import Port, SymbolBounds
from crashext.kernel.tasks import Tasks
from crashext.targets.base import ExceptionFrame

#: Bytes of an exception entry whose size nobody knows.
_ENTRY_SIZE = 64


class CrashedKernel:
    """One kernel behind a port."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.tasks = Tasks(port)

    # The machine

    def kernel(self) -> Kernel:
        """Release, version, machine and CPUs, as far as they can be read."""
        kernel = Kernel(
            release=self._uts("release"), version=self._uts("version"), machine=self._uts("machine")
        )
        try:
            kernel.cpus = len(cpus.present(self.port))
        except Unknown:
            pass
        return kernel

    def _uts(self, member: str) -> Optional[str]:
        base = self.port.symbol("init_uts_ns")
        place = self.port.member("struct uts_namespace", f"name.{member}")
        if base is None or place is None:
            return None
        try:
            raw = self.port.read(base + place.offset, place.size)
        except Unknown:
            return None
        return text_of(raw.partition(b"\0")[0])

    # The task

    def crashed_task(self, report: Optional[Report]) -> int:
        """Address of the ``task_struct`` that crashed: the report's, else the panic CPU's.

        Raises Unknown when it had ended by the dump, or when no CPU panicked.
        """
        panicked = cpus.panic_cpu(self.port)
        if report is not None and report.pid:
            near = [number for number in (report.cpu, panicked) if number is not None]
            task = self.tasks.find(report.pid, near)
            if task is None:
                raise Unknown(f"the task of the report, pid {report.pid}, had ended by the dump")
            return task
        cpu = report.cpu if report is not None and report.pid == 0 else panicked
        if cpu is None and report is not None:
            cpu = report.cpu
        if cpu is None:
            raise Unknown("no CPU has panicked (panic_cpu is not set)")
        return cpus.current_task(self.port, cpu)

    def task(self, report: Optional[Report]) -> Task:
        """The task that crashed; its context is left to who can unwind."""
        address = self.crashed_task(report)
        record = self.tasks.record(address)
        return Task(comm=record.comm, pid=record.pid, cpu=self.tasks.cpu(address))

    def stands_still(self, task: int) -> bool:
        """Whether a task's stack is that of the crash: it runs on the CPU that panicked."""
        panicked = cpus.panic_cpu(self.port)
        return panicked is not None and cpus.current_task(self.port, panicked) == task

    # The exception

    def stacks(self, report: Optional[Report]) -> Iterator[Stack]:
        """The stacks on which the exception can have been taken, likeliest first."""
        seen: set[int] = set()
        tasks: list[int] = []
        try:
            tasks.append(self.crashed_task(report))
        except Unknown:
            pass
        numbers = [report.cpu if report is not None else None, cpus.panic_cpu(self.port)]
        wanted = [n for i, n in enumerate(numbers) if n is not None and n not in numbers[:i]]
        for cpu in wanted:
            try:
                tasks.append(cpus.current_task(self.port, cpu))
            except Unknown:
                continue
        for task in tasks:
            area = stacks.of_task(self.port, task)
            if area is not None and area.base not in seen:
                seen.add(area.base)
                yield area
        for cpu in wanted:
            yield from stacks.of_cpu(self.port, cpu)

    def entries(self, arch: Architecture) -> Iterator[tuple[int, int, str]]:
        """(start, end, name) of the exception entries that this kernel has."""
        for name in arch.entries:
            start = self.port.symbol(name)
            if start is None:
                continue
            size = self.port.symbol_size(name) if isinstance(self.port, SymbolBounds) else None
            yield start, start + (size or _ENTRY_SIZE), name

    def exception_frame(self, report: Optional[Report], arch: Architecture) -> ExceptionFrame:
        """The interrupted registers, with the trap and its error code where memory tells."""
        if not arch.registers.pt_regs:
            raise Unknown(f"pt_regs are searched on x86-64 and arm64, this is {arch.name}")
        names = self.port.symbol_name if isinstance(self.port, SymbolBounds) else None
        return find_frame(self.stacks(report), self.entries(arch), report, arch, names)


def find_frame(
    stacks_of_crash: Iterable[Stack],
    entries: Iterable[tuple[int, int, str]],
    report: Optional[Report],
    arch: Architecture,
    name_at: Optional[Callable[[int], Optional[str]]] = None,
) -> ExceptionFrame:
    """The ``pt_regs`` of the crash on one of the stacks, with its trap. Raises Unknown.

    Stacks and entries may be generators: what is not needed is not read.

    :param entries: (start, end, symbol) of the exception entries.
    :param name_at: gives the symbol that holds an address; else ``entries`` tell.
    """
    read: list[Stack] = []

    def noting() -> Iterator[Stack]:
        for area in stacks_of_crash:
            read.append(area)
            yield area

    if name_at is None:
        entries = list(entries)
    match, how = ptregs.search(noting(), entries, report, arch)
    frame = ExceptionFrame(match.registers, match.address, how, stack=match.stack)
    area = next(area for area in read if area.base <= match.address < area.end)
    word = ptregs.entry_of(area, match.address)
    if not word or not arch.entries:
        return frame
    if name_at is not None:
        name = name_at(word - 1)
    else:
        name = next((name for start, end, name in entries if start < word <= end), None)
    frame.trap = arch.entries.get(name) if name is not None else None
    if frame.trap is not None:
        frame.error_code = arch.saved_error_code(frame.trap, match.registers)
    return frame
