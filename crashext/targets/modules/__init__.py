# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules as the kernel's memory has them.

:mod:`.memory`, :mod:`.table` and :mod:`.facts` need only bytes and type layouts, so that drgn,
crash and a test's synthetic kernel all use the same code. :mod:`.pointers` and :mod:`.drgn` need
a ``drgn.Program``.
"""
