# SPDX-License-Identifier: GPL-2.0-or-later
"""Where it happened: RIP, its source, the stack, the frame to blame."""

from __future__ import annotations

import dataclasses
import re
from typing import Optional

from crashext.engine import blame, cause, checks, kinds
from crashext.engine.blame.names import normalise
from crashext.engine.case import Case, log_source
from crashext.engine.kinds import registry as kinds_registry
from crashext.engine.lazy import Lazy
from crashext.engine.log.symbols import parse_symbol
from crashext.engine.model import Culprit, Rip, SourceLocation, StackFrame
from crashext.engine.report import LogSymbol, Report
from crashext.errors import Unknown

#: Bytes read around RIP for the disassembly when the function is long.
BEFORE, AFTER = 96, 48
#: Instructions shown before and after RIP.
SHOWN_BEFORE, SHOWN_AFTER = 6, 4


def locate(case: Case) -> None:
    """Fills ``rip`` from memory and log; says so when the two disagree."""
    report, explanation = case.report, case.explanation
    logged = report.rip if report is not None and report.mode != "user" else None
    address = case.pc
    if address is None and logged is not None:
        address = logged.address or _address_of(case, logged)
    if address is None and logged is None:
        explanation.unknown["rip"] = case.reasons.get(
            "registers", "the report names no instruction"
        )
        return
    rip = Rip(address=address)
    explanation.rip = rip
    symbol = case.ask("symbol", lambda: case.target.symbol(address)) if address else None
    if symbol is not None:
        rip.symbol, rip.offset, rip.size = symbol.name, symbol.offset, symbol.size
        rip.module = symbol.module
        if logged is not None and logged.offset is not None and logged.offset != symbol.offset:
            case.contradict(
                f"the log puts RIP at {logged.text()}, the symbol table of the debug files "
                f"at {symbol.name}+0x{symbol.offset:x}: is the debug file of the same build?"
            )
    elif logged is not None and logged.name is not None:
        rip.symbol, rip.offset, rip.size = logged.name, logged.offset, logged.size
        rip.module = logged.module
        # Only in a log that was symbolised before: decode_stacktrace.sh, syzbot.
        rip.file, rip.line = logged.file, logged.line
        if logged.file is not None and logged.outer:
            places = ((logged.file, logged.line), *logged.outer)
            rip.inlined = [SourceLocation(None, file, line) for file, line in places]
    shown = (explanation.registers or {}).get(case.arch.registers.pc)
    if shown is not None and rip.symbol is not None:
        module = f" [{rip.module}]" if rip.module else ""
        offset = "" if rip.offset is None else f"+0x{rip.offset:x}"
        shown.meaning = f"{rip.symbol}{offset}{module}"
    if logged is not None:
        case.claim(
            f"RIP is {logged.text()}",
            log_source(logged.line_no),
            check=checks.symbol(address) if address else None,
        )
    elif symbol is not None and case.frame is not None:
        case.claim(
            f"RIP is {symbol.name}+0x{symbol.offset:x}",
            "memory",
            case.frame.how,
            check=checks.symbol(address or 0),
        )
    if rip.symbol is not None:
        _source(case, rip, address)
    elif address is not None:
        explanation.unknown.setdefault("rip.symbol", f"0x{address:x} lies in no known function")


def _address_of(case: Case, logged: LogSymbol) -> Optional[int]:
    """Where the log's symbol is in a kernel that survived the report and still has it."""
    name, offset = logged.name, logged.offset
    if name is None or offset is None:
        return None
    start = case.ask("rip.address", lambda: case.target.address(name))
    return start + offset if start is not None else None


def locate_at(case: Case, address: int) -> None:
    """Fills ``rip`` for an address that a person asks about."""
    rip = Rip(address=address)
    case.explanation.rip = rip
    symbol = case.ask("rip.symbol", lambda: case.target.symbol(address))
    if symbol is None:
        case.explanation.unknown["rip.symbol"] = case.reasons["rip.symbol"]
    else:
        rip.symbol, rip.offset, rip.size = symbol.name, symbol.offset, symbol.size
        rip.module = symbol.module
    _source(case, rip, address)


