# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes the prefix off a log line: printk's own stamp, and whatever stored or carried the line.

Known prefixes, each found by its shape and never by a version: ``[ t]`` with or without the caller
tag of CONFIG_PRINTK_CALLER (kernel/printk/printk.c: print_caller), ``<n>``, /dev/kmsg and extended
netconsole records (Documentation/ABI/testing/dev-kmsg), ``dmesg`` in its -T, -d, -e, -x, --color
and iso forms, syslog and journald lines, ISO stamps of a console logger, Android's
``(cpu)[pid:comm]``, a mail's ``> ``. On a serial console the stamp may follow text of another
program that did not end its line ("login: [   12.3] BUG: …"); then the line is what follows.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

#: Longer lines are cut, in characters. printk itself cuts at 1 KiB a record (LOG_LINE_MAX); a
#: joined "Modules linked in:" of a large server has about 4 KiB.
MAX_LINE = 16 * 1024

#: The names under which a syslog daemon stores kernel lines.
_KERNEL_PROGRAMS = frozenset(("kernel", "vmunix", "klogd"))


class Line(NamedTuple):
    """One line without its prefix."""

    number: int  # 1-based
    text: str
    time: Optional[float] = None  # seconds since boot, where the line has printk's stamp
    caller: str = ""  # "T123" or "C1"
    host: str = ""  # of a syslog line, so that two machines in one file stay apart
    program: str = ""  # of a syslog line: "" (no such prefix), "kernel", "sshd", …


_STAMP_CALLER = r"\[\s*(\d{1,10}\.\d{1,9})(?:\s*<[^>]{0,20}>)?\](?:\s?\[\s*([TC]\d{1,8})\])?"
_PRINTK = re.compile(rf"\s*(?:<\d{{1,3}}>)?\s?{_STAMP_CALLER}[ ]?(.*)", re.S | re.A)
# printk prints six decimals; fewer digits in the middle of a line are something else.
_INNER = re.compile(r".*\[( {0,4}\d{1,10}\.\d{6})\](?:\[\s*([TC]\d{1,8})\])? (.*)", re.S | re.A)
_HEADERS = ("BUG: ", "kernel BUG at ", "Kernel panic - ", "WARNING: CPU: ")
_CALLER = re.compile(r"\s?\[\s*([TC]\d{1,8})\]\s?")
_LEVEL = re.compile(r"\s*<\d{1,3}>(?!>)")
_QUOTE = re.compile(r"\s?(?:>[ >]?){1,8}")
# release,level,sequence,microseconds,flags[,caller=T1][,…];text
_KMSG = re.compile(
    r"(?:[\w.+~-]{1,64},)?\d{1,4},\d{1,20},(\d{1,20}),[-c+*](?:,([^;]{0,80}))?;(.*)", re.S | re.A
)
_FACILITY = re.compile(
    r"(?:kern|user|mail|daemon|auth|syslog|lpr|news)\s*:"
    r"(?:emerg|alert|crit|err|warn|notice|info|debug)\s*: "
)
_TIME = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_ISO = rf"\d{{4}}-\d\d-\d\d[T ]{_TIME}(?: ?[A-Z]{{3,4}}\b|Z|[+-]\d\d:?\d\d)?"
# journald writes the month in the language of the one who asks: any letters.
_BSD = rf"[^\W\d_]{{3,5}}\.? [ \d]?\d {_TIME}(?: \d{{4}})?"
_WEEKDAY = r"(?:[^\W\d_]{2,4} )"
_STAMP = re.compile(rf"\s*(?:<\d{{1,3}}>(?:1 )?)?{_WEEKDAY}?(?:{_ISO}|{_BSD})[ \t]+")
# dmesg -T and -e, crash's log -T, and loggers that put a human stamp into brackets
_BRACKETED = re.compile(
    rf"\s*\[(?:{_WEEKDAY}?(?:{_ISO}|{_BSD}|[^\W\d_]{{3,5}} [ \d]\d {_TIME} [A-Z]{{3,5}} \d{{4}})"
    r"|[^\W\d_]{3,5} ?[ \d]\d \d\d:\d\d|\s*\+\s*\d+\.\d+|<\s*\d+\.\d+>)\][ ]?"
)
_UNIX_STAMP = re.compile(r"\d{9,10}\.\d{1,9} ")
_SYSLOG = re.compile(
    r"(?:((?!kern\.)[\w.-]{1,255}) )?(?:\w{3,8}\.\w{3,7} )?"
    r"([\w./@()-]{1,64})(?:\[\d{1,10}\])?: ?(.*)",
    re.S,
)
# After a console logger's stamp "divide error: …" looks like "host program: …".
_NOT_SYSLOG = re.compile(
    r"(?:divide error|invalid opcode|double fault|stack segment|invalid TSS|fpu exception"
    r"|simd exception|alignment check|iret exception|VE fault|Internal error|Call [Tt]race"
    r"|Hardware name|stack backtrace|Unhandled fault)\b"
)
_MONOTONIC = re.compile(r"([\w.-]{1,255}) (?:kernel|vmunix|klogd)(?:\[\d{1,10}\])?: (.*)", re.S)
_RFC5424 = re.compile(
    r"(\S{1,255}) ([\w./-]{1,48}) \S{1,128} \S{1,32} (?:-|\[[^\]]{0,255}\]) (.*)", re.S
)
# What syslogd writes to every terminal has no stamp: " kernel:BUG: soft lockup …".
_WALL = re.compile(r" {0,2}kernel: ?")
_ANDROID = re.compile(
    r" ?(?:\(\d{1,2}\)\[(\d{1,7}):[^\]]{1,24}\]|\[\d{1,2}:[^\]]{1,24}?:\s*(\d{1,7})\] )", re.A
)
# CSI sequences (colours of dmesg, cursor moves of a BIOS on a serial line) and ESC c, the reset
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?=]{0,16}[A-Za-z]|c)")


