# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""The lines that begin or rename a report: one table row each.

Every expression is anchored at the start of the line's text (its prefix is already stripped), so
that words quoted by another program do not count. The exception is die()'s header: its ``[#n]`` is
unmistakable, and a console that lost a line end may show it behind other text.

Named groups fill the report: a group named like an attribute of
:class:`~crashext.engine.report.Report` sets it; any other goes to ``details``.
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
    """One row: which line, and what it says without any further line."""

    kind: str
    role: Role
    literal: str  # must be in the line: the cheap test before the expression
    regex: Pattern[str]
    fatal: bool = False
    trap: Optional[str] = None
    machine: Optional[str] = None
    access: Optional[str] = None
    #: Frames follow the line at once, without "Call Trace:".
    frames: bool = False


# __die_header() prints the low 16 bits: always four digits.
_DIE = r"(?P<error_code>[0-9a-f]{4}) \[#(?P<die_count>\d{1,9})\]"
_ESR = r"(?P<error_code>[0-9a-f]{1,16}) \[#(?P<die_count>\d{1,9})\]"
# arch/x86/mm/extable.c: early_fixup_exception(), before there is a die()
_EARLY = r"(?:rip|IP) [0-9a-f]{1,4}:(?P<rip>[0-9a-f]{8,16}) error (?P<error_code>[0-9a-f]{1,16}) cr2 (?:0x)?(?P<address>[0-9a-f]{1,16})"
_ARM_AT = r"(?:virtual address )?(?P<address>[0-9a-f]{8,16})\b"
_WATCHDOG = r"(?:NMI watchdog: |watchdog: )?(?:CPU\d+: )?"
_SITE = r"(?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d{1,8})"
_TASK = r"(?P<comm>.{0,24})[:/](?P<pid>\d{1,10})"
_POINTER = r"0x(?:[0-9a-f]{1,16}|\(\w{1,20}\))"  # or "(____ptrval____)"
_FIRST_BYTE = (
    rf"(?P<corrupted>{_POINTER}-{_POINTER}) @offset=(?P<corrupted_offset>\d{{1,9}})\. "
    r"First byte (?P<first_byte>0x[0-9a-f]{1,2}) instead of (?P<expected_byte>0x[0-9a-f]{1,2})"
)
_LOCKDEP = (
    r"(?P<bug>possible (?:circular locking dependency|recursive locking|irq lock inversion dependency) detected"
    r"|inconsistent lock state|[\w-]{1,40}-safe -> [\w-]{1,40}-unsafe lock order detected"
    r"|bad unlock balance detected|bad contention detected|held lock freed|.{1,40} still has locks held"
    r"|lock held (?:when|at) .{1,40}|[Nn]ested lock was not taken|suspicious (?:RCU|rcu_\w{1,60}\(\)) usage"
    r"|[Ii]nvalid wait context|Deadlock .{0,60})"
)


def _row(
    kind: str,
    role: Role,
    literal: str,
    regex: str,
    fatal: bool = False,
    trap: Optional[str] = None,
    machine: Optional[str] = None,
    access: Optional[str] = None,
    frames: bool = False,
) -> Header:
    return Header(
        kind, role, literal, re.compile(regex, re.ASCII), fatal, trap, machine, access, frames
    )


