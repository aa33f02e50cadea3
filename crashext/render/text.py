# SPDX-License-Identifier: GPL-2.0-or-later
"""An Explanation for a person: one screen first, everything with ``verbose``."""

from __future__ import annotations

from typing import Optional

from crashext.engine.case import FAILURE
from crashext.engine.escape import printable
from crashext.engine.kinds import registry
from crashext.engine.model import Explanation, Finding, Instruction, Module, StackFrame
from crashext.engine.model.evidence import OF_ACCESS
from crashext.engine.place import call_path
from crashext.engine.taint import name_of
from crashext.render.style import Style

_CONFIDENCE_STYLE = {"high": "good", "medium": "fair", "low": "bad"}
#: Keys whose absence a person wants to hear of on the first screen.
_SAY_UNKNOWN = ("rip.file", "rip.source_text", "rip.instruction", "stack", "fault_address", "log")
_STACK_LINES = 12


def render(
    explanation: Explanation, *, color: bool = False, width: int = 100, verbose: bool = False
) -> str:
    """The whole text, ending in a newline."""
    style = Style(color, width)
    if not explanation.crashed:
        lines = [printable(explanation.headline or "no crash report found")]
        context = _findings(explanation, verbose)
        for number, row in enumerate(context):
            lines += style.row("" if number else "context", row)
        return "\n".join(line.rstrip() for line in lines) + "\n"
    lines = [_title(explanation, style), ""]
    for label, rows in (
        ("what", _what(explanation)),
        ("where", _where(explanation, style)),
        ("why", _why(explanation)),
        ("value", _variables(explanation, verbose)),
        ("address", _address(explanation)),
        ("path", _path(explanation)),
        ("blame", _blame(explanation)),
        ("context", _findings(explanation, verbose)),
        ("modules", _modules(explanation, verbose)),
        ("checked", _checked(explanation)),
        ("also", _others(explanation)),
        ("unknown", _unknown(explanation, verbose)),
        ("by hand", _by_hand(explanation)),
        ("next", _next(explanation)),
    ):
        if rows:
            lines += style.row(label, rows[0])
            for row in rows[1:]:
                lines += style.row("", row)
    if verbose:
        lines += _registers(explanation, style)
        lines += _disassembly(explanation, style)
        lines += _stack(explanation, style)
        lines += _evidence(explanation, style)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _title(explanation: Explanation, style: Style) -> str:
    confidence = explanation.confidence or "low"
    left = printable(explanation.title or explanation.kind or "unknown crash")
    return style.columns(left, f"confidence: {confidence}", _CONFIDENCE_STYLE.get(confidence))


def _what(explanation: Explanation) -> list[str]:
    rows = [explanation.headline] if explanation.headline else []
    kernel = explanation.kernel
    if kernel is not None and kernel.release:
        taint = explanation.taint
        words = ""
        if taint is not None:
            names = [f"{entry.letter}={name_of(entry.letter)}" for entry in taint.meanings]
            words = f", tainted: {', '.join(names)}" if names else ", not tainted"
        rows.append(f"kernel {kernel.release}{words}")
    return rows


def _where(explanation: Explanation, style: Style) -> list[str]:
    rip = explanation.rip
    if rip is None:
        return []
    symbol = f"{rip.symbol}+0x{rip.offset or 0:x}" if rip.symbol else "no known function"
    if rip.address is not None:
        symbol += f"  ({rip.address:#x})"
    if rip.module:
        symbol += f"  [{rip.module}]"
    if rip.file is None:
        rows = [symbol]
    else:
        column = f":{rip.column}" if rip.column else ""
        rows = [f"{rip.file}:{rip.line}{column}   {symbol}"]
    for level in rip.inlined[1:]:
        rows.append(f"inlined into {level.function} at {level.file}:{level.line}")
    for entry in rip.source_context:
        mark = "→" if entry.line == rip.line else " "
        rows.append(f"{mark} {entry.line:5}  {entry.text.expandtabs(8)}")
    return rows


def _why(explanation: Explanation) -> list[str]:
    rows: list[str] = []
    code = explanation.error_code
    if code is not None:
        name = "Oops" if code.trap in (None, "#PF") else f"{code.trap} error code"
        raw = f"{code.raw:08x}" if code.trap == "ESR" else f"{code.raw & 0xFFFF:04x}"
        rows.append(f"{'ESR' if code.trap == 'ESR' else name} {raw} = {code.meaning}")
    rip, access = explanation.rip, explanation.access
    words = access.expression if access is not None and access.expression else None
    if words is None and rip is not None:
        words = rip.meaning
    if rip is not None and rip.instruction:
        rows.append(rip.instruction)
    if words and not (rip is not None and (rip.instruction or "").startswith(words)):
        rows.append(words)
    if access is not None and access.origin:
        rows.append(access.origin)
    return rows


def _variables(explanation: Explanation, verbose: bool) -> list[str]:
    variables = explanation.variables or []
    if not verbose:
        culprit = explanation.culprit.function if explanation.culprit else None
        rip = explanation.rip.symbol if explanation.rip else None
        variables = [
            entry
            for entry in variables
            if entry.value is not None and entry.frame in (culprit, rip, None)
        ][:8]
    rows = []
    for entry in variables:
        value = entry.value if entry.value is not None else f"<{entry.why or 'unknown'}>"
        where = f"   ({entry.frame})" if verbose and entry.frame else ""
        role = "parameter " if entry.parameter else ""
        rows.append(f"{role}{entry.type} {entry.name} = {value}{where}")
    return rows


def _address(explanation: Explanation) -> list[str]:
    fault = explanation.fault_address
    if fault is None:
        return []
    return [f"{fault.value:#x}: {fault.meaning}  (from {fault.source})"]


