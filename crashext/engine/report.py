# SPDX-License-Identifier: GPL-2.0-or-later
"""What one report in a kernel log says: the parser's output, the verdict's input.

Line numbers are 1-based and count lines of the text given to the parser. Every field that the log
does not state is None or empty; the parser never guesses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Optional

from crashext.engine import kinds
from crashext.engine.arch.names import Machine, Trap
from crashext.engine.kinds import Kind
from crashext.engine.model import StackFrame
from crashext.engine.words import AccessType, TaskContext


@dataclass
class LogSymbol:
    """``sym+0xoff/0xsize [module]``; ``address`` only where the log prints it (before 4.10)."""

    name: Optional[str] = None
    offset: Optional[int] = None
    size: Optional[int] = None
    module: Optional[str] = None
    address: Optional[int] = None
    line_no: int = 0
    #: Only in a log that was symbolised before it came here (decode_stacktrace.sh, syzbot).
    file: Optional[str] = None
    line: Optional[int] = None
    #: Where that place was inlined into, file and line each, innermost first.
    outer: tuple[tuple[str, int], ...] = ()

    def text(self) -> str:
        """``name+0x12/0x23 [module]``."""
        if self.name is None:
            return f"0x{self.address:x}" if self.address is not None else "unknown"
        text = self.name
        if self.offset is not None:
            text += f"+0x{self.offset:x}"
        if self.size is not None:
            text += f"/0x{self.size:x}"
        return text + (f" [{self.module}]" if self.module else "")


@dataclass
class LogFrame(LogSymbol):
    reliable: bool = True  # False for "? sym"
    #: "task", "IRQ", "SOFTIRQ", "NMI", "#DF", … from the <IRQ> </IRQ> marks
    stack: str = "task"
    inlined: bool = False  # "[inline]" of a symbolised log

    def shown(self) -> StackFrame:
        """The frame as an explanation shows it."""
        return StackFrame(
            self.name,
            self.offset,
            self.size,
            self.module,
            self.file,
            self.line,
            reliable=self.reliable,
            inlined=self.inlined,
            address=self.address,
        )


@dataclass
class AddressCandidate:
    """A value that the log offers as the fault address."""

    value: int
    #: "headline" (the BUG line), "CR2" (the register block; read when it was printed, so the
    #: kernel's own probing may have overwritten it), "CR2 end" (the line of its own after the
    #: trace: what the fault handler was given), "CR2 summary" (the block repeated after the end
    #: mark), "gp-hint", "kasan", "kasan-range", "kfence", "kcsan", "mce"
    source: str
    line_no: int


@dataclass
class CodeBytes:
    """``Code:``; ``data[fault_index]`` is the byte at RIP."""

    data: bytes
    fault_index: int
    line_no: int = 0


@dataclass
class LogModule:
    name: str
    taints: str = ""  # letters only, e.g. "OE"
    state: str = "live"  # "+" → "loading", "-" → "unloading"


#: Details that only a report of something survivable has.
_SURVIVED = frozenset(("gfp_mask", "device"))


@dataclass
class Report:
    #: As far as the lines alone can tell; the verdict may refine it
    #: (an address decides between null-deref, err-ptr, use-after-free, …).
    kind: Kind
    #: The line that begins the report, prefix stripped.
    headline: str
    first_line: int
    last_line: int
    #: True when the kernel could not go on in that context (oops, BUG, panic, a panicking lockup);
    #: False for WARN, a hung task without panic, a kmemleak note.
    fatal: bool
    #: Machine the text is from, where the lines tell.
    machine: Optional[Machine] = None
    #: Trap mnemonic when the lines name one: "#PF", "#GP", "#UD", "#DE", "#DF", …
    trap: Optional[Trap] = None
    error_code: Optional[int] = None
    error_code_line: int = 0
    die_count: Optional[int] = None  # the n of [#n]
    access: Optional[AccessType] = None  # where the log says it in words
    mode: Optional[str] = None  # "kernel", "user"
    addresses: list[AddressCandidate] = field(default_factory=list)
    rip: Optional[LogSymbol] = None
    code: Optional[CodeBytes] = None
    code_unavailable: Optional[str] = None  # the kernel's own words: "Bad RIP value." …
    registers: dict[str, int] = field(default_factory=dict)  # as printed, in lower case
    registers_line: int = 0
    frames: list[LogFrame] = field(default_factory=list)
    comm: Optional[str] = None
    pid: Optional[int] = None
    uid: Optional[int] = None
    cpu: Optional[int] = None
    context: Optional[TaskContext] = None
    workqueue: Optional[str] = None  # "Workqueue: events fn [mod]"
    taint: Optional[str] = None  # letters, "" when "Not tainted"
    release: Optional[str] = None  # 6.1.0-39-cloud-amd64
    version: Optional[str] = None  # "#1 Debian 6.1.148-1"
    hardware: Optional[str] = None
    #: The printed page-table walk ("PGD … P4D … PUD …") and its line.
    page_walk: Optional[str] = None
    page_walk_line: int = 0
    #: "Kernel Offset: 0x… from … (relocation range: A-B)": the range's end, where modules begin.
    relocation_end: Optional[int] = None
    #: The interrupted program's stack pointer, from the registers behind the system call's frame.
    user_stack: Optional[int] = None
    #: thread_info of the "task: … ti: …" line (until 4.9): it lies at the bottom of the stack.
    thread_info: Optional[int] = None
    modules: Optional[list[LogModule]] = None
    modules_line: int = 0
    last_unloaded: Optional[str] = None
    bug_file: Optional[str] = None  # kernel BUG at FILE:LINE, WARNING: … at FILE:LINE
    bug_line: Optional[int] = None
    panic_message: Optional[str] = None  # text after "Kernel panic - not syncing: "
    panic_line: int = 0
    #: Kind-specific values, all strings, e.g. kasan: {"bug": "slab-out-of-bounds", "cache": …},
    #: soft-lockup: {"seconds": "26"}, hung-task: {"task": …, "seconds": …}, list-corruption: {…}.
    details: dict[str, str] = field(default_factory=dict)
    #: Further stacks that the report prints: "allocated", "freed", "previous write", "locker" …
    other_stacks: dict[str, list[LogFrame]] = field(default_factory=dict)
    #: Callers that an allocator noted for an object's "allocated" and "freed", see other_stacks.
    noted: dict[str, LogFrame] = field(default_factory=dict)
    #: Lines on who has the memory (OOM, failed allocation), as they were printed; bounded.
    memory_lines: list[str] = field(default_factory=list)
    #: Why the report is not whole ("the log ends inside it"), or None.
    cut: Optional[str] = None
    #: [T123] / [C1] caller tag of its lines, when printk had CONFIG_PRINTK_CALLER.
    caller: Optional[str] = None
    time: Optional[float] = None  # seconds of the first line's stamp
    boot: int = 0  # how many of the kernel's first lines came before

    @property
    def survivable(self) -> bool:
        """Whether it tells of what callers must expect: no crash, nor by itself a sign of a bug.

        A page allocation failure is such (warn_alloc() in mm/page_alloc.c), and a machine check
        that was found by polling or that the firmware told of. So is the first wait for the
        references to a network device: as a rule they are given back while it waits.
        """
        if self.panic_line or self.fatal:
            return False
        if self.kind == kinds.MACHINE_CHECK:
            return "polled" in self.details
        return self.kind == kinds.WARNING and not self.details.keys().isdisjoint(_SURVIVED)


EventKind = Literal["hardware", "storage", "livepatch", "module", "clock", "file-system"]


class Event(NamedTuple):
    """One such line."""

    kind: EventKind
    text: str
    line: int  # of the log, from 1
    seconds: Optional[float]  # its time stamp


@dataclass
class LogSummary:
    """All reports of one log, in the order of their lines."""

    reports: list[Report] = field(default_factory=list)
    #: Index of the crash: the first fatal report (else the last non-fatal one); None: no report.
    crash: Optional[int] = None
    #: Signs that stand near the reports: hardware errors, timeouts of disks, live patches.
    events: list[Event] = field(default_factory=list)
    lines: int = 0
    release: Optional[str] = None  # from "Linux version …" when present
    notes: list[str] = field(default_factory=list)
    #: Why there is nothing here: the log could not be read. None: it was read.
    unread: Optional[str] = None
    #: What the text was taken for when it holds no report: "a mail", "a kernel log" …, else "".
    nature: str = ""
