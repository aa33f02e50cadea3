# SPDX-License-Identifier: GPL-2.0-or-later
"""Which report is the crash, how the others relate to it, and what an object's history says."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from crashext.engine import cause, kinds
from crashext.engine.cause.objects import tracks
from crashext.engine.report import LogFrame, Report


def report(first: int, last: int, fatal: bool, **more: Any) -> Report:
    return Report(more.pop("kind", kinds.BUG), f"report {first}", first, last, fatal, **more)


@pytest.mark.parametrize(
    ("reports", "crash"),
    [
        ([], None),
        ([report(1, 9, False)], 0),
        ([report(1, 9, False), report(20, 29, False)], 1),
        ([report(1, 9, False), report(20, 29, True), report(40, 49, True)], 1),
        # two CPUs at once: die() counted the second one first
        ([report(1, 9, True, die_count=2), report(5, 14, True, die_count=1)], 1),
        # one after the other: the count is of what came before this log
        ([report(1, 9, True, die_count=2), report(20, 29, True, die_count=1)], 0),
        # a panic is not counted
        ([report(1, 9, True), report(5, 14, True, die_count=1)], 0),
        ([report(1, 9, True, die_count=1), report(5, 14, True)], 0),
    ],
)
def test_the_crash(reports: list[Report], crash: Optional[int]) -> None:
    assert cause.crash_of(reports) == crash


def test_the_others_relate_to_the_crash() -> None:
    reports = [
        report(1, 9, False, kind=kinds.WARNING),
        report(10, 19, True, pid=7),
        report(20, 29, True, pid=7),
        report(30, 39, True, pid=8),
        report(40, 49, False),
    ]
    found = cause.others(reports, 1)
    assert [(other.line, other.relation) for other in found] == [
        (1, "before the crash"),
        (20, "after it: the same task died again, fallout"),
        (30, "after it: probably fallout of the crash"),
        (40, "after the crash"),
    ]
    assert found[0].kind == kinds.WARNING


def damaged(first: int, **more: Any) -> Report:
    return report(first, first + 9, False, kind=kinds.SLAB_CORRUPTION, **more)


def test_the_caller_that_the_allocator_noted_comes_first() -> None:
    noted = LogFrame("ring_fill", 1, 2, "ring")
    found = tracks(
        damaged(1, noted={"allocated": noted}, other_stacks={"allocated": [LogFrame("vfs_read")]})
    )
    assert [frame.name for frame in found["allocated"]] == ["ring_fill", "vfs_read"]


def test_the_history_of_an_earlier_report_is_used() -> None:
    history = damaged(1, noted={"allocated": LogFrame("ring_fill", 1, 2, "ring")})
    bare = damaged(20)
    found = cause.holder([history, bare], bare, kinds.SLAB_CORRUPTION)
    assert found is not None
    assert (found.frame.name, found.frame.module) == ("ring_fill", "ring")


def test_a_later_report_is_no_history() -> None:
    bare, later = damaged(1), damaged(20, noted={"allocated": LogFrame("ring_fill")})
    assert cause.holder([bare, later], bare, kinds.SLAB_CORRUPTION) is None


def test_a_crash_about_no_object_has_no_holder() -> None:
    crash = report(1, 9, True, noted={"allocated": LogFrame("ring_fill")})
    assert cause.holder([crash], crash, kinds.NULL_DEREF) is None
