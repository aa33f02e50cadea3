# SPDX-License-Identifier: GPL-2.0-or-later
"""What a claim stands on, what to do next, and what else was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from crashext.engine.words import Topic


@dataclass
class Check:
    """The exact commands by which a person checks a claim; None where the tool cannot."""

    crash: Optional[str] = None
    drgn: Optional[str] = None
    gdb: Optional[str] = None

    def commands(self) -> dict[str, str]:
        """Debugger's name → command, of those that can."""
        every = {"crash": self.crash, "drgn": self.drgn, "gdb": self.gdb}
        return {name: command for name, command in every.items() if command}


@dataclass
class Evidence:
    claim: str
    source: str  # "log line 12", "registers", "memory", "DWARF", …
    detail: str = ""
    check: Check = field(default_factory=Check)


@dataclass
class NextStep:
    text: str
    crash: Optional[str] = None
    drgn: Optional[str] = None


#: Findings whose words belong to the access, and are told with it instead of on their own.
OF_ACCESS: frozenset[Topic] = frozenset({"argument"})


@dataclass
class Finding:
    """Context that only memory can tell: page tables, slab object, lock chain, other CPUs."""

    topic: Topic
    text: str
    detail: list[str] = field(default_factory=list)
    check: Check = field(default_factory=Check)
