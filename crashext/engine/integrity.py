# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the code in memory the code of the file? Known run-time patching is allowed for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from crashext.engine.model import hexadecimal


@dataclass
class Difference:
    """A run of bytes that differ. ``expected`` and ``found`` are hex digits."""

    address: int = hexadecimal(0)
    section: str = ""
    offset: int = 0  # into the section, bytes
    expected: str = ""
    found: str = ""
    symbol: Optional[str] = None
    note: str = ""


@dataclass
class Integrity:
    """The result of one comparison of memory with a file."""

    file: Optional[str] = None
    #: Bytes that were compared, and bytes that known patching made different.
    compared: int = 0
    patched: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    #: What could not be compared, in words.
    skipped: list[str] = field(default_factory=list)
