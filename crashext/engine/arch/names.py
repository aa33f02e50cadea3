# SPDX-License-Identifier: GPL-2.0-or-later
"""The closed lists of words that name machines and traps; mypy checks every use."""

from __future__ import annotations

from typing import Literal

#: The kernel's name of the architecture (the folder in arch/), with the width where that is not
#: the usual one: "riscv" and "powerpc" are 64 bits wide, "mips" is 32.
Machine = Literal[
    "x86_64", "i386", "arm64", "arm", "riscv", "riscv32", "powerpc", "powerpc32", "s390", "mips",
    "mips64", "loongarch",
]  # fmt: skip

#: What the processor calls the exception: x86's mnemonics (Intel SDM volume 3, table 6-1), the
#: vectors that Linux adds, and "ESR" for arm64, whose exceptions are told by that register alone.
Trap = Literal[
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "#MF9", "#TS", "#NP", "#SS",
    "#GP", "#PF", "#MF", "#AC", "#MC", "#XF", "#VE", "#CP", "#VC", "IRET", "ESR",
]  # fmt: skip

#: What the instruction pointer is called, on one machine or another.
PC_NAMES = frozenset(("rip", "eip", "pc", "epc", "nip", "psw"))