# fmt: off
HEADERS: tuple[Header, ...] = (
    # --- x86 page faults, arch/x86/mm/fault.c: show_fault_oops(), from 2.6 to today
    _row("null-deref", Role.ONGOING, "NULL pointer dereference at", r"BUG: unable to handle kernel NULL pointer dereference at (?:virtual address)? *(?P<address>\(null\)|(?:0x)?[0-9a-f]{8,16}\b)", fatal=True, trap="#PF"),
    _row("null-deref", Role.ONGOING, "NULL pointer dereference, addr", r"BUG: kernel NULL pointer dereference, address: (?P<address>[0-9a-f]{8,16})\b", fatal=True, trap="#PF"),
    _row("bad-pointer", Role.ONGOING, "BUG: unable to handle", r"BUG: unable to handle (?:kernel paging request at|page fault for address:) (?P<address>(?:0x)?[0-9a-f]{8,16})\b", fatal=True, trap="#PF"),
    _row("bad-pointer", Role.ONGOING, "BUG: unable to handle", r"BUG: unable to handle kernel(?: paging request| NULL pointer dereference)?", fatal=True, trap="#PF"),
    _row("nx-exec", Role.ONGOING, "kernel tried to execute NX", r"kernel tried to execute NX-protected page - exploit attempt\? \(uid: (?P<uid>\d{1,10})\)", fatal=True, trap="#PF", access="execute"),
    _row("user-memory-access", Role.ONGOING, "unable to execute userspace", r"unable to execute userspace code \(SMEP\?\) \(uid: (?P<uid>\d{1,10})\)", fatal=True, trap="#PF", access="execute"),
    _row("stack-overflow", Role.ONGOING, "stack guard page was hit", r"BUG: (?:(?P<stack_type>\S{1,24}) )?stack guard page was hit at (?P<hit_at>\w{8,20}|\(\w{1,20}\))(?: \(stack is (?P<stack_range>.{1,60})\))?", fatal=True),
    _row("double-fault", Role.ONGOING, "PANIC: double fault", r"(?:traps: )?PANIC: double fault, error_code: 0x(?P<error_code>[0-9a-f]{1,16})", fatal=True, trap="#DF"),
    _row("bad-pointer", Role.ONGOING, "PANIC: early exception 0x0e", rf"PANIC: early exception 0x0e {_EARLY}", fatal=True, trap="#PF"),
    _row("general-protection", Role.ONGOING, "PANIC: early exception 0x0d", rf"PANIC: early exception 0x0d {_EARLY}", fatal=True, trap="#GP"),
    _row("unknown", Role.ONGOING, "PANIC: early exception", rf"PANIC: early exception (?P<vector>0x[0-9a-f]{{1,2}}) {_EARLY}", fatal=True),
    _row("bug", Role.ONGOING, "kernel BUG at", rf"kernel BUG at {_SITE}!", fatal=True),
    # --- x86 die() headers, arch/x86/kernel/dumpstack.c: __die_header()
    _row("unknown", Role.DIE, "Oops: ", rf"(?<!\w)(?<!error: )Oops: {_DIE}", fatal=True, trap="#PF"),
    _row("non-canonical", Role.DIE, "for non-canonical address", rf"general protection fault,? (?P<gp_words>probably for|for) non-canonical address 0x(?P<gp_hint>[0-9a-f]{{1,16}}): {_DIE}", fatal=True, trap="#GP"),
    _row("general-protection", Role.DIE, "general protection fault", rf"(?P<gp_why>segment-related )?general protection fault(?:,? (?P<gp_words>[^:0]{{1,80}}?)? ?0x(?P<gp_hint>[0-9a-f]{{1,16}}))?(?:, [^:]{{0,80}})?: {_DIE}", fatal=True, trap="#GP"),
    _row("divide-error", Role.DIE, "divide", rf"divide[ _]error: {_DIE}", fatal=True, trap="#DE"),
    _row("invalid-opcode", Role.DIE, "invalid opcode", rf"invalid opcode: {_DIE}", fatal=True, trap="#UD"),
    _row("double-fault", Role.DIE, "double fault", rf"double fault: {_DIE}", fatal=True, trap="#DF"),
    _row("stack-overflow", Role.DIE, "kernel stack overflow", rf"kernel stack overflow \((?P<via>double-fault|page fault)\): {_DIE}", fatal=True),
    _row("stack-overflow", Role.DIE, "stack guard page:", rf"stack guard page: {_DIE}", fatal=True),
    _row("split-lock", Role.DIE, "plit lock", rf"[Ss]plit lock detected: {_DIE}", fatal=True, trap="#AC"),
    _row("general-protection", Role.DIE, "control protection fault", rf"control protection fault: {_DIE}", fatal=True, trap="#CP"),
    _row("general-protection", Role.DIE, "stack segment: ", rf"stack segment: {_DIE}", fatal=True, trap="#SS"),
    _row("unknown", Role.DIE, "int3: ", rf"int3: {_DIE}", fatal=True, trap="#BP"),
    _row("unknown", Role.DIE, "alignment check: ", rf"alignment check: {_DIE}", fatal=True, trap="#AC"),
    _row("general-protection", Role.DIE, "invalid TSS: ", rf"invalid TSS: {_DIE}", fatal=True, trap="#TS"),
    _row("general-protection", Role.DIE, "segment not present: ", rf"segment not present: {_DIE}", fatal=True, trap="#NP"),
    _row("unknown", Role.DIE, "fpu exception: ", rf"fpu exception: {_DIE}", fatal=True, trap="#MF"),
    _row("unknown", Role.DIE, "simd exception: ", rf"simd exception: {_DIE}", fatal=True, trap="#XF"),
    _row("unknown", Role.DIE, "VE fault: ", rf"VE fault: {_DIE}", fatal=True, trap="#VE"),
    _row("unknown", Role.DIE, " [#", rf"(?P<die_text>debug|overflow|bounds|coprocessor segment overrun|iret exception|unexpected #NM (?:exception|fault)|Missing ENDBR[^\[]{{0,80}}|unhandled #CP exception|NMI): {_DIE}", fatal=True),
    # --- arm64 and arm: arch/arm64/mm/fault.c, arch/arm64/kernel/traps.c, arch/arm/mm/fault.c
    _row("null-deref", Role.ONGOING, "Unable to handle kernel NULL", rf"(?:CPU )?(?:\d{{1,4}}:? )?Unable to handle kernel NULL pointer dereference at {_ARM_AT}", fatal=True, machine="other"),
    _row("write-to-read-only", Role.ONGOING, "Unable to handle kernel write", rf"Unable to handle kernel write to read-only memory at {_ARM_AT}", fatal=True, machine="other", access="write"),
    _row("nx-exec", Role.ONGOING, "Unable to handle kernel execute", rf"Unable to handle kernel execute from non-executable memory at {_ARM_AT}", fatal=True, machine="other", access="execute"),
    _row("user-memory-access", Role.ONGOING, "Unable to handle kernel access to user", rf"Unable to handle kernel access to user memory .{{0,40}}?at {_ARM_AT}", fatal=True, machine="other"),
    _row("user-memory-access", Role.ONGOING, "Unable to handle kernel execution of user", rf"Unable to handle kernel execution of user memory at {_ARM_AT}", fatal=True, machine="other", access="execute"),
    _row("bad-pointer", Role.ONGOING, "Unable to handle kernel", rf"(?:CPU )?(?:\d{{1,4}}:? )?Unable to handle kernel (?P<fault_words>.{{1,60}}?) (?:at|in) {_ARM_AT}", fatal=True, machine="other"),
    _row("bad-pointer", Role.ONGOING, "Unhandled fault: ", r"Unhandled fault: (?P<fault_words>.{1,60}?) \(0x(?P<error_code>[0-9a-f]{1,8})\) at 0x(?P<address>[0-9a-f]{8,16})\b", fatal=True, machine="arm"),
    _row("stack-overflow", Role.ONGOING, "Insufficient stack space", r"(?P<bug>Insufficient stack space to handle exception)!", fatal=True, machine="arm64"),
    _row("bug", Role.DIE, "Internal error: Oops - BUG", rf"Internal error: Oops - BUG: {_ESR}", fatal=True, machine="other"),
    _row("invalid-opcode", Role.DIE, "Internal error: Oops - ", rf"Internal error: Oops - [Uu]ndefined instruction: {_ESR}", fatal=True, machine="other"),
    _row("ubsan", Role.DIE, "Internal error: UBSAN: ", rf"Internal error: UBSAN: (?P<bug>[^\[:]{{1,80}}?): {_ESR}", fatal=True, machine="other"),
    _row("bug", Role.DIE, "Internal error: Oops - CFI", rf"Internal error: (?P<die_text>Oops - CFI): {_ESR}", fatal=True, machine="other"),
    _row("unknown", Role.DIE, "Internal error: ", rf"Internal error: (?P<die_text>[^\[]{{0,80}}?): {_ESR}", fatal=True, machine="other"),
    # --- others, so that they are never taken for x86
    _row("null-deref", Role.ONGOING, "BUG: Kernel NULL pointer", r"BUG: Kernel NULL pointer dereference (?:on (?P<access_word>read|write) )?at (?P<address>0x[0-9a-f]{1,16})\b", fatal=True, machine="powerpc"),
    _row("bad-pointer", Role.ONGOING, "BUG: Unable to handle kernel", r"BUG: Unable to handle kernel (?P<fault_words>.{1,60}?) at (?P<address>0x[0-9a-f]{1,16})\b", fatal=True, machine="powerpc"),
    _row("unknown", Role.DIE, ", sig: ", r"Oops: (?P<die_text>[^\[]{1,60}), sig: (?P<signal>\d{1,3}) \[#(?P<die_count>\d{1,9})\]", fatal=True, machine="powerpc"),
    _row("unknown", Role.DIE, " ilc:", r"(?P<die_text>[^\[]{1,60}): (?P<s390_code>[0-9a-f]{4}) ilc:\d \[#(?P<die_count>\d{1,9})\]", fatal=True, machine="s390"),
    _row("unknown", Role.DIE, "Oops[#", r"Oops\[#(?P<die_count>\d{1,9})\]:", fatal=True, machine="mips"),
    _row("unknown", Role.DIE, "Oops [#", r"(?<!\w)Oops \[#(?P<die_count>\d{1,9})\]", fatal=True, machine="riscv"),
    # --- WARN(): kernel/panic.c: __warn(); the form with ", CPU#n:" is the newer
    _row("warning", Role.START, "WARNING: CPU: ", rf"WARNING: CPU: (?P<cpu>\d{{1,6}}) PID: (?P<pid>\d{{1,10}}) at {_SITE}(?: (?P<at>.{{1,200}}))?"),
    _row("warning", Role.START, ", CPU#", rf"WARNING: (?:\[(?P<condition>.{{0,200}}?)\] )?{_SITE} at (?P<at>.{{1,200}}?), CPU#(?P<cpu>\d{{1,6}}): (?P<comm>.{{0,24}})/(?P<pid>\d{{1,10}})$"),
    _row("warning", Role.START, "WARNING: at ", rf"WARNING: at {_SITE}(?: (?P<at>\S.{{0,200}}))?$"),
    # --- sanitizers
    _row("kasan", Role.START, "BUG: KASAN: ", r"BUG: KASAN: (?P<bug>user-memory-access) on address (?P<kasan_address>[0-9a-f]{8,16})"),
    _row("kasan", Role.START, "BUG: KASAN: ", r"BUG: KASAN: (?P<bug>[\w-]{1,40}(?: or [\w-]{1,40})?) (?:in|on) (?P<at>.{1,200}?)(?: at addr (?P<kasan_address>[0-9a-f]{8,16}))?$"),
    _row("kfence", Role.START, "BUG: KFENCE: ", r"BUG: KFENCE: (?P<bug>[\w -]{1,40}?) in (?P<at>.{1,200})"),
    _row("kmsan", Role.START, "BUG: KMSAN: ", r"BUG: KMSAN: (?P<bug>[\w -]{1,40}?) in (?P<at>.{1,200})", frames=True),
    _row("kcsan", Role.START, "BUG: KCSAN: ", r"BUG: KCSAN: (?P<bug>[\w-]{1,40}|assert: race) in (?P<functions>.{1,200})"),
    _row("ubsan", Role.START, "UBSAN: ", rf"UBSAN: (?P<bug>[\w -]{{1,60}}?) in {_SITE}(?::(?P<column>\d{{1,6}}))?"),
    # --- lockups and stalls
    _row("soft-lockup", Role.START, "BUG: soft lockup", rf"{_WATCHDOG}BUG: soft lockup - CPU#(?P<cpu>\d{{1,6}}) stuck for (?P<seconds>\d{{1,9}})s!(?: \[{_TASK}\])?"),
    _row("hard-lockup", Role.START, "hard LOCKUP", rf"{_WATCHDOG}Watchdog detected hard LOCKUP on cpu (?P<cpu>\d{{1,6}})"),
    _row("hung-task", Role.START, "INFO: task ", rf"INFO: task {_TASK} (?P<state>blocked|blocked in I/O wait|can't die) for more than (?P<seconds>\d{{1,9}}) seconds\."),
    _row("rcu-stall", Role.START, "detected", r"(?:rcu: )?INFO: (?P<flavour>rcu\w*) (?P<detected>self-detected stall on CPU|detected (?:expedited )?stalls? on (?:CPUs/tasks|tasks)?)(?::? \{ ?(?P<cpus>[^}]{0,80}?) ?\} *(?:\((?:detected by (?P<detected_by>\d{1,6}), )?t=(?P<jiffies>\d{1,12}) jiffies)?)?"),
    _row("workqueue-stall", Role.START, "workqueue lockup", r"(?:workqueue: )?BUG: workqueue lockup - pool (?P<pool>.{1,120}?) stuck for (?P<seconds>\d{1,9})s!"),
    # --- memory
    _row("oom-kill", Role.START, "invoked oom-killer", r"(?P<comm>.{1,24}) invoked oom-killer: gfp_mask=(?P<gfp_mask>[^,\s]{1,100})(?:, (?:nodemask=\S+, )?order=(?P<order>-?\d{1,3}))?"),
    _row("oom-kill", Role.START, "ut of memory", r"(?P<scope>Memory cgroup out of memory|Out of memory(?: \([\w -]{1,60}\))?): Kill(?:ed)? process (?P<victim_pid>\d{1,10}),? (?:UID \d+,? )?\((?P<victim>.{0,24}?)\)"),
    _row("leak", Role.START, "new suspected memory leak", r"kmemleak: (?P<count>\d{1,9}) new suspected memory leaks"),
    _row("leak", Role.START, "unreferenced object 0x", r"(?:kmemleak: )?unreferenced object (?P<object>0x[0-9a-f]{1,16}) \((?:size|percpu) (?P<object_size>\d{1,20})\):"),
    _row("leak", Role.START, "Objects remaining", r"BUG (?P<cache>\S{1,64}) \((?:Not tainted|Tainted[^)]{0,60})\): (?P<bug>Objects remaining .{1,120})"),
    _row("double-free", Role.START, "Object already free", r"BUG (?P<cache>\S{1,64}) \((?:Not tainted|Tainted[^)]{0,60})\): (?P<bug>Object already free)"),
    _row("use-after-free", Role.START, "oison overwritten", r"BUG (?P<cache>\S{1,64}) \((?:Not tainted|Tainted[^)]{0,60})\): (?P<bug>[Pp]oison overwritten)"),
    _row("slab-corruption", Role.START, "BUG ", r"BUG (?P<cache>\S{1,64}) \((?:Not tainted|Tainted[^)]{0,60})\): (?P<bug>(?!kasan: bad access).{1,120})"),
    _row("double-free", Role.START, "slab error in", r"slab error in (?P<function>\w{1,60})\(\): cache `(?P<cache>[^']{1,64})': (?P<bug>double free.{0,80})"),
    _row("slab-corruption", Role.START, "slab error in", r"slab error in (?P<function>\w{1,60})\(\): cache `(?P<cache>[^']{1,64})': (?P<bug>.{1,80})"),
    _row("slab-corruption", Role.START, "lab corruption", r"Slab corruption(?: \([^)]{0,60}\))?: (?P<cache>\S{1,64}) start=(?P<object>[0-9a-fx]{1,18}), len=(?P<object_size>\d{1,9})"),
    # --- checks of context and locks
    _row("atomic-sleep", Role.START, "scheduling while atomic", rf"BUG: scheduling while atomic: {_TASK}/(?P<preempt_count>0x[0-9a-f]{{1,8}})"),
    _row("atomic-sleep", Role.START, "sleeping function called", rf"BUG: sleeping function called from invalid context at {_SITE}"),
    _row("lockdep", Role.START, "WARNING: ", rf"WARNING: {_LOCKDEP}"),
    _row("lockdep", Role.START, "[ ", rf"\[ (?:INFO|BUG): {_LOCKDEP}[!.]? ?\]"),
    _row("lockdep", Role.START, "non-static key", r"INFO: (?P<bug>trying to register non-static key)"),
    # --- hardware
    _row("machine-check", Role.START, "Machine Check Exception", r"(?:mce: )?\[Hardware Error\]: CPU (?P<cpu>\d{1,6}): Machine Check Exception: (?P<mcgstatus>[0-9a-f]{1,16}) Bank (?P<bank>\d{1,4}): (?P<status>[0-9a-f]{1,16})", trap="#MC"),
    # Bit 61 of the bank's status is UC, an error that was not corrected; corrected ones are no report.
    _row("machine-check", Role.START, "Machine Check: ", r"(?:mce: )?\[Hardware Error\]: CPU (?P<cpu>\d{1,6}): Machine Check: (?P<mcgstatus>[0-9a-f]{1,16}) Bank (?P<bank>\d{1,4}): (?P<status>[0-9a-f]?[2367abef][0-9a-f]{14})\b"),
    # ACPI's platform error interface; corrected and recoverable events are no report.
    _row("machine-check", Role.START, "event severity: fatal", r"(?:\{\d{1,9}\})?\[Hardware Error\]: event severity: (?P<severity>fatal)"),
    _row("split-lock", Role.START, "_lock trap at", rf"(?:x86/split lock detection: )?#(?P<exception>AC|DB): {_TASK} took a (?P<bug>split_lock|bus_lock) trap at address: (?P<user_address>0x[0-9a-f]{{1,16}})"),
    # --- checks that print "BUG:" and go on
    _row("bug", Role.START, "BUG: Bad ", r"BUG: (?P<bug>Bad (?:page state|page map|page cache|rss-counter state))(?: in process (?P<comm>.{1,24}?) +(?:pfn:(?P<pfn>[0-9a-f]{1,16})|pte:(?P<pte>[0-9a-f]{1,16})))?"),
    _row("bug", Role.START, "BUG: using ", rf"BUG: (?P<bug>using \w{{1,40}}\(\) in preemptible) \[\w{{1,16}}\] code: {_TASK}"),
    _row("bug", Role.START, "lock", rf"BUG: (?P<bug>(?:spinlock|rwlock|raw_spinlock)[\w -]{{1,40}}) on CPU#(?P<cpu>\d{{1,6}}), {_TASK}"),
    _row("bug", Role.START, "BUG: ", r"BUG: (?P<bug>Dentry \S{1,60} still in use|non-zero \S{1,40} on freeing mm|workqueue leaked (?:lock|atomic)[\w, ]{0,60})"),
)

