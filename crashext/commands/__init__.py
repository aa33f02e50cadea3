# SPDX-License-Identifier: GPL-2.0-or-later
"""explain, oops, rip, mods: each written once, used by every door."""

from __future__ import annotations

import importlib

from crashext.commands.base import Command

#: The commands of the suite, in the order of their help; each is a module with ``COMMAND``.
NAMES = ("explain", "oops", "rip", "mods")


def load(name: str) -> Command:
    """The command of that name, imported only now: a door lists names without loading all."""
    command: Command = importlib.import_module(f"crashext.commands.{name}").COMMAND
    return command
