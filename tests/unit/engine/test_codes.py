# SPDX-License-Identifier: GPL-2.0-or-later
"""Codes typed by hand: which readings, in which order, and what they say."""

from __future__ import annotations

import pytest

from crashext.engine.codes import explain_code
from crashext.errors import UsageError


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("0x0002", ["page-fault"]),
        ("0002", ["page-fault"]),
        ("0x2", ["page-fault"]),
        ("0010", ["page-fault"]),
        ("0x80000003", ["page-fault"]),
        ("2", ["trap", "page-fault", "errno"]),
        ("14", ["trap", "page-fault", "errno"]),
        ("0", ["trap", "page-fault"]),
        ("#GP", ["trap"]),
        ("gp", ["trap"]),
        ("page fault", ["trap"]),
        ("general protection fault", ["trap"]),
        ("#GP 0x18", ["selector"]),
        ("#DF 0", ["selector"]),
        ("#UD 0", ["trap"]),
        ("#PF 2", ["page-fault"]),
        ("P O E", ["taint"]),
        ("POE", ["taint"]),
        ("Tainted: G           OE", ["taint"]),
        ("not tainted", ["taint"]),
        ("12289", ["taint"]),
        ("0x3001", ["taint"]),
        ("ENOENT", ["errno"]),
        ("-ENOENT", ["errno"]),
        ("-2", ["errno", "value"]),
        ("-4000", ["value"]),
        ("0xdead000000000122", ["value"]),
        ("dead000000000122", ["value"]),
        ("deadbeef", ["value"]),
        ("0xfffffffffffffffe", ["value"]),
        ("96000004", ["esr", "value"]),
        ("0x96000044", ["esr", "value"]),
        ("0000000096000004", ["esr", "value"]),
        ("f2000800", ["esr", "value"]),
    ],
)
def test_every_likely_reading_the_likeliest_first(words: str, kinds: list[str]) -> None:
    assert [reading.kind for reading in explain_code(words)] == kinds


@pytest.mark.parametrize(
    ("words", "kind", "title"),
    [
        ("2", "taint", "taint F, mask 2 (0x2)"),
        ("2", "page-fault", "page-fault error code 0x0002"),
        ("0x2", "trap", "trap 2, NMI: non-maskable interrupt"),
        ("0x18", "selector", "error code 0x0018 of #GP, #SS, #NP or #TS"),
        ("2", "value", "value 0x2"),
        ("0x2", "errno", "error number 2, ENOENT"),
    ],
)
def test_one_reading_on_request(words: str, kind: str, title: str) -> None:
    readings = explain_code(words, kind=kind)
    assert [reading.title for reading in readings] == [title]


@pytest.mark.parametrize(
    ("line", "kind", "value"),
    [
        ("Oops: 0002 [#1] SMP", "page-fault", 2),
        ("Oops: Oops: 0011 [#1] PREEMPT SMP NOPTI", "page-fault", 0x11),
        ("#PF: error_code(0x0010) - not-present page", "page-fault", 0x10),
        ("segment-related general protection fault: fff8 [#1] PREEMPT SMP", "selector", 0xFFF8),
        ("general protection fault, probably for non-canonical address 0x6b6b6b97: 0000 [#1]",
         "selector", 0),
        ("divide error: 0000 [#1] SMP", "trap", 0),
        ("Internal error: Oops: 96000044 [#1] PREEMPT SMP", "esr", 0x96000044),
        ("Internal error: Oops - BUG: 00000000f2000800 [#1] SMP", "esr", 0xF2000800),
        ("Attempted to kill init! exitcode=0x0000000b", "exit-code", 0xB),
    ],
)  # fmt: skip
def test_a_line_pasted_from_a_log(line: str, kind: str, value: int) -> None:
    assert [(reading.kind, reading.value) for reading in explain_code(line)] == [(kind, value)]


def test_a_page_fault_code_in_lines() -> None:
    (reading,) = explain_code("0x0002")
    assert reading.lines == [
        "page not present · write · kernel mode: nothing is mapped at the address: a NULL pointer "
        "when it is small, else memory that was freed, a wild pointer, or one of user space",
        "bit  0  PROT   0  no page was mapped there",
        "bit  1  WRITE  1  a write",
        "bit  2  USER   0  in kernel mode",
        "bit  4  INSTR  0  not an instruction fetch",
    ]


def test_taint_letters_in_lines() -> None:
    (reading,) = explain_code("P O E")
    assert reading.title == "taint POE, mask 12289 (0x3001)"
    assert [line[0] for line in reading.lines] == ["P", "O", "E"]


def test_an_error_name_gives_its_pointer() -> None:
    (reading,) = explain_code("ENOENT")
    assert reading.lines == [
        "no such file or directory",
        "as an error pointer, ERR_PTR(-2): 0xfffffffffffffffe",
    ]


@pytest.mark.parametrize("words", ["", "   ", "hello world", "0xzz", "#QQ", "1.5"])
def test_what_is_no_code_is_refused_with_a_way_out(words: str) -> None:
    with pytest.raises(UsageError, match=r"type an error code \(0x0002\)"):
        explain_code(words)


def test_a_reading_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="'15' is not understood as trap"):
        explain_code("15", kind="trap")
