# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/faults.md lists the faults of faults.json. UPDATE_DOCS=1 writes the table."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.unit.template.conftest import TEMPLATE, Generate

DOCUMENT = TEMPLATE.parent / "docs" / "faults.md"
BEGIN = "<!-- table: made by tests/unit/template/test_docs.py -->\n"
END = "<!-- end of table -->\n"


def row(fault: dict[str, Any]) -> str:
    kind = fault["kind"] + (f", {fault['access']}" if fault["access"] else "")
    what = "→".join(filter(None, (fault["variable"], fault["member"])))
    blame = f"`{fault['function']}`" + (f": `{what}`" if what else "")
    setup = [*fault["setup"]["boot"]]
    setup += [f"{key}={value}" for key, value in fault["setup"]["sysctl"].items()]
    where = fault["context"] + (", at unload" if fault["trigger"] == "unload" else "")
    needs = "; ".join(filter(None, (" ".join(setup), fault["note"])))
    cells = (f"`{fault['name']}`", fault["sentence"], kind, blame, where, fault["ends"], needs)
    return f"| {' | '.join(cells)} |\n"


def table(faults: list[dict[str, Any]]) -> str:
    head = "| name | what happens | kind | blame | context | ends | settings, notes |\n"
    return "\n" + head + "|---|---|---|---|---|---|---|\n" + "".join(map(row, faults)) + "\n"


def test_document_lists_every_fault_as_it_is(generate: Generate) -> None:
    module = generate(module_name="MODULE")
    wanted = table(json.loads((module / "faults.json").read_text()))
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    written, _, after = rest.partition(END)
    if os.environ.get("UPDATE_DOCS") and written != wanted:
        DOCUMENT.write_text(before + BEGIN + wanted + END + after)
        written = wanted
    assert written == wanted


def test_document_counts_them(generate: Generate) -> None:
    faults = json.loads((generate() / "faults.json").read_text())
    assert f"fail in {len(faults)} ways" in DOCUMENT.read_text()
