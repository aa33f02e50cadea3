# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/oops-codes.md says what the code does: every row of a table is checked against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashext.engine import decide, taint, values
from crashext.engine.arch.arm64.esr import explain_esr
from crashext.engine.arch.x86.traps import TRAPS
from crashext.engine.blame import roles
from crashext.engine.codes import explain_code

TEXT = (Path(__file__).parents[3] / "docs" / "oops-codes.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its two head lines."""
    section = TEXT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_traps() -> None:
    expected = [
        [
            str(trap.number),
            f"{trap.mnemonic} {trap.name}",
            f"`{trap.die_string}`" if trap.die_string else "(reports of its own)",
            "yes" if trap.has_error_code else "no",
            trap.meaning,
        ]
        for trap in TRAPS
    ]
    assert rows("Traps (x86)") == expected


def test_taint() -> None:
    expected = [
        [str(flag.bit), flag.letter, flag.name, flag.meaning, flag.weight or "–"]
        for flag in taint.FLAGS
    ]
    assert rows("Taint") == expected


def test_values() -> None:
    table = rows("Values")
    assert len(table) >= 25
    for value, meaning, kind in table:
        number = int(value, 16)
        assert (meaning, kind) == (values.describe(number), values.classify(number).kind)


def test_esr() -> None:
    table = rows("ESR (arm64)")
    assert [[f"{int(esr, 16):08x}", explain_esr(int(esr, 16)).meaning] for esr, _ in table] == table


def test_helpers() -> None:
    table = rows("Whom to blame")[: len(roles.CATEGORIES)]
    assert [[row[0], row[2]] for row in table] == [
        [entry.what, entry.reason] for entry in roles.CATEGORIES
    ]
    for (_, examples, _), entry in zip(table, roles.CATEGORIES):
        for name in examples.split(", "):
            if " " not in name:
                found = roles.category(name)
                assert found is not None
                assert found.key == entry.key


def test_bug_sites_give_kinds() -> None:
    assert all(decide.site(row[0], "kfree") for row in rows("Whom to blame") if "/slub" in row[0])


@pytest.mark.parametrize("row", rows("How a typed code is read"), ids=lambda row: str(row[0]))
def test_every_example_of_a_typed_code_is_understood(row: list[str]) -> None:
    examples = [part for part in row[0].split("`")[1::2] if part != "0x"]
    assert examples
    for example in examples:
        assert explain_code(example)
