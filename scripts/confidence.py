#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How often an answer of each confidence is right, over the reports whose truth is known.

usage: scripts/confidence.py [--write]

Reads tests/data/cases (truth.json: what each field of ``explain --json`` may be). An answer is
wrong when one of the fields is. ``--write`` puts the table into docs/confidence.md.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from crashext import from_log
from crashext.engine.blame.names import normalise
from crashext.render.json import jsonable

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "data" / "cases"
PAGE = ROOT / "docs" / "confidence.md"
_TABLE = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)


def value_at(tree: Any, path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    for step in path.split("."):
        if isinstance(tree, list):
            tree = tree[int(step)] if step.isdigit() and int(step) < len(tree) else None
        else:
            tree = tree.get(step) if isinstance(tree, dict) else None
    return tree


def plain(path: str, value: Any) -> Any:
    """A value as it is compared: numbers as such, names without compiler suffix."""
    if not isinstance(value, str):
        return value
    if path == "taint.letters":
        return "".join(sorted(set(value) - set("G -.")))
    if path.endswith((".function", ".symbol")):
        return normalise(value.split("+", 1)[0])
    return int(value, 16) if re.fullmatch(r"0x[0-9a-fA-F]+", value) else value


def is_right(tree: Any, truth: dict[str, Any]) -> bool:
    """Whether every field of the truth is what the answer says."""
    if "crashed" in truth and tree["crashed"] is not truth["crashed"]:
        return False
    return all(
        plain(path, value_at(tree, path)) in [plain(path, each) for each in accepted]
        for path, accepted in truth.get("is", {}).items()
    )


def measure() -> dict[str, Counter[str]]:
    """Confidence → how many answers were right and wrong."""
    found: dict[str, Counter[str]] = {}
    truths = json.loads((CASES / "truth.json").read_text())
    for name, truth in truths.items():
        tree = jsonable(from_log((CASES / f"{name}.txt").read_bytes()).explain())
        level = tree["confidence"] or "no crash found"
        found.setdefault(level, Counter())["right" if is_right(tree, truth) else "wrong"] += 1
    return found


def table(found: dict[str, Counter[str]]) -> str:
    lines = ["| confidence | answers | right | wrong |", "|---|---|---|---|"]
    for level in ("high", "medium", "low", "no crash found"):
        counts = found.get(level, Counter())
        lines.append(f"| {level} | {sum(counts.values())}"
                     f" | {counts['right']} | {counts['wrong']} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> int:
    text = table(measure())
    if "--write" in sys.argv[1:]:
        page = PAGE.read_text()
        PAGE.write_text(_TABLE.sub(lambda match: match[1] + text + match[2], page))
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
