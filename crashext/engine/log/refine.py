# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lines of a whole report say together: the context it ran in, a closer kind."""

from __future__ import annotations

from typing import Optional

from crashext.engine.kinds import Kind
from crashext.engine.report import Report
from crashext.engine.words import TaskContext

#: Reports of a state that was found, not of a trap: they have no registers of their own at the top.
STALLS = frozenset(("soft-lockup", "hard-lockup", "rcu-stall", "workqueue-stall"))

_SOFTIRQ_FRAMES = frozenset(
    (
        "__do_softirq",
        "__softirqentry_text_start",
        "do_softirq",
        "do_softirq_own_stack",
        "handle_softirqs",
    )
)
_FREE_FUNCTIONS = frozenset(
    (
        "set_freepointer",
        "do_slab_free",
        "slab_free",
        "__slab_free",
        "__kmem_cache_free",
        "kmem_cache_free",
        "kfree",
    )
)
#: Functions that exist to BUG() for one check.
_CHECKS: dict[str, Kind] = {
    "__list_add_valid": "list-corruption",
    "__list_add_valid_or_report": "list-corruption",
    "__list_del_entry_valid": "list-corruption",
    "__list_del_entry_valid_or_report": "list-corruption",
    "usercopy_abort": "usercopy",
    "fortify_panic": "fortify",
    "__fortify_panic": "fortify",
}


def context_of(report: Report) -> Optional[TaskContext]:
    """``process``, ``softirq``, ``hardirq`` or ``nmi``, from the marks in the stack."""
    frames = report.frames
    if report.kind in STALLS:
        # The stack begins with the watchdog that found the stall; what was stalled begins where
        # the registers stand, or after the NMI.
        place = report.rip.line_no if report.rip is not None else 0
        stalled = [frame for frame in frames if frame.line_no > place and frame.stack != "NMI"]
        frames = stalled or frames
        if not place and frames and frames[0].stack == "IRQ":
            return None  # where the watchdog's frames end and the stalled ones begin is open
    if not frames:
        return None
    stack = frames[0].stack
    if stack in ("NMI", "SOFTIRQ"):
        return "nmi" if stack == "NMI" else "softirq"
    if stack in ("IRQ", "HARDIRQ"):
        names = {frame.name for frame in frames if frame.stack == stack and frame.reliable}
        return "softirq" if names & _SOFTIRQ_FRAMES else "hardirq"
    return "process"


def kind_of(report: Report) -> Kind:
    """The kind, where the error code or the function at RIP makes it more exact."""
    if report.kind == "bad-pointer" and report.trap == "#PF" and report.addresses:
        return _of_fault(report.error_code or 0, report.addresses[0].value) or report.kind
    if report.kind == "bug" and report.rip is not None and report.rip.name is not None:
        return _of_bug(report, report.rip.name.split(".", 1)[0])
    return report.kind


def _of_fault(code: int, address: int) -> Optional[Kind]:
    if code & 0x2D != 0x01:  # PROT, and none of USER, RSVD and PK (asm/trap_pf.h)
        return None
    if address < 1 << 47:
        return "user-memory-access"
    if code & 0x02:
        return "write-to-read-only"
    return "nx-exec" if code & 0x10 else None


def _of_bug(report: Report, function: str) -> Kind:
    # BUG_ON(object == fp) of CONFIG_SLAB_FREELIST_HARDENED (set_freepointer, inlined) stands near
    # the top of mm/slub.c; kfree() once had a BUG of its own near the bottom.
    top = report.bug_file == "mm/slub.c" and (report.bug_line or 0) < 1000
    if top and function in _FREE_FUNCTIONS:
        return "double-free"
    return _CHECKS.get(function, report.kind)
