# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of a log's reports is the crash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from crashext.engine.report import Report


def crash_of(reports: Sequence[Report]) -> Optional[int]:
    """Index of the first fatal report, else of the last report; None where there is none.

    ``reports`` in the order of their first lines. Of two CPUs that died at once the one that die()
    counted first is the first.
    """
    first: Optional[int] = None
    for index, report in enumerate(reports):
        if not report.fatal or report.survivable:
            continue
        if first is None:
            first = index
        elif report.first_line > reports[first].last_line:
            break
        elif _died_before(report, reports[first]):
            first = index
    if first is None:
        return max((i for i, report in enumerate(reports) if not report.survivable), default=None)
    return first


def _died_before(one: Report, other: Report) -> bool:
    """Whether die() counted ``one`` before ``other``; False where it did not count it."""
    return 0 < (one.die_count or 0) < (other.die_count or 0)
