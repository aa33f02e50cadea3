# SPDX-License-Identifier: GPL-2.0-or-later
"""The fault itself: registers, error code, the access and its address, and the kind they make."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from crashext.engine import checks, decide, kinds, reading, values
from crashext.engine.arch.names import Trap
from crashext.engine.case import Case, log_source
from crashext.engine.model import Access, FaultAddress, RegisterValue
from crashext.engine.place import code_window
from crashext.engine.report import Report
from crashext.errors import Unknown

#: Candidates for the address of a page fault, the best first. The CR2 of the register block can
#: hold a later fault (the kernel's own probe of the code bytes); the headline cannot.
_ADDRESS_ORDER = ("headline", "memory", "CR2 end", "CR2")


def layout(case: Case) -> values.AddressLayout:
    """The kernel's address map; its movable bases are read from memory where there is one."""

    def variable(name: str, size: int) -> Optional[int]:
        try:
            return int.from_bytes(case.target.read(case.target.address(name), size), "little")
        except Unknown:
            return None  # KASLR of memory is not built in, or there is no memory to ask

    found, report = case.arch.layout(variable), case.report
    if report is None:
        return found
    return replace(
        found,
        stack_is_direct=report.thread_info is not None,
        modules_start=report.relocation_end + 1 if report.relocation_end else found.modules_start,
    )


def _symbol_name(case: Case, address: int) -> Optional[str]:
    """``name+0x12 [module]`` of an address, or None."""
    try:
        known = case.target.symbol(address)
    except Unknown:
        return None
    module = f" [{known.module}]" if known.module else ""
    return f"{known.name}+0x{known.offset:x}{module}"


def registers(case: Case) -> None:
    """Fills ``registers`` with a meaning each; compares memory with the log."""
    explanation, report = case.explanation, case.report
    found = case.arch.normalise(case.registers)
    case.layout = case.arch.with_registers(layout(case), found)
    if not found:
        explanation.unknown["registers"] = case.reasons.get(
            "registers", "the report prints no registers"
        )
        return

    def symbol(address: int) -> Optional[str]:
        return _symbol_name(case, address)

    explanation.registers = {
        name: RegisterValue(
            found[name],
            values.describe(found[name], layout=case.layout, symbols=symbol, pointer=False),
        )
        for name in case.arch.shown(found)
    }
    if case.frame is None or report is None:
        return
    logged = case.arch.normalise(report.registers)
    differing = [
        name
        for name, value in logged.items()
        if name in explanation.registers and found.get(name) != value
    ]
    if differing:
        case.contradict(
            "registers in the log and in memory differ: "
            + ", ".join(f"{name} {logged[name]:#x} ≠ {found[name]:#x}" for name in differing[:4])
        )
    case.claim(
        "the interrupted registers",
        "memory",
        case.frame.how,
        crash="bt",
        drgn=f"Object(prog, 'struct pt_regs', address=0x{case.frame.address:x})"
        if case.frame.address
        else None,
    )


def trap_of(case: Case) -> Optional[Trap]:
    """The mnemonic of the trap: from the log, else from memory."""
    if case.report is not None and case.report.trap is not None:
        return case.report.trap
    if case.report is not None and case.report.kind == kinds.STACK_OVERFLOW:
        return "#DF"  # "stack guard page" is what the double fault of a stack overflow prints
    return case.frame.trap if case.frame is not None else None


