# SPDX-License-Identifier: GPL-2.0-or-later
"""The registers that the dump itself saved, from what crash prints of them."""

from __future__ import annotations

import re

from crashext.engine.arch import of

_CPU = re.compile(r"^CPU (\d+):", re.MULTILINE)
_REGISTER = re.compile(r"\b(R[A-Z0-9]{1,2}|RFLAGS|EFLAGS|CS|SS):\s*(?:selector:\s*)?([0-9a-f]+)\b")


def parse_saved_registers(text: str) -> dict[int, dict[str, int]]:
    """CPU → registers, from crash's ``help -r`` (the notes that QEMU or kdump wrote).

    A CPU without saved registers is left out.
    """
    needed = of("x86_64").registers
    marks = list(_CPU.finditer(text))
    result = {}
    for mark, following in zip(marks, [*marks[1:], None]):
        block = text[mark.end() : following.start() if following else len(text)]
        registers: dict[str, int] = {}
        for name, value in _REGISTER.findall(block):
            # QEMU's name of the flags is RFLAGS.
            flags = needed.flags if name.endswith("FLAGS") else None
            registers.setdefault(flags or name.lower(), int(value, 16))
        if needed.pc in registers and needed.sp in registers:
            result[int(mark[1])] = registers
    return result