#: Lines that say more about the report before which, or in which, they stand.
NOTES: tuple[Header, ...] = (
    _row("list-corruption", Role.NOTE, "list_", r"(?P<operation>h?list_\w{1,40} (?:corruption|double add|attempted on force-poisoned entry))[.,:]? ?(?P<message>.{0,300})"),
    _row("refcount", Role.NOTE, "refcount_t: ", r"refcount_t: (?P<message>.{1,200})"),
    _row("usercopy", Role.NOTE, " bytes)", r"usercopy: kernel memory (?P<operation>exposure|overwrite) attempt detected (?P<message>(?:from|to) (?P<object>\S{1,20}) \((?P<cache>[^)]{1,60})\) \((?P<extent>\d{1,20} bytes)\))"),
    _row("usercopy", Role.NOTE, "usercopy: ", r"usercopy: [Kk]ernel memory (?P<operation>exposure|overwrite) attempt detected (?P<message>(?:from|to) (?P<object>.{1,60}?)(?: '(?P<cache>[^']{1,60})')?(?: \((?P<extent>.{1,80})\))?)!?$"),
    _row("fortify", Role.NOTE, "detected buffer overflow in ", r"detected buffer overflow in (?P<function>\w{1,40})"),
    _row("fortify", Role.NOTE, "detected ", r"(?P<function>\w{1,40}): (?P<message>detected (?:buffer overflow|field-spanning write|buffer overread)\b.{0,200})"),
    _row("use-after-free", Role.NOTE, "[Poison overwritten]", rf"\[(?P<problem>Poison overwritten)\] {_FIRST_BYTE}"),
    _row("slab-corruption", Role.NOTE, "First byte 0x", rf"\[(?P<problem>[\w ]{{1,40}})\] {_FIRST_BYTE}"),
    _row("sysrq", Role.NOTE, "rigger a crash", r"(?:sysrq: )?(?:SysRq : )?(?P<message>Trigger a crash)"),
    _row("double-free", Role.NOTE, "double free detected", r"(?:slab: )?(?P<message>double free detected.{0,120})"),
    # CONFIG_UBSAN_TRAP and CONFIG_CFI_CLANG: the text comes before the trap that the check is
    _row("ubsan", Role.NOTE, "UBSAN: ", r"UBSAN: (?P<bug>[\w -]{1,60}?) at (?P<at>.{1,200})"),
    _row("bug", Role.NOTE, "CFI failure at ", r"CFI failure at (?P<at>.{1,200}?) \(target: (?P<cfi_target>.{1,200}?); expected type: (?P<cfi_type>0x[0-9a-f]{1,8})\)"),
    _row("", Role.NOTE, "panicked at ", r"\w{1,60}: panicked at (?P<rust_panic>[^:\s]{1,200}:\d{1,8}:\d{1,6}):"),
    _row("", Role.NOTE, "overran stack", r"(?P<stack_overrun>Thread overran stack, or stack corrupted)"),
    _row("", Role.NOTE, "GPF could be caused", r"kasan: (?P<kasan_hint>GPF could be caused by NULL-ptr deref or user memory access)"),
    _row("", Role.NOTE, "KASAN: ", r"KASAN: (?P<kasan_hint>null-ptr-deref|probably user-memory-access|maybe wild-memory-access) in range \[(?P<kasan_range>0x[0-9a-f]{16}-0x[0-9a-f]{16})\]"),
)
# fmt: on

#: ``Kernel panic - not syncing: `` and its end mark
PANIC = re.compile(
    r"(?P<end>---\[ end )?Kernel panic - not syncing: ?(?P<message>.{0,500}?)(?: \]---)?\s*$"
)


def recognise(text: str) -> Optional[tuple[Header, Match[str]]]:
    """The table row that the line matches, with the match; None for all other lines."""
    for header in HEADERS:
        if header.literal in text:
            if header.role is Role.DIE:
                match = header.regex.search(text)
            else:
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