def error_code(case: Case) -> None:
    """Fills ``error_code``: the page-fault bits, or the selector of the other traps."""
    explanation, report, trap = case.explanation, case.report, trap_of(case)
    code = report.error_code if report is not None else None
    remembered = case.frame.error_code if case.frame is not None else None
    if code is not None and remembered is not None and code != remembered & 0xFFFF:
        case.contradict(
            f"the log says error code {code:04x}, memory says {remembered:04x}; the log is believed"
        )
    if code is None:
        code = remembered
    candidate = _candidate(case)
    try:
        explanation.error_code = case.arch.explain_error(
            code, trap, pc=case.pc, address=candidate[0] if candidate else None
        )
    except Unknown as reason:
        explanation.unknown["error_code"] = str(reason)
        return
    reading.walk_against(case, trap)
    if case.walk_denies:
        bits = explanation.error_code.meaning.partition(": ")[0]
        explanation.error_code.meaning = f"{bits}: which the printed page walk contradicts"
    case.claim(
        f"{case.arch.error_text(explanation.error_code.raw)}: {explanation.error_code.meaning}",
        log_source(report.error_code_line)
        if report is not None and report.error_code is not None
        else "memory",
        check=checks.log(),
    )


def _candidate(case: Case) -> Optional[tuple[int, str]]:
    """The reported fault address and where it is from, before the instruction is consulted."""
    trap = trap_of(case)
    offered: dict[str, tuple[int, str]] = {}
    if case.report is not None:
        for entry in case.report.addresses:
            offered.setdefault(
                entry.source, (entry.value, f"{entry.source}, {log_source(entry.line_no)}")
            )
    if case.frame is not None and case.frame.fault_address is not None:
        offered["memory"] = (case.frame.fault_address, case.frame.fault_address_from or "memory")
    if trap == "#PF" or (trap is None and "headline" in offered):
        for source in _ADDRESS_ORDER:
            if source in offered:
                return offered[source]
        return None
    return offered.get("gp-hint") or offered.get("headline")


def analyse(case: Case) -> None:
    """Fills ``access`` and ``fault_address`` from instruction, registers and report together."""
    explanation = case.explanation
    trap = trap_of(case)
    reported = _candidate(case)
    code = explanation.error_code.raw if explanation.error_code is not None else None
    window = code_window(case)
    rip = explanation.rip
    address = rip.address if rip is not None else None

    def symbol(target: int) -> Optional[str]:
        return _symbol_name(case, target)

    try:
        case.analysis = case.arch.analyse(
            window[0] if window else None,
            window[1] if window else 0,
            address if address is not None else _offset_for_address(case, code, trap),
            case.registers,
            code if trap == "#PF" else None,
            reported[0] if reported else None,
            trap=trap,
            function_offset=rip.offset if rip is not None else None,
            function_size=rip.size if rip is not None else None,
            address_known=address is not None,
            words=values.Words(symbol, case.layout),
            symbols=symbol,
        )
    except Unknown as reason:
        case.reasons.setdefault("access", str(reason))
    if case.walk_denies and case.analysis is not None and case.analysis.kind == "fetch":
        case.analysis.sentence = "the fetch of an instruction from a page that the walk shows"
    if rip is not None and case.analysis is not None:
        rip.meaning = case.analysis.sentence or None
        if case.analysis.kind == "fetch" and rip.instruction is not None and not case.walk_denies:
            rip.instruction, rip.disassembly = None, []
            explanation.unknown["rip.instruction"] = (
                "RIP is the bad address itself: what lies there is no code to execute"
            )
    if trap in ("#PF", "#GP", "#SS", "#DF", "#AC") or reported is not None:
        _access(case, reported, code if trap == "#PF" else None)
        _fault_address(case, reported)


def _offset_for_address(case: Case, code: Optional[int], trap: Optional[Trap]) -> Optional[int]:
    """What stands for RIP where the log prints no address: its offset in the function.

    None for an instruction fetch: there RIP itself is what is bad, and must not be made up.
    """
    if trap == "#PF" and code is not None and case.arch.access_type(code, trap) == "execute":
        return None
    rip = case.explanation.rip
    return rip.offset if rip is not None else None


