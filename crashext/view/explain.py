# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``explain`` says: one screen first, everything with ``verbose``."""

from __future__ import annotations

from collections.abc import Iterable

from crashext.engine.case import FAILURE
from crashext.engine.kinds import registry
from crashext.engine.model import Check, Explanation, Finding, Module
from crashext.engine.model.evidence import OF_ACCESS
from crashext.engine.place import call_path
from crashext.engine.taint import name_of
from crashext.view import words
from crashext.view.document import Block, Document, Line, Piece, Standing, line, row

_STANDING: dict[str, Standing] = {"high": "good", "medium": "fair", "low": "bad"}
#: Keys whose absence a person wants to hear of on the first screen.
_SAY_UNKNOWN = ("rip.file", "rip.source_text", "rip.instruction", "stack", "fault_address", "log")
_PATH = 12  # functions shown of a call path
_VALUES = 8  # variables on the first screen
_DETAILS = 6  # lines of one finding on the first screen
_SUSPECTS = 3  # modules on the first screen
_OTHERS = 5  # other reports of the log
_NEXT = 3  # steps


def document(explanation: Explanation, *, verbose: bool = False, door: str = "shell") -> Document:
    """The answer in the order of reading.

    :param door: where it is read (:data:`crashext.commands.table.DOORS`): the commands of that
        door's debugger are shown.
    """
    made = Document()
    context = list(_findings(explanation, verbose))
    if not explanation.crashed:
        made.heading(line(explanation.headline or "no crash report found"))
        made.rows([row("context", *context)])
        return made
    confidence = explanation.confidence or "low"
    made.heading(
        explanation.title or explanation.kind or "unknown crash",
        f"confidence: {confidence}",
        _STANDING.get(confidence),
    )
    debuggers = words.DEBUGGERS.get(door, words.DEBUGGERS["shell"])
    made.rows(
        [
            row("what", *_what(explanation)),
            row("before", *_before(explanation)),
            row("where", *_where(explanation)),
            row("why", *_why(explanation)),
            row("value", *_variables(explanation, verbose)),
            row("address", *_address(explanation)),
            row("path", *_path(explanation)),
            row("blame", *_blame(explanation)),
            row("context", *context),
            row("modules", *_modules(explanation, verbose)),
            row("checked", *_checked(explanation)),
            row("also", *_others(explanation)),
            row("unknown", *_unknown(explanation, verbose)),
            row("by hand", *_by_hand(explanation, debuggers)),
            row("next", *[step.text for step in explanation.next_steps[:_NEXT]]),
        ],
        apart=True,
    )
    if verbose:
        made.parts += _blocks(explanation, debuggers)
    return made


def _what(explanation: Explanation) -> Iterable[str]:
    if explanation.headline:
        yield explanation.headline
    kernel = explanation.kernel
    if kernel is not None and kernel.release:
        taint = explanation.taint
        said = ""
        if taint is not None:
            names = [f"{entry.letter}={name_of(entry.letter)}" for entry in taint.meanings]
            said = f", tainted: {', '.join(names)}" if names else ", not tainted"
        yield f"kernel {kernel.release}{said}"


def _where(explanation: Explanation) -> Iterable[Line]:
    rip = explanation.rip
    if rip is None:
        return
    where = [words.symbol(rip.symbol, rip.offset, nothing="no known function")]
    if rip.address is not None:
        where += [Piece("  ("), Piece(f"{rip.address:#x}", "address"), Piece(")")]
    if rip.module:
        where += [Piece("  "), words.module(rip.module)]
    if rip.file is None:
        yield line(*where)
    else:
        yield line(words.place(rip.file, rip.line, rip.column), "   ", *where)
    yield from words.inlined(rip)
    yield from words.source(rip)


def _why(explanation: Explanation) -> Iterable[Line]:
    code = explanation.error_code
    if code is not None:
        name = "Oops" if code.trap in (None, "#PF") else f"{code.trap} error code"
        raw = f"{code.raw:08x}" if code.trap == "ESR" else f"{code.raw & 0xFFFF:04x}"
        yield line(f"{'ESR' if code.trap == 'ESR' else name} {raw} = {code.meaning}")
    rip, access = explanation.rip, explanation.access
    said = access.expression if access is not None and access.expression else None
    if said is None and rip is not None:
        said = rip.meaning
    if rip is not None and rip.instruction:
        yield line(Piece(rip.instruction, "instruction"))
    if said and not (rip is not None and (rip.instruction or "").startswith(said)):
        yield line(said)
    if access is not None and access.origin:
        yield line(access.origin)


def _variables(explanation: Explanation, verbose: bool) -> Iterable[Line]:
    variables = explanation.variables or []
    if not verbose:
        culprit = explanation.culprit.function if explanation.culprit else None
        here = explanation.rip.symbol if explanation.rip else None
        variables = [
            entry
            for entry in variables
            if entry.value is not None and entry.frame in (culprit, here, None)
        ][:_VALUES]
    for entry in variables:
        value = entry.value if entry.value is not None else f"<{entry.why or 'unknown'}>"
        role = "parameter " if entry.parameter else ""
        where = f"   ({entry.frame})" if verbose and entry.frame else ""
        yield line(role, Piece(f"{entry.type} {entry.name} = {value}", "source"), where)


def _address(explanation: Explanation) -> Iterable[Line]:
    fault = explanation.fault_address
    if fault is not None:
        yield line(
            Piece(f"{fault.value:#x}", "address"), f": {fault.meaning}  (from {fault.source})"
        )


