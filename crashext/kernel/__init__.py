# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks one crashed kernel's memory, once for all debuggers.

Everything here works over :class:`crashext.kernel.port.Port`: bytes, symbols and type layouts.
What only one debugger can do (DWARF's inline chains and variables, unwinding) stays in its target.
"""
