# SPDX-License-Identifier: GPL-2.0-or-later
"""Decoding and the search for instruction borders, against objdump on a kernel's text."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashext.engine.arch.x86 import borders, decoder

DATA = Path(__file__).parents[2] / "data" / "engine" / "objdump.txt"
ROWS = [line.split("\t") for line in DATA.read_text().splitlines() if not line.startswith("#")]
BASE = int(ROWS[0][0], 16)
TEXT = bytes.fromhex("".join(row[1] for row in ROWS))
BORDERS = {int(row[0], 16) - BASE for row in ROWS}

#: What objdump writes otherwise, and why it is left so: it shows prefixes that do nothing, leaves
#: out the 1 of a shift, and repeats the register of imul.
TOLERATED = re.compile(r"^(data16 |cs )|^(shr|shl|sar|sal|rol|ror) (%\w+|[^,]*\(.*\))$|^imul ")


def test_text_is_as_objdump_prints_it() -> None:
    differing = []
    for address, raw, expected in ROWS:
        found = decoder.decode(bytes.fromhex(raw), 0, int(address, 16))
        text = found.text.split("  # ")[0] if found is not None else None
        if text != expected and not TOLERATED.match(expected):
            differing.append((raw, expected, text))
    assert differing == []


def test_lengths_agree_with_objdump() -> None:
    run = decoder.decode_run(TEXT, 0, BASE)
    assert {insn.address - BASE for insn in run} == BORDERS


def windows(count: int) -> list[int]:
    inner = sorted(border for border in BORDERS if 64 < border < len(TEXT) - 32)
    return random.Random(1).sample(inner, count)


def test_the_instruction_before_rip_is_found() -> None:
    """x86 cannot be decoded backwards; 42 bytes before RIP must do, as in a Code: line."""
    wrong = []
    for border in windows(1000):
        window = TEXT[border - 42 : border + 22]
        start, certain = borders.borders_before(window, 42)
        run = decoder.decode_run(window[:42], start, border - 42 + start)
        if certain or not run or run[-1].address not in BORDERS:
            wrong.append(hex(BASE + border))
    assert wrong == []


def test_what_is_shown_before_rip_is_hardly_ever_wrong() -> None:
    wrong = 0
    shown = 0
    for border in windows(1000):
        window = TEXT[border - 42 : border + 22]
        start, _ = borders.borders_before(window, 42)
        run = decoder.decode_run(window[:42], start, border - 42 + start)
        shown += len(run)
        wrong += not all(insn.address in BORDERS for insn in run)
    assert wrong <= 40  # windows whose first instruction is wrong, of 1000
    assert shown >= 8000


def test_a_known_function_start_is_certain() -> None:
    window = bytes.fromhex("cccccccc" "0f1f440000" "534889fb" "8b4720")  # fmt: skip
    assert borders.borders_before(window, 13, function_offset=9) == (4, True)


def test_a_function_offset_that_does_not_fit_is_not_believed() -> None:
    window = bytes.fromhex("0f1f440000" "534889fb" "8b4720")  # fmt: skip
    assert borders.borders_before(window, 9, function_offset=8)[1] is False


@pytest.mark.parametrize("index", [-1, 5])
def test_an_index_outside_is_a_programming_error(index: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        borders.borders_before(b"\x90" * 4, index)


@given(st.binary(max_size=80), st.data())
def test_borders_of_any_bytes_lead_to_rip(data: bytes, draw: st.DataObject) -> None:
    index = draw.draw(st.integers(0, len(data)))
    start, _ = borders.borders_before(data, index)
    run = decoder.decode_run(data[:index], start, start)
    assert (run[-1].end if run else start) == index


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("a100000000", "mov 0x0,%eax"),
        ("8b4008", "mov 0x8(%eax),%eax"),
        ("c70500000000 01000000", "movl $0x1,0x0"),
    ],
)
def test_32_bit_code(code: str, text: str) -> None:
    found = decoder.decode(bytes.fromhex(code), 0, 0xC0100000, bits=32)
    assert found is not None
    assert found.text == text
