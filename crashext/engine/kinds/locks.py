# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Locking rules, and sleeping where that is forbidden."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    MAIN,
    Anchor,
    Family,
    Header,
    KindInfo,
    Needle,
    Role,
    Section,
    Step,
)
from crashext.engine.kinds.fragments import SITE, TASK, TASK_SLASH

# fmt: off
_LOCKDEP = (
    Section(rf"{TASK_SLASH} is (?P<acting>trying to (?:acquire|release) lock.{{0,80}}|freeing memory .{{1,120}}|exiting the .{{1,80}}|leaving the kernel with locks still held)"),
    Section(r"-> #(?P<link>\d{1,4}) \((?P<link_lock>.{1,80}?)\)\{[^}]{0,16}\}(?:-\{[^}]{0,16}\})?:", "lock chain #{link} ({link_lock})"),
    Section(r"(?:[0-9a-f]{8,16} )?(?P<lock_line>\(.{1,80}\)\{[^}]{0,16}\}(?:-\{[^}]{0,16}\})?, at: .{1,200})"),
    Section(r"stack backtrace:", MAIN),
    Section(r"(?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d{1,8}) (?P<rcu_check>suspicious rcu_\w{1,60}\(\) usage|.{1,120}!$)"),
    Section(r"inconsistent (?P<usage>\{.{1,60}\} -> \{.{1,60}\}) usage\."),
    Section(r"\{(?:[\w-]{1,40})\} state was registered at:", "registered"),
    Section(r"\d{1,3} locks? held by (?:.{1,40}):"),
)
_RULES = (r"(?P<bug>possible (?:circular locking dependency|recursive locking|irq lock inversion dependency) detected"
    r"|inconsistent lock state|[\w-]{1,40}-safe -> [\w-]{1,40}-unsafe lock order detected"
    r"|bad unlock balance detected|bad contention detected|held lock freed|.{1,40} still has locks held"
    r"|lock held (?:when|at) .{1,40}|[Nn]ested lock was not taken|suspicious (?:RCU|rcu_\w{1,60}\(\)) usage"
    r"|[Ii]nvalid wait context|Deadlock .{0,60})")
_ATOMIC_SLEEP_LINES = (
    Section(r"in_atomic\(\): (?P<in_atomic>\d{1,9}), irqs_disabled\(\): (?P<irqs_disabled>\d{1,9}),(?: non_block: \d{1,9},)? pid: (?P<pid>\d{1,10}), name: (?P<comm>.{0,24})$"),
    Section(r"preempt_count: (?P<preempt_count>[0-9a-f]{1,8}), expected: (?:[0-9a-f]{1,8})"),
    Section(r"Preemption disabled at:", "preemption disabled"),
    *_LOCKDEP[-1:],
)
_HEADERS = (
    # --- checks of context and locks
    Header("atomic-sleep", Role.START, "scheduling while atomic", rf"BUG: scheduling while atomic: {TASK}/(?P<preempt_count>0x[0-9a-f]{{1,8}})"),
    Header("atomic-sleep", Role.START, "sleeping function called", rf"BUG: sleeping function called from invalid context at {SITE}"),
    Header("lockdep", Role.START, "WARNING: ", rf"WARNING: {_RULES}"),
    Header("lockdep", Role.START, "[ ", rf"\[ (?:INFO|BUG): {_RULES}[!.]? ?\]"),
    Header("lockdep", Role.START, "non-static key", r"INFO: (?P<bug>trying to register non-static key)"),
)
_NEEDLES = (
    Needle(b"[ INFO: ", b"INFO:"),
    Needle(b"INFO: trying to register", b"INFO:"),
)
# fmt: on

FAMILY = Family(
    name="locks",
    meaning="Locking rules, and sleeping where that is forbidden.",
    kinds=(
        KindInfo(
            "lockdep",
            meaning="lockdep found a rule of locking broken.",
            title="locking rule broken (lockdep)",
            event="lockdep found a locking order that can deadlock, in {where}",
            advice=(
                Step("take the two locks in one order everywhere; the report shows both chains"),
            ),
            sections=_LOCKDEP,
            facts=(
                "lockdep: {bug}",
                "{acting} {wanted_lock}",
                "it holds {held_lock}",
                "the lock's usage: {usage}",
                "RCU's check: {rcu_check}",
            ),
            title_details=("bug",),
            anchors=(
                Anchor.WORD,
                Anchor.STACK,
            ),
            caller_reason="its caller broke the rule",
            unsettled="lockdep shows that two orders or contexts conflict, not which is the wrong one",
            reported=True,
        ),
        KindInfo(
            "atomic-sleep",
            meaning="Something that may sleep was called where that is forbidden.",
            title="sleep in atomic context",
            event="{where} slept, or scheduled, where sleeping is forbidden",
            advice=(
                Step(
                    "move what sleeps out of the spinlock, RCU or preempt-off section, or use GFP_ATOMIC"
                ),
            ),
            sections=_ATOMIC_SLEEP_LINES,
            facts=(
                "preempt_count is {preempt_count}",
                "in_atomic {in_atomic}, irqs_disabled {irqs_disabled}",
            ),
            caller_reason="its caller may not sleep here, but did",
            reported=True,
        ),
    ),
    headers=_HEADERS,
    needles=_NEEDLES,
)
