# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold for any bytes: no exception, one answer however read, nothing invented."""

from __future__ import annotations

import io
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "unit" / "log"), str(TESTS.parent)]

from log_truth import invented  # noqa: E402

from crashext.engine.log import parse, scan  # noqa: E402


def check(data: bytes) -> None:
    """Raises AssertionError where the parser is wrong; whatever else it raises is a find too."""
    summary = scan(io.BytesIO(data))
    text = data.decode("utf-8", "replace")
    assert parse(text) == summary, "stream and text differ"
    lines = text[:-1].split("\n") if text.endswith("\n") else text.split("\n")
    assert parse(lines if text else []) == summary, "lines and text differ"
    assert invented(summary, text) == []
