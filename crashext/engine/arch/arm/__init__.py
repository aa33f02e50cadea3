# SPDX-License-Identifier: GPL-2.0-or-later
"""What a 32-bit arm processor says when it faults."""
