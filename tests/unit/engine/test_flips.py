# SPDX-License-Identifier: GPL-2.0-or-later
"""One flipped bit between a bad pointer and a plausible one."""

from __future__ import annotations

import pytest

from crashext.engine.arch.addresses import AddressLayout
from crashext.engine.values.flips import single_bit_flip


@pytest.mark.parametrize("bit", [48, 51, 55, 62, 63])
def test_a_copy_of_the_pointer_shows_the_bit(bit: int) -> None:
    right = 0xFFFF_93FF_8882_2A28
    flip = single_bit_flip(right ^ (1 << bit), {"rax": 5, "rdx": right, "rbx": right - 0x40})
    if bit == 63:  # the value is in the lower half, where 48 bits make it non-canonical
        assert flip is not None
        assert flip.bit == 63
        return
    assert flip is not None
    assert (flip.bit, flip.original, flip.exact) == (bit, right, True)


def test_a_neighbour_in_the_same_page_shows_it_too() -> None:
    flip = single_bit_flip(0xEFFF_8881_0A2B_4C40, {"r12": 0xFFFF_8881_0A2B_4C00})
    assert flip is not None
    assert (flip.bit, flip.original, flip.exact) == (60, 0xFFFF_8881_0A2B_4C40, False)


def test_a_middle_bit_needs_an_exact_copy() -> None:
    right = 0xFFFF_8881_0A2B_4C40
    flip = single_bit_flip(right ^ (1 << 38), {"rsi": right})
    assert flip is not None
    assert flip.bit == 38
    assert single_bit_flip(right ^ (1 << 38), {"rsi": right + 8}) is None


@pytest.mark.parametrize(
    ("value", "others"),
    [
        (0xDEAD_0000_0000_0122, {"rax": 0xFFFF_8881_0A2B_4C40}),  # poison: many bits
        (0x6B6B_6B6B_6B6B_6B6B, {"rax": 0xFFFF_8881_0A2B_4C40}),
        (0xFFFF_8881_0A2B_4C40, {"rax": 0xFFFF_8881_0A2B_5C40}),  # the next page
        (0xFFFF_8881_0A2B_4C40, {"rax": 0xFFFF_8881_0A2B_4C00}),  # members of one object
        (0x0000_7FFE_9D9E_AC98, {"rsp": 0xFFFF_C900_0123_7E58}),  # a user address
        (0x0000_0000_0000_0008, {"rax": 0}),
        (0xEFFF_8881_0A2B_4C40, {"r12": 0xFFFF_8882_0A2B_4C00}),  # nothing near it
    ],
)
def test_no_flip_without_a_ground(value: int, others: dict[str, int]) -> None:
    assert single_bit_flip(value, others) is None


def test_five_level_paging_has_other_borders() -> None:
    right = 0xFF3C_2E91_407D_2018
    layout = AddressLayout(address_bits=57)
    flip = single_bit_flip(right ^ (1 << 59), {"rbx": right}, layout)
    assert flip is not None
    assert flip.bit == 59
