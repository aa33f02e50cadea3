# SPDX-License-Identifier: GPL-2.0-or-later
"""Comparing an explanation with the truth, and keeping the table."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from crashext.errors import CrashextError
from crashext.lab.accuracy import FORMAT_SAMPLE, NOT_SHOWN, Question, matrix, needed, selected
from crashext.lab.compare import UNKNOWABLE, Cell, Measured, compare, measured, plain
from crashext.lab.doors import explanation
from crashext.lab.report import Answer, Table, markdown, score
from crashext.lab.truth import Truth

LOG = """\
[    1.2] [     T95] BUG: kernel NULL pointer dereference, address: 0000000000000020
[    1.2] [     T95] #PF: supervisor read access in kernel mode
[    1.2] [     T95] Oops: 0000 [#1] PREEMPT SMP NOPTI
"""
TRUTH = Truth(
    fault="struct-member-of-null", kind="null-deref", access="read",
    function="fault_member", file="faults.c", line=77, variable="req", member="file",
    module="hello", context="process", ends="panic", note="", kernel="6.1.0", dump="elf",
)  # fmt: skip


def right_answer() -> dict[str, Any]:
    return {
        "kind": "null-deref",
        "error_code": {"raw": 0},
        "access": {"type": "read", "expression": "req->file at 0x20"},
        "fault_address": {"value": "0x20"},
        "culprit": {
            "function": "fault_member.isra.0", "file": "/x/src/faults.c", "line": 77,
            "module": "hello",
        },
        "variables": [],
        "headline": "sh crashed",
    }  # fmt: skip


def verdicts(found: dict[str, Any], door: str = "drgn", truth: Truth = TRUTH) -> dict[str, bool]:
    cells = compare(found, truth, LOG, door, ["fault_member.isra.0", "hello_init"])
    return {name: cell.right for name, cell in cells.items()}


def test_right_answer_is_right_in_every_field() -> None:
    assert verdicts(right_answer()) == dict.fromkeys(
        ("kind", "error_code", "access", "address", "function", "line", "module", "variable",
         "member"), True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "path", "value"),
    [
        ("kind", ("kind",), "err-ptr"),
        ("error_code", ("error_code", "raw"), 2),
        ("access", ("access", "type"), "write"),
        ("address", ("fault_address", "value"), "0x0"),
        ("address", ("fault_address",), None),
        ("function", ("culprit", "function"), "fault_members"),
        ("line", ("culprit", "line"), 78),
        ("line", ("culprit", "file"), "/x/otherfaults.c"),
        ("module", ("culprit", "module"), None),
        ("member", ("access", "expression"), "req->files"),
    ],
)
def test_one_wrong_field_is_wrong(field: str, path: tuple[str, ...], value: object) -> None:
    found = right_answer()
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    wrong = [name for name, right in verdicts(found).items() if not right]
    assert wrong == [field]


def test_variable_counts_when_listed_for_the_culprits_frame() -> None:
    found = right_answer()
    found["access"]["expression"] = "->file"
    found["variables"] = [{"name": "req", "frame": "fault_member"}]
    assert verdicts(found)["variable"] is True
    found["variables"] = [{"name": "req", "frame": "elsewhere"}]
    assert verdicts(found)["variable"] is False


def test_log_is_not_asked_for_lines_and_variables() -> None:
    assert set(verdicts(right_answer(), "log")) == {
        "kind", "error_code", "access", "address", "function", "module",
    }  # fmt: skip


def test_log_is_not_asked_for_an_inlined_function() -> None:
    truth = dataclasses.replace(TRUTH, function="inlined_one")
    assert "function" not in verdicts(right_answer(), "log", truth)
    assert verdicts(right_answer(), "drgn", truth)["function"] is False


def test_member_is_asked_only_of_an_access() -> None:
    truth = dataclasses.replace(TRUTH, access=None)
    assert "member" not in verdicts(right_answer(), "drgn", truth)


def test_what_the_truth_does_not_say_is_not_asked() -> None:
    truth = dataclasses.replace(TRUTH, function=None, file=None, line=None, variable=None)
    assert {"function", "line", "variable"}.isdisjoint(verdicts(right_answer(), "drgn", truth))


def test_unknowable_fields_are_not_asked() -> None:
    truth = dataclasses.replace(TRUTH, fault="stack-smash")
    assert UNKNOWABLE["stack-smash"][0] == {"line"}
    assert "line" not in verdicts(right_answer(), "drgn", truth)


@pytest.mark.parametrize(
    ("log", "result"),
    [
        (LOG, Measured(0, 0x20)),
        (
            "[ 1.0] BUG: unable to handle page fault for address: ffffffffc0001000\n"
            "[ 1.0] Oops: 0003 [#1] SMP\n",
            Measured(3, 0xFFFFFFFFC0001000),
        ),
        ("[ 1.0] divide error: 0000 [#1] SMP\n", Measured()),
        # 6.12 says "Oops: " twice.
        (
            "[ 1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000\n"
            "[ 1.0] Oops: Oops: 0002 [#1] PREEMPT SMP NOPTI\n",
            Measured(2, 0),
        ),
    ],
)
def test_what_the_kernel_measured(log: str, result: Measured) -> None:
    assert measured(log) == result


@pytest.mark.parametrize(
    ("name", "result"),
    [("f", "f"), ("f.isra.0", "f"), ("f.constprop.0.isra.1", "f"), ("f.cold", "f"), (None, None)],
)
def test_clones_have_the_name_of_the_source(name: str, result: str) -> None:
    assert plain(name) == result


def test_explanation_is_found_in_what_crash_prints_around_it() -> None:
    output = './crashext.so: shared object loaded\n{\n  "schema": "crashext/1",\n  "a": "}"\n}\nq\n'
    assert explanation(output) == {"schema": "crashext/1", "a": "}"}


def test_output_without_explanation_is_an_error() -> None:
    with pytest.raises(ValueError, match="no explanation"):
        explanation("crash: cannot open\n")


# The matrix

FAULTS = ["null-write", "hung-task", "hard-lockup"]


def test_matrix_leaves_out_what_the_lab_cannot_show() -> None:
    assert {question.fault for question in matrix(FAULTS)} == set(FAULTS) - set(NOT_SHOWN)


def test_whole_menu_is_asked_in_the_servers_format_of_every_door() -> None:
    asked = {(q.kernel, q.door) for q in matrix(["null-write"])}
    assert asked == {
        (kernel, door)
        for kernel in ("5.10", "6.1", "6.12", "newest")
        for door in ("log", "drgn", "crash:sid")
    }


def test_sample_is_asked_in_every_format() -> None:
    assert "hung-task" in FORMAT_SAMPLE
    formats = {q.dump for q in matrix(["hung-task"]) if q.kernel == "6.1"}
    assert formats == {"elf", "kdump", "kdump-real"}


def test_words_of_one_column_are_alternatives() -> None:
    chosen = selected(matrix(FAULTS), "6.1,6.12,kdump,drgn,null-write")
    assert [question.key for question in chosen] == [
        "6.1|kdump|null-write|drgn", "6.12|kdump|null-write|drgn",
    ]  # fmt: skip


def test_crash_stands_for_every_crash() -> None:
    chosen = selected(matrix(FAULTS), "6.1,kdump,hung-task,crash")
    assert [q.door for q in chosen] == ["crash:sid", "crash:bookworm", "crash:trixie"]


def test_unknown_word_is_refused() -> None:
    with pytest.raises(CrashextError, match="is called windows"):
        selected(matrix(FAULTS), "windows")


@pytest.mark.parametrize(
    ("note", "symbols"),
    [
        ("needs CONFIG_PREEMPT_COUNT", ["CONFIG_PREEMPT_COUNT"]),
        ("needs CONFIG_A and CONFIG_B; and more", ["CONFIG_A", "CONFIG_B"]),
        ("with CONFIG_DEBUG_SPINLOCK the kernel names it", []),
        ("", []),
    ],
)
def test_what_a_fault_needs_of_the_kernel(note: str, symbols: list[str]) -> None:
    assert needed(note) == symbols


def test_key_of_a_question() -> None:
    assert Question("6.1", "elf", "bug", "crash:sid").key == "6.1|elf|bug|crash:sid"


# The table

RIGHT, WRONG = Cell(True, "write", "write"), Cell(False, "write", "read")


def table(**cells: Cell) -> Table:
    answer = Answer("6.1|kdump|bug|drgn", cells)
    return Table({answer.key: answer}, {"drgn": "0.3.0"}, "2026-01-01")


def test_right_turned_wrong_is_a_regression() -> None:
    assert table(kind=RIGHT).regressions(table(kind=WRONG)) == ["6.1|kdump|bug|drgn kind: read"]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (table(kind=WRONG), table(kind=WRONG)),
        (table(kind=WRONG), table(kind=RIGHT)),
        (table(kind=RIGHT), table(kind=RIGHT)),
        (table(), table(kind=WRONG)),
        (table(kind=RIGHT), Table({}, {}, "")),
    ],
)
def test_anything_else_is_none(before: Table, now: Table) -> None:
    assert before.regressions(now) == []


def test_door_that_gives_no_answer_any_more_is_a_regression() -> None:
    broken = Answer("6.1|kdump|bug|drgn", {}, "no explanation in the output: Killed")
    now = Table({broken.key: broken}, {}, "")
    assert table(kind=RIGHT).regressions(now) == [
        "6.1|kdump|bug|drgn kind: no explanation in the output: Killed"
    ]


def test_table_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "accuracy.json"
    table(kind=RIGHT, access=WRONG).write(path)
    again = Table.read(path)
    answer = again.answers["6.1|kdump|bug|drgn"]
    assert (again.date, again.versions) == ("2026-01-01", {"drgn": "0.3.0"})
    assert answer.wrong() == {"access": WRONG}
    assert (answer.right, answer.perfect) == (1, False)


def test_table_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert Table.read(tmp_path / "none").answers == {}


def test_part_of_the_matrix_keeps_the_rest() -> None:
    other = Answer("6.1|kdump|warn|drgn", {"kind": RIGHT})
    merged = table(kind=WRONG).updated(Table({other.key: other}, {}, ""), {"6.1|kdump|bug|drgn"})
    assert list(merged.answers) == ["6.1|kdump|bug|drgn", "6.1|kdump|warn|drgn"]


def test_faults_that_left_the_menu_leave_the_table() -> None:
    assert table(kind=WRONG).updated(Table({}, {}, ""), set()).answers == {}


def test_score_never_rounds_up_to_all() -> None:
    many = [Answer(f"k|d|{index}|log", {"kind": RIGHT}) for index in range(2999)]
    many.append(Answer("k|d|x|log", {"kind": WRONG}))
    assert score(many) == "2999/3000 (99.9 %), 2999 of 3000 faults"
    assert score(many[:-1]) == "2999/2999 (100 %), 2999 of 2999 faults"


def test_markdown_shows_what_is_wrong_and_names_versions() -> None:
    text = markdown(table(kind=RIGHT, access=WRONG), UNKNOWABLE, NOT_SHOWN)
    assert "| 6.1 | kdump | 1/2 (50.0 %), 0 of 1 faults |" in text
    assert "| 6.1 | kdump | bug | drgn 0.3.0 | access | write | read |" in text
    assert "| bug | **1/2** |" in text


def test_what_a_dump_says_cannot_break_the_table() -> None:
    evil = Cell(False, "x", "a|b\nc<script>")
    assert "a\\|b c&lt;script>" in markdown(table(kind=evil), {}, {})
