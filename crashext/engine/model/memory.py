# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has the memory: OOM and failed allocations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional


@dataclass
class Asked:
    """The allocation that failed: 2^order pages."""

    order: Optional[int] = None
    gfp: Optional[str] = None  # the flags in words
    by: Optional[str] = None  # the function or task that asked


@dataclass
class Holder:
    """Something that has memory, in bytes."""

    what: str
    bytes: int


@dataclass
class MemoryState:
    """What ran out, and who has it. ``limit`` and ``free`` in bytes."""

    scope: str  # "machine", a cgroup's path, "zone Normal", "node 1"
    limit: Optional[int] = None
    free: Optional[int] = None
    asked: Optional[Asked] = None
    holders: list[Holder] = field(default_factory=list)  # the largest first
    killed: Optional[str] = None
    why: str = ""
