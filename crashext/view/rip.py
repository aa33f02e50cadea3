# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``rip`` says: symbol, place, inline chain, source, code."""

from __future__ import annotations

from crashext.engine.model import Rip
from crashext.view import words
from crashext.view.document import Document, Piece, line, row


def document(rip: Rip, unknown: dict[str, str]) -> Document:
    """The answer in the order of reading; ``unknown`` is the explanation's."""
    made = Document()
    where = words.symbol(rip.symbol, rip.offset, rip.size, "no known function").text
    if rip.module:
        where += f" [{rip.module}]"
    made.heading(
        line(
            Piece(f"{rip.address:#x}  " if rip.address is not None else "", "address"),
            Piece(where, "title"),
        )
    )
    if rip.file is not None:
        made.rows([row(None, line(words.place(rip.file, rip.line, rip.column)))])
    made.rows([row(None, *words.inlined(rip), *words.source(rip, depth=1))])
    if rip.disassembly:
        made.parts.append(words.disassembly(rip, "", apart=False))
    made.rows(
        row(None, line(f"{key}: {reason}", aside=True))
        for key, reason in unknown.items()
        if key.startswith("rip")
    )
    return made
