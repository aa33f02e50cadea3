# SPDX-License-Identifier: GPL-2.0-or-later
"""A document as text for a terminal: labels at the left, folded to the width, perhaps in colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crashext.engine.escape import printable
from crashext.render.style import Style
from crashext.render.width import columns, fold, pad
from crashext.view.document import Block, Document, Heading, Line, Row, Rows, Table, TableRow

#: Columns of a label, and of what stands before an item of a list.
_LABEL, _ITEM = 8, 2
_NOTES = 6  # how far the notes below a row of a table are indented


def render(document: Document, *, color: bool = False, width: int = 100) -> str:
    """The whole text, ending in a newline. ``width`` in columns, taken as 60 when it is less."""
    style = Style(color, width)
    lines: list[str] = []
    for part in document.parts:
        if part.apart:
            lines.append("")
        if isinstance(part, Heading):
            lines += _heading(part, style)
        elif isinstance(part, Rows):
            for row in part.rows:
                lines += _row(row, style)
        elif isinstance(part, Block):
            lines += _block(part, style)
        else:
            lines += _table(part, style)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _heading(part: Heading, style: Style) -> list[str]:
    text = printable(part.line.text)
    if part.standing is not None:
        return [
            style.columns(text, printable(part.verdict), part.standing if part.verdict else None)
        ]
    lines = fold(text, style.width)
    if len(lines) == 1:
        return [
            "".join(
                style.paint("title" if piece.role == "title" else _tone(part.line), safe)
                for piece in part.line.pieces
                for safe in [printable(piece.text)]
            )
        ]
    lines = [lines[0], *(f"  {line}" for text in lines[1:] for line in fold(text, style.width - 2))]
    titled = any(piece.role == "title" for piece in part.line.pieces)
    return [style.paint("title" if titled else _tone(part.line), line) for line in lines]


def _tone(line: Line) -> str:
    return "mark" if line.marked else "dim" if line.aside else ""


def _row(row: Row, style: Style) -> list[str]:
    width = 0 if row.label is None else _LABEL
    label = pad(row.label or "", width)
    lines: list[str] = []
    for line in row.lines:
        lines += style.row(label if not lines else "", _indented(line), width, _tone(line))
    return lines


def _indented(line: Line) -> str:
    return "  " * line.depth + line.text


def _block(part: Block, style: Style) -> list[str]:
    lines = [style.paint("title", part.title)] if part.title else []
    for line in part.lines:
        if part.form == "code":
            lines.append(style.paint(_tone(line), f"  {printable(_indented(line))}"))
        else:
            label = "" if line.depth else "-"
            lines += style.row(label, line.text, _ITEM * (line.depth + 1), _tone(line))
    return lines


def _table(part: Table, style: Style) -> list[str]:
    widths = [
        min(
            max(column.least, *(columns(printable(row.cells[index].text)) for row in part.rows)),
            column.most,
        )
        for index, column in enumerate(part.columns)
    ]
    headed = any(column.title for column in part.columns)
    lines: list[str] = []
    if headed:
        titles = _cells([column.title for column in part.columns], part, widths, style)
        lines.append(style.paint("label", f"  {titles}"))
    for row in part.rows:
        mark = part.mark if row.marked else " "
        cells = _cells([printable(cell.text) for cell in row.cells], part, widths, style)
        if headed:
            lines.append(f"{style.paint('mark' if row.marked else '', mark)} {cells}")
        else:
            lines.append(style.paint("mark" if row.marked else "", f"{mark} {cells}"))
        lines += _notes(row, style)
    return lines


def _cells(texts: Sequence[str], part: Table, widths: Sequence[int], style: Style) -> str:
    said = [
        pad(text, width, right=column.right) if column.most else text
        for text, width, column in zip(texts, widths, part.columns)
    ]
    last = said[-1]
    room = max(10, style.width - sum(width + 2 for width in widths[:-1]) - 4)
    if not part.columns[-1].most and "," in last and " " not in last and columns(last) > room:
        said[-1] = f"{last[: room - 5]}… ({last.count(',') + 1})"
    return "  ".join(said)


def _notes(row: TableRow, style: Style) -> Iterable[str]:
    for note in row.notes:
        for text in style.row("", note.text, _NOTES - 2):
            yield style.paint(_tone(note), " " * _NOTES + text.strip())
