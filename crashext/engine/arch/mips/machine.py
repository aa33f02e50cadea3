# SPDX-License-Identifier: GPL-2.0-or-later
"""MIPS, 32 and 64 bits: arch/mips/kernel/traps.c __show_regs().

The registers are printed four a line by their numbers, ``$29`` being the stack pointer; of $26 and
$27, which the kernel uses itself, blanks are printed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from crashext.engine.arch.base import Plain, Registers
from crashext.engine.arch.names import Machine

_ROW = re.compile(r"\$ ?(\d{1,2}) +: ?(.*)")
_VALUE = re.compile(r" ?([0-9a-f]{16}|[0-9a-f]{8}|(?: {16}| {8})(?= |$))")
_PRINTED = re.compile(r"(Hi|Lo|epc|ra|Status|Cause|BadVA|PrId) *: ([0-9a-f]{8,16})\b")
_PC = re.compile(r"epc {3}: ([0-9a-f]{8,16}) (\S.*)")
_GENERAL = tuple(f"${number}" for number in range(32))


class _Mips(Plain):
    name: Machine = "mips"
    bits = 32
    registers = Registers(
        pc="epc",
        sp="$29",
        link="$31",
        frame="$30",
        flags="status",
        control=frozenset(("status", "cause", "badva", "prid", "ra")),
        general=_GENERAL,
        # System V ABI MIPS supplement, 3-11: a0 … a3, v0.
        arguments=_GENERAL[4:8],
        result="$2",
        caller_saved=frozenset((*_GENERAL[1:16], "$24", "$25", "$31")),
    )
    trace_has_pc = True
    #: KSEG0 begins at 80000000.
    user_end = kernel_start = 0x8000_0000

    def pc_symbol(self, line: str) -> Optional[str]:
        match = _PC.match(line)
        return f"[<{match[1]}>] {match[2]}" if match is not None else None

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        row = _ROW.match(line)
        if row is not None:
            values = _VALUE.findall(row[2])
            first = int(row[1])
            return {
                f"${first + number}": int(value, 16)
                for number, value in enumerate(values)
                if value.strip()
            }
        return {match[1].lower(): int(match[2], 16) for match in _PRINTED.finditer(line)}


class _Mips64(_Mips):
    name = "mips64"
    bits = 64
    #: xuseg is 62 bits wide; xkphys begins at 8000….
    user_end = 1 << 62
    kernel_start = 1 << 63
    registers = Registers(
        pc="epc",
        sp="$29",
        link="$31",
        frame="$30",
        flags="status",
        control=_Mips.registers.control,
        general=_GENERAL,
        # MIPSpro N32 ABI Handbook, chapter 2: the 64-bit ABI passes eight.
        arguments=_GENERAL[4:12],
        result="$2",
        caller_saved=_Mips.registers.caller_saved,
    )


MIPS = _Mips()
MIPS64 = _Mips64()
