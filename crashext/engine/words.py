# SPDX-License-Identifier: GPL-2.0-or-later
"""Closed sets of words that reports, explanations and rules share, checked by mypy.

The words for kinds of crashes are in :mod:`crashext.engine.kinds`, for traps and machines in
:mod:`crashext.engine.arch`.
"""

from __future__ import annotations

from typing import Literal

#: What an instruction tried.
AccessType = Literal["read", "write", "execute"]

#: What the crashed code ran as.
TaskContext = Literal["process", "kthread", "softirq", "hardirq", "nmi"]

#: What a finding is about.
Topic = Literal[
    "address", "argument", "cpus", "dump", "irq", "kthread", "locks", "memory", "object",
    "page-tables", "preemption", "report", "stack", "syscall", "timer", "work",
]  # fmt: skip

#: How sure an answer is (docs/confidence.md).
Level = Literal["high", "medium", "low"]

#: What a report or event of the log is to the crash. "repeat": the same report again.
ChainRole = Literal["cause", "crash", "consequence", "repeat", "other boot", "unrelated"]