def _path(explanation: Explanation) -> Iterable[Line]:
    if not explanation.stack:
        return
    culprit = explanation.culprit.function if explanation.culprit else None
    path = call_path(explanation.stack, culprit)
    if len(path) > _PATH:
        path = [*path[:4], f"… {len(path) - _PATH} more …", *path[-(_PATH - 4) :]]
    if path:
        pieces = [Piece(path[0], "function")]
        for name in path[1:]:
            pieces += [Piece(" → "), Piece(name, "" if name.startswith("…") else "function")]
        yield line(*pieces)


def _blame(explanation: Explanation) -> Iterable[Line]:
    culprit, rip = explanation.culprit, explanation.rip
    if culprit is None:
        return
    if culprit.function and rip is not None and culprit.function == rip.symbol:
        return
    where = [Piece(culprit.function or "code", "function")]
    if culprit.module:
        where += [Piece(" "), words.module(culprit.module)]
    if culprit.file:
        where += [Piece(" at "), words.place(culprit.file, culprit.line)]
    yield line(*where, f": {culprit.why}")


def _findings(explanation: Explanation, verbose: bool) -> Iterable[Line]:
    for finding in explanation.findings:
        if finding.topic not in OF_ACCESS:
            yield from _finding(finding, verbose)


def _finding(finding: Finding, verbose: bool) -> Iterable[Line]:
    shown = finding.detail if verbose else finding.detail[:_DETAILS]
    yield line(finding.text)
    for text in shown:
        yield line(text, depth=1)
    if len(shown) < len(finding.detail):
        yield line(f"… {len(finding.detail) - len(shown)} more with -v", depth=1)


def _modules(explanation: Explanation, verbose: bool) -> Iterable[Line]:
    modules = explanation.modules or []
    suspects = [entry for entry in modules if entry.suspect or (verbose and entry.why)]
    return [_module(entry) for entry in suspects[: None if verbose else _SUSPECTS]]


def _module(module: Module) -> Line:
    return line(Piece(module.name, "module"), f": {'; '.join(module.why)}")


def _checked(explanation: Explanation) -> Iterable[Line]:
    if explanation.confidence_why:
        yield line(explanation.confidence_why)
    for text in explanation.contradictions:
        yield line(f"! {text}")


def _before(explanation: Explanation) -> Iterable[str]:
    """What came first: the possible cause, then the other signs before the crash."""
    cause = explanation.cause
    if cause is not None:
        seconds = cause.seconds_before
        when = f"{seconds:.1f} s before, " if seconds is not None else ""
        sure = "" if cause.confidence == "high" else "it may follow from this: "
        where = f" in {cause.function}" if cause.function else ""
        where += f" [{cause.module}]" if cause.module else ""
        yield f"{sure}{when}log line {cause.first_line}: {cause.title}{where} ({cause.why})"
    for link in explanation.chain:
        if link.role == "cause" and (cause is None or link.line != cause.first_line):
            yield f"log line {link.line}: {link.title} ({link.why})"


def _others(explanation: Explanation) -> Iterable[str]:
    for entry in explanation.reports[:_OTHERS]:
        yield f"log line {entry.line}: {entry.title} ({entry.relation})"
    if len(explanation.reports) > _OTHERS:
        yield f"… {len(explanation.reports) - _OTHERS} more reports in the log"


def _unknown(explanation: Explanation, verbose: bool) -> Iterable[str]:
    said = [key for key in _SAY_UNKNOWN if key != "fault_address"]
    if registry.info(explanation.kind).memory:
        said.append("fault_address")
    for key, reason in explanation.unknown.items():
        if verbose or key in said or reason.startswith(FAILURE):
            yield f"{key}: {reason}"


def _commands(check: Check, debuggers: Iterable[str]) -> list[list[Piece]]:
    return [
        [Piece(f"{name}> ", "prompt"), Piece(command, "command")]
        for name in debuggers
        if (command := check.commands().get(name))
    ]


def _by_hand(explanation: Explanation, debuggers: tuple[str, ...]) -> Iterable[Line]:
    """The commands for the piece of evidence that shows most: the one from debug info."""
    can = [entry for entry in explanation.evidence if _commands(entry.check, debuggers)]
    if can:
        best = next((entry for entry in can if entry.source == "DWARF"), can[0])
        for pieces in _commands(best.check, debuggers):
            yield line(*pieces)


def _blocks(explanation: Explanation, debuggers: tuple[str, ...]) -> Iterable[Block]:
    """What only ``-v`` shows."""
    if explanation.registers:
        registers = [
            line(
                Piece(f"{name:<8} ", "register"),
                Piece(f"{register.value:016x}", "address"),
                f"  {register.meaning}",
            )
            for name, register in explanation.registers.items()
        ]
        yield Block("registers", "code", registers, apart=True)
    if explanation.rip is not None and explanation.rip.disassembly:
        yield words.disassembly(explanation.rip)
    if explanation.stack:
        frames = [words.frame(index, entry) for index, entry in enumerate(explanation.stack)]
        yield Block("stack", "code", frames, apart=True)
    evidence: list[Line] = []
    for entry in explanation.evidence:
        evidence.append(line(f"{entry.claim}  [{entry.source}]"))
        if entry.detail:
            evidence.append(line(entry.detail, depth=1))
        commands = _commands(entry.check, debuggers)
        if commands:
            pieces = [piece for command in commands for piece in (*command, Piece("   "))]
            evidence.append(line(*pieces[:-1], depth=1))
    yield Block("evidence", "list", evidence, apart=True)
