# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import errno as host
import sys

import pytest

from crashext.engine import errno


@pytest.mark.skipif(sys.platform != "linux", reason="the host's table is of another system")
def test_the_table_agrees_with_this_linux_host() -> None:
    aliases = {"ENOTSUP", "EWOULDBLOCK", "EDEADLOCK"}
    ours = {entry.name: entry.number for entry in errno.BY_NUMBER.values() if entry.number < 512}
    theirs = {
        name: getattr(host, name)
        for name in dir(host)
        if name.startswith("E") and name not in aliases
    }
    assert {name: ours.get(name) for name in theirs} == theirs


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0xFFFFFFFFFFFFFFFE, 2),
        (0xFFFFFFFFFFFFFFFF, 1),
        (0xFFFFFFFFFFFFF001, 4095),
        (0xFFFFFFFFFFFFF000, None),
        (0, None),
        (2, None),
    ],
)
def test_error_pointers(value: int, number: int) -> None:
    assert errno.from_pointer(value) == number


def test_32_bit_error_pointer() -> None:
    assert errno.from_pointer(0xFFFFFFF4, bits=32) == 12


@pytest.mark.parametrize(("number", "name"), [(-2, "ENOENT"), (2, "ENOENT"), (517, "EPROBE_DEFER")])
def test_names(number: int, name: str) -> None:
    entry = errno.by_number(number)
    assert entry is not None
    assert entry.name == name


def test_holes_of_the_table() -> None:
    assert [errno.by_number(number) for number in (0, 41, 58, 134, 520, 4000)] == [None] * 6
