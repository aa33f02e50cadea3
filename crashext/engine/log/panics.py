# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact
"""What the text after ``Kernel panic - not syncing:`` means (callers of panic() in the kernel)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern

#: A panic that ends any fatal report (die() panics last), or any report at all (panic_on_warn).
ANY_FATAL = "*fatal*"
ANY = "*any*"


@dataclass(frozen=True)
class Panic:
    """One row: which message, what it is by itself, and which earlier report it may end."""

    regex: Pattern[str]
    #: Kind of a report that has nothing but this message.
    kind: str
    #: Kinds of the earlier report that this message ends (ANY_FATAL and ANY are wild cards).
    ends: tuple[str, ...] = ()


def _row(regex: str, kind: str, *ends: str) -> Panic:
    return Panic(re.compile(regex, re.ASCII), kind, ends)


# fmt: off
PANICS: tuple[Panic, ...] = (
    _row(r"(?:.{1,60}: )?Fatal exception(?: in interrupt)?\b", "panic", ANY_FATAL),
    _row(r"(?:kernel: |KASAN: |UBSAN: |KFENCE: |KCSAN: |KMSAN: |[\w ]{1,40}: )?panic_on_warn set", "warning", ANY),
    _row(r"kasan\.fault=panic set", "kasan", "kasan"),
    _row(r"kmsan\.panic set", "kmsan", "kmsan"),
    _row(r"softlockup: hung tasks", "soft-lockup", "soft-lockup"),
    _row(r"(?:hung_task: )?blocked tasks", "hung-task", "hung-task"),
    _row(r"RCU Stall", "rcu-stall", "rcu-stall"),
    _row(r"(?:Hard LOCKUP|Watchdog detected hard LOCKUP on cpu (?P<cpu>\d{1,6}))", "hard-lockup", "hard-lockup"),
    _row(r"workqueue: ", "workqueue-stall", "workqueue-stall"),
    _row(r"(?:Out of memory|System is deadlocked on memory|out of memory)", "oom-panic", "oom-kill"),
    _row(r"(?:Fatal [Mm]achine check|Fatal local machine check|Machine check|Timeout: Not all CPUs entered broadcast exception handler|Uncorrected hardware memory error|Asynchronous SError Interrupt|Fatal hardware error!)", "machine-check", "machine-check"),
    _row(r"stack-protector: Kernel stack is corrupted in: (?P<at>.{1,200})", "stack-smash"),
    _row(r"corrupted stack end detected inside scheduler", "stack-overflow"),
    _row(r"(?:kernel stack overflow|\S{1,24} stack guard hit)", "stack-overflow", "stack-overflow"),
    # exitcode: the status of the dead init; 9 and 11 in it are the signals of an oops in init itself
    _row(r"Attempted to kill init!(?: exitcode=(?P<exitcode>0x[0-9a-f]{1,8}))?", "init-killed", ANY_FATAL),
    _row(r"(?:Attempted to kill the idle task!|Aiee, killing interrupt handler!)", "panic", ANY_FATAL),
    _row(r"sysrq triggered crash", "sysrq"),
    _row(r"Machine halted\.?", "double-fault", "double-fault", "stack-overflow"),
    _row(r"VFS: Unable to mount root fs(?: on (?P<root>.{1,120}))?", "panic"),
    _row(r"No (?:working )?init found", "panic"),
    _row(r"Requested init (?P<init>\S{1,120}) failed(?: \(error (?P<error>-?\d{1,5})\))?", "panic"),
)
# fmt: on

#: Any other message.
PLAIN = Panic(re.compile(""), "panic")


def classify(message: str) -> tuple[Panic, dict[str, str]]:
    """The row for a panic message and what its groups say; a plain panic for unknown text."""
    for row in PANICS:
        match = row.regex.match(message)
        if match:
            return row, {name: value for name, value in match.groupdict().items() if value}
    return PLAIN, {}
