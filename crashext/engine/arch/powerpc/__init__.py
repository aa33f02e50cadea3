# SPDX-License-Identifier: GPL-2.0-or-later
"""What a PowerPC processor says when it faults."""
