# SPDX-License-Identifier: GPL-2.0-or-later
"""The finding on page tables: how the processor looked up the address of the fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel.findings import Look
from crashext.kernel.pagetable import level_text, summary, walk
from crashext.kernel.session import KernelSession
from crashext.targets.base import ExceptionFrame, PageLevel

PAGE = 4096


def fault_address(report: Optional[Report]) -> Optional[int]:
    """The address of the report's first line; CR2 may be that of a later fault."""
    if report is None or report.trap not in (None, "#PF"):
        return None
    return next((c.value for c in report.addresses if c.source == "headline"), None)


def walk_of_crash(
    session: KernelSession, report: Optional[Report], address: int
) -> list[PageLevel]:
    """The walk for an address, in the tables of the crashed task for one of user space.

    Raises Unknown.
    """
    try:
        task: Optional[int] = session.kernel.crashed_task(report)
    except Unknown:
        task = None
    return walk(session.kernel.port, session.arch.name, address, task)


def find(
    session: KernelSession, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """One finding, when the report has a fault address."""
    address = fault_address(report)
    if address is None:
        return
    levels = walk_of_crash(session, report, address)
    detail = [level_text(level) for level in levels]
    around = _neighbours(session, report, address)
    if around is not None and address >= PAGE:
        detail.append(around)
    yield Finding(
        "page-tables",
        f"page tables at {address:#x}: {summary(levels)}",
        detail,
        Check(crash=f"vtop {address:x}", drgn=f"%crash vtop {address:x}"),
    )


def _neighbours(session: KernelSession, report: Optional[Report], address: int) -> Optional[str]:
    words = []
    for name, where in (("before", address - PAGE), ("after", address + PAGE)):
        try:
            levels = walk_of_crash(session, report, where & (1 << 64) - 1)
        except Unknown:
            continue
        words.append(f"the page {name} is {'mapped' if levels[-1].present else 'not mapped'}")
    return ", ".join(words) or None


LOOK: Look[KernelSession] = Look(
    ("page-tables",), frozenset({"exception frame", "physical memory"}), find
)
