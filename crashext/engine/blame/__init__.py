# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom to blame: what a function is for (roles), where a report points (anchors), which frame.

* :mod:`names` takes from a function's name what compilers add to it;
* :mod:`roles` tells a helper from a function that acts for itself, by name (hand-written and
  generated) or by source file (:mod:`files`);
* :mod:`choose` picks the frame to act on, from frames alone; :mod:`stalls` that of a lockup,
  :mod:`lockrules` the place that a report of lockdep names.
"""

from crashext.engine.blame.choose import (
    choose,
    choose_track,
    is_about_an_object,
    is_helper,
    is_plumbing,
    role_of,
)
from crashext.engine.blame.lockrules import named_place
from crashext.engine.blame.seen import Choice, where

__all__ = [
    "Choice",
    "choose",
    "choose_track",
    "is_about_an_object",
    "is_helper",
    "is_plumbing",
    "named_place",
    "role_of",
    "where",
]
