# SPDX-License-Identifier: GPL-2.0-or-later
"""``epython …/mods.py``: the command mods inside crash, with PyKdump's Python."""

import os
import sys

# Not __file__: with PyKdump that is still the name of a program that ran before.
sys.path.append(os.path.abspath(os.path.join(os.path.dirname(sys.argv[0]), "..", "..")))

from crashext.doors.upstream import main

main("mods", sys.argv[1:])
