# SPDX-License-Identifier: GPL-2.0-or-later
"""The findings that crash answers without drgn: those that need bytes and type layouts only."""

from __future__ import annotations

from typing import Optional

from crashext.engine.arch import Architecture
from crashext.engine.report import Report
from crashext.engine.words import Topic
from crashext.kernel import page_tables, preemption, processors
from crashext.kernel.crashed import CrashedKernel
from crashext.kernel.findings import Look, Need, ask
from crashext.kernel.session import KernelSession
from crashext.targets.base import ExceptionFrame, Findings

LOOKS: tuple[Look[KernelSession], ...] = (page_tables.LOOK, preemption.LOOK, processors.LOOK)

#: What drgn's own findings are about (:data:`crashext.targets.drgn.findings.LOOKS`).
_DRGN_ONLY: tuple[Topic, ...] = ("syscall", "argument", "address", "locks")


class CrashSession:
    """A :class:`KernelSession` over PyKdump's names, which cannot unwind."""

    def __init__(self, kernel: CrashedKernel, arch: Architecture) -> None:
        self.kernel = kernel
        self.arch = arch

    def path_of(self, task: int) -> list[str]:
        return []


def of_crash(
    session: CrashSession, report: Optional[Report], frame: Optional[ExceptionFrame], why: str
) -> Findings:
    """What can be found, and why the rest was not asked.

    :param why: why there is no drgn in this Python, for the user.
    """
    needs_drgn = f"it needs drgn inside crash ({why})"
    missing: dict[Need, str] = {"physical memory": needs_drgn}
    result = ask(LOOKS, session, report, frame, missing)
    for topic in _DRGN_ONLY:
        result.not_asked[topic] = f"not asked, because {needs_drgn}"
    return result
