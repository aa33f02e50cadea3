# SPDX-License-Identifier: GPL-2.0-or-later
"""Every ``tests/data/logs/CASE.explain.json`` against the log beside it: a new case is a new file.

Keys are paths into the JSON of ``explain --json`` (``rip.symbol``, ``error_code.bits.1.name``);
the values must be equal. A key that ends in ``~`` holds a text that must occur in the value.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crashext.engine.verdict import explain, read_log
from crashext.render.json import jsonable
from crashext.targets.log import LogTarget

DATA = Path(__file__).parents[2] / "data" / "logs"
CASES = sorted(DATA.glob("*.explain.json"))


def value_at(tree: Any, path: str) -> Any:
    for step in path.split("."):
        tree = tree[int(step)] if isinstance(tree, list) else tree[step]
    return tree


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name.split(".explain")[0])
def test_explanation_of_the_log(case: Path) -> None:
    log = case.with_name(case.name.replace(".explain.json", ".log"))
    with log.open("rb") as stream:
        target = LogTarget(stream, str(log))
        tree = jsonable(explain(target, read_log(target)))
    expected = json.loads(case.read_text())
    actual = {
        key: expected[key]
        if key.endswith("~") and expected[key] in str(value_at(tree, key[:-1]))
        else value_at(tree, key.rstrip("~"))
        for key in expected
    }
    assert actual == expected


def test_there_are_cases() -> None:
    assert [path.name for path in CASES if path.name.startswith("seed")] == [
        "seed-3.10.explain.json"
    ]
