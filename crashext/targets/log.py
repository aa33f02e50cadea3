# SPDX-License-Identifier: GPL-2.0-or-later
"""A bare kernel log as a target: it answers with its text and says why it can do no more."""

from __future__ import annotations

from typing import BinaryIO, NoReturn, Optional, Union

from crashext.engine import log as log_reader
from crashext.engine.model import (
    Kernel,
    Module,
    SourceLine,
    SourceLocation,
    StackFrame,
    Task,
    Variable,
)
from crashext.engine.report import LogSummary, Report
from crashext.errors import CrashextError, Unknown
from crashext.targets.base import ExceptionFrame, Findings, Symbol

NO_DEBUG_INFO = "a log has no debug info; explain the vmcore, or give crash or drgn the vmlinux"
NO_MEMORY = "a log has no memory; explain the vmcore for this"


class LogTarget:
    """A log given as text or as an open binary stream (read once, in bounded memory)."""

    name = "log"
    has_memory = False

    def __init__(self, source: Union[str, BinaryIO], path: str = "-") -> None:
        self.path = path
        self.source_dirs: list[str] = []
        self.module_dirs: list[str] = []
        self._source = source
        self._summary: Optional[LogSummary] = None

    def summary(self) -> LogSummary:
        """The parsed log; kept, because a stream can be read only once."""
        if self._summary is None:
            if isinstance(self._source, str):
                self._summary = log_reader.parse(self._source)
            else:
                try:
                    self._summary = log_reader.scan(self._source)
                except OSError as error:
                    raise CrashextError(f"{self.path}: {error.strerror or error}") from None
        return self._summary

    def log(self) -> str:
        if isinstance(self._source, str):
            return self._source
        raise Unknown("the log was read as a stream and is not kept")

    def _no_memory(self) -> NoReturn:
        raise Unknown(NO_MEMORY)

    def _no_debug_info(self) -> NoReturn:
        raise Unknown(NO_DEBUG_INFO)

    def kernel(self) -> Kernel:
        self._no_memory()

    def task(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Task:
        self._no_memory()

    def exception_frame(self, report: Optional[Report]) -> ExceptionFrame:
        self._no_memory()

    def backtrace(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[StackFrame]:
        self._no_memory()

    def symbol(self, address: int) -> Symbol:
        raise Unknown("a log has no symbol table")

    def address(self, name: str) -> int:
        raise Unknown("a log has no symbol table")

    def source(self, address: int, is_return_address: bool = False) -> list[SourceLocation]:
        self._no_debug_info()

    def source_text(self, file: str, line: int, context: int = 2) -> list[SourceLine]:
        self._no_debug_info()

    def read(self, address: int, size: int) -> bytes:
        self._no_memory()

    def modules(self) -> list[Module]:
        self._no_memory()

    def last_unloaded(self) -> Optional[str]:
        self._no_memory()

    def variables(
        self, report: Optional[Report], frame: Optional[ExceptionFrame]
    ) -> list[Variable]:
        self._no_debug_info()

    def operand(
        self, frame: ExceptionFrame, register: Optional[str], displacement: int, size: int
    ) -> str:
        self._no_debug_info()

    def line_of_access(self, frame: ExceptionFrame) -> Optional[int]:
        return None

    def findings(self, report: Optional[Report], frame: Optional[ExceptionFrame]) -> Findings:
        return Findings()
