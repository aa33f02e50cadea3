# SPDX-License-Identifier: GPL-2.0-or-later
"""All families in one: the tables that the machinery works with.

The order of :data:`FAMILIES` is the order in which their lines are tried; the first row that
matches counts. So the special stand before the general: a cache's ``Objects remaining`` (leaks)
before SLUB's other reports, and the headers that name no kind last.
"""

from __future__ import annotations

from collections.abc import Iterable
from re import Match
from typing import Optional

from crashext.engine.kinds import (
    assertions,
    hangs,
    hardening,
    hardware,
    leaks,
    locks,
    memory,
    oom,
    other,
    panics,
    sanitizers,
    slab,
    stack,
    traps,
)
from crashext.engine.kinds.family import (
    Family,
    Header,
    KindInfo,
    Needle,
    Note,
    Panic,
    Remark,
    Role,
    Section,
    Site,
)
from crashext.engine.kinds.words import Kind

FAMILIES: tuple[Family, ...] = (
    memory.FAMILY,
    stack.FAMILY,
    traps.FAMILY,
    sanitizers.FAMILY,
    hangs.FAMILY,
    oom.FAMILY,
    leaks.FAMILY,
    slab.FAMILY,
    hardening.FAMILY,
    locks.FAMILY,
    hardware.FAMILY,
    panics.FAMILY,
    assertions.FAMILY,
    other.FAMILY,
)

#: kind → what it says
INFO: dict[Kind, KindInfo] = {info.name: info for family in FAMILIES for info in family.kinds}
_BY_WORD: dict[str, KindInfo] = {str(kind): info for kind, info in INFO.items()}

#: The lines that begin or rename a report.
HEADERS: tuple[Header, ...] = tuple(row for family in FAMILIES for row in family.headers)
#: Lines that say more about the report before which, or in which, they stand.
NOTES: tuple[Note, ...] = tuple(row for family in FAMILIES for row in family.notes)
#: Texts after ``Kernel panic - not syncing:``.
PANICS: tuple[Panic, ...] = tuple(row for family in FAMILIES for row in family.panics)
#: What the scanner looks for.
NEEDLES: tuple[Needle, ...] = tuple(row for family in FAMILIES for row in family.needles)
#: BUG() and WARN() sites whose place alone tells the kind; the first that fits counts.
SITES: tuple[Site, ...] = tuple(row for family in FAMILIES for row in family.sites)

#: Headlines and panic messages with a meaning of their own; the first that fits counts.
REMARKS: tuple[Remark, ...] = tuple(row for family in FAMILIES for row in family.remarks)

#: Any other panic message.
PLAIN_PANIC = Panic("", "panic")


def info(kind: Optional[str]) -> KindInfo:
    """What a kind says; for None or a word that is none, what an unknown crash says."""
    return _BY_WORD.get(kind or "unknown", INFO["unknown"])


def header(text: str) -> Optional[tuple[Header, Match[str]]]:
    """The header row that the line matches, with the match; None for all other lines."""
    for row in HEADERS:
        if row.literal in text:
            found = row.regex.search(text) if row.role is Role.DIE else row.regex.match(text)
            if found:
                return row, found
    return None


def note(text: str) -> Optional[tuple[Note, Match[str]]]:
    """The same for the lines that only refine a report."""
    for row in NOTES:
        if row.literal in text:
            found = row.regex.match(text)
            if found:
                return row, found
    return None


def section(kind: Kind, text: str) -> Optional[tuple[Section, Match[str]]]:
    """The row for lines inside a report of ``kind`` that the line matches, with the match."""
    for row in INFO[kind].sections:
        found = row.regex.match(text)
        if found:
            return row, found
    return None


def remark(texts: Iterable[Optional[str]]) -> Optional[tuple[Remark, Match[str]]]:
    """The remark on a report with these texts (headline, panic message, WARN()'s text), or None."""
    known = [text for text in texts if text]
    for row in REMARKS:
        for text in known:
            found = row.regex.search(text)
            if found is not None:
                return row, found
    return None


def panic(message: str) -> tuple[Panic, dict[str, str]]:
    """The row for a panic message and what its groups say; a plain panic for unknown text."""
    for row in PANICS:
        found = row.regex.match(message)
        if found:
            return row, {name: value for name, value in found.groupdict().items() if value}
    return PLAIN_PANIC, {}
