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
    Section(r"page:|flags: |raw: |addr:|file:"),
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
    Header("bug", Role.START, "BUG: ", r"BUG: (?P<bug>Dentry \S{1,60} still in use|non-zero \S{1,40} on freeing mm|workqueue leaked (?:lock|atomic)[\w, ]{0,60})"),
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
