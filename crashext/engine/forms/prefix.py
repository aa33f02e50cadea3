# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- an expression broken over lines cannot be searched for
"""Takes the prefix off a log line: printk's own stamp, and whatever stored or carried the line.

Here, too, is undone what a carrier does to the characters of a line: quoting, escape sequences of
terminals and of rsyslog, entities of HTML, escapes of markdown, blanks that are no blanks.

Known prefixes, each found by its shape and never by a version: ``[ t]`` with or without the caller
tag of CONFIG_PRINTK_CALLER (kernel/printk/printk.c: print_caller), ``<n>``, /dev/kmsg and extended
netconsole records (Documentation/ABI/testing/dev-kmsg), ``dmesg`` in its -T, -d, -e, -x, --color
and iso forms, syslog and journald lines in any language, logs of containers (CRI) and of Android
(logcat, ``(cpu)[pid:comm]``), stamps of console loggers, a mail's ``> ``, the prompt of a shell or
debugger. On a serial console the stamp may follow text of another program that did not end its
line ("login: [   12.3] BUG: …"); then the line is what follows.
"""

from __future__ import annotations

import re
from re import Match
from typing import NamedTuple, Optional

from crashext.engine.lazy import Lazy

#: Longer lines are cut, in characters. printk itself cuts at 1 KiB a record (LOG_LINE_MAX); a
#: joined "Modules linked in:" of a large server has about 4 KiB.
MAX_LINE = 16 * 1024

#: The names under which a syslog daemon stores kernel lines.
_KERNEL_PROGRAMS = frozenset(("kernel", "vmunix", "klogd"))


class Line(NamedTuple):
    """One line without its prefix."""

    number: int  # 1-based, in the file as the person has it
    text: str
    time: Optional[float] = None  # seconds since boot, where the line has printk's stamp
    caller: str = ""  # "T123" or "C1"
    host: str = ""  # of a syslog line, so that two machines in one file stay apart
    program: str = ""  # of a syslog line: "" (no such prefix), "kernel", "sshd", …
    last: int = 0  # number of its last line when it was put together from several, else 0
    ordinal: int = 0  # its place among the logical lines when a carrier has other lines, else 0

    @property
    def place(self) -> int:
        """Counts logical lines: what distances between lines are measured in."""
        return self.ordinal or self.number

    @property
    def end(self) -> int:
        """Number of its last line in the person's file."""
        return self.last or self.number


class Stripped(NamedTuple):
    """A line without its prefix, and what the prefix was."""

    line: Line
    #: A stamp or a program's name stood before it: it is not the wrapped rest of another line.
    marked: bool
    depth: int  # of quoting


