# SPDX-License-Identifier: GPL-2.0-or-later
"""Signs that the hardware is to blame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from crashext.engine.model.fields import hexadecimal


@dataclass
class Sign:
    """One sign: a machine check, a flipped bit, a page walk that contradicts the fault."""

    what: str
    line: Optional[int] = None  # of the log, from 1
    address: Optional[int] = hexadecimal()
    why: str = ""


@dataclass
class Hardware:
    suspected: bool = False
    signs: list[Sign] = field(default_factory=list)