def _access(case: Case, reported: Optional[tuple[int, str]], code: Optional[int]) -> None:
    analysis, report, explanation = case.analysis, case.report, case.explanation
    access = Access()
    if analysis is not None:
        access.type, access.size = analysis.access_type, analysis.access_size
        access.address = analysis.effective_address
        access.expression = analysis.sentence or None
        if analysis.operand is not None:
            access.operand = analysis.operand.text
        access.register, access.register_value = analysis.bad_register, analysis.bad_value
        if analysis.origin is not None:
            access.origin = analysis.origin.text
    trap = trap_of(case)
    if code is not None:
        access.type = case.arch.access_type(code, trap)
    elif access.type is None and explanation.error_code is not None:
        access.type = case.arch.access_type(explanation.error_code.raw, trap)
    if access.type is None and explanation.error_code is None and report is not None:
        access.type = report.access
        if report.error_code is not None:
            access.type = case.arch.access_type(report.error_code, trap) or access.type
    if reported is not None and not (analysis is not None and analysis.hint_is_register):
        access.address = reported[0]
    if access.type is None and access.address is None:
        explanation.unknown["access"] = case.reasons.get(
            "access", "neither the report nor the instruction tells of a memory access"
        )
        return
    if access.size is None and access.type != "execute":
        explanation.unknown["access.size"] = case.reasons.get(
            "access", "the size is in the instruction, which could not be decoded"
        )
    explanation.access = access
    if analysis is not None:
        _account(case)


def _account(case: Case) -> None:
    """Evidence of the instruction's operand against the reported address."""
    analysis = case.analysis
    assert analysis is not None
    rip = case.explanation.rip
    where = f"0x{rip.address:x}" if rip is not None and rip.address else None
    if analysis.matches:
        case.claim(
            f"{analysis.instruction or 'the fetch'} gives the reported address "
            f"0x{analysis.effective_address or 0:x}",
            "instruction and registers",
            analysis.sentence,
            crash=f"dis {where}" if where else None,
            drgn=f"prog.read({where}, 15).hex()" if where else None,
        )
    elif analysis.matches is False:
        case.contradict("; ".join(analysis.notes) or "instruction and fault address differ")
    if analysis.origin is not None:
        case.claim(
            f"where %{analysis.bad_register} came from: {analysis.origin.text}",
            "instructions before RIP",
            crash=f"dis -r {where}" if where else None,
        )


def _fault_address(case: Case, reported: Optional[tuple[int, str]]) -> None:
    explanation, analysis, report = case.explanation, case.analysis, case.report
    chosen = reported
    if chosen is None and analysis is not None and analysis.effective_address is not None:
        if trap_of(case) != "#PF" and not analysis.bad_register and not analysis.operand:
            return
        chosen = (analysis.effective_address, "the instruction's operand and the registers")
    if chosen is None:
        explanation.unknown["fault_address"] = (
            "this trap reports no address, and the instruction does not tell it"
        )
        return
    if analysis is not None and analysis.hint_is_register:
        chosen = (
            analysis.effective_address or chosen[0],
            f"the instruction's operand; the kernel's hint 0x{chosen[0]:x} is the register alone",
        )
    value, source = chosen
    explanation.fault_address = FaultAddress(
        value, source, values.describe(value, layout=case.layout)
    )
    if explanation.access is not None and explanation.access.address is None:
        explanation.access.address = value
    for entry in report.addresses if report is not None else ():
        if entry.value != value:
            case.claim(
                f"{entry.source} = 0x{entry.value:x} was rejected as the fault address",
                log_source(entry.line_no),
                _why_rejected(case, entry.value),
            )


def _why_rejected(case: Case, value: int) -> str:
    rip = case.pc
    if trap_of(case) != "#PF":
        return "CR2 is set by page faults only: this value is from an earlier one"
    if rip is not None and 0 <= rip - value <= 64:
        return (
            "it lies just before RIP: the kernel's own probe of the code bytes for the Code: line "
            "faulted there, after the crash"
        )
    return "the headline is printed first and cannot be overwritten by a later fault"


