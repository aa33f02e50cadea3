# SPDX-License-Identifier: GPL-2.0-or-later
"""``epython …/oops.py``: the command oops inside crash, with PyKdump's Python."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from crashext.doors.upstream import main

main("oops", sys.argv[1:])
