# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m crashext``."""

import sys

from crashext.cli import main

sys.exit(main())
