# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of trackers and forums: the lines of text that a browser would show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from crashext.engine.lazy import Lazy

Numbered = tuple[int, bytes]

_PAGE = re.compile(rb"(?i)<(?:!doctype html|html|body|pre|br|div|p|tr|td)(?:\s[^<>]{0,400})?/?>")
_DOCUMENT = Lazy(rb"(?i)<(?:!doctype html|html|body)\b")
_BREAK = Lazy(
    rb"(?i)(?:<br(?:\s[^<>]{0,80})?/?>|</?(?:p|div|tr|li|pre|h[1-6]|table|blockquote|ul|ol)"
    rb"(?:\s[^<>]{0,400})?>)"
)
_PRE = Lazy(rb"(?i)<(/?)pre\b")
_TAG = Lazy(rb"</?[a-zA-Z][a-zA-Z0-9:-]{0,24}(?:\s[^<>]{0,2000})?/?>|<!--.{0,2000}?-->")
#: What the kernel prints between angle brackets
_KERNEL = Lazy(
    rb"</?(?:TASK|IRQ|SOFTIRQ|HARDIRQ|NMI|EOI|EOE|ENTRY|ENTRY_TRAMPOLINE|SYSENTER|UNK)>|<[0-9a-f]{2}>"
)
_HIDDEN = Lazy(rb"(?i)<(script|style)\b")


def is_page(head: bytes) -> bool:
    """Whether the text is a page or a piece of one."""
    low = head.lower()
    if not any(tag in low for tag in (b"<html", b"<body", b"<br", b"<pre", b"<p", b"<div", b"<t")):
        return False
    return _DOCUMENT.search(head) is not None or len(_PAGE.findall(head)) >= 3


def text_of(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """The lines that the page shows.

    Outside ``<pre>`` the end of a line in a page with ``<br>`` is a blank; where a page has none,
    people pasted whole lines into it and their ends count.
    """
    hidden: bytes = b""
    in_pre = False
    held = b""
    began = 0
    for number, raw in lines:
        if hidden:
            end = raw.lower().find(b"</" + hidden)
            if end < 0:
                continue
            raw, hidden = raw[end:], b""
        if match := _HIDDEN.search(raw):
            name = match[1].lower()
            if raw.lower().find(b"</" + name, match.end()) < 0:
                hidden, raw = name, raw[: match.start()]
        if held:
            raw, held = held + b" " + raw, b""
        else:
            began = number
        # A tag that is broken over lines
        opened = raw.rfind(b"<")
        torn = opened >= 0 and b">" not in raw[opened:] and len(raw) < 4096
        if torn and re.match(rb"</?[a-zA-Z]", raw[opened:]):
            held = raw
            continue
        pieces = _BREAK.split(raw)
        broken = len(pieces) > 1
        for match in _PRE.finditer(raw):
            in_pre = not match[1]
        if broken and not in_pre and not pieces[-1].strip():
            pieces.pop()
        for piece in pieces:
            text = _KERNEL.sub(lambda kept: b"\x00" + kept[0][1:-1] + b"\x01", piece)
            text = _TAG.sub(b"", text).replace(b"\x00", b"<").replace(b"\x01", b">")
            if b"&" in text:
                from html import unescape

                text = unescape(text.decode("utf-8", "replace")).encode("utf-8", "replace")
            yield began, text
    if held:
        yield began, _TAG.sub(b"", held)
