# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Nothing goes on: lockups, hung tasks, stalls."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    MAIN,
    Anchor,
    Family,
    Header,
    KindInfo,
    Needle,
    Panic,
    Role,
    Section,
    Step,
)
from crashext.engine.kinds.fragments import TASK
from crashext.engine.kinds.lines import NMI
from crashext.engine.kinds.steps import ALL_CPUS, ALL_TASKS

# fmt: off
_HUNG = (
    Section(r"INFO: task .{0,24}:\d{1,10} (?:<\w{1,12}> )?(?:is )?blocked on an? (?P<lock_type>[\w-]{1,24}),? (?:likely (?:owned|last held) by task (?P<owner>.{0,24}):(?P<owner_pid>\d{1,10}))", "owner"),
    Section(r"Showing all locks held in the system:", "locks"),
    *NMI,
)
_RCU = (
    Section(r"(?:rcu: )?RCU grace-period kthread stack dump:", "rcu kthread", foreign=True),
    Section(r"(?:rcu: )?Stack dump where RCU GP kthread last ran:", "where rcu kthread ran", foreign=True),
    Section(r"Task dump for CPU (?P<dump_cpu>\d{1,6}):", "cpu {dump_cpu}", first_is_main=True),
    Section(r"(?:rcu: )?\s*\(detected by (?:\d{1,6}), t=(?P<jiffies>\d{1,12}) jiffies"),
    Section(r"(?:rcu: )?\s*\(t=(?P<jiffies>\d{1,12}) jiffies"),
    Section(r"(?:rcu: )?\s*(?P<stalled_cpu>\d{1,6})-[.!0-9DO]{1,8}: \("),
    Section(r"(?:rcu: )?(?P<gp_kthread>rcu\w{0,20}) kthread starved for (?P<starved>\d{1,12}) jiffies"),
    Section(r"(?:rcu: )?(?P<gp_kthread>rcu\w{0,20}) kthread timer wakeup didn't happen for (?P<unwoken>\d{1,12}) jiffies"),
    Section(r"(?:rcu: )?\s*Tasks blocked on level-\d{1,2} rcu_node \(CPUs [\d-]{1,16}\):(?P<blocked_tasks>.{1,200})"),
    Section(r"(?:rcu: )?\s*(?:All QSes seen|Unless rcu\w|Possible timer handling|blocking rcu_node)"),
    *NMI,
)
_WATCHDOG = r"(?:NMI watchdog: |watchdog: )?(?:CPU\d+: )?"
_WORKQUEUE_STALL_LINES = (
    Section(r"\s*in-flight: (?P<in_flight>.{1,200})"),
    Section(r"\s*(?:pwq \d|pending:|delayed:|workqueue \S+: flags|Showing busy workqueues|pool \d+: )"),
    Section(r"Showing backtraces of running workers in stalled", MAIN),
    *NMI,
)
_HEADERS = (
    # --- lockups and stalls
    Header("soft-lockup", Role.START, "BUG: soft lockup", rf"{_WATCHDOG}BUG: soft lockup - CPU#(?P<cpu>\d{{1,6}}) stuck for (?P<seconds>\d{{1,9}})s!(?: \[{TASK}\])?"),
    Header("hard-lockup", Role.START, "hard LOCKUP", rf"{_WATCHDOG}Watchdog detected hard LOCKUP on cpu (?P<cpu>\d{{1,6}})"),
    # arch/powerpc/kernel/watchdog.c
    Header("hard-lockup", Role.START, "self-detected hard LOCKUP", r"watchdog: CPU (?P<cpu>\d{1,6}) self-detected hard LOCKUP @ (?P<at>\S{1,200})", machine="powerpc"),
    Header("hard-lockup", Role.START, "detected hard LOCKUP on other", r"watchdog: CPU \d{1,6} detected hard LOCKUP on other CPUs (?P<cpus>[\d,-]{1,200})", machine="powerpc"),
    # ... and in its first form (4.13)
    Header("hard-lockup", Role.START, "Hard LOCKUP", r"Watchdog CPU:(?P<cpu>\d{1,6}) Hard LOCKUP", machine="powerpc"),
    Header("hard-lockup", Role.START, "detected Hard LOCKUP other CPUS", r"Watchdog CPU:\d{1,6} detected Hard LOCKUP other CPUS:(?P<cpus>[\d,-]{1,200})", machine="powerpc"),
    # x86 before 2.6.38 (arch/x86/kernel/apic/nmi.c: nmi_watchdog_tick(), dumpstack.c: die_nmi())
    Header("hard-lockup", Role.START, "NMI Watchdog detected LOCKUP", r"(?:BUG: )?NMI Watchdog detected LOCKUP on CPU ?(?P<cpu>\d{1,6})(?:, e?ip (?P<instruction>[0-9a-f]{8,16}))?"),
    Header("hung-task", Role.START, "INFO: task ", rf"INFO: task {TASK} (?:blocked|blocked in I/O wait|can't die) for more than (?P<seconds>\d{{1,9}}) seconds\."),
    Header("rcu-stall", Role.START, "detected", r"(?:rcu: )?INFO: (?P<flavour>rcu\w*) (?P<detected>self-detected stall on CPU|detected (?:expedited )?stalls? on (?:CPUs/tasks|tasks)?)(?::? \{ ?(?P<cpus>[^}]{0,80}?) ?\} *(?:\((?:detected by (?:\d{1,6}), )?t=(?P<jiffies>\d{1,12}) jiffies)?)?"),
    # 2.6.29 to 2.6.32 (kernel/rcutree.c: print_cpu_stall(), print_other_cpu_stall())
    Header("rcu-stall", Role.START, "INFO: RCU detected CPU", r"INFO: RCU (?P<detected>detected CPU) (?P<cpus>\d{1,6}) stall \(t=(?P<jiffies>\d{1,12})(?:/\d{1,12})? jiffies\)"),
    Header("rcu-stall", Role.START, "INFO: RCU detected CPU stalls", r"INFO: RCU (?P<detected>detected CPU stalls):(?P<cpus>[ \d]{0,200})\(detected by \d{1,6}, t=(?P<jiffies>\d{1,12})(?:/\d{1,12})? jiffies\)"),
    Header("workqueue-stall", Role.START, "workqueue lockup", r"(?:workqueue: )?BUG: workqueue lockup - pool (?P<pool>.{1,120}?) stuck for (?P<seconds>\d{1,9})s!"),
)
_PANICS = (
    Panic(r"softlockup: hung tasks", "soft-lockup", ("soft-lockup",)),
    Panic(r"(?:hung_task: )?blocked tasks", "hung-task", ("hung-task",)),
    Panic(r"RCU Stall", "rcu-stall", ("rcu-stall",)),
    Panic(r"(?:Hard LOCKUP|Watchdog detected hard LOCKUP on cpu (?P<cpu>\d{1,6}))", "hard-lockup", ("hard-lockup",)),
    Panic(r"workqueue: ", "workqueue-stall", ("workqueue-stall",)),
)
_NEEDLES = (
    Needle(b"INFO: task ", b"INFO:"),
    Needle(b"INFO: rcu", b"INFO:"),
    Needle(b"INFO: RCU detected CPU", b"INFO:"),
    Needle(b"Hard LOCKUP", b"LOCKUP"),
    Needle(b"Watchdog detected LOCKUP on CPU", b"LOCKUP"),
    Needle(b"hard LOCKUP on cpu ", b"LOCKUP"),
)
# fmt: on

