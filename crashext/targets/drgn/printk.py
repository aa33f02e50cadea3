# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the kernel's log buffer in three reads, bounded however damaged its indices are.

Since 5.10 (commit 896fbe20b4e2 "printk: use the lockless ringbuffer") a ring of descriptors points
into a ring of text; kernel/printk/printk_ringbuffer.c. Older kernels: drgn's own reader.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from drgn import Object, Program, offsetof, sizeof
from drgn.helpers.linux.printk import get_dmesg

from crashext.errors import Unknown

#: Largest rings believed: 2^24 records, 1 GiB of text.
MAX_COUNT_BITS = 24
MAX_SIZE_BITS = 30

#: enum desc_state, the two upper bits of a descriptor's state: committed and finalized.
_READABLE = (1, 2)


@dataclass(frozen=True)
class Layout:
    """Offsets in ``struct prb_desc`` and ``struct printk_info``, and their sizes, in bytes."""

    desc_size: int
    state: int
    begin: int
    next: int
    info_size: int
    time: int
    length: int


@dataclass(frozen=True)
class Ring:
    """The rings as bytes; ``tail`` and ``head`` are descriptor ids (64 bits)."""

    layout: Layout
    descs: bytes
    infos: bytes
    text: bytes
    tail: int
    head: int


def records(ring: Ring) -> Iterator[tuple[int, bytes]]:
    """(nanoseconds, text) of each record that was committed, oldest first."""
    layout = ring.layout
    count = len(ring.descs) // layout.desc_size
    size = len(ring.text)
    identity = (1 << 62) - 1
    for step in range(count):
        number = (ring.tail + step) & identity
        desc = number % count * layout.desc_size
        info = number % count * layout.info_size
        (state,) = struct.unpack_from("<Q", ring.descs, desc + layout.state)
        if state & identity == number and state >> 62 in _READABLE:
            (begin,) = struct.unpack_from("<Q", ring.descs, desc + layout.begin)
            (end,) = struct.unpack_from("<Q", ring.descs, desc + layout.next)
            (length,) = struct.unpack_from("<H", ring.infos, info + layout.length)
            (time,) = struct.unpack_from("<Q", ring.infos, info + layout.time)
            text = _text(ring.text, begin, end, size, length)
            if text is not None:
                yield time, text
        if number == ring.head & identity:
            return


def _text(data: bytes, begin: int, end: int, size: int, length: int) -> Optional[bytes]:
    """A record's text; a block that does not fit before the end of the ring begins at its start.

    Each block begins with the 8-byte id of its descriptor. Bit 0 of a position marks a record
    without data (BLK_DATALESS).
    """
    if begin & 1 or begin == end:
        return None
    first, last = begin % size, end % size
    if last == 0:
        last = size
    if first >= last:
        first = 0
    return data[first + 8 : min(last, first + 8 + length)]


def dmesg(prog: Program) -> str:
    """The log as ``dmesg`` prints it: ``[    1.293379] text``, one record a line."""
    try:
        prb = prog["prb"]
    except KeyError:
        return str(get_dmesg(prog).decode(errors="replace"))
    lines = [
        f"[{time // 1_000_000_000:5d}.{time // 1000 % 1_000_000:06d}] "
        + text.decode(errors="replace")
        for time, text in records(_ring(prog, prb))
    ]
    return "\n".join([*lines, ""])


def _ring(prog: Program, prb: Object) -> Ring:
    descs = prb.desc_ring
    text = prb.text_data_ring
    count_bits, size_bits = int(descs.count_bits.value_()), int(text.size_bits.value_())
    if not (0 < count_bits <= MAX_COUNT_BITS and 0 < size_bits <= MAX_SIZE_BITS):
        raise Unknown(f"the log's descriptor is damaged (2^{count_bits} records)")
    desc, info = prog.type("struct prb_desc"), prog.type("struct printk_info")
    layout = Layout(
        sizeof(desc),
        offsetof(desc, "state_var"),
        offsetof(desc, "text_blk_lpos.begin"),
        offsetof(desc, "text_blk_lpos.next"),
        sizeof(info),
        offsetof(info, "ts_nsec"),
        offsetof(info, "text_len"),
    )
    count = 1 << count_bits
    return Ring(
        layout,
        prog.read(descs.descs, count * layout.desc_size),
        prog.read(descs.infos, count * layout.info_size),
        prog.read(text.data, 1 << size_bits),
        int(descs.tail_id.counter.value_()) & (1 << 64) - 1,
        int(descs.head_id.counter.value_()) & (1 << 64) - 1,
    )
