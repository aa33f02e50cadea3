# SPDX-License-Identifier: GPL-2.0-or-later
"""What a module says about its faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crashext.errors import CrashextError
from crashext.lab.truth import Fault, markers, menu_of, parse_menu, place, truth_of


def test_all_keys_of_an_entry_are_read() -> None:
    menu = parse_menu(
        """[{"name": "hung", "sentence": "waits", "kind": "hung-task", "access": null,
             "function": "f", "variable": "pair", "member": "second", "context": "kthread",
             "trigger": "unload", "setup": {"boot": ["a=1"], "sysctl": {"kernel.x": 5}},
             "ends": "report", "note": "n"}]"""
    )
    assert menu["hung"] == Fault(
        name="hung", sentence="waits", kind="hung-task", function="f", variable="pair",
        member="second", context="kthread", trigger="unload", boot=("a=1",),
        sysctl={"kernel.x": "5"}, ends="report", note="n",
    )  # fmt: skip


def test_missing_keys_have_defaults() -> None:
    assert parse_menu('[{"name": "x"}]')["x"] == Fault(name="x", trigger="write", ends="panic")


def test_list_may_stand_under_a_key() -> None:
    assert list(parse_menu('{"faults": [{"name": "x"}]}')) == ["x"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('"x"', "no list of faults"),
        ("[{}]", "an entry without a name"),
        ('[{"name": "x", "trigger": "wish"}]', "fault x: unknown trigger or end"),
        ('[{"name": "x", "ends": "well"}]', "fault x: unknown trigger or end"),
    ],
)
def test_menu_that_cannot_be_used_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_menu(text)


def test_error_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text("{")
    with pytest.raises(CrashextError, match=rf"^{tmp_path}/faults.json cannot be used"):
        menu_of(tmp_path)


def test_module_without_menu_offers_none(tmp_path: Path) -> None:
    assert menu_of(tmp_path) == {}


def test_markers_give_line_numbers() -> None:
    source = "int f(void)\n{\n\t*p = 1; /* FAULT: null-write */\n\tx = *p; // FAULT: null-read\n}\n"
    assert markers(source) == {"null-write": 3, "null-read": 4}


def test_word_fault_alone_is_no_marker() -> None:
    assert markers("/* the FAULT: of others */\n") == {}


def test_place_is_relative_to_the_module(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.c").write_text("\n\nx(); /* FAULT: bug */\n")
    assert place(tmp_path, "bug") == ("sub/a.c", 3)
    assert place(tmp_path, "other") == (None, None)


def test_truth_joins_menu_and_marker(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("x(); /* FAULT: bug */\n")
    truth = truth_of(tmp_path, Fault("bug", kind="bug", function="f"), "hello", "6.1.0", "elf")
    truth.write(tmp_path / "truth.json")
    written = json.loads((tmp_path / "truth.json").read_text())
    assert (written["file"], written["line"], written["function"]) == ("a.c", 1, "f")
    assert (written["kind"], written["module"], written["kernel"]) == ("bug", "hello", "6.1.0")
