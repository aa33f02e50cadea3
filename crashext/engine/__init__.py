# SPDX-License-Identifier: GPL-2.0-or-later
"""What a crash means. Knows no debugger: works on text, bytes and plain values."""
