# SPDX-License-Identifier: GPL-2.0-or-later
"""s390 (64 bits): arch/s390/kernel/dumpstack.c show_registers().

The program status word is a mask and the address of the instruction. The sixteen general registers
are printed four a line, of which only the first line has a label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from crashext.engine.arch.addresses import MASK, AddressLayout, Region
from crashext.engine.arch.base import Plain, Registers
from crashext.engine.arch.names import Machine

_PSW = re.compile(r"Krnl PSW : ([0-9a-f]{16}) ([0-9a-f]{16})\b")
_FAILING = re.compile(r"Failing address: ([0-9a-f]{16}) TEID: ")
_PC = re.compile(r"Krnl PSW : [0-9a-f]{16} ([0-9a-f]{16}) \(([^()\s]+(?: \[[\w-]+\])?)\)")
_ROW = re.compile(r"(?:Krnl GPRS: *)?((?:[0-9a-f]{16} ){3}[0-9a-f]{16})\s*$")
_GENERAL = tuple(f"r{number}" for number in range(16))


class _S390(Plain):
    name: Machine = "s390"
    registers = Registers(
        pc="psw",
        sp="r15",
        link="r14",
        flags="psw_mask",
        # Of the page: the low bits are another field (__FAIL_ADDR_MASK, arch/s390/mm/fault.c). It
        # is the second line of the headline.
        fault_address="failing",
        fault_source="headline",
        control=frozenset(("psw_mask", "failing")),
        general=_GENERAL,
        # ELF Application Binary Interface s390x Supplement, 1.2.1.
        arguments=_GENERAL[2:7],
        result="r2",
        caller_saved=frozenset((*_GENERAL[:6], "r14")),
    )
    trace_has_pc = True
    longest_instruction = 6

    def continues_dump(self, line: str) -> bool:
        return _ROW.match(line) is not None

    def pc_symbol(self, line: str) -> Optional[str]:
        match = _PC.match(line)
        return f"[<{match[1]}>] {match[2]}" if match is not None else None

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        psw = _PSW.match(line)
        if psw is not None:
            return {"psw_mask": int(psw[1], 16), "psw": int(psw[2], 16)}
        failing = _FAILING.match(line)
        if failing is not None:
            return {"failing": int(failing[1], 16)}
        row = _ROW.match(line)
        if row is None:
            return {}
        first = sum(name in known for name in _GENERAL)
        values = (int(value, 16) for value in row[1].split())
        return dict(zip(_GENERAL[first:], values))

    def region_of(self, value: int, layout: AddressLayout) -> Region:
        """Kernel and user space are address spaces of their own, each from 0 on: a value tells
        nothing of whose it is.
        """
        return Region("kernel memory", 0, MASK, certain=False)


S390 = _S390()
