# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""BUG() and WARN(): an assumption of the code does not hold."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    Anchor,
    Ends,
    Family,
    Header,
    KindInfo,
    Needle,
    Note,
    Panic,
    Remark,
    Role,
    Section,
    Step,
)
from crashext.engine.kinds.fragments import ESR, SITE, TASK

# fmt: off
_BUG_LINES = (
    Section(r"(?:caller is|caller) (?P<at>.{1,200})"),
    Section(r"\s*lock: (?P<lock>.{1,120}?), \.magic: (?P<lock_magic>[0-9a-f]{1,8}), \.owner: (?P<lock_owner>.{1,40}), \.owner_cpu: (?P<lock_owner_cpu>-?\d{1,6})"),
    Section(r"page dumped because: (?P<reason>.{1,120})"),
    Section(r"bad because of flags: (?P<bad_flags>.{1,120})"),
    # kernel/workqueue.c: process_one_work(); from 6.10 "preempt=0x… lock=0->1 RCU=0->0 workfn=F"
    Section(r"last function: (?P<named>\S{1,100}(?: \[[\w-]{1,64}\])?)$"),
    Section(r"preempt=(?P<preempt>0x[0-9a-f]{8}) lock=(?P<lock_depth>\d{1,9}->\d{1,9}) RCU=(?P<rcu_depth>\d{1,9}->\d{1,9}) workfn=(?P<named>\S{1,100}(?: \[[\w-]{1,64}\])?)$"),
    Section(r"flags: 0x[0-9a-f]{1,16}\((?P<page_flags>[\w|=]{1,300})"),
    Section(r"page:|page dumped|flags: |raw: |addr:|file:"),
)
_HEADERS = (
    Header("bug", Role.ONGOING, "kernel BUG at", rf"kernel BUG at {SITE}!", fatal=True),
    Header("bug", Role.DIE, "Internal error: Oops - BUG", rf"Internal error: Oops - BUG: {ESR}", fatal=True),
    Header("bug", Role.DIE, "Internal error: Oops - CFI", rf"Internal error: (?P<die_text>Oops - CFI): {ESR}", fatal=True),
    # --- WARN(): kernel/panic.c: __warn(); the form with ", CPU#n:" is the newer
    Header("warning", Role.START, "WARNING: CPU: ", rf"WARNING: CPU: (?P<cpu>\d{{1,6}}) PID: (?P<pid>\d{{1,10}}) at {SITE}(?: (?P<at>.{{1,200}}))?"),
    Header("warning", Role.START, ", CPU#", rf"WARNING: (?:\[(?P<condition>.{{0,200}}?)\] )?{SITE} at (?P<at>.{{1,200}}?), CPU#(?P<cpu>\d{{1,6}}): (?P<comm>.{{0,24}})/(?P<pid>\d{{1,10}})$"),
    Header("warning", Role.START, "WARNING: at ", rf"WARNING: at {SITE}(?: (?P<at>\S.{{0,200}}))?$"),
    # --- checks that print "BUG:" and go on
    Header("bug", Role.START, "BUG: Bad ", r"BUG: (?P<bug>Bad (?:page state|page map|page cache|rss-counter state))(?: in process (?P<comm>.{1,24}?) +(?:pfn:(?P<pfn>[0-9a-f]{1,16})|pte:(?P<pte>[0-9a-f]{1,16})))?"),
    Header("bug", Role.START, "BUG: using ", rf"BUG: (?P<bug>using \w{{1,40}}\(\) in preemptible) \[\w{{1,16}}\] code: {TASK}"),
    Header("bug", Role.START, "lock", rf"BUG: (?P<bug>(?:spinlock|rwlock|raw_spinlock)[\w -]{{1,40}}) on CPU#(?P<cpu>\d{{1,6}}), {TASK}"),
    Header("bug", Role.START, "workqueue leaked ", r"BUG: (?P<bug>workqueue leaked (?:lock|atomic)[\w, ]{0,60}): (?P<comm>\S{1,32})/(?P<preempt>0x[0-9a-f]{8})/(?P<pid>\d{1,10})"),
    Header("bug", Role.START, "workqueue leaked ", r"BUG: (?P<bug>workqueue leaked (?:lock|atomic)[\w, ]{0,60}): (?P<comm>\S{1,32})\[(?P<pid>\d{1,10})\]"),
    Header("bug", Role.START, "BUG: ", r"BUG: (?P<bug>Dentry \S{1,60} still in use|non-zero \S{1,40} on freeing mm|workqueue leaked (?:lock|atomic)[\w, ]{0,60})"),
    # lib/kobject.c: kobject_init(), fs/sysfs/dir.c: sysfs_warn_dup(): a message and a bare stack
    Header("warning", Role.START, "something is seriously wrong", r"kobject \(\S{1,20}\): (?:tried to init an initialized object), something is seriously wrong"),
    Header("warning", Role.START, "sysfs: cannot create duplicate", r"sysfs: cannot create duplicate filename '(?P<duplicate>[^']{1,200})'"),
    # net/core/dev.c: netdev_wait_allrefs(), every ten seconds
    Header("warning", Role.START, "unregister_netdevice: waiting for", r"unregister_netdevice: waiting for (?P<device>\S{1,32}) to become free\. Usage count = (?P<usage>-?\d{1,9})"),
    # arch/x86/kernel/unwind_frame.c: unwind_next_frame(), unwind_dump(); unwind_orc.c has no value
    Header("warning", Role.START, "WARNING: kernel stack ", r"WARNING: kernel stack (?P<unwinder>regs|frame pointer) at +\S{1,20} in (?P<comm>.{1,24}):(?P<pid>\d{1,10}) has bad (?P<unwound>(?:'\w{1,4}' )?value +\S{1,20})"),
    # fs/super.c: generic_shutdown_super(), until it became a check with BUG() or WARN()
    Header("warning", Role.START, "VFS: Busy inodes after unmount", r"VFS: (?:Busy inodes after unmount) of \S{1,64}"),
)
_NOTES = (
    Note("bug", "CFI failure at ", r"CFI failure at (?P<at>.{1,200}?) \(target: (?P<cfi_target>.{1,200}?); expected type: (?P<cfi_type>0x[0-9a-f]{1,8})\)"),
    Note(None, "panicked at ", r"\w{1,60}: panicked at (?P<rust_panic>[^:\s]{1,200}:\d{1,8}:\d{1,6}):"),
)
_PANICS = (
    Panic(r"(?:kernel: |KASAN: |UBSAN: |KFENCE: |KCSAN: |KMSAN: |[\w ]{1,40}: )?panic_on_warn set", "warning", (Ends.ANY,)),
)
_NEEDLES = (
    Needle(b"WARNING: ", b"WARNING:"),
    Needle(b"something is seriously wrong", b"gywg"),
    Needle(b"sysfs: cannot create duplicate"),
    Needle(b"unregister_netdevice: waiting for", b"gv:wg"),
    Needle(b"VFS: Busy inodes after unmount", b"VFS:B"),
)
# fmt: on

