# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Reports of the sanitizers: KASAN, KFENCE, KMSAN, KCSAN, UBSAN."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    MAIN,
    Anchor,
    Family,
    Header,
    KindInfo,
    Needle,
    Note,
    Panic,
    Role,
    Section,
    Step,
)
from crashext.engine.kinds.fragments import ESR, SITE, TASK_SLASH
from crashext.engine.kinds.lines import NMI, SLUB

# fmt: off
_KASAN_LINES = (
    Section(rf"(?P<access_word>Read|Write|Free) (?:of size (?P<access_size>\d{{1,20}}) )?(?:(?:at |of )?addr (?P<address>[0-9a-f]{{8,16}}) )?by task {TASK_SLASH}\s*$", source="kasan"),
    Section(r"Allocated(?: by task (?:\d{1,10}).{0,60})?:$", "allocated"),
    Section(r"Freed(?: by task (?:\d{1,10}).{0,60})?:$", "freed"),
    Section(r"(?:Last potentially related work creation|Last call_rcu\(\)):", "work creation"),
    Section(r"(?:Second to last|First) (?:potentially related work creation|call_rcu\(\)):", "earlier work creation"),
    Section(r"Pointer tag: \[(?P<pointer_tag>[0-9a-f]{2})\], memory tag: \[(?P<memory_tag>[0-9a-f]{2})\]"),
    Section(r"The buggy address belongs to the object at (?P<object>[0-9a-f]{8,16})"),
    Section(r"which belongs to the cache (?P<cache>\S{1,64}) of size (?P<object_size>\d{1,20})"),
    Section(r"The buggy address is located (?P<located>.{1,120})"),
    Section(r"(?P<region>(?:allocated |freed |partially freed |)\d{1,20}-byte region \[[0-9a-f]{8,16}, [0-9a-f]{8,16}\))"),
    Section(r"The buggy address belongs to the variable:", "variable"),
    Section(r"The buggy address belongs to (?P<belongs_to>(?:stack of task|the virtual mapping|the vmalloc|a vmalloc|stack).{0,120})"),
    *SLUB[:2],
    *NMI,
)
_KFENCE_LINES = (
    Section(r"(?P<problem>Out-of-bounds (?:read|write)|Use-after-free (?:read|write)|Invalid (?:read|write|free)|Corrupted memory) (?:at|of) (?:0x)?(?P<address>[0-9a-f]{8,16})(?: \[.{0,80}?\])?(?: \((?P<located>.{1,80}?)\))?:", MAIN, source="kfence"),
    Section(r"(?:kfence-#\d{1,9}):? \[?(?P<region>0x[0-9a-f]{1,16}-0x[0-9a-f]{1,16}), size=(?P<object_size>\d{1,9}), cache=(?P<cache>[^\s\]]{1,64})(?:\] allocated by task (?:\d{1,10}).{0,80}:)?$", "allocated"),
    Section(r"allocated by task (?:\d{1,10}).{0,80}:$", "allocated"),
    Section(r"freed by (?:task (?:\d{1,10})).{0,80}:$", "freed"),
)
_KMSAN_LINES = (
    Section(r"Uninit was stored to memory at:", "stored"),
    Section(r"Uninit was created at:", "created"),
    Section(r"(?:Local variable )(?P<variable>.{1,80}?) created at:", "created"),
    Section(r"Bytes? (?P<bytes>\d{1,9}(?:-\d{1,9})?) of (?P<access_size>\d{1,9}) (?:is|are) uninitialized"),
    Section(r"Memory access of size (?P<access_size>\d{1,9}) starts at (?P<address>[0-9a-f]{8,16})", source="kmsan"),
)
_KCSAN_LINES = (
    Section(r"(?P<access_text>(?:race at unknown origin, with )?(?P<access_word>read|write|read-write|assert no (?:writes|accesses))(?: \([\w, ]{1,30}\))? to 0x(?P<address>[0-9a-f]{1,16}) of (?P<access_size>\d{1,9}) bytes by (?:task (?P<pid>\d{1,10})|interrupt) on cpu (?P<cpu>\d{1,6})):", "other access", first_is_main=True, source="kcsan"),
    Section(r"value changed: (?P<value_changed>.{1,80})"),
    Section(r"Reported by Kernel Concurrency Sanitizer on:", "reporter"),
)
_HEADERS = (
    Header("ubsan", Role.DIE, "Internal error: UBSAN: ", rf"Internal error: UBSAN: (?P<bug>[^\[:]{{1,80}}?): {ESR}", fatal=True),
    # --- sanitizers
    Header("kasan", Role.START, "BUG: KASAN: ", r"BUG: KASAN: (?P<bug>user-memory-access) on address (?P<kasan_address>[0-9a-f]{8,16})"),
    Header("kasan", Role.START, "BUG: KASAN: ", r"BUG: KASAN: (?P<bug>[\w-]{1,40}(?: or [\w-]{1,40})?) (?:in|on) (?P<at>.{1,200}?)(?: at addr (?P<kasan_address>[0-9a-f]{8,16}))?$"),
    Header("kfence", Role.START, "BUG: KFENCE: ", r"BUG: KFENCE: (?P<bug>[\w -]{1,40}?) in (?P<at>.{1,200})"),
    Header("kmsan", Role.START, "BUG: KMSAN: ", r"BUG: KMSAN: (?P<bug>[\w -]{1,40}?) in (?P<at>.{1,200})", frames=True),
    Header("kcsan", Role.START, "BUG: KCSAN: ", r"BUG: KCSAN: (?P<bug>[\w-]{1,40}|assert: race) in (?P<functions>.{1,200})"),
    Header("ubsan", Role.START, "UBSAN: ", rf"UBSAN: (?P<bug>[\w -]{{1,60}}?) in {SITE}(?::(?:\d{{1,6}}))?"),
)
_NOTES = (
    # CONFIG_UBSAN_TRAP and CONFIG_CFI_CLANG: the text comes before the trap that the check is
    Note("ubsan", "UBSAN: ", r"UBSAN: (?P<bug>[\w -]{1,60}?) at (?P<at>.{1,200})"),
    Note(None, "GPF could be caused", r"kasan: (?P<kasan_hint>GPF could be caused by NULL-ptr deref or user memory access)"),
    Note(None, "KASAN: ", r"KASAN: (?P<kasan_hint>null-ptr-deref|probably user-memory-access|maybe wild-memory-access) in range \[(?P<kasan_range>0x[0-9a-f]{16}-0x[0-9a-f]{16})\]"),
)
_PANICS = (
    Panic(r"kasan\.fault=panic set", "kasan", ("kasan",)),
    Panic(r"kmsan\.panic set", "kmsan", ("kmsan",)),
)
_NEEDLES = (
    Needle(b"UBSAN: ", b"UBSAN:"),
)
# fmt: on

