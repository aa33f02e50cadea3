# SPDX-License-Identifier: GPL-2.0-or-later
"""Every log of tests/data/logs says what its .report.json says, read whole or as a stream."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from log_cases import CASES, DATA, LOGS, summarise

from crashext.engine.log import parse, scan


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name[: -len(".report.json")])
def test_reports_of_the_log(case: Path) -> None:
    log = case.with_name(case.name.replace(".report.json", ".log"))
    expected = json.loads(case.read_text())
    summary = parse(log.read_bytes().decode("utf-8", "replace"))
    assert summarise(summary, expected) == expected


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_stream_and_text_agree(log: Path) -> None:
    data = log.read_bytes()
    assert scan(io.BytesIO(data)) == parse(data.decode("utf-8", "replace"))


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_lines_and_text_agree(log: Path) -> None:
    text = log.read_bytes().decode("utf-8", "replace")
    lines = text[:-1].split("\n") if text.endswith("\n") else text.split("\n")
    assert parse(lines) == parse(text)


def test_every_log_states_what_is_in_it() -> None:
    stated = {path.name.rsplit(".", 2)[0] for path in DATA.glob("*.json")}
    assert [log.name for log in LOGS if log.stem not in stated] == []
