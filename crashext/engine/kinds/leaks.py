# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Memory that nothing points to any more."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    MAIN,
    Family,
    Header,
    KindInfo,
    Needle,
    Role,
    Section,
    Step,
)
from crashext.engine.kinds.lines import SLUB

# fmt: off
_LEAK_LINES = (
    Section(r"\s*comm \"(?P<comm>.{0,24})\", pid (?P<pid>\d{1,10})"),
    Section(r"\s*backtrace(?: \(crc [0-9a-f]{1,8}\))?:", MAIN),
    Section(r"\s*hex dump \(first"),
    *SLUB,
)
_HEADERS = (
    Header("leak", Role.START, "new suspected memory leak", r"kmemleak: (?P<count>\d{1,9}) new suspected memory leaks"),
    Header("leak", Role.START, "unreferenced object 0x", r"(?:kmemleak: )?unreferenced object (?P<object>0x[0-9a-f]{1,16}) \((?:size|percpu) (?P<object_size>\d{1,20})\):"),
    Header("leak", Role.START, "Objects remaining", r"BUG (?P<cache>\S{1,64}) \((?:Not tainted|Tainted[^)]{0,60})\): (?P<bug>Objects remaining .{1,120})"),
)
_NEEDLES = (
    Needle(b"unreferenced object 0x", b"bjx"),
    Needle(b"new suspected memory leaks", b"wpyk"),
)
# fmt: on

FAMILY = Family(
    name="leaks",
    meaning="Memory that nothing points to any more.",
    kinds=(
        KindInfo(
            "leak",
            meaning="kmemleak, or a cache that is destroyed, found objects that nothing points to.",
            title="memory leak",
            event="kmemleak found memory that nothing points to",
            advice=(Step("find the path that loses the last pointer to the object"),),
            sections=_LEAK_LINES,
            facts=("object {object} of {object_size} bytes", "{count} new suspected leaks"),
            caller_reason="its caller asked for the memory that nothing points to any more",
            of_an_object=True,
        ),
    ),
    headers=_HEADERS,
    needles=_NEEDLES,
)