FAMILY = Family(
    name="hangs",
    meaning="Nothing goes on: lockups, hung tasks, stalls.",
    kinds=(
        KindInfo(
            "soft-lockup",
            meaning="A CPU did not reschedule for too long.",
            title="soft lockup",
            event="a CPU ran kernel code in {where} without rescheduling{seconds}",
            advice=(
                Step("find the loop in {culprit} that neither ends nor calls cond_resched()"),
                ALL_CPUS,
            ),
            sections=NMI,
            anchors=(
                Anchor.RIP,
                Anchor.STACK,
            ),
            stuck=True,
            stalled=True,
        ),
        KindInfo(
            "hard-lockup",
            meaning="A CPU did not take interrupts for too long.",
            title="hard lockup",
            event="a CPU ran in {where} with interrupts off{seconds}",
            advice=(
                Step("find what keeps interrupts off: a spinlock with irqsave, or a loop under it"),
                ALL_CPUS,
            ),
            sections=NMI,
            anchors=(
                Anchor.RIP,
                Anchor.STACK,
            ),
            stuck=True,
            stalled=True,
        ),
        KindInfo(
            "hung-task",
            meaning="A task waited without interruption for too long.",
            title="hung task",
            event="a task was blocked{seconds}, in {where}",
            advice=(
                Step(
                    "follow the lock to its owner: who holds it, and what does the owner wait for?"
                ),
                ALL_TASKS,
            ),
            sections=_HUNG,
            facts=("it waits for a {lock_type} that {owner} (pid {owner_pid}) holds",),
            anchors=(Anchor.BLOCKED,),
            unsettled="who holds what it waits for is not in the report",
            others_task=True,
            stuck=True,
        ),
        KindInfo(
            "rcu-stall",
            meaning="A CPU or task held up a grace period of RCU for too long.",
            title="RCU stall",
            event="RCU could not finish a grace period: {where} does not let go of its CPU",
            advice=(
                Step("find the loop or long preempt-off section on the stalled CPU"),
                ALL_CPUS,
            ),
            sections=_RCU,
            facts=(
                "{flavour}: {detected}, CPU {cpus}, {jiffies} jiffies without a quiescent state",
                "the grace-period kthread {gp_kthread} got no CPU for {starved} jiffies",
                "the timer that wakes {gp_kthread} did not fire for {unwoken} jiffies",
                "tasks that block it: {blocked_tasks}",
            ),
            anchors=(
                Anchor.RIP,
                Anchor.STACK,
            ),
            stuck=True,
            stalled=True,
        ),
        KindInfo(
            "workqueue-stall",
            meaning="A pool of workers made no progress for too long.",
            title="workqueue stall",
            event="a workqueue pool made no progress{seconds}",
            advice=(Step("find the work item that blocks its pool"), ALL_TASKS),
            sections=_WORKQUEUE_STALL_LINES,
            facts=("in flight: {in_flight}", "pool {pool}"),
            stuck=True,
            stalled=True,
        ),
    ),
    headers=_HEADERS,
    panics=_PANICS,
    needles=_NEEDLES,
)
