# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of a log's reports is the crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Optional

from crashext.engine.cause.boots import boots
from crashext.engine.cause.repeats import is_same, is_whole
from crashext.engine.report import Report

#: Reports that follow each other within so many seconds are of one chain.
_CHAIN = 60.0
#: So many lines, ten seconds apart, say that a wait does not end.
_LASTING = 3


def crash_of(reports: Sequence[Report]) -> Optional[int]:
    """Index of the report to act on, or None where there is none.

    The first fatal one; of two CPUs that died at once the one that die() counted first. Without a
    fatal one the first whole report of the last chain: what follows within a minute follows from
    it. A report cut short never beats a whole one, nor an excerpt its full copy. ``reports`` in the
    order of their first lines.
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
        return _of_last_chain(reports)
    return _full_copy(reports, first)


def _died_before(one: Report, other: Report) -> bool:
    """Whether die() counted ``one`` before ``other``; False where it did not count it."""
    return 0 < (one.die_count or 0) < (other.die_count or 0)


def _full_copy(reports: Sequence[Report], first: int) -> int:
    """A later copy of a report that has more of it: its header, its task."""
    chosen = reports[first]
    if chosen.cut is None and chosen.pid is not None:
        return first
    for index in range(first + 1, len(reports)):
        later = reports[index]
        if later.cut is None and is_same(chosen, later):
            return index
    return first


def _of_last_chain(reports: Sequence[Report]) -> Optional[int]:
    serious = [index for index, report in enumerate(reports) if not report.survivable]
    if not serious:
        return _lasting_wait(reports)
    numbers = boots(reports)
    chain = [serious[-1]]
    for index in reversed(serious[:-1]):
        earlier, later = reports[index], reports[chain[0]]
        if numbers[index] != numbers[chain[0]] or not _follows(earlier, later):
            break
        chain.insert(0, index)
    whole = [index for index in chain if is_whole(reports[index])]
    if not whole:
        # All that is left of the last chain is cut: an earlier whole report says more.
        whole = [index for index in serious if is_whole(reports[index])][-1:]
    return whole[0] if whole else chain[0]


def _lasting_wait(reports: Sequence[Report]) -> Optional[int]:
    """The first wait for a network device (netdev_wait_allrefs()) that did not end soon."""
    waits = Counter(report.details.get("device") for report in reports)
    for index, report in enumerate(reports):
        device = report.details.get("device")
        if device is not None and waits[device] >= _LASTING:
            return index
    return None


def _follows(earlier: Report, later: Report) -> bool:
    if earlier.time is None or later.time is None:
        return later.first_line - earlier.last_line <= 3  # pasted without stamps, one after another
    return 0 <= later.time - earlier.time <= _CHAIN
