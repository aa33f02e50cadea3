# SPDX-License-Identifier: GPL-2.0-or-later
"""The one model of an explained crash, and the contract behind ``--json``.

Values are plain ints and strings. Fields made with ``hexadecimal()`` hold 64-bit addresses or
register values as ints here; JSON carries them as ``"0x…"`` strings, because JSON numbers lose
the low bits of a 64-bit address in jq 1.6 and in JavaScript.
``None`` means unknown; ``Explanation.unknown`` then holds the reason under the top-level key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from crashext.engine.kinds import Kind
from crashext.engine.words import AccessType, Level, TaskContext, Topic

SCHEMA = "crashext/1"


def hexadecimal(default: Any = None) -> Any:
    """A dataclass field whose int value is an address or register: hex in JSON."""
    return field(default=default, metadata={"hex": True})


@dataclass
class ErrorBit:
    bit: int
    name: str
    set: bool
    meaning: str


@dataclass
class ErrorCode:
    """A trap's error code, bit by bit (arch/x86/include/asm/trap_pf.h for page faults)."""

    raw: int
    bits: list[ErrorBit] = field(default_factory=list)
    meaning: str = ""
    trap: Optional[str] = None  # "#PF", "#GP", …: whose error code it is


@dataclass
class Access:
    """What the faulting instruction tried: ``size`` in bytes."""

    type: Optional[AccessType] = None
    size: Optional[int] = None
    address: Optional[int] = hexadecimal()
    expression: Optional[str] = None
    operand: Optional[str] = None  # as the assembler writes it: "0x18(%rbx)"
    register: Optional[str] = None  # the register that holds the bad pointer
    register_value: Optional[int] = hexadecimal()
    origin: Optional[str] = None  # where that register came from, in words
    source: Optional[str] = None  # what the source calls it: "req->file", "*p"


@dataclass
class FaultAddress:
    value: int = hexadecimal(0)
    source: str = field(default="", metadata={"json": "from"})
    meaning: str = ""


@dataclass
class SourceLine:
    line: int
    text: str


@dataclass
class SourceLocation:
    """One level of an inline chain. ``file`` as DWARF names it."""

    function: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    column: Optional[int] = None


@dataclass
class Instruction:
    """One decoded instruction for display; ``faulting`` marks the one at RIP."""

    address: int = hexadecimal(0)
    bytes: str = ""  # hex digits, e.g. "c70425…"
    text: str = ""  # AT&T syntax, as crash and objdump print it
    faulting: bool = False


@dataclass
class Rip:
    address: Optional[int] = hexadecimal()
    symbol: Optional[str] = None
    offset: Optional[int] = None
    size: Optional[int] = None
    module: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    column: Optional[int] = None
    source_text: Optional[str] = None
    source_context: list[SourceLine] = field(default_factory=list)
    inlined: list[SourceLocation] = field(default_factory=list)
    instruction: Optional[str] = None
    meaning: Optional[str] = None  # what the instruction did, with the register values
    disassembly: list[Instruction] = field(default_factory=list)


@dataclass
class Culprit:
    """The frame to act on, after library, report and handler frames are skipped."""

    function: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    module: Optional[str] = None
    why: str = ""


@dataclass
class Task:
    comm: Optional[str] = None
    pid: Optional[int] = None
    cpu: Optional[int] = None
    context: Optional[TaskContext] = None


@dataclass
class StackFrame:
    """One frame, innermost first. ``address`` is the pc (exact) or the return address."""

    function: Optional[str] = None
    offset: Optional[int] = None
    size: Optional[int] = None
    module: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    reliable: bool = True
    inlined: bool = False
    address: Optional[int] = hexadecimal()
    #: Frames left out right after this one (a stack overflow has hundreds).
    omitted: int = 0


@dataclass
class RegisterValue:
    value: int = hexadecimal(0)
    meaning: str = ""


@dataclass
class Variable:
    """A parameter or local; ``value`` is None when optimised out (``why`` then says so)."""

    name: str
    type: str
    value: Optional[str] = None
    frame: Optional[str] = None  # function name
    parameter: bool = False
    why: Optional[str] = None


@dataclass
class TaintMeaning:
    letter: str
    meaning: str


@dataclass
class Taint:
    letters: str = ""
    meanings: list[TaintMeaning] = field(default_factory=list)


@dataclass
class ModuleRegion:
    """One piece of a module's memory, ``size`` in bytes. ``freed``: init memory after init ran."""

    kind: str  # "text", "data", "rodata", "ro_after_init", "init text", "init data", "percpu", …
    address: int = hexadecimal(0)
    size: int = 0
    freed: bool = False


@dataclass
class Module:
    name: str
    address: Optional[int] = hexadecimal()
    size: Optional[int] = None
    state: Optional[str] = None  # "live", "loading", "unloading"
    refcount: Optional[int] = None
    used_by: list[str] = field(default_factory=list)
    taints: Optional[str] = None  # letters, e.g. "OE"
    version: Optional[str] = None
    srcversion: Optional[str] = None
    build_id: Optional[str] = None
    debug_info: Optional[str] = None  # path of the debug file, None when not found
    suspect: bool = False
    why: list[str] = field(default_factory=list)
    debug_info_why: Optional[str] = None  # why debug_info is None
    regions: list[ModuleRegion] = field(default_factory=list)
    #: What is wrong with this module's own data, in words.
    damage: list[str] = field(default_factory=list)


@dataclass
class Kernel:
    release: Optional[str] = None
    version: Optional[str] = None
    machine: Optional[str] = None
    cpus: Optional[int] = None
    panic_message: Optional[str] = None


@dataclass
class Check:
    """The exact commands by which a person checks a claim; None where the tool cannot."""

    crash: Optional[str] = None
    drgn: Optional[str] = None


@dataclass
class Evidence:
    claim: str
    source: str  # "log line 12", "registers", "memory", "DWARF", …
    detail: str = ""
    check: Check = field(default_factory=Check)


@dataclass
class NextStep:
    text: str
    crash: Optional[str] = None
    drgn: Optional[str] = None


@dataclass
class Finding:
    """Context that only memory can tell: page tables, slab object, lock chain, other CPUs."""

    topic: Topic
    text: str
    detail: list[str] = field(default_factory=list)
    check: Check = field(default_factory=Check)


@dataclass
class OtherReport:
    """Another report in the same log, with its relation to the crash."""

    kind: Kind
    title: str
    line: int  # 1-based line number in the log
    relation: str  # "before the crash", "fallout: same task died again", …


@dataclass
class Explanation:
    schema: str = SCHEMA
    target: str = "log"  # "log", "crash", "drgn", "gdb"
    crashed: bool = False
    kind: Optional[Kind] = None
    title: Optional[str] = None
    bucket: Optional[str] = None
    bucket_text: Optional[str] = None
    headline: Optional[str] = None
    error_code: Optional[ErrorCode] = None
    access: Optional[Access] = None
    fault_address: Optional[FaultAddress] = None
    rip: Optional[Rip] = None
    culprit: Optional[Culprit] = None
    task: Optional[Task] = None
    stack: Optional[list[StackFrame]] = None
    registers: Optional[dict[str, RegisterValue]] = None
    variables: Optional[list[Variable]] = None
    taint: Optional[Taint] = None
    modules: Optional[list[Module]] = None
    last_unloaded: Optional[str] = None
    kernel: Optional[Kernel] = None
    confidence: Optional[Level] = None
    confidence_why: Optional[str] = None
    findings: list[Finding] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    reports: list[OtherReport] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    next_steps: list[NextStep] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
