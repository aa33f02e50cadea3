# SPDX-License-Identifier: GPL-2.0-or-later
"""``drgn -c vmcore -s vmlinux -s module.ko explain.py [WORDS]``; ``-h`` tells the words."""

from __future__ import annotations

import os
import sys

# drgn puts the script's own directory on the path; the packages lie in the one above it.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from crashext.doors.drgn import run_script

run_script(sys.argv)