def _source(case: Case, rip: Rip, address: Optional[int]) -> None:
    chain = case.ask("rip.file", lambda: case.target.source(address or 0))
    report = case.report
    if not chain and report is not None and report.bug_file and case.explanation.rip is rip:
        rip.file, rip.line = report.bug_file, report.bug_line
        case.claim(
            f"the report names {report.bug_file}:{report.bug_line}", log_source(report.first_line)
        )
        return
    if not chain and rip.file is not None:
        return  # the log names it
    if not chain:
        case.explanation.unknown["rip.file"] = case.reasons.get(
            "rip.file", "the debug info has no line for this address"
        )
        return
    innermost = chain[0]
    frame = case.frame
    if frame is not None and address == case.pc:
        line = case.target.line_of_access(frame)
        if line is not None:
            innermost = chain[0] = dataclasses.replace(innermost, line=line, column=None)
    rip.file, rip.line, rip.column = innermost.file, innermost.line, innermost.column
    if len(chain) > 1:
        rip.inlined = list(chain)
    case.claim(
        f"0x{address:x} is {place_text(innermost)}",
        "DWARF",
        " inlined into ".join(place_text(level) for level in chain) if len(chain) > 1 else "",
        check=checks.source_line(address or 0),
    )
    if innermost.file is None or innermost.line is None:
        return
    file, line = innermost.file, innermost.line
    text = case.ask("rip.source_text", lambda: case.target.source_text(file, line))
    if text:
        rip.source_context = list(text)
        rip.source_text = next((entry.text for entry in text if entry.line == line), None)
    if rip.source_text is None:
        case.explanation.unknown["rip.source_text"] = case.reasons.get(
            "rip.source_text", f"{file} has no line {line}"
        )


def code_window(case: Case) -> Optional[tuple[bytes, int]]:
    """Code bytes around RIP and the index of the byte at RIP: memory first, else ``Code:``."""
    report, rip = case.report, case.explanation.rip
    if rip is not None and rip.address:
        address = rip.address
        after = AFTER
        if rip.size is not None and rip.offset is not None:
            after = max(1, min(AFTER, rip.size - rip.offset))
        back = min(rip.offset, BEFORE * 4) if rip.offset is not None else BEFORE
        for before in (back, min(back, 42), 0):
            try:
                data = case.target.read(address - before, before + after)
            except Unknown as reason:
                case.reasons.setdefault("rip.instruction", str(reason))
                continue
            return data, before
    if report is not None and report.code is not None:
        return report.code.data, report.code.fault_index
    return None


def disassemble(case: Case) -> None:
    """Fills ``rip.instruction`` and the lines around it; checks ``Code:`` against memory."""
    rip, report, unknown = case.explanation.rip, case.report, case.explanation.unknown
    if rip is None:
        return
    window = code_window(case)
    if window is None:
        unavailable = report.code_unavailable if report is not None else None
        unknown["rip.instruction"] = (
            (f"the kernel could not print the code ({unavailable})" if unavailable else None)
            or case.reasons.get("rip.instruction")
            or "the report has no Code: line"
        )
        return
    data, index = window
    if report is not None and report.code is not None:
        logged = report.code.data[report.code.fault_index :][:8]
        remembered = data[index : index + len(logged)]
        if logged[: len(remembered)] != remembered:
            case.contradict(
                f"Code: in the log has {logged.hex(' ')} at RIP, memory has "
                f"{remembered.hex(' ')}: was the text changed since?"
            )
    # Without an address (a log prints none since 4.10) offsets in the function stand for it.
    at = rip.address if rip.address is not None else rip.offset or 0
    base = at - index
    try:
        lines = case.arch.disassemble(
            data,
            base,
            at,
            function_offset=rip.offset,
            function_size=rip.size,
            address_known=rip.address is not None,
        )
    except Unknown as reason:
        unknown["rip.instruction"] = str(reason)
        return
    center = next((i for i, line in enumerate(lines) if line.faulting), None)
    if center is None:
        unknown["rip.instruction"] = "the bytes at RIP are no instruction"
        return
    rip.disassembly = lines[max(0, center - SHOWN_BEFORE) : center + 1 + SHOWN_AFTER]
    for line in rip.disassembly:
        line.text = _name_target(case, rip, line.text)
        line.address &= (1 << 64) - 1
    rip.instruction = lines[center].text
    case.claim(
        f"the instruction is {rip.instruction}",
        "memory" if report is None or report.code is None else log_source(report.code.line_no),
        lines[center].bytes,
        check=checks.instruction(rip.address) if rip.address else None,
    )


