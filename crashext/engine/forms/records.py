# SPDX-License-Identifier: GPL-2.0-or-later
"""Logs stored as records: journald's (verbose, export, json), dmesg --json, containers' JSON.

systemd.journal-fields(7), systemd.io/JOURNAL_EXPORT_FORMATS, dmesg(1), docker's json-file driver.
A record's message becomes a line, with printk's stamp where the record has the kernel's time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from crashext.engine.lazy import Lazy

Numbered = tuple[int, bytes]

_FIELD = Lazy(rb"[ \t]*([A-Z_][A-Z0-9_]{1,63})=(.*)", re.S)
_JOURNAL = Lazy(
    rb"(?m)^[ \t]*(?:__CURSOR|_TRANSPORT|_BOOT_ID|__REALTIME_TIMESTAMP|SYSLOG_IDENTIFIER"
    rb"|_SOURCE_MONOTONIC_TIMESTAMP)="
)
#: Keys under which programs put the line itself.
_MESSAGE = Lazy(
    rb'"(?:MESSAGE|log|message|msg|textPayload|_raw|line)"\s{0,8}:\s{0,8}'
    rb'("(?:[^"\\]|\\.){0,65536}"|\[[\d, ]{0,65536}\])'
)
_TIME = Lazy(
    rb'"(?:_SOURCE_MONOTONIC_TIMESTAMP"\s{0,8}:\s{0,8}"(\d{1,18})"|time"\s{0,8}:\s{0,8}(\d{1,10}\.\d{1,9}))'
)
_PROGRAM = Lazy(rb'"(?:SYSLOG_IDENTIFIER|_TRANSPORT)"\s{0,8}:\s{0,8}"([^"]{1,64})"')
_JSON_LINE = Lazy(rb'(?m)^(?:data: )?[\s{\[,-]{0,16}"[\w.@-]{1,60}"\s{0,8}:')


def is_journal(head: bytes) -> bool:
    """Whether the text is of ``journalctl -o verbose`` or ``-o export``."""
    return (b"_TRANSPORT=" in head or b"SYSLOG_IDENTIFIER=" in head or b"__CURSOR=" in head) and (
        len(_JOURNAL.findall(head)) >= 2
    )


def is_json(head: bytes) -> bool:
    """Whether the text is of records in JSON that hold lines of a log."""
    if b'":' not in head and b'" :' not in head:
        return False
    few = 1 if head.lstrip()[:1] in (b"{", b"[") else 2
    return len(_JSON_LINE.findall(head)) >= few and _MESSAGE.search(head) is not None


def journal(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """The kernel's messages of ``-o verbose`` and ``-o export``."""
    message: list[Numbered] = []
    time = program = b""
    binary = False
    for number, raw in lines:
        if binary:  # "MESSAGE", a line end, eight bytes of size, the data
            message, binary = [(number, raw[8:])], False
            continue
        field = _FIELD.match(raw)
        if field is None:
            if raw == b"MESSAGE":
                binary = True
                continue
            if raw[:8] == b"        " and message:
                message.append((number, raw.strip()))
                continue
            # An empty line (export) or the head of the next record (verbose)
            yield from _emit(message, time, program)
            message, time, program = [], b"", b""
            continue
        name, value = field[1], field[2]
        if name == b"__CURSOR":
            yield from _emit(message, time, program)
            message, time, program = [], b"", b""
        elif name == b"MESSAGE":
            message = [(number, value)]
        elif name == b"_SOURCE_MONOTONIC_TIMESTAMP":
            time = value
        elif name in (b"SYSLOG_IDENTIFIER", b"_TRANSPORT"):
            program = b"kernel" if value == b"kernel" else program or value
    yield from _emit(message, time, program)


def _emit(message: list[Numbered], time: bytes, program: bytes) -> Iterator[Numbered]:
    if program and program not in (b"kernel", b"syslog", b"stdout"):
        return  # what another program said
    stamp = b""
    if time.isdigit() and len(time) < 19:
        stamp = b"[%5d.%06d] " % divmod(int(time), 1_000_000)
    for number, raw in message:
        yield number, stamp + raw


def json_messages(lines: Iterable[Numbered]) -> Iterator[Numbered]:
    """The messages of records in JSON, be a record one line or several."""
    message: list[Numbered] = []
    time = program = b""
    for number, raw in lines:
        if b"{" in raw and message and not _MESSAGE.search(raw):
            yield from _emit(message, time, program)
            message, time, program = [], b"", b""
        found_time = _TIME.search(raw)
        if found_time:
            micros = found_time[1]
            if micros is None:
                whole, _, part = found_time[2].partition(b".")
                micros = whole + part.ljust(6, b"0")[:6]
            time = micros
        for match in _PROGRAM.finditer(raw):
            program = b"kernel" if match[1] == b"kernel" else program or match[1]
        for match in _MESSAGE.finditer(raw):
            message += [(number, text) for text in _texts(match[1])]
        if b"}" in raw:
            yield from _emit(message, time, program)
            message, time, program = [], b"", b""
    yield from _emit(message, time, program)


def _texts(value: bytes) -> list[bytes]:
    import json  # only records in JSON need it

    try:
        text = json.loads(value.decode("utf-8", "replace"))
        data = bytes(text) if isinstance(text, list) else str(text).encode("utf-8", "replace")
    except ValueError:
        data = value.strip(b'"')
    return data.rstrip(b"\r\n").split(b"\n")
