# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings lines to the assembler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, Union

from crashext.engine.log.assemble import Assembler
from crashext.engine.log.prefix import strip
from crashext.engine.report import LogSummary


def parse(text: Union[str, Iterable[str]]) -> LogSummary:
    """All crash reports in a log that is in memory. Never raises for any text."""
    lines = text.removesuffix("\n").split("\n") if isinstance(text, str) else text
    assembler = Assembler()
    number = 0
    for number, raw in enumerate(lines, 1):
        assembler.feed(strip(raw, number))
    return assembler.finish(number)


def scan(stream: BinaryIO) -> LogSummary:
    """The same for a binary stream, read once."""
    assembler = Assembler()
    number = 0
    for number, raw in enumerate(stream, 1):
        assembler.feed(strip(raw.decode("utf-8", "replace"), number))
    return assembler.finish(number)
