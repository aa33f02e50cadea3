# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashext.engine.escape import printable


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("rmmod", "rmmod"),
        ("a\tb", "a\tb"),
        ("Größe 日本", "Größe 日本"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\nc", "a\\x0db\\x0ac"),
        ("\x9b31m", "\\x9b31m"),
        ("nul\0", "nul\\x00"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("\ufeffx", "\\ufeffx"),
        ("\U000e0041", "\\U000e0041"),
        (b"\xff\xfe".decode("utf-8", "surrogateescape"), "\\xff\\xfe"),
    ],
)
def test_hostile_characters_become_visible(text: str, safe: str) -> None:
    assert printable(text) == safe


def test_newlines_stay_on_request() -> None:
    assert printable("a\nb\x1b", newlines=True) == "a\nb\\x1b"


@given(st.text(alphabet=st.characters()))
def test_no_control_or_format_character_survives(text: str) -> None:
    shown = printable(text)
    left = {
        character
        for character in shown
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI",
                                                    "FSI", "PDI")
    }  # fmt: skip
    assert left <= {"\t"}
