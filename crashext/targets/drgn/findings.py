# SPDX-License-Identifier: GPL-2.0-or-later
"""Context that only memory can tell, each finding on its own so that one failure costs only it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Callable, Optional

from crashext.engine.model import Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn import argument, entry, locks, places, preemption, processors
from crashext.targets.drgn.asking import NO_ANSWER

if TYPE_CHECKING:
    from crashext.targets.drgn.target import DrgnTarget

Look = Callable[["DrgnTarget", Optional[Report], Optional[ExceptionFrame]], Iterable[Finding]]

_LOOKS: tuple[Look, ...] = (
    entry.find,
    argument.find,
    places.find,
    locks.find,
    preemption.find,
    processors.find,
)


def of_crash(
    target: DrgnTarget, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> list[Finding]:
    """All findings; one that this dump cannot give is left out."""
    result: list[Finding] = []
    for look in _LOOKS:
        try:
            result.extend(look(target, report, frame))
        except (Unknown, *NO_ANSWER):
            continue
    return result
