# SPDX-License-Identifier: GPL-2.0-or-later
"""PyKdump's module ``pykdump.wrapcrash``: its names, at their homes in this package."""

from __future__ import annotations

from crashext.pykdump.commands import *  # noqa: F403
from crashext.pykdump.lists import *  # noqa: F403
from crashext.pykdump.memory import *  # noqa: F403
from crashext.pykdump.structs import *  # noqa: F403
from crashext.pykdump.typeinfo import *  # noqa: F403
from crashext.pykdump.typequery import *  # noqa: F403
