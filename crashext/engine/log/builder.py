# SPDX-License-Identifier: GPL-2.0-or-later
"""Fills one report from its header and the lines that follow it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from re import Match
from typing import Optional

from crashext.engine import arch, decide, kinds
from crashext.engine.arch.names import Machine
from crashext.engine.forms.prefix import Line
from crashext.engine.kinds import registry
from crashext.engine.kinds.family import MAIN, Header, Note, Role
from crashext.engine.lazy import Lazy
from crashext.engine.log import context, padding, symbols
from crashext.engine.log.code import parse_code
from crashext.engine.log.fault import take_abort_line, take_page_fault_line
from crashext.engine.log.interrupted import context_of
from crashext.engine.report import AddressCandidate, LogFrame, LogSymbol, Report
from crashext.engine.words import AccessType

_ACCESS: dict[str, AccessType] = {"read": "read", "write": "write"}
_INT_FIELDS = frozenset(("cpu", "pid", "uid", "bug_line", "die_count"))
_TEXT_FIELDS = frozenset(("comm", "bug_file"))
#: Groups that hold the caller that an allocator noted, and the stack that it belongs to.
_NOTED = {"allocated_in": "allocated", "freed_in": "freed"}
#: Groups that hold an address the report may be about, and the source they are.
_ADDRESS_GROUPS = {"gp_hint": "gp-hint", "kasan_address": "kasan"}

#: A 16 KiB stack holds at most 2048 return addresses.
MAX_FRAMES = 2048
#: NMI backtraces of every CPU of a large machine
MAX_STACKS = 512

_RIP = re.compile(r"RIP: (?P<cs>[0-9a-f]{4}):\s*(?P<rest>.*)")
_RIP_END = Lazy(r"RIP +(?P<rest>\[<.*)")
_EIP = Lazy(r"EIP(?: is at |: )(?:(?P<cs>[0-9a-f]{4}):)?\s*(?P<rest>.*)")
# 4.10 to 4.17: "RIP: sym+0x1/0x2 RSP: ffffc90000000000"
_RIP_RSP = Lazy(r"RIP: (?P<rest>[A-Za-z_0][^:]*?) RSP: (?P<stack>[0-9a-f]{16})\s*$")
_RSP_END = re.compile(r"RSP:? <(?P<value>[0-9a-f]{16})>")
_CR2_LINE = re.compile(r"CR2: (?P<value>[0-9a-f]{8,16})\s*$")
_MARK = re.compile(
    r"\s*<(?P<end>/)?(?P<name>IRQ|SOFTIRQ|HARDIRQ|TASK|NMI|#DF|#DB|#MC|#VC2?|EOI|EOE|<EOE>"
    r"|ENTRY_TRAMPOLINE|ENTRY|SYSENTER|UNK)>\s*"
)
_PC = re.compile(r"(?P<which>pc|lr|epc|ra|PC is|LR is|NIP|LR) (?::|at|(?=\[)) ?(?P<rest>\S.*)")
#: Words before the interrupted instruction that only one family of machines uses.
_PC_OF: dict[str, Machine] = {
    "epc": "riscv",
    "ra": "riscv",
    "NIP": "powerpc",
    "LR": "powerpc",
}
_STATE_LINE = Lazy(
    r"(?:task:(?P<comm>.{1,24}?) +state:\S(?:.{1,60}?\bpid: *(?P<pid>\d{1,10}))?"
    r"|(?P<old>\S.{0,23}?) +[RSDTtXZPI] +(?:[0-9a-f(]|running))"
)
_SUMMARY_HEADS = ("RIP: ", "Code:", "RSP: ", "RAX:", "RDX:", "RBP:", "R10:", "R13:", "FS: ", "CS: ",
                  "CR2:", "DR0:", "DR3:", "PKRU:", "RIP  [", "EIP: ", "Kernel Offset", "note: ",
                  "Fixing recursive", "FIX ", "EAX:", "ESI:", "DS: ", "EFLAGS:",
                  "CR0:")  # fmt: skip


_KERNEL_OFFSET = re.compile(
    r"Kernel Offset: (?P<offset>0x[0-9a-f]{1,16}) from 0x[0-9a-f]{8,16}"
    r"(?: \(relocation range: 0x[0-9a-f]{8,16}-0x(?P<end>[0-9a-f]{8,16})\))?"
)
#: "[<802e62f8>] (demo_xfer) from [<802e7000>] (…)", since 5.18 " demo_xfer from demo_ioctl+…"
#: (arch/arm/kernel/traps.c: dump_backtrace_entry()).
_ARM_FRAME = Lazy(
    r"\[<[0-9a-f]{8}>\] \([^()]{1,120}\) from \[<[0-9a-f]{8}>\] "
    r"|[\w.]+(?: \[\w+\])? from [\w.]+\+0x"
)
#: Lines of one report that tell who has the memory: the table of tasks has one a task.
MAX_MEMORY_LINES = 4_000
_KILLED_HEADS = ("Out of memory", "Memory cgroup out of memory", "oom_reaper:")
_MEMORY_HEADS = Lazy(
    r"Mem-Info|memory: usage|Memory cgroup stats|Task in |Tasks state|oom-kill:constraint|Node \d"
    r"|active_|\[ *pid *\]"
)
_BRACKET_FRAME = Lazy(r"\[<[0-9a-f]{8,16}>\] [\w.$]+\+0x[0-9a-f]+/0x[0-9a-f]+")
_THREAD_INFO = re.compile(r"task: [0-9a-f]{8,16} ti: (?P<ti>[0-9a-f]{8,16}) ")


@dataclass
class _Cursor:
    """Where in the report the lines of one printk caller are."""

    target: list[LogFrame]
    stack: str = "task"
    in_trace: bool = False
    #: Inside the registers of the interrupted user program.
    user_block: bool = False
    #: CPU and register lines are not the report's: another CPU's, or those of the panic after it.
    foreign: bool = False
    #: Registers in a trace may be the report's: those of the code that a stall was found in …
    adopt: bool = False
    #: … and these are they.
    adopting: bool = False
    #: A "Code:" line right here is the user program's.
    user_code_due: bool = False


@dataclass
class _Wrapped:
    """``Modules linked in:`` until its last line."""

    parts: list[str] = field(default_factory=list)
    open: bool = False
    time: Optional[float] = None

    def goes_on(self, line: Line) -> bool:
        """Whether a line is the wrapped rest: the line before was long, and this came at once."""
        if len(self.parts[-1]) < 50 or "[last unloaded" in self.parts[-1]:
            return False
        if line.time is not None and self.time is not None and abs(line.time - self.time) > 0.1:
            return False
        return context.continues_modules(line.text)


@cache
def _names_in(stack: Optional[str]) -> frozenset[str]:
    """The groups that name a section's stack, and so are no details."""
    return frozenset(re.findall(r"\{(\w+)\}", stack or ""))


