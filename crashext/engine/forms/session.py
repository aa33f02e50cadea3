# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- an expression broken over lines cannot be searched for
"""A pasted session of crash, drgn or GDB whose backtrace is the crash report.

crash's ``bt`` (x86_64.c: x86_64_low_budget_back_trace_cmd, x86_64_exception_frame) prints frames
``#4 [stack] function at address`` and, where an exception interrupted the kernel, ``[exception RIP:
function+decimal]`` with the registers. drgn prints ``#0  function (file:line:column)``, GDB ``#0
address in function (arguments) at file:line``. The entry function says which exception it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional

from crashext.engine import arch, kinds
from crashext.engine.arch.names import Trap
from crashext.engine.forms.prefix import Line
from crashext.engine.kinds import Kind, registry
from crashext.engine.lazy import Lazy
from crashext.engine.report import LogFrame, LogSymbol, Report

#: A stack of 16 KiB holds no more frames.
MAX_FRAMES = 2048

_NAME = r"[A-Za-z_.$][\w.$]*"
_CRASH_FRAME = Lazy(
    rf"#(?P<n>\d{{1,4}}) \[[0-9a-f]{{8,16}}\] (?P<name>{_NAME})(?:\+(?P<offset>\d{{1,9}}|0x[0-9a-f]{{1,8}}))?"
    r" at (?P<address>[0-9a-f]{8,16})(?: \[(?P<module>[\w-]{1,64})\])?",
    re.A,
)
_DRGN_FRAME = Lazy(
    rf"#(?P<n>\d{{1,4}}) {{1,4}}(?P<name>{_NAME})(?:\+0x(?P<offset>[0-9a-f]{{1,8}})/0x(?P<size>[0-9a-f]{{1,8}}))?"
    r"(?: \((?P<file>[^\s():]{1,400}):(?P<line>\d{1,8})(?::\d{1,6})?\))?$",
    re.A,
)
_GDB_FRAME = Lazy(
    rf"#(?P<n>\d{{1,4}}) {{1,4}}(?:0x(?P<address>[0-9a-f]{{8,16}}) in )?(?P<name>{_NAME}) ?\(.{{0,4000}}?\)"
    r"(?: at (?P<file>[^\s:]{1,400}):(?P<line>\d{1,8}))?$",
    re.A,
)
_HEAD = Lazy(
    r'PID: (?P<pid>\d{1,10}) {1,8}TASK: [0-9a-f]{8,16} {1,8}CPU: (?P<cpu>\d{1,6}) {1,8}COMMAND: "(?P<comm>[^"]{0,24})"'
)
_BANNER = Lazy(r"(?P<key>RELEASE|PANIC|PID|COMMAND|CPU|VERSION): (?P<value>\S.{0,400})$")
_EXCEPTION = Lazy(
    rf"\[exception (?:RIP|EIP): (?:(?P<name>{_NAME})(?:\+(?P<offset>\d{{1,9}}|0x[0-9a-f]{{1,8}}))?|unknown)"
)
_REGISTER = Lazy(r"\b(R[A-Z0-9]{1,2}|RFLAGS|ORIG_RAX|CS|SS): {1,2}([0-9a-f]{4,16})\b")
_X86 = arch.of("x86_64").registers

#: Entry functions, without the prefixes of their generations (arch/x86/entry/entry_64.S, idtentry.h).
_ENTRIES: dict[str, tuple[Kind, Optional[Trap]]] = {
    "general_protection": (kinds.GENERAL_PROTECTION, "#GP"),
    "page_fault": (kinds.BAD_POINTER, "#PF"),
    "invalid_op": (kinds.INVALID_OPCODE, "#UD"),
    "divide_error": (kinds.DIVIDE_ERROR, "#DE"),
    "double_fault": (kinds.DOUBLE_FAULT, "#DF"),
    "nmi": (kinds.HARD_LOCKUP, None),
}
_ENTRY = Lazy(r"(?:asm_exc_|asm_|exc_|async_)?(?P<name>\w+)")
#: Functions of the report itself: what stands below them is what crashed.
_REPORTING = Lazy(
    r"(?:__)?(?:crash_kexec|machine_kexec|crash_setup_regs|oops_end|panic|vpanic|die|die_body|no_context"
    r"|bad_area\w*|do_trap|do_error_trap|do_invalid_op|do_general_protection|page_fault_oops|die_addr"
    r"|kernelmode_fixup_or_oops|bad_area_nosemaphore|do_page_fault|do_user_addr_fault|do_kern_addr_fault"
    r"|handle_page_fault|show_regs|dump_stack\w*|exc_\w+|asm_exc_\w+)"
)


def is_session(head: bytes) -> bool:
    """Whether a text has a backtrace of crash, drgn or GDB."""
    return (
        b"[exception RIP: " in head
        or (b'COMMAND: "' in head and b" #0 [" in head)
        or (
            b"#0 " in head
            and re.search(rb"(?m)^\W{0,12}#[01] {1,4}(?:0x[0-9a-f]{8,16} in )?[A-Za-z_]\w*", head)
            is not None
        )
    )


def read(lines: Iterable[Line]) -> Optional[Report]:
    """The crash that a session's backtrace shows; None when it shows none."""
    reader = _Reader()
    for line in lines:
        if line.program in ("", "kernel") and reader.take(line):
            break
    return reader.report()


