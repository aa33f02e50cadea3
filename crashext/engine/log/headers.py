# SPDX-License-Identifier: GPL-2.0-or-later
"""The lines that begin or rename a report: one table row each.

Every expression is anchored at the start of the line's text (its prefix is already stripped), so
that words quoted by another program do not count. Named groups fill the report: a group named like
an attribute of :class:`~crashext.engine.report.Report` sets it; any other goes to ``details``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from re import Match, Pattern
from typing import Optional


class Role(Enum):
    """How a line relates to a report that is already open."""

    START = "start"  # begins a report of its own
    ONGOING = "ongoing"  # begins a report; the die() header is still to come
    DIE = "die"  # die()'s header with [#n]: completes an ONGOING report or begins one
    NOTE = "note"  # refines the report that it precedes or stands in


@dataclass(frozen=True)
class Header:
    kind: str
    role: Role
    literal: str  # must be in the line: the cheap test before the expression
    regex: Pattern[str]
    fatal: bool = False
    trap: Optional[str] = None
    machine: Optional[str] = None
    access: Optional[str] = None
    #: details that the line states without a group, as (name, value)
    details: tuple[tuple[str, str], ...] = ()


_DIE = r"(?P<error_code>[0-9a-f]{4,16}) \[#(?P<die_count>\d+)\]"
_X86 = r"(?:traps: )?(?:Oops: )?"
_WATCHDOG = r"(?:NMI watchdog: |watchdog: )?(?:CPU\d+: )?"
_RCU = r"(?:rcu: )?"


def _row(kind: str, role: Role, literal: str, regex: str, **more: object) -> Header:
    return Header(kind, role, literal, re.compile(regex), **more)  # type: ignore[arg-type]


HEADERS: tuple[Header, ...] = (
    # --- page faults, arch/x86/mm/fault.c: show_fault_oops(), from 2.6 to today
    _row("null-deref", Role.ONGOING, "NULL pointer dereference at",
         r"BUG: unable to handle kernel NULL pointer dereference at +(?P<address>\(null\)|(?:0x)?[0-9a-f]{8,16}|nil)",
         fatal=True, trap="#PF"),
    _row("null-deref", Role.ONGOING, "NULL pointer dereference, address",
         r"BUG: kernel NULL pointer dereference, address: (?P<address>[0-9a-f]{8,16})",
         fatal=True, trap="#PF"),
    _row("bad-pointer", Role.ONGOING, "BUG: unable to handle",
         r"BUG: unable to handle (?:kernel paging request at|page fault for address:) (?P<address>(?:0x)?[0-9a-f]{8,16})",
         fatal=True, trap="#PF"),
    _row("nx-exec", Role.ONGOING, "kernel tried to execute NX",
         r"kernel tried to execute NX-protected page - exploit attempt\? \(uid: (?P<uid>\d+)\)",
         fatal=True, trap="#PF", access="execute"),
    _row("user-memory-access", Role.ONGOING, "unable to execute userspace",
         r"unable to execute userspace code \(SMEP\?\) \(uid: (?P<uid>\d+)\)",
         fatal=True, trap="#PF", access="execute"),
    _row("stack-overflow", Role.ONGOING, "stack guard page was hit",
         r"BUG: (?:(?P<stack_type>\S+) )?stack guard page was hit at (?P<hit_at>\w+|\(ptrval\)|\(____ptrval____\))"
         r"(?: \(stack is (?P<stack_range>[^)]{1,60})\))?", fatal=True),
    _row("double-fault", Role.ONGOING, "PANIC: double fault",
         r"(?:traps: )?PANIC: double fault, error_code: 0x(?P<error_code>[0-9a-f]+)",
         fatal=True, trap="#DF"),
    _row("bug", Role.ONGOING, "kernel BUG at",
         r"kernel BUG at (?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d+)!", fatal=True),
    # --- die() headers, arch/x86/kernel/dumpstack.c: __die_header()
    _row("unknown", Role.DIE, "Oops: ", rf"(?:Oops: )?Oops: {_DIE}", fatal=True, trap="#PF"),
    _row("non-canonical", Role.DIE, "general protection fault",
         rf"{_X86}general protection fault, probably for non-canonical address 0x(?P<gp_hint>[0-9a-f]+): {_DIE}",
         fatal=True, trap="#GP"),
    _row("general-protection", Role.DIE, "general protection fault",
         rf"{_X86}(?P<gp_why>segment-related )?general protection fault"
         rf"(?:, (?P<gp_words>[^:]{{0,80}}?) ?0x(?P<gp_hint>[0-9a-f]+))?(?:, [^:]{{0,80}})?: {_DIE}",
         fatal=True, trap="#GP"),
    _row("divide-error", Role.DIE, "divide error", rf"{_X86}divide error: {_DIE}", fatal=True, trap="#DE"),
    _row("invalid-opcode", Role.DIE, "invalid opcode", rf"{_X86}invalid opcode: {_DIE}", fatal=True, trap="#UD"),
    _row("double-fault", Role.DIE, "double fault", rf"{_X86}double fault: {_DIE}", fatal=True, trap="#DF"),
    _row("stack-overflow", Role.DIE, "kernel stack overflow",
         rf"{_X86}kernel stack overflow \((?P<via>double-fault|page fault)\): {_DIE}", fatal=True),
    _row("stack-overflow", Role.DIE, "stack guard page:", rf"{_X86}stack guard page: {_DIE}", fatal=True),
    _row("split-lock", Role.DIE, "Split lock detected", rf"{_X86}Split lock detected: {_DIE}", fatal=True, trap="#AC"),
    _row("unknown", Role.DIE, " [#",
         rf"{_X86}(?P<die_text>int3|debug|overflow|bounds|invalid TSS|segment not present|stack segment"
         r"|alignment check|fpu exception|simd exception|coprocessor segment overrun|VE fault"
         r"|iret exception|control protection fault|unexpected #NM exception|unexpected #NM fault"
         rf"|Missing ENDBR[^\[]{{0,80}}|unhandled #CP exception|NMI)[^\[]{{0,60}}: {_DIE}", fatal=True),
    # --- arm64 and arm: arch/arm64/mm/fault.c, arch/arm/mm/fault.c
    _row("null-deref", Role.ONGOING, "Unable to handle kernel NULL",
         r"(?:\d+: )?Unable to handle kernel NULL pointer dereference at virtual address (?P<address>[0-9a-f]{8,16})",
         fatal=True, machine="arm?"),
    _row("write-to-read-only", Role.ONGOING, "Unable to handle kernel write",
         r"Unable to handle kernel write to read-only memory at virtual address (?P<address>[0-9a-f]{8,16})",
         fatal=True, machine="arm?", access="write"),
    _row("nx-exec", Role.ONGOING, "Unable to handle kernel execute",
         r"Unable to handle kernel execute from non-executable memory at virtual address (?P<address>[0-9a-f]{8,16})",
         fatal=True, machine="arm?", access="execute"),
    _row("user-memory-access", Role.ONGOING, "Unable to handle kernel access to user",
         r"Unable to handle kernel access to user memory .{0,40}at virtual address (?P<address>[0-9a-f]{8,16})",
         fatal=True, machine="arm?"),
    _row("user-memory-access", Role.ONGOING, "Unable to handle kernel execution of user",
         r"Unable to handle kernel execution of user memory at virtual address (?P<address>[0-9a-f]{8,16})",
         fatal=True, machine="arm?", access="execute"),
    _row("bad-pointer", Role.ONGOING, "Unable to handle kernel",
         r"(?:\d+: )?Unable to handle kernel (?P<fault_words>.{1,60}?) at (?:virtual address )?(?P<address>[0-9a-f]{8,16})",
         fatal=True, machine="arm?"),
    _row("bug", Role.DIE, "Internal error: Oops - BUG",
         r"Internal error: Oops - BUG: (?P<esr>[0-9a-f]{1,16}) \[#(?P<die_count>\d+)\]", fatal=True, machine="arm?"),
    _row("invalid-opcode", Role.DIE, "Internal error: Oops - ",
         r"Internal error: Oops - [Uu]ndefined instruction: (?P<esr>[0-9a-f]{1,16}) \[#(?P<die_count>\d+)\]",
         fatal=True, machine="arm?"),
    _row("unknown", Role.DIE, "Internal error: ",
         r"Internal error: (?P<die_text>[^\[]{1,80}?): (?P<esr>[0-9a-f]{1,16}) \[#(?P<die_count>\d+)\]",
         fatal=True, machine="arm?"),
    # --- WARN(): kernel/panic.c: __warn(); the form with ", CPU#n:" is newer
    _row("warning", Role.START, "WARNING: CPU: ",
         r"WARNING: CPU: (?P<cpu>\d+) PID: (?P<pid>\d+) at (?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d+) (?P<at>.{1,200})"),
    _row("warning", Role.START, ", CPU#",
         r"WARNING: (?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d+) at (?P<at>.{1,200}?), CPU#(?P<cpu>\d+): (?P<comm>.{1,24})/(?P<pid>\d+)$"),
    _row("warning", Role.START, "WARNING: at ",
         r"WARNING: at (?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d+) (?P<at>\S.{1,200})"),
    # --- sanitizers
    _row("kasan", Role.START, "BUG: KASAN: ",
         r"BUG: KASAN: (?P<bug>[\w-]+(?: or [\w-]+)?) (?:in|on) (?P<at>.{1,200})"),
    _row("kfence", Role.START, "BUG: KFENCE: ", r"BUG: KFENCE: (?P<bug>[\w -]+?) in (?P<at>.{1,200})"),
    _row("kmsan", Role.START, "BUG: KMSAN: ", r"BUG: KMSAN: (?P<bug>[\w-]+) in (?P<at>.{1,200})"),
    _row("kcsan", Role.START, "BUG: KCSAN: ",
         r"BUG: KCSAN: (?P<bug>[\w-]+|assert: race) in (?P<at>.{1,200})"),
    _row("ubsan", Role.START, "UBSAN: ",
         r"UBSAN: (?P<bug>[\w -]{1,60}) in (?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d+)(?::(?P<column>\d+))?"),
    # --- lockups, stalls
    _row("soft-lockup", Role.START, "BUG: soft lockup",
         rf"{_WATCHDOG}BUG: soft lockup - CPU#(?P<cpu>\d+) stuck for (?P<seconds>\d+)s!(?: \[(?P<comm>.{{0,24}}):(?P<pid>\d+)\])?"),
    _row("hard-lockup", Role.START, "hard LOCKUP",
         rf"{_WATCHDOG}Watchdog detected hard LOCKUP on cpu (?P<cpu>\d+)"),
    _row("hung-task", Role.START, "INFO: task ",
         r"INFO: task (?P<comm>.{0,24}):(?P<pid>\d+) blocked (?:in I/O wait )?for more than (?P<seconds>\d+) seconds\."),
    _row("rcu-stall", Role.START, "detected",
         rf"{_RCU}INFO: (?P<flavour>rcu\w*) (?P<detected>self-detected stall on CPU|detected (?:expedited )?stalls? on (?:CPUs/tasks|tasks)?)"),
    _row("workqueue-stall", Role.START, "workqueue lockup",
         r"(?:workqueue: )?BUG: workqueue lockup - pool (?P<pool>.{1,120}?) stuck for (?P<seconds>\d+)s!"),
    # --- memory
    _row("oom-kill", Role.START, "invoked oom-killer",
         r"(?P<comm>.{1,24}) invoked oom-killer: gfp_mask=(?P<gfp_mask>[^,\s]{1,100})(?:, (?:nodemask=\S+, )?order=(?P<order>-?\d+))?"),
    _row("oom-kill", Role.START, "ut of memory: Kill",
         r"(?P<scope>Memory cgroup out of memory|Out of memory(?: \([\w -]+\))?): Kill(?:ed)? process (?P<victim_pid>\d+),? (?:UID \d+,? )?\((?P<victim>.{0,24}?)\)"),
    _row("leak", Role.START, "new suspected memory leak",
         r"kmemleak: (?P<count>\d+) new suspected memory leaks"),
    _row("leak", Role.START, "unreferenced object 0x",
         r"(?:kmemleak: )?unreferenced object (?P<object>0x[0-9a-f]+) \(size (?P<size>\d+)\):"),
    _row("slab-corruption", Role.START, "BUG ",
         r"BUG (?P<cache>\S{1,64}) \((?P<taint_text>Not tainted|Tainted:? ?[^)]{0,40})\): (?P<bug>.{1,120})"),
    # --- other checks
    _row("atomic-sleep", Role.START, "scheduling while atomic",
         r"BUG: scheduling while atomic: (?P<comm>.{0,24})/(?P<pid>\d+)/(?P<preempt_count>0x[0-9a-f]+)"),
    _row("atomic-sleep", Role.START, "sleeping function called",
         r"BUG: sleeping function called from invalid context at (?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d+)"),
    _row("lockdep", Role.START, "WARNING: ",
         r"WARNING: (?P<bug>possible (?:circular locking dependency|recursive locking|irq lock inversion dependency) detected"
         r"|inconsistent lock state|[\w-]+-safe -> [\w-]+-unsafe lock order detected|bad unlock balance detected!"
         r"|held lock freed!|.{1,24} still has locks held!|lock held when returning to user space!"
         r"|Nested lock was not taken|suspicious RCU usage|Deadlock .{0,60}|bad contention detected!)"),
    _row("lockdep", Role.START, "[ ",
         r"\[ (?:INFO|BUG): (?P<bug>possible (?:circular locking dependency|recursive locking|irq lock inversion dependency) detected"
         r"|inconsistent lock state|[\w-]+-safe -> [\w-]+-unsafe lock order detected|bad unlock balance detected!"
         r"|held lock freed!|.{1,24} still has locks held!|lock held when returning to user space!"
         r"|Nested lock was not taken|suspicious RCU usage\.?|Invalid wait context|bad contention detected!) ?\]"),
    _row("machine-check", Role.START, "Machine Check Exception",
         r"(?:mce: )?\[Hardware Error\]: CPU (?P<cpu>\d+): Machine Check Exception: (?P<mcgstatus>[0-9a-f]+) Bank (?P<bank>\d+): (?P<status>[0-9a-f]+)",
         trap="#MC"),
    _row("split-lock", Role.START, "_lock trap at",
         r"(?:x86/split lock detection: )?#(?P<trap_name>AC|DB): (?P<comm>.{0,24})/(?P<pid>\d+) took a (?P<bug>split_lock|bus_lock) trap at address: (?P<address_text>0x[0-9a-f]+)"),
    _row("bug", Role.START, "BUG: Bad ",
         r"BUG: (?P<bug>Bad (?:page state|page map|page cache|rss-counter state)) ?(?P<where>.{0,120})"),
    _row("bug", Role.START, "BUG: ",
         r"BUG: (?P<bug>using (?:smp_processor_id|__this_cpu_\w+)\(\) in preemptible|spinlock [\w -]+ on CPU#\d+"
         r"|rwlock [\w -]+ on CPU#\d+|Dentry \S+ still in use|non-zero \S+ on freeing mm|workqueue leaked \S+"
         r"|unable to handle .{0,60})"),
)  # fmt: skip

#: Lines that say more about the report before which, or in which, they stand.
NOTES: tuple[Header, ...] = (
    _row("list-corruption", Role.NOTE, "corruption",
         r"(?P<operation>(?:list|hlist|rhashtable)_?\w* corruption)[.,]? ?(?P<message>.{0,300})"),
    _row("refcount", Role.NOTE, "refcount_t: ", r"refcount_t: (?P<message>.{1,200})"),
    _row("usercopy", Role.NOTE, "usercopy: ",
         r"usercopy: (?P<message>(?:Kernel|kernel) memory (?P<operation>exposure|overwrite) attempt detected .{1,200})"),
    _row("fortify", Role.NOTE, "detected buffer overflow",
         r"(?:(?P<function>\w+): )?detected buffer overflow(?: in (?P<in_function>\w+)|: (?P<message>.{1,200}))?"),
    _row("fortify", Role.NOTE, "field-spanning write",
         r"(?P<function>\w+): detected field-spanning write (?P<message>.{1,200})"),
    _row("fortify", Role.NOTE, "detected buffer", r"(?P<function>\w+): (?P<message>detected buffer .{1,200})"),
    _row("sysrq", Role.NOTE, "rigger a crash", r"(?:sysrq: )?(?:SysRq : )?Trigger a (?P<message>crash)"),
    _row("double-free", Role.NOTE, "double free", r"(?:slab: )?(?P<message>double free detected.{0,120})"),
    _row("", Role.NOTE, "overran stack", r"(?P<stack_overrun>Thread overran stack, or stack corrupted)"),
)  # fmt: skip

#: ``Kernel panic - not syncing: `` and its end mark
PANIC = re.compile(r"(?P<end>---\[ end )?Kernel panic - not syncing: ?(?P<message>.*?)(?: \]---)?$")


def recognise(text: str) -> Optional[tuple[Header, Match[str]]]:
    """The table row that the line matches, with the match; None for all other lines."""
    for header in HEADERS:
        if header.literal in text:
            match = header.regex.match(text)
            if match:
                return header, match
    return None


def recognise_note(text: str) -> Optional[tuple[Header, Match[str]]]:
    """The same for the lines that only refine a report."""
    for header in NOTES:
        if header.literal in text:
            match = header.regex.match(text)
            if match:
                return header, match
    return None