_BRANCH = re.compile(r"^(?:call|jmp|j[a-z]{1,3}|loop\w*)\s+0x([0-9a-f]+)$")


def _name_target(case: Case, rip: Rip, text: str) -> str:
    """``call 0xffffffff81…`` with the name of its target, as objdump prints it."""
    match = _BRANCH.match(text)
    if match is None:
        return text
    target = int(match.group(1), 16)
    if rip.address is None:
        inside = rip.size is not None and target < rip.size
        return f"{text} <{rip.symbol}+0x{target:x}>" if inside and rip.symbol else text
    try:
        symbol = case.target.symbol(target)
    except Unknown:
        return text
    offset = f"+0x{symbol.offset:x}" if symbol.offset else ""
    return f"{text} <{symbol.name}{offset}>"


def stack(case: Case) -> None:
    """Fills ``stack``: unwound from memory, else as the log prints it."""
    explanation, report = case.explanation, case.report
    # Without the exception's registers in memory its stack is gone too (the kernel went on after an
    # oops, and runs, or crashed later of something else): only the log still has it.
    gone = case.frame is None and report is not None and None not in (report.trap, report.rip)
    frames = None
    if not gone:
        frames = case.ask_crash("stack", lambda: case.target.backtrace(report, case.frame))
    if frames and any(frame.function and frame.reliable for frame in frames):
        explanation.stack = list(frames)
        return
    if report is None or not (report.frames or report.rip):
        explanation.unknown["stack"] = case.reasons.get("stack", "the report has no Call Trace")
        return
    explanation.stack = []
    rip = explanation.rip
    first = next((frame for frame in report.frames if frame.reliable), None)
    repeated = (
        first is not None
        and rip is not None
        and (first.name, first.offset) == (rip.symbol, rip.offset)
        and case.arch.trace_has_pc
    )
    if rip is not None and rip.symbol is not None and report.rip is not None and not repeated:
        explanation.stack.append(
            StackFrame(
                rip.symbol,
                rip.offset,
                rip.size,
                rip.module,
                rip.file,
                rip.line,
                address=rip.address,
            )
        )
    caller = _in_link_register(report)
    if caller is not None and (first is None or first.name != caller.function):
        explanation.stack.append(caller)
    explanation.stack += [frame.shown() for frame in report.frames]
    if case.target.has_memory:
        _add_lines(case, explanation.stack)
    if case.target.has_memory and "stack" in case.reasons:
        explanation.unknown["stack"] = f"from the log only: {case.reasons['stack']}"


def _in_link_register(report: Report) -> Optional[StackFrame]:
    """The caller of a bad pointer, which only the link register still names.

    What was called pushed no frame, so the trace goes on with the caller's caller (arm64's
    unwinder), or names the caller as the one that returns (arm: ``(caller) from (its caller)``).
    """
    if report.rip is None or report.rip.name is not None:
        return None
    link = parse_symbol(report.details.get("lr", ""), report.first_line)
    if link is None or link.name is None or link.offset is None:
        return None
    return StackFrame(
        link.name, link.offset, link.size, link.module, link.file, link.line, address=link.address
    )


#: Frames of a log's stack whose source lines are looked up.
_LINED = 16