FAMILY = Family(
    name="sanitizers",
    meaning="Reports of the sanitizers: KASAN, KFENCE, KMSAN, KCSAN, UBSAN.",
    kinds=(
        KindInfo(
            "kasan",
            meaning="KASAN found an access to memory that may not be accessed.",
            title="KASAN report",
            event="KASAN caught an invalid access in {where}",
            advice=(
                Step(
                    "the report names the access, the object and who allocated and freed it: compare"
                ),
            ),
            sections=_KASAN_LINES,
            facts=(
                ("KASAN: {bug}, {access} of {access_size} bytes", "KASAN: {bug}"),
                "the address is {located}",
                "object {object} of cache {cache}, {object_size} bytes",
                "pointer tag {pointer_tag}, memory tag {memory_tag}",
                "it belongs to {belongs_to}",
            ),
            title_details=("bug",),
            anchors=(
                Anchor.WORD,
                Anchor.STACK,
            ),
            reported=True,
        ),
        KindInfo(
            "kfence",
            meaning="KFENCE found an access beyond, or after the life of, one of its objects.",
            title="KFENCE report",
            event="KFENCE caught an invalid access in {where}",
            advice=(
                Step(
                    "the report names the access, the object and who allocated and freed it: compare"
                ),
            ),
            sections=_KFENCE_LINES,
            facts=(
                ("KFENCE: {problem}, {located}", "KFENCE: {problem}"),
                "object of cache {cache}, {object_size} bytes, at {region}",
            ),
            title_details=("bug",),
            anchors=(
                Anchor.WORD,
                Anchor.STACK,
            ),
            reported=True,
        ),
        KindInfo(
            "kmsan",
            meaning="KMSAN found that a value was used which nobody had set.",
            title="KMSAN report",
            event="KMSAN caught the use of uninitialised memory in {where}",
            advice=(Step("initialise the memory at the place that the report calls its origin"),),
            sections=_KMSAN_LINES,
            facts=(
                ("KMSAN: {bug}, bytes {bytes} of {access_size} were never set", "KMSAN: {bug}"),
                "the variable is {variable}",
            ),
            title_details=("bug",),
            anchors=(
                Anchor.WORD,
                Anchor.STACK,
            ),
            reported=True,
        ),
        KindInfo(
            "kcsan",
            meaning="KCSAN found two accesses that race.",
            title="data race (KCSAN)",
            event="KCSAN caught a data race in {where}",
            advice=(
                Step("make both accesses take the lock, or mark them READ_ONCE()/WRITE_ONCE()"),
            ),
            sections=_KCSAN_LINES,
            facts=(
                ("KCSAN: {functions}: {access_text}", "KCSAN: {bug}"),
                "the value went {value_changed}",
            ),
            title_details=("bug",),
            anchors=(Anchor.STACK,),
            reported=True,
            unsettled="a race has two sides, and the report does not tell which of them lacks the lock",
        ),
        KindInfo(
            "ubsan",
            meaning="UBSAN found an operation that C does not define.",
            title="undefined behaviour (UBSAN)",
            event="UBSAN caught undefined behaviour in {where}",
            advice=(Step("check the value that the report prints before the operation"),),
            facts=(("UBSAN: {bug}: {message}", "UBSAN: {bug}"),),
            title_details=(
                "bug",
                "check",
            ),
            reported=True,
        ),
    ),
    headers=_HEADERS,
    notes=_NOTES,
    panics=_PANICS,
    needles=_NEEDLES,
)
