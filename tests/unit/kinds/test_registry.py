# SPDX-License-Identifier: GPL-2.0-or-later
"""What every family must hold to, whichever kinds there are."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crashext.engine.kinds import KINDS, Kind, registry
from crashext.engine.kinds.family import FactRow, Family, Header, Note, Panic, Section
from crashext.engine.report import Report

ROOT = Path(__file__).parents[3]

#: Groups that the builder turns into something else than a detail (engine/log/builder.py).
TURNED = frozenset(
    ("address", "gp_hint", "kasan_address", "kasan_range", "access_word", "at", "rip", "lock_line",
     "stalled_cpu", "allocated_in", "freed_in")
)  # fmt: skip
#: Details that the builder makes of other groups.
MADE = frozenset(
    ["access", "cpus", "held_lock", "wanted_lock", "allocated_in", "freed_in", "message"]
)
#: Details that are read by name: the sentence's seconds, the machine's instruction.
READ_BY_NAME = frozenset(("seconds", "instruction", "polled", "stamp", "vendor", "released_at"))

ROWS = [
    pytest.param(row, id=f"{family.name}-{row.pattern[:40]}")
    for family in registry.FAMILIES
    for row in (*family.headers, *family.notes)
]


def rows(family: Family) -> Iterator[Header | Note | Panic | Section]:
    yield from family.headers
    yield from family.notes
    yield from family.panics
    for info in family.kinds:
        yield from info.sections


def names(facts: tuple[FactRow, ...]) -> set[str]:
    texts = [text for row in facts for text in ((row,) if isinstance(row, str) else row)]
    return {name for text in texts for name in re.findall(r"\{(\w+)\}", text)}


def test_every_kind_belongs_to_one_family() -> None:
    kinds = [info.name for family in registry.FAMILIES for info in family.kinds]
    assert sorted(kinds) == sorted(KINDS)


def test_every_expression_compiles() -> None:
    patterns = [row.pattern for family in registry.FAMILIES for row in rows(family)]
    assert len([re.compile(pattern, re.ASCII) for pattern in patterns]) > 200


@pytest.mark.parametrize("row", ROWS)
def test_the_cheap_test_is_part_of_the_expression(row: Header | Note) -> None:
    # Letters and blanks of the literal stand in the expression, in their order; of alternatives and
    # escapes the static test sees only the characters.
    plain = re.sub(r"\\(.)", r"\1", row.pattern)
    words = re.findall(r"[A-Za-z]{4,}", row.literal)
    assert all(word in plain for word in words)


@pytest.mark.parametrize("kind", KINDS)
def test_the_facts_of_a_kind_can_be_filled(kind: Kind) -> None:
    written = {
        group
        for family in registry.FAMILIES
        for row in rows(family)
        for group in row.regex.groupindex
    } | MADE
    info = registry.INFO[kind]
    assert names(info.facts) | names(info.facts_of_cache) <= written


def test_no_detail_is_written_that_nothing_reads() -> None:
    fields = {field.name for field in dataclasses.fields(Report)}
    read = fields | TURNED | READ_BY_NAME | {"kasan_hint", "stack_overrun"}  # particulars of any
    written = set()
    for family in registry.FAMILIES:
        for row in rows(family):
            stack = getattr(row, "stack", None) or ""
            written |= set(row.regex.groupindex) - set(re.findall(r"\{(\w+)\}", stack))
    for info in registry.INFO.values():
        read |= names(info.facts) | names(info.facts_of_cache) | set(info.title_details)
    for remark in registry.REMARKS:
        read |= names(remark.event)
    assert written - read == set()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        # both rows match: the special stands before the general
        ("BUG kmalloc-64 (Not tainted): Objects remaining on __kmem_cache_shutdown()", "leak"),
        ("BUG kmalloc-64 (Tainted: G    B): Poison overwritten", "use-after-free"),
        ("BUG kmalloc-64 (Not tainted): Object already free", "double-free"),
        ("BUG kmalloc-64 (Not tainted): Redzone overwritten", "slab-corruption"),
        ("Internal error: Oops - BUG: 00000000f2000800 [#1] SMP", "bug"),
        ("Internal error: Oops: 0000000096000004 [#1] SMP", "unknown"),
        ("BUG: KASAN: slab-use-after-free in ring_read+0x1c/0x40 [ring]", "kasan"),
    ],
)
def test_the_first_row_that_matches_counts(text: str, kind: Kind) -> None:
    found = registry.header(text)
    assert found is not None
    assert found[0].kind == kind


def test_a_kind_that_is_none_says_what_an_unknown_crash_says() -> None:
    assert registry.info(None).name == "unknown"
    assert registry.info("no-such-kind").name == "unknown"


def test_the_contract_names_every_kind() -> None:
    text = (ROOT / "docs" / "json.md").read_text().split("## `kind`", 1)[1].split("##", 1)[0]
    listed = set(re.findall(r"`([\w-]+)`", text)) - {"access", "execute"}
    assert listed == set(KINDS)
