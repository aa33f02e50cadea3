# SPDX-License-Identifier: GPL-2.0-or-later
"""What each processor architecture calls its registers and says when it faults."""
