# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job: a module of the template crashes a real kernel, and every door tells the truth."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from crashext.lab.store import Dump
from tests.lab import doors

DOORS: dict[str, Callable[[Dump], dict[str, Any]]] = {
    "log": doors.by_log,
    "shell": doors.by_shell,
    "drgn": doors.by_drgn,
    "crash": doors.by_crash,
}

#: Keys by which drgn may know more than crash: they name the target itself.
DRGN_MAY_KNOW_MORE = {"target"}


@pytest.fixture(scope="module")
def seed_crash(dump: Callable[..., Dump]) -> Dump:
    return dump("null-write-unload")


@pytest.fixture(scope="module")
def answers(seed_crash: Dump) -> dict[str, dict[str, Any]]:
    return {name: door(seed_crash) for name, door in DOORS.items()}


@pytest.mark.parametrize("door", DOORS)
def test_what_every_door_says(answers: dict[str, dict[str, Any]], door: str) -> None:
    answer = answers[door]
    access = answer["access"]
    assert (answer["schema"], answer["crashed"]) == ("crashext/1", True)
    assert (answer["kind"], answer["confidence"]) == ("null-deref", "high")
    assert answer["title"] == "NULL pointer write in hello_exit [hello]"
    assert (access["type"], access["size"], access["address"]) == ("write", 4, "0x0")
    assert "the address is the constant 0" in access["expression"]
    assert answer["rip"]["instruction"] == "movl $0x1,0x0"
    code = answer["error_code"]
    assert (code["raw"], code["trap"]) == (2, "#PF")
    assert {bit["name"]: bit["set"] for bit in code["bits"]} == {
        "PROT": False,
        "WRITE": True,
        "USER": False,
        "INSTR": False,
    }
    assert answer["culprit"]["function"] == "hello_exit"
    assert answer["task"]["comm"] == "rmmod"
    assert answer["task"]["cpu"] in (0, 1)
    assert answer["task"]["pid"] > 1
    module = answer["modules"][0]
    assert (module["name"], module["state"], module["taints"]) == ("hello", "unloading", "OE")
    assert module["suspect"] is True
    functions = [frame["function"] for frame in answer["stack"] if frame["reliable"]]
    assert functions[:2] == ["hello_exit", "__do_sys_delete_module"]
    assert answer["contradictions"] == []
    assert all(entry["source"] for entry in answer["evidence"])


@pytest.mark.parametrize("door", ["shell", "drgn", "crash"])
def test_what_debug_info_adds(
    answers: dict[str, dict[str, Any]], seed_crash: Dump, door: str
) -> None:
    answer = answers[door]
    assert answer["rip"]["file"].endswith("/main.c")
    assert answer["rip"]["line"] == seed_crash.truth.line
    assert answer["rip"]["source_text"].strip() == "*p = 1; /* FAULT: null-write-unload */"
    assert answer["access"]["source"] == "*p"
    pointer = next(entry for entry in answer["variables"] if entry["name"] == "p")
    assert (pointer["type"], pointer["value"]) == ("int *", "NULL")
    assert "of 2 CPUs ran a task" in str(answer["findings"])


def test_the_log_invents_no_line(answers: dict[str, dict[str, Any]]) -> None:
    answer = answers["log"]
    assert (answer["rip"]["file"], answer["rip"]["line"], answer["variables"]) == (None, None, None)
    assert answer["unknown"]["rip.file"].startswith("a log has no debug info")


@pytest.mark.parametrize("door", ["shell", "crash"])
def test_all_doors_to_the_dump_agree(answers: dict[str, dict[str, Any]], door: str) -> None:
    differing = {
        key: (value, answers[door][key])
        for key, value in answers["drgn"].items()
        if answers[door][key] != value and key not in DRGN_MAY_KNOW_MORE
    }
    assert differing == {}
