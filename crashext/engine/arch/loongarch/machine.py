# SPDX-License-Identifier: GPL-2.0-or-later
"""LoongArch (64 bits): arch/loongarch/kernel/traps.c __show_regs().

Since 6.6 by names, four a line; before by numbers as on MIPS, from which the code came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Optional

from crashext.engine.arch.base import Plain, Registers
from crashext.engine.arch.names import Machine

_PRINTED = re.compile(r"\b(pc|ra|tp|sp|a[0-7]|t[0-8]|u0|s[0-9]) ([0-9a-f]{16})\b")
_STATE = re.compile(r"(ra|ERA|era|CRMD|PRMD|EUEN|ECFG|ESTAT|BADV|BadVA|PRID) *: ([0-9a-f]{8,16})\b")
_ROW = re.compile(r"\$ ?(\d{1,2}) +:((?: [0-9a-f]{16})+)")
_PC = re.compile(r"(?:ERA: |e(?:ra|pc) {3}: )([0-9a-f]{16}) (\S.*)")
#: In the order of their numbers (LoongArch ELF psABI, "Register Convention").
_GENERAL = (
    "zero", "ra", "tp", "sp", *(f"a{number}" for number in range(8)),
    *(f"t{number}" for number in range(9)), "u0", "s9", *(f"s{number}" for number in range(9)),
)  # fmt: skip
_RENAME = {"era": "pc", "badva": "badv"}


class _LoongArch(Plain):
    name: Machine = "loongarch"
    registers = Registers(
        pc="pc",
        sp="sp",
        link="ra",
        frame="s9",
        flags="prmd",
        control=frozenset(("crmd", "prmd", "euen", "ecfg", "estat", "badv", "prid", "zero")),
        general=_GENERAL,
        arguments=_GENERAL[4:12],
        result="a0",
        caller_saved=frozenset(("ra", *_GENERAL[4:21])),
        # arch/loongarch/include/asm/ptrace.h; more members follow.
        pt_regs=(*_GENERAL, "orig_a0", "pc", "badv", "crmd", "prmd"),
        pt_regs_whole=False,
    )
    trace_has_pc = True
    #: XKPRANGE begins at 8000…, the mapped half of the kernel at ffff….
    user_end = kernel_start = 1 << 63

    def pc_symbol(self, line: str) -> Optional[str]:
        match = _PC.match(line)
        return f"[<{match[1]}>] {match[2]}" if match is not None else None

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        found = {match[1]: int(match[2], 16) for match in _PRINTED.finditer(line)}
        for match in _STATE.finditer(line):
            name = match[1].lower()
            found[_RENAME.get(name, name)] = int(match[2], 16)
        row = _ROW.match(line)
        if row is not None:
            first = int(row[1])
            for number, value in enumerate(row[2].split()):
                if first + number < len(_GENERAL):
                    found[_GENERAL[first + number]] = int(value, 16)
        return found


LOONGARCH = _LoongArch()
