# SPDX-License-Identifier: GPL-2.0-or-later
"""How many columns of a terminal text takes, and text folded and padded by columns.

A Korean or Chinese character takes two columns and a combining mark none (Unicode Standard Annex
#11, East_Asian_Width). The standard library's ``unicodedata`` knows enough of this; inside crash
there may be nothing else.
"""

from __future__ import annotations

import textwrap
import unicodedata

#: General categories that take no column of their own: marks and format characters.
_NO_COLUMN = frozenset({"Mn", "Me", "Cf"})


def _columns(character: str) -> int:
    if unicodedata.category(character) in _NO_COLUMN or "\u1160" <= character <= "\u11ff":
        return 0  # the latter: vowels and finals of Hangul, drawn into the syllable before them
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def columns(text: str) -> int:
    """The columns that ``text`` (escaped already) takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def pad(text: str, width: int, *, right: bool = False) -> str:
    """``text`` with blanks up to ``width`` columns, before it when ``right``."""
    blanks = " " * (width - columns(text))
    return blanks + text if right else text + blanks


def fold(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` columns, folded at blanks where there are some.

    The lines after the first are indented as the first one is.
    """
    if columns(text) <= width:
        return [text]
    indent = " " * (len(text) - len(text.lstrip()))
    if len(text) == columns(text):
        return textwrap.wrap(text, width, break_on_hyphens=False, subsequent_indent=indent) or [""]
    lines: list[str] = []
    line, used = indent, len(indent)
    for word in _pieces(text.strip()):
        needed = columns(word)
        if used + needed > width and line.strip():
            lines.append(line.rstrip())
            line, used = indent, len(indent)
            if word == " ":
                continue
        while used + needed > width and len(word) > 1:  # a word longer than a line
            head = _head(word, width - used)
            lines.append(line + head)
            word = word[len(head) :]
            line, used, needed = indent, len(indent), columns(word)
        line, used = line + word, used + needed
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> list[str]:
    """``text`` cut where a line may end: at blanks, and behind an ideograph or a kana. Korean has
    blanks between its words."""
    pieces: list[str] = []
    word = ""
    for character in text:
        if character == " " or (_columns(character) == 2 and not _is_hangul(character)):
            if word:
                pieces.append(word)
            pieces.append(character)
            word = ""
        elif _columns(character) == 0 and not word and pieces:
            pieces[-1] += character
        else:
            word += character
    return [*pieces, word] if word else pieces


def _is_hangul(character: str) -> bool:
    return "\u1100" <= character <= "\u11ff" or "\uac00" <= character <= "\ud7a3"


def _head(word: str, width: int) -> str:
    """As many characters of a long word as fit, at least one."""
    end = used = 0
    for end, character in enumerate(word):
        used += _columns(character)
        if used > width and end:
            return word[:end]
    return word[: end + 1]
