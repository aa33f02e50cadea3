# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/architecture.py finds what it promises to find."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "architecture.py"
spec = importlib.util.spec_from_file_location("architecture", SCRIPT)
assert spec is not None
assert spec.loader is not None
architecture = importlib.util.module_from_spec(spec)
spec.loader.exec_module(architecture)


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("crashext.engine.kinds.slab", "crashext.engine.model"),
        ("crashext.engine.values.meaning", "crashext.engine.log"),
        ("crashext.engine.log.builder", "crashext.engine.verdict"),
        ("crashext.engine.verdict", "crashext.targets.drgn.target"),
        ("crashext.targets.log", "crashext.commands.explain"),
        ("crashext.commands.explain", "crashext.cli"),
        ("crashext.cli", "crashext.lab.cli"),
    ],
)
def test_rooms_are_in_order(lower: str, higher: str) -> None:
    assert architecture.room(lower) < architecture.room(higher)


@pytest.mark.parametrize("name", ["crashext.nowhere", "crashext.engine.nowhere"])
def test_a_module_without_a_room_is_told(name: str) -> None:
    with pytest.raises(LookupError, match=name):
        architecture.room(name)


def test_imports_of_every_form_count() -> None:
    known = ["crashext", "crashext.a", "crashext.a.b", "crashext.c"]
    tree = ast.parse(
        "from typing import TYPE_CHECKING\n"
        "import crashext.c\n"
        "if TYPE_CHECKING:\n    from crashext.a import b\n"
        "def f():\n    from . import g\n"
    )
    found = architecture.imports("crashext.x", Path("x.py"), tree, known)
    assert found == {"crashext", "crashext.a.b", "crashext.c"}


def test_circles() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"d"}}
    assert architecture.circles(graph) == [frozenset("abc")]


def test_words_outside_of_their_home() -> None:
    root = architecture.ROOT
    trees = {
        root / "crashext/home/own.py": ast.parse('KIND = "word"'),
        root / "crashext/away.py": ast.parse('"""word"""\nx = "word"\n"word"\ny = "a word"\n'),
        root / "crashext/other.py": ast.parse('x = "word"'),
    }
    found = architecture.words(
        trees,
        frozenset({"word"}),
        ("crashext/home/",),
        {},
        {("crashext/other.py", "word"): "something else"},
        "a word",
    )
    assert found == ['crashext/away.py:2: a word "word"']


def test_an_exception_that_is_no_longer_needed_is_told() -> None:
    tree = {architecture.ROOT / "crashext/clean.py": ast.parse("x = 1")}
    found = architecture.words(
        tree, frozenset({"word"}), (), {"crashext/clean.py": 1}, {("gone.py", "word"): "it"}, "word"
    )
    assert len(found) == 2
