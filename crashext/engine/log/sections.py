# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact
"""The lines inside a report that are particular to its kind: one table row each.

A row may name facts (its groups, as in :mod:`headers`) and may begin a stack: the report's own
(``MAIN``), or one that goes to ``Report.other_stacks`` under the row's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from re import Match, Pattern
from typing import Optional

#: The stack after this line is the report's own.
MAIN = ""


@dataclass(frozen=True)
class Section:
    """One row. ``source`` names the address that a group ``address`` offers."""

    regex: Pattern[str]
    stack: Optional[str] = None
    #: The stack is the report's own as long as that has no frames; later ones go to ``stack``.
    first_is_main: bool = False
    source: str = ""
    #: The CPU and register lines that follow are of another CPU or task than the report's.
    foreign: bool = False


def _row(
    regex: str,
    stack: Optional[str] = None,
    first_is_main: bool = False,
    source: str = "",
    foreign: bool = False,
) -> Section:
    return Section(re.compile(regex, re.ASCII), stack, first_is_main, source, foreign)


_TASK = r"(?P<comm>.{0,24})/(?P<pid>\d{1,10})"

# fmt: off
_NMI = (
    _row(r"NMI backtrace for cpu (?P<nmi_cpu>\d{1,6})(?! skipped)", "cpu {nmi_cpu}", first_is_main=True, foreign=True),
)
_SLUB = (
    _row(r"(?:INFO: )?Allocated in (?P<allocated_in>\S{1,200}(?: \[[^\]]{1,80}\])?) age=", "allocated"),
    _row(r"(?:INFO: )?Freed in (?P<freed_in>\S{1,200}(?: \[[^\]]{1,80}\])?) age=", "freed"),
    _row(r"(?:INFO: |\[.{1,40}\] )?(?P<corrupted>0x(?:[0-9a-f]{1,16}|\(\w{1,20}\))-0x(?:[0-9a-f]{1,16}|\(\w{1,20}\)))(?: @offset=(?P<corrupted_offset>\d{1,9}))?\. First byte (?P<first_byte>0x[0-9a-f]{1,2}) instead of (?P<expected_byte>0x[0-9a-f]{1,2})"),
    _row(r"(?:INFO: )?Object (?P<object>0x(?:[0-9a-f]{1,16}|\(\w{1,20}\))) @offset=(?P<object_offset>\d{1,9})"),
    _row(r"(?:INFO: )?Slab (?P<slab>0x(?:[0-9a-f]{1,16}|\(\w{1,20}\))) objects=(?P<slab_objects>\d{1,9})"),
    _row(r"(?:Redzone|Object|Padding|Bytes b4|\]?[0-9a-f]{8,16}) +(?:[0-9a-f]{8,16}|\(\w{1,20}\)): "),
    _row(r"(?P<fix>FIX \S{1,64}: .{1,120})"),
)
_LOCKDEP = (
    _row(rf"{_TASK} is (?P<acting>trying to (?:acquire|release) lock.{{0,80}}|freeing memory .{{1,120}}|exiting the .{{1,80}}|leaving the kernel with locks still held)"),
    _row(r"-> #(?P<link>\d{1,4}) \((?P<link_lock>.{1,80}?)\)\{[^}]{0,16}\}(?:-\{[^}]{0,16}\})?:", "lock chain #{link} ({link_lock})"),
    _row(r"(?:[0-9a-f]{8,16} )?(?P<lock_line>\(.{1,80}\)\{[^}]{0,16}\}(?:-\{[^}]{0,16}\})?, at: .{1,200})"),
    _row(r"stack backtrace:", MAIN),
    _row(r"(?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d{1,8}) (?P<rcu_check>suspicious rcu_\w{1,60}\(\) usage|.{1,120}!$)"),
    _row(r"inconsistent (?P<usage>\{.{1,60}\} -> \{.{1,60}\}) usage\."),
    _row(r"\{(?P<registered_state>[\w-]{1,40})\} state was registered at:", "registered"),
    _row(r"\d{1,3} locks? held by (?P<holder>.{1,40}):"),
)
_HUNG = (
    _row(r"INFO: task .{0,24}:\d{1,10} (?:<\w{1,12}> )?(?:is )?blocked on an? (?P<lock_type>[\w-]{1,24}),? (?:likely (?:owned|last held) by task (?P<owner>.{0,24}):(?P<owner_pid>\d{1,10}))", "owner"),
    _row(r"Showing all locks held in the system:", "locks"),
    *_NMI,
)
_RCU = (
    _row(r"(?:rcu: )?RCU grace-period kthread stack dump:", "rcu kthread", foreign=True),
    _row(r"(?:rcu: )?Stack dump where RCU GP kthread last ran:", "where rcu kthread ran", foreign=True),
    _row(r"Task dump for CPU (?P<dump_cpu>\d{1,6}):", "cpu {dump_cpu}", first_is_main=True),
    _row(r"(?:rcu: )?\s*\(detected by (?P<detected_by>\d{1,6}), t=(?P<jiffies>\d{1,12}) jiffies"),
    _row(r"(?:rcu: )?\s*\(t=(?P<jiffies>\d{1,12}) jiffies"),
    _row(r"(?:rcu: )?\s*(?P<stalled_cpu>\d{1,6})-[.!0-9DO]{1,8}: \("),
    _row(r"(?:rcu: )?(?P<starved>rcu\w{0,20} kthread (?:starved for|timer wakeup didn't happen for) \d{1,12} jiffies)"),
    _row(r"(?:rcu: )?\s*Tasks blocked on level-\d{1,2} rcu_node \(CPUs [\d-]{1,16}\):(?P<blocked_tasks>.{1,200})"),
    _row(r"(?:rcu: )?\s*(?:All QSes seen|Unless rcu\w|Possible timer handling|blocking rcu_node)"),
    *_NMI,
)

#: kind → rows, tried in order
SECTIONS: dict[str, tuple[Section, ...]] = {
    "kasan": (
        _row(rf"(?P<access_word>Read|Write|Free) (?:of size (?P<access_size>\d{{1,20}}) )?(?:(?:at |of )?addr (?P<address>[0-9a-f]{{8,16}}) )?by task {_TASK}\s*$", source="kasan"),
        _row(r"Allocated(?: by task (?P<allocated_by>\d{1,10}).{0,60})?:$", "allocated"),
        _row(r"Freed(?: by task (?P<freed_by>\d{1,10}).{0,60})?:$", "freed"),
        _row(r"(?:Last potentially related work creation|Last call_rcu\(\)):", "work creation"),
        _row(r"(?:Second to last|First) (?:potentially related work creation|call_rcu\(\)):", "earlier work creation"),
        _row(r"Pointer tag: \[(?P<pointer_tag>[0-9a-f]{2})\], memory tag: \[(?P<memory_tag>[0-9a-f]{2})\]"),
        _row(r"The buggy address belongs to the object at (?P<object>[0-9a-f]{8,16})"),
        _row(r"which belongs to the cache (?P<cache>\S{1,64}) of size (?P<object_size>\d{1,20})"),
        _row(r"The buggy address is located (?P<located>.{1,120})"),
        _row(r"(?P<region>(?:allocated |freed |partially freed |)\d{1,20}-byte region \[[0-9a-f]{8,16}, [0-9a-f]{8,16}\))"),
        _row(r"The buggy address belongs to the variable:", "variable"),
        _row(r"The buggy address belongs to (?P<belongs_to>(?:stack of task|the virtual mapping|the vmalloc|a vmalloc|stack).{0,120})"),
        *_SLUB[:2],
        *_NMI,
    ),
    "kfence": (
        _row(r"(?P<problem>Out-of-bounds (?:read|write)|Use-after-free (?:read|write)|Invalid (?:read|write|free)|Corrupted memory) (?:at|of) (?:0x)?(?P<address>[0-9a-f]{8,16})(?: \[.{0,80}?\])?(?: \((?P<located>.{1,80}?)\))?:", MAIN, source="kfence"),
        _row(r"(?P<kfence_object>kfence-#\d{1,9}):? \[?(?P<region>0x[0-9a-f]{1,16}-0x[0-9a-f]{1,16}), size=(?P<object_size>\d{1,9}), cache=(?P<cache>[^\s\]]{1,64})(?:\] allocated by task (?P<allocated_by>\d{1,10}).{0,80}:)?$", "allocated"),
        _row(r"allocated by task (?P<allocated_by>\d{1,10}).{0,80}:$", "allocated"),
        _row(r"freed by (?:task (?P<freed_by>\d{1,10})).{0,80}:$", "freed"),
    ),
    "kmsan": (
        _row(r"Uninit was stored to memory at:", "stored"),
        _row(r"Uninit was created at:", "created"),
        _row(r"(?:Local variable )(?P<variable>.{1,80}?) created at:", "created"),
        _row(r"Bytes? (?P<bytes>\d{1,9}(?:-\d{1,9})?) of (?P<access_size>\d{1,9}) (?:is|are) uninitialized"),
        _row(r"Memory access of size (?P<access_size>\d{1,9}) starts at (?P<address>[0-9a-f]{8,16})", source="kmsan"),
    ),
    "kcsan": (
        _row(r"(?P<access_text>(?:race at unknown origin, with )?(?P<access_word>read|write|read-write|assert no (?:writes|accesses))(?: \([\w, ]{1,30}\))? to 0x(?P<address>[0-9a-f]{1,16}) of (?P<access_size>\d{1,9}) bytes by (?:task (?P<pid>\d{1,10})|interrupt) on cpu (?P<cpu>\d{1,6})):", "other access", first_is_main=True, source="kcsan"),
        _row(r"value changed: (?P<value_changed>.{1,80})"),
        _row(r"Reported by Kernel Concurrency Sanitizer on:", "reporter"),
    ),
    "lockdep": _LOCKDEP,
    "atomic-sleep": (
        _row(r"in_atomic\(\): (?P<in_atomic>\d{1,9}), irqs_disabled\(\): (?P<irqs_disabled>\d{1,9}),(?: non_block: \d{1,9},)? pid: (?P<pid>\d{1,10}), name: (?P<comm>.{0,24})$"),
        _row(r"preempt_count: (?P<preempt_count>[0-9a-f]{1,8}), expected: (?P<preempt_expected>[0-9a-f]{1,8})"),
        _row(r"Preemption disabled at:", "preemption disabled"),
        *_LOCKDEP[-1:],
    ),
    "hung-task": _HUNG,
    "soft-lockup": _NMI,
    "hard-lockup": _NMI,
    "rcu-stall": _RCU,
    "workqueue-stall": (
        _row(r"\s*in-flight: (?P<in_flight>.{1,200})"),
        _row(r"\s*(?:pwq \d|pending:|delayed:|workqueue \S+: flags|Showing busy workqueues|pool \d+: )"),
        _row(r"Showing backtraces of running workers in stalled", MAIN),
        *_NMI,
    ),
    "oom-kill": (
        _row(r"oom-kill:constraint=(?P<constraint>\w{1,40})"),
        _row(r"(?:Mem-Info:|Node \d|active_anon:|\s*(?:active_file|unevictable|slab_reclaimable|mapped|free|kernel_misc_reclaimable|sec_pagetables|shmem|bounce):\d|lowmem_reserve\[|Tasks state|\[ *pid *\]|\[ *\d{1,10}\] +\d|oom_reaper: |\d{1,12} (?:pages|total pagecache|hwpoisoned)|Swap cache stats|Free swap|Total swap|memory: usage|swap: usage|kmem: usage|Memory cgroup stats|Tasks in |\S{1,24} cpuset=)"),
    ),
    "machine-check": (
        _row(r"(?:mce: )?\[Hardware Error\]: RIP (?:!INEXACT! )?[0-9a-f]{2}:<(?P<rip>[0-9a-f]{8,16})>(?: \{(?P<at>[^}]{1,200})\})?"),
        _row(r"(?:mce: )?\[Hardware Error\]: TSC [0-9a-f]{1,16}(?: ADDR (?P<address>[0-9a-f]{1,16}))?(?: MISC (?P<misc>[0-9a-f]{1,16}))?", source="mce"),
        _row(r"(?:mce: )?\[Hardware Error\]: Machine check: (?P<message>.{1,200})"),
        _row(r"(?:\{\d{1,9}\})?\[Hardware Error\]: +section_type: (?P<section_type>.{1,80})"),
        _row(r"(?:mce: |\{\d{1,9}\})?\[Hardware Error\]: "),
    ),
    "slab-corruption": _SLUB,
    "leak": (
        _row(r"\s*comm \"(?P<comm>.{0,24})\", pid (?P<pid>\d{1,10})"),
        _row(r"\s*backtrace(?: \(crc [0-9a-f]{1,8}\))?:", MAIN),
        _row(r"\s*hex dump \(first"),
        *_SLUB,
    ),
    "bug": (
        _row(r"(?:caller is|caller) (?P<at>.{1,200})"),
        _row(r"\s*lock: (?P<lock>.{1,120}?), \.magic: (?P<lock_magic>[0-9a-f]{1,8}), \.owner: (?P<lock_owner>.{1,40}), \.owner_cpu: (?P<lock_owner_cpu>-?\d{1,6})"),
        _row(r"page dumped because: (?P<reason>.{1,120})"),
        _row(r"page:|flags: |raw: |addr:|file:"),
    ),
}
# fmt: on
SECTIONS["oom-panic"] = SECTIONS["oom-kill"]
SECTIONS["double-free"] = SECTIONS["slab-corruption"]
SECTIONS["use-after-free"] = SECTIONS["slab-corruption"]

#: Lines that any report may hold and that say nothing a field has room for.
PADDING = re.compile(
    r"(?:PGD |\*pdpt? |\*pde |\[[0-9a-f]{8,16}\] |pgd = |user pgtable: |swapper pgtable: |Mem abort info:"
    r"|Data abort info:|  (?:EC|SET|EA|FSC|ISV|CM|GCS) |task: |Process |Stack ?:|Thread |Flags: |Control: "
    r"|Faulting instruction address|DR[0-9]: |Dumping ftrace|\(ftrace buffer empty\)|[-=]{20,}"
    r"|Disabling lock debugging|Kernel Offset: |PHYS_OFFSET: |CPU features: |Memory Limit: |SMP: stopping"
    r"|Shutting down cpus|Rebooting in|Fixing recursive fault|note: |INFO: lockdep is turned off"
    r"|Memory state around|page:|flags: |raw: |page dumped because|irq event stamp|(?:hard|soft)irqs last "
    r"|other info that might|the existing dependency|(?:but|which lock) |\"echo 0 >|Tainted: \[)"
)
#: Rows of a hex dump: old stack dumps, KASAN's shadow, a page's raw words.
HEX_ROW = re.compile(
    r"[ >\t]*(?:[0-9a-f]{4,16}: ?)?(?:(?:[0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{2}|\?{2})[ \[\]<>]+){2,}"
    r"(?:[0-9a-f]{1,16}\]?)?(?:  .{0,40})?\s*$"
)


def find(kind: str, text: str) -> Optional[tuple[Section, Match[str]]]:
    """The row of ``kind`` that the line matches, with the match."""
    for section in SECTIONS.get(kind, ()):
        match = section.regex.match(text)
        if match:
            return section, match
    return None
