# SPDX-License-Identifier: GPL-2.0-or-later
"""Where it happened: RIP, its source, the stack, the frame to blame."""

from __future__ import annotations

from typing import Optional

from crashext.engine import blame
from crashext.engine.case import Case, log_source
from crashext.engine.model import Culprit, Instruction, Rip, SourceLocation, StackFrame
from crashext.engine.report import LogFrame, LogSymbol
from crashext.engine.x86 import insn
from crashext.errors import Unknown

#: Bytes read around RIP for the disassembly when the function is long.
BEFORE, AFTER = 96, 48
#: Instructions shown before and after RIP.
SHOWN_BEFORE, SHOWN_AFTER = 6, 4


def locate(case: Case) -> None:
    """Fills ``rip`` from memory and log; says so when the two disagree."""
    report, explanation = case.report, case.explanation
    logged = report.rip if report is not None and report.mode != "user" else None
    address = case.registers.get("rip")
    if address is None and logged is not None:
        address = logged.address
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
                f"the log puts RIP at {symbol_text(logged)}, the symbol table of the debug files "
                f"at {symbol.name}+0x{symbol.offset:x}: is the debug file of the same build?"
            )
    elif logged is not None and logged.name is not None:
        rip.symbol, rip.offset, rip.size = logged.name, logged.offset, logged.size
        rip.module = logged.module
    if logged is not None:
        case.claim(
            f"RIP is {symbol_text(logged)}",
            log_source(logged.line_no),
            crash=f"sym {address:x}" if address else None,
            drgn=f"prog.symbol(0x{address:x})" if address else None,
        )
    elif symbol is not None and case.frame is not None:
        case.claim(
            f"RIP is {symbol.name}+0x{symbol.offset:x}",
            "memory",
            case.frame.how,
            crash=f"sym {address:x}",
            drgn=f"prog.symbol(0x{address:x})",
        )
    if address is not None and rip.symbol is not None:
        _source(case, rip, address)
    elif address is not None:
        explanation.unknown.setdefault("rip.symbol", f"0x{address:x} lies in no known function")


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


