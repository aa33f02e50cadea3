# SPDX-License-Identifier: GPL-2.0-or-later
"""What the hardware's own error reports say: machine checks and the firmware's records."""

from __future__ import annotations

from crashext.engine import kinds, mce, values
from crashext.engine.case import Case
from crashext.engine.model import Hardware
from crashext.engine.model.hardware import Sign
from crashext.engine.report import Report

#: So many of the errors that the machine survived are told.
_MAX_SIGNS = 20
_NOBODY = "the hardware reported an error: no function is to blame, what ran then is chance"
_LEFT_OVER = "found without a time stamp (TSC 0), as at boot: left over from before this boot"
_X86_ADVICE = (
    "this is hardware (or firmware, overclocking, heat): decode the bank with mcelog or rasdaemon, "
    "look at the firmware's event log (SEL), run the vendor's diagnostics"
)
_MEMORY_ADVICE = (
    "this is hardware: find the memory module that the address belongs to (EDAC, rasdaemon, the "
    "firmware's event log), test and replace it"
)
_ADVICE = (
    "this is hardware: look at the firmware's and the service processor's error log, run the "
    "vendor's diagnostics"
)


def _status(report: Report) -> mce.Status:
    vendor = report.details.get("vendor")
    return mce.read(int(report.details["status"], 16), int(vendor) if vendor else None)


def _sign(report: Report) -> Sign:
    """One error as a sign: which CPU and bank, or what the firmware's record is of."""
    details = report.details
    address = next((a.value for a in report.addresses if a.source == "mce"), None)
    if "status" in details:
        status = _status(report)
        what = f"CPU {report.cpu}, bank {details.get('bank')}: {status.error}, {status.severity}"
        why = (
            "a machine check exception" if "polled" not in details else "found by polling the banks"
        )
        if details.get("stamp") == "0":
            why = _LEFT_OVER
    else:
        severity = details.get("severity") or details.get("polled") or "hardware"
        what = f"a {severity} error: {details.get('section_type', 'of a kind that is not told')}"
        why = "the firmware's error record (APEI)"
    if address is not None:
        what += f", at physical address 0x{address:x}"
    return Sign(what, line=report.first_line, address=address, why=why)


def machine_check(case: Case) -> None:
    """Reads the machine check that the crash is, for ``hardware`` and for all words about it."""
    report = case.report
    if report is None or case.explanation.kind != kinds.MACHINE_CHECK or case.reading is not None:
        return
    details = report.details
    if "status" in details:
        error = _status(report).error
        advice = _MEMORY_ADVICE if error.startswith("memory") else _X86_ADVICE
        title = f"machine check: {error.partition(' (')[0].partition(',')[0]}"
    elif "severity" in details:
        title = f"hardware error: {details.get('section_type', 'fatal')}"
        advice = _MEMORY_ADVICE if "memory" in title else _ADVICE
    elif report.machine in ("powerpc", "s390", "mips", "riscv"):
        title, advice = "machine check", _ADVICE
    else:
        return
    if "status" in details or "severity" in details:
        case.signs.append(_sign(report))
        event = f"the hardware reported an error that cannot be corrected: {case.signs[-1].what}"
    else:
        event = "the hardware reported an error that cannot be corrected"
    case.reading = values.Classification(
        kinds.MACHINE_CHECK, event, own=True, advice=advice, instead=True, event=event, title=title,
        victim=_NOBODY,
    )  # fmt: skip


def survived(case: Case) -> None:
    """Tells of hardware errors in a log without a crash."""
    reports = [
        report
        for report in case.summary.reports
        if report.survivable and report.kind == kinds.MACHINE_CHECK
    ]
    if not reports:
        return
    signs = [_sign(report) for report in reports[-_MAX_SIGNS:]]
    bad = any(
        _status(report).uncorrected
        if "status" in report.details
        else report.details.get("polled") != "corrected"
        for report in reports
    )
    case.explanation.hardware = Hardware(suspected=bad, signs=signs)
    more = f", and {len(reports) - 1} more" if len(reports) > 1 else ""
    case.explanation.headline = (
        f"No crash report, but a hardware error{more}: {signs[0].what} (log line {signs[0].line}; "
        f"{signs[0].why}). The kernel that wrote this log went on."
    )
