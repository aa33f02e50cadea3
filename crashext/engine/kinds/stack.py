# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""The kernel stack: run out, or overwritten."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    Anchor,
    Family,
    Header,
    KindInfo,
    Note,
    Panic,
    Role,
    Step,
)
from crashext.engine.kinds.fragments import DIE

# fmt: off
_HEADERS = (
    Header("stack-overflow", Role.ONGOING, "stack guard page was hit", r"BUG: (?:(?P<stack_type>\S{1,24}) )?stack guard page was hit at (?:\w{8,20}|\(\w{1,20}\))(?: \(stack is (?:.{1,60})\))?", fatal=True),
    Header("stack-overflow", Role.DIE, "kernel stack overflow", rf"kernel stack overflow \((?:double-fault|page fault)\): {DIE}", fatal=True, certain=True),
    Header("stack-overflow", Role.DIE, "stack guard page:", rf"stack guard page: {DIE}", fatal=True, certain=True),
    Header("stack-overflow", Role.ONGOING, "Insufficient stack space", r"(?P<bug>Insufficient stack space to handle exception)!", fatal=True, machine="arm64"),
)
_NOTES = (
    Note(None, "overran stack", r"(?P<stack_overrun>Thread overran stack, or stack corrupted)"),
)
_PANICS = (
    Panic(r"stack-protector: Kernel stack is corrupted in: (?P<at>.{1,200})", "stack-smash"),
    Panic(r"corrupted stack end detected inside scheduler", "stack-overflow"),
    Panic(r"(?:kernel stack overflow|\S{1,24} stack guard hit)", "stack-overflow", ("stack-overflow",)),
)
# fmt: on

FAMILY = Family(
    name="stack",
    meaning="The kernel stack: run out, or overwritten.",
    kinds=(
        KindInfo(
            "stack-overflow",
            meaning="The kernel stack ran out.",
            title="kernel stack overflow",
            event="the kernel stack overflowed in {where}",
            advice=(
                Step("stop the recursion, or move large locals off the stack (kmalloc)"),
                Step(
                    "see how deep and through whom",
                    "bt -f {pid}",
                    "prog.crashed_thread().stack_trace()",
                ),
            ),
            facts=("the stack that ran out is the {stack_type} stack",),
            unsettled="a deep chain of calls: which frames are too large, the report does not tell",
            anchors=(
                Anchor.RECURSION,
                Anchor.STACK,
            ),
            precise=True,
        ),
        KindInfo(
            "stack-smash",
            meaning="A local buffer was overrun into the canary of its stack frame.",
            title="stack buffer overflow",
            event="{where} returned over a destroyed stack canary: a local buffer was overrun",
            advice=(
                Step(
                    "look for a local array in {culprit} (or what it calls) that is written past its end"
                ),
            ),
            facts=("the canary was found destroyed in {function}",),
            anchors=(
                Anchor.CANARY,
                Anchor.STACK,
            ),
        ),
    ),
    headers=_HEADERS,
    notes=_NOTES,
    panics=_PANICS,
)
