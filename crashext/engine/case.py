# SPDX-License-Identifier: GPL-2.0-or-later
"""One crash under examination: what is asked, what is known, what could not be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Optional, TypeVar

from crashext.engine import arch
from crashext.engine.model import Check, Evidence, Explanation
from crashext.engine.report import LogSummary, Report
from crashext.errors import Unknown

if TYPE_CHECKING:
    from crashext.engine.arch.addresses import AddressLayout
    from crashext.engine.arch.analysis import Analysis
    from crashext.engine.model.hardware import Sign
    from crashext.engine.model.place import Culprit
    from crashext.engine.values.flips import BitFlip
    from crashext.engine.values.meaning import Classification
    from crashext.targets.base import ExceptionFrame, Target

T = TypeVar("T")

#: How the reason begins when a question ended in an error of our own.
FAILURE = "an error in crashext, please report it"


@dataclass
class Case:
    """The evidence gathered so far and the Explanation that grows from it."""

    target: Target
    summary: LogSummary
    report: Optional[Report]
    explanation: Explanation
    frame: Optional[ExceptionFrame] = None
    analysis: Optional[Analysis] = None
    layout: Optional[AddressLayout] = None
    #: What the evidence can mean, where it does not tell which of it.
    readings: list[str] = field(default_factory=list)
    #: What speaks against being sure, a clause each: they lower the confidence.
    doubts: list[str] = field(default_factory=list)
    #: The printed page walk denies the error code.
    walk_denies: bool = False
    #: How the pointer of the fault was read.
    reading: Optional[Classification] = None
    #: The function of the task that holds up the others.
    root: Optional[Culprit] = None
    #: Signs that the hardware is to blame, as they were met.
    signs: list[Sign] = field(default_factory=list)
    #: The one flipped bit that would explain the bad pointer.
    bit_flip: Optional[BitFlip] = None
    #: Reasons given for questions that have no key of their own, by question.
    reasons: dict[str, str] = field(default_factory=dict)
    #: ``uname -m`` of the target's kernel, once it was asked.
    uname: Optional[str] = None

    def ask(self, key: str, question: Callable[[], T]) -> Optional[T]:
        """The target's answer, or None with its reason kept under ``key``.

        A question that fails otherwise is a bug of the target, met on a dump that nobody foresaw:
        the rest of the answer is still given, and the failure is shown, not swallowed.
        """
        try:
            return question()
        except Unknown as reason:
            self.reasons.setdefault(key, str(reason))
        except Exception as error:
            text = f"{FAILURE}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
            self.reasons[key] = text
            self.explanation.unknown[key] = text
        return None

    def claim(
        self,
        claim: str,
        source: str,
        detail: str = "",
        *,
        crash: Optional[str] = None,
        drgn: Optional[str] = None,
        check: Optional[Check] = None,
    ) -> None:
        """Adds a piece of evidence with the commands that check it: ``check``
        (:mod:`crashext.engine.checks`), or those of one claim alone."""
        self.explanation.evidence.append(
            Evidence(claim, source, detail, check or Check(crash, drgn))
        )

    def contradict(self, text: str) -> None:
        self.explanation.contradictions.append(text)

    @property
    def arch(self) -> arch.Architecture:
        """The architecture of the kernel that crashed: as the report has it, else the target.

        x86-64 where neither tells: only its reports can do without a word of it.
        """
        if self.report is not None and self.report.machine is not None:
            return arch.of(self.report.machine)
        if self.uname is None:
            self.uname = self.ask("machine", lambda: self.target.kernel().machine) or ""
        return arch.of(arch.machine_of_uname(self.uname) or "x86_64")

    @property
    def pc(self) -> Optional[int]:
        """The interrupted instruction, where the registers tell."""
        return self.registers.get(self.arch.registers.pc)

    @property
    def registers(self) -> dict[str, int]:
        """The interrupted registers: from memory when found there, else from the log."""
        if self.frame is not None:
            return self.frame.registers
        return self.report.registers if self.report is not None else {}

    def ask_crash(self, key: str, question: Callable[[], T]) -> Optional[T]:
        """As :meth:`ask`, for what memory still shows only if the kernel stopped at the crash.

        After a report that was not fatal the kernel went on: its stacks are of something else.
        """
        if self.report is not None and not self.report.fatal and self.target.has_memory:
            self.reasons.setdefault(
                key, "the kernel went on after this report: memory no longer shows it"
            )
            return None
        return self.ask(key, question)


def log_source(line: int) -> str:
    """How evidence names a log line (1-based)."""
    return f"log line {line}" if line else "log"
