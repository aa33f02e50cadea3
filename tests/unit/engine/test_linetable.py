# SPDX-License-Identifier: GPL-2.0-or-later
"""The line table of a small object file that gcc made from merged.c, as .o and linked."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashext.engine.elf import read_elf
from crashext.engine.linetable import accessing_line, rows_in, statement_lines

DATA = Path(__file__).parents[2] / "data" / "linetable"

#: Offset in show() of ``mov 0x40(%rax),%edx``: the load of ``req->file->flags``.
LOAD = 0xB
SHOW = 0x401000  # in the linked file
TWICE = 0x20


def rows(name: str, low: int, high: int, section: str = ".text"):  # type: ignore[no-untyped-def]
    return rows_in(read_elf((DATA / name).read_bytes()), low, high, section)


@pytest.mark.parametrize("name", ["merged.o", "merged4.o"])  # DWARF 5 and 4
def test_rows_of_an_object_file(name: str) -> None:
    found = [(row.address, row.line) for row in rows(name, 0, LOAD)]
    assert found[-2:] == [(4, 11), (LOAD, 11)]
    assert [line for address, line in found if address == 0][:4] == [8, 9, 10, 11]


def test_rows_of_a_linked_file() -> None:
    found = rows("linked", SHOW + LOAD, SHOW + LOAD)
    assert [(row.address, row.line) for row in found] == [(SHOW + LOAD, 11)]


def test_another_function_of_the_unit() -> None:
    assert {row.line for row in rows("merged.o", TWICE, TWICE)} == {15, 16}


@pytest.mark.parametrize(
    ("name", "section"), [("merged.o", ".data"), ("merged.o", ".none"), ("merged.c", ".text")]
)
def test_what_has_no_rows(name: str, section: str) -> None:
    if name.endswith(".c"):
        assert rows_in(read_elf(b"\x7fELF\x02\x01\x01" + bytes(57)), 0, LOAD) == []
    else:
        assert rows(name, 0, LOAD, section) == []


def test_an_address_outside_of_the_linked_file() -> None:
    assert rows("linked", 0x1000, 0x1000) == []


@pytest.mark.parametrize("size", [200, 600, 1000, 2000, 3000])
def test_a_cut_file_gives_no_error(size: int) -> None:
    elf = read_elf((DATA / "merged.o").read_bytes()[:size])
    assert rows_in(elf, 0, LOAD, ".text") in ([], rows("merged.o", 0, LOAD))


def test_a_damaged_file_gives_no_error() -> None:
    whole = (DATA / "merged.o").read_bytes()
    for position in range(0, len(whole), 3):
        data = bytearray(whole)
        data[position] ^= 0xFF
        try:
            elf = read_elf(bytes(data))
        except ValueError:
            continue
        assert isinstance(rows_in(elf, 0, LOAD, ".text"), list), position


def test_the_statements_that_begin_before_the_load() -> None:
    assert statement_lines(rows("merged.o", 0, LOAD), 11) == [8, 9, 10, 11]


SOURCE = dict(enumerate((DATA / "merged.c").read_text().splitlines(), 1))
TEXTS = {line: SOURCE[line] for line in (8, 9, 10, 11)}


@pytest.mark.parametrize(
    ("line", "expression", "answer"),
    [
        (11, "req->file->flags", 10),  # the debug info gives the load to the call
        (10, "req->file->flags", None),  # right already
        (11, "req->id", None),  # its own text has the access
        (11, "*p", None),  # no line has it
    ],
)
def test_the_line_of_the_access(line: int, expression: str, answer: int) -> None:
    assert accessing_line(TEXTS, line, expression) == answer


@pytest.mark.parametrize(
    ("text", "expression", "found"),
    [
        ("value = *p;", "*p", True),
        ("value = * (p);", "*p", True),
        ("value = p[3];", "p[3]", True),
        ("table[i] = 1;", "table[1024]", True),
        ("value = q * p;", "*q", False),
        ("value = q * p;", "*p", False),  # a product
        ("value = (q) * p;", "*p", False),
        ("x = a.b.c;", "a.b.c", True),
        ("flags = 0;", "req->flags", False),
        ("pr_info(flags);", "req->flags", False),
        ("memset(p + 8, 0, 4);", "*(p + 0x8)", False),
    ],
)
def test_what_the_text_of_an_access_looks_like(text: str, expression: str, found: bool) -> None:
    assert accessing_line({1: text, 2: "other();"}, 2, expression) == (1 if found else None)


def test_a_statement_far_above_is_another_one() -> None:
    assert accessing_line({1: "v = *p;", 20: "call();"}, 20, "*p") is None


def test_of_several_the_nearest_is_taken() -> None:
    texts = {1: "v = *p;", 3: "w = *p;", 5: "call();"}
    assert accessing_line(texts, 5, "*p") == 3
