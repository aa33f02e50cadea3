# SPDX-License-Identifier: GPL-2.0-or-later
"""arm (32 bits) as :class:`crashext.engine.arch.base.Architecture`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from crashext.engine.arch.base import Plain, Registers, SystemCall
from crashext.engine.arch.names import Machine, Trap
from crashext.engine.words import AccessType

_PRINTED = re.compile(
    r"\b(r\d{1,2}|sp|ip|fp|psr) ?: ([0-9a-f]{8})\b|\b(pc|lr) : \[<([0-9a-f]{8})>\]"
)


class _Arm(Plain):
    name: Machine = "arm"
    bits = 32
    registers = Registers(
        pc="pc",
        sp="sp",
        link="lr",
        frame="fp",
        flags="psr",
        control=frozenset(("psr", "fp")),
        general=(*(f"r{number}" for number in range(11)), "fp", "ip", "sp", "lr", "pc"),
        # Procedure Call Standard for the Arm Architecture, 6.1.1.
        arguments=("r0", "r1", "r2", "r3"),
        result="r0",
        caller_saved=frozenset(("r0", "r1", "r2", "r3", "ip", "lr")),
    )
    system_call = SystemCall(
        "uregs[7]", ("uregs[17]", *(f"uregs[{number}]" for number in range(1, 6))), ()
    )
    #: CONFIG_VMSPLIT_*: the border is at 2, 3 or in between.
    user_end = kernel_start = 0x8000_0000
    kernel_certain = 0xC000_0000

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        return {
            match[1] or match[3]: int(match[2] or match[4], 16) for match in _PRINTED.finditer(line)
        }

    def access_type(self, code: int, trap: Optional[Trap]) -> Optional[AccessType]:
        from crashext.engine.arch.arm import fsr

        return fsr.access_type(code)


ARM = _Arm()