def _path(explanation: Explanation) -> list[str]:
    if not explanation.stack:
        return []
    culprit = explanation.culprit.function if explanation.culprit else None
    path = call_path(explanation.stack, culprit)
    if len(path) > _STACK_LINES:
        path = [*path[:4], f"… {len(path) - _STACK_LINES} more …", *path[-(_STACK_LINES - 4) :]]
    return [" → ".join(path)] if path else []


def _blame(explanation: Explanation) -> list[str]:
    culprit, rip = explanation.culprit, explanation.rip
    if culprit is None:
        return []
    if culprit.function and rip is not None and culprit.function == rip.symbol:
        return []
    where = f" at {culprit.file}:{culprit.line}" if culprit.file else ""
    module = f" [{culprit.module}]" if culprit.module else ""
    return [f"{culprit.function or 'code'}{module}{where}: {culprit.why}"]


def _findings(explanation: Explanation, verbose: bool) -> list[str]:
    rows: list[str] = []
    for finding in explanation.findings:
        if finding.topic not in OF_ACCESS:
            rows += _finding(finding, verbose)
    return rows


def _finding(finding: Finding, verbose: bool) -> list[str]:
    detail = finding.detail if verbose else finding.detail[:6]
    rows = [finding.text] + [f"  {line}" for line in detail]
    if len(detail) < len(finding.detail):
        rows.append(f"  … {len(finding.detail) - len(detail)} more with -v")
    return rows


def _modules(explanation: Explanation, verbose: bool) -> list[str]:
    modules = explanation.modules or []
    suspects = [entry for entry in modules if entry.suspect or (verbose and entry.why)]
    return [_module(entry) for entry in suspects[: None if verbose else 3]]


def _module(module: Module) -> str:
    return f"{module.name}: {'; '.join(module.why)}"


def _checked(explanation: Explanation) -> list[str]:
    rows = [f"! {text}" for text in explanation.contradictions]
    if explanation.confidence_why:
        rows.insert(0, explanation.confidence_why)
    return rows


def _others(explanation: Explanation) -> list[str]:
    return [
        f"log line {entry.line}: {entry.title} ({entry.relation})"
        for entry in explanation.reports[:5]
    ] + (
        [f"… {len(explanation.reports) - 5} more reports in the log"]
        if len(explanation.reports) > 5
        else []
    )


def _unknown(explanation: Explanation, verbose: bool) -> list[str]:
    said = [key for key in _SAY_UNKNOWN if key != "fault_address"]
    if registry.info(explanation.kind).memory:
        said.append("fault_address")
    return [
        f"{key}: {reason}"
        for key, reason in explanation.unknown.items()
        if verbose or key in said or reason.startswith(FAILURE)
    ]


def _by_hand(explanation: Explanation) -> list[str]:
    for entry in explanation.evidence:
        if entry.check.crash or entry.check.drgn:
            best = next(
                (e for e in explanation.evidence if e.source == "DWARF" and e.check.drgn), entry
            )
            return [
                f"{prompt}> {command}"
                for prompt, command in (("crash", best.check.crash), ("drgn", best.check.drgn))
                if command
            ]
    return []


def _next(explanation: Explanation) -> list[str]:
    return [step.text for step in explanation.next_steps[:3]]


def _registers(explanation: Explanation, style: Style) -> list[str]:
    if not explanation.registers:
        return []
    lines = ["", style.paint("title", "registers")]
    for name, register in explanation.registers.items():
        lines.append(f"  {name:<8} {register.value:016x}  {printable(register.meaning)}")
    return lines


def _disassembly(explanation: Explanation, style: Style) -> list[str]:
    if explanation.rip is None or not explanation.rip.disassembly:
        return []
    lines = ["", style.paint("title", "code")]
    return lines + [instruction_line(entry, style) for entry in explanation.rip.disassembly]


def instruction_line(entry: Instruction, style: Style) -> str:
    """One line of disassembly; the faulting instruction is marked."""
    text = f"  {'→' if entry.faulting else ' '} {entry.address:016x}  {printable(entry.text)}"
    return style.paint("mark", text) if entry.faulting else text


def stack_line(index: int, frame: StackFrame) -> str:
    """One frame: ``#3  function+0x12 [module] at file:line``, ``?`` when unreliable."""
    mark = " " if frame.reliable else "?"
    name = frame.function or (f"0x{frame.address:x}" if frame.address is not None else "?")
    offset = f"+0x{frame.offset:x}" if frame.offset is not None and not frame.inlined else ""
    module = f" [{frame.module}]" if frame.module else ""
    where = f" at {frame.file}:{frame.line}" if frame.file else ""
    inlined = " (inlined)" if frame.inlined else ""
    return f"  #{index:<3}{mark} {printable(name + offset + module + where + inlined)}"


def _stack(explanation: Explanation, style: Style) -> list[str]:
    if not explanation.stack:
        return []
    lines = ["", style.paint("title", "stack")]
    return lines + [stack_line(index, frame) for index, frame in enumerate(explanation.stack)]


def _evidence(explanation: Explanation, style: Style) -> list[str]:
    lines = ["", style.paint("title", "evidence")]
    for entry in explanation.evidence:
        lines += style.row("-", f"{entry.claim}  [{entry.source}]", label_width=2)
        for detail in (entry.detail, _check(entry.check.crash, entry.check.drgn)):
            if detail:
                lines += style.row("", detail, label_width=4)
    return lines


def _check(crash: Optional[str], drgn: Optional[str]) -> str:
    parts = [f"crash> {crash}"] if crash else []
    if drgn:
        parts.append(f"drgn> {drgn}")
    return "   ".join(parts)
