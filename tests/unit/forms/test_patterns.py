# SPDX-License-Identifier: GPL-2.0-or-later
"""No expression over lines of a log can take more than linear time."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from backtracking import faults

import crashext.engine
from crashext.engine.kinds import registry
from crashext.engine.lazy import Lazy

PACKAGES = ("forms", "log", "kinds")


def patterns() -> dict[str, re.Pattern[Any]]:
    """Every expression of the engine's lines, by where it stands."""
    found: dict[str, re.Pattern[Any]] = {}
    for name in PACKAGES:
        package = importlib.import_module(f"crashext.engine.{name}")
        for info in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"crashext.engine.{name}.{info.name}")
            for key, value in vars(module).items():
                if isinstance(value, Lazy):
                    value = value.compiled
                if isinstance(value, re.Pattern):
                    found[f"{name}.{info.name}.{key}"] = value
    rows = [*registry.HEADERS, *registry.NOTES, *registry.PANICS]
    for info_of_kind in registry.INFO.values():
        rows += info_of_kind.sections
    for row in rows:
        found[row.regex.pattern[:120]] = row.regex
    return found


def test_every_expression_is_linear() -> None:
    every = patterns()
    assert len(every) > 250
    assert {name: said for name, one in every.items() if (said := faults(one))} == {}


def _lazy(value: object) -> Iterator[Lazy[Any]]:
    if isinstance(value, Lazy):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _lazy(each)


def test_every_lazy_expression_compiles() -> None:
    found = 0
    for info in pkgutil.walk_packages(crashext.engine.__path__, "crashext.engine."):
        for value in vars(importlib.import_module(info.name)).values():
            for lazy in _lazy(value):
                assert lazy.compiled.pattern == lazy.pattern
                found += 1
    assert found > 180


@pytest.mark.parametrize(
    "bad",
    [r"\s*(?:a\s+)?\s*b", r"(a*)*b", r"(?:\w+ ?)*;", r".*x.*y", r"\[[\w-]*[0-9a-f]*$", r"\d+.*\)"],
)
def test_a_bad_expression_is_seen(bad: str) -> None:
    assert faults(re.compile(bad)) != []


@pytest.mark.parametrize(
    "good", [r"\s*a\s*b", r"[^()]*(?:\([^()]*\)[^()]*)*x", r"a{0,20}a*b", r"\w+"]
)
def test_a_good_expression_is_left_alone(good: str) -> None:
    assert faults(re.compile(good)) == []
