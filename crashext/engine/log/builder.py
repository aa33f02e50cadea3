# SPDX-License-Identifier: GPL-2.0-or-later
"""Fills one report from the lines that follow its header."""

from __future__ import annotations

import re
from re import Match
from typing import Optional

from crashext.engine.log import code, context, registers, symbols
from crashext.engine.log.headers import Header, Role
from crashext.engine.log.prefix import Line
from crashext.engine.report import AddressCandidate, LogFrame, LogSymbol, Report

_INT_FIELDS = frozenset(("cpu", "pid", "uid", "bug_line", "die_count"))
_TEXT_FIELDS = frozenset(("comm", "bug_file"))

_PF_WORDS = re.compile(
    r"#PF: (?P<who>supervisor|user) +(?P<access>read access|write access|instruction fetch) in (?P<mode>kernel|user) mode"
)
_PF_CODE = re.compile(r"#PF: error_code\(0x(?P<code>[0-9a-f]+)\) - (?P<why>.{1,60})")
_RIP = re.compile(r"RIP: (?P<cs>[0-9a-f]{4}):\s*(?P<rest>.*)")
_EIP = re.compile(r"EIP(?: is at |: )(?:(?P<cs>[0-9a-f]{4}):)?\s*(?P<rest>.*)")
_END_RIP = re.compile(r"RIP +(?P<rest>\[<.*)")
_END_RSP = re.compile(r" ?RSP:? <(?P<value>[0-9a-f]{16})>")
_CR2_LINE = re.compile(r"CR2: (?P<value>[0-9a-f]{8,16})\s*$")
_MARK = re.compile(
    r"\s*<(?P<end>/)?(?P<name>IRQ|SOFTIRQ|TASK|NMI|#DF|#DB|#MC|#VC2?|EOI|EOE|ENTRY_TRAMPOLINE|ENTRY|<EOE>|SYSENTER|UNK)>\s*"
)
_ARM_PC = re.compile(r"(?P<which>pc|lr|PC is|LR is|epc) ?(?::|at) (?P<rest>\S.*)")
_ESR = re.compile(r"\s*ESR = 0x(?P<value>[0-9a-f]+)")
_TASK_LINE = re.compile(r"task:(?P<comm>.{1,24}?) +state:(?P<state>\S) ")
_NMI_CPU = re.compile(r"NMI backtrace for cpu (?P<cpu>\d+)")
_TAINT_WORDS = re.compile(r"(?:Tainted: )\[[A-Z]\]=")


