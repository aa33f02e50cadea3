# SPDX-License-Identifier: GPL-2.0-or-later
"""Which report to act on, how the others relate to it, what an object's history says.

Pure functions on the reports of one log: :mod:`crash` chooses, :mod:`boots` tells boots apart,
:mod:`repeats` copies; :mod:`events` knows signs that are no reports, :mod:`chain` puts all in order
and says what came first; :mod:`relations` puts the others in words, :mod:`objects` reads who
allocated and freed an object.
"""

from crashext.engine.cause.chain import cause_of, chain_of, missing
from crashext.engine.cause.crash import crash_of
from crashext.engine.cause.events import event_of
from crashext.engine.cause.objects import holder
from crashext.engine.cause.relations import others, relation

__all__ = [
    "cause_of",
    "chain_of",
    "crash_of",
    "event_of",
    "holder",
    "missing",
    "others",
    "relation",
]
