# SPDX-License-Identifier: GPL-2.0-or-later
"""Machinery that works through lists of what others queued: timers, work items, callbacks.

When it meets a bad pointer, an entry was freed, overwritten, or left behind by a module that is
gone: who queued it is to blame, and no frame of the stack shows who that was.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional


class Queue(NamedTuple):
    """Functions that follow pointers in one kind of list."""

    #: A regular expression for their names, without compiler suffixes.
    functions: str
    what: str
    remedy: str


QUEUES = (
    # kernel/rcu/tree.c, rcu_segcblist.c, srcutree.c
    Queue(
        r"rcu_(?:cblist|segcblist)_\w+|rcu_do_batch|_{0,2}rcu_process_callbacks|rcu_core(?:_si)?"
        r"|rcu_nocb_\w+|nocb_cb_wait|rcu_cpu_kthread|srcu_invoke_callbacks|invoke_rcu_\w+"
        r"|rcu_tasks_invoke_cbs|rcu_accelerate_cbs",
        "RCU callbacks that call_rcu() queued",
        "an object must live until its callback ran, and a module that uses call_rcu() must call "
        "rcu_barrier() before it is unloaded",
    ),
    # kernel/time/timer.c, hrtimer.c, timer_migration.c
    Queue(
        r"__run_timers|run_timer_\w+|expire_timers|collect_expired_timers|call_timer_fn"
        r"|detach_(?:if_pending|timer|expired_timer)|enqueue_timer|_{0,2}internal_add_timer"
        r"|(?:__|get_)next_timer_interrupt|__timer_delete\w*|timerqueue_\w+|cascade"
        r"|__hrtimer_(?:run_queues|next_event_base)|tmigr_handle_remote\w*",
        "timers that were armed",
        "delete the timer before its memory or its module goes (timer_shutdown_sync(), "
        "del_timer_sync(), hrtimer_cancel())",
    ),
    # kernel/workqueue.c
    Queue(
        r"process_one_work|worker_thread|move_linked_works|pwq_\w+|insert_work|process_scheduled_works",
        "work items that were queued",
        "cancel the work before its memory or its module goes (cancel_work_sync(), "
        "cancel_delayed_work_sync())",
    ),
    # kernel/notifier.c
    Queue(
        r"_{0,2}(?:raw_|atomic_|blocking_|srcu_)?notifier_call_chain\w*|notifier_chain_\w+",
        "notifiers that were registered",
        "unregister the notifier before its memory or its module goes",
    ),
    # kernel/softirq.c, irq_work.c, smp.c
    Queue(
        r"tasklet_action\w*|irq_work_run\w*|irq_work_single|_{0,2}flush_smp_call_function\w*",
        "tasklets and calls to other CPUs that were queued",
        "kill the tasklet (tasklet_kill()) or wait for the call before its memory goes",
    ),
)


def queue_of(function: Optional[str]) -> Optional[Queue]:
    """The queue that a function of the kernel's machinery works through, or None.

    ``function`` is its name without compiler suffixes.
    """
    if function is None:
        return None
    return next((queue for queue in QUEUES if re.fullmatch(queue.functions, function)), None)
