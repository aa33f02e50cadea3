# SPDX-License-Identifier: GPL-2.0-or-later
"""A finding whose need is not met is not asked and says why; one that fails costs only itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import pytest

from crashext.engine.model import Finding
from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel.findings import Look, ask
from crashext.targets.base import ExceptionFrame


def told(session: str, report: Optional[Report], frame: Optional[ExceptionFrame]) -> list[Finding]:
    return [Finding("cpus", f"of {session}")]


def broken(
    session: str, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    yield Finding("locks", "found before it broke")
    raise Unknown("a page is not in the dump")


def wrong(session: str, report: Optional[Report], frame: Optional[ExceptionFrame]) -> list[Finding]:
    raise RuntimeError("a bug of ours")


TELLS: Look[str] = Look(("cpus",), frozenset(), told)
BREAKS: Look[str] = Look(("locks",), frozenset({"unwinding"}), broken)


def test_all_are_asked_in_order() -> None:
    result = ask((BREAKS, TELLS), "this dump", None, None, {})
    assert [f.text for f in result.found] == ["found before it broke", "of this dump"]
    assert result.not_asked == {}


def test_an_unmet_need_is_told() -> None:
    result = ask((BREAKS, TELLS), "this dump", None, None, {"unwinding": "nobody can unwind"})
    assert [f.topic for f in result.found] == ["cpus"]
    assert result.not_asked == {"locks": "not asked, because nobody can unwind"}


def test_a_bug_is_not_swallowed() -> None:
    look: Look[str] = Look(("cpus",), frozenset(), wrong)
    with pytest.raises(RuntimeError):
        ask((look,), "this dump", None, None, {})
