# SPDX-License-Identifier: GPL-2.0-or-later
"""Explains Linux kernel crashes: one engine, several ways in (log, crash, drgn)."""

__version__ = "0.1.0"
