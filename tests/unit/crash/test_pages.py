# SPDX-License-Identifier: GPL-2.0-or-later
"""The help pages that crashext.so carries."""

from __future__ import annotations

import pytest

from crashext.commands import table
from crashext.doors.pages import all_pages

PAGES = {page[0]: page for page in all_pages()}


def test_every_command_has_a_page() -> None:
    assert list(PAGES) == [*table.names("crash"), "epython", "drgn", "crashext"]


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_a_terminal_and_have_examples(name: str) -> None:
    body = PAGES[name][3:]
    assert max(map(len, body)) <= 90
    assert "EXAMPLES" in body
    assert any(line.startswith("    crash> ") for line in body)


@pytest.mark.parametrize("name", PAGES)
def test_no_line_has_its_own_end(name: str) -> None:
    assert not any("\n" in line for line in PAGES[name])


def test_pages_do_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert all_pages() == list(PAGES.values())