def _label(name: str, count: int) -> str:
    return name if count == 1 else f"{name} ({count})"


_KMEMLEAK = "kmemleak: "


class ReportBuilder:
    """One open report: knows which part of it the next line belongs to."""

    def __init__(self, header: Header, match: Match[str], line: Line, boot: int = 0) -> None:
        self.boot = boot
        self.host = line.host
        self.closed = False  # too many lines of others came since its last
        self.report = Report(
            kind=header.kind,
            headline=line.text.strip(),
            first_line=line.number,
            last_line=line.end,
            fatal=header.fatal,
            caller=line.caller or None,
            time=line.time,
        )
        self.is_x86 = False  # a line that only x86 prints was met; of which width is not known
        self.pc: Optional[int] = None  # of a line beside the register dump
        self.awaits_die = header.role is Role.ONGOING
        self.ended = False  # "---[ end trace" was met
        self.tailed = False  # a line that comes after the trace was met
        self.traced = False  # a stack was met
        self.headless = False  # the log begins inside it, see Assembler
        self._modules = _Wrapped()
        self._stack_names: dict[str, int] = {}  # how many there are of each
        self._cursors = {line.caller: _Cursor(self.report.frames, in_trace=header.frames)}
        self.fill(header, match, line)

    # ---------------------------------------------------------------- what a matched row states

    def fill(self, header: Header, match: Match[str], line: Line) -> None:
        """Takes what a header or note line states."""
        report = self.report
        report.trap = report.trap or header.trap
        report.access = header.access or report.access
        report.machine = report.machine or header.machine
        if header.trap is not None and header.trap != "#MC":
            self.is_x86 = True
        self._take(match, line, "headline")
        report.last_line = max(report.last_line, line.end)

    def _take(
        self, match: Match[str], line: Line, source: str, said: frozenset[str] = frozenset()
    ) -> None:
        report = self.report
        for name, value in match.groupdict().items():
            if value is None or name in said:
                continue
            if name in _INT_FIELDS:
                if getattr(report, name) is None:
                    setattr(report, name, int(value))
            elif name in _TEXT_FIELDS:
                if getattr(report, name) is None:
                    setattr(report, name, value.strip())
            elif name == "error_code":
                report.error_code = int(value, 16)
                report.error_code_line = line.number
            elif name == "address":
                self._offer(0 if value == "(null)" else int(value, 16), source, line)
            elif name in _ADDRESS_GROUPS:
                self._offer(int(value, 16), _ADDRESS_GROUPS[name], line)
            elif name == "kasan_range":
                report.details[name] = value
                self._offer(int(value[:18], 16), "kasan-range", line)
            elif name == "access_word":
                report.access = report.access or _ACCESS.get(value.lower())
                report.details.setdefault("access", value)
            elif name in _NOTED:
                self._note_caller(_NOTED[name], value, line)
            elif name == "at":
                self._site(value, line)
            elif name == "instruction":
                self.pc = int(value, 16) if self.pc is None else self.pc
            elif name in ("lock_line", "held_first") and value.endswith("[inline]"):
                continue  # of a symbolised log: the line of the function itself follows
            elif name == "lock_line":
                which = "held_lock" if "wanted_lock" in report.details else "wanted_lock"
                report.details.setdefault(which, value.strip())
            elif name == "stalled_cpu":
                known = report.details.get("cpus")
                report.details["cpus"] = f"{known},{value}" if known else value
            else:
                report.details.setdefault(name, value.strip())

    def _note_caller(self, stack: str, text: str, line: Line) -> None:
        symbol = symbols.parse_symbol(text, line.number)
        if symbol is not None and symbol.name is not None:
            frame = LogFrame(symbol.name, symbol.offset, symbol.size, symbol.module)
            self.report.noted.setdefault(stack, frame)

    def _offer(self, value: int, source: str, line: Line) -> None:
        self.report.addresses.append(AddressCandidate(value, source, line.number))

    def _site(self, text: str, line: Line) -> None:
        """``sym+0x1/0x2 [mod]`` in a header: RIP's place until a line gives more."""
        symbol = symbols.parse_symbol(text, line.number)
        if symbol is None or symbol.name is None:
            self.report.details.setdefault("at", text.strip())
        elif self.report.rip is None:
            self.report.rip = symbol

    def complete(self, header: Header, match: Match[str], line: Line) -> None:
        """The die() header of a report that awaited one."""
        self.awaits_die = False
        self.report.kind = decide.joined(self.report.kind, header)
        self.fill(header, match, line)

    def note(self, row: Note, match: Match[str], line: Line) -> None:
        """A line that names the check which failed."""
        self.report.kind = decide.noted(self.report.kind, row)
        self._take(match, line, "headline")
        self.report.last_line = max(self.report.last_line, line.end)

    # ---------------------------------------------------------------- the lines that follow

    def absorb(self, line: Line) -> bool:
        """Takes one line; False when it is not of this report."""
        if self.report.kind == kinds.LEAK and line.text.startswith(_KMEMLEAK):
            # kmemleak.verbose=1 prints by pr_warn(), whose pr_fmt() stands before every line
            # (mm/kmemleak.c: warn_or_seq_printf()).
            line = line._replace(text=line.text[len(_KMEMLEAK) :])
        cursor = self._cursors.get(line.caller)
        if cursor is None:
            cursor = self._cursors[line.caller] = _Cursor(self.report.frames)
        taken = self._absorb(line, cursor)
        if taken:
            self.report.last_line = max(self.report.last_line, line.end)
        return taken

    def in_trace(self, line: Line) -> bool:
        """Whether the lines of this line's caller are frames of a trace that has begun."""
        cursor = self._cursors.get(line.caller)
        return cursor is not None and cursor.in_trace

    def absorb_frame(self, line: Line) -> bool:
        """A frame of the open trace, after lines of another report; False for any other line."""
        cursor = self._cursors.get(line.caller)
        if cursor is None or not self._trace_line(line.text, line, cursor):
            return False
        self.report.last_line = max(self.report.last_line, line.end)
        return True

    def begin_panic(self, line: Line) -> None:
        """panic() prints a stack of its own, which is not the report's …"""
        cursor = self._cursors.setdefault(line.caller, _Cursor(self.report.frames))
        self.ended = False
        if self.report.frames:
            self._switch(cursor, "panic")
            cursor.foreign = True
            cursor.adopt = False
        else:
            # … unless it came before the report's: WARN() under panic_on_warn, __schedule_bug().
            # Then the registers in the trace are those of the WARN.
            self._switch(cursor, MAIN)
            cursor.adopt = True
        self.tailed = True

    def _switch(self, cursor: _Cursor, name: str) -> None:
        """The next stack goes to ``other_stacks[name]``, or to the report when name is empty."""
        cursor.target = self.report.frames if name == MAIN else self._other_stack(name)
        cursor.in_trace = False
        cursor.user_block = False
        cursor.stack = "task"

    def _other_stack(self, name: str) -> list[LogFrame]:
        """An empty stack of that name, numbered from the second one on."""
        stacks = self.report.other_stacks
        count = self._stack_names.get(name, 1)
        if stacks.get(_label(name, count)):
            count += 1
        self._stack_names[name] = count
        if len(stacks) >= MAX_STACKS:
            return []
        return stacks.setdefault(_label(name, count), [])

    def _absorb(self, line: Line, cursor: _Cursor) -> bool:
        text = line.text
        if self._modules.open:
            if self._modules.goes_on(line):
                self._modules.parts.append(text.strip())
                return True
            self._modules.open = False
        bare = text.strip()
        if not bare:
            return False
        if bare.startswith("Last Breaking-Event-Address:"):
            # s390's: the last branch that was taken, no frame.
            self._switch(cursor, "last branch")
            cursor.in_trace = True
            return True
        if self.ended:
            return bare.startswith(_SUMMARY_HEADS) and self._summary(bare, line)
        if cursor.in_trace and self._trace_line(text, line, cursor):
            return True
        if bare.startswith(("Call Trace:", "Call trace:", "Backtrace:")):
            self._begin_trace(bare, line, cursor)
            return True
        return (
            self._common(bare, line, cursor)
            or self._section(bare, line, cursor)
            or self._registers(bare, line, cursor)
            or self._rest(text, bare, line, cursor)
        )

    def _common(self, bare: str, line: Line, cursor: _Cursor) -> bool:
        report = self.report
        if bare.startswith(("RIP", "EIP", "IP: ")):
            return self._rip(bare, line, cursor)
        if bare.startswith("Code:"):
            self._code(bare[5:], line, cursor)
        elif bare.startswith(("CPU: ", "Pid: ")):
            return self._cpu(bare, cursor)
        elif bare.startswith("Modules linked in:"):
            if report.modules_line == 0:
                report.modules_line = line.number
                self._modules.parts.append(bare[18:])
                self._modules.open = True
                self._modules.time = line.time
            self.tailed = self.tailed or self.traced
            cursor.in_trace = False
            cursor.user_block = False
        elif bare.startswith("Hardware name:"):
            report.hardware = report.hardware or bare[14:].strip()
        elif bare.startswith("Workqueue: "):
            if not cursor.foreign:
                report.workqueue = report.workqueue or bare[11:].strip()
        elif bare.startswith("---[ end trace"):
            self.ended = self.tailed = True
            cursor.in_trace = False
        elif bare.startswith("#PF"):
            take_page_fault_line(report, bare, line.number)
        else:
            return False
        return True

    # ---------------------------------------------------------------- stacks

    def _trace_line(self, text: str, line: Line, cursor: _Cursor) -> bool:
        mark = _MARK.match(text)
        while mark:
            name = mark["name"].strip("<>")
            leaves = mark["end"] or name in ("EOI", "EOE", "TASK")
            cursor.stack = "task" if leaves else name
            if mark["end"] and name == "TASK" and not cursor.foreign:
                self.tailed = True
            text = text[mark.end() :]
            mark = _MARK.match(text)
        if not text.strip():
            return True
        frame = symbols.parse_frame(text, line.number, cursor.stack)
        if frame is None:
            return False
        if cursor.adopting:
            cursor.adopting = cursor.adopt = False
        if not cursor.user_block:
            if len(cursor.target) < MAX_FRAMES:
                cursor.target.append(frame)
            self.traced = self.traced or cursor.target is self.report.frames
        return True

    def _begin_trace(self, bare: str, line: Line, cursor: _Cursor) -> None:
        if not self.report.frames and not cursor.foreign:
            self._switch(cursor, MAIN)
            self.traced = True
        elif cursor.target:
            self._switch(cursor, "other")
        cursor.in_trace = True
        cursor.user_block = False
        cursor.stack = "task"
        rest = bare.split(":", 1)[1]
        if rest.strip():
            self._trace_line(rest, line, cursor)

    def _section(self, bare: str, line: Line, cursor: _Cursor) -> bool:
        found = registry.section(self.report.kind, bare)
        if found is None:
            if self.report.kind == kinds.UBSAN and not self.report.release and not self.traced:
                return self._ubsan_message(bare)
            return False
        section, match = found
        if section.stack is not None:
            name = section.stack.format(**match.groupdict())
            cpu = match.groupdict().get("dump_cpu") or match.groupdict().get("nmi_cpu")
            stalled = self._is_stalled(int(cpu) if cpu is not None else None)
            main = section.first_is_main and not self.report.frames and stalled
            self._switch(cursor, MAIN if main else name)
            cursor.foreign = (section.foreign and not main) or not stalled
            cursor.adopt = main
            # "Call Trace:" comes only where dump_stack() prints; tracks are bare frames
            cursor.in_trace = True
            if not main and section.first_is_main:
                return True
        self._take(match, line, section.source, _names_in(section.stack))
        return True

    def _is_stalled(self, cpu: Optional[int]) -> bool:
        """Whether a CPU's stack is that of the CPU that the report is about, if it names any."""
        stalled = self.report.details.get("cpus")
        if cpu is None or stalled is None:
            return True
        ranges = [part.partition("-") for part in re.findall(r"\d{1,6}(?:-\d{1,6})?", stalled)]
        if not ranges:
            return True
        return any(int(first) <= cpu <= int(last or first) for first, _, last in ranges)

    def _ubsan_message(self, bare: str) -> bool:
        details = self.report.details
        if "message" in details or bare.startswith(("=", "-")):
            return False
        details["message"] = bare[:200]
        return True

    # ---------------------------------------------------------------- CPU, RIP, code, registers

    def _cpu(self, bare: str, cursor: _Cursor) -> bool:
        parsed = context.parse_cpu_line(bare)
        if parsed is None:
            return False
        report = self.report
        if registry.INFO[report.kind].stalled and not self.tailed and not report.frames:
            # the stalled CPU's own dump after that of RCU's kthread
            own = self._is_stalled(parsed.cpu)
            if cursor.foreign and own and "rcu" in "".join(report.other_stacks):
                self._switch(cursor, MAIN)
                cursor.foreign = False
            cursor.adopt = own
        if parsed.release is not None:
            self._identify(context.Identity(parsed.release, parsed.version, parsed.taint))
        if not cursor.foreign and not registry.INFO[report.kind].others_task:
            report.cpu = parsed.cpu if report.cpu is None else report.cpu
            report.pid = parsed.pid if report.pid is None else report.pid
            report.uid = parsed.uid if report.uid is None else report.uid
            report.comm = parsed.comm if report.comm is None else report.comm
        return True

    def _rip(self, bare: str, line: Line, cursor: _Cursor) -> bool:
        report = self.report
        at_end = False
        if match := _RIP.match(bare):
            self._machine("x86_64")
            cs = int(match["cs"], 16)
            # The low bits of the selector are the privilege level. Xen PV runs the kernel with
            # e030, which the hypervisor made of its own selector e033 by clearing them.
            if cs & 3 == 3:
                cursor.user_block = cursor.user_code_due = True
                return True
        elif match := _RIP_END.match(bare) or _RIP_RSP.match(bare):
            self._machine("x86_64")
            at_end = self.tailed = True
            if not cursor.foreign and "stack" in match.groupdict():
                self._stack_pointer(int(match["stack"], 16))
        elif match := _EIP.match(bare):
            self._machine("i386")
            if match["cs"] and int(match["cs"], 16) & 3 == 3:
                cursor.user_block = True
                return True
            at_end = " SS:ESP " in bare
        elif bare.startswith("IP: "):
            match = re.match(r"IP: (?P<rest>.*)", bare)
        if match is None:
            return False
        if at_end:
            cursor.in_trace = False
        elif self.traced and cursor.in_trace and not (cursor.adopt and report.rip is None):
            return True  # interrupted code in the middle of a trace: not the report's place
        if self.traced and cursor.in_trace:
            cursor.adopting = True
        if cursor.foreign:
            return True
        symbol = symbols.parse_symbol(match["rest"], line.number)
        if symbol is not None:
            self._set_rip(symbol)
        return True

    def _machine(self, machine: Machine) -> None:
        """The report's machine: the first line that tells counts."""
        known = self.report.machine
        if known is None or arch.narrows(machine, known):
            self.report.machine = machine

    def _continued(self, bare: str) -> Optional[Machine]:
        """The report's machine, when its register dump has begun and the line goes on with it."""
        machine = self.report.machine
        if machine is None or not self.report.registers_line:
            return None
        return machine if arch.of(machine).continues_dump(bare) else None

    def _stack_pointer(self, value: int) -> None:
        """From a line of x86 beside the register dump; ``setdefault`` as the dump is first."""
        machine = arch.of(self.report.machine or "x86_64")
        self.report.registers.setdefault(machine.registers.sp, value)

    def _set_rip(self, symbol: LogSymbol) -> None:
        known = self.report.rip
        better = symbol.name is not None or symbol.address is not None
        if known is not None and known.name is not None:
            # "IP: sym" and "RIP: 0010:[<addr>] [<addr>] sym" say the same; the one with more wins
            better = symbol.name is not None and (
                (known.address is None and symbol.address is not None)
                or (known.offset is None and symbol.offset is not None)
            )
        if better:
            self.report.rip = symbol
        if symbol.address is not None and self.pc is None:
            self.pc = symbol.address

    def _code(self, rest: str, line: Line, cursor: _Cursor) -> None:
        report = self.report
        if cursor.foreign:
            return
        if cursor.user_code_due:
            cursor.user_code_due = False
            return
        # Up to 4.17 the line is after the trace, later before it. One after the trace of a report
        # without registers or RIP is of something that was interrupted.
        known = report.registers_line or report.rip is not None
        if self.traced and not cursor.adopting and not known:
            return
        if report.code is None and report.code_unavailable is None:
            parsed = parse_code(rest, line.number)
            if isinstance(parsed, str):
                report.code_unavailable = parsed
            else:
                report.code = parsed

    def _registers(self, bare: str, line: Line, cursor: _Cursor) -> bool:
        report = self.report
        if match := _CR2_LINE.match(bare):
            self._offer(int(match["value"], 16), "CR2 end", line)
            self.tailed = True
            cursor.in_trace = False
            return True
        if match := _RSP_END.match(bare):
            self._stack_pointer(int(match["value"], 16))
            self.tailed = True
            return True
        if take_abort_line(report, bare, line.number):
            self._machine("arm64")
            return True
        machine = arch.machine_of_dump(bare) or self._continued(bare)
        if machine is None:
            return (match := _PC.match(bare)) is not None and self._pc(match, bare, line, cursor)
        cursor.user_code_due = False
        if cursor.user_block and not cursor.foreign and report.user_stack is None:
            report.user_stack = (
                arch.of(machine).parse_registers(bare, {}).get(arch.of(machine).registers.sp)
            )
        if cursor.user_block or cursor.foreign:
            return True
        if self.traced and cursor.in_trace and not cursor.adopting:
            return True
        self._machine(machine)
        if report.machine != machine:
            return True
        known = arch.of(machine)
        values = known.parse_registers(bare, report.registers)
        report.registers_line = report.registers_line or line.number
        for name, value in values.items():
            report.registers.setdefault(name, value)
        source = known.registers.fault_address
        if source is not None and source in values:
            self._offer(values[source], known.registers.fault_source, line)
        place = known.pc_symbol(bare)
        symbol = symbols.parse_symbol(place, line.number) if place is not None else None
        if symbol is not None:
            self._set_rip(symbol)
        return True

    def _pc(self, match: Match[str], bare: str, line: Line, cursor: _Cursor) -> bool:
        """``pc : sym``, ``PC is at sym``, ``epc : sym``, ``NIP [addr] sym``."""
        report = self.report
        which = match["which"]
        machine = _PC_OF.get(which)
        if machine is not None:
            self._machine(machine)
        if cursor.foreign or (self.traced and cursor.in_trace):
            return True
        rest = match["rest"]
        if report.machine in ("arm", "arm64", None) and rest.startswith("[<"):
            self._machine("arm" if rest[10:11] == ">" else "arm64")  # eight digits or sixteen
            known = arch.of(report.machine or "arm64")
            for name, value in known.parse_registers(bare, {}).items():
                report.registers.setdefault(name, value)
            return True
        symbol = symbols.parse_symbol(re.sub(r"^\[([0-9a-f]+)\] ", r"[<\1>] ", rest), line.number)
        if symbol is None:
            return True
        if which in ("pc", "epc", "PC is", "NIP"):
            if which == "pc" and symbol.address is None:
                self._machine("arm64")
            if report.rip is None or report.rip.name is None:
                report.rip = symbol
        elif symbol.name:
            report.details.setdefault("lr", rest.strip())
        return True

    def _summary(self, bare: str, line: Line) -> bool:
        """The block that newer kernels repeat after the end mark: known already, but for CR2."""
        if bare.startswith("CR2:"):
            for value in arch.of("x86_64").parse_registers(bare[:30], {}).values():
                self._offer(value, "CR2 summary", line)
        if self.headless and self.report.rip is None and (match := _RIP.match(bare)):
            symbol = symbols.parse_symbol(match["rest"], line.number)
            if symbol is not None and int(match["cs"], 16) & 3 == 0:
                self._machine("x86_64")
                self._set_rip(symbol)
        self._kernel_offset(bare)
        return True

    def _kernel_offset(self, bare: str) -> bool:
        """dump_kernel_offset() of arch/*/kernel/setup.c: where KASLR put the kernel."""
        match = _KERNEL_OFFSET.match(bare)
        if match is None:
            return False
        self.report.details["kernel_offset"] = match["offset"]
        self.report.relocation_end = int(match["end"], 16) if match["end"] else None
        return True

    def _rest(self, text: str, bare: str, line: Line, cursor: _Cursor) -> bool:
        report = self.report
        if self._kernel_offset(bare):
            return True
        if bare.startswith(("PGD ", "*pd")) and report.page_walk is None:
            report.page_walk, report.page_walk_line = bare[:200], line.number
            return True
        if (match := _THREAD_INFO.match(bare)) is not None:
            report.thread_info = report.thread_info or int(match["ti"], 16)
            return True
        of_memory = registry.INFO[report.kind].of_memory or "gfp_mask" in report.details
        if of_memory and self._memory_line(bare):
            return True
        if padding.PADDING.match(bare) or padding.HEX_ROW.match(text):
            return True
        if registry.INFO[report.kind].stuck:
            if identity := context.parse_taint_line(bare):
                self._identify(identity)
                return True
            if match := _STATE_LINE.match(bare):
                if report.kind == kinds.RCU_STALL and not report.frames and not cursor.foreign:
                    cursor.adopt = True
                    report.comm = report.comm or match["comm"] or match["old"]
                    if match["pid"] and report.pid is None:
                        report.pid = int(match["pid"])
                return True
        if not cursor.foreign and (
            (" from " in bare and _ARM_FRAME.match(bare)) or self._bare_trace(bare)
        ):
            # No "Call trace:" leads the frames of arm, nor those of riscv where its line was lost.
            if report.machine is None and " from " in bare:
                self._machine("arm")
            frame = symbols.parse_frame(text, line.number, cursor.stack)
            if frame is not None:
                cursor.target.append(frame)
                cursor.in_trace = self.traced = True
                return True
        if report.kind == kinds.LOCKDEP and (identity := context.parse_ident_line(bare)):
            self._identify(identity)
            return True
        if not self.traced and report.kind == kinds.WARNING:
            return self._warning_message(bare)
        return False

    def _memory_line(self, bare: str) -> bool:
        """A line of the tables that follow: all, until the task that was killed is named."""
        lines = self.report.memory_lines
        if len(lines) >= MAX_MEMORY_LINES:
            return False
        if lines and lines[-1].startswith(_KILLED_HEADS):
            return bare.startswith("oom_reaper:")
        if not self.traced and not lines and not _MEMORY_HEADS.match(bare):
            return False
        lines.append(bare[:300])
        return True

    def _bare_trace(self, bare: str) -> bool:
        """A frame right behind the registers, of a machine that is not x86."""
        known = self.report.machine not in (None, "x86_64", "i386")
        return known and not self.traced and _BRACKET_FRAME.match(bare) is not None

    def _identify(self, identity: context.Identity) -> None:
        """Which kernel speaks; the first line that tells counts."""
        report = self.report
        if report.release is None:
            report.release, report.version, report.taint = identity

    def _warning_message(self, bare: str) -> bool:
        """Before 4.15 WARN's text stands after its header, later before it."""
        if "message" in self.report.details or self.report.release is not None:
            return False
        if self.report.modules_line or bare.startswith(("-", "=")):
            return False
        self.report.details["message"] = bare[:300]
        return True

    # ---------------------------------------------------------------- end

    def finish(self) -> Report:
        """Closes the report: settles what depends on the whole of it."""
        report = self.report
        if report.machine is None and self.is_x86 and (report.registers_line or report.rip):
            report.machine = "x86_64"
        if self.pc is not None:
            names = arch.of(report.machine or "x86_64").registers
            report.registers.setdefault(names.pc, self.pc)
        if report.modules_line:
            report.modules, report.last_unloaded = context.parse_modules(
                " ".join(self._modules.parts)
            )
        report.other_stacks = {name: stack for name, stack in report.other_stacks.items() if stack}
        report.context = report.context or context_of(report)
        report.kind = decide.of_report(report)
        return report