def _add_lines(case: Case, frames: list[StackFrame]) -> None:
    """Gives the log's frames source lines where the target knows symbol and line.

    A name that several functions have is left without one.
    """
    for frame in [f for f in frames if f.reliable and f.function and f.offset is not None][:_LINED]:
        name, offset = frame.function or "", frame.offset or 0
        try:
            address = frame.address or case.target.address(name) + offset
            chain = case.target.source(address, is_return_address=True)
        except Unknown:
            continue
        if chain:  # the last is the function itself, those before are inlined into it
            frame.file, frame.line = chain[-1].file, chain[-1].line


def _named_canary(case: Case) -> Optional[Culprit]:
    """The function that ``stack-protector: Kernel stack is corrupted in: F`` names."""
    report = case.report
    if case.explanation.kind != kinds.STACK_SMASH or report is None:
        return None
    found = parse_symbol(report.details.get("function", ""), report.panic_line)
    if found is None or not found.name or (found.offset is None and found.module is None):
        return None
    return Culprit(
        normalise(found.name),
        module=found.module,
        why=f"{normalise(found.name)} found its stack canary overwritten when it returned: it, or "
        "a function that it gave a local buffer to, wrote past the end",
    )


#: A function as %ps and %pS print it.
_PRINTED_NAME = Lazy(
    r"(?P<name>[A-Za-z_][\w.$]{0,119})(?:\+0x\S{1,40})?(?: \[(?P<module>[\w-]{1,64})\])?$"
)


def _named(case: Case) -> Optional[Culprit]:
    """The function that the report's own words name, where a remark says that it is the one."""
    report, reading = case.report, case.reading
    if report is None or reading is None or not reading.named:
        return None
    found = _PRINTED_NAME.match(report.details.get("named", ""))
    if found is None:
        return None
    name = normalise(found["name"])
    return Culprit(name, module=found["module"], why=reading.named.format(function=name))


def _place_of_lock(case: Case, frames: list[StackFrame], index: Optional[int]) -> Optional[Culprit]:
    """The place that lockdep names, where the stack does not lead to one."""
    if case.explanation.kind != kinds.LOCKDEP or case.report is None:
        return None
    found = blame.named_place(case.report, frames[index].function if index is not None else None)
    if found is None:
        return None
    place, why = found
    for frame in frames:
        if frame.function and frame.reliable and normalise(frame.function) == place.name:
            return Culprit(place.name, frame.file, frame.line, frame.module, why)
    return Culprit(place.name, module=place.module, why=why)


def _unsettled(case: Case, frames: list[StackFrame], index: int) -> str:
    """Why the kind of report leaves open who is to blame, if it does.

    A stack overflow is settled by a function that calls itself.
    """
    kind = case.explanation.kind
    why = kinds_registry.info(kind).unsettled
    if kind == kinds.STACK_OVERFLOW:
        name = frames[index].function
        return "" if sum(frame.function == name for frame in frames) > 3 else why
    if kind == kinds.HUNG_TASK and case.explanation.waits and case.explanation.waits.roots:
        return ""
    return why


def _nearest(frames: list[StackFrame]) -> str:
    """The first functions of a stack that are no helpers, trusted or not; at most two."""
    names = []
    for frame in frames[1:]:
        if frame.function and blame.role_of(frame.function) in (None, "plumbing"):
            names.append(blame.where(frame) + ("" if frame.reliable else " (not trusted)"))
    return ", ".join(names[:2])


