# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands of the suite, each written once and used by every door: see table.py."""