_REMARKS = (
    Remark(
        r"BUG: Bad page (?:state|cache)",
        title="bad page state",
        event=(
            "a bad page was found when it was freed or given out: {reason}; its struct page holds what "
            "a free page must not, so someone used or freed it wrongly before",
            "a bad page was found when it was freed or given out: its struct page holds what a free page "
            "must not, so someone used or freed it wrongly before",
        ),
        advice="the stack shows who found it, on freeing; who left it so is earlier: page_owner=on, "
        "CONFIG_DEBUG_PAGEALLOC, and the drivers that hold pages (get_page/put_page, DMA); with one odd "
        "bit in the page dump test the memory",
        doubt="the page was damaged earlier than it was found",
    ),
    Remark(
        r"BUG: Bad page map",
        title="bad page map",
        event=(
            "a bad page table entry was found in {comm}'s memory: {pte}",
            "a bad page table entry was found",
        ),
        advice="a page table was overwritten, or memory is faulty: look for a driver that maps pages "
        "(remap_pfn_range, mmap), and test the memory",
        doubt="the page table was damaged earlier than it was found",
    ),
    Remark(
        r"^kobject \(\S{1,20}\): tried to init an initialized object",
        title="kobject initialised twice",
        event=(
            "a kobject that was initialised already was initialised again: the same object is "
            "registered twice, or its memory was not cleared, or was freed while still registered",
        ),
        advice="find who registers the same object twice; an object that is used again must be "
        "cleared with memset(), or better allocated anew, after its release function ran",
    ),
    Remark(
        r"^sysfs: cannot create duplicate filename",
        title="duplicate sysfs name",
        event=(
            "something was registered in sysfs under a name that is there already: {duplicate}",
        ),
        advice="give each device its own name or number, or unregister the old one first; the caller "
        "got -EEXIST and must handle it",
    ),
    Remark(
        r"^unregister_netdevice: waiting for",
        title="leaked reference to a network device",
        event=(
            "the network device {device} cannot be freed: {usage} references to it are not given "
            "back, and who removes it waits (with it everyone who needs the RTNL lock)",
        ),
        advice="find who holds the device: CONFIG_NET_DEV_REFCNT_TRACKER names the place that took the "
        "reference; often a route, a neighbour, a socket or a tunnel that keeps a dst entry",
        nobody="the line says that references are held, not by whom",
    ),
    Remark(
        r"^BUG: workqueue leaked ",
        title="work function that leaked a lock or atomic context",
        event=(
            "the work function {named} returned with a lock held, preemption off or an RCU read side "
            "open",
            "a work function returned with a lock held, preemption off or an RCU read side open",
        ),
        advice="find the path through the work function on which a lock is taken and not released "
        "(an early return); 'locks held by' in the report names the lock and where it was taken",
        named="{function} is the work function that returned with the lock held or preemption off; "
        "the stack is the worker's that noticed",
    ),
    Remark(
        r"WARNING: kernel stack (?:regs|frame pointer) at ",
        title="stack that could not be unwound",
        event=(
            "the unwinder, which was walking {comm}'s stack, found no frame where one should "
            "be ({unwinder}: bad {unwound}): a warning, nothing crashed",
        ),
        advice="the warning is of the unwinder: code that uses the frame pointer register for other "
        "things (hand-written assembly, such as crypto) or a damaged stack; the symbols in the dump "
        "of the stack below the warning tell which function was running",
        nobody="the unwinder could not walk a stack: the code that was running is not shown to be at "
        "fault",
    ),
    Remark(
        r"VFS: Busy inodes after unmount",
        title="inodes still in use after unmount",
        event=(
            "a file system was unmounted while inodes of it were still in use: someone holds a "
            "reference that was not given back, and will use them after they are freed",
        ),
        advice="find who took an inode (iget(), igrab(), an open file of the kernel's own) and did "
        "not iput() it: the file system, or what stacks on it (overlay, loop, fanotify, quota)",
        nobody="the line says that a reference was leaked, not by whom",
    ),
    Remark(
        r"ODEBUG: (?P<what>init|free|activate|assert_init|destroy) (?P<state>[\w -]{1,40}?) "
        r"\(active state \d{1,9}\) object:? (?:\S{1,20} object )?type: (?P<type>\w{1,40}) hint: (?P<hint>\S{1,120}(?: \[[\w-]{1,64}\])?)",
        title="object debugging (ODEBUG)",
        event=(
            "{what} was done to a {type} whose state was '{state}'; the callback {hint} tells which "
            "object it is",
        ),
        advice="cancel the timer or work whose callback the hint names (timer_delete_sync(), "
        "cancel_work_sync()) before its object is freed or set up again; for 'assert_init' and "
        "'not available' set it up first",
    ),
    Remark(
        r"BUG: Bad rss-counter",
        title="bad rss counter",
        event=(
            "a task ended with pages still counted (or counted twice): its page tables and its "
            "counters disagree",
        ),
        advice="look for earlier reports of bad pages, and for drivers that insert pages into a mapping",
    ),
)

