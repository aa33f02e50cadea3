# SPDX-License-Identifier: GPL-2.0-or-later
"""What an explanation says, before anything is laid out."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashext.engine.model import Explanation
from crashext.engine.verdict import explain, read_log
from crashext.targets.log import LogTarget
from crashext.view import explain as view
from crashext.view.document import Block, Document, Heading, Line, Piece, Rows

SEED = Path(__file__).parents[2] / "data" / "logs" / "seed-3.10.log"


@pytest.fixture(scope="module")
def seed() -> Explanation:
    target = LogTarget(SEED.read_text())
    return explain(target, read_log(target))


def labelled(made: Document) -> dict[str, list[Line]]:
    parts = [part for part in made.parts if isinstance(part, Rows)]
    return {row.label or "": list(row.lines) for part in parts for row in part.rows}


def test_the_heading_has_its_verdict_apart(seed: Explanation) -> None:
    heading = view.document(seed).parts[0]
    assert isinstance(heading, Heading)
    assert heading.line.pieces == (Piece("NULL pointer write in hello_cleanup [hello_2]", "title"),)
    assert (heading.verdict, heading.standing) == ("confidence: high", "good")


def test_pieces_say_what_they_are(seed: Explanation) -> None:
    where = labelled(view.document(seed))["where"]
    assert where[0].pieces == (
        Piece("hello_cleanup+0x12", "function"),
        Piece("  ("),
        Piece("0xffffffffa05cc012", "address"),
        Piece(")"),
        Piece("  "),
        Piece("[hello_2]", "module"),
    )
    path = labelled(view.document(seed))["path"][0]
    assert [piece.text for piece in path.pieces if piece.role == "function"] == [
        "SyS_delete_module",
        "hello_cleanup",
    ]


@pytest.mark.parametrize(
    ("door", "debuggers"),
    [("shell", ["crash> ", "drgn> "]), ("crash", ["crash> "]), ("pykdump", ["crash> "])],
)
def test_commands_are_those_of_the_door(seed: Explanation, door: str, debuggers: list[str]) -> None:
    by_hand = labelled(view.document(seed, door=door))["by hand"]
    assert [line.pieces[0].text for line in by_hand] == debuggers


@pytest.mark.parametrize(("door", "other"), [("crash", "drgn> "), ("drgn", "crash> ")])
def test_no_door_names_the_command_of_another(seed: Explanation, door: str, other: str) -> None:
    made = view.document(seed, verbose=True, door=door)
    evidence = made.parts[-1]
    assert isinstance(evidence, Block)
    lines = [*evidence.lines, *(line for lines in labelled(made).values() for line in lines)]
    assert not [line.text for line in lines if other in line.text]


def test_more_is_said_when_asked(seed: Explanation) -> None:
    blocks = [part for part in view.document(seed, verbose=True).parts if isinstance(part, Block)]
    assert [block.title for block in blocks] == ["registers", "code", "stack", "evidence"]
    assert [line.text for line in blocks[1].lines if line.marked] == [
        "→ ffffffffa05cc012  movl $0x1,0x0"
    ]
