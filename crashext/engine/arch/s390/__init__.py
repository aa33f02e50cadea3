# SPDX-License-Identifier: GPL-2.0-or-later
"""What a s390 processor says when it faults."""
