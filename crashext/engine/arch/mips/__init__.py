# SPDX-License-Identifier: GPL-2.0-or-later
"""What a MIPS processor says when it faults."""
