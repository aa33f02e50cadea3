# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules as the kernel's memory has them, from bytes and type layouts alone."""
