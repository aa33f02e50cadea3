#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes what follows from the families of crash kinds: the words for mypy and docs/kinds.md.

``scripts/kinds.py`` writes; with ``--check`` it fails where a file is not current.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from crashext.engine.kinds.family import Family, KindInfo  # noqa: E402
from crashext.engine.kinds.registry import FAMILIES  # noqa: E402

WORDS = ROOT / "crashext/engine/kinds/words.py"
DOCS = ROOT / "docs/kinds.md"


def constant(kind: str) -> str:
    """``null-deref`` → ``NULL_DEREF``."""
    return kind.upper().replace("-", "_")


def words() -> str:
    """The module that holds the Literal type and a constant for each kind."""
    kinds = [info.name for family in FAMILIES for info in family.kinds]
    names = sorted([*map(constant, kinds), "KINDS", "Kind"])
    lines = [
        "# SPDX-License-Identifier: GPL-2.0-or-later",
        "# ruff: noqa: RUF022 -- sorted by the script",
        '"""The words for kinds of crashes: made by scripts/kinds.py from the families."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final, Literal",
        "",
        "# fmt: off",
        "__all__ = [",
        *(f'    "{name}",' for name in names),
        "]",
        "",
        "Kind = Literal[",
        *(f'    "{kind}",' for kind in kinds),
        "]",
        "",
        "#: Every kind, in the order of the families.",
        "KINDS: Final[tuple[Kind, ...]] = (",
        *(f'    "{kind}",' for kind in kinds),
        ")",
        "",
        *(f'{constant(kind)}: Final = "{kind}"' for kind in kinds),
        "# fmt: on",
    ]
    return "\n".join(lines) + "\n"


def _kind(info: KindInfo) -> list[str]:
    anchors = ", then ".join(anchor.value for anchor in info.anchors)
    return [f"| `{info.name}` | {info.meaning} | {info.title} | {anchors} |"]


def _family(family: Family) -> list[str]:
    lines = [f"## {family.name}", "", family.meaning, ""]
    lines += ["| kind | what happened | title | blame begins at |", "|---|---|---|---|"]
    for info in family.kinds:
        lines += _kind(info)
    sites = [f"`{site.function or 'any function'}` in {site.file or 'any file'}: `{site.kind}`"
             for site in family.sites]  # fmt: skip
    if sites:
        lines += ["", "BUG() and WARN() sites that tell the kind:", ""]
        lines += [f"* {site}" for site in sites]
    return [*lines, ""]


def docs() -> str:
    """docs/kinds.md."""
    lines = [
        "# Kinds of crashes",
        "",
        "Made by `scripts/kinds.py` from the files in `crashext/engine/kinds/`, one a family. To "
        "add a",
        "kind, add a `KindInfo` and its lines to a family file, run the script, and give it a "
        "test.",
        "",
    ]
    for family in FAMILIES:
        lines += _family(family)
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    stale = []
    for path, text in ((WORDS, words()), (DOCS, docs())):
        if path.exists() and path.read_text() == text:
            continue
        if "--check" in arguments:
            stale.append(str(path.relative_to(ROOT)))
        else:
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    if stale:
        print(f"not current: {', '.join(stale)}; run scripts/kinds.py")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
