# SPDX-License-Identifier: GPL-2.0-or-later
"""What only drgn tells of modules: who points into them, what unloaded ones left, their files."""
