# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Headers that name no kind by themselves."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    Family,
    Header,
    KindInfo,
    Role,
)
from crashext.engine.kinds.fragments import DIE, EARLY, ESR
from crashext.engine.kinds.steps import LOG_BEFORE

# fmt: off
_HEADERS = (
    Header("unknown", Role.ONGOING, "PANIC: early exception", rf"PANIC: early exception (?:0x[0-9a-f]{{1,2}}) {EARLY}", fatal=True),
    # --- x86 die() headers, arch/x86/kernel/dumpstack.c: __die_header()
    Header("unknown", Role.DIE, "Oops: ", rf"(?<!\w)(?<!error: )Oops: {DIE}", fatal=True, trap="#PF"),
    Header("unknown", Role.DIE, "int3: ", rf"int3: {DIE}", fatal=True, trap="#BP"),
    Header("unknown", Role.DIE, "alignment check: ", rf"alignment check: {DIE}", fatal=True, trap="#AC"),
    Header("unknown", Role.DIE, "fpu exception: ", rf"fpu exception: {DIE}", fatal=True, trap="#MF"),
    Header("unknown", Role.DIE, "simd exception: ", rf"simd exception: {DIE}", fatal=True, trap="#XF"),
    Header("unknown", Role.DIE, "VE fault: ", rf"VE fault: {DIE}", fatal=True, trap="#VE"),
    Header("unknown", Role.DIE, " [#", rf"(?P<die_text>debug|overflow|bounds|coprocessor segment overrun|iret exception|unexpected #NM (?:exception|fault)|Missing ENDBR[^\[]{{0,80}}|unhandled #CP exception|NMI): {DIE}", fatal=True),
    Header("unknown", Role.DIE, "Internal error: ", rf"Internal error: (?P<die_text>[^\[]{{0,80}}?): {ESR}", fatal=True),
    Header("machine-check", Role.DIE, ", sig: ", r"Oops: Machine check, sig: \d{1,3} \[#(?P<die_count>\d{1,9})\]", fatal=True, machine="powerpc"),
    Header("unknown", Role.DIE, ", sig: ", r"Oops: (?P<die_text>[^\[]{1,60}), sig: (?:\d{1,3}) \[#(?P<die_count>\d{1,9})\]", fatal=True, machine="powerpc"),
    Header("unknown", Role.DIE, " ilc:", r"(?P<die_text>[^\[]{1,60}): (?:[0-9a-f]{4}) ilc:\d \[#(?P<die_count>\d{1,9})\]", fatal=True, machine="s390"),
    Header("unknown", Role.DIE, "Oops[#", r"Oops\[#(?P<die_count>\d{1,9})\]:", fatal=True, machine="mips"),
    Header("unknown", Role.DIE, "Oops [#", r"(?<!\w)Oops \[#(?P<die_count>\d{1,9})\]", fatal=True, machine="riscv"),
)
# fmt: on

FAMILY = Family(
    name="other",
    meaning="Headers that name no kind by themselves.",
    kinds=(
        KindInfo(
            "unknown",
            meaning="A crash whose lines name no kind.",
            title="crash of unknown kind",
            event="the kernel crashed in {where}",
            advice=(LOG_BEFORE,),
            facts=("the kernel's words: {die_text}",),
            rough=True,
        ),
    ),
    headers=_HEADERS,
)
