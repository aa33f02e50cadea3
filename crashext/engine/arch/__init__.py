# SPDX-License-Identifier: GPL-2.0-or-later
"""What each processor architecture calls its registers and says when it faults.

One folder each; this is their register. A folder is imported when the first line or dump of it is
met, so those that are not needed cost nothing.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import NamedTuple, Optional, cast

from crashext.engine.arch.base import Architecture
from crashext.engine.arch.names import Machine, Trap

__all__ = [
    "Architecture",
    "Machine",
    "Trap",
    "machine_of_dump",
    "machine_of_uname",
    "narrows",
    "of",
]


class _Row(NamedTuple):
    machine: Machine
    #: Module under this package, and the name of the Architecture in it.
    module: str
    attribute: str
    #: What ``uname -m`` says, as a regular expression.
    uname: str
    #: How a line of its register dump begins.
    head: str
    #: What a report is taken for until a dump tells better: the usual width of the family, or the
    #: machine whose die() prints the same.
    narrows: Optional[Machine] = None


_ROWS = (
    _Row("x86_64", "x86.machine", "X86_64", r"x86_64",
         r"(?:R(?:SP|AX|DX|BP|10|13)|FS|CS|CR2|DR[03]|PKRU|ORIG_RAX):"),
    _Row("i386", "x86.machine", "I386", r"i[3-6]86", r"(?:E(?:AX|SI|SP|FLAGS)|DS|CR0): "),
    _Row("arm64", "arm64.machine", "ARM64", r"aarch64|arm64",
         r"(?:x\d{1,2} ?:|sp : [0-9a-f]{16}|pstate: [0-9a-f]{8,16} )"),
    _Row("arm", "arm.machine", "ARM", r"arm\w*", r"(?:r\d{1,2} ?:|sp : [0-9a-f]{8}\b)"),
    _Row("riscv", "riscv.machine", "RISCV", r"riscv64",
         r"(?:s?epc|gp|t[0-6]|s\d{1,2}|a[0-7]|s?status) ?: [0-9a-f]{16}(?: |$)"),
    _Row("riscv32", "riscv.machine", "RISCV32", r"riscv32",
         r"(?:s?epc|gp|t[0-6]|s\d{1,2}|a[0-7]|s?status) ?: [0-9a-f]{8}(?: |$)", "riscv"),
    _Row("powerpc", "powerpc.machine", "POWERPC", r"ppc64(?:le)?",
         r"(?:NIP|MSR|CFAR|DAR|GPR\d\d): +[0-9a-f]{16}\b"),
    _Row("powerpc32", "powerpc.machine", "POWERPC32", r"ppc",
         r"(?:NIP|MSR|DAR|DEAR|GPR\d\d): +[0-9a-f]{8}\b", "powerpc"),
    _Row("s390", "s390.machine", "S390", r"s390x?",
         r"Krnl (?:PSW|GPRS) ?: |Failing address: [0-9a-f]{16} TEID: "),
    _Row("mips", "mips.machine", "MIPS", r"mips",
         r"(?:\$ ?\d{1,2} +|Hi +|Lo +): (?:[0-9a-f]{8}\b| {8})"
         r"|Cause : [0-9a-f]{8}\b|epc   : [0-9a-f]{8} "),
    _Row("mips64", "mips.machine", "MIPS64", r"mips64",
         r"(?:\$ ?\d{1,2} +|Hi +|Lo +): (?:[0-9a-f]{16}\b| {16})|epc   : [0-9a-f]{16} ", "mips"),
    _Row("loongarch", "loongarch.machine", "LOONGARCH", r"loongarch64",
         r"pc [0-9a-f]{16} ra |(?:a[04]|t[048]|s[15]) [0-9a-f]{16} "
         r"|(?:CRMD|PRMD|ESTAT|BADV): |(?:ERA: |era   : )[0-9a-f]{16} ", "mips"),
)  # fmt: skip


@cache
def of(machine: Machine) -> Architecture:
    """The architecture of a machine. Raises KeyError for a word that is none."""
    for row in _ROWS:
        if row.machine == machine:
            module = import_module(f"{__name__}.{row.module}")
            return cast(Architecture, getattr(module, row.attribute))
    raise KeyError(machine)


@cache
def _heads() -> tuple[tuple[re.Pattern[str], Machine], ...]:
    return tuple((re.compile(row.head), row.machine) for row in _ROWS)


def machine_of_dump(line: str) -> Optional[Machine]:
    """The machine whose register dump has a line that begins like this."""
    for head, machine in _heads():
        if head.match(line):
            return machine
    return None


def narrows(told: Machine, known: Machine) -> bool:
    """Whether a line of machine ``told`` says more of a report that is of ``known`` so far."""
    return any(row.machine == told and row.narrows == known for row in _ROWS)


def machine_of_uname(text: str) -> Optional[Machine]:
    """The machine that ``uname -m`` (``init_uts_ns.name.machine``) means, or None."""
    for row in _ROWS:
        if re.fullmatch(row.uname, text):
            return row.machine
    return None