class _Reader:
    """The first stack of a session that is a crash's."""

    def __init__(self) -> None:
        self._facts: dict[str, str] = {}
        self._panic: Optional[Line] = None
        self._first: Optional[Line] = None
        self._last: Optional[Line] = None
        self._frames: list[LogFrame] = []
        self._exception: Optional[LogSymbol] = None
        self._exception_line: Optional[Line] = None
        self._after = 0  # frames before the exception
        self._registers: dict[str, int] = {}
        self._registers_line = 0
        self._tool = "drgn or GDB"

    def take(self, line: Line) -> bool:
        """One line; True when the stack that matters is over."""
        text = line.text.strip()
        if match := _HEAD.match(text):
            if self._crashed():
                return True
            self._begin(line)
            self._facts.update(match.groupdict())
            return False
        if match := _BANNER.match(text):
            self._facts.setdefault(match["key"].lower(), match["value"].strip())
            if match["key"] == "PANIC":
                self._panic = line
            return False
        if self._exception_line is None and (match := _EXCEPTION.match(text)):
            offset = match["offset"]
            self._exception = LogSymbol(
                name=match["name"], offset=int(offset, 0) if offset else None, line_no=line.number
            )
            self._exception_line = line
            self._after = len(self._frames)
            self._last = line
            return False
        match = _CRASH_FRAME.match(text) or _DRGN_FRAME.match(text) or _GDB_FRAME.match(text)
        if match:
            if int(match["n"]) == 0 and self._frames:
                if self._crashed():
                    return True
                self._begin(line)
            self._frame(match.groupdict(), line, "] " in text)
        elif self._exception_line is not None and len(self._frames) == self._after:
            for name, value in _REGISTER.findall(text):
                self._registers.setdefault(
                    (_X86.flags or "") if name == "RFLAGS" else name.lower(), int(value, 16)
                )
                self._registers_line = self._registers_line or line.number
                self._last = line
        return False

    def _begin(self, line: Line) -> None:
        self._first = line
        self._frames = []

    def _frame(self, groups: dict[str, Optional[str]], line: Line, of_crash: bool) -> None:
        self._first = self._first or line
        self._last = line
        if of_crash:
            self._tool = "crash"
        if len(self._frames) >= MAX_FRAMES:
            return
        offset, size, address = groups.get("offset"), groups.get("size"), groups.get("address")
        number = groups.get("line")
        self._frames.append(
            LogFrame(
                name=groups["name"],
                offset=None if offset is None else int(offset, 16 if size else 0),
                size=None if size is None else int(size, 16),
                module=groups.get("module"),
                address=None if address is None else int(address, 16),
                line_no=line.number,
                file=groups.get("file"),
                line=None if number is None else int(number),
            )
        )

    def _crashed(self) -> bool:
        return self._exception_line is not None or any(
            _REPORTING.fullmatch(frame.name or "") for frame in self._frames
        )

    def report(self) -> Optional[Report]:
        """What was read, as a report."""
        if self._first is None or self._last is None or not self._crashed():
            return None
        cut = self._after if self._exception_line is not None else self._inner()
        entered, frames = self._frames[:cut], self._frames[cut:]
        rip = self._exception
        if rip is None and frames and self._tool != "crash":
            rip = LogSymbol(**{name: getattr(frames[0], name) for name in vars(LogSymbol())})
        kind, trap = self._kind([frame.name or "" for frame in entered])
        headline = self._panic or self._exception_line or self._first
        report = Report(
            kind=kind,
            headline=headline.text.strip(),
            first_line=min(headline.number, self._first.number),
            last_line=self._last.end,
            fatal=True,
            trap=trap,
            machine="x86_64" if _X86.pc in self._registers else None,
            rip=rip,
            registers=self._registers,
            registers_line=self._registers_line,
            frames=frames,
            release=self._facts.get("release"),
            version=self._facts.get("version"),
            comm=(self._facts.get("comm") or self._facts.get("command") or "").strip('"') or None,
        )
        if rip is not None and rip.address is None:
            rip.address = self._registers.get(_X86.pc)
        for name in ("pid", "cpu"):
            digits = self._facts.get(name, "").split()
            if digits and digits[0].isdigit():
                setattr(report, name, int(digits[0]))
        report.details["session"] = self._tool
        if self._panic is not None:
            report.details["message"] = self._facts["panic"].strip('"')
        return report

    def _inner(self) -> int:
        """Where what crashed begins, below the functions that report it."""
        last = 0
        for index, frame in enumerate(self._frames):
            name = frame.name or ""
            if _REPORTING.fullmatch(name) or _entry(name) is not None:
                last = index + 1
        return last

    def _kind(self, entered: list[str]) -> tuple[Kind, Optional[Trap]]:
        entry = next((found for name in entered if (found := _entry(name)) is not None), None)
        panic = self._facts.get("panic", "").strip('"')
        if panic:
            header = registry.header(panic)
            if header is not None and header[0].kind != kinds.UNKNOWN:
                return header[0].kind, header[0].trap
            if panic.startswith("Kernel panic - not syncing: "):
                row, _ = registry.panic(panic[28:].strip('"'))
                return row.kind, None
            if panic.lower().startswith(("sysrq :", "sysrq: ")):
                return kinds.SYSRQ, None
        if "sysrq_handle_crash" in entered or any(
            frame.name == "sysrq_handle_crash" for frame in self._frames
        ):
            return kinds.SYSRQ, None
        if entry is not None and entry[0] == kinds.HARD_LOCKUP:
            seen = any("watchdog" in name for name in entered)
            return (kinds.HARD_LOCKUP if seen else kinds.PANIC), None
        if entry is not None:
            return entry
        return (kinds.PANIC if "panic" in entered else kinds.UNKNOWN), None


def _entry(name: str) -> Optional[tuple[Kind, Optional[Trap]]]:
    match = _ENTRY.fullmatch(name)
    return None if match is None else _ENTRIES.get(match["name"])
