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
    Remark,
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
    # lockdep_print_held_locks(): the task's locks, the oldest first
    Section(r"#0: {1,2}(?:[0-9a-f]{8,16} )?(?P<held_first>\(.{1,80}\)\{[^}]{0,16}\}(?:-\{[^}]{0,16}\})?, at: .{1,200})"),
    # print_ip_sym() after "is trying to release lock (…) at:"
    Section(r"\[<[0-9a-fx]{8,18}>\] (?P<released_at>[A-Za-z_][\w.]{0,119}(?:\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8})?(?: \[[\w-]{1,64}\])?)"),
    Section(r"stack backtrace:", MAIN),
    # kernel/locking/rtmutex-debug.c: debug_rt_mutex_print_deadlock()
    Section(rf"{TASK_SLASH}'s \[blocked\] stackdump:", "blocked"),
    Section(rf"{TASK_SLASH}'s \[current\] stackdump:", MAIN),
    Section(r"(?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d{1,8}) (?P<rcu_check>suspicious rcu_\w{1,60}\(\) usage|.{1,120}!$)"),
    Section(r"inconsistent (?P<usage>\{.{1,60}\} -> \{.{1,60}\}) usage\."),
    Section(r"\{(?:[\w-]{1,40})\} state was registered at:", "registered"),
    Section(r"\d{1,3} locks? held by (?:.{1,40}):"),
)
_RULES = (r"(?P<bug>possible (?:circular locking dependency|recursive locking|irq lock inversion dependency) detected"
    r"|inconsistent lock state|[\w-]{1,40}-safe -> [\w-]{1,40}-unsafe lock order detected"
    r"|circular locking deadlock detected"  # kernel/locking/rtmutex-debug.c
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

# What lockdep found, where that is no order of two locks (kernel/locking/lockdep.c).
_LOCKDEP_HEAD = r"^(?:\[ (?:INFO|BUG): |WARNING: |INFO: )"
_REMARKS = (
    Remark(
        _LOCKDEP_HEAD + r"possible recursive locking detected",
        title="",
        event=(
            "a lock was about to be taken whose class the task holds already: {wanted_lock}, while it "
            "holds {held_lock}; if both are one lock, the task waits for itself",
            "a lock was about to be taken whose class the task holds already",
        ),
        advice="if both are the same lock, take it once (or call the variant that expects it held); "
        "if they are two of one class with a fixed order, say so with mutex_lock_nested() and its kin",
    ),
    Remark(
        _LOCKDEP_HEAD + r"(?:inconsistent lock state|possible irq lock inversion"
        r"|[\w-]{1,40}-safe -> [\w-]{1,40}-unsafe lock order)",
        title="",
        event=(
            "a lock that is taken in a context that interrupts others (interrupt, softirq, NMI, memory "
            "reclaim) is also taken where that context may come in between, and then waits for ever: "
            "{usage}",
            "a lock that is taken in a context that interrupts others (interrupt, softirq, NMI, memory "
            "reclaim) also depends on code where that context may come in between",
        ),
        advice="for interrupts take the lock with spin_lock_irqsave() (_bh for softirqs) wherever "
        "process context takes it; for reclaim allocate under it with GFP_NOFS or memalloc_nofs_save(); "
        "in an NMI only a trylock is allowed",
    ),
    Remark(
        _LOCKDEP_HEAD + r"bad unlock balance",
        title="",
        event=("a lock was released that the task does not hold",),
        advice="follow the paths to this unlock: one of them did not take the lock, or has released "
        "it already (an error path that unlocks twice)",
    ),
    Remark(
        _LOCKDEP_HEAD + r"held lock freed",
        title="",
        event=("memory was freed (or initialised anew) with a lock in it that is still held",),
        advice="release the lock before the object is freed, and hold a reference as long as the "
        "lock is held",
    ),
    Remark(
        _LOCKDEP_HEAD + r"(?:.{1,40} still has locks held|lock held (?:when|at) )",
        title="",
        event=(
            "the task kept a lock that it had to release before: {held_first}",
            "the task kept a lock that it had to release before",
        ),
        advice="look at where the lock in the report was taken: a path from there returns without "
        "the unlock",
    ),
    Remark(
        r"^INFO: trying to register non-static key",
        title="",
        event=("a lock was used that was never initialised, or whose memory was cleared",),
        advice="initialise the lock (spin_lock_init(), mutex_init() …) before its first use; see "
        "whether the object was used before its set-up or after its end",
    ),
    Remark(
        _LOCKDEP_HEAD + r"suspicious (?:RCU|rcu_)",
        title="",
        event=(
            "a pointer or list that RCU protects was read without the protection that its reader "
            "promised: {rcu_check}",
            "RCU was used without the protection that the check expects",
        ),
        advice="hold rcu_read_lock() (or the lock that guards updates) around the access, or name "
        "the lock that is held in rcu_dereference_protected() or the list walk's condition",
    ),
    Remark(
        _LOCKDEP_HEAD + r"[Ii]nvalid wait context",
        title="",
        event=(
            "a lock that may sleep was taken where that is forbidden: {wanted_lock}",
            "a lock that may sleep was taken where that is forbidden",
        ),
        advice="a spinlock_t sleeps on PREEMPT_RT: under a raw_spinlock_t or in hard interrupt "
        "context use a raw_spinlock_t, or move the work out; a mutex may be taken in neither",
    ),
    Remark(
        _LOCKDEP_HEAD + r"circular locking deadlock",
        title="deadlock of rt_mutexes",
        event=(
            "tasks wait for each other's rt_mutexes in a circle, found when the last began to wait",
        ),
        advice="take the locks in one order everywhere; the report shows the stacks of both tasks",
    ),
)

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
            unsettled="lockdep shows which rule is broken, not which of the places it names must change",
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
    remarks=_REMARKS,
)
