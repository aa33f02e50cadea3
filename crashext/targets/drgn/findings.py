# SPDX-License-Identifier: GPL-2.0-or-later
"""Which findings drgn is asked for, and what this program lacks for some of them."""

from __future__ import annotations

from typing import Optional

from crashext.engine.report import Report
from crashext.kernel import page_tables, preemption, processors
from crashext.kernel.findings import Look, Need, ask
from crashext.targets.base import ExceptionFrame, Findings
from crashext.targets.drgn import argument, entry, locks, places
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.session import Session

#: In the order in which they are told. A new one is a file with a LOOK, and a line here.
LOOKS: tuple[Look[Session], ...] = (
    entry.LOOK,
    argument.LOOK,
    page_tables.LOOK,
    places.LOOK,
    locks.LOOK,
    preemption.LOOK,
    processors.LOOK,
)


def of_crash(
    session: Session, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Findings:
    """All findings, and why some were not asked."""
    return ask(LOOKS, session, report, frame, _missing(session, frame), NO_ANSWER)


def _missing(session: Session, frame: Optional[ExceptionFrame]) -> dict[Need, str]:
    missing: dict[Need, str] = {}
    if frame is None:
        missing["exception frame"] = "no interrupted registers were found in memory"
    return missing
