# SPDX-License-Identifier: GPL-2.0-or-later
"""Which boot of the machine a report is of, with or without the kernel's first line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from crashext.engine.report import Report

#: Lines of several CPUs are out of order by so many seconds at most.
_JITTER = 5.0


def boots(reports: Sequence[Report]) -> list[int]:
    """A number for each report, in the order of their lines; the same number, the same boot.

    A new one begins at the kernel's banner (:attr:`Report.boot`), where time runs backwards, and
    where another release speaks.
    """
    found: list[int] = []
    number = 0
    last: Optional[Report] = None
    for report in reports:
        if last is not None:
            banner = report.boot != last.boot
            backwards = (
                report.time is not None
                and last.time is not None
                and report.time < last.time - _JITTER
            )
            other = bool(report.release and last.release and report.release != last.release)
            number += banner or backwards or other
        found.append(number)
        if report.time is not None or last is None or report.release:
            last = report
    return found