def _source(case: Case, rip: Rip, address: int) -> None:
    chain = case.ask("rip.file", lambda: case.target.source(address))
    if not chain:
        case.explanation.unknown["rip.file"] = case.reasons.get(
            "rip.file", "the debug info has no line for this address"
        )
        return
    innermost = chain[0]
    rip.file, rip.line, rip.column = innermost.file, innermost.line, innermost.column
    if len(chain) > 1:
        rip.inlined = list(chain)
    case.claim(
        f"0x{address:x} is {place_text(innermost)}",
        "DWARF",
        " inlined into ".join(place_text(level) for level in chain) if len(chain) > 1 else "",
        crash=f"dis -s {address:x}",
        drgn=f"prog.source_location(0x{address:x})",
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
        back = min(rip.offset, BEFORE * 4) if rip.offset is not None else BEFORE
        for before in (back, min(back, 42), 0):
            try:
                data = case.target.read(address - before, before + AFTER)
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
        unknown["rip.instruction"] = (
            (report.code_unavailable if report is not None else None)
            or case.reasons.get("rip.instruction")
            or "the report has no Code: line"
        )
        return
    data, index = window
    if report is not None and report.code is not None:
        logged = report.code.data[report.code.fault_index :][:8]
        if logged and data[index : index + len(logged)] != logged:
            case.contradict(
                f"Code: in the log has {logged.hex(' ')} at RIP, memory has "
                f"{data[index : index + len(logged)].hex(' ')}: was the text changed since?"
            )
    base = (rip.address or 0) - index
    try:
        lines = insn.disassemble(data, base, rip.address or 0, function_offset=rip.offset)
    except Unknown as reason:
        unknown["rip.instruction"] = str(reason)
        return
    at = next((i for i, line in enumerate(lines) if line.faulting), None)
    if at is None:
        unknown["rip.instruction"] = "the bytes at RIP are no instruction"
        return
    rip.instruction = lines[at].text
    rip.disassembly = lines[max(0, at - SHOWN_BEFORE) : at + 1 + SHOWN_AFTER]
    if rip.address is None:
        for line in rip.disassembly:  # the log gave no address: show distances to RIP only
            line.address &= (1 << 64) - 1
    case.claim(
        f"the instruction is {rip.instruction}",
        "memory" if report is None or report.code is None else log_source(report.code.line_no),
        lines[at].bytes,
        crash=f"dis {rip.address:x}" if rip.address else None,
        drgn=f"prog.read(0x{rip.address:x}, 15).hex()" if rip.address else None,
    )


def stack(case: Case) -> None:
    """Fills ``stack``: unwound from memory, else as the log prints it."""
    explanation, report = case.explanation, case.report
    frames = case.ask("stack", lambda: case.target.backtrace(case.frame))
    if frames:
        explanation.stack = list(frames)
        return
    if report is None or not (report.frames or report.rip):
        explanation.unknown["stack"] = case.reasons.get("stack", "the report has no Call Trace")
        return
    explanation.stack = []
    rip = explanation.rip
    if rip is not None and rip.symbol is not None and report.rip is not None:
        explanation.stack.append(
            StackFrame(rip.symbol, rip.offset, rip.size, rip.module, address=rip.address)
        )
    explanation.stack += [_from_log(frame) for frame in report.frames]
    if case.target.name != "log" and "stack" in case.reasons:
        explanation.unknown["stack"] = f"from the log only: {case.reasons['stack']}"


def _from_log(frame: LogFrame) -> StackFrame:
    return StackFrame(
        frame.name,
        frame.offset,
        frame.size,
        frame.module,
        reliable=frame.reliable,
        address=frame.address,
    )


def culprit(case: Case) -> None:
    """Fills ``culprit``: the frame to act on, with the reason."""
    explanation = case.explanation
    frames = explanation.stack or []
    index, why = blame.choose(frames, explanation.rip, kind=explanation.kind)
    if index is None:
        explanation.unknown["culprit"] = why
        return
    frame = frames[index]
    file, line = frame.file, frame.line
    rip = explanation.rip
    if file is None and rip is not None and frame.address == rip.address and frame.address:
        file, line = rip.file, rip.line
    explanation.culprit = Culprit(frame.function, file, line, frame.module, why)
    if file is None:
        explanation.unknown["culprit.file"] = case.reasons.get(
            "rip.file", "no debug info for this frame"
        )


def call_path(frames: list[StackFrame], last: Optional[str] = None) -> list[str]:
    """Function names from the entry into the kernel to ``last`` (else the innermost frame).

    Only frames that can be trusted; entry glue is left out.
    """
    names: list[str] = []
    for frame in frames:
        if frame.function is None or not frame.reliable:
            continue
        if blame.is_plumbing(frame.function):
            continue
        if not names or names[-1] != frame.function:
            names.append(frame.function)
    if last is not None and last in names:
        names = names[names.index(last) :]
    return names[::-1]


def symbol_text(symbol: LogSymbol) -> str:
    """``name+0x12/0x23 [module]``."""
    if symbol.name is None:
        return f"0x{symbol.address:x}" if symbol.address is not None else "unknown"
    text = symbol.name
    if symbol.offset is not None:
        text += f"+0x{symbol.offset:x}"
    if symbol.size is not None:
        text += f"/0x{symbol.size:x}"
    return text + (f" [{symbol.module}]" if symbol.module else "")


def place_text(location: SourceLocation) -> str:
    """``function at file:line:column``, as far as known."""
    where = location.file or "?"
    if location.line is not None:
        where += f":{location.line}"
    if location.column:
        where += f":{location.column}"
    return f"{location.function} at {where}" if location.function else where


def faulting(lines: list[Instruction]) -> Optional[Instruction]:
    return next((line for line in lines if line.faulting), None)