def strip(raw: str, number: int) -> Line:
    """The line without its end, escape sequences and prefix. Never raises."""
    if len(raw) > MAX_LINE:
        raw = raw[:MAX_LINE]
    # NULs: a file system that lost the tail of a log at the crash fills it with them.
    raw = raw.strip("\r\n\0")
    if "\x1b" in raw:
        raw = _ESCAPES.sub("", raw)
    match = _PRINTK.match(raw)
    if match is None:
        return _slow(raw, number)
    time, caller, text = match.groups()
    host = program = ""
    if " kernel: " in text and (match := _MONOTONIC.match(text)):  # journalctl -o short-monotonic
        host, text = match.groups()
        program = "kernel"
    return _finish(number, text, float(time), caller or "", host, program)


def _finish(
    number: int, text: str, time: Optional[float], caller: str, host: str, program: str
) -> Line:
    if "] " in text and (match := _INNER.match(text)):
        first = text[: match.start(1) - 1]
        if " [#" in first or first.startswith(_HEADERS):
            text = first  # of two records in one line the one that begins a report
        else:
            time = float(match[1])
            caller = match[2] or caller
            text = match[3]
    if text[:1] in " ([" and (match := _ANDROID.match(text)):
        text = text[match.end() :]
        caller = caller or "T" + (match[1] or match[2])
    elif text[:1] == "<" and (match := _LEVEL.match(text)):  # crash's log -m
        text = text[match.end() :]
    return Line(number, text, time, caller, host, program)


def _slow(raw: str, number: int) -> Line:
    """Everything but printk's own stamp at the start of the line."""
    match = _KMSG.match(raw)
    if match:
        caller = ""
        for flag in (match[2] or "").split(","):
            if flag.startswith("caller="):
                caller = flag[7:]
        return _finish(number, match[3], int(match[1]) / 1e6, caller, "", "")
    text = raw
    host = program = ""
    stamped = False
    if text.lstrip()[:1] == ">" and (match := _QUOTE.match(text)):
        text = text[match.end() :]
    if match := _FACILITY.match(text):
        text = text[match.end() :]
    for pattern in (_STAMP, _BRACKETED, _UNIX_STAMP):
        if match := pattern.match(text):
            text = text[match.end() :]
            stamped = True
    if stamped and not _NOT_SYSLOG.match(text):
        if match := _SYSLOG.match(text):
            name = match[2]
            if match[1] or name in _KERNEL_PROGRAMS:
                host = match[1] or ""
                program = "kernel" if name in _KERNEL_PROGRAMS else name
                text = match[3]
        elif (match := _RFC5424.match(text)) and match[2] in _KERNEL_PROGRAMS:
            host, program, text = match[1], "kernel", match[3]
    elif match := _WALL.match(text):
        text = text[match.end() :]
        program = "kernel"
    elif match := _LEVEL.match(text):
        text = text[match.end() :]
    # What the carrier wrapped may have printk's own stamp.
    if match := _PRINTK.match(text):
        time, inner_caller, rest = match.groups()
        return _finish(number, rest, float(time), inner_caller or "", host, program)
    caller = ""
    if match := _CALLER.match(text):
        caller = match[1]
        text = text[match.end() :]
    if program not in ("", "kernel"):
        return Line(number, text, None, caller, host, program)
    return _finish(number, text, None, caller, host, program)