def kind(case: Case) -> None:
    """Fills ``kind``: the report's, made more exact by address, base register and error code."""
    explanation, report, trap = case.explanation, case.report, trap_of(case)
    if report is not None:
        _claim_site(case, report)
    fault, analysis = explanation.fault_address, case.analysis
    base = None
    if analysis is not None and analysis.matches is not False:
        # ``pointer`` is 0 where the address is a small constant in the code: the compiler knew
        # that the pointer is NULL.
        base = analysis.pointer if analysis.pointer is not None else analysis.bad_value
    if fault is not None and values.kasan_original(fault.value, case.layout) is not None:
        base = None
    code = explanation.error_code.raw if explanation.error_code is not None else 0
    found = decide.of_fault(
        report.kind if report is not None else None,
        decide.Fault(
            trap=trap,
            address=fault.value if fault is not None else None,
            base=base,
            access=explanation.access.type if explanation.access is not None else None,
            protection=case.arch.denies(code, trap),
            is_bug=analysis is not None and analysis.kind == "bug",
            is_freed_code=trap == "#BP" and _is_freed_code(case),
        ),
        case.layout,
        read=lambda address: reading.read_fault(case, address, trap=trap),
    )
    explanation.kind = found.kind
    if found.why is None or fault is None:
        return
    if (
        trap == "#PF"
        and explanation.error_code is not None
        and base is not None
        and not case.walk_denies
    ):
        # Now that the pointer is known, the code can be read better.
        explanation.error_code = case.arch.explain_error(
            code, trap, pc=case.pc, address=fault.value, pointer=base
        )
    own = case.reading is not None and case.reading.own
    fault.meaning = found.why if base is not None or own else fault.meaning
    case.claim(f"kind {found.kind}: {found.why}", "the fault address and the pointer behind it")


def _claim_site(case: Case, report: Report) -> None:
    """Evidence for a kind that the place of a BUG() or WARN() told, or could not tell."""
    site = decide.site_of(report) if report.bug_file is not None else None
    if site is None or site.kind != report.kind:
        return
    case.claim(
        f"kind {site.kind}: {site.why}",
        log_source(report.first_line),
        f"{report.bug_file}:{report.bug_line}",
    )
    case.readings += site.readings


def _is_freed_code(case: Case) -> bool:
    """Whether an int3 was met in module space where no module is: a call into one that is gone.

    Freed module text stays mapped, filled with int3, since modules share large read-only pages
    (5185e7f9f3bd "x86/module: enable ROX caches for module text on 64 bit"); before, the call met
    no page. Fills ``access`` as for that.
    """
    rip = case.explanation.rip
    if rip is None or rip.address is None or rip.symbol is not None:
        return False
    if not values.region_of(rip.address, case.layout).name.startswith("modules"):
        return False
    start = rip.address - 1  # RIP of a #BP is behind the int3
    case.explanation.access = Access(
        "execute",
        address=start,
        expression=f"a call or jump to 0x{start:x}, module memory that was freed and is filled "
        "with int3",
    )
    case.claim("a call into freed module memory", "instruction and address", f"int3 at 0x{start:x}")
    return True


def name_operand(case: Case) -> None:
    """Ties the bad pointer to a variable or ``struct.member`` where DWARF knows."""
    explanation, analysis, frame = case.explanation, case.analysis, case.frame
    access = explanation.access
    if access is None or analysis is None:
        return
    if frame is None:
        explanation.unknown["access.source"] = case.reasons.get(
            "registers", "no registers in memory"
        )
        return
    operand = analysis.operand
    register = analysis.bad_register or (operand.memory.base if operand is not None else None)
    displacement = operand.memory.displacement if operand is not None else 0
    size = access.size or 8
    access.source = case.ask(
        "access.source",
        lambda: case.target.operand(frame, register, displacement, size),
    )
    if access.source is None:
        explanation.unknown["access.source"] = case.reasons["access.source"]
        return
    access.expression = f"{access.expression or analysis.sentence}; in the source: {access.source}"
    case.claim(
        f"the source calls it {access.source}",
        "DWARF",
        access.operand or "",
        drgn=f"prog.stack_trace(Object(prog, 'struct pt_regs', address=0x{frame.address:x}))[0]"
        if frame.address is not None
        else None,
    )
