# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m crashext.lab``: the same as ``crashext lab``."""

import sys

from crashext.lab.cli import main

sys.exit(main(sys.argv[1:]))
