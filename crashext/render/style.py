# SPDX-License-Identifier: GPL-2.0-or-later
"""Colour and layout for terminals. Everything that came from a dump is escaped here."""

from __future__ import annotations

from typing import Optional

from crashext.engine.escape import printable
from crashext.render.width import columns, fold, pad

_SGR = {
    "title": "1",
    "label": "36",
    "mark": "1;31",
    "dim": "2",
    "good": "32",
    "fair": "33",
    "bad": "31",
}


class Style:
    """Writes styled text when ``color`` is true, plain text when not."""

    def __init__(self, color: bool = False, width: int = 100) -> None:
        self.color = color
        self.width = max(60, width)

    def paint(self, name: str, text: str) -> str:
        """``text`` (already safe) in the style ``name``; plain when there is no such style."""
        if not self.color or not text or name not in _SGR:
            return text
        return f"\x1b[{_SGR[name]}m{text}\x1b[0m"

    def row(self, label: str, text: str, label_width: int = 8, tone: str = "") -> list[str]:
        """``  label  text`` with continuation lines under the text; untrusted text is escaped."""
        indent = " " * (label_width + 2)
        lines: list[str] = []
        for raw in text.split("\n"):
            lines += fold(printable(raw), self.width - len(indent))
        lines = [self.paint(tone, line) for line in lines]
        head = self.paint("label", pad(label, label_width))
        return [f"  {head}{lines[0]}", *(indent + line for line in lines[1:])]

    def columns(self, left: str, right: str, right_style: Optional[str] = None) -> str:
        """``left`` and ``right`` on one line, the right one flush with the width if it fits."""
        gap = max(2, self.width - columns(left) - columns(right))
        shown = self.paint(right_style, right) if right_style else right
        return self.paint("title", left) + " " * gap + shown
