# SPDX-License-Identifier: GPL-2.0-or-later
"""Doors: how a command is reached from crash (the shell's door is cli.py, drgn's drgn_scripts)."""
