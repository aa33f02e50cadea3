# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose CPU does not come back: the frame to act on of a lockup or an RCU stall.

The watchdog samples one moment of a loop: the innermost function is where the CPU happened to be.
What does not end is the operation that the CPU runs: a system call, a work item, a timer, a packet.
So the search goes from the interrupted code outwards to the first machinery that starts operations,
and takes the operation; a module's function inside it is nearer to the fault, and wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from crashext.engine.blame import roles
from crashext.engine.blame.names import normalise
from crashext.engine.blame.seen import Choice, Seen, where
from crashext.engine.lazy import Lazy
from crashext.engine.model import Rip

#: Roles of what the watchdog itself runs, before the interrupted code.
_WATCHER = frozenset({"report", "entry"})

_ENTRY = Lazy(
    r"(?:asm_)?(?:sysvec_|common_interrupt|exc_nmi|call_irq)\w*|do_IRQ|ret_from_intr"
    r"|(?:smp_)?\w*apic_timer_interrupt\w*|el1h?_(?:64_)?(?:irq|sync)\w*|el1_interrupt|__irq_svc"
    r"|call_on_irq_stack|end_repeat_nmi|(?:asm_)?exc_nmi|nmi|decrementer_common\w*|handle_int"
    r"|ret_from_exception|ret_from_irq|handle_exception|do_irq|hardware_interrupt\w*"
    r"|(?:reschedule|call_function\w*|local_apic_timer)_interrupt|restore_regs_\w+|interrupt_entry"
    r"|smp_apic_timer_interrupt\w*|system_reset\w*|soft_nmi\w*|plat_irq_dispatch|__entry_\w+"
)

#: Where an operation of a subsystem begins: what is called from here is the operation.
_DISPATCHERS = frozenset(
    [
        "do_vfs_ioctl",
        "vfs_ioctl",
        "ksys_ioctl",
        "sock_ioctl",
        "sock_do_ioctl",
        "vfs_write",
        "vfs_read",
        "__vfs_write",
        "__vfs_read",
        "new_sync_write",
        "new_sync_read",
        "do_iter_readv_writev",
        "do_iter_write",
        "do_iter_read",
        "vfs_writev",
        "vfs_readv",
        "__fput",
        "____fput",
        "delayed_fput",
        "vfs_fsync",
        "vfs_fsync_range",
        "call_write_iter",
        "call_read_iter",
        "mmap_region",
        "__mmap_region",
        "call_mmap",
        "do_mmap",
        "vfs_open",
        "do_dentry_open",
        "sock_sendmsg",
        "__sock_sendmsg",
        "sock_recvmsg",
        "sock_write_iter",
        "sock_read_iter",
        "__sock_release",
        "sock_close",
        "sock_sendmsg_nosec",
        "netlink_unicast",
        "rtnetlink_rcv_msg",
        "nfnetlink_rcv_msg",
        "genl_rcv_msg",
        "genl_family_rcv_msg",
        "genl_family_rcv_msg_doit",
        "genl_family_rcv_msg_dumpit",
        "netlink_rcv_skb",
        "netif_receive_skb",
        "netif_receive_skb_internal",
        "__netif_receive_skb",
        "__netif_receive_skb_core",
        "__netif_receive_skb_one_core",
        "__netif_receive_skb_list_core",
        "netif_receive_skb_list_internal",
        "process_backlog",
        "net_rx_action",
        "__napi_poll",
        "napi_poll",
    ]
)

_SYSTEM_CALL = Lazy(
    r"(?:__(?:do|se|x64|ia32|arm64|riscv|s390x?|x32)_|__|k)?(?:compat_)?(?:sys|SyS|SYSC)_(?P<name>\w+)"
)


#: System calls that do nothing but call an operation of the file.
_OF_FILES = frozenset(
    ("ioctl", "read", "write", "readv", "writev", "pread64", "pwrite64", "close", "fsync")
)


def choose(trusted: Sequence[Seen], rip: Optional[Rip]) -> Optional[Choice]:
    """The frame of the operation that does not end, or None when the stack does not show it."""
    inside: list[Seen] = []
    for seen in _interrupted(trusted, rip):
        waits = seen.category is not None and seen.category.key == "cross-cpu"
        if waits and not any(each.category is None for each in inside):
            return Choice(
                seen.index,
                f"the CPU waits in {seen.name} for another CPU that does not answer: its callers "
                "are innocent, look at what the others do (which one has interrupts off?)",
            )
        if not _dispatches(seen):
            inside.append(seen)
            continue
        found = _operation(inside, seen)
        if found is not None:
            return found
        if inside and _ENTRY.fullmatch(seen.name):
            return None  # the interrupted code beyond it is not what stalls
        inside = []
    return _operation(inside, None)


