# SPDX-License-Identifier: GPL-2.0-or-later
"""What an x86 processor says when it faults: traps, error codes, instructions."""
