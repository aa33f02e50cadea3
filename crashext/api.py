# SPDX-License-Identifier: GPL-2.0-or-later
"""The Python interface: ``crashext.open(path).explain()``. docs/python.md shows it in use.

Its names are those that ``crashext`` itself exports; the rest of the package may change.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional, Union

from crashext.engine.model import Explanation
from crashext.engine.report import LogSummary, Report

if TYPE_CHECKING:
    from crashext.targets.base import Target

Path = Union[str, "os.PathLike[str]"]


class Crash:
    """One log or vmcore that is open. Made by :func:`open` and :func:`from_log`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._summary: Optional[LogSummary] = None
        self._explanation: Optional[Explanation] = None

    def explain(self) -> Explanation:
        """The explanation, worked out once: the object behind ``explain --json``.

        Never raises for what a damaged dump or log leaves out: such a key is None, and its reason
        in words stands in ``unknown``. ``crashed`` is False when there is no crash to explain.
        """
        if self._explanation is None:
            from crashext.engine.verdict import explain

            self._explanation = explain(self._target, self._read())
        return self._explanation

    def reports(self) -> list[Report]:
        """Every report in the log, in the order of its lines; empty when there is no log."""
        return self._read().reports

    def _read(self) -> LogSummary:
        if self._summary is None:
            from crashext.engine.verdict import read_log

            self._summary = read_log(self._target)
        return self._summary


def open(
    path: Path,
    *,
    vmlinux: Optional[Path] = None,
    modules: Sequence[Path] = (),
    source_dirs: Sequence[Path] = (),
) -> Crash:
    """Opens a kernel log or a vmcore of any format that ``crashext explain`` takes.

    :param vmlinux: the kernel with debug info; looked for when it is not given.
    :param modules: module files with debug info, or directories in which they lie.
    :param source_dirs: directories with the sources, or ``OLD=NEW`` to map a path prefix.
    :raises CrashextError: it cannot be read, or no vmlinux fits; one line that names the file.
    """
    from crashext.opening import open_target

    files = [os.fspath(name) for name in modules]
    symbols = [name for name in files if not os.path.isdir(name)]
    if vmlinux is not None:
        symbols.insert(0, os.fspath(vmlinux))
    target = open_target(
        os.fspath(path),
        symbols=symbols,
        module_dirs=[name for name in files if os.path.isdir(name)],
    )
    target.source_dirs += [os.fspath(name) for name in source_dirs]
    return Crash(target)


def from_log(log: Union[str, bytes]) -> Crash:
    """A kernel log that is in memory already, as text or as the bytes of a file.

    Bytes that are no UTF-8 do no harm.
    """
    from crashext.targets.log import LogTarget

    return Crash(LogTarget(log if isinstance(log, str) else io.BytesIO(log)))
