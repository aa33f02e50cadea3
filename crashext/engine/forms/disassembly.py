# SPDX-License-Identifier: GPL-2.0-or-later
"""The disassembly that the kernel's scripts/decodecode writes in place of a "Code:" line.

Under "All code" stands every instruction with its offset and bytes, the trapping one with a star;
under "Code starting with the faulting instruction" the same again from there on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Optional

from crashext.engine.lazy import Lazy

#: The line that it begins with.
HEAD = re.compile(r"(?:\[ ?)?All code\s*")
#: It has no more lines: the kernel prints 64 bytes.
LONGEST = 160
_INSTRUCTION = Lazy(
    r"\s*(?P<offset>[0-9a-f]{1,4}):(?P<star>\*)?\s+(?P<bytes>[0-9a-f]{2}(?: [0-9a-f]{2})*)(?=\s|$)"
)
_OTHERS = Lazy(r"\s*(?:=+|Code starting with the faulting instruction|\.\.\.)?\s*")


def is_of_it(text: str) -> bool:
    """Whether a line is part of the disassembly."""
    return _INSTRUCTION.match(text) is not None or _OTHERS.fullmatch(text) is not None


def code_line(lines: Sequence[str]) -> Optional[str]:
    """The "Code:" line that it was made of; None when bytes are missing or nothing is marked."""
    words: list[str] = []
    marked = False
    for text in lines:
        if text.strip().startswith("Code starting"):
            break
        match = _INSTRUCTION.match(text)
        if match is None:
            continue
        if int(match["offset"], 16) != len(words):
            return None
        found = match["bytes"].split()
        if match["star"]:
            marked = True
            found[0] = f"<{found[0]}>"
        words += found
    return "Code: " + " ".join(words) if marked else None
