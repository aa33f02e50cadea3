# SPDX-License-Identifier: GPL-2.0-or-later
"""PowerPC, 64 and 32 bits: arch/powerpc/kernel/process.c __show_regs()."""

from __future__ import annotations

import re
from collections.abc import Mapping

from crashext.engine.arch.base import Plain, Registers
from crashext.engine.arch.names import Machine

_PRINTED = re.compile(
    r"\b(NIP|LR|CTR|MSR|CR|XER|CFAR|DAR|DEAR|DSISR|ESR|TRAP|IRQMASK|SOFTE): +([0-9a-f]{1,16})\b"
)
_ROW = re.compile(r"GPR(\d\d): ?((?: ?(?:[0-9a-f]{16}|[0-9a-f]{8})\b)+)")


class _PowerPC(Plain):
    name: Machine = "powerpc"
    registers = Registers(
        pc="nip",
        sp="r1",
        link="lr",
        flags="msr",
        control=frozenset(
            ("msr", "cr", "xer", "cfar", "dar", "dear", "dsisr", "esr", "trap", "irqmask", "softe")
        ),
        general=tuple(f"r{number}" for number in range(32)),
        # 64-Bit ELF V2 ABI, 2.2.1; the same numbers in the 32-bit ABI.
        arguments=tuple(f"r{number}" for number in range(3, 11)),
        result="r3",
        caller_saved=frozenset(("r0", "lr", "ctr", *(f"r{number}" for number in range(3, 13)))),
        # arch/powerpc/include/uapi/asm/ptrace.h; more members follow.
        pt_regs=(*(f"r{number}" for number in range(32)), "nip", "msr", "orig_r3", "ctr", "lr"),
        pt_regs_whole=False,
    )
    #: CONFIG_ILLEGAL_POINTER_VALUE in arch/powerpc/Kconfig.
    poison_delta = 0x5DEA_DBEE_F000_0000
    #: The first 4 PiB at most (TASK_SIZE_4PB); the linear map begins at c000….
    user_end = 1 << 52
    kernel_start = 0xC000_0000_0000_0000

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        found = {match[1].lower(): int(match[2], 16) for match in _PRINTED.finditer(line)}
        for row in _ROW.finditer(line):
            first = int(row[1])
            for number, value in enumerate(row[2].split()):
                found[f"r{first + number}"] = int(value, 16)
        return found


class _PowerPC32(_PowerPC):
    name = "powerpc32"
    bits = 32
    poison_delta = 0
    #: CONFIG_PAGE_OFFSET is c0000000, unless CONFIG_ADVANCED_OPTIONS moved it.
    user_end = kernel_start = 0x8000_0000
    kernel_certain = 0xC000_0000


POWERPC = _PowerPC()
POWERPC32 = _PowerPC32()
