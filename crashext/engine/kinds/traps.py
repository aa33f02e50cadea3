# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""What the processor raised that is no page fault."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    Anchor,
    Family,
    Header,
    KindInfo,
    Needle,
    Panic,
    Remark,
    Role,
    Step,
)
from crashext.engine.kinds.fragments import DIE, EARLY, ESR, TASK
from crashext.engine.kinds.steps import READ_FUNCTION

# fmt: off
_HEADERS = (
    Header("double-fault", Role.ONGOING, "PANIC: double fault", r"(?:traps: )?PANIC: double fault, error_code: 0x(?P<error_code>[0-9a-f]{1,16})", fatal=True, trap="#DF"),
    Header("general-protection", Role.ONGOING, "PANIC: early exception 0x0d", rf"PANIC: early exception 0x0d {EARLY}", fatal=True, trap="#GP"),
    Header("general-protection", Role.DIE, "general protection fault", rf"(?:segment-related )?general protection fault(?:,? (?:[^:0]{{1,80}}?)? ?0x(?P<gp_hint>[0-9a-f]{{1,16}}))?(?:, [^:]{{0,80}})?: {DIE}", fatal=True, trap="#GP"),
    Header("divide-error", Role.DIE, "divide", rf"divide[ _]error: {DIE}", fatal=True, trap="#DE"),
    Header("invalid-opcode", Role.DIE, "invalid opcode", rf"invalid opcode: {DIE}", fatal=True, trap="#UD"),
    Header("double-fault", Role.DIE, "double fault", rf"double fault: {DIE}", fatal=True, trap="#DF"),
    Header("split-lock", Role.DIE, "plit lock", rf"[Ss]plit lock detected: {DIE}", fatal=True, trap="#AC"),
    Header("general-protection", Role.DIE, "control protection fault", rf"control protection fault: {DIE}", fatal=True, trap="#CP"),
    Header("general-protection", Role.DIE, "stack segment: ", rf"stack segment: {DIE}", fatal=True, trap="#SS"),
    Header("general-protection", Role.DIE, "invalid TSS: ", rf"invalid TSS: {DIE}", fatal=True, trap="#TS"),
    Header("general-protection", Role.DIE, "segment not present: ", rf"segment not present: {DIE}", fatal=True, trap="#NP"),
    Header("invalid-opcode", Role.DIE, "Internal error: Oops - ", rf"Internal error: Oops - [Uu]ndefined instruction: {ESR}", fatal=True),
    Header("bad-pointer", Role.DIE, "C alignment exception: ", rf"Internal error: (?:Oops - )?(?:SP/)?PC alignment exception: (?:0{{8}})?(?=8[ab][0-9a-f]{{6}} ){ESR}", fatal=True, access="execute"),
    Header("split-lock", Role.START, "_lock trap at", rf"(?:x86/split lock detection: )?#(?P<exception>AC|DB): {TASK} took a (?P<bug>split_lock|bus_lock) trap at address: (?P<user_address>0x[0-9a-f]{{1,16}})"),
)
# ESR_ELx.EC (Arm ARM D17.2.37) 0x22: the pc; 0x26: the stack pointer. Both print one text until 5.17.
_EC = r"(?:0{{8}})?(?={ec}[0-9a-f]{{6}} )"
_REMARKS = (
    Remark(
        r"^Internal error: (?:Oops - )?(?:SP/)?SP(?:/PC)? alignment exception: " + _EC.format(ec="9[ab]"),
        title="stack pointer not aligned",
        event=("the stack pointer is not a multiple of 16: it was overwritten, or restored wrongly",),
        advice="read the function's prologue and epilogue, and assembly near it: who changes the "
        "stack pointer, or the place that it is restored from?",
    ),
)
_PANICS = (
    Panic(r"Machine halted\.?", "double-fault", ("double-fault", "stack-overflow",)),
)
_NEEDLES = (
    Needle(b"PANIC: double fault", b"PANIC:"),
    Needle(b"PANIC: early exception", b"PANIC:"),
    Needle(b"#AC: ", b"#AC:"),
    Needle(b"#DB: ", b"#DB:"),
)
# fmt: on

FAMILY = Family(
    name="traps",
    meaning="What the processor raised that is no page fault.",
    kinds=(
        KindInfo(
            "divide-error",
            meaning="A division by zero, or one whose quotient does not fit.",
            title="division by zero",
            event="{where} divided by zero (or the quotient did not fit)",
            advice=(Step("check the divisor before dividing", "dis -s {rip}"),),
        ),
        KindInfo(
            "invalid-opcode",
            meaning="An instruction that the processor refuses, other than that of a BUG().",
            title="invalid opcode",
            event="{where} executed an instruction that the processor refuses",
            advice=(READ_FUNCTION,),
        ),
        KindInfo(
            "general-protection",
            meaning="A rule of protection was broken that is no page fault.",
            title="general protection fault",
            event="{where} violated a protection rule of the processor (#GP)",
            advice=(READ_FUNCTION,),
            memory=True,
            rough=True,
        ),
        KindInfo(
            "double-fault",
            meaning="The processor could not deliver a fault.",
            title="double fault",
            event="the processor faulted while delivering a fault, in {where}",
            advice=(Step("look at the stack pointer: was the stack exhausted or overwritten?"),),
            anchors=(
                Anchor.RECURSION,
                Anchor.STACK,
            ),
            precise=True,
        ),
        KindInfo(
            "split-lock",
            meaning="A locked access crosses a cache line.",
            title="split lock",
            event="{where} did a locked access across a cache line",
            advice=(Step("align the locked operand so that it does not cross a cache line"),),
            facts=("#{exception}: {bug} at user address {user_address}",),
        ),
    ),
    headers=_HEADERS,
    panics=_PANICS,
    remarks=_REMARKS,
    needles=_NEEDLES,
)
