# SPDX-License-Identifier: GPL-2.0-or-later
"""A crashed kernel that is open in the ``crash`` program.

Importing this package needs no ``crash``: :mod:`.registers`, :mod:`.path` and :mod:`.lines` are
pure.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Optional

from crashext.errors import CrashextError

if TYPE_CHECKING:
    import drgn

    from crashext.targets.crash.target import CrashTarget

__all__ = ["open_target"]


def open_target(source_dirs: Optional[list[str]] = None) -> CrashTarget:
    """The dump that is open in this crash session.

    With drgn in this Python, the answers that need debug info come from drgn over crash's
    memory; without it the target says what is missing and why.
    """
    from crashext.targets.crash.target import CrashTarget

    try:
        # First: with PyKdump no drgn helps, and its Python may lack what drgn's modules import.
        import _crashext  # noqa: F401

        from crashext.pykdump.drgn_over_crash import program
        from crashext.targets.crash.deep import DeepCrashTarget
        from crashext.targets.drgn.target import DrgnTarget
    except ImportError as error:
        return CrashTarget(source_dirs, _why(error))
    # libdrgn's own warnings would come between the lines of an answer; what matters is said by
    # an Unknown.
    logging.getLogger("drgn").addHandler(logging.NullHandler())
    logging.getLogger("drgn").propagate = False
    try:
        prog = program()
    except CrashextError as error:
        return CrashTarget(source_dirs, f"drgn cannot open this session: {error}")
    _give_files(prog)
    deep = DrgnTarget(prog, registers=CrashTarget().saved_registers(), source_dirs=source_dirs)
    return DeepCrashTarget(deep)


def _give_files(prog: drgn.Program) -> None:
    """The files that crash has open, and what lies beside them, for drgn to look in."""
    from crashext.pykdump.crash_files import opened
    from crashext.pykdump.drgn_over_crash import module_files
    from crashext.targets.crash import names
    from crashext.targets.drgn.files import DebugFileFinder

    finder = DebugFileFinder.of(prog)
    if opened().dump is not None:
        prog.cache["crashext.path"] = opened().dump
    places = [os.path.dirname(path) for path in opened().kernels]
    for path in [*module_files(str(names.exec_crash_command("mod"))), *places]:
        if path not in finder.symbols:
            finder.symbols.append(path)


def _why(error: ImportError) -> str:
    """Why drgn is not to be had: it is not installed, or this is PyKdump and not crashext.so."""
    missing = (error.name or "").split(".")[0]
    if missing in ("drgn", "_drgn"):
        return f"pip install drgn for {sys.executable or 'the Python inside crash'}"
    if missing == "_crashext":
        return "extend crashext.so instead of mpykdump.so"
    raise error
