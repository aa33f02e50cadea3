# SPDX-License-Identifier: GPL-2.0-or-later
"""What carried the whole text."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple, Optional


class Part(NamedTuple):
    """Some bytes of the log in the kernel's own lines."""

    data: bytes
    #: For each line that ends in ``data`` its number in the person's file; None: they count up.
    numbers: Optional[array[int]] = None


class Numbers:
    """Which line of the person's file a logical line is, for those that are still looked at."""

    def __init__(self) -> None:
        self.mapped = False
        self._numbers: array[int] = array("Q")
        self._first = 1

    def add(self, numbers: Optional[array[int]]) -> None:
        """The numbers of the next lines."""
        if numbers is not None:
            self.mapped = True
            self._numbers.extend(numbers)

    def of(self, index: int) -> int:
        """The number of the logical line ``index``, from 1."""
        if not self.mapped:
            return index
        place = min(max(index - self._first, 0), len(self._numbers) - 1)
        return self._numbers[place] if place >= 0 else index

    def drop(self, index: int) -> None:
        """Lines before ``index`` are not asked for again."""
        if self.mapped and index - self._first > 4096:
            del self._numbers[: index - self._first]
            self._first = index

    def last(self, lines: int) -> int:
        """How many lines the person's file has."""
        return self._numbers[-1] if self.mapped and self._numbers else lines


def parts(blocks: Iterator[bytes], whole: bool = False) -> Iterator[Part]:
    for block in blocks:
        yield Part(block)
