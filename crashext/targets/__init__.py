# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways to ask one crashed kernel: a bare log, crash, drgn."""
