# SPDX-License-Identifier: GPL-2.0-or-later
"""A crashed kernel behind a drgn Program."""

from __future__ import annotations

from crashext.targets.drgn.target import DrgnTarget

__all__ = ["DrgnTarget"]
