# SPDX-License-Identifier: GPL-2.0-or-later
"""What lives at the addresses of the crash: who owns the fault address, the object behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from crashext.engine import kinds
from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel.findings import Look
from crashext.kernel.page_tables import fault_address
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn import owner as owners
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.session import Session

#: Frames that are looked through for the object given to a free function.
MAX_FRAMES = 12
#: Function of the slab allocator → its parameter that is the object (mm/slub.c, mm/slab_common.c).
_FREED = {
    "kfree": ("object", "x", "objp"),
    "kmem_cache_free": ("x", "objp"),
    "__kmem_cache_free": ("x", "object"),
    "kfree_sensitive": ("p",),
    "free_to_partial_list": ("head",),
}


def find(
    session: Session, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """What lives at the fault address, and the object behind the bad pointer."""
    if frame is None:
        return
    address = fault_address(report)
    if address is not None:
        yield from _owner(session, report, address)
    elif report is not None and report.kind == kinds.STACK_OVERFLOW:
        sp = frame.registers[session.arch.registers.sp]
        yield from _owner(session, report, (sp - 8) & (1 << 64) - 1)
    yield from _object(session, report, frame, address)


def _owner(session: Session, report: Optional[Report], address: int) -> Iterator[Finding]:
    """Of NULL, user addresses and error numbers the verdict has said all there is to say."""
    try:
        owner = owners.of(session, report, address)
    except Unknown:
        return
    if owner.what not in ("null", "user", "errno", "non-canonical"):
        yield Finding("address", f"{address:#x}: {owner.text}", owner.detail, _check(address))


def _object(
    session: Session, report: Optional[Report], frame: ExceptionFrame, address: Optional[int]
) -> Iterator[Finding]:
    """What the pointer at the root of the operand points to: ``victim`` of ``victim->next->id``."""
    for name, value in _objects(session, frame):
        if value == address:
            return  # said already
        try:
            owner = owners.of(session, report, value)
        except Unknown:
            continue
        if owner.what in ("slab", "vmap", "stack", "percpu", "module", "page"):
            yield Finding("object", f"{name}: {owner.text}", owner.detail, _check(value))
            return


def _check(address: int) -> Check:
    return Check(crash=f"kmem {address:x}", drgn=f"print(identify_address({address:#x}))")


def _objects(session: Session, frame: ExceptionFrame) -> Iterator[tuple[str, int]]:
    trace = session.trace(None, frame)
    expression = session.faulting_expression(frame)
    root = re.match(r"\*?\(*(\w+)", expression) if expression else None
    for step in list(trace)[:MAX_FRAMES]:
        name = step.function_name
        names = list(_FREED.get(name or "", ()))
        if root is not None:
            names.append(root.group(1))
        for variable in names:
            try:
                value = step[variable] if variable in step.locals() else None
                if value is not None and not value.absent_ and value:
                    yield variable, int(value.value_())
            except (*NO_ANSWER, TypeError):
                continue
        if root is not None and not step.is_inline:
            return


LOOK: Look[Session] = Look(("address", "object"), frozenset({"exception frame"}), find)
