# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions about types and symbols: sizes, offsets, existence, ``whatis``."""

from __future__ import annotations

from typing import Any, Optional

from crashext.pykdump.cmodule import crash
from crashext.pykdump.containers import memoize_typeinfo, purge_typeinfo
from crashext.pykdump.ctype import Lazy
from crashext.pykdump.gdbtypes import GdbTypes
from crashext.pykdump.structs import StructResult, readSU
from crashext.pykdump.typeinfo import (
    TYPE_CODE_SU,
    ArtStructInfo,
    SUInfo,
    TypeInfo,
    VarInfo,
    find_type,
)
from crashext.pykdump.typesource import types

__all__ = [
    "container_of", "enumerator_value", "funcargs", "getSizeOf", "getStructInfo",
    "member_offset", "member_size", "purge_typeinfo", "readSymbol", "sdef2ArtSU",
    "struct_exists", "struct_size", "symbol_exists", "union_size", "whatis",
]  # fmt: skip


@memoize_typeinfo
def getStructInfo(stype: str) -> SUInfo:
    """The members of a struct or union; TypeError when there is no such type."""
    return SUInfo(stype)


@memoize_typeinfo
def struct_size(sname: str) -> int:
    """Bytes of a type by name, -1 when there is no such type."""
    if sname.startswith(("struct ", "union ")) and _quick_source(sname) is not None:
        return int(crash.struct_size(sname))
    try:
        return find_type(sname).size
    except TypeError:
        return -1


union_size = struct_size


def getSizeOf(vtype: str) -> int:
    """Bytes of a type by name (``void *``, ``struct list_head``), -1 when there is none."""
    return int(struct_size(vtype))


def struct_exists(sname: str) -> bool:
    return bool(struct_size(sname) != -1)


def _quick_source(sname: str) -> Optional[GdbTypes]:
    """gdb, when it is the source of types and has not yet told the whole layout of a struct."""
    source = types()
    if not isinstance(source, GdbTypes) or source.knows(sname):
        return None
    return source if hasattr(crash, "member_offset") else None


@memoize_typeinfo
def member_size(sname: str, fname: str) -> int:
    """Bytes of a member, arrays whole; -1 when there is no such struct or member."""
    quick = _quick_source(sname)
    if quick is not None:
        if crash.member_offset(sname, fname) >= 0:
            return int(crash.member_size(sname, fname))
        return quick.member_number("sizeof", sname, fname)
    try:
        info = getStructInfo(sname).get(fname)
    except TypeError:
        return -1
    return -1 if info is None else int(info.size)


@memoize_typeinfo
def member_offset(sname: str, fname: str) -> int:
    """Bytes from the start of a struct to ``a`` or ``a.b.c``; -1 when there is no such member.

    A path goes through embedded structs only: behind a pointer there is no offset.
    """
    quick = _quick_source(sname)
    if quick is not None:
        found = int(crash.member_offset(sname, fname)) if "." not in fname else -1
        return found if found >= 0 else quick.member_number("&", sname, fname)
    try:
        info: Optional[SUInfo] = getStructInfo(sname)
    except TypeError:
        return -1
    offset = 0
    for word in fname.split("."):
        member = info.get(word) if info is not None else None
        if member is None:
            return -1
        offset += member.offset
        ti = member.ti
        info = SUInfo(ti.stype, ctype=ti.base) if ti.codetype in TYPE_CODE_SU else None
    return offset


def enumerator_value(name: str) -> Optional[int]:
    """The value of an enumerator, None when there is none of that name."""
    try:
        return types().enumerator(name)
    except LookupError:
        return None


def container_of(ptr: int, ctype: str, member: str) -> StructResult:
    """The struct whose ``member`` is at ``ptr``."""
    offset = member_offset(ctype, member)
    if offset < 0:
        raise KeyError(f"<{ctype}> does not have a field <{member}>")
    return readSU(ctype, int(ptr) - offset)


_symbols: dict[str, bool] = {}


def symbol_exists(name: str) -> bool:
    """True when crash knows a symbol of that name."""
    if name not in _symbols:
        _symbols[name] = bool(crash.symbol_exists(name))
    return _symbols[name]


def forget_symbols() -> None:
    """Drops what is known of symbols: a module's debug info was loaded or unloaded."""
    _symbols.clear()
    _variables.clear()


_variables: dict[str, VarInfo] = {}


def whatis(symbol: str) -> VarInfo:
    """Type and address of a variable or function; TypeError when there is none."""
    if symbol in _variables:
        return _variables[symbol]
    try:
        ctype = types().symbol_type(symbol)
    except LookupError:
        raise TypeError(f"There's no symbol <{symbol}>") from None
    address = int(crash.sym2addr(symbol))
    if not address:
        raise TypeError(f"There's no symbol <{symbol}>")
    info = VarInfo(symbol, address, Lazy(lambda: ctype, ctype))
    info.ctype = info.ti.stype
    _variables[symbol] = info
    return info


def readSymbol(symbol: str, art: Any = None) -> Any:
    """The value of a variable."""
    info = whatis(symbol)
    return info.reader(info.addr)


def funcargs(symbol: str) -> Optional[list[str]]:
    """Types of a function's parameters as text, None when ``symbol`` is no function."""
    try:
        ti = whatis(symbol).ti
    except TypeError:
        return None
    if ti.stype != "(func)":
        return None
    return [argument.typestr() for argument in ti.prototype[1:]]


def sdef2ArtSU(declaration: str) -> ArtStructInfo:
    """A struct from the text of its C definition, members placed without padding."""
    from crashext.pykdump.declarations import parseSUDef

    sname, fields = parseSUDef(declaration)
    result = ArtStructInfo(sname)
    for ftype, fname in fields:
        try:
            ti = TypeInfo(ftype)
        except TypeError:
            base, star, rest = ftype.partition("*")
            if not star:
                raise
            # A pointer to a struct that this kernel does not have is a pointer all the same.
            ti = TypeInfo(f"struct list_head {star}{rest}")
            ti.stype = base.strip()
        result.append_info(fname, ti)
    return result
