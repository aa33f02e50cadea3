# SPDX-License-Identifier: GPL-2.0-or-later
"""What a LoongArch processor says when it faults."""
