# SPDX-License-Identifier: GPL-2.0-or-later
"""Explains Linux kernel crashes: one engine, several ways in (log, crash, drgn).

For Python programs: ``crashext.open(path).explain()``; see docs/python.md.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashext.api import Crash as Crash
    from crashext.api import from_log as from_log
    from crashext.api import open as open
    from crashext.engine.model import Explanation as Explanation
    from crashext.errors import CrashextError as CrashextError

__version__ = "0.1.0"
__all__ = ["Crash", "CrashextError", "Explanation", "__version__", "from_log", "open"]

#: Public name → its module, imported only when it is used: a drgn session imports this package
#: for its commands' names and must not pay for more.
_HOMES = {
    "Crash": "crashext.api",
    "CrashextError": "crashext.errors",
    "Explanation": "crashext.engine.model",
    "from_log": "crashext.api",
    "open": "crashext.api",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
