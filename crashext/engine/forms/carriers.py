# SPDX-License-Identifier: GPL-2.0-or-later
"""What carried the whole text: mail, a page, journal or container records, pstore's parts.

The first block shows which. What is no carrier's passes as it is; a carrier's lines are unpacked
one by one, and each logical line keeps the number of the line that it came from.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Optional

from crashext.engine.forms import mail, pages, pstore, records, session
from crashext.engine.forms.packed import plain
from crashext.engine.forms.prefix import take

#: So many bytes at the beginning decide what the text is.
SAMPLE = 256 * 1024
#: So many bytes of a line are kept; see reader.MAX_LINE_BYTES.
_MAX_LINE = 64 * 1024
#: A page may be one single line.
_MAX_PAGE_LINE = 4 << 20

#: (number in the person's file, the line without its end)
Numbered = tuple[int, bytes]
_NBSP = "\xa0".encode()


class Part(NamedTuple):
    """Some bytes of the log in the kernel's own lines."""

    data: bytes
    #: For each line that ends in ``data`` its number in the person's file; None: they count up.
    numbers: Optional[array[int]] = None
    #: The first bytes of the text as the person has it; only of the first part.
    head: bytes = b""


class Numbers:
    """Which line of the person's file a logical line is, for those that are still looked at."""

    def __init__(self) -> None:
        self.mapped = False
        self._numbers: array[int] = array("Q")
        self._first = 1

    def add(self, numbers: Optional[array[int]]) -> None:
        """The numbers of the next lines."""
        if numbers is not None:
            self.mapped = True
            self._numbers.extend(numbers)

    def of(self, index: int) -> int:
        """The number of the logical line ``index``, from 1."""
        if not self.mapped:
            return index
        place = min(max(index - self._first, 0), len(self._numbers) - 1)
        return self._numbers[place] if place >= 0 else index

    def drop(self, index: int) -> None:
        """Lines before ``index`` are not asked for again."""
        if self.mapped and index - self._first > 4096:
            del self._numbers[: index - self._first]
            self._first = index

    def last(self, lines: int) -> int:
        """How many lines the person's file has."""
        return max(self._numbers) if self.mapped and self._numbers else lines


def parts(blocks: Iterator[bytes]) -> Iterator[Part]:
    """The text of a file in the kernel's own lines.

    :raises CrashextError: packed in a way that this Python cannot unpack.
    """
    text = plain(blocks)
    head = next(text, b"")
    while len(head) < SAMPLE:
        block = next(text, b"")
        if not block:
            break
        head += block
    if b"\r" in head and b"\n" not in head:
        for block in _chain(head, text):
            yield Part(block.replace(b"\r", b"\n"))
        return
    undo = _undo(head)
    if undo is None:
        first = head
        for block in _chain(head, text):
            yield Part(block if block.isascii() else block.replace(_NBSP, b" "), None, first)
            first = b""
        return
    for part in _blocks(undo(_lines(_chain(head, text)))):
        yield part._replace(head=head)
        head = b""


def nature(head: bytes) -> str:
    """What a text that begins like this was taken for, in words for a person."""
    if session.is_session(head):
        return "a debugger's session"
    if mail.is_mail(head) or mail.is_quoted_printable(head):
        return "a mail"
    if records.is_journal(head):
        return "a journal in records"
    if records.is_json(head):
        return "records in JSON"
    if pstore.is_pstore(head):
        return "records of pstore"
    if pages.is_page(head):
        return "a page"
    sample = [take(raw, 0) for raw in head[:SAMPLE].decode("utf-8", "replace").split("\n")[:400]]
    lines = [one for one in sample if one.line.text.strip()]
    stamped = sum(one.line.time is not None for one in lines)
    programs = sum(one.line.program != "" for one in lines)
    if programs * 2 > len(lines):
        return "a journal or syslog"
    return "a kernel log" if stamped * 2 > len(lines) else "plain text"


def _undo(head: bytes) -> Optional[Callable[[Iterable[Numbered]], Iterator[Numbered]]]:
    """What undoes the carrier of a text that begins like this; None: there is none."""
    steps: list[Callable[[Iterable[Numbered]], Iterator[Numbered]]] = []
    if mail.is_mail(head):
        steps.append(mail.bodies)
    elif mail.is_quoted_printable(head):
        steps.append(mail.quoted_printable)
    elif records.is_journal(head):
        steps.append(records.journal)
    elif records.is_json(head):
        steps.append(records.json_messages)
    elif pstore.is_pstore(head):
        steps.append(pstore.in_order)
    if not steps and pages.is_page(head):
        steps.append(pages.text_of)
    if not steps:
        return None

    def undo(lines: Iterable[Numbered]) -> Iterator[Numbered]:
        for step in steps:
            lines = step(lines)
        return iter(lines)

    return undo


def _chain(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    if head:
        yield head
    yield from blocks


def _lines(blocks: Iterator[bytes]) -> Iterator[Numbered]:
    number = 0
    left = b""
    for block in blocks:
        data = left + block
        if len(data) > _MAX_PAGE_LINE and b"\n" not in data:
            left = data[:_MAX_PAGE_LINE]
            continue
        whole = data.split(b"\n")
        left = whole.pop()
        for raw in whole:
            number += 1
            yield number, raw.rstrip(b"\r")
    if left:
        yield number + 1, left


def _blocks(lines: Iterator[Numbered]) -> Iterator[Part]:
    data: list[bytes] = []
    numbers: array[int] = array("Q")
    size = 0
    for number, raw in lines:
        raw = raw[:_MAX_LINE].replace(b"\n", b" ")
        data.append(raw)
        numbers.append(number)
        size += len(raw) + 1
        if size >= SAMPLE:
            yield Part(b"\n".join(data) + b"\n", numbers)
            data, numbers, size = [], array("Q"), 0
    if data:
        yield Part(b"\n".join(data) + b"\n", numbers)
