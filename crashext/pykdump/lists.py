# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks of kernel lists. Every walk is bounded and stops at a cycle or at unreadable memory.

What was read before the trouble is returned; the trouble goes to ``pylog``, which the user sees
at the end of the program.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from crashext.pykdump.cmodule import crash
from crashext.pykdump.pylog import MsgExtra, pylog
from crashext.pykdump.structs import StructResult, class_for, readSU
from crashext.pykdump.typeinfo import SUInfo
from crashext.pykdump.typequery import getStructInfo, member_offset, struct_size

#: Elements that a walk visits unless told otherwise (--maxel).
_maxel = 10000


def default_maxel() -> int:
    return _maxel


def set_default_maxel(count: int) -> None:
    global _maxel
    _maxel = count


@dataclass
class Walk:
    """The addresses visited, and why the walk ended early (None: it came to its end)."""

    addresses: list[int] = field(default_factory=list)
    trouble: Optional[str] = None
    #: The limit was reached.
    limited: bool = False


def walk(
    start: int, offset: int, maxel: int, inchead: bool, read_pointer: Callable[[int], int]
) -> Walk:
    """Follows the pointer at ``offset`` of each element until NULL or ``start`` again.

    At most ``maxel`` addresses are returned, ``start`` included when ``inchead``.
    """
    result = Walk()
    if start == 0:
        return result
    if inchead:
        result.addresses.append(start)
    seen = {start}
    current = start
    while True:
        try:
            current = read_pointer(current + offset)
        except (crash.error, IndexError) as error:
            result.trouble = f"the list cannot be read at 0x{current + offset:x}: {error}"
            return result
        if current in (0, start):
            return result
        if current in seen:
            result.trouble = f"circular list: 0x{current:x} comes again"
            return result
        if len(result.addresses) >= maxel:
            result.limited = True
            return result
        seen.add(current)
        result.addresses.append(current)


def readList(
    start: int,
    offset: int = 0,
    maxel: Optional[int] = None,
    inchead: bool = True,
    warn: bool = True,
) -> list[int]:
    """Addresses of the elements of a list whose link is at ``offset``."""
    limit = _maxel if maxel is None else maxel
    result = walk(int(start), offset, limit, inchead, crash.readPtr)
    if result.trouble:
        pylog.error(f"{MsgExtra()} {result.trouble}" if MsgExtra.current() else result.trouble)
    if result.limited and warn:
        pylog.warning(f"We have reached the limit while reading a list maxel={limit}")
    return result.addresses


def readBadList(
    start: int, offset: int = 0, maxel: Optional[int] = None, inchead: bool = True
) -> tuple[list[int], Optional[str]]:
    """:func:`readList` for a list that may be corrupted: (addresses, trouble or None)."""
    limit = _maxel if maxel is None else maxel
    result = walk(int(start), offset, limit, inchead, crash.readPtr)
    if result.limited:
        pylog.warning("We have reached the limit while reading a list")
    return result.addresses, result.trouble


def readListByHead(
    start: int, offset: int = 0, maxel: Optional[int] = None, warn: bool = True
) -> list[int]:
    """Addresses of the list_heads on a list, the head itself left out."""
    return readList(start, offset, maxel, False, warn)


list_for_each_entry = readListByHead


def readSUListFromHead(
    headaddr: Any,
    listfieldname: str,
    mystruct: str,
    maxel: Optional[int] = None,
    inchead: bool = False,
    warn: bool = True,
) -> list[StructResult]:
    """The structs on a list; ``headaddr`` is the address of the list_head or a symbol's name.

    A symbol is one of the structs themselves (``init_task``): its own link is the head.
    """
    offset = member_offset(mystruct, listfieldname)
    if offset < 0:
        raise KeyError(f"<{mystruct}> does not have a field <{listfieldname}>")
    if isinstance(headaddr, str):
        headaddr = crash.sym2addr(headaddr) + offset
    struct_class = class_for(mystruct)
    return [
        int.__new__(struct_class, address - offset)
        for address in readList(headaddr, 0, maxel, inchead, warn)
    ]


def readStructNext(
    shead: Any, nextname: str, maxel: Optional[int] = None, inchead: bool = True
) -> list[StructResult]:
    """The structs on a chain whose link is a pointer to the next struct."""
    if not shead:
        return []
    if not isinstance(shead, StructResult):
        shead = shead.Deref
    offset = shead.PYT_sinfo[nextname].offset
    return [readSU(shead.PYT_symbol, p) for p in readList(int(shead), offset, maxel, inchead)]


class ListHead(list[Any]):
    """The list_heads on a list; with a struct name, ``lh.member`` are the structs by link."""

    def __init__(
        self,
        lhaddr: int,
        sname: Optional[str] = None,
        maxel: Optional[int] = None,
        warn: bool = True,
    ) -> None:
        self.sname = sname
        self.warn = warn
        addresses = readList(int(lhaddr), 0, maxel, False, warn)
        super().__init__(addresses if sname else [readSU("struct list_head", a) for a in addresses])

    def __getattr__(self, fname: str) -> list[StructResult]:
        sname = self.__dict__.get("sname")
        offset = member_offset(sname, fname) if sname else -1
        if sname is None or offset < 0:
            raise AttributeError(f"<{sname}> does not have a field <{fname}>")
        return [readSU(sname, address - offset) for address in self]


def LH_isempty(head: Any) -> bool:
    return bool(head) and int(head) == int(head.next)


def hlist_for_each_entry(emtype: str, head: Any, member: str) -> Iterator[StructResult]:
    """The structs on an hlist; ``head`` is a struct with ``first`` (hlist_head)."""
    info: SUInfo = getStructInfo(emtype)
    offset = info[member].offset
    first = int(head.first)
    next_offset = member_offset("struct hlist_node", "next")
    for address in readList(first, max(next_offset, 0), None, True):
        yield readSU(emtype, address - offset)


def readSUArray(suname: str, startaddr: int, dim: int = 0) -> Any:
    """``dim`` consecutive structs as a list; without ``dim`` a generator up to the limit."""
    if dim == 0:
        return SUArray(suname, startaddr)
    size = struct_size(suname)
    return [readSU(suname, int(startaddr) + i * size) for i in range(dim)]


def SUArray(sname: str, addr: int, maxel: Optional[int] = None) -> Iterator[StructResult]:
    """Consecutive structs from ``addr`` on; the caller stops."""
    size = struct_size(sname)
    for i in range(_maxel if maxel is None else maxel):
        yield readSU(sname, int(addr) + i * size)
