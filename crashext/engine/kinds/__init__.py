# SPDX-License-Identifier: GPL-2.0-or-later
"""The kinds of crashes: ``kinds.NULL_DEREF`` …, and in :mod:`registry` what each of them says.

One file a family. It holds the lines by which the family's reports are recognised, the lines inside
them, and the words of title, sentence and advice; :mod:`family` says what a family declares. The
kind of one crash is decided in :mod:`crashext.engine.decide`.
"""

from crashext.engine.kinds.words import *  # noqa: F403
