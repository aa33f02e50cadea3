# SPDX-License-Identifier: GPL-2.0-or-later
"""explain, oops, rip, mods: each written once, used by every door."""
