# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""panic() itself: its text, the death of init, and a crash that was asked for."""

from __future__ import annotations

import re

from crashext.engine.kinds.family import (
    Anchor,
    Ends,
    Family,
    KindInfo,
    Needle,
    Note,
    Panic,
    Step,
)
from crashext.engine.kinds.steps import ALL_CPUS, LOG_BEFORE

# fmt: off
_NOTES = (
    Note("sysrq", "rigger a crash", r"(?:sysrq: )?(?:SysRq : )?(?P<message>Trigger a crash)"),
)
_PANICS = (
    Panic(r"(?:.{1,60}: )?Fatal exception(?: in interrupt)?\b", "panic", (Ends.FATAL,)),
    # exitcode: the status of the dead init; 9 and 11 in it are the signals of an oops in init itself
    Panic(r"Attempted to kill init!(?: exitcode=(?:0x[0-9a-f]{1,8}))?", "init-killed", (Ends.FATAL,)),
    Panic(r"(?:Attempted to kill the idle task!|Aiee, killing interrupt handler!)", "panic", (Ends.FATAL,)),
    Panic(r"sysrq triggered crash", "sysrq"),
    Panic(r"VFS: Unable to mount root fs(?: on (?P<root>.{1,120}))?", "panic"),
    Panic(r"No (?:working )?init found", "panic"),
    Panic(r"Requested init (?P<init>\S{1,120}) failed(?: \(error (?P<error>-?\d{1,5})\))?", "panic"),
)
_NEEDLES = (
    Needle(b"Kernel panic - not syncing"),
)
# fmt: on

#: ``Kernel panic - not syncing: `` and its end mark
LINE = re.compile(
    r"(?P<end>---\[ end )?Kernel panic - not syncing: ?(?P<message>.{0,500}?)(?: \]---)?$"
)

FAMILY = Family(
    name="panics",
    meaning="panic() itself: its text, the death of init, and a crash that was asked for.",
    kinds=(
        KindInfo(
            "panic",
            meaning="The kernel panicked for the reason in its text.",
            title="kernel panic",
            event="the kernel panicked: {message}",
            advice=(
                Step("read the caller of panic(): the message is its reason", "bt"),
                LOG_BEFORE,
            ),
            facts=("the root device is {root}", "init {init} failed with error {error}"),
            anchors=(
                Anchor.PANIC_CALLER,
                Anchor.STACK,
            ),
        ),
        KindInfo(
            "init-killed",
            meaning="The first process died.",
            title="init was killed",
            event="the first process died, which the kernel cannot survive: {message}",
            advice=(
                Step(
                    "find out why init (pid 1) died: its signal or exit code is in the panic line"
                ),
                LOG_BEFORE,
            ),
            anchors=(
                Anchor.PANIC_CALLER,
                Anchor.STACK,
            ),
        ),
        KindInfo(
            "sysrq",
            meaning="Someone asked for the crash.",
            title="crash asked for by sysrq",
            event="someone asked for this crash (sysrq c, /proc/sysrq-trigger)",
            advice=(
                Step("nothing to mend: someone asked for this crash; look who and why"),
                ALL_CPUS,
            ),
            anchors=(Anchor.ASKED,),
            precise=True,
        ),
    ),
    notes=_NOTES,
    panics=_PANICS,
    needles=_NEEDLES,
)
