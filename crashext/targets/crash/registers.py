# SPDX-License-Identifier: GPL-2.0-or-later
"""The interrupted registers, from the stacks; the registers that the dump itself saved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Optional

from crashext.engine.report import Report
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn import exception
from crashext.targets.drgn.exception import Match, Stack

_CPU = re.compile(r"^CPU (\d+):", re.MULTILINE)
_REGISTER = re.compile(r"\b(R[A-Z0-9]{1,2}|RFLAGS|EFLAGS|CS|SS):\s*(?:selector:\s*)?([0-9a-f]+)\b")
_MODEL_NAMES = {"rflags": "eflags"}

#: Traps for which the processor pushes an error code that pt_regs keeps in orig_rax.
_WITH_ERROR_CODE = ("#GP", "#SS", "#DF", "#TS", "#NP")


def parse_saved_registers(text: str) -> dict[int, dict[str, int]]:
    """CPU → registers, from crash's ``help -r`` (the notes that QEMU or kdump wrote).

    A CPU without saved registers is left out.
    """
    marks = list(_CPU.finditer(text))
    result = {}
    for mark, following in zip(marks, [*marks[1:], None]):
        block = text[mark.end() : following.start() if following else len(text)]
        registers: dict[str, int] = {}
        for name, value in _REGISTER.findall(block):
            registers.setdefault(_MODEL_NAMES.get(name.lower(), name.lower()), int(value, 16))
        if "rip" in registers and "rsp" in registers:
            result[int(mark[1])] = registers
    return result


def find_frame(
    stacks: Iterable[Stack], entries: Sequence[tuple[int, int, str]], report: Optional[Report]
) -> tuple[ExceptionFrame, Match]:
    """The ``pt_regs`` of the crash, with its trap. Raises Unknown."""
    areas = list(stacks)
    match, how = exception.search(areas, entries, report)
    area = next(area for area in areas if area.base <= match.address < area.end)
    return _frame(area, match, entries, how), match


def _frame(
    area: Stack, match: Match, entries: Sequence[tuple[int, int, str]], how: str
) -> ExceptionFrame:
    """With the trap of the entry that saved them, and the error code where it is kept.

    For a page fault the entry overwrites orig_rax with -1: no system call to restart.
    """
    frame = ExceptionFrame(match.registers, match.address, how)
    word = exception.entry_of(area, match.address)
    if word is not None:
        for start, end, name in entries:
            if start < word <= end:
                frame.trap = exception.TRAPS[name]
    code = match.registers["orig_rax"]
    if frame.trap in _WITH_ERROR_CODE and code < 1 << 32:
        frame.error_code = code
    return frame
