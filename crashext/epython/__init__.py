# SPDX-License-Identifier: GPL-2.0-or-later
"""explain, oops, rip and mods as programs for ``epython``: PyKdump's, where it is loaded."""