class ReportBuilder:
    """One open report: knows which part of it the next line belongs to."""

    def __init__(self, header: Header, match: Match[str], line: Line) -> None:
        self.header = header
        self.report = Report(
            kind=header.kind,
            headline=line.text.strip(),
            first_line=line.number,
            last_line=line.number,
            fatal=header.fatal,
            caller=line.caller or None,
            time=line.time,
        )
        self.awaits_die = header.role is Role.ONGOING
        self.ended = False  # "---[ end trace" was met
        self.traced = False  # a "Call Trace:" was met
        self.in_trace = False
        self.user_block = False  # inside the registers of the interrupted user program
        self.frozen = False  # a later stack (the panic's own) must not overwrite the report's
        self.target: list[LogFrame] = self.report.frames
        self.stack = "task"
        self.summary = False  # inside the register block repeated after the end mark
        self._modules_text: list[str] = []
        self._modules_open = False
        self.fill(header, match, line)

    # ---------------------------------------------------------------- header lines

    def fill(self, header: Header, match: Match[str], line: Line) -> None:
        """Takes what a header or note line states."""
        report = self.report
        if header.trap and report.trap is None:
            report.trap = header.trap
        if header.access:
            report.access = header.access
        if header.machine and report.machine is None and header.machine != "arm?":
            report.machine = header.machine
        report.details.update(header.details)
        for name, value in match.groupdict().items():
            if value is None:
                continue
            if name in _INT_FIELDS:
                setattr(report, name, int(value))
            elif name in _TEXT_FIELDS:
                setattr(report, name, value)
            elif name == "error_code" or name == "esr":
                report.error_code = int(value, 16)
                report.error_code_line = line.number
            elif name == "address":
                self._candidate(
                    0 if value in ("(null)", "nil") else int(value, 16), "headline", line
                )
            elif name == "gp_hint":
                self._candidate(int(value, 16), "gp-hint", line)
            elif name == "at":
                self._site(value, line)
            else:
                report.details[name] = value.strip()
        report.last_line = max(report.last_line, line.number)

    def _candidate(self, value: int, source: str, line: Line) -> None:
        self.report.addresses.append(AddressCandidate(value, source, line.number))

    def _site(self, text: str, line: Line) -> None:
        """``sym+0x1/0x2 [mod]`` in a header: the place, and RIP where nothing better follows."""
        symbol = symbols.parse_symbol(text, line.number)
        if symbol is None or symbol.name is None:
            self.report.details["at"] = text.strip()
        elif self.report.rip is None:
            self.report.rip = symbol

    def complete(self, header: Header, match: Match[str], line: Line) -> None:
        """A die() header for a report that awaited one."""
        self.awaits_die = False
        if self.report.kind == "unknown" or header.kind == "stack-overflow":
            self.report.kind = header.kind
        if header.kind == "stack-overflow" or self.report.kind == "bug":
            self.report.trap = self.report.trap or header.trap
        self.fill(header, match, line)

    def note(self, header: Header, match: Match[str], line: Line) -> None:
        """A line that names the check which failed."""
        if header.kind:
            self.report.kind = header.kind
        self.fill(header, match, line)

    # ---------------------------------------------------------------- following lines

    def absorb(self, line: Line) -> bool:
        """Takes one line; False when it is not of this report."""
        taken = self._absorb(line)
        if taken:
            self.report.last_line = max(self.report.last_line, line.number)
        return taken

    def _absorb(self, line: Line) -> bool:
        text = line.text
        report = self.report
        if self._modules_open:
            if context.continues_modules(text):
                self._modules_text.append(text.strip())
                return True
            self._modules_open = False
        bare = text.lstrip()
        if not bare:
            return False
        if self.in_trace:
            mark = _MARK.match(text)
            while mark:
                self._mark(mark)
                text = text[mark.end() :]
                mark = _MARK.match(text)
            if not text.strip():
                return True
            frame = symbols.parse_frame(text, line.number, self.stack)
            if frame is not None:
                if not self.user_block:
                    self.target.append(frame)
                return True
        if bare.startswith(("Call Trace:", "Call trace:", "Backtrace:")):
            self._begin_trace(bare, line)
            return True
        if bare.startswith(("RIP", "EIP", "IP:")):
            return self._rip(bare, line)
        if bare.startswith("Code:"):
            self._code(bare[5:], line)
            return True
        if bare.startswith(("CPU: ", "Pid: ")):
            return self._cpu(bare)
        if bare.startswith("Modules linked in:"):
            if report.modules_line == 0:
                report.modules_line = line.number
                self._modules_text.append(bare[18:])
                self._modules_open = True
            self.in_trace = False
            self.user_block = False
            return True
        if bare.startswith("Hardware name:"):
            report.hardware = report.hardware or bare[14:].strip()
            return True
        if bare.startswith("Workqueue:"):
            if not self.frozen:
                report.workqueue = report.workqueue or bare[10:].strip()
            return True
        if bare.startswith("---[ end trace"):
            self.ended = True
            self.in_trace = False
            self.user_block = False
            self.summary = True
            return True
        if bare.startswith("#PF"):
            return self._page_fault(bare, line)
        return self._register_line(bare, line) or self._other(bare, line)

    def _mark(self, mark: Match[str]) -> None:
        name = mark["name"].strip("<>")
        if mark["end"] or name in ("EOI", "EOE") or name == "TASK":
            self.stack = "task"
        else:
            self.stack = name

    def _begin_trace(self, bare: str, line: Line) -> None:
        if (
            self.traced
            and not self.frozen
            and self.report.frames
            and self.target is self.report.frames
        ):
            self.target = self.report.other_stacks.setdefault("later", [])
        self.traced = True
        self.in_trace = True
        self.user_block = False
        self.stack = "task"
        rest = bare.split(":", 1)[1]
        if rest.strip():
            self._absorb(line._replace(text=rest))

    def begin_other(self, name: str) -> None:
        """The next stack is not the report's own."""
        if name in self.report.other_stacks:
            count = 2
            while f"{name} {count}" in self.report.other_stacks:
                count += 1
            name = f"{name} {count}"
        self.target = self.report.other_stacks[name] = []
        self.frozen = True
        self.in_trace = False
        self.user_block = False

    def _rip(self, bare: str, line: Line) -> bool:
        report = self.report
        match = _RIP.match(bare)
        rest = None
        if match:
            report.machine = report.machine or "x86_64"
            cs = int(match["cs"], 16)
            # Xen PV runs the kernel in ring 3 with a selector of its own (0xe030)
            if cs & 3 == 3 or cs == 0xE033:
                self.user_block = True
                return True
            rest = match["rest"]
        elif match := _END_RIP.match(bare):
            rest = match["rest"]
        elif match := _EIP.match(bare):
            report.machine = report.machine or "i386"
            rest = match["rest"]
        elif bare.startswith("IP:"):
            rest = bare[3:]
        if rest is None:
            return False
        if self.frozen or self.summary or (self.traced and report.rip is not None):
            return True
        symbol = symbols.parse_symbol(rest, line.number)
        if symbol is not None:
            self._set_rip(symbol)
        return True

    def _set_rip(self, symbol: LogSymbol) -> None:
        known = self.report.rip
        if (
            known is None
            or (known.address is None and symbol.address is not None)
            or not known.name
        ):
            if known is not None and known.name and not symbol.name:
                known.address = known.address or symbol.address
                return
            self.report.rip = symbol
        if symbol.address is not None:
            self.report.registers.setdefault("rip", symbol.address)

    def _code(self, rest: str, line: Line) -> None:
        report = self.report
        if self.user_block or self.frozen or self.summary:
            return
        if report.code is not None or report.code_unavailable is not None:
            return
        parsed = code.parse_code(rest, line.number)
        if isinstance(parsed, str):
            report.code_unavailable = parsed
        else:
            report.code = parsed

    def _cpu(self, bare: str) -> bool:
        parsed = context.parse_cpu_line(bare)
        if parsed is None:
            return False
        report = self.report
        if self.frozen and report.comm is not None and report.release is not None:
            return True
        if parsed.release is not None and report.release is None:
            report.release = parsed.release
            report.version = parsed.version
            report.taint = parsed.taint
        if not self.frozen and report.kind != "hung-task":
            report.cpu = parsed.cpu if report.cpu is None else report.cpu
            report.pid = parsed.pid if report.pid is None else report.pid
            report.uid = parsed.uid if report.uid is None else report.uid
            report.comm = parsed.comm if report.comm is None else report.comm
        return True

    def _page_fault(self, bare: str, line: Line) -> bool:
        report = self.report
        if match := _PF_WORDS.match(bare):
            report.access = {"read access": "read", "write access": "write"}.get(
                match["access"], "execute"
            )
            report.mode = match["mode"]
            return True
        if match := _PF_CODE.match(bare):
            report.error_code = int(match["code"], 16)
            report.error_code_line = line.number
            report.details["pf_reason"] = match["why"].strip()
            return True
        return bare.startswith("#PF error:")

    def _register_line(self, bare: str, line: Line) -> bool:
        report = self.report
        if match := _CR2_LINE.match(bare):
            self._candidate(int(match["value"], 16), "CR2 end", line)
            self.in_trace = False
            return True
        if match := _END_RSP.match(bare):
            report.registers.setdefault("rsp", int(match["value"], 16))
            return True
        head = bare[:4]
        machine = None
        if head in (
            "RSP:",
            "RAX:",
            "RDX:",
            "RBP:",
            "R10:",
            "R13:",
            "FS: ",
            "CS: ",
            "CR2:",
            "DR0:",
            "DR3:",
            "PKRU",
            "ORIG",
        ):
            machine = "x86_64"
        elif head in ("EAX:", "ESI:", "DS: ", "CR0:", "ESP:"):
            machine = "i386"
        elif re.match(r"x\d{1,2} ?:|sp :|pstate:", bare):
            machine = "arm64"
        elif re.match(r"(?:r\d{1,2}|sp ) ?:", bare):
            machine = "arm"
        elif match := _ARM_PC.match(bare):
            return self._arm_pc(match, bare, line)
        if machine is None:
            return False
        if self.user_block or self.frozen:
            return True
        report.machine = report.machine or machine
        values = registers.parse_registers(bare, report.machine)
        if self.summary or (self.traced and report.registers_line):
            if "cr2" in values:
                self._candidate(values["cr2"], "CR2 summary", line)
            return True
        report.registers_line = report.registers_line or line.number
        for name, value in values.items():
            report.registers.setdefault(name, value)
        if "cr2" in values:
            self._candidate(values["cr2"], "CR2", line)
        return True

    def _arm_pc(self, match: Match[str], bare: str, line: Line) -> bool:
        report = self.report
        symbol = symbols.parse_symbol(match["rest"], line.number)
        if symbol is None:
            return False
        if "[<" in bare:
            for name, value in registers.parse_registers(bare, "arm").items():
                report.registers.setdefault(name, value)
        if match["which"][:2].lower() == "pc" and (report.rip is None or not report.rip.name):
            report.rip = symbol
        elif match["which"][:2].lower() == "lr" and symbol.name:
            report.details.setdefault("lr", match["rest"].strip())
        if report.machine is None:
            report.machine = "arm64" if "pc :" in bare and "[<" not in bare else None
        return True

    def _other(self, bare: str, line: Line) -> bool:
        report = self.report
        if bare.startswith(("PGD ", "*pde", "task: ", "Stack:", "Mem abort info:", "Data abort info:", "note: ",
                            "Kernel Offset:", "Dumping ftrace", "Rebooting in", "------------[ cut here")):  # fmt: skip
            if bare.startswith("Kernel Offset: 0x"):
                report.details["kernel_offset"] = bare.split()[2]
            return True
        if _TAINT_WORDS.match(bare):
            return True
        if match := _ESR.match(bare):
            report.machine = report.machine or "arm64"
            report.error_code = int(match["value"], 16)
            report.error_code_line = line.number
            return True
        if match := _NMI_CPU.match(bare):
            if report.frames:
                self.begin_other("cpu " + match["cpu"])
            return True
        return False

    # ---------------------------------------------------------------- end

    def finish(self) -> Report:
        """Closes the report: settles what depends on the whole of it."""
        report = self.report
        if report.modules_line:
            text = " ".join(self._modules_text)
            report.modules, report.last_unloaded = context.parse_modules(text)
            self._modules_text = []
        report.context = report.context or self._context()
        self._refine_fault()
        return report

    def _context(self) -> Optional[str]:
        first = self.report.frames[0] if self.report.frames else None
        if first is None:
            return None
        if first.stack == "NMI":
            return "nmi"
        if first.stack == "SOFTIRQ":
            return "softirq"
        if first.stack == "IRQ":
            names = {
                frame.name
                for frame in self.report.frames
                if frame.stack == "IRQ" and frame.reliable
            }
            soft = names & {
                "__do_softirq",
                "handle_softirqs",
                "do_softirq",
                "__softirqentry_text_start",
            }
            return "softirq" if soft else "hardirq"
        return "process"

    def _refine_fault(self) -> None:
        report = self.report
        if report.kind != "bad-pointer" or report.trap != "#PF":
            return
        if (
            report.details.get("pf_reason", "").startswith("permissions violation")
            and report.addresses
        ):
            address = report.addresses[0].value
            if address < 1 << 47:
                report.kind = "user-memory-access"
            elif report.access == "write":
                report.kind = "write-to-read-only"
            elif report.access == "execute":
                report.kind = "nx-exec"
