# SPDX-License-Identifier: GPL-2.0-or-later
"""What the text after ``Kernel panic - not syncing:`` means (callers of panic() in the kernel)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Pattern


@dataclass(frozen=True)
class Panic:
    regex: Pattern[str]
    #: kind of a report that has nothing but this message
    kind: str
    #: kinds of an earlier report that this message ends; "*": any fatal report, "any": any report
    ends: tuple[str, ...] = ()


def _row(regex: str, kind: str, *ends: str) -> Panic:
    return Panic(re.compile(regex), kind, ends)


PANICS: tuple[Panic, ...] = (
    _row(r"Fatal exception(?: in interrupt)?\b", "panic", "*"),
    _row(r"(?:kernel: |KASAN: |UBSAN: |KFENCE: |KCSAN: |KMSAN: |\w+: )?panic_on_warn set", "warning", "any"),
    _row(r"(?:kasan\.fault|KASAN: )\S* ?panic", "kasan", "kasan"),
    _row(r"softlockup: hung tasks", "soft-lockup", "soft-lockup"),
    _row(r"(?:hung_task: )?blocked tasks", "hung-task", "hung-task"),
    _row(r"RCU Stall", "rcu-stall", "rcu-stall"),
    _row(r"Hard LOCKUP|Watchdog detected hard LOCKUP on cpu (?P<cpu>\d+)", "hard-lockup", "hard-lockup"),
    _row(r"workqueue: ", "workqueue-stall", "workqueue-stall"),
    _row(r"(?:Out of memory|System is deadlocked on memory|out of memory)", "oom-panic", "oom-kill"),
    _row(r"Fatal [Mm]achine check|Fatal local machine check|Fatal machine check on current CPU|Machine check"
         r"|Timeout: Not all CPUs entered broadcast exception handler|Uncorrected hardware memory error",
         "machine-check", "machine-check"),
    _row(r"stack-protector: Kernel stack is corrupted in: (?P<at>.+)", "stack-smash"),
    _row(r"corrupted stack end detected inside scheduler", "stack-overflow"),
    _row(r"kernel stack overflow|\S+ stack guard hit", "stack-overflow", "stack-overflow"),
    _row(r"Attempted to kill init! ?(?:exitcode=(?P<exitcode>0x[0-9a-f]+))?", "init-killed", "*"),
    _row(r"Attempted to kill the idle task!|Aiee, killing interrupt handler!", "panic", "*"),
    _row(r"sysrq triggered crash", "sysrq"),
    _row(r"Machine halted\.?", "double-fault", "double-fault", "stack-overflow"),
    _row(r"VFS: Unable to mount root fs(?: on (?P<root>.+))?", "panic"),
    _row(r"No (?:working )?init found", "panic"),
)  # fmt: skip


def classify(message: str) -> tuple[Panic, dict[str, str]]:
    """The row for a panic message and what its groups say; a plain panic for unknown text."""
    for row in PANICS:
        match = row.regex.match(message)
        if match:
            return row, {k: v for k, v in match.groupdict().items() if v}
    return Panic(re.compile(""), "panic"), {}