def culprit(case: Case) -> None:
    """Fills ``culprit``: the frame to act on, with the reason."""
    explanation = case.explanation
    frames = explanation.stack or []
    report = case.report
    index, why, doubt = blame.choose(
        frames,
        explanation.rip,
        kind=explanation.kind,
        panic_message=report.panic_message if report is not None else None,
    )
    had_it = None
    if report is not None:
        had_it = cause.holder(case.summary.reports, report, explanation.kind)
    if had_it is not None:
        explanation.culprit = Culprit(had_it.frame.name, module=had_it.frame.module, why=had_it.why)
        explanation.unknown["culprit.file"] = "the report names the function only"
        return
    named = case.root or _named_canary(case) or _named(case)
    if named is not None:
        explanation.culprit = named
        explanation.unknown["culprit.file"] = "the report names the function only"
        return
    if case.reading is not None and case.reading.victim:
        near = _nearest(frames)
        beside = f"; nearest on the stack, for whom it is worth: {near}" if near else ""
        explanation.unknown["culprit"] = case.reading.victim + beside
        return
    placed = _place_of_lock(case, frames, index)
    if placed is not None:
        explanation.culprit = placed
        case.doubts.append(kinds_registry.info(explanation.kind).unsettled)
        if placed.file is None:
            explanation.unknown["culprit.file"] = "the report names the function only"
        return
    if index is None:
        explanation.unknown["culprit"] = why
        return
    doubt = doubt or _unsettled(case, frames, index)
    if doubt:
        case.doubts.append(doubt)
    frame = frames[index]
    file, line = frame.file, frame.line
    rip = explanation.rip
    if file is None and rip is not None and frame.address == rip.address and frame.address:
        file, line = rip.file, rip.line
    name = normalise(frame.function) if frame.function else None
    explanation.culprit = Culprit(name, file, line, frame.module, why)
    if file is None:
        explanation.unknown["culprit.file"] = case.reasons.get(
            "rip.file", "no debug info for this frame"
        )


#: The C function of a system call under its wrappers' names: __x64_sys_read, SyS_read, ksys_read.
_SYSTEM_CALL = re.compile(
    r"(?:__(?:do|se|x64|ia32|arm64)_|__|k)?(?:compat_)?(?:sys|SyS|SYSC)_(\w+)$"
)

#: Machinery that calls into drivers, in the words of a call path.
_ENTRIES = {
    "process_one_work": "work item",
    "kthread": "kernel thread",
    "call_timer_fn": "timer",
    "__hrtimer_run_queues": "hrtimer",
    "tasklet_action_common": "tasklet",
    "rcu_do_batch": "RCU callback",
    "__handle_irq_event_percpu": "interrupt",
    "invoke_softirq": "softirq",
    "__do_softirq": "softirq",
    "handle_softirqs": "softirq",
    "do_one_initcall": "initcall",
    "do_init_module": "module init",
}

#: Beyond these frames lies what was interrupted, which called nobody here.
_INTERRUPT = re.compile(
    r"(?:asm_|instr_|__)?(?:sysvec_|common_interrupt|exc_nmi)|ret_from_intr|apic_timer_"
)


#: So many functions of a sanitizer stand between the function that it names and its stack's top.
_REPORTERS = 12


def call_path(frames: list[StackFrame], last: Optional[str] = None) -> list[str]:
    """Function names from the system call (or other entry) to ``last`` (else the innermost frame).

    Only frames that can be trusted; entry glue is left out, and of the wrappers of one system
    call the outermost is kept.
    """
    names: list[str] = []
    for frame in frames:
        if frame.function is None or not frame.reliable:
            continue
        if _INTERRUPT.match(frame.function):
            break
        name = normalise(frame.function)
        entry = _ENTRIES.get(name)
        if entry is not None:
            if not names or names[-1] != entry:
                names.append(entry)
            continue
        call = _SYSTEM_CALL.match(name)
        if call is None and blame.is_plumbing(name):
            continue
        previous = _SYSTEM_CALL.match(names[-1]) if names else None
        if call is not None and previous is not None and call.group(1) == previous.group(1):
            names[-1] = name
        elif not names or names[-1] != name:
            names.append(name)
    last = normalise(last) if last is not None else None
    if last is not None and last in names:
        # Of a function that is there once more, as RIP and behind what reported it, the later.
        again = names.index(last, 1) if names[0] == last and last in names[1:] else None
        if (
            again is not None
            and again <= _REPORTERS
            and all(blame.is_helper(name) for name in names[1:again])
        ):
            names = names[again:]
        names = names[names.index(last) :]
    return names[::-1]


def place_text(location: SourceLocation) -> str:
    """``function at file:line:column``, as far as known."""
    where = location.file or "?"
    if location.line is not None:
        where += f":{location.line}"
    if location.column:
        where += f":{location.column}"
    return f"{location.function} at {where}" if location.function else where
