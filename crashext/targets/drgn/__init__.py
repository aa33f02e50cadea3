# SPDX-License-Identifier: GPL-2.0-or-later
"""A crashed kernel behind a drgn Program.

``DrgnTarget`` is imported when asked for: :mod:`.exception` is pure, and the crash target uses it
in a Python without drgn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crashext.targets.drgn.target import DrgnTarget

__all__ = ["DrgnTarget"]


def __getattr__(name: str) -> Any:
    if name == "DrgnTarget":
        from crashext.targets.drgn.target import DrgnTarget

        return DrgnTarget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
