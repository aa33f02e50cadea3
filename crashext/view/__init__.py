# SPDX-License-Identifier: GPL-2.0-or-later
"""What an answer says, in which order and under which label: data that renderers only lay out."""
