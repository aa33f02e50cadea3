# SPDX-License-Identifier: GPL-2.0-or-later
"""Records of pstore (EFI variables, ERST): the last part of the log is part 1.

fs/pstore/platform.c: pstore_dump() writes ``Panic#1 Part1`` before each record and numbers them
from the end of the log backwards; ``cat dmesg-efi-*`` gives them in the order of their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from crashext.engine.lazy import Lazy

Numbered = tuple[int, bytes]

_HEADER = Lazy(
    rb"\s?(?P<reason>Panic|Oops|Emergency|Shutdown|Restart|Halt|Poweroff|Unknown)#(?P<count>\d{1,9})"
    rb" Part(?P<part>\d{1,9})\s*$"
)
#: A dump of pstore has the size of kmsg_bytes, 10 KiB unless set; so many lines are sorted at most.
_MAX_LINES = 200_000


def is_pstore(head: bytes) -> bool:
    """Whether a line of the text is the header of a record."""
    return b" Part" in head and any(
        _HEADER.match(head, head.rfind(b"\n", 0, found.start()) + 1, head.find(b"\n", found.end()))
        is not None
        for found in re.finditer(rb"#\d{1,9} Part\d{1,9}", head)
    )


def in_order(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """The lines of the records in the order in which the kernel said them, without the headers."""
    parts: list[tuple[int, list[Numbered]]] = []
    group: tuple[bytes, bytes] = (b"", b"")
    count = 0
    for number, raw in lines:
        match = _HEADER.match(raw)
        if match:
            now = (match["reason"], match["count"])
            if now != group or count > _MAX_LINES:
                yield from _sorted(parts)
                parts, count, group = [], 0, now
            parts.append((int(match["part"]), []))
        elif parts:
            parts[-1][1].append((number, raw))
            count += 1
        else:
            yield number, raw
    yield from _sorted(parts)


def _sorted(parts: list[tuple[int, list[Numbered]]]) -> Iterator[Numbered]:
    for _, lines in sorted(parts, key=lambda part: -part[0]):
        yield from lines
