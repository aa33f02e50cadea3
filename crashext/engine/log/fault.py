# SPDX-License-Identifier: GPL-2.0-or-later
"""The lines in which a kernel spells out a fault: x86's ``#PF:``, arm64's ``Mem abort info:``."""

from __future__ import annotations

import re

from crashext.engine.lazy import Lazy
from crashext.engine.report import Report
from crashext.engine.words import AccessType

_PF_WORDS = re.compile(
    r"#PF: (?:supervisor|user) +(?P<access>read access|write access|instruction fetch)"
    r" in (?P<mode>kernel|user) mode"
)
_PF_CODE = re.compile(r"#PF: error_code\(0x(?P<code>[0-9a-f]{1,16})\) - (?P<why>.{1,60})")
# 5.0 and 5.1 only: "#PF error: [PROT] [WRITE]", "#PF error: [normal kernel read fault]"
_PF_FLAGS = Lazy(r"#PF error: (?P<flags>\[.{1,80}\])")
_ESR = re.compile(r"\s*ESR = 0x(?P<value>[0-9a-f]{1,16})")
# arm64 spells the syndrome out (arch/arm64/mm/fault.c: mem_abort_decode)
_ARM64_ABORT = re.compile(
    r"(?:EC = 0x[0-9a-f]{2}: (?P<exception_class>.{1,60}?), IL = |"
    r"FSC = 0x[0-9a-f]{2}: (?P<fault_status>.{1,60})$|"
    r"CM = (?P<cache_op>[01]), WnR = (?P<write>[01]))"
)
_ACCESS: dict[str, AccessType] = {
    "read access": "read",
    "write access": "write",
    "instruction fetch": "execute",
}


def take_page_fault_line(report: Report, text: str, line_no: int) -> None:
    """``#PF: …`` (arch/x86/mm/fault.c: show_fault_oops)."""
    if match := _PF_WORDS.match(text):
        report.access = _ACCESS[match["access"]]
        report.mode = match["mode"]
    elif match := _PF_CODE.match(text):
        report.error_code = int(match["code"], 16)
        report.error_code_line = line_no
        report.details["pf_reason"] = match["why"].strip()
    elif match := _PF_FLAGS.match(text):
        flags = match["flags"]
        if "[INSTR]" in flags:
            report.access = "execute"
        else:
            report.access = "write" if "[WRITE]" in flags else "read"


def take_abort_line(report: Report, text: str, line_no: int) -> bool:
    """``ESR = …`` and what arm64 says of it; False for any other line."""
    if match := _ESR.match(text):
        report.error_code = int(match["value"], 16)
        report.error_code_line = line_no
        return True
    match = _ARM64_ABORT.match(text)
    if match is None:
        return False
    for name in ("exception_class", "fault_status"):
        if match[name] is not None:
            report.details[name] = match[name]
    if match["cache_op"] == "0":  # of cache maintenance WnR is always set
        report.access = "write" if match["write"] == "1" else "read"
    return True
