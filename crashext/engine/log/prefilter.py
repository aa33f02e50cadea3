# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds, in bytes and at memory speed, the lines that may begin a report.

``bytes.find`` of one long needle runs at several GB/s, so a handful of them is cheap; many of them,
and short ones (``BUG``), are not. For those, one ``bytes.translate`` first drops the bytes that are
common and keeps capitals and a few rare letters; what a needle leaves of itself then (its trace) is
looked for in the fifth of the text that remains. Only where that finds something is the text itself
searched. Where a trace would be found everywhere, the needle is better searched in the text.

The families name the needles. Every line that :func:`crashext.engine.kinds.registry.header` knows
must hold one of them, or stand right before one that does ("kernel tried to execute NX-protected
page", "Unhandled fault:", "Insufficient stack space"); a test checks it.
"""

from __future__ import annotations

from collections.abc import Iterator

from crashext.engine.kinds.registry import NEEDLES

#: The log begins anew: no report, but what a report belongs to.
_BOOT = b"Linux version "
#: Searched in the text itself: long, or ending in a byte that is rare.
_DIRECT = (*(needle.text for needle in NEEDLES if not needle.trace), _BOOT)
#: What is left of a needle in the residue → the needles themselves.
_RESIDUE = {
    trace: tuple(needle.text for needle in NEEDLES if needle.trace == trace)
    for trace in dict.fromkeys(needle.trace for needle in NEEDLES if needle.trace)
}
#: The "]" of a time stamp keeps its "[" apart from a "#" of the text.
_KEPT = set(b"".join(_RESIDUE)) | set(b"]")
_DROPPED = bytes(set(range(256)) - _KEPT)


def candidates(data: bytes) -> list[int]:
    """Sorted offsets of the needles in ``data``; empty for nearly all text."""
    found: list[int] = []
    for needle in _DIRECT:
        if needle in data:
            found.extend(_offsets(data, needle))
    residue = data.translate(None, _DROPPED)
    for trace, needles in _RESIDUE.items():
        if trace in residue:
            for needle in needles:
                found.extend(_offsets(data, needle))
    found.sort()
    return found


def _offsets(data: bytes, needle: bytes) -> Iterator[int]:
    offset = data.find(needle)
    while offset >= 0:
        yield offset
        offset = data.find(needle, offset + len(needle))
