# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads kernel logs: :func:`parse` for text in memory, :func:`scan` for files of any size."""

from __future__ import annotations

from crashext.engine.log.reader import parse, scan

__all__ = ["parse", "scan"]
