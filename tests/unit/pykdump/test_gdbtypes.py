# SPDX-License-Identifier: GPL-2.0-or-later
"""Types read from what crash's gdb 10.2 prints, on real output."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashext.pykdump.ctype import Kind
from crashext.pykdump.gdbtypes import (
    Declarator,
    GdbTypes,
    canonical_name,
    parse_declaration,
    parse_enum,
    parse_ptype,
)

DATA = Path(__file__).resolve().parents[2] / "data" / "pykdump"


def layout(name: str):  # type: ignore[no-untyped-def]
    return parse_ptype((DATA / f"ptype-{name}.txt").read_text())


def test_plain_struct() -> None:
    found = layout("list_head")
    assert (found.head, found.size) == ("struct list_head", 16)
    assert [(f.declaration, f.bit_offset, f.size) for f in found.fields] == [
        ("struct list_head *next", 0, 8),
        ("struct list_head *prev", 64, 8),
    ]


def test_nested_bodies_holes_and_padding() -> None:
    found = layout("module")
    assert (found.size, len(found.fields)) == (896, 72)
    places = {f.declaration: (f.bit_offset // 8, f.size) for f in found.fields}
    assert places["list"] == (8, 16)
    assert places["char name[56]"] == (24, 56)
    assert places["core_layout"] == (320, 80)
    assert places["void (*exit)(void)"] == (848, 8)
    assert places["void **its_page_array"] == (864, 8)


def test_bit_fields_of_a_nested_struct() -> None:
    mkobj = next(f for f in layout("module").fields if f.declaration == "mkobj")
    kobj = next(f for f in mkobj.nested.fields if f.declaration == "kobj")
    bits = {f.declaration: (f.bit_offset, f.bit_size) for f in kobj.nested.fields if f.bit_size}
    assert bits["unsigned int state_initialized"] == (140 * 8, 1)
    assert bits["unsigned int uevent_suppress"] == (140 * 8 + 4, 1)


def test_union_members_start_with_the_union() -> None:
    union = layout("page").fields[1]
    assert (union.declaration, union.bit_offset, union.nested.head) == ("", 64, "union")
    assert {f.bit_offset for f in union.nested.fields} == {64}


@pytest.mark.parametrize("text", ["", "type = int\n", "gdb: gdb request failed: ptype /o x\n"])
def test_no_struct_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="struct or union"):
        parse_ptype(text)


@pytest.mark.parametrize(
    ("text", "named", "expected"),
    [
        ("unsigned long flags", True, Declarator("unsigned long", "flags")),
        ("const struct kernel_symbol *syms", True, Declarator("struct kernel_symbol", "syms", 1)),
        ("void **its_page_array", True, Declarator("void", "its_page_array", 2)),
        ("struct rb_node node[2]", True, Declarator("struct rb_node", "node", 0, [2])),
        ("unsigned char a[2][6]", True, Declarator("unsigned char", "a", 0, [2, 6])),
        ("char data[]", True, Declarator("char", "data", 0, [0])),
        ("int (*init)(void)", True, Declarator("int", "init", 1, [], True)),
        (
            "void (*calls[4])(struct x *, int)",
            True,
            Declarator("void", "calls", 1, [4], True),
        ),
        ("struct list_head *", False, Declarator("struct list_head", "", 1)),
        ("const sys_call_ptr_t [451]", False, Declarator("sys_call_ptr_t", "", 0, [451])),
    ],
)
def test_declarations(text: str, named: bool, expected: Declarator) -> None:
    assert parse_declaration(text, named) == expected


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("long unsigned int", "unsigned long"),
        ("unsigned", "unsigned int"),
        ("long long int", "long long"),
        ("signed char", "signed char"),
        ("volatile short", "short"),
        ("struct page", "struct page"),
    ],
)
def test_names_of_integers(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical


def test_enum_values_count_on() -> None:
    text = "type = enum zone {A, B = 4, C, D = -1}\n"
    assert parse_enum(text) == ("enum zone", [("A", 0), ("B", 4), ("C", 5), ("D", -1)])


def test_no_enum() -> None:
    assert parse_enum("type = int\n") is None


def test_symbol_types() -> None:
    outputs = {
        "whatis modules": "type = struct list_head\n",
        "print &modules": "$1 = (struct list_head *) 0xffffffff9a527160 <modules>\n",
        "whatis panic": "type = void (const char *, ...)\n",
        "print &panic": "$2 = (void (*)(const char *, ...)) 0xffffffff993ccf31 <panic>\n",
        "ptype /o struct list_head": (DATA / "ptype-list_head.txt").read_text(),
    }
    types = GdbTypes(outputs.get)
    assert types.symbol_type("modules").members[1].name == "prev"
    panic = types.symbol_type("panic")
    assert panic.kind is Kind.FUNCTION
    assert [p.get().name for p in panic.parameters] == ["char *"]


def test_a_typedef_is_no_variable() -> None:
    types = GdbTypes({"whatis pid_t": "type = int\n", "ptype pid_t": "type = int\n"}.get)
    assert types.type("pid_t").typedef == "pid_t"
    with pytest.raises(LookupError, match="no variable or function pid_t"):
        types.symbol_type("pid_t")


@pytest.mark.parametrize("name", ["struct nosuch", "nosuch_t", "enum nosuch", "x; shell rm"])
def test_unknown_type(name: str) -> None:
    with pytest.raises(LookupError):
        GdbTypes(lambda command: None).type(name)


@given(st.text())
def test_any_text_is_a_layout_or_a_value_error(text: str) -> None:
    for read in (parse_ptype, parse_declaration, parse_enum):
        try:
            read(text)
        except ValueError:
            continue


@given(st.lists(st.sampled_from((DATA / "ptype-page.txt").read_text().splitlines()), max_size=40))
def test_lines_in_any_order_end(lines: list[str]) -> None:
    try:
        found = parse_ptype("\n".join(lines))
    except ValueError:
        return
    assert found.head


def test_enumerator() -> None:
    outputs = {"whatis PIDTYPE_PGID": "type = enum pid_type\n", "print/d PIDTYPE_PGID": "$3 = 2\n"}
    types = GdbTypes(outputs.get)
    assert types.enumerator("PIDTYPE_PGID") == 2
    with pytest.raises(LookupError):
        types.enumerator("NO_SUCH")
