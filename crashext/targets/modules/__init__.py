# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules as the kernel's memory has them.

:mod:`.memory`, :mod:`.table`, :mod:`.sysfs`, :mod:`.facts` and :mod:`.records` need only bytes and
type layouts, so that drgn, crash and a test's recorded kernel all use the same code. The others
need a ``drgn.Program``.
"""
