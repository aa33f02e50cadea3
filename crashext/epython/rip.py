# SPDX-License-Identifier: GPL-2.0-or-later
"""``epython …/rip.py``: the command rip inside crash, with PyKdump's Python."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from crashext.doors.upstream import main

main("rip", sys.argv[1:])
