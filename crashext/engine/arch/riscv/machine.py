# SPDX-License-Identifier: GPL-2.0-or-later
"""RISC-V, 64 and 32 bits: arch/riscv/kernel/process.c __show_regs().

Before 5.4 the last line had sstatus, sbadaddr and scause, and the pc was sepc (a4c3733d32a7 "riscv:
abstract out CSR names for supervisor vs machine mode").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from crashext.engine.arch.base import Plain, Registers
from crashext.engine.arch.names import Machine

_PRINTED = re.compile(
    r"\bs?(epc|ra|[sgt]p|t[0-6]|s1[01]|s\d|a[0-7]|ssp|status|badaddr|cause) ?:"
    r" +([0-9a-f]{16}|[0-9a-f]{8})(?![\w+])"
)
_TEMPORARIES = tuple(f"t{number}" for number in range(7))
_ARGUMENTS = tuple(f"a{number}" for number in range(8))
_SAVED = tuple(f"s{number}" for number in range(12))


class _Riscv(Plain):
    name: Machine = "riscv"
    registers = Registers(
        pc="epc",
        sp="sp",
        link="ra",
        frame="s0",
        flags="status",
        control=frozenset(("status", "badaddr", "cause")),
        general=("ra", "sp", "gp", "tp", *_TEMPORARIES, *_SAVED, *_ARGUMENTS),
        # RISC-V ELF psABI, "Integer Register Convention".
        arguments=_ARGUMENTS,
        result="a0",
        caller_saved=frozenset(("ra", *_TEMPORARIES, *_ARGUMENTS)),
        # arch/riscv/include/asm/ptrace.h
        pt_regs=(
            "epc", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", *_ARGUMENTS, *_SAVED[2:],
            "t3", "t4", "t5", "t6", "status", "badaddr", "cause", "orig_a0",
        ),
    )  # fmt: skip
    trace_has_pc = True
    #: CONFIG_ILLEGAL_POINTER_VALUE in arch/riscv/Kconfig.
    poison_delta = 0xDEAD_0000_0000_0000
    #: With Sv57, the widest (Documentation/arch/riscv/vm-layout.rst).
    user_end = 1 << 56
    kernel_start = 0xFF00_0000_0000_0000

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        return {match[1]: int(match[2], 16) for match in _PRINTED.finditer(line)}


class _Riscv32(_Riscv):
    name = "riscv32"
    bits = 32
    poison_delta = 0
    #: Vmalloc and fixmap lie below PAGE_OFFSET, c0000000.
    user_end = kernel_start = 0x8000_0000
    kernel_certain = 0xC000_0000


RISCV = _Riscv()
RISCV32 = _Riscv32()
