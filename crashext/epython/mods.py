# SPDX-License-Identifier: GPL-2.0-or-later
"""``epython …/mods.py``: the command mods inside crash, with PyKdump's Python."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from crashext.doors.upstream import main

main("mods", sys.argv[1:])
