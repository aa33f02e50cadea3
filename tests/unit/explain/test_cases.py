# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports as people pasted them, with what an expert would sign: ``tests/data/cases``.

``truth.json`` holds for each ``NAME.txt``: ``is``, paths into ``explain --json`` with the accepted
values; ``says`` and ``never_says``, patterns for the text, blanks collapsed; ``crashed``; and
``confidence_not``. An answer that is wrong in one of them is wrong.
"""

from __future__ import annotations

import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from crashext import cli
from crashext.engine.blame.names import normalise

DATA = Path(__file__).parents[2] / "data" / "cases"
TRUTH: dict[str, Any] = json.loads((DATA / "truth.json").read_text())


@cache
def answer(name: str, *options: str) -> str:
    """What ``crashext explain`` prints for a case."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        patch.setattr("sys.stderr", err)
        patch.setenv("COLUMNS", "100")
        patch.setenv("NO_COLOR", "1")
        cli.main(["explain", *options, str(DATA / f"{name}.txt")])
    return out.getvalue() or err.getvalue()


def value_at(tree: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdigit() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return None
    return tree


def plain(path: str, value: Any) -> Any:
    """Names without offset and compiler suffix, taint letters as a set, addresses as numbers."""
    if not isinstance(value, str):
        return value
    if path == "taint.letters":
        return "".join(sorted(set(value) - set("G -.")))
    if path.rsplit(".", 1)[-1] in ("function", "symbol"):
        return normalise(value.split("+", 1)[0].strip())
    return int(value, 16) if re.fullmatch(r"0x[0-9a-fA-F]+", value) else value


def collapsed(text: str) -> list[str]:
    joined = re.sub(r"(?<=\w-)\n\s*", "", text)
    return [" ".join(text.split()), " ".join(joined.split())]


def misses(name: str) -> list[str]:
    """What is wrong in the answer, a line each."""
    truth = TRUTH[name]
    tree = json.loads(answer(name, "--json"))
    lines = collapsed(answer(name))
    found = []
    if "crashed" in truth and tree.get("crashed") is not truth["crashed"]:
        found.append(f"crashed: {tree.get('crashed')}")
    for path, accepted in truth.get("is", {}).items():
        value = plain(path, value_at(tree, path))
        if value not in [plain(path, each) for each in accepted]:
            found.append(f"{path} = {value!r}, right: {accepted}")
    for pattern in truth.get("says", ()):
        if not any(re.search(pattern, line, re.I) for line in lines):
            found.append(f"says nowhere {pattern}")
    for pattern in truth.get("never_says", ()):
        hit = next((m for line in lines if (m := re.search(pattern, line, re.I))), None)
        if hit:
            found.append(f"says {hit.group()!r}")
    if truth.get("confidence_not") and tree.get("confidence") == truth["confidence_not"]:
        found.append(f"confidence {tree.get('confidence')}")
    return found


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_the_answer_is_what_an_expert_would_sign(name: str) -> None:
    assert misses(name) == []


def test_every_case_has_a_truth() -> None:
    assert {path.stem for path in DATA.glob("*.txt")} == set(TRUTH)
