# SPDX-License-Identifier: GPL-2.0-or-later
"""What came first, and what follows from what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from crashext.engine.kinds import Kind
from crashext.engine.words import ChainRole, Level


@dataclass
class OtherReport:
    """Another report in the same log, with its relation to the crash."""

    kind: Kind
    title: str
    line: int  # 1-based line number in the log
    relation: str  # "before the crash", "fallout: same task died again", …


@dataclass
class Cause:
    """The earlier report or event that the crash follows from.

    When ``confidence`` is high, title, bucket, culprit and headline of the explanation speak of it.
    """

    #: A crash kind, or a word for the event ("mce", "soft-offline", "io-error", …).
    kind: str
    title: str
    function: Optional[str] = None
    module: Optional[str] = None
    file: Optional[str] = None
    line: Optional[int] = None
    first_line: Optional[int] = None  # of the log, from 1
    seconds_before: Optional[float] = None
    relation: str = ""
    why: str = ""
    confidence: Optional[Level] = None


@dataclass
class ChainLink:
    """One report or event of the log that matters; the chain is in order of time."""

    line: int  # of the log, from 1
    kind: str  # as Cause.kind
    title: str
    role: ChainRole
    seconds: Optional[float] = None  # its time stamp
    why: str = ""
