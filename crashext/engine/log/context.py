# SPDX-License-Identifier: GPL-2.0-or-later
"""The lines that say who, where and with what: CPU/PID/Comm, taint, modules."""

from __future__ import annotations

import re
from re import Match
from typing import NamedTuple, Optional

from crashext.engine.lazy import Lazy
from crashext.engine.report import LogModule


class CpuLine(NamedTuple):
    """``CPU: n PID: p Comm: c Tainted: … release version`` (lib/dump_stack.c)."""

    cpu: Optional[int]
    pid: int
    uid: Optional[int]
    comm: str
    taint: Optional[str]
    release: Optional[str]
    version: Optional[str]


_WHO = r"CPU: (?P<cpu>[0-9]{1,6}) (?:UID: (?P<uid>[0-9]{1,10}) )?PID: (?P<pid>[0-9]{1,10}) Comm: "
_CPU = re.compile(
    rf"{_WHO}(?P<comm>.{{0,24}}?) "
    r"(?:Kdump: loaded )?(?P<state>Not tainted|Tainted: (?P<taint>[A-Z][A-Za-z -]{0,60}?)) {1,40}"
    r"(?P<release>[0-9]\S*|\S+(?= #))(?: (?P<version>\S.*))?$"
)
_CPU_CUT = Lazy(rf"{_WHO}(?P<comm>.{{1,32}})")
# The beginning of what follows the name, however little of it there is
_STATE = Lazy(r" (?:Kdump: |Not taint|Tainted: )")
# Before 3.9: "Pid: 1234, comm: insmod Tainted: G  O 2.6.32-504.el6.x86_64 #1 HP …"
_PID = Lazy(
    r"Pid: (?P<pid>[0-9]{1,10}), comm: (?P<comm>.{0,24}?) "
    r"(?P<state>Not tainted|Tainted: (?P<taint>[A-Z][A-Za-z -]{0,60}?)) +(?P<release>[0-9]\S*)"
    r"(?: (?P<version>#\S*))?"
)
# CONFIG_STACKTRACE_BUILD_ID puts vmlinux's build id behind the version.
_BUILD_ID = re.compile(r" [0-9a-f]{40}$")
_LAST_UNLOADED = re.compile(r"\[last unloaded: ([^\s\](]+)(?:\([A-Z+-]*\))?[^\]]*\]?")
_MODULE = re.compile(r"([A-Za-z0-9_-]+)(?:\(([A-Z]*)([+-]?)\))?")


def taint_letters(field: str) -> str:
    """The letters of a taint field. ``G`` (no proprietary module) counts as printed.

    Red Hat's kernels print a dash for each bit that they reserve, and letters of their own among
    the dashes: H, unsupported hardware, and T, technology preview. Letters of the kernel that were
    backported into those bits (L, a soft lockup) stand there as well.
    """
    letters, _, reserved = field.partition("-")
    own = "".join(letter for letter in letters if letter.isupper())
    return own + "".join(letter for letter in reserved if letter.isupper() and letter not in "HT")


def parse_cpu_line(text: str) -> Optional[CpuLine]:
    """The task line of a report, in the forms before and since 3.9, whole or cut."""
    text = text.rstrip()
    match = _CPU.match(text) or _PID.match(text)
    if match is None:
        match = _CPU_CUT.match(text)
        if match is None:
            return None
        uid = match["uid"]
        return CpuLine(
            int(match["cpu"]), int(match["pid"]), int(uid) if uid else None,
            _STATE.split(match["comm"])[0].strip()[:24], None, None, None,
        )  # fmt: skip
    groups = match.groupdict()
    return CpuLine(
        cpu=int(groups["cpu"]) if groups.get("cpu") else None,
        pid=int(groups["pid"]),
        uid=int(groups["uid"]) if groups.get("uid") else None,
        comm=groups["comm"],
        taint=taint_letters(groups["taint"]) if groups["taint"] else "",
        release=groups["release"],
        version=_BUILD_ID.sub("", groups["version"]) if groups["version"] else None,
    )


class Identity(NamedTuple):
    """Which kernel speaks."""

    release: str
    version: Optional[str]
    taint: Optional[str]  # letters, "" when "Not tainted"


_TAINT_LINE = Lazy(
    r"(?:Not tainted|Tainted: (?P<taint>[A-Z][A-Za-z -]{0,60}?)) +(?P<release>\S{1,100})"
    r"(?: (?P<version>#.{0,200}))?$"
)
# lockdep's print_kernel_ident(): "6.1.0 #1 Not tainted"
_IDENT_LINE = Lazy(
    r"(?P<release>[0-9]\S{1,100}) (?P<version>#.{1,200}?) "
    r"(?:Not tainted|Tainted: (?P<taint>[A-Z][A-Za-z -]{0,60}))$"
)


def _identity(match: Optional[Match[str]]) -> Optional[Identity]:
    if match is None:
        return None
    taint = taint_letters(match["taint"]) if match["taint"] else ""
    return Identity(match["release"], match["version"], taint)


def parse_taint_line(text: str) -> Optional[Identity]:
    """``Tainted: … release version`` of a hung task's report (kernel/hung_task.c)."""
    return _identity(_TAINT_LINE.match(text))


def parse_ident_line(text: str) -> Optional[Identity]:
    """``release version Tainted: …`` of lockdep (print_kernel_ident)."""
    return _identity(_IDENT_LINE.match(text))


def parse_modules(text: str) -> tuple[list[LogModule], Optional[str]]:
    """What follows ``Modules linked in:``, joined: the modules and the last unloaded one."""
    last_unloaded = None
    match = _LAST_UNLOADED.search(text)
    if match:
        last_unloaded = match[1]
        text = text[: match.start()]
    modules = []
    for token in text.split():
        match = _MODULE.fullmatch(token)
        if match:
            state = {"+": "loading", "-": "unloading"}.get(match[3] or "", "live")
            modules.append(LogModule(match[1], match[2] or "", state))
    return modules, last_unloaded


_UNLOADED_CUT = Lazy(r"\[last(?: unloaded:?.*)?|unloaded: [^\]]*\]")


def continues_modules(text: str) -> bool:
    """Whether a line can be the wrapped rest of ``Modules linked in:``."""
    words = text.split()
    for index, word in enumerate(words):
        if not _MODULE.fullmatch(word) or word[0] == "-":
            return _UNLOADED_CUT.fullmatch(" ".join(words[index:])) is not None
    return bool(words)
