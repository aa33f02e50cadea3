# SPDX-License-Identifier: GPL-2.0-or-later
"""What carriers do to a log: one function each, from clean lines to what a person pastes."""

from __future__ import annotations

import base64
import html
import json
import quopri
import re
import textwrap
from typing import Callable

Lines = list[str]


def wrapped_at_blanks(lines: Lines, width: int, indent: str = "") -> Lines:
    """A mail client: breaks at the last blank that fits and drops it; long words stay whole."""
    out: Lines = []
    for line in lines:
        out += textwrap.wrap(
            line, width, subsequent_indent=indent, break_long_words=False,
            break_on_hyphens=False, drop_whitespace=True, replace_whitespace=False,
            expand_tabs=False,
        ) or [""]  # fmt: skip
    return out


def wrapped_keeping_blanks(lines: Lines, width: int) -> Lines:
    """format=flowed and some trackers: the blank stays at the end of the line."""
    out: Lines = []
    for line in lines:
        while len(line) > width and " " in line[1:width].strip():
            cut = line.rfind(" ", 1, width) + 1
            if not line[:cut].strip():
                break
            out.append(line[:cut])
            line = line[cut:]
        out.append(line)
    return out


def wrapped_hard(lines: Lines, width: int) -> Lines:
    """A terminal: after a fixed width, wherever that is."""
    return [line[i : i + width] for line in lines for i in range(0, max(len(line), 1), width)]


def quoted(lines: Lines, mark: str = "> ") -> Lines:
    return [(mark + line).rstrip(" ") if line else mark.strip() for line in lines]


def html_escaped(lines: Lines) -> Lines:
    return [html.escape(line, quote=False) for line in lines]


def page(lines: Lines) -> Lines:
    return ["<html><body><p>It crashed:</p><pre>", *html_escaped(lines), "</pre></body></html>"]


def page_with_breaks(lines: Lines) -> Lines:
    return ["<div>It crashed:<br>", *(line + "<br>" for line in html_escaped(lines)), "</div>"]


def no_break_spaces(lines: Lines) -> Lines:
    return [re.sub(r"  +", lambda run: "\xa0" * len(run[0]), line) for line in lines]


def markdown(lines: Lines) -> Lines:
    return [re.sub(r"([_\[\]<>*#])", r"\\\1", line) for line in lines]


def fenced(lines: Lines) -> Lines:
    return ["Here is what I see:", "", "```", *lines, "```"]


def four_spaces(lines: Lines) -> Lines:
    return ["    " + line for line in lines]


def double_spaced(lines: Lines) -> Lines:
    return [part for line in lines for part in (line, "")]


def coloured(lines: Lines) -> Lines:
    return [f"\x1b[32m{line}\x1b[0m" for line in lines]


def journal(lines: Lines) -> Lines:
    """Over printk's stamp, as rsyslog's imklog keeps it."""
    return ["Dec 12 09:50:01 host kernel: " + line for line in lines]


def without_stamps(lines: Lines) -> Lines:
    return [re.sub(r"^(?:<\d+>)?\[ *\d+\.\d+\] ?(?:\[ *[TC]\d+\] ?)?", "", line) for line in lines]


def quoted_printable(lines: Lines) -> Lines:
    return quopri.encodestring("\n".join(lines).encode()).decode().split("\n")


def mail_base64(lines: Lines) -> Lines:
    body = base64.encodebytes("\n".join(lines).encode()).decode().split("\n")
    return [
        "From: a@example.org",
        "Subject: oops",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: base64",
        "",
        *body,
    ]


def json_lines(lines: Lines) -> Lines:
    return [json.dumps({"log": line + "\n", "stream": "stdout"}) for line in lines]


def between_words(lines: Lines) -> Lines:
    return ["Hello,", "my machine died with this:", "", *lines, "", "Any idea?", "Thanks, A."]


#: That only add or change characters, so that any may follow any.
MILD: dict[str, Callable[[Lines], Lines]] = {
    "quoted": quoted,
    "quoted twice": lambda lines: quoted(quoted(lines), ">"),
    "quoted with a bar": lambda lines: quoted(lines, "| "),
    "html escaped": html_escaped,
    "page": page,
    "page with breaks": page_with_breaks,
    "no-break spaces": no_break_spaces,
    "markdown": markdown,
    "fenced": fenced,
    "four spaces": four_spaces,
    "coloured": coloured,
    "syslog": journal,
    "quoted-printable": quoted_printable,
    "base64": mail_base64,
    "json": json_lines,
    "between words": between_words,
    "double spaced": double_spaced,
    "no stamps": without_stamps,
}
#: What may happen before any of those, given a width.
WRAPS: dict[str, Callable[[Lines, int], Lines]] = {
    "at blanks": wrapped_at_blanks,
    "at blanks, indented": lambda lines, width: wrapped_at_blanks(lines, width, "    "),
    "keeping blanks": wrapped_keeping_blanks,
    "hard": wrapped_hard,
}
#: What may happen to the bytes at last.
BYTES: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda text: text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "bom": lambda text: text.encode("utf-8-sig"),
    "cr cr lf": lambda text: text.replace("\n", "\r\r\n").encode(),
}
