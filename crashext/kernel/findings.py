# SPDX-License-Identifier: GPL-2.0-or-later
"""How findings are asked: each declares what it needs, and says why it was not asked.

A finding is one file: a function from a session (what a target can do), the report and the
exception frame, and a :class:`Look` that names it in the table of its target. One that fails costs
only itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, Optional, TypeVar

from crashext.engine.model import Finding
from crashext.engine.report import Report
from crashext.engine.words import Topic
from crashext.errors import Unknown
from crashext.targets.base import ExceptionFrame, Findings

#: What a finding can need of the target and of the crash.
Need = Literal[
    "debug info",  # types of the kernel proper
    "variables",  # parameters and locals of a frame
    "unwinding",  # call paths of tasks
    "physical memory",  # what page tables are made of
    "modules",  # the module list
    "exception frame",  # the interrupted registers
    "live",  # a kernel that runs
]

S = TypeVar("S", contravariant=True)


@dataclass(frozen=True)
class Look(Generic[S]):
    """One finding: what it is about, what it needs, and how it is found.

    :param topics: what it can find, the first for the reason when it is not asked.
    """

    topics: tuple[Topic, ...]
    needs: frozenset[Need]
    find: Callable[[S, Optional[Report], Optional[ExceptionFrame]], Iterable[Finding]]


def ask(
    looks: Iterable[Look[S]],
    session: S,
    report: Optional[Report],
    frame: Optional[ExceptionFrame],
    missing: Mapping[Need, str],
    no_answer: tuple[type[Exception], ...] = (),
) -> Findings:
    """All findings, in the order of the looks.

    :param missing: the needs that are not met, each with the reason.
    :param no_answer: what the debugger raises, besides Unknown, for what a dump does not have.
    """
    result = Findings()
    silent: tuple[type[Exception], ...] = (Unknown, *no_answer)
    for look in looks:
        unmet = [missing[need] for need in sorted(look.needs) if need in missing]
        if unmet:
            result.not_asked[look.topics[0]] = f"not asked, because {'; '.join(unmet)}"
            continue
        try:
            result.found.extend(look.find(session, report, frame))
        except silent:
            continue  # this dump does not have it
    return result
