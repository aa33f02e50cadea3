# SPDX-License-Identifier: GPL-2.0-or-later
"""``epython oops``"""

import os
import sys

# PyKdump's Python knows nothing of crashext: its directory is three above this file's.
sys.path.append(os.path.abspath(os.path.join(os.path.dirname(sys.argv[0]), "..", "..", "..")))

from crashext.pykdump.programs import run

run(sys.argv)
