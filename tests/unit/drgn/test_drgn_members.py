# SPDX-License-Identifier: GPL-2.0-or-later
"""Offsets to member paths, on C types made with drgn (no program behind them)."""

from __future__ import annotations

from typing import Optional

import pytest
from drgn import (
    Architecture,
    Platform,
    PlatformFlags,
    Program,
    Type,
    TypeMember,
)

from crashext.targets.drgn import operand
from crashext.targets.drgn.members import member_path, signed

FLAGS = PlatformFlags.IS_64_BIT | PlatformFlags.IS_LITTLE_ENDIAN


@pytest.fixture(scope="module")
def prog() -> Program:
    return Program(Platform(Architecture.X86_64, FLAGS))


def integer(prog: Program, size: int) -> Type:
    return prog.int_type({1: "char", 4: "int", 8: "long"}[size], size, True)


@pytest.fixture(scope="module")
def request_type(prog: Program) -> Type:
    """``struct request { struct { int tag; union { long raw; int half[2]; }; }; void *file;
    struct list_head { … } list[2]; int flags : 3, state : 5; char name[]; }``"""
    int_, long_ = integer(prog, 4), integer(prog, 8)
    union = prog.union_type(
        None,
        8,
        (
            TypeMember(long_, "raw", 0),
            TypeMember(prog.array_type(int_, 2), "half", 0),
        ),
    )
    anonymous = prog.struct_type(
        None, 16, (TypeMember(int_, "tag", 0), TypeMember(union, None, 64))
    )
    pointer = prog.pointer_type(prog.void_type())
    list_head = prog.struct_type(
        "list_head", 16, (TypeMember(pointer, "next", 0), TypeMember(pointer, "prev", 64))
    )
    return prog.struct_type(
        "request",
        64,
        (
            TypeMember(anonymous, None, 0),
            TypeMember(pointer, "file", 128),
            TypeMember(prog.array_type(list_head, 2), "list", 192),
            TypeMember(lambda: _bits(prog, 3), "flags", 448),
            TypeMember(lambda: _bits(prog, 5), "state", 451),
            TypeMember(prog.array_type(integer(prog, 1)), "name", 480),
        ),
    )


def _bits(prog: Program, width: int):  # type: ignore[no-untyped-def]
    from drgn import Object

    return Object(prog, integer(prog, 4), bit_field_size=width)


@pytest.mark.parametrize(
    ("offset", "size", "path"),
    [
        (0, 4, "tag"),
        (8, 8, "raw"),
        (8, 4, "half[0]"),  # the member of a union that fits the access
        (12, 4, "half[1]"),
        (16, 8, "file"),
        (24, 8, "list[0].next"),
        (48, 8, "list[1].prev"),
        (56, 1, "flags"),
        (60, 1, "name[0]"),
        (4, 4, None),  # padding
    ],
)
def test_member_at_an_offset(
    request_type: Type, offset: int, size: int, path: Optional[str]
) -> None:
    assert member_path(request_type, offset, size) == path


@pytest.mark.parametrize(
    ("offset", "size", "text"),
    [
        (16, 8, "req->file"),
        (64 + 16, 8, "req[1].file"),
        (4, 4, "*req"),  # inside, but in no member
        (-64 + 16, 8, "req[-1].file"),
    ],
)
def test_dereference_of_a_struct_pointer(
    request_type: Type, offset: int, size: int, text: str
) -> None:
    assert operand.dereference("req", request_type, offset, size) == text


def test_an_offset_far_outside_of_the_struct_is_not_its_member(request_type: Type) -> None:
    assert operand.dereference("req", request_type, -65 * 64, 8) is None


@pytest.mark.parametrize(("offset", "text"), [(0, "*p"), (4, "p[1]"), (-4, "p[-1]")])
def test_dereference_of_an_int_pointer(prog: Program, offset: int, text: str) -> None:
    assert operand.dereference("p", integer(prog, 4), offset, 4) == text


def test_dereference_of_a_void_pointer(prog: Program) -> None:
    assert operand.dereference("p", prog.void_type(), 0x18, 8) == "*(p + 0x18)"


@pytest.mark.parametrize(
    ("value", "number"), [(0, 0), (5, 5), (0xFFFFFFFFFFFFFFF8, -8), (1 << 63, -(1 << 63))]
)
def test_signed(value: int, number: int) -> None:
    assert signed(value) == number
