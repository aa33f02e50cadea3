# SPDX-License-Identifier: GPL-2.0-or-later
"""The same report twice: an excerpt and the full log, a summary after the end mark."""

from __future__ import annotations

from crashext.engine.report import Report


def is_whole(report: Report) -> bool:
    """Whether a report is not cut short, and shows a place or a stack."""
    return report.cut is None and bool(report.frames or report.rip or report.panic_message)


def is_same(one: Report, other: Report) -> bool:
    """Whether two reports are copies of one: the same place and registers, or the same moment.

    A loop that reports again prints other times, and mostly other registers.
    """
    if one.rip is not None and other.rip is not None:
        same_place = (one.rip.name, one.rip.offset) == (other.rip.name, other.rip.offset)
        if not same_place:
            return False
        if one.registers and other.registers:
            shared = set(one.registers) & set(other.registers)
            return len(shared) > 3 and all(one.registers[n] == other.registers[n] for n in shared)
        return one.time is not None and one.time == other.time
    if one.headline != other.headline or one.pid != other.pid or one.time is None:
        return False
    return one.time == other.time and one.frames == other.frames
