# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds expressions that can take more than linear time: a static checker.

A backtracking matcher needs quadratic time where two repeats can share one run of a character, and
exponential time where a repeat can take a run of it in two ways. Both show in the automaton of
positions (Glushkov): for a character, two cycles with a way from one to the other, or a cycle with
two ways through it. Repeats of at most :data:`BOUNDED` count as one, for they cost a constant.
"""

from __future__ import annotations

import re
from typing import Any

try:
    from re import _constants as sre  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # before Python 3.11
    import sre_constants as sre  # type: ignore[no-redef]
    import sre_parse as parser  # type: ignore[no-redef]

BOUNDED = 512
_ALL = frozenset(range(128))
_CATEGORIES = {
    sre.CATEGORY_DIGIT: re.compile(r"\d"), sre.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    sre.CATEGORY_SPACE: re.compile(r"\s"), sre.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    sre.CATEGORY_WORD: re.compile(r"\w"), sre.CATEGORY_NOT_WORD: re.compile(r"\W"),
}  # fmt: skip


def _members(items: Any) -> frozenset[int]:
    """The ASCII characters of a class."""
    found: set[int] = set()
    negated = False
    for op, value in items:
        if op is sre.NEGATE:
            negated = True
        elif op is sre.LITERAL:
            found.add(value)
        elif op is sre.RANGE:
            found |= set(range(value[0], min(value[1], 127) + 1))
        elif op is sre.CATEGORY:
            found |= {code for code in _ALL if _CATEGORIES[value].match(chr(code))}
    return frozenset(_ALL - found) if negated else frozenset(found & _ALL)


class _Automaton:
    """Positions of an expression, what each takes, and which follow which."""

    def __init__(self) -> None:
        self.takes: list[frozenset[int]] = []
        self.follow: dict[int, set[int]] = {}
        self.twice = False  # a repeat of a repeat: (a*)*

    def _position(self, takes: frozenset[int]) -> tuple[set[int], set[int], bool]:
        self.takes.append(takes)
        here = len(self.takes) - 1
        self.follow[here] = set()
        return {here}, {here}, False

    def build(self, items: Any) -> tuple[set[int], set[int], bool]:
        """First and last positions of a sequence, and whether it may be empty."""
        first: set[int] = set()
        last: set[int] = set()
        empty = True
        for op, value in items:
            begins, ends, nothing = self._one(op, value)
            for position in last:
                self.follow[position] |= begins
            first = first | begins if empty else first
            last = last | ends if nothing else ends
            empty = empty and nothing
        return first, last, empty

    def _one(self, op: Any, value: Any) -> tuple[set[int], set[int], bool]:
        if op is sre.LITERAL:
            return self._position(frozenset((value,)) & _ALL)
        if op is sre.NOT_LITERAL:
            return self._position(_ALL - {value})
        if op is sre.ANY:
            return self._position(_ALL - {10})
        if op is sre.IN:
            return self._position(_members(value))
        if op is sre.SUBPATTERN:
            return self.build(value[-1])
        if op is sre.BRANCH:
            parts = [self.build(branch) for branch in value[1]]
            return (
                set().union(*(part[0] for part in parts)),
                set().union(*(part[1] for part in parts)),
                any(part[2] for part in parts),
            )
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, body = value
            begins, ends, nothing = self.build(body)
            if high > BOUNDED:
                for position in ends:
                    self.twice = self.twice or bool(self.follow[position] & begins)
                    self.follow[position] |= begins
            return begins, ends, nothing or low == 0
        return set(), set(), True  # AT, ASSERT and ASSERT_NOT take nothing


def faults(pattern: re.Pattern[Any]) -> list[str]:
    """What makes an expression worse than linear, in words; empty for a good one."""
    text = pattern.pattern
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    automaton = _Automaton()
    tree = parser.parse(text, pattern.flags & ~re.UNICODE & ~re.DEBUG)
    _, last, _ = automaton.build(tree)
    items = list(tree)
    ends = bool(items) and items[-1][0] is sre.AT
    found = ["a repeat repeats a repeat"] if automaton.twice else []
    seen: set[frozenset[int]] = set()
    for code in sorted(_ALL):
        takers = frozenset(i for i, takes in enumerate(automaton.takes) if code in takes)
        if takers in seen or not takers:
            continue
        seen.add(takers)
        edges = {i: automaton.follow[i] & takers for i in takers}
        reach = {i: _reached(i, edges) for i in takers}
        cyclic = [i for i in takers if i in reach[i]]
        for one in cyclic:
            inside = [j for j in edges[one] if one in reach[j] or (j == one and one in edges[one])]
            if len(inside) > 1:
                found.append(f"{chr(code)!r} goes through a repeat in two ways")
            for other in cyclic:
                apart = other in reach[one] and one not in reach[other]
                if apart and (ends or other not in last):
                    found.append(f"two repeats share a run of {chr(code)!r}")
    return sorted(set(found))


def _reached(start: int, edges: dict[int, set[int]]) -> set[int]:
    found: set[int] = set()
    todo = [start]
    while todo:
        for position in edges[todo.pop()]:
            if position not in found:
                found.add(position)
                todo.append(position)
    return found