#: Functions of the watchdogs, and of what prints stacks for them.
_WATCHDOG = Lazy(
    r"rcu_(?:dump|check|sched_clock|pending)\w*|\w*stall\w*|watchdog\w*|dump_(?:stack|backtrace)\w*"
    r"|show_(?:stack|regs)\w*|nmi_\w+|sched_show_task|hrtimer_interrupt|update_process_times|tick_\w+"
    r"|arch_trigger_\w+|panic"
)


def _interrupted(trusted: Sequence[Seen], rip: Optional[Rip]) -> list[Seen]:
    """The frames of the code that the watchdog interrupted, innermost first."""
    frames = list(trusted)
    name = normalise(rip.symbol) if rip is not None and rip.symbol else None
    head: list[Seen] = []
    if len(frames) > 1 and frames[0].name == name and _WATCHDOG.fullmatch(frames[1].name):
        head = [frames.pop(0)]  # the registers come first, then the watchdog's own frames
    entry = next((at for at, seen in enumerate(frames) if _ENTRY.fullmatch(seen.name)), None)
    if entry is not None and any(_WATCHDOG.fullmatch(seen.name) for seen in frames[:entry]):
        while entry < len(frames) and _is_entry(frames[entry]):
            entry += 1  # the entry code of one interrupt has several frames
        frames = frames[entry:]
    else:
        while frames and frames[0].category is not None and frames[0].category.key in _WATCHER:
            frames.pop(0)
    if head and frames and frames[0].name == name:
        head = []
    return head + frames


def _is_entry(seen: Seen) -> bool:
    return bool(_ENTRY.fullmatch(seen.name)) or (
        seen.category is not None and seen.category.key == "entry"
    )


def _dispatches(seen: Seen) -> bool:
    if seen.frame.module is not None:
        return False
    plumbing = seen.category is not None and seen.category.key == "plumbing"
    return plumbing or seen.name in _DISPATCHERS or bool(_ENTRY.fullmatch(seen.name))


def _operation(inside: Sequence[Seen], dispatcher: Optional[Seen]) -> Optional[Choice]:
    own = [seen for seen in inside if _own(seen)]
    call = _SYSTEM_CALL.fullmatch(dispatcher.name) if dispatcher is not None else None
    of_module = next((seen for seen in own if seen.frame.module is not None), None)
    sampled = next(
        (
            seen
            for seen in inside
            if seen.category is None or seen.category.key not in ("sanitizer", "report", "entry")
        ),
        None,
    )
    if of_module is not None:
        return Choice(of_module.index, _found(of_module, sampled, inside))
    if call is not None and call["name"] in _OF_FILES:
        call = None  # the file's own operation is called from here
    if call is not None and dispatcher is not None and inside:
        where_found = f"; the CPU was found in {sampled.name}" if sampled is not None else ""
        return Choice(
            dispatcher.index,
            f"the system call {call['name']} does not come to its end{where_found}, which is one "
            "moment of a loop",
            doubt="" if len(own) <= 1 else _chance(sampled),
        )
    if own:
        return Choice(
            own[-1].index,
            _found(own[-1], sampled, inside),
            doubt="" if len(own) == 1 else _chance(sampled),
        )
    return None


def _own(seen: Seen) -> bool:
    if seen.category is None:
        return True
    module = seen.frame.module is not None and not seen.frame.inlined
    return module and not roles.is_emitted(seen.name, seen.category)


def _found(seen: Seen, sampled: Optional[Seen], inside: Sequence[Seen]) -> str:
    helpers = inside[: inside.index(seen)] if seen in inside else inside
    spins = next(
        (each for each in reversed(helpers) if each.category and each.category.key == "lock"), None
    )
    if spins is not None and all(each.category is not None for each in helpers):
        return f"{where(seen.frame)} spins in {spins.name}"
    if sampled is None or sampled is seen:
        return f"{where(seen.frame)} is where the CPU was when the watchdog looked"
    return (
        f"{where(seen.frame)} does not come to its end; the CPU was found in {sampled.name}, which "
        "is one moment of a loop"
    )


def _chance(sampled: Optional[Seen]) -> str:
    name = sampled.name if sampled is not None else "a function"
    return (
        f"one sample of a loop: the CPU was in {name}, and any frame up to the operation may hold "
        "it"
    )
