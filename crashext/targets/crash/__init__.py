# SPDX-License-Identifier: GPL-2.0-or-later
"""A crashed kernel that is open in the ``crash`` program."""

from __future__ import annotations

from typing import Optional

from crashext.targets.crash.target import CrashTarget

__all__ = ["CrashTarget", "open_target"]


def open_target(source_dirs: Optional[list[str]] = None) -> CrashTarget:
    """The dump that is open in this crash session.

    With drgn in this Python, the answers that need debug info come from drgn over crash's
    memory; without it the target says what is missing and why.
    """
    try:
        from crashext.targets.crash.deep import DeepCrashTarget
        from crashext.targets.drgn_over_crash import program
    except ImportError as error:
        return CrashTarget(source_dirs, _why(error))
    from crashext.targets.drgn import DrgnTarget

    try:
        prog = program()
    except Exception as error:
        return CrashTarget(source_dirs, f"drgn cannot open this session: {error}")
    target = CrashTarget(source_dirs)
    deep = DrgnTarget(prog, registers=target.saved_registers())
    return DeepCrashTarget(deep, source_dirs)


def _why(error: ImportError) -> str:
    import sys

    if error.name in ("drgn", "_drgn"):
        return f"pip install drgn for {sys.executable or 'the Python inside crash'}"
    return str(error)
