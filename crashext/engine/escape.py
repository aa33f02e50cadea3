# SPDX-License-Identifier: GPL-2.0-or-later
"""Text from a dump or a log is hostile: make it safe to print on a terminal.

A task name, a module name or a log line may hold terminal escape sequences (ECMA-48), other
control characters, or the bidirectional overrides by which text reads differently from what it
says (CVE-2021-42574). All of them are shown as visible escapes.
"""

from __future__ import annotations

import re

#: C0 (but tab and newline), DEL, C1, zero-width and bidirectional formatting characters, line and
#: paragraph separators, the byte order mark, tag characters, and lone surrogates (what
#: ``errors="surrogateescape"`` makes of bytes that are no UTF-8).
_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte that could not be decoded
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


def printable(text: str, *, newlines: bool = False) -> str:
    """``text`` with every character that could act on a terminal as a visible escape.

    Tabs stay. Newlines stay only with ``newlines=True``: a name with a newline in it must not be
    able to forge a line of output. Ordinary text, also non-ASCII, is returned unchanged.
    """
    safe = _HOSTILE.sub(_visible, text)
    return safe if newlines else safe.replace("\n", "\\x0a")
