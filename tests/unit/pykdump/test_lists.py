# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks of lists: whole, cut, circular, unreadable."""

from __future__ import annotations

import pytest

from tests.unit.pykdump.conftest import FakeCrash

HEAD, A, B, C = 0x1000, 0x2000, 0x3000, 0x4000


@pytest.fixture
def ring(kernel_types: FakeCrash) -> FakeCrash:
    for here, following in ((HEAD, A), (A, B), (B, C), (C, HEAD)):
        kernel_types.put(here, following, 0)
    return kernel_types


def test_whole_list(ring: FakeCrash) -> None:
    from crashext.pykdump.lists import readList, readListByHead

    assert readList(HEAD) == [HEAD, A, B, C]
    assert readListByHead(HEAD) == [A, B, C]
    assert readList(0) == []


def test_null_ends_a_list(ring: FakeCrash) -> None:
    from crashext.pykdump.lists import readListByHead

    ring.put(B, 0, 0)
    assert readListByHead(HEAD) == [A, B]


def test_limit(ring: FakeCrash, capsys: pytest.CaptureFixture[str]) -> None:
    from crashext.pykdump.lists import readList

    assert readList(HEAD, maxel=2, inchead=False) == [A, B]
    assert "reached the limit" in capsys.readouterr().out


def test_a_list_exactly_as_long_as_the_limit_is_no_warning(
    ring: FakeCrash, capsys: pytest.CaptureFixture[str]
) -> None:
    from crashext.pykdump.lists import readList

    assert readList(HEAD, maxel=3, inchead=False) == [A, B, C]
    assert capsys.readouterr().out == ""


def test_cycle_that_misses_the_head(ring: FakeCrash, capsys: pytest.CaptureFixture[str]) -> None:
    from crashext.pykdump.lists import readBadList, readListByHead

    ring.put(C, A, 0)
    assert readListByHead(HEAD) == [A, B, C]
    assert "circular list: 0x2000 comes again" in capsys.readouterr().out
    assert readBadList(HEAD, inchead=False) == ([A, B, C], "circular list: 0x2000 comes again")


def test_unreadable_element(ring: FakeCrash, capsys: pytest.CaptureFixture[str]) -> None:
    from crashext.pykdump.lists import readListByHead

    ring.put(B, 0xDEAD0000, 0)
    assert readListByHead(HEAD) == [A, B, 0xDEAD0000]
    assert "cannot be read at 0xdead0000" in capsys.readouterr().out


def test_structs_on_a_list(ring: FakeCrash) -> None:
    from crashext.pykdump.lists import ListHead, readStructNext, readSUListFromHead
    from crashext.pykdump.structs import readSU

    modules = readSUListFromHead(HEAD, "list", "struct module")
    assert [int(m) for m in modules] == [A - 8, B - 8, C - 8]
    assert ListHead(HEAD, "struct module").list == modules
    assert ListHead(HEAD)[0].next == B
    heads = readStructNext(readSU("struct list_head", HEAD), "next")
    assert heads == [HEAD, A, B, C]
    with pytest.raises(KeyError):
        readSUListFromHead(HEAD, "nosuch", "struct module")


def test_head_by_symbol_is_the_link_of_a_struct(ring: FakeCrash) -> None:
    from crashext.pykdump.lists import readSUListFromHead

    ring.symbols["first_module"] = HEAD - 8
    found = readSUListFromHead("first_module", "list", "struct module", inchead=True)
    assert [int(m) for m in found] == [HEAD - 8, A - 8, B - 8, C - 8]


def test_empty_head(kernel_types: FakeCrash) -> None:
    from crashext.pykdump.lists import LH_isempty, readListByHead
    from crashext.pykdump.structs import readSU

    kernel_types.put(HEAD, HEAD, HEAD)
    assert readListByHead(HEAD) == []
    assert LH_isempty(readSU("struct list_head", HEAD))


def test_array_of_structs(ring: FakeCrash) -> None:
    from crashext.pykdump.lists import readSUArray

    assert readSUArray("struct list_head", HEAD, 3) == [HEAD, HEAD + 16, HEAD + 32]
    assert next(iter(readSUArray("struct list_head", HEAD))) == HEAD
