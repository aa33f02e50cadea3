# SPDX-License-Identifier: GPL-2.0-or-later
"""The text and JSON forms of an explanation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crashext.engine import title
from crashext.engine.kinds import KINDS, Kind, registry
from crashext.engine.model import Explanation
from crashext.engine.verdict import explain, read_log
from crashext.render import json as json_form
from crashext.render import text
from crashext.targets.log import LogTarget
from crashext.view import explain as view

SEED = Path(__file__).parents[2] / "data" / "logs" / "seed-3.10.log"


@pytest.fixture(scope="module")
def seed() -> Explanation:
    target = LogTarget(SEED.read_text())
    return explain(target, read_log(target))


def shown(explanation: Explanation, *, verbose: bool = False, **layout: Any) -> str:
    return text.render(view.document(explanation, verbose=verbose), **layout)


def test_first_screen_of_the_seed(seed: Explanation) -> None:
    lines = shown(seed, width=100).splitlines()
    assert lines[0].startswith("NULL pointer write in hello_cleanup [hello_2]")
    assert lines[0].endswith("confidence: high")
    assert "  path    SyS_delete_module → hello_cleanup" in lines
    assert "  why     Oops 0002 = page not present · write · kernel mode: NULL pointer" in lines
    assert "          movl $0x1,0x0" in lines


def test_no_line_is_wider_than_asked(seed: Explanation) -> None:
    rendered = shown(seed, width=72)
    assert max(len(line) for line in rendered.splitlines()) <= 72


def test_without_color_there_is_no_escape(seed: Explanation) -> None:
    assert "\x1b" not in shown(seed, color=False, verbose=True)


def test_color_marks_the_faulting_instruction(seed: Explanation) -> None:
    rendered = shown(seed, color=True, verbose=True)
    assert "\x1b[1;31m  → ffffffffa05cc012  movl $0x1,0x0\x1b[0m" in rendered


def test_hostile_names_do_not_reach_the_terminal() -> None:
    log = SEED.read_text().replace("[hello_2]", "[he\x1b]0;owned\x07llo]")
    target = LogTarget(log)
    rendered = shown(explain(target, read_log(target)), verbose=True)
    assert "\x1b" not in rendered
    assert "\x07" not in rendered


def test_addresses_are_hexadecimal_strings(seed: Explanation) -> None:
    tree = json.loads(json_form.render(seed))
    assert tree["rip"]["address"] == "0xffffffffa05cc012"
    assert tree["fault_address"] == {
        "value": "0x0",
        "from": "headline, log line 3",
        "meaning": "the pointer is NULL",
    }


def test_every_null_key_has_a_reason(seed: Explanation) -> None:
    tree = json.loads(json_form.render(seed))
    optional = {"cause", "waits", "memory", "hardware"}  # null: there is nothing to tell
    nulls = [key for key, value in tree.items() if value is None and key not in optional]
    assert nulls == [key for key in nulls if key in tree["unknown"]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_title_a_headline_and_a_next_step(kind: Kind) -> None:
    info = registry.INFO[kind]
    assert info.advice
    assert info.event.format(where="f", message="m", seconds="")
    assert title.title(kind, function="f", access="read") != kind


def test_text_without_a_crash() -> None:
    target = LogTarget("[    0.000000] Linux version 6.1.0\n[    1.0] eth0: link up\n")
    explanation = explain(target, read_log(target))
    assert " ".join(shown(explanation).split()) == (
        "No crash report in this log (2 lines, taken for a kernel log): looked for an oops, panic, "
        "BUG, WARNING, lockup, stall, hung task, OOM kill."
    )
    assert explanation.crashed is False