FAMILY = Family(
    name="assertions",
    meaning="BUG() and WARN(): an assumption of the code does not hold.",
    kinds=(
        KindInfo(
            "bug",
            meaning='A BUG() fired, or a check that prints "BUG:".',
            title="kernel BUG",
            event="{where} hit a BUG(): an assumption of the code does not hold",
            advice=(
                Step(
                    "read the condition of the BUG: it names the broken assumption",
                    "dis -s {rip}",
                    "prog.source_location({rip})",
                ),
            ),
            sections=_BUG_LINES,
            facts=(
                "kCFI: the target is {cfi_target}, the call expects type {cfi_type}",
                "{rust_panic}",
                "{bug}",
                "{message}",
                "{die_text}",
                "page frame {pfn}",
                "page table entry {pte}",
                "the page was dumped because: {reason}",
                "flags of the page that are wrong: {bad_flags}",
                "all flags of the page: {page_flags}",
                "preempt count {preempt}",
                "locks {lock_depth}, RCU {rcu_depth}",
                "lock {lock}: magic {lock_magic}, owner {lock_owner} on CPU {lock_owner_cpu}",
            ),
            reported=True,
        ),
        KindInfo(
            "warning",
            meaning="A WARN() fired.",
            title="WARNING",
            event="{where} hit a WARN(): an assumption of the code does not hold",
            advice=(
                Step(
                    "read the condition of the WARN: it names the broken assumption",
                    "dis -s {rip}",
                    "prog.source_location({rip})",
                ),
            ),
            facts=("the condition: {condition}", "{message}"),
            anchors=(
                Anchor.WORD,
                Anchor.STACK,
            ),
            reported=True,
        ),
    ),
    headers=_HEADERS,
    notes=_NOTES,
    remarks=_REMARKS,
    panics=_PANICS,
    needles=_NEEDLES,
)
