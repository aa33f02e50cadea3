# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes real vmcores: boots a kernel in QEMU, loads a module, makes it fault."""
