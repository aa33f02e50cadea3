# SPDX-License-Identifier: GPL-2.0-or-later
"""What a finding of :mod:`crashext.kernel` gets to see of a target."""

from __future__ import annotations

from typing import Protocol

from crashext.engine.arch import Architecture
from crashext.kernel.crashed import CrashedKernel


class KernelSession(Protocol):
    """A kernel under examination, in any debugger."""

    @property
    def kernel(self) -> CrashedKernel: ...

    @property
    def arch(self) -> Architecture:
        """Raises Unknown for an architecture that crashext does not know."""

    def path_of(self, task: int) -> list[str]:
        """Functions that a task is in, innermost first, without inlined ones; empty: not known."""
