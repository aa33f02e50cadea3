# SPDX-License-Identifier: GPL-2.0-or-later
"""How people paste a log: text or bytes in, logical lines in the kernel's own form out.

What a carrier did to the whole file (packing, encodings, mail, pages, journal records) is undone
by :mod:`packed` and :mod:`carriers`, what it did to one line by :mod:`prefix`, and what it did to
the ends of lines by :mod:`wrapping`. Each logical line knows its number in the person's file.
"""
