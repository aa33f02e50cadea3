# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from crashext.targets.crash.lines import names_at, parse_info_line, parse_sym_line


def test_info_line() -> None:
    text = (
        'Line 27 of "/home/me/hello/main.c" starts at address 0xffffffffc03080dd '
        "<hello_exit+28> and ends at 0xffffffffc03080e8 <hello_exit+39>.\n"
    )
    assert parse_info_line(text) == ("/home/me/hello/main.c", 27)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "No line number information available for address 0xffffffffc0479013 <hello_exit>\n",
    ],
)
def test_no_line(text: str) -> None:
    assert parse_info_line(text) is None


def test_sym_with_a_line() -> None:
    text = "ffffffff993ccf41 (T) panic+16 debian/build/kernel/panic.c: 276\n"
    assert parse_sym_line(text) == ("debian/build/kernel/panic.c", 276)


def test_sym_of_a_module_without_a_line() -> None:
    assert parse_sym_line("ffffffffc03080dd (t) hello_exit+28 [hello] \n") is None


def test_all_names_of_one_address() -> None:
    listed = (
        "ffffffffc03080b0 (T) faults_exit\n"
        "ffffffffc03080c1 (t) hello_exit\n"
        "ffffffffc03080c1 (T) cleanup_module\n"
    )
    assert names_at(listed, 0xFFFFFFFFC03080C1) == ["hello_exit", "cleanup_module"]
