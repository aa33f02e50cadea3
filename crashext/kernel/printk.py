# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the kernel's log buffer in three reads, bounded however damaged its indices are.

Since 5.10 (commit 896fbe20b4e2 "printk: use the lockless ringbuffer") a ring of descriptors points
into a ring of text; kernel/printk/printk_ringbuffer.c. Older kernels are left to the debugger.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from crashext.errors import Unknown
from crashext.kernel.memory import read_pointer, read_unsigned
from crashext.kernel.port import Member, Port

#: Largest rings believed: 2^23 records, 256 MiB of text.
MAX_COUNT_BITS = 23
MAX_SIZE_BITS = 28
#: PRB_AVGBITS: the kernel has a descriptor for every 32 bytes of text, no more.
_AVERAGE_BITS = 5

#: enum desc_state, the two upper bits of a descriptor's state: committed and finalized.
_READABLE = (1, 2)


@dataclass(frozen=True)
class Layout:
    """Offsets in ``struct prb_desc`` and ``struct printk_info``, and their sizes, in bytes.

    ``caller``: of ``printk_info.caller_id``, None where there is none.
    """

    desc_size: int
    state: int
    begin: int
    next: int
    info_size: int
    time: int
    length: int
    caller: Optional[int] = None


@dataclass(frozen=True)
class PrintkRecord:
    """One record of the log: nanoseconds since boot, who printed it ("T96", "C1"), its text."""

    time: int
    caller: Optional[str]
    text: bytes


@dataclass(frozen=True)
class Ring:
    """The rings as bytes; ``tail`` and ``head`` are descriptor ids (64 bits)."""

    layout: Layout
    descs: bytes
    infos: bytes
    text: bytes
    tail: int
    head: int


def records(ring: Ring) -> Iterator[PrintkRecord]:
    """Each record that was committed, oldest first."""
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
                yield PrintkRecord(time, _caller(ring, info), text)
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


#: printk_caller_id() (kernel/printk/printk.c): a CPU's number with this bit, or a task's pid.
_ON_CPU = 0x80000000


def _caller(ring: Ring, info: int) -> Optional[str]:
    """Who printed a record, as print_caller() writes it.

    The kernel keeps it always and prints it only with CONFIG_PRINTK_CALLER.
    """
    if ring.layout.caller is None:
        return None
    (number,) = struct.unpack_from("<I", ring.infos, info + ring.layout.caller)
    return f"C{number & ~_ON_CPU}" if number & _ON_CPU else f"T{number}"


def dmesg(port: Port) -> str:
    """The log of a kernel with such a ring. Raises Unknown: damaged, or there is no such ring."""
    return text_of_ring(read_ring(port))


def text_of_ring(ring: Ring) -> str:
    """The log as a kernel with CONFIG_PRINTK_CALLER prints it: ``[    1.293379][   T96] text``.

    A record of several lines has its prefix before each. Raises Unknown when no record can be read.
    """
    lines = []
    for record in records(ring):
        prefix = f"[{record.time // 1_000_000_000:5d}.{record.time // 1000 % 1_000_000:06d}]"
        if record.caller is not None:
            prefix += f"[{record.caller:>6}]"
        text = record.text.decode(errors="replace")
        lines += [f"{prefix} {line}" for line in text.split("\n")]
    if not lines:  # every kernel logs its first line before it can crash
        raise Unknown("the log is damaged: its ring has no record that can be read")
    return "\n".join([*lines, ""])


def has_ring(port: Port) -> bool:
    """Whether this kernel logs into such a ring (5.10 and later)."""
    return port.symbol("prb") is not None


def read_ring(port: Port) -> Ring:
    """The log's rings. Raises Unknown."""
    pointer = port.symbol("prb")
    if pointer is None:
        raise Unknown("this kernel has no ring of printk records (prb)")
    base = read_pointer(port, pointer)

    def number(path: str) -> int:
        at = _offset(port, "struct printk_ringbuffer", path)
        return read_unsigned(port, base + at.offset, at.size)

    count_bits, size_bits = number("desc_ring.count_bits"), number("text_data_ring.size_bits")
    if not (0 < count_bits <= MAX_COUNT_BITS and 0 < size_bits <= MAX_SIZE_BITS) or (
        count_bits > size_bits - _AVERAGE_BITS
    ):
        raise Unknown(f"the log's descriptor is damaged (2^{count_bits} records)")
    caller = port.member("struct printk_info", "caller_id")
    layout = Layout(
        _size(port, "struct prb_desc"),
        _offset(port, "struct prb_desc", "state_var").offset,
        _offset(port, "struct prb_desc", "text_blk_lpos.begin").offset,
        _offset(port, "struct prb_desc", "text_blk_lpos.next").offset,
        _size(port, "struct printk_info"),
        _offset(port, "struct printk_info", "ts_nsec").offset,
        _offset(port, "struct printk_info", "text_len").offset,
        caller.offset if caller is not None else None,
    )
    count = 1 << count_bits
    return Ring(
        layout,
        port.read(number("desc_ring.descs"), count * layout.desc_size),
        port.read(number("desc_ring.infos"), count * layout.info_size),
        port.read(number("text_data_ring.data"), 1 << size_bits),
        number("desc_ring.tail_id"),
        number("desc_ring.head_id"),
    )


def _offset(port: Port, kind: str, path: str) -> Member:
    member = port.member(kind, path)
    if member is None:
        raise Unknown(f"the debug info has no {kind} with {path}")
    return member


def _size(port: Port, kind: str) -> int:
    size = port.sizeof(kind)
    if size is None:
        raise Unknown(f"the debug info has no {kind}")
    return size
