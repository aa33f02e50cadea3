# SPDX-License-Identifier: GPL-2.0-or-later
"""The log's rings, laid out by the test; real ones are read in tests/lab."""

from __future__ import annotations

import struct

import pytest

from crashext.errors import Unknown
from crashext.kernel.printk import Layout, Ring, records, text_of_ring

LAYOUT = Layout(desc_size=24, state=0, begin=8, next=16, info_size=24, time=8, length=16, caller=20)
COUNT, SIZE = 8, 128
COMMITTED, FINALIZED, RESERVED = 1, 2, 0


def ring(texts: list[bytes], *, first: int = 0, position: int = 0, state: int = FINALIZED) -> Ring:
    """A ring with these records; ``first`` is the id of the first, ``position`` its place."""
    descs, infos = bytearray(COUNT * 24), bytearray(COUNT * 24)
    data = bytearray(SIZE)
    for offset, text in enumerate(texts):
        number = first + offset
        block = 8 + (len(text) + 7) // 8 * 8
        begin = position
        start = position % SIZE
        if start + block > SIZE:  # it does not fit: it begins at the start of the next wrap
            end = (position // SIZE + 1) * SIZE + block
            start = 0
        else:
            end = position + block
        position = end
        data[start : start + 8] = struct.pack("<Q", number)
        data[start + 8 : start + 8 + len(text)] = text
        struct.pack_into("<QQQ", descs, number % COUNT * 24, state << 62 | number, begin, end)
        struct.pack_into("<QQH", infos, number % COUNT * 24, 0, number * 1000, len(text))
    return Ring(LAYOUT, bytes(descs), bytes(infos), bytes(data), first, first + len(texts) - 1)


def texts(found: Ring) -> list[bytes]:
    return [record.text for record in records(found)]


def test_records_come_oldest_first_with_their_times() -> None:
    found = records(ring([b"one", b"two"], first=5))
    assert [(r.time, r.text) for r in found] == [(5000, b"one"), (6000, b"two")]


def test_ids_that_went_around_the_ring() -> None:
    assert texts(ring([b"a", b"b", b"c"], first=8 * 1000 + 6)) == [b"a", b"b", b"c"]


def test_a_block_that_does_not_fit_begins_at_the_start() -> None:
    assert texts(ring([b"x" * 20, b"y" * 40], position=SIZE - 40)) == [b"x" * 20, b"y" * 40]


def test_a_block_that_ends_with_the_ring() -> None:
    assert texts(ring([b"z" * 24], position=SIZE - 32)) == [b"z" * 24]


@pytest.mark.parametrize(("state", "read"), [(COMMITTED, 1), (FINALIZED, 1), (RESERVED, 0), (3, 0)])
def test_only_committed_records_are_read(state: int, read: int) -> None:
    assert len(texts(ring([b"one"], state=state))) == read


def test_a_length_beyond_the_block_is_cut() -> None:
    found = ring([b"abc", b"def"])
    infos = bytearray(found.infos)
    struct.pack_into("<H", infos, 16, 60000)
    damaged = Ring(LAYOUT, found.descs, bytes(infos), found.text, found.tail, found.head)
    assert texts(damaged)[0] == b"abc" + bytes(5)


def test_a_damaged_head_ends_after_one_turn() -> None:
    found = ring([b"one", b"two"])
    damaged = Ring(LAYOUT, found.descs, found.infos, found.text, found.tail, 1 << 40)
    assert texts(damaged) == [b"one", b"two"]


@pytest.mark.parametrize(("number", "caller"), [(96, "T96"), (0x80000003, "C3"), (0, "T0")])
def test_who_printed_a_record(number: int, caller: str) -> None:
    found = ring([b"one"])
    infos = bytearray(found.infos)
    struct.pack_into("<I", infos, LAYOUT.caller or 0, number)
    told = Ring(LAYOUT, found.descs, bytes(infos), found.text, found.tail, found.head)
    assert [record.caller for record in records(told)] == [caller]


def test_a_ring_without_a_record_that_can_be_read_is_no_empty_log() -> None:
    found = ring([b"one", b"two"])
    damaged = Ring(LAYOUT, bytes(len(found.descs)), found.infos, found.text, found.tail, found.head)
    with pytest.raises(Unknown, match="no record that can be read"):
        text_of_ring(damaged)
    assert text_of_ring(found).splitlines()[1].endswith("two")