_STAMP_CALLER = r"\[\s*(\d{1,10}\.\d{1,9})(?:\s*<[^>]{0,20}>)?\](?:\s?\[\s*([TC]\d{1,8})\])?"
_PRINTK = re.compile(rf"\s*(?:<\d{{1,3}}>)?\s?{_STAMP_CALLER}[ ]?(.*)", re.S | re.A)
# printk prints six decimals; fewer digits in the middle of a line are something else.
_INNER = Lazy(r".*\[( {0,4}\d{1,10}\.\d{6})\](?:\[\s*([TC]\d{1,8})\])? (.*)", re.S | re.A)
_HEADERS = ("BUG: ", "kernel BUG at ", "Kernel panic - ", "WARNING: CPU: ")
_CALLER = Lazy(r"\s?\[\s*([TC]\d{1,8})\]\s?")
# Not a byte of "Code:" at which a line was wrapped: "<48> 8b 45 10".
_LEVEL = Lazy(r"\s*<\d{1,3}>(?!>|\s*$|\s[0-9a-f]{2}(?:\s|$))")
_QUOTE = Lazy(r"\s?(?:[A-Z]{2,3}(?=>))?(?:>[ >]?|\|[ |]){1,8}")
_QUOTE_STARTS = frozenset(">|ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# release,level,sequence,microseconds,flags[,caller=T1][,…];text
_KMSG = Lazy(
    r"\s{0,8}(?:[\w.+~-]{1,64},)?\d{1,4},\d{1,20},(\d{1,20}),[-c+*](?:,([^;]{0,80}))?;(.*)",
    re.S | re.A,
)
_FACILITY = Lazy(
    r"(?:kern|user|mail|daemon|auth|syslog|lpr|news)\s*:"
    r"(?:emerg|alert|crit|err|warn|notice|info|debug)\s*: "
)
_TIME = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_ISO = (
    rf"\d{{4}}-\d\d-\d\d[T ]{_TIME}"
    r"(?:Z| ?[A-Z]{3,5}\b| ?[+-]\d\d(?::?\d\d)?(?![\d:]))?"
)
# journald writes the month in the language of the one who asks: any letters, and a number before
# them in the languages of East Asia ("12월", "12月").
_MONTH = r"(?:[^\W\d_]{2,8}\.?|\d{1,2}[^\W\d_])"
_BSD = rf"{_MONTH} [ \d]?\d {_TIME}(?: \d{{4}})?"
_WEEKDAY = r"(?:[^\W\d_]{1,4}\.? )"
_STAMP = Lazy(rf"\s*(?:<\d{{1,3}}>(?:1 )?)?{_WEEKDAY}?(?:{_ISO}|{_BSD})[ \t]+")
# dmesg -T and -e, crash's log -T, and loggers that put a human stamp into brackets
_BRACKETED = Lazy(
    rf"\s*\[(?:{_WEEKDAY}?(?:{_ISO}|{_BSD}|[^\W\d_]{{3,5}} [ \d]\d {_TIME} [A-Z]{{3,5}} \d{{4}})"
    r"|[^\W\d_]{3,5} ?[ \d]\d \d\d:\d\d|\s{0,9}\+\s{0,9}\d{1,12}\.\d{1,9}|<\s{0,9}\d{1,12}\.\d{1,9}>"
    # grabserial: since the start, since the line before
    rf"|{_TIME}|\d{{1,9}}\.\d{{6}} \d{{1,9}}\.\d{{6}})\][ ]?"
)
# journalctl -o short-unix; CloudWatch counts milliseconds
_UNIX_STAMP = Lazy(r"(?:\d{9,10}\.\d{1,9}|1\d{12}) ")
# containerd and CRI-O put stream and "partial or full" behind their stamp; docker the stream only
_CONTAINER = Lazy(r"(?:std(?:out|err) [FP] |std(?:out|err) )")
# logcat -v threadtime -b kernel: "01-02 03:04:05.678     0     0 W KERNEL  : text"
_LOGCAT = Lazy(r"(?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6} +\d+ +\d+ [VDIWEF] \S{0,40} *: ")
# serial loggers: a counter of five digits; z/VM's console has the CPU's number and a colon
_COUNTER = Lazy(r"(?:\d{5} (?=\S)|\d\d: (?=[A-Z]|\s*\[))")
_PROMPT = Lazy(
    r"(?:\[?[\w.+-]{1,32}@[\w.-]{1,64}[: ][^#$%>\]]{0,80}\]?[#$%>] "
    r"|crash> |\(gdb\) |>>> |(?:~|/|sh-\d\.\d+) ?[#$] |[\w.-]{1,32} login: )"
)
_SYSLOG = Lazy(
    r"(?:((?!kern\.)[\w.-]{1,255}) )?(?:\w{3,8}\.\w{3,7} )?"
    r"([\w./@()-]{1,64})(?:\[\d{1,10}\])?: ?(.*)",
    re.S,
)
# After a console logger's stamp "divide error: …" looks like "host program: …".
_NOT_SYSLOG = Lazy(
    r"(?:divide error|invalid opcode|double fault|stack segment|invalid TSS|fpu exception"
    r"|simd exception|alignment check|iret exception|VE fault|Internal error|Call [Tt]race"
    r"|Hardware name|stack backtrace|Unhandled fault)\b"
)
_MONOTONIC = Lazy(r"(?:([\w.-]{1,255}) )?(?:kernel|vmunix|klogd)(?:\[\d{1,10}\])?: (.*)", re.S)
_RFC5424 = Lazy(r"(\S{1,255}) ([\w./-]{1,48}) \S{1,128} \S{1,32} (?:-|\[[^\]]{0,255}\]) (.*)", re.S)
# What syslogd writes to every terminal has no stamp: " kernel:BUG: soft lockup …".
_WALL = Lazy(r" {0,8}kernel: ?")
_ANDROID = re.compile(
    r" ?(?:\(\d{1,2}\)\[(\d{1,7}):[^\]]{1,24}\]|\[\d{1,2}:[^\]]{1,24}?:\s*(\d{1,7})\] )", re.A
)
# CSI sequences (colours of dmesg, cursor moves of a BIOS on a serial line), ESC c (the reset),
# character sets, keypad modes; OSC (window titles); and CSI as "less" and "cat -v" show it
_ESCAPES = Lazy(
    r"(?:\x1b|\^\[|#033)(?:\[[0-9;?=]{0,16}[A-Za-z])"
    r"|\x1b(?:\][^\x07\x1b]{0,255}(?:\x07|\x1b\\)|[()][0-9A-B]|[c=>78MDE])"
)
#: What looks like a blank, and what does not show at all.
_BLANKS = {
    **dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "),
    **dict.fromkeys((0xAD, 0x180E, *range(0x200B, 0x2010), 0x2060, 0xFEFF)),
}
_ENTITY = Lazy(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_MARKDOWN = Lazy(r"\\([_\[\]<>*#+`~|(){}.!=&-])")
_KMSG_ESCAPE = Lazy(r"\\x([0-9a-f]{2})")
# Tags that pages put around parts of a line. None is a mark of the kernel's, nor a byte of "Code:".
_TAGS = Lazy(
    r"</?(?:a|b|i|u|p|br|hr|em|li|ol|td|th|tr|tt|ul|div|kbd|pre|code|font|span|samp|strong|table"
    r"|tbody|blockquote)(?:\s[^<>]{0,400})?/?>",
    re.I,
)


def _entity(match: Match[str]) -> str:
    from html import unescape  # its table of entities costs more than the rest of this module

    return unescape(match[0])


def clean(raw: str) -> str:
    """The line without what a carrier did to its characters."""
    if not raw.isascii():
        raw = raw.translate(_BLANKS)
    if "\x1b" in raw or "^[" in raw or "#033" in raw:
        raw = _ESCAPES.sub("", raw)
    if "#011" in raw:  # rsyslog: EscapeControlCharactersOnReceive
        raw = raw.replace("#011", "\t")
    if "&" in raw and ";" in raw:
        for _ in range(2):  # "&amp;lt;": pasted from a page into a page
            raw = _ENTITY.sub(_entity, raw)
        if not raw.isascii():
            raw = raw.translate(_BLANKS)
    if "\\" in raw:
        raw = _MARKDOWN.sub(r"\1", raw)
    if "</" in raw or "<br" in raw or "<span" in raw or "<pre" in raw or "<code" in raw:
        raw = _TAGS.sub("", raw)
    if "\r" in raw:  # what a terminal would have written over
        raw = raw[raw.rstrip("\r").rfind("\r") + 1 :]
    return raw


def strip(raw: str, number: int) -> Line:
    """The line without its end, escape sequences and prefix. Never raises."""
    return take(raw, number).line


def take(raw: str, number: int) -> Stripped:
    """The same, with what stood before it. Never raises."""
    if len(raw) > MAX_LINE:
        raw = raw[:MAX_LINE]
    # NULs: a file system that lost the tail of a log at the crash fills it with them.
    raw = raw.strip("\r\n\0")
    match = _PRINTK.match(raw)
    if match is None or _UNCLEAN.search(raw) or not raw.isascii():
        raw = clean(raw)
        match = _PRINTK.match(raw)
    if match is None:
        return _slow(raw, number)
    time, caller, text = match.groups()
    host = program = ""
    if "kernel: " in text and (match := _MONOTONIC.match(text)):  # journalctl -o short-monotonic
        host, text = match[1] or "", match[2]
        program = "kernel"
    return Stripped(_finish(number, text, float(time), caller or "", host, program), True, 0)


#: Cheap and in one pass: whether any of what :func:`clean` undoes may be in an ASCII line.
_UNCLEAN = re.compile(r"[\x1b\r\\]|\^\[|#0\d\d|&[a-z#]\w{1,6};|</|<br|<span|<pre|<code")


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


def _slow(raw: str, number: int) -> Stripped:
    """Everything but printk's own stamp at the start of the line."""
    text = raw
    host = program = ""
    marked = False
    depth = 0
    if text.lstrip()[:1] in _QUOTE_STARTS and (match := _QUOTE.match(text)):
        depth = match[0].count(">") + match[0].count("|")
        text = text[match.end() :]
    match = _KMSG.match(text)
    if match:
        caller = ""
        for flag in (match[2] or "").split(","):
            if flag.startswith("caller="):
                caller = flag[7:]
        text = _KMSG_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), match[3])
        return Stripped(_finish(number, text, int(match[1]) / 1e6, caller, "", ""), True, depth)
    if match := _FACILITY.match(text):
        text = text[match.end() :]
        marked = True
    stamped = False
    for pattern in (_LOGCAT, _STAMP, _BRACKETED, _UNIX_STAMP):
        if match := pattern.match(text):
            text = text[match.end() :]
            stamped = marked = True
    if stamped and text[:3] == "std" and (match := _CONTAINER.match(text)):
        text = text[match.end() :]
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
        marked = True
    elif (match := _LEVEL.match(text)) or (match := _COUNTER.match(text) or _PROMPT.match(text)):
        text = text[match.end() :]
        marked = True
    # What the carrier wrapped may have printk's own stamp.
    if match := _PRINTK.match(text):
        time, inner_caller, rest = match.groups()
        line = _finish(number, rest, float(time), inner_caller or "", host, program)
        return Stripped(line, True, depth)
    caller = ""
    if match := _CALLER.match(text):
        caller = match[1]
        text = text[match.end() :]
        marked = True
    if program not in ("", "kernel"):
        return Stripped(Line(number, text, None, caller, host, program), marked, depth)
    line = _finish(number, text, None, caller, host, program)
    return Stripped(line, marked or line.time is not None, depth)
