# SPDX-License-Identifier: GPL-2.0-or-later
"""Colour and layout for terminals. Everything that came from a dump is escaped here."""

from __future__ import annotations

import textwrap
from typing import Optional

from crashext.engine.escape import printable

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
        """``text`` (already safe) in the style ``name``."""
        if not self.color or not text:
            return text
        return f"\x1b[{_SGR[name]}m{text}\x1b[0m"

    def row(self, label: str, text: str, *, label_width: int = 8, wrap: bool = True) -> list[str]:
        """``  label  text`` with continuation lines under the text; untrusted text is escaped."""
        pad = " " * (label_width + 2)
        lines: list[str] = []
        for raw in text.split("\n"):
            safe = printable(raw)
            if wrap and len(safe) + len(pad) > self.width:
                lines += textwrap.wrap(
                    safe,
                    self.width - len(pad),
                    break_on_hyphens=False,
                    subsequent_indent=" " * (len(safe) - len(safe.lstrip())),
                ) or [""]
            else:
                lines.append(safe)
        head = self.paint("label", label.ljust(label_width))
        return [f"  {head}{lines[0]}"] + [pad + line for line in lines[1:]]

    def columns(self, left: str, right: str, right_style: Optional[str] = None) -> str:
        """``left`` and ``right`` on one line, the right one flush with the width if it fits."""
        gap = max(2, self.width - len(left) - len(right))
        shown = self.paint(right_style, right) if right_style else right
        return self.paint("title", left) + " " * gap + shown
