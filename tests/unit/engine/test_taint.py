# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from crashext.engine import taint


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("G           OE     ", "OE"),
        ("P           O      ", "PO"),
        ("Tainted: G      D W  OE", "DWOE"),
        ("Not tainted", ""),
        ("", ""),
        ("G", ""),
        ("EO", "OE"),
        ("OOE", "OE"),
        ("G  Z", "Z"),
    ],
)
def test_letters_in_the_order_of_the_bits(text: str, letters: str) -> None:
    assert taint.explain(text).letters == letters


def test_meanings_follow_the_letters() -> None:
    meanings = [(entry.letter, entry.meaning) for entry in taint.explain("OE").meanings]
    assert meanings == [
        ("O", "an out-of-tree module was loaded"),
        ("E", "an unsigned module was loaded"),
    ]


def test_an_unknown_letter_is_kept_and_named_unknown() -> None:
    assert taint.explain("Z").meanings[0].meaning.startswith("a taint that this version")


@pytest.mark.parametrize(
    ("mask", "letters"),
    [(0, ""), (1, "P"), (12289, "POE"), (0x3200, "WOE"), (1 << 19, "J"), ((1 << 20) - 1,
     "PFSRMBUDAWCIOELKXTNJ")],
)  # fmt: skip
def test_masks(mask: int, letters: str) -> None:
    explained = taint.from_mask(mask)
    assert explained.letters == letters
    assert taint.to_mask(letters) == mask


def test_a_bit_without_letter_shows_in_the_meanings() -> None:
    explained = taint.from_mask(1 << 40 | 1)
    assert [entry.letter for entry in explained.meanings] == ["P", "bit 40"]


def test_a_negative_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        taint.from_mask(-1)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [("OE+", ("OE", "loading")), ("POE-", ("POE", "unloading")), ("OE", ("OE", None)),
     ("+", ("", "loading")), ("", ("", None))],
)  # fmt: skip
def test_module_marks(marks: str, expected: tuple[str, str]) -> None:
    assert taint.module_letters(marks) == expected
