# SPDX-License-Identifier: GPL-2.0-or-later
"""An answer before it is laid out: headings, labelled rows, tables and blocks of text with roles.

A view (explain.py, mods.py, …) decides what is said and in which words; a renderer
(crashext.render) decides where it stands and how it looks. Text here is as it was found: a renderer
escapes it for the medium it writes. A renderer that does not know a role shows the text alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Optional, Union

#: What a piece of text is.
Role = Literal[
    "",  # words of ours
    "title",
    "verdict",  # how sure: "good", "fair" or "bad" stands in Heading.standing
    "function",
    "module",
    "file",  # with its line, as an editor takes it
    "address",
    "register",
    "source",  # a line of source text
    "instruction",
    "prompt",
    "command",
]

#: How good a heading's verdict is.
Standing = Literal["good", "fair", "bad"]


class Piece(NamedTuple):
    """A stretch of one line with one meaning."""

    text: str
    role: Role = ""


@dataclass(frozen=True)
class Line:
    """One line as it is said; a renderer may fold it."""

    pieces: tuple[Piece, ...]
    #: How deep it stands below its label; it belongs to the last line that is less deep.
    depth: int = 0
    #: It is the one that all is about: the line of source, the instruction, the suspect.
    marked: bool = False
    #: It may be read last.
    aside: bool = False

    @property
    def text(self) -> str:
        """The whole line without its roles."""
        return "".join(piece.text for piece in self.pieces)


def line(
    *parts: Union[str, Piece], depth: int = 0, marked: bool = False, aside: bool = False
) -> Line:
    """A line of these parts; a plain string is words of ours."""
    pieces = (part if isinstance(part, Piece) else Piece(part) for part in parts)
    return Line(tuple(piece for piece in pieces if piece.text), depth, marked, aside)


@dataclass(frozen=True)
class Heading:
    """What it is, and at its side how it stands: a confidence, "suspect"."""

    line: Line
    verdict: str = ""
    standing: Optional[Standing] = None
    apart: bool = False


@dataclass(frozen=True)
class Row:
    """What stands under one label; None: a row that leads, without a label."""

    label: Optional[str]
    lines: Sequence[Line]


@dataclass(frozen=True)
class Rows:
    rows: Sequence[Row]
    #: Whether a gap sets it off from what stands before.
    apart: bool = False


@dataclass(frozen=True)
class Block:
    """Lines under a title. "code": columns count, nothing is folded; "list": each is an item."""

    title: str
    form: Literal["code", "list"]
    lines: Sequence[Line]
    apart: bool = False


@dataclass(frozen=True)
class Column:
    """``least`` and ``most``: its width in characters; most 0: the rest of the line."""

    title: str
    least: int = 0
    most: int = 0
    right: bool = False


@dataclass(frozen=True)
class TableRow:
    """A cell a column. A list in the last cell (``a,b,c``) may be cut where there is no room."""

    cells: Sequence[Piece]
    marked: bool = False
    notes: Sequence[Line] = ()


@dataclass(frozen=True)
class Table:
    """``mark`` stands before the rows that are marked. Columns without titles have no head."""

    columns: Sequence[Column]
    rows: Sequence[TableRow]
    mark: str = "!"
    apart: bool = False


Part = Union[Heading, Rows, Block, Table]


@dataclass
class Document:
    """One answer, in the order of reading."""

    parts: list[Part] = field(default_factory=list)

    def heading(
        self,
        text: Union[str, Line],
        verdict: str = "",
        standing: Optional[Standing] = None,
        *,
        apart: bool = False,
    ) -> None:
        said = line(Piece(text, "title")) if isinstance(text, str) else text
        self.parts.append(Heading(said, verdict, standing, apart))

    def rows(self, rows: Iterable[Row], *, apart: bool = False) -> None:
        """Adds the rows that have lines; nothing when none has."""
        said = [row for row in rows if row.lines]
        if said:
            self.parts.append(Rows(said, apart))


def row(label: Optional[str], *lines: Union[str, Line]) -> Row:
    """A row of these lines; a plain string is a line of words of ours."""
    return Row(label, [entry if isinstance(entry, Line) else line(entry) for entry in lines])
