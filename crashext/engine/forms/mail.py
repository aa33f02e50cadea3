# SPDX-License-Identifier: GPL-2.0-or-later
"""Mail as it is stored: MIME parts, quoted-printable and base64 (RFC 2045), flowed (RFC 3676)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crashext.engine.forms import pages
from crashext.engine.lazy import Lazy

Numbered = tuple[int, bytes]

_HEADER = Lazy(rb"[A-Za-z][A-Za-z0-9-]{1,40}:(?:[ \t]|$)")
_MAILS = Lazy(
    rb"(?im)^(?:Content-Transfer-Encoding:|MIME-Version:|Content-Type: (?:text|multipart)/)"
)
_ENCODING = Lazy(rb"(?i)content-transfer-encoding:\s*\"?([\w-]{1,24})")
_TYPE = Lazy(rb"(?i)content-type:\s*([\w.+-]{1,40}/[\w.+-]{1,60})")
_CHARSET = Lazy(rb"(?i)charset=\"?([\w.:-]{1,40})")
_BOUNDARY = Lazy(rb"(?i)boundary=\"?([^\";\r\n]{1,120})")
_ESCAPE = Lazy(rb"=([0-9A-Fa-f]{2})")
_BASE64 = Lazy(rb"[A-Za-z0-9+/]{4,}={0,2}$")
#: A part that is not read is not kept either.
_MAX_PART = 64 << 20


def is_mail(head: bytes) -> bool:
    """Whether the text holds mail headers that say how its body is encoded."""
    # The literals first: they are found at memory speed, and nearly no log has them.
    low = head.lower()
    return (b"content-t" in low or b"mime-version" in low) and _MAILS.search(head) is not None


def is_quoted_printable(head: bytes) -> bool:
    """Whether the text is the body of a mail in quoted-printable, without its headers."""
    signs = head.count(b"=")
    if signs < 1 or (b"=\n" not in head and b"=\r" not in head and b"=C2=A0" not in head):
        return False
    breaks = re.findall(rb"(?m)^(.{0,998})=\r{0,2}$", head)
    escapes = len(re.findall(rb"=(?:[0189A-F][0-9A-F]|20|3D)", head))
    if not breaks:  # lines too short for any
        return escapes == signs
    if any(len(line) > 76 for line in breaks):
        return False
    return (len(breaks) + escapes) * 20 >= signs * 19 and max(map(len, breaks)) >= 56


def quoted_printable(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """The lines with soft breaks and ``=XX`` undone."""
    began = 0
    parts: list[bytes] = []
    for number, raw in lines:
        began = began or number
        raw = raw.rstrip(b" \t")
        soft = raw.endswith(b"=")
        parts.append(raw[:-1] if soft else raw)
        if not soft or len(parts) > 4096:
            yield from _unescaped(began, b"".join(parts))
            parts, began = [], 0
    if parts:
        yield from _unescaped(began, b"".join(parts))


def _unescaped(number: int, raw: bytes) -> Iterator[Numbered]:
    if b"=" in raw:
        raw = _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), raw)
    for part in raw.split(b"\n"):
        yield number, part


@dataclass
class _Part:
    """What the headers of a part say."""

    encoding: bytes = b""
    type: bytes = b"text/plain"
    charset: str = ""
    flowed: bool = False

    def take(self, header: bytes) -> None:
        """One header, unfolded."""
        if match := _ENCODING.match(header):
            self.encoding = match[1].lower()
        elif match := _TYPE.match(header):
            self.type = match[1].lower()
            if charset := _CHARSET.search(header):
                self.charset = charset[1].decode("ascii", "replace").lower()
            self.flowed = b"format=flowed" in header.lower()


def bodies(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """The text of all parts, decoded, in their order. A page beside a plain text is left out."""
    part = _Part()
    boundaries: set[bytes] = set()
    body: list[Numbered] = []
    size = 0
    header = b""
    in_headers = True
    plain_seen = False
    for number, raw in lines:
        if raw.startswith(b"--") and raw[2:].rstrip(b"- \t") in boundaries:
            yield from _decoded(part, body, plain_seen)
            plain_seen = plain_seen or (part.type == b"text/plain" and bool(body))
            body, size, part, in_headers, header = [], 0, _Part(), True, b""
            continue
        if raw.startswith(b"From ") and (not body or not body[-1][1]) and b"@" in raw:  # mbox
            yield from _decoded(part, body, plain_seen)
            body, size, part, in_headers, header = [], 0, _Part(), True, b""
            plain_seen = False
            continue
        if in_headers:
            if raw[:1] in (b" ", b"\t") and header:
                header += b" " + raw.strip()
            elif _HEADER.match(raw):
                part.take(header)
                header = raw
            elif not raw.strip() and header:
                in_headers = False
            elif not raw.strip() and not body:
                continue
            else:  # text that has no headers
                in_headers = False
                body.append((number, raw))
            if match := _BOUNDARY.search(header):
                boundaries.add(match[1].rstrip(b"- \t"))
            if not in_headers:
                part.take(header)
                header = b""
            continue
        if _ENCODING.match(raw) or (raw.lower().startswith(b"content-type: ") and b"/" in raw):
            # Headers that stand in the text: a part whose boundary was cut off.
            yield from _decoded(part, body, plain_seen)
            body, size, part, in_headers, header = [], 0, _Part(), True, raw
            continue
        size += len(raw)
        if size < _MAX_PART:
            body.append((number, raw))
    yield from _decoded(part, body, plain_seen)


def _decoded(part: _Part, body: list[Numbered], plain_seen: bool) -> Iterator[Numbered]:
    if not part.type.startswith((b"text/", b"application/", b"message/")):
        return
    if part.type == b"text/html" and plain_seen:
        return
    lines: Iterator[Numbered] = iter(body)
    if part.encoding == b"quoted-printable":
        lines = quoted_printable(lines)
    elif part.encoding == b"base64":
        lines = _base64(body)
    if part.charset not in ("", "utf-8", "us-ascii"):
        lines = _in_utf8(lines, part.charset)
    if part.type == b"text/html":
        lines = pages.text_of(lines)
    elif part.flowed:
        lines = _flowed(lines)
    yield from lines


def _base64(body: list[Numbered]) -> Iterator[Numbered]:
    """The decoded text; each of its lines has the number of the line where it begins."""
    import base64
    import zlib

    data = bytearray()
    starts: list[tuple[int, int]] = []
    digits = b""
    for number, raw in body:
        raw = raw.strip()
        if not _BASE64.match(raw):
            continue
        starts.append((len(data), number))
        digits += raw
        whole = len(digits) // 4 * 4
        try:
            data += base64.b64decode(digits[:whole])
        except ValueError:  # binascii.Error is one
            pass
        digits = digits[whole:]
    text = bytes(data)
    if text.startswith(b"\x1f\x8b"):
        try:
            text = zlib.decompressobj(wbits=31).decompress(text, _MAX_PART)
        except zlib.error:
            return
        starts = starts[:1]
    offset = index = 0
    for raw in text.split(b"\n"):
        while index + 1 < len(starts) and starts[index + 1][0] <= offset:
            index += 1
        yield (starts[index][1] if starts else 0), raw.rstrip(b"\r")
        offset += len(raw) + 1


def _in_utf8(lines: Iterator[Numbered], charset: str) -> Iterator[Numbered]:
    for number, raw in lines:
        try:
            yield number, raw.decode(charset, "replace").encode("utf-8", "replace")
        except LookupError:
            yield number, raw


def _flowed(lines: Iterator[Numbered]) -> Iterator[Numbered]:
    """format=flowed: a line that ends in a blank goes on, if the next is quoted as deep."""
    parts: list[bytes] = []
    began = depth = 0
    for number, raw in lines:
        quotes = len(raw) - len(raw.lstrip(b">"))
        rest = raw[quotes:]
        if parts and quotes == depth:
            parts.append(rest[1:] if rest[:1] == b" " else rest)
        else:
            if parts:
                yield began, b"".join(parts)
            parts, began, depth = [raw], number, quotes
        if not raw.endswith(b" ") or rest.strip() == b"--" or len(parts) > 1024:
            yield began, b"".join(parts)
            parts = []
    if parts:
        yield began, b"".join(parts)
