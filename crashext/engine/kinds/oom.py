# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Memory ran out."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    Anchor,
    Family,
    Header,
    KindInfo,
    Needle,
    Panic,
    Role,
    Step,
)

# fmt: off
_HEADERS = (
    # --- memory
    Header("oom-kill", Role.START, "invoked oom-killer", r"(?P<comm>.{1,24}) invoked oom-killer: gfp_mask=(?P<gfp_mask>[^,\s]{1,100})(?:, (?:nodemask=\S+, )?order=(?P<order>-?\d{1,3}))?", joins_without="victim"),
    Header("oom-kill", Role.START, "ut of memory", r"(?P<scope>Memory cgroup out of memory|Out of memory(?: \([\w -]{1,60}\))?): Kill(?:ed)? process (?P<victim_pid>\d{1,10}),? (?:UID \d+,? )?\((?P<victim>.{0,24}?)\)", joins_without="victim"),
)
# mm/page_alloc.c: warn_alloc(); since 4.9 with a colon, before "failure. order:4, mode:0x20".
_FAILED = (
    Header("warning", Role.START, "page allocation failure", r"(?P<comm>.{1,24}): page allocation failure[:.] order:(?P<order>\d{1,2}), mode:(?P<gfp_mask>[^,\s]{1,100})"),
)
_PANICS = (
    Panic(r"(?:Out of memory|System is deadlocked on memory|out of memory)", "oom-panic", ("oom-kill",)),
)
_NEEDLES = (
    Needle(b"page allocation failure"),
    Needle(b"invoked oom-killer: gfp_mask=", b"vk-k:gpk"),
    Needle(b"ut of memory"),
)
# fmt: on

FAMILY = Family(
    name="oom",
    meaning="Memory ran out.",
    kinds=(
        KindInfo(
            "oom-kill",
            meaning="Memory ran out, and a task was killed.",
            title="out of memory (a task was killed)",
            panicked="oom-panic",
            event="memory ran out, and a task was killed",
            advice=(Step("see who has the memory: tasks, slab or page cache", "kmem -i"),),
            facts=(
                "{scope}: {victim} (pid {victim_pid}) was killed",
                "the allocation that failed: order {order}, {gfp_mask}",
            ),
            anchors=(Anchor.ALLOCATION,),
            of_memory=True,
        ),
        KindInfo(
            "oom-panic",
            meaning="Memory ran out, and the kernel was told to panic or found nothing to kill.",
            title="out of memory (panic)",
            event="the kernel ran out of memory and was told to panic (vm.panic_on_oom, or nothing left to kill)",
            advice=(
                Step(
                    "see who has the memory: tasks, slab or page cache",
                    "kmem -i",
                    "mem_usage(prog)",
                ),
            ),
            facts=("the allocation that failed: order {order}, {gfp_mask}",),
            anchors=(Anchor.ALLOCATION,),
            of_memory=True,
        ),
    ),
    headers=(*_HEADERS, *_FAILED),
    panics=_PANICS,
    needles=_NEEDLES,
)
