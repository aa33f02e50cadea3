# SPDX-License-Identifier: GPL-2.0-or-later
"""A regular expression that is compiled at its first use.

Every start of the shell imports the engine, and a log has few of the forms that the engine knows.
An expression for a form that most logs do not have is a :class:`Lazy`; one that every log needs
stays ``re.compile``, since it would be compiled anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from re import Match, Pattern
from typing import Any, AnyStr, Callable, Generic, Optional, Union


class Lazy(Generic[AnyStr]):
    """Stands for ``re.compile(pattern, flags)``; a bad pattern raises :exc:`re.error` when used.

    The methods are those of the compiled expression, kept after the first call: from then on a
    call costs what it costs there.
    """

    def __init__(self, pattern: AnyStr, flags: Union[int, re.RegexFlag] = 0) -> None:
        self.pattern: AnyStr = pattern
        self.flags = flags

    @cached_property
    def compiled(self) -> Pattern[AnyStr]:
        return re.compile(self.pattern, self.flags)

    @cached_property
    def match(self) -> Callable[..., Optional[Match[AnyStr]]]:
        return self.compiled.match

    @cached_property
    def search(self) -> Callable[..., Optional[Match[AnyStr]]]:
        return self.compiled.search

    @cached_property
    def fullmatch(self) -> Callable[..., Optional[Match[AnyStr]]]:
        return self.compiled.fullmatch

    @cached_property
    def finditer(self) -> Callable[..., Iterator[Match[AnyStr]]]:
        return self.compiled.finditer

    @cached_property
    def findall(self) -> Callable[..., list[Any]]:
        return self.compiled.findall

    @cached_property
    def split(self) -> Callable[..., list[Any]]:
        return self.compiled.split

    @cached_property
    def sub(self) -> Callable[..., AnyStr]:
        return self.compiled.sub

    @property
    def groupindex(self) -> Mapping[str, int]:
        return self.compiled.groupindex
