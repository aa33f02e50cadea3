# SPDX-License-Identifier: GPL-2.0-or-later
"""Text is folded and padded by the columns that it takes, not by its characters."""

from __future__ import annotations

import pytest

from crashext.render import text
from crashext.render.width import columns, fold, pad
from crashext.view.document import Column, Document, Piece, Table, TableRow, row


@pytest.mark.parametrize(
    ("said", "wide"),
    [
        ("kfree", 5),
        ("커널", 4),
        ("\u110f\u1165\u1102\u1165\u11af", 4),  # the same in Jamo, as some file systems store names
        ("e\u0301", 1),  # e and a combining acute accent
        ("ｆｕｌｌ", 8),
        ("naïve → …", 9),
        ("", 0),
    ],
)
def test_columns(said: str, wide: int) -> None:
    assert columns(said) == wide


def test_padding_counts_columns() -> None:
    assert pad("모듈", 6) == "모듈  "
    assert pad("모듈", 6, right=True) == "  모듈"


def test_wide_text_is_folded_by_columns() -> None:
    assert fold("포인터가 비어 있다", 12) == ["포인터가", "비어 있다"]


def test_wide_text_without_blanks_ends_behind_a_character() -> None:
    assert fold("零指针解引用", 5) == ["零指", "针解", "引用"]


def test_a_long_word_between_wide_ones_is_cut() -> None:
    assert fold("커널 " + "x" * 10, 6) == ["커널", "xxxxxx", "xxxx"]


def test_folded_lines_keep_the_indent() -> None:
    assert fold("  하나 둘 셋", 8) == ["  하나", "  둘 셋"]


def test_no_row_is_wider_than_asked() -> None:
    made = Document()
    made.rows([row("why", "해제된 메모리를 다시 읽었다 " * 12)])
    shown = text.render(made, width=60).splitlines()
    assert len(shown) > 5
    assert max(map(columns, shown)) <= 60


def test_columns_of_a_table_stand_below_each_other() -> None:
    rows = [TableRow((Piece(name), Piece("live"))) for name in ("모듈", "hello")]
    made = Document([Table((Column("NAME", 6, 24), Column("STATE")), rows)])
    head, wide, narrow = text.render(made).splitlines()
    assert head.index("STATE") == narrow.index("live") == columns(wide[: wide.index("live")])
