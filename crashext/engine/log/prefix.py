# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes the prefix off a log line: printk's own stamp, and whatever stored or carried the line.

Known prefixes, each found by its shape and never by a version: ``[ t]`` with or without the caller
tag of CONFIG_PRINTK_CALLER (kernel/printk/printk.c: print_caller), ``<n>``, /dev/kmsg and extended
netconsole records (Documentation/ABI/testing/dev-kmsg), ``dmesg`` in its -T, -d, -e, -x, --color and
iso forms, syslog and journald lines, ISO stamps of a console logger, Android's ``(cpu)[pid:comm]``.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

#: Longer lines are cut. printk itself cuts at 1 KiB a record (LOG_LINE_MAX); a joined
#: "Modules linked in:" of a large server has about 4 KiB.
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


_PRINTK = re.compile(
    r"\s*(?:<\d{1,3}>)?\s?\[\s*(\d{1,10}\.\d{1,9})(?:\s*<[^>]{0,20}>)?\]"
    r"(?:\s?\[\s*([TC]\d{1,8})\])?[ ]?(.*)",
    re.S,
)
_CALLER = re.compile(r"\s?\[\s*([TC]\d{1,8})\]\s?")
_LEVEL = re.compile(r"\s*<\d{1,3}>(?!>)")
# release,level,sequence,microseconds,flags[,caller=T1][,…];text
_KMSG = re.compile(r"(?:[\w.+~-]+,)?\d{1,4},\d+,(\d+),[-c+*](?:,([^;]{0,80}))?;(.*)", re.S)
_FACILITY = re.compile(
    r"(?:kern|user|mail|daemon|auth|syslog|lpr|news)\s*:(?:emerg|alert|crit|err|warn|notice|info|debug)"
    r"\s*: "
)
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?: ?[A-Z]{3,4}\b|Z|[+-]\d\d:?\d\d)?"
_BSD = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: \d{4})?"
_WEEKDAY = r"(?:[A-Z][a-z]{2} )"
_STAMP = re.compile(rf"\s*(?:<\d{{1,3}}>(?:1 )?)?{_WEEKDAY}?(?:{_ISO}|{_BSD})[ \t]+")
# dmesg -T, -e and loggers that put a human stamp into brackets.
_BRACKETED = re.compile(
    rf"\s*\[(?:{_WEEKDAY}?(?:{_ISO}|{_BSD}|[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d [A-Z]{{3,5}} \d{{4}})"
    r"|[A-Z][a-z]{2} ?[ \d]\d \d\d:\d\d|\s*\+\s*\d+\.\d+|<\s*\d+\.\d+>)\][ ]?"
)
_UNIX_STAMP = re.compile(r"\d{9,10}\.\d{1,9} ")
_SYSLOG = re.compile(
    r"(?:([\w.-]{1,255}) )?(?:\w{3,8}\.\w{3,7} )?([\w./@-]{1,64})(?:\[\d{1,10}\])?: ?(.*)", re.S
)
# After a bare console stamp "divide error: …" looks like "host program: …".
_NOT_SYSLOG = re.compile(
    r"(?:divide error|invalid opcode|double fault|stack segment|invalid TSS|fpu exception"
    r"|simd exception|alignment check|iret exception|VE fault|Internal error|Call [Tt]race"
    r"|Hardware name|Code|Oops|RIP|general protection)\b"
)
_RFC5424 = re.compile(
    r"(\S{1,255}) ([\w./-]{1,48}) (?:\S{1,128}) (?:\S{1,32}) (?:-|\[[^\]]*\]) (.*)", re.S
)
_ANDROID = re.compile(
    r"[ ]{0,2}(?:\((\d{1,2})\)\[(\d{1,7}):[^\]]{1,24}\]|\[(\d{1,2}):[^\]:]{1,24}:\s*(\d{1,7})\] )"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,12}[mK]")


def strip(raw: str, number: int) -> Line:
    """The line without its end, colour codes and prefix. Never raises."""
    if len(raw) > MAX_LINE:
        raw = raw[:MAX_LINE]
    raw = raw.strip("\r\n\0")
    if "\x1b" in raw:
        raw = _COLOUR.sub("", raw)
    match = _PRINTK.match(raw)
    if match:
        return _finish(number, match.group(3), float(match.group(1)), match.group(2) or "", "", "")
    return _slow(raw, number)


def _finish(
    number: int, text: str, time: Optional[float], caller: str, host: str, program: str
) -> Line:
    if text[:1] in " ([" and (match := _ANDROID.match(text)):
        text = text[match.end() :]
        caller = caller or "T" + (match.group(2) or match.group(4))
    elif text.startswith("<") and (match := _LEVEL.match(text)):  # crash's `log -m`
        text = text[match.end() :]
    return Line(number, text, time, caller, host, program)


def _slow(raw: str, number: int) -> Line:
    text = raw
    host = program = ""
    stamped = False
    match = _KMSG.match(text)
    if match:
        caller = ""
        for flag in (match.group(2) or "").split(","):
            if flag.startswith("caller="):
                caller = flag[7:]
        return Line(number, match.group(3), int(match.group(1)) / 1e6, caller, "", "")
    if match := _FACILITY.match(text):
        text = text[match.end() :]
    for pattern in (_STAMP, _BRACKETED, _UNIX_STAMP):
        if match := pattern.match(text):
            text = text[match.end() :]
            stamped = True
    if stamped and not _NOT_SYSLOG.match(text):
        if match := _SYSLOG.match(text):
            name = match.group(2)
            if match.group(1) or name in _KERNEL_PROGRAMS:
                host = match.group(1) or ""
                program = "kernel" if name in _KERNEL_PROGRAMS else name
                text = match.group(3)
        elif (match := _RFC5424.match(text)) and match.group(2) in _KERNEL_PROGRAMS:
            host, program, text = match.group(1), "kernel", match.group(3)
    elif not stamped:
        if text.startswith("kernel: "):
            text = text[8:]
            program = "kernel"
        elif match := _LEVEL.match(text):
            text = text[match.end() :]
    # What the carrier wrapped may have printk's own stamp.
    if match := _PRINTK.match(text):
        # journalctl -o short-monotonic: "[    5.1] host kernel: text" is met in strip() instead
        return _finish(
            number, match.group(3), float(match.group(1)), match.group(2) or "", host, program
        )
    caller = ""
    if match := _CALLER.match(text):
        caller = match.group(1)
        text = text[match.end() :]
    return _finish(number, text, None, caller, host, program)
