# SPDX-License-Identifier: GPL-2.0-or-later
"""PyKdump carries pyparsing along as ``pykdump.pyparsing``; here it is the one installed."""

from __future__ import annotations

from pyparsing import *  # type: ignore[import-not-found]  # noqa: F403
