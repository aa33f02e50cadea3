# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds, in bytes and at memory speed, the lines that may begin a report.

``bytes.find`` of one long needle runs at several GB/s, so a handful of them is cheap; short needles
of capitals (``BUG``) are slow in running text. For those, one ``bytes.translate`` first drops every
byte that no needle has, and the needles are looked for in the few percent that remain. Only where
that finds something is the text itself searched.

Every line that :func:`headers.recognise` knows must hold one of the needles, or stand right before
one that does ("kernel tried to execute NX-protected page", "Unhandled fault:", "Insufficient stack
space"); a test checks it.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Searched in the text itself: long, or ending in a byte that is rare.
_DIRECT = (
    b"Kernel panic - not syncing",
    b"Unable to handle kernel ",
    b"invoked oom-killer: gfp_mask=",
    b"ut of memory",
    b"unreferenced object 0x",
    b"new suspected memory leaks",
    b"(): cache `",  # slab error in …
    b"Slab corruption",
    b"Linux version ",
    b"[Hardware Error]: ",
)
_KEPT = b"ABCDFGIKLNOPRSUW[]#:"
_DROPPED = bytes(set(range(256)) - set(_KEPT))
#: What is left of a needle in the residue → the needles themselves.
_RESIDUE = (
    (b"BUG", (b"BUG",)),
    (b"[#", (b"[#",)),
    (b"WARNING:", (b"WARNING: ",)),
    (b"UBSAN:", (b"UBSAN: ",)),
    (b"PANIC:", (b"PANIC: double fault", b"PANIC: early exception")),
    (b"INFO:", (b"INFO: task ", b"INFO: rcu", b"[ INFO: ", b"INFO: trying to register")),
    (b"LOCKUP", (b"hard LOCKUP on cpu ",)),
    (b"#AC:", (b"#AC: ",)),  # split and bus locks
    (b"#DB:", (b"#DB: ",)),
)


def candidates(data: bytes) -> list[int]:
    """Sorted offsets of the needles in ``data``; empty for nearly all text."""
    found: list[int] = []
    for needle in _DIRECT:
        if needle in data:
            found.extend(_offsets(data, needle))
    residue = data.translate(None, _DROPPED)
    for trace, needles in _RESIDUE:
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
