# SPDX-License-Identifier: GPL-2.0-or-later
"""The interrupted registers, from the stacks; the registers that the dump itself saved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Optional

from crashext.engine.arch import Architecture, of, ptregs
from crashext.engine.arch.ptregs import Match, Stack
from crashext.engine.report import Report
from crashext.targets.base import ExceptionFrame

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


def find_frame(
    stacks: Iterable[Stack],
    entries: Sequence[tuple[int, int, str]],
    report: Optional[Report],
    arch: Architecture,
) -> tuple[ExceptionFrame, Match]:
    """The ``pt_regs`` of the crash, with its trap. Raises Unknown."""
    areas = list(stacks)
    match, how = ptregs.search(areas, entries, report, arch)
    area = next(area for area in areas if area.base <= match.address < area.end)
    return _frame(area, match, entries, how, arch), match


def _frame(
    area: Stack, match: Match, entries: Sequence[tuple[int, int, str]], how: str, arch: Architecture
) -> ExceptionFrame:
    """With the trap of the entry that saved them, and the error code where it is kept."""
    frame = ExceptionFrame(match.registers, match.address, how)
    word = ptregs.entry_of(area, match.address)
    if word is not None:
        for start, end, name in entries:
            if start < word <= end:
                frame.trap = arch.entries[name]
    if frame.trap is not None:
        frame.error_code = arch.saved_error_code(frame.trap, match.registers)
    return frame
