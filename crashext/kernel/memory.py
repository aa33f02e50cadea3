# SPDX-License-Identifier: GPL-2.0-or-later
"""Structures, integers, strings and lists, decoded from bytes that a port reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from crashext.errors import Unknown
from crashext.kernel.port import Member, Port

#: A string that the kernel keeps by pointer (version, section name) is cut after this many bytes.
MAX_STRING = 256

#: Bounds the walk of any list whose links may be damaged.
MAX_NODES = 20_000


@dataclass(frozen=True)
class Record:
    """The bytes of one structure, read at once; members are decoded from them."""

    kernel: Port
    type_name: str
    address: int
    data: bytes

    def has(self, path: str) -> bool:
        return self.kernel.member(self.type_name, path) is not None

    def at(self, path: str) -> int:
        """The address of a member. Raises Unknown when the kernel's structure has none."""
        return self.address + self._member(path).offset

    def bytes(self, path: str) -> bytes:
        member = self._member(path)
        value = self.data[member.offset : member.offset + member.size]
        if len(value) < member.size:
            raise Unknown(f"{self.type_name} at 0x{self.address:x} is cut before {path}")
        return value

    def unsigned(self, path: str) -> int:
        return int.from_bytes(self.bytes(path), "little" if self.kernel.little else "big")

    def signed(self, path: str) -> int:
        order = "little" if self.kernel.little else "big"
        return int.from_bytes(self.bytes(path), order, signed=True)  # type: ignore[arg-type]

    def _member(self, path: str) -> Member:
        member = self.kernel.member(self.type_name, path)
        if member is None:
            raise Unknown(f"this kernel's {self.type_name} has no member {path}")
        return member


def read_record(kernel: Port, type_name: str, address: int) -> Record:
    """Reads a whole structure. Raises Unknown when the type or the memory is not there."""
    size = kernel.sizeof(type_name)
    if size is None:
        raise Unknown(f"the debug info has no {type_name}")
    return Record(kernel, type_name, address, kernel.read(address, size))


def read_unsigned(kernel: Port, address: int, size: int) -> int:
    return int.from_bytes(kernel.read(address, size), "little" if kernel.little else "big")


def read_signed(kernel: Port, address: int, size: int) -> int:
    order = "little" if kernel.little else "big"
    return int.from_bytes(kernel.read(address, size), order, signed=True)  # type: ignore[arg-type]


def read_pointer(kernel: Port, address: int) -> int:
    return read_unsigned(kernel, address, kernel.word)


def read_pointers(kernel: Port, address: int, count: int) -> list[int]:
    """``count`` pointers, read at once."""
    order = "little" if kernel.little else "big"
    raw = kernel.read(address, count * kernel.word)
    return [
        int.from_bytes(raw[i : i + kernel.word], order)  # type: ignore[arg-type]
        for i in range(0, len(raw), kernel.word)
    ]


def read_string(kernel: Port, address: int, limit: int = MAX_STRING) -> str:
    """A NUL-terminated string; one without an end is cut after ``limit`` bytes and marked ``…``.

    Read piecewise, so that a string near the end of readable memory is not lost.
    """
    raw = b""
    while len(raw) < limit:
        # Up to the next 64-byte boundary: never crosses a page that the string does not reach.
        step = min(64 - (address + len(raw)) % 64, limit - len(raw))
        raw += kernel.read(address + len(raw), step)
        end = raw.find(b"\0")
        if end >= 0:
            return text_of(raw[:end])
    return text_of(raw) + "…"


def text_of(raw: bytes) -> str:
    """Bytes of a name as text; what is no UTF-8 shows as ``\\xnn``."""
    return raw.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Break:
    """Where a linked list is damaged."""

    #: The last good node before the damage; None when it is the head itself.
    after: Optional[int]
    #: What its ``next`` holds.
    next: int
    reason: str


@dataclass
class ListWalk:
    """The nodes of a list in its order, and the damage met on the way."""

    nodes: list[int]
    breaks: list[Break]
    #: How many of ``nodes`` were reached only backward, over ``prev``.
    recovered: int = 0


def walk_list(kernel: Port, head: int, limit: int = MAX_NODES) -> ListWalk:
    """The nodes of a ``struct list_head`` list (include/linux/list.h).

    Stops at a link that cannot be read, closes a cycle, or exceeds ``limit`` nodes; then walks
    backward from the head over ``prev`` to gather what lies behind the damage.
    Raises Unknown when the head itself cannot be read.
    """
    first, last = read_pointers(kernel, head, 2)
    nodes, problem = _follow(kernel, head, first, 0, set(), limit)
    if problem is None:
        return ListWalk(nodes, _prev_breaks(kernel, head, nodes))
    behind, problem_behind = _follow(kernel, head, last, 1, set(nodes), limit)
    breaks = [problem]
    if problem_behind is not None and problem_behind.reason != _MET:
        breaks.append(
            Break(problem_behind.after, problem_behind.next, f"backward, {problem_behind.reason}")
        )
    return ListWalk(nodes + behind[::-1], breaks, len(behind))


_MET = "met the nodes that were found forward"


def _follow(
    kernel: Port, head: int, start: int, link: int, known: set[int], limit: int
) -> tuple[list[int], Optional[Break]]:
    """Nodes over ``next`` (link 0) or ``prev`` (link 1) until the head or a problem."""
    nodes: list[int] = []
    seen: set[int] = set()
    after: Optional[int] = None
    node = start
    while node != head:
        if node in known:
            return nodes, Break(after, node, _MET)
        if node in seen:
            return nodes, Break(after, node, "leads back to a node that was already met (a cycle)")
        if node == 0:
            return nodes, Break(after, node, "is NULL")
        if len(nodes) >= limit:
            return nodes, Break(after, node, f"goes on after {limit} nodes")
        try:
            onward = read_pointers(kernel, node, 2)[link]
        except Unknown as reason:
            return nodes, Break(after, node, f"cannot be read ({reason})")
        nodes.append(node)
        seen.add(node)
        after, node = node, onward
    return nodes, None


def _prev_breaks(kernel: Port, head: int, nodes: list[int]) -> list[Break]:
    """Nodes whose ``prev`` does not point back: the list was changed behind the kernel's back."""
    breaks = []
    expected = head
    for node in [*nodes, head]:
        prev = read_pointers(kernel, node, 2)[1]
        if prev != expected:
            breaks.append(
                Break(
                    None if expected == head else expected,
                    node,
                    f"does not point back (its prev is 0x{prev:x})",
                )
            )
        expected = node
    return breaks
