# SPDX-License-Identifier: GPL-2.0-or-later
"""Inputs that the fuzzer once found (tests/fuzz/corpus) stay mended."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "fuzz"
FINDS = sorted((FUZZ / "corpus").glob("*"))

_spec = importlib.util.spec_from_file_location("fuzz_target", FUZZ / "target.py")
assert _spec is not None
assert _spec.loader is not None
target = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(target)


@pytest.mark.parametrize("find", FINDS, ids=lambda path: path.name)
def test_find_stays_mended(find: Path) -> None:
    target.check(find.read_bytes())
