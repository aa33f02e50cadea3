# SPDX-License-Identifier: GPL-2.0-or-later
"""What memory itself tells about the addresses of the crash: page tables, owner, the object."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Optional

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.targets.base import ExceptionFrame, PageLevel
from crashext.targets.drgn.asking import NO_ANSWER

if TYPE_CHECKING:
    from crashext.targets.drgn.target import DrgnTarget

PAGE = 4096
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
    target: DrgnTarget, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """The walk to the fault address, what lives there, and the object behind the bad pointer."""
    if frame is None:
        return
    address = fault_address(report)
    if address is not None:
        yield from _page_tables(target, address)
        yield from _owner(target, address)
    elif report is not None and report.kind == "stack-overflow":
        sp = frame.registers[target.arch.registers.sp]
        yield from _owner(target, (sp - 8) & (1 << 64) - 1)
    yield from _object(target, frame, address)


def fault_address(report: Optional[Report]) -> Optional[int]:
    """The address of the report's first line; CR2 may be that of a later fault."""
    if report is None or report.trap not in (None, "#PF"):
        return None
    return next((c.value for c in report.addresses if c.source == "headline"), None)


def _page_tables(target: DrgnTarget, address: int) -> Iterator[Finding]:
    try:
        levels = target.page_walk(address)
    except Unknown:
        return
    detail = [level_text(level) for level in levels]
    around = _neighbours(target, address)
    if around is not None and address >= PAGE:
        detail.append(around)
    yield Finding(
        "page-tables",
        f"page tables at {address:#x}: {summary(levels)}",
        detail,
        Check(crash=f"vtop {address:x}", drgn=f"%crash vtop {address:x}"),
    )


def summary(levels: Sequence[PageLevel]) -> str:
    """The walk in words: where it ended, or the rights of the page."""
    last = levels[-1]
    if not last.present:
        return f"no page: the {last.level} entry is not present"
    writable = all(level.writable for level in levels)
    executable = all(level.executable for level in levels)
    user = all(level.user for level in levels)
    rights = ["writable" if writable else "read-only"]
    rights.append("executable" if executable else "not executable")
    if user:
        rights.append("of user space")
    size = {"PUD": "1 GiB page", "PMD": "2 MiB page"}.get(last.level, "page")
    return f"a {size}, {', '.join(rights)}"


def level_text(level: PageLevel) -> str:
    """``PTE 0x8000000001234063: present, writable, kernel, NX``."""
    words = ["present" if level.present else "not present"]
    if level.present:
        words.append("writable" if level.writable else "read-only")
        words.append("user" if level.user else "kernel")
        if not level.executable:
            words.append("NX")
        if level.large:
            words.append("large page")
    return f"{level.level} {level.entry or 0:#018x}: {', '.join(words)}"


def _neighbours(target: DrgnTarget, address: int) -> Optional[str]:
    words = []
    for name, where in (("before", address - PAGE), ("after", address + PAGE)):
        try:
            levels = target.page_walk(where & (1 << 64) - 1)
        except Unknown:
            continue
        words.append(f"the page {name} is {'mapped' if levels[-1].present else 'not mapped'}")
    return ", ".join(words) or None


def _owner(target: DrgnTarget, address: int) -> Iterator[Finding]:
    """Of NULL, user addresses and error numbers the verdict has said all there is to say."""
    try:
        owner = target.owner(address)
    except Unknown:
        return
    if owner.what not in ("null", "user", "errno", "non-canonical"):
        yield Finding("address", f"{address:#x}: {owner.text}", owner.detail, _check(address))


def _object(target: DrgnTarget, frame: ExceptionFrame, address: Optional[int]) -> Iterator[Finding]:
    """What the pointer at the root of the operand points to: ``victim`` of ``victim->next->id``."""
    for name, value in _objects(target, frame):
        if value == address:
            return  # said already
        try:
            owner = target.owner(value)
        except Unknown:
            continue
        if owner.what in ("slab", "vmap", "stack", "percpu", "module", "page"):
            yield Finding("object", f"{name}: {owner.text}", owner.detail, _check(value))
            return


def _check(address: int) -> Check:
    return Check(crash=f"kmem {address:x}", drgn=f"print(identify_address({address:#x}))")


def _objects(target: DrgnTarget, frame: ExceptionFrame) -> Iterator[tuple[str, int]]:
    trace = target.trace(frame)
    expression = target.faulting_expression()
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
