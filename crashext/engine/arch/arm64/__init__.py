# SPDX-License-Identifier: GPL-2.0-or-later
"""What an arm64 processor says when it faults."""
