# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Objects of the slab allocator: used, freed or overwritten out of turn."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    Anchor,
    FactRow,
    Family,
    Header,
    KindInfo,
    Needle,
    Note,
    Role,
    Site,
    Step,
)
from crashext.engine.kinds.fragments import POINTER
from crashext.engine.kinds.lines import SLUB
from crashext.engine.kinds.steps import SLUB_DEBUG

# fmt: off
_FIRST_BYTE = (rf"(?:{POINTER}-{POINTER}) @offset=(?:\d{{1,9}})\. "
    r"First byte (?P<first_byte>0x[0-9a-f]{1,2}) instead of (?P<expected_byte>0x[0-9a-f]{1,2})")
_FACTS: tuple[FactRow, ...] = (
    (
        "SLUB: {problem}, an object of cache {cache}",
        "SLUB: {bug}, an object of cache {cache}",
    ),
    "the first wrong byte is {first_byte}, {expected_byte} was expected",
    "allocated in {allocated_in}",
    "freed in {freed_in}",
)
_HEADERS = (
    Header("double-free", Role.START, "Object already free", r"BUG (?P<cache>\S{1,64}) \((?:Not tainted|Tainted[^)]{0,60})\): (?P<bug>Object already free)"),
    Header("use-after-free", Role.START, "oison overwritten", r"BUG (?P<cache>\S{1,64}) \((?:Not tainted|Tainted[^)]{0,60})\): (?P<bug>[Pp]oison overwritten)"),
    Header("slab-corruption", Role.START, "BUG ", r"BUG (?P<cache>\S{1,64}) \((?:Not tainted|Tainted[^)]{0,60})\): (?P<bug>(?!kasan: bad access).{1,120})"),
    Header("double-free", Role.START, "slab error in", r"slab error in (?P<function>\w{1,60})\(\): cache `(?P<cache>[^']{1,64})': (?P<bug>double free.{0,80})"),
    Header("slab-corruption", Role.START, "slab error in", r"slab error in (?P<function>\w{1,60})\(\): cache `(?P<cache>[^']{1,64})': (?P<bug>.{1,80})"),
    Header("slab-corruption", Role.START, "lab corruption", r"Slab corruption(?: \([^)]{0,60}\))?: (?P<cache>\S{1,64}) start=(?P<object>[0-9a-fx]{1,18}), len=(?P<object_size>\d{1,9})"),
)
_NOTES = (
    Note("use-after-free", "[Poison overwritten]", rf"\[(?P<problem>Poison overwritten)\] {_FIRST_BYTE}"),
    Note("slab-corruption", "First byte 0x", rf"\[(?P<problem>[\w ]{{1,40}})\] {_FIRST_BYTE}"),
    Note("double-free", "double free detected", r"(?:slab: )?(?P<message>double free detected.{0,120})"),
)
_NEEDLES = (
    Needle(b"(): cache `", b":`"),
    Needle(b"Slab corruption", b"Sbp"),
)
#: Where set_freepointer() is inlined, and where no other BUG() is: its BUG_ON(object == fp) of
#: CONFIG_SLAB_FREELIST_HARDENED (ce6fa91b9363 "mm/slub.c: add a naive detection of double free or
#: corruption").
_PUTS_ON_FREELIST = r"set_freepointer|(?:do_|__)?slab_free|___cache_free|__kmem_cache_free|kmem_cache_free(?:_bulk)?|free_to_partial_list"
#: The kfree() of older kernels has a BUG_ON(!PageCompound(page)) of its own, for a pointer that is no
#: slab object, beside the inlined check.
_READINGS = ("an object that is on its free list already (a double free)", "a pointer that is no object of kmalloc()")
_FREED_BADLY = "the slab allocator refused to free the object: its check does not say why"
_SITES = (
    Site("mm/slub.c", "double-free", "the slab allocator found, while freeing, that the object is the first of its free list already", _PUTS_ON_FREELIST, bug_only=True),
    Site("mm/slub.c", "bug", _FREED_BADLY, r"kfree", bug_only=True, readings=_READINGS, same_pointer=("double-free", "the slab allocator found, while freeing, that the object is the first of its free list already")),
    Site("mm/slab.c", "double-free", "the slab allocator found, while freeing, that the object is free already", r"slab_put_obj", bug_only=True),
    Site("mm/slab.c", "bug", _FREED_BADLY, r"kfree|kmem_cache_free(?:_bulk)?|free_block|_+cache_free|cache_free_debugcheck|cache_flusharray", bug_only=True, readings=_READINGS),
    Site("mm/slub.c", "slab-corruption", "the slab allocator found its own data damaged"),
    Site("mm/slab.c", "slab-corruption", "the slab allocator found its own data damaged"),
)
# fmt: on

FAMILY = Family(
    name="slab",
    meaning="Objects of the slab allocator: used, freed or overwritten out of turn.",
    kinds=(
        KindInfo(
            "use-after-free",
            meaning="An object was used after it was freed.",
            title="use after free{in_access}",
            event="{where} used an object that was freed",
            advice=(
                Step(
                    "find who freed the object while {function} still used it: locking or reference"
                ),
                SLUB_DEBUG,
            ),
            sections=SLUB,
            facts_of_cache=_FACTS,
            anchors=(
                Anchor.OBJECT,
                Anchor.STACK,
            ),
            memory=True,
            rough=True,
            of_an_object=True,
        ),
        KindInfo(
            "double-free",
            meaning="An object was freed twice.",
            title="double free",
            event="{where} freed an object that was free already",
            advice=(
                Step(
                    "find the two paths that free the same object; clear the pointer after kfree()"
                ),
                SLUB_DEBUG,
            ),
            sections=SLUB,
            facts_of_cache=_FACTS,
            caller_reason="its caller freed or asked for memory that was already damaged or free",
            caller_reason_role="allocator",
            reported=True,
            of_an_object=True,
        ),
        KindInfo(
            "slab-corruption",
            meaning="A slab object, or the data of the allocator, was found overwritten.",
            title="slab corruption",
            event="a slab object was found overwritten, in {where}",
            advice=(
                Step("look at the object before the damaged one: its owner wrote past the end"),
                SLUB_DEBUG,
            ),
            sections=SLUB,
            facts_of_cache=_FACTS,
            anchors=(
                Anchor.OBJECT,
                Anchor.STACK,
            ),
            caller_reason="its caller freed or asked for memory that was already damaged or free",
            caller_reason_role="allocator",
            reported=True,
            of_an_object=True,
        ),
    ),
    headers=_HEADERS,
    notes=_NOTES,
    needles=_NEEDLES,
    sites=_SITES,
)
