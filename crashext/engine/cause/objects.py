# SPDX-License-Identifier: GPL-2.0-or-later
"""The history of a damaged object: who allocated it, who freed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from crashext.engine import blame
from crashext.engine.kinds import Kind
from crashext.engine.report import LogFrame, Report


class Holder(NamedTuple):
    """Who had the object, and why it is the one to act on."""

    frame: LogFrame
    why: str


def holder(reports: Sequence[Report], crash: Report, kind: Optional[Kind]) -> Optional[Holder]:
    """Who allocated or freed the damaged object, as the crash or an earlier report of it says.

    None where the crash is about no object. Since 6.12 or so a WARN() of the slab allocator follows
    the report that has the history.
    """
    if not blame.is_about_an_object(crash, kind):
        return None
    earlier = [
        report
        for report in reports
        if report.first_line < crash.first_line and blame.is_about_an_object(report, report.kind)
    ]
    for report in (crash, *reversed(earlier)):
        track, why = blame.choose_track(
            tracks(report),
            report.kind,
            written_after_free="poison overwritten" in report.headline.lower(),
        )
        if track is not None:
            return Holder(track, why)
    return None


def tracks(report: Report) -> dict[str, list[LogFrame]]:
    """The stacks of the object's life, each with the caller that the allocator noted in front.

    ``Freed in fn+0x26/0x50`` names the caller even where a tail call hides it from the stack below.
    """
    stacks = dict(report.other_stacks)
    for name, frame in report.noted.items():
        stacks[name] = [frame, *stacks.get(name, [])]
    return stacks
