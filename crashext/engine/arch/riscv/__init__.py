# SPDX-License-Identifier: GPL-2.0-or-later
"""What a RISC-V processor says when it faults."""
