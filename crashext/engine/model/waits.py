# SPDX-License-Identifier: GPL-2.0-or-later
"""Who waits for whom: hangs, lockups and stalls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional


@dataclass
class WaitingTask:
    """One task, or one CPU, that does not go on."""

    comm: Optional[str] = None
    pid: Optional[int] = None
    cpu: Optional[int] = None
    state: Optional[str] = None  # "D", "S", "R" …
    seconds: Optional[float] = None  # how long, as far as known
    waits_for: Optional[str] = None  # "mutex", "rwsem", "I/O", "grace period", …
    resource: Optional[str] = None  # its name or address
    owner: Optional[int] = None  # pid of the task that holds it
    where: Optional[str] = None  # the function that waits


@dataclass
class Waits:
    """The graph of waiting: ``roots`` hold the others up, ``cycles`` hold up each other."""

    tasks: list[WaitingTask] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)  # pids
    cycles: list[list[int]] = field(default_factory=list)  # pids, in order of waiting
    why: str = ""
