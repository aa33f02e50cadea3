# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine may ask of one crashed kernel.

A method that cannot answer raises :class:`crashext.errors.Unknown` with the reason in words; the
engine carries the reason to the user. No method returns a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional, Protocol, runtime_checkable

if TYPE_CHECKING:  # names for annotations only: a bare log must not pay for loading them all
    from crashext.engine.arch.names import Trap
    from crashext.engine.integrity import Integrity
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
    from crashext.engine.modules import ModuleDetail, ModuleSection, ModuleTable, Unloaded
    from crashext.engine.report import Report
    from crashext.engine.words import Topic


@dataclass
class Symbol:
    """``name+offset/size [module]`` for an address; ``address`` is the symbol's start."""

    name: str
    address: int
    offset: int
    size: Optional[int] = None
    module: Optional[str] = None


@dataclass
class ExceptionFrame:
    """The interrupted registers (``pt_regs``) as found in memory.

    ``registers`` has the names of the architecture's ``struct pt_regs`` (``engine.arch``).
    """

    registers: dict[str, int]
    address: Optional[int] = None  # of the pt_regs itself
    how: str = ""  # how it was found, for the evidence
    trap: Optional[Trap] = None  # where memory tells
    error_code: Optional[int] = None
    fault_address: Optional[int] = None
    fault_address_from: str = ""
    stack: str = ""  # name of the stack that held it: "task", "IRQ", "NMI", "#DF" …


@dataclass
class PageLevel:
    """One level of a page-table walk, e.g. ``PTE 0x8000… present, read-only, NX``."""

    level: str  # "PGD", "P4D", "PUD", "PMD", "PTE"
    entry: Optional[int]
    present: bool
    writable: Optional[bool] = None
    user: Optional[bool] = None
    executable: Optional[bool] = None
    large: bool = False


@dataclass
class Owner:
    """What lives at an address, in words (``slab object of kmalloc-256, freed, offset 24``)."""

    what: str  # "slab", "stack", "module", "percpu", "vmap", "page", "symbol", "unmapped", …
    text: str
    detail: list[str] = field(default_factory=list)


@dataclass
class Findings:
    """What was found, and by topic why a question was not asked."""

    found: list[Finding] = field(default_factory=list)
    not_asked: dict[Topic, str] = field(default_factory=dict)


class Target(Protocol):
    """One crashed kernel. All addresses are virtual and in bytes."""

    #: "log", "crash" or "drgn"
    name: str
    #: Whether the crashed kernel's memory can be read; a log has none.
    has_memory: bool
    #: Directories under which source files are looked for, or OLD=NEW path prefixes (--source-dir).
    source_dirs: list[str]
    #: Directories under which module debug files are looked for (-S). Appended to before the first
    #: question; a target loads from them when it first needs debug info.
    module_dirs: list[str]

    def log(self) -> str:
        """The kernel log as text, one record a line, with time stamps where known."""

    def kernel(self) -> Kernel: ...

    def task(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Task:
        """The task that crashed, from memory."""

    def exception_frame(self, report: Optional[Report]) -> ExceptionFrame:
        """The interrupted registers; ``report`` (from the log) helps to find and check them."""

    def backtrace(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[StackFrame]:
        """The frames from the exception on (else of the crashed task), innermost first.

        Bounded; a frame that cannot be trusted has ``reliable=False``. Inlined functions are
        frames of their own with ``inlined=True``.
        """

    def symbol(self, address: int) -> Symbol: ...

    def address(self, name: str) -> int:
        """The address of a symbol by name; Unknown when there is none or more than one."""

    def source(self, address: int, is_return_address: bool = False) -> list[SourceLocation]:
        """The inline chain at an address, innermost first. Raises Unknown without debug info."""

    def line_of_access(self, frame: ExceptionFrame) -> Optional[int]:
        """The line of the faulting access, where the compiler gave it to a later statement.

        None: the line that :meth:`source` gives is the one, or nothing decides.
        """

    def source_text(self, file: str, line: int, context: int = 2) -> list[SourceLine]:
        """Lines ``line - context … line + context`` of a source file."""

    def read(self, address: int, size: int) -> bytes: ...

    def modules(self) -> list[Module]: ...

    def last_unloaded(self) -> Optional[str]: ...

    def variables(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[Variable]:
        """Parameters and locals of the frames from the fault up to the system call."""

    def operand(
        self, frame: ExceptionFrame, register: Optional[str], displacement: int, size: int
    ) -> str:
        """What the source calls ``displacement(register)``: ``req->file``, ``*p``."""

    def findings(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Findings:
        """Context for this crash: lock chains of hangs, other CPUs, system call, work item."""


@runtime_checkable
class ModuleLists(Protocol):
    """An optional part of a target: the module list with what is wrong with it."""

    def module_table(self) -> ModuleTable:
        """All modules and what is wrong with the kernel's lists of them."""


@runtime_checkable
class DeepModules(ModuleLists, Protocol):
    """An optional part of a target: all that memory and debug info tell about modules.

    A target that lacks it (a log; crash without drgn) is told apart with ``isinstance``.
    """

    def find_debug_info(self, name: str) -> None:
        """Looks for a module's debug info; its entry in the table then tells where it is, or
        why there is none."""

    def module_sections(self, name: str) -> list[ModuleSection]: ...

    def module_detail(self, name: str) -> ModuleDetail: ...

    def module_integrity(self, name: str) -> Integrity:
        """The module's code in memory against its file."""

    def text_integrity(self, address: int) -> Integrity:
        """The function of the kernel proper around ``address`` against vmlinux."""

    def kernel_integrity(self) -> Integrity:
        """All code of the kernel proper against vmlinux; takes some seconds."""

    def unloaded_modules(self) -> Unloaded: ...
