# SPDX-License-Identifier: GPL-2.0-or-later
"""Register dumps of x86-64, i386, arm64 and arm (show_regs in each arch's kernel/process*.c)."""

from __future__ import annotations

import re
from typing import Optional

_X86_64 = re.compile(
    r"\b(R(?:AX|BX|CX|DX|SI|DI|BP|SP|08|09|8|9|1[0-5])|CR[0-8]|DR[0-7]|ORIG_RAX|PKRU|EFLAGS)"
    r": +(?:[0-9a-f]{4}:)?([0-9a-f]{8,16})\b"
)
_SEGMENT = re.compile(
    r"\b(FS|GS|knlGS): *([0-9a-f]{16})(?:\([0-9a-f]{4}\))?|\b(CS|DS|ES|SS): +([0-9a-f]{4})\b"
)
_I386 = re.compile(r"\b(E(?:AX|BX|CX|DX|SI|DI|BP|SP)|CR[0-4]|EFLAGS): +([0-9a-f]{8})\b")
_ARM64 = re.compile(r"\b(x\d{1,2}|sp|pstate) ?: ([0-9a-f]{8,16})\b")
_ARM = re.compile(r"\b(r\d{1,2}|sp|ip|fp|psr) ?: ([0-9a-f]{8})\b")
_BRACKETED = re.compile(r"\b(pc|lr) : \[<([0-9a-f]{8,16})>\]|\b(psr|pstate): ([0-9a-f]{8,16})\b")

_HEADS = (
    (re.compile(r"(?:R(?:SP|AX|DX|BP|10|13)|FS|CS|CR2|DR[03]|PKRU|ORIG_RAX):"), "x86_64"),
    (re.compile(r"(?:E(?:AX|SI|SP|FLAGS)|DS|CR0): "), "i386"),
    (re.compile(r"(?:x\d{1,2} ?:|sp : [0-9a-f]{16}|pstate: [0-9a-f]{8,16} )"), "arm64"),
    (re.compile(r"(?:r\d{1,2} ?:|sp : [0-9a-f]{8}\b)"), "arm"),
)

_RENAME = {"r08": "r8", "r09": "r9", "knlgs": "kernel_gs"}


def machine_of(text: str) -> Optional[str]:
    """The machine whose register dump has a line that begins like this."""
    for head, machine in _HEADS:
        if head.match(text):
            return machine
    return None


def parse_registers(text: str, machine: str) -> dict[str, int]:
    """The registers of one line of a dump, names in lower case (``r8``, not ``r08``)."""
    found: dict[str, int] = {}
    if machine == "x86_64":
        for match in _X86_64.finditer(text):
            found[match[1].lower()] = int(match[2], 16)
        for match in _SEGMENT.finditer(text):
            found[(match[1] or match[3]).lower()] = int(match[2] or match[4], 16)
    else:
        pattern = {"i386": _I386, "arm64": _ARM64}.get(machine, _ARM)
        for match in pattern.finditer(text):
            found[match[1].lower()] = int(match[2], 16)
    return {_RENAME.get(name, name): value for name, value in found.items()}


def parse_bracketed(text: str) -> dict[str, int]:
    """``pc : [<addr>] lr : [<addr>] psr: …`` of arm, and of arm64 before 4.14."""
    return {
        (match[1] or match[3]): int(match[2] or match[4], 16) for match in _BRACKETED.finditer(text)
    }
