# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Checks of the kernel's own data: lists, reference counts, copies, strings."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    Family,
    KindInfo,
    Note,
    Remark,
    Site,
    Step,
)
from crashext.engine.kinds.steps import SLUB_DEBUG

# fmt: off
_LIST_CHECK = "the list checks (CONFIG_DEBUG_LIST) found next or prev pointers that do not fit"
_REFCOUNT_CHECK = "the reference-count checks found a count saturated, underflowed or raised from zero"
_USERCOPY_CHECK = "the hardened user copy found a copy that leaves the object"
_FORTIFY_CHECK = "FORTIFY_SOURCE found a length larger than the buffer"
_NOTES = (
    Note("list-corruption", "list_", r"(?P<operation>h?list_\w{1,40} (?:corruption|double add|attempted on force-poisoned entry))[.,:]? ?(?P<message>.{0,300})"),
    Note("refcount", "refcount_t: ", r"refcount_t: (?P<message>.{1,200})"),
    Note("usercopy", " bytes)", r"usercopy: kernel memory (?P<operation>exposure|overwrite) attempt detected (?P<message>(?:from|to) (?P<object>\S{1,20}) \((?P<cache>[^)]{1,60})\) \((?:\d{1,20} bytes)\))"),
    Note("usercopy", "usercopy: ", r"usercopy: [Kk]ernel memory (?P<operation>exposure|overwrite) attempt detected (?P<message>(?:from|to) (?P<object>.{1,60}?)(?: '(?P<cache>[^']{1,60})')?(?: \((?:.{1,80})\))?)!?$"),
    Note("fortify", "detected buffer overflow in ", r"detected buffer overflow in (?P<function>\w{1,40})"),
    Note("fortify", "detected ", r"(?P<function>\w{1,40}): (?P<message>detected (?:buffer overflow|field-spanning write|buffer overread)\b.{0,200})"),
)
_SITES = (
    Site("lib/list_debug.c", "list-corruption", _LIST_CHECK),
    Site("", "list-corruption", _LIST_CHECK, r"__list_(?:add|del_entry)_valid(?:_or_report)?"),
    Site("lib/refcount.c", "refcount", _REFCOUNT_CHECK),
    Site("include/linux/refcount.h", "refcount", _REFCOUNT_CHECK),
    Site("mm/usercopy.c", "usercopy", _USERCOPY_CHECK),
    Site("", "usercopy", _USERCOPY_CHECK, r"usercopy_abort"),
    Site("lib/string_helpers.c", "fortify", _FORTIFY_CHECK, r"_*fortify_\w+"),
    Site("lib/string.c", "fortify", _FORTIFY_CHECK, r"_*fortify_\w+"),
    Site("", "fortify", _FORTIFY_CHECK, r"(?:__)?fortify_panic"),
)
# fmt: on

_REMARKS = (
    Remark(
        r"^(?:addition|increment) on 0; use-after-free",
        title="reference taken on an object whose count was zero",
        event=(
            "a reference was taken on an object whose count had reached zero (addition on 0): it is "
            "freed already, or about to be (use-after-free)",
        ),
        advice="find who gave back the last reference while this one still had a pointer to the "
        "object; a lookup must use refcount_inc_not_zero() under the lock or RCU that protects it",
    ),
    Remark(
        r"^underflow; use-after-free",
        title="reference given back once too often",
        event=(
            "a reference was given back that nobody had (underflow): the count was zero already, "
            "and the object may have been freed before (use-after-free)",
        ),
        advice="find the put that is doubled, mostly on an error path, or the get that is missing",
    ),
    Remark(
        r"^decrement hit 0; leaking memory",
        title="last reference given back without freeing",
        event=(
            "refcount_dec() brought a count to zero, which it must not: nobody frees the object then "
            "(decrement hit 0, leaking memory)",
        ),
        advice="use refcount_dec_and_test() and free the object, or find the put that is doubled",
    ),
    Remark(
        r"^saturated; leaking memory",
        title="reference count saturated",
        event=(
            "a reference count became too large or negative and was pinned (saturated): the object "
            "will never be freed",
        ),
        advice="find the loop or error path that takes references and does not give them back; or "
        "the object is no such object any more and its count is garbage",
    ),
)

FAMILY = Family(
    name="hardening",
    meaning="Checks of the kernel's own data: lists, reference counts, copies, strings.",
    kinds=(
        KindInfo(
            "list-corruption",
            meaning="The neighbours of a list entry do not point back to it.",
            title="list corruption",
            event="{where} found a linked list corrupted",
            advice=(
                Step(
                    "find who adds or deletes the same entry twice, or frees it while it is on the list"
                ),
                SLUB_DEBUG,
            ),
            facts=("{operation}: {message}",),
            title_details=(
                "bug",
                "operation",
            ),
            caller_reason="its caller added or deleted the damaged entry",
            memory=True,
            reported=True,
        ),
        KindInfo(
            "refcount",
            meaning="A reference count was saturated, underflowed, or raised from zero.",
            title="reference count error",
            event="{where} found a reference count saturated, underflowed or used after zero",
            advice=(
                Step("find the get or put that is missing or doubled on the object's error paths"),
            ),
            facts=("refcount_t: {message}",),
            title_details=("bug",),
            reported=True,
        ),
        KindInfo(
            "usercopy",
            meaning="A copy to or from user space leaves its object.",
            title="user copy beyond its object",
            event="{where} copied between user space and memory outside the object",
            advice=(
                Step(
                    "check the length given to copy_to_user()/copy_from_user() against the object"
                ),
            ),
            facts=(("{operation} of kernel memory: {message}", "{operation} of kernel memory"),),
            caller_reason="its caller copied beyond the object",
            reported=True,
        ),
        KindInfo(
            "fortify",
            meaning="A string function was given more bytes than the buffer holds.",
            title="buffer overflow caught by FORTIFY_SOURCE",
            event="{where} called a string function with more bytes than the buffer holds",
            advice=(
                Step("check the length given to the string function against the buffer's size"),
            ),
            facts=(("{function}(): {message}", "caught in {function}()"),),
            caller_reason="its caller gave it a length beyond the object",
            reported=True,
        ),
    ),
    notes=_NOTES,
    sites=_SITES,
    remarks=_REMARKS,
)
