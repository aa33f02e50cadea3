# SPDX-License-Identifier: GPL-2.0-or-later
"""Chooses where type information comes from: drgn over crash's memory, else crash's gdb."""

from __future__ import annotations

from typing import Optional

from crashext.errors import CrashextError
from crashext.pykdump.cmodule import crash
from crashext.pykdump.ctype import TypeSource

_current: Optional[TypeSource] = None


def types() -> TypeSource:
    """The type source of this session; chosen on first use."""
    global _current
    if _current is None:
        _current = _choose()
    return _current


def use(source: Optional[TypeSource]) -> None:
    """Sets the type source; None chooses anew on next use."""
    global _current
    _current = source


def _choose() -> TypeSource:
    from crashext.pykdump.gdbtypes import GdbTypes

    try:
        from crashext.pykdump.drgn_over_crash import module_files, program
        from crashext.pykdump.drgntypes import DrgnTypes

        return DrgnTypes(program(), lambda: module_files(crash.exec_crash_command("mod")))
    except (ImportError, CrashextError):
        # No drgn in this Python, or none that can open this dump: crash's gdb always knows types.
        return GdbTypes()
