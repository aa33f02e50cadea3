# SPDX-License-Identifier: GPL-2.0-or-later
"""PyKdump's view of C types: TypeInfo, VarInfo, SUInfo, EnumInfo."""

from __future__ import annotations

import copy
from functools import reduce
from itertools import count
from typing import Any, Callable, Optional

from crashext.pykdump.cmodule import TYPE_CODES
from crashext.pykdump.ctype import CType, Kind, Lazy, Member
from crashext.pykdump.typesource import types

#: What makes a function of an address that reads a value: (type, shift in bits, size in bits).
ReaderMaker = Callable[..., Callable[[int], Any]]


def _make_reader(ti: TypeInfo, shift: int = 0, size: Optional[int] = None) -> Callable[..., Any]:
    if _maker is None:
        raise RuntimeError("crashext.pykdump.structs, which reads values, was not imported")
    return _maker(ti, shift, size)


_maker: Optional[ReaderMaker] = None


def readers_by(maker: ReaderMaker) -> None:
    """Says who reads values of a type: :mod:`.structs`, which knows types and is not known here."""
    global _maker
    _maker = maker


TYPE_CODE_PTR = TYPE_CODES["TYPE_CODE_PTR"]
TYPE_CODE_STRUCT = TYPE_CODES["TYPE_CODE_STRUCT"]
TYPE_CODE_UNION = TYPE_CODES["TYPE_CODE_UNION"]
TYPE_CODE_SU = (TYPE_CODE_STRUCT, TYPE_CODE_UNION)

_CODES = {
    Kind.VOID: TYPE_CODES["TYPE_CODE_VOID"],
    Kind.INT: TYPE_CODES["TYPE_CODE_INT"],
    Kind.BOOL: TYPE_CODES["TYPE_CODE_BOOL"],
    Kind.FLOAT: TYPE_CODES["TYPE_CODE_FLT"],
    Kind.ENUM: TYPE_CODES["TYPE_CODE_ENUM"],
    Kind.POINTER: TYPE_CODE_PTR,
    Kind.ARRAY: TYPE_CODES["TYPE_CODE_ARRAY"],
    Kind.STRUCT: TYPE_CODE_STRUCT,
    Kind.UNION: TYPE_CODE_UNION,
    Kind.FUNCTION: TYPE_CODES["TYPE_CODE_FUNC"],
}

#: Types without a name of their own, under the names that StructResult can find them by.
_anonymous: dict[str, CType] = {}
_anonymous_numbers = count(1)


def find_type(name: str) -> CType:
    """The type of a C name or of a name that an anonymous type was given; TypeError if none."""
    found = _anonymous.get(name)
    if found is not None:
        return found
    try:
        return types().type(name)
    except LookupError:
        raise TypeError(f"no type {name}") from None


def type_name(ctype: CType) -> str:
    """A name by which :func:`find_type` finds that struct, union or other type again."""
    name = ctype.typedef or ctype.name
    if "{" not in name:
        return name
    known = getattr(ctype, "fake_name", None)
    if known is None:
        known = f"{ctype.kind.value} fake-{next(_anonymous_numbers)}"
        ctype.fake_name = known  # type: ignore[attr-defined]
        _anonymous[known] = ctype
    return str(known)


class TypeInfo:
    """A type taken apart: ``stype`` base name, ``ptrlev`` stars, ``dims`` of an array.

    ``size`` is that of one element; ``elements`` the product of ``dims``.
    """

    def __init__(self, stype: str = "", gdbinit: bool = True, ctype: Optional[CType] = None):
        self.stype = stype
        self.size = -1
        self.codetype = -1
        self.dims: Optional[list[int]] = None
        self.ptrlev: Optional[int] = None
        self.typedef: Optional[str] = None
        self.details: Optional[SUInfo] = None
        self.uint: Optional[bool] = None
        self.ptrbasetype = -1
        self.prototype: list[TypeInfo] = []
        if ctype is None and gdbinit:
            ctype = find_type(stype)
        if ctype is not None:
            self._take(ctype)

    def _take(self, ctype: CType) -> None:
        self.ctype = ctype
        self.typedef = ctype.typedef
        base = ctype
        while base.kind is Kind.ARRAY and base.target is not None:
            self.dims = [*(self.dims or ()), base.length]
            base = base.target.get()
        #: The type of one element of the array.
        self.element = base
        self.size = base.size
        self.codetype = _CODES[base.kind]
        while base.kind is Kind.POINTER and base.target is not None:
            self.ptrlev = (self.ptrlev or 0) + 1
            base = base.target.get()
        #: What is left when dimensions and stars are taken off.
        self.base = base
        if self.ptrlev:
            self.ptrbasetype = _CODES[base.kind]
        if base.kind is Kind.FUNCTION:
            self.stype = "(func)"
            returned = base.target.get() if base.target is not None else find_type("void")
            self.prototype = [TypeInfo(ctype=returned)]
            self.prototype += [TypeInfo(ctype=p.get()) for p in base.parameters]
        else:
            self.stype = type_name(base)
        if base.kind in (Kind.INT, Kind.ENUM, Kind.BOOL):
            self.uint = not base.signed
        if base.is_compound and " fake-" in self.stype:
            self.details = SUInfo(self.stype)

    @property
    def elements(self) -> int:
        return reduce(lambda one, two: one * two, self.dims, 1) if self.dims else 1

    def getElements(self) -> int:
        return self.elements

    def getTargetType(self) -> TypeInfo:
        """The type with stars and dimensions taken off."""
        return TypeInfo(ctype=self.base)

    def getTargetCodeType(self) -> int:
        return self.getTargetType().codetype

    tcodetype = property(getTargetCodeType)

    def fullname(self) -> tuple[str, str, str]:
        """(base name, stars, dimensions)"""
        stars = "*" * (self.ptrlev or 0)
        return self.stype, stars, "".join(f"[{dim}]" for dim in self.dims or ())

    def typestr(self) -> str:
        stype, stars, dims = self.fullname()
        if self.details is not None:
            return f"{self.details.fullstr()} {stars} {dims}"
        return f"{stype} {stars}{dims}" if stars or dims else stype

    def fullstr(self, indent: int = 0) -> str:
        stype, stars, dims = self.fullname()
        if self.details is not None:
            return f"{self.details.fullstr(indent)} {stars}{dims};"
        return f"{' ' * indent}{stype} {stars}{dims};"

    def signature(self) -> tuple[str, str]:
        """(return type, parameter types) of a function."""
        words = []
        for ti in self.prototype:
            stype, stars, dims = ti.fullname()
            words.append(f"{stype} {stars}{dims}".strip())
        return words[0], ", ".join(words[1:])

    def dump(self) -> None:
        print(f" -------Dumping all attrs of TypeInfo {self.stype}")
        for name in ("stype", "size", "dims", "ptrlev", "typedef", "details"):
            print(f"  {name}, {getattr(self, name)} ")

    def __repr__(self) -> str:
        stype, stars, dims = self.fullname()
        if self.prototype:
            stype, parameters = self.signature()
            dims = f"(func)({parameters})"
        return f"TypeInfo <{stype} {stars}{dims}> size={self.size}"


class VarInfo:
    """A member or a variable: its name, type, place and how to read it.

    ``offset`` (bytes) is that of a member, ``addr`` that of a variable.
    """

    def __init__(
        self, name: Optional[str] = None, addr: Any = -1, lazy_type: Optional[Lazy] = None
    ) -> None:
        self.name = name
        self.addr: int = addr if isinstance(addr, int) else -1
        self.bitsize: Optional[int] = None
        self.bitoffset = 0
        self.offset = 0
        self._lazy_type = lazy_type
        self._ti: Optional[TypeInfo] = None
        self._reader: Optional[Callable[[int], Any]] = None
        self.ctype: Any = None

    @classmethod
    def of_member(cls, member: Member, bit_base: int = 0) -> VarInfo:
        """The member, placed ``bit_base`` bits further on than its own struct says."""
        result = cls(member.name, lazy_type=member.lazy_type)
        result.bitoffset = bit_base + member.bit_offset
        result.offset = result.bitoffset // 8
        result.bitsize = member.bit_size
        return result

    @property
    def ti(self) -> TypeInfo:
        if self._ti is None:
            if self._lazy_type is None:
                raise TypeError(f"the type of {self.name} is not known")
            self._ti = TypeInfo(ctype=self._lazy_type.get())
        return self._ti

    @ti.setter
    def ti(self, value: TypeInfo) -> None:
        self._ti = value
        self._reader = None

    @property
    def reader(self) -> Callable[[int], Any]:
        """A function of an address that reads a value of this type there."""
        if self._reader is None:
            shift = self.bitoffset - 8 * self.offset
            self._reader = _make_reader(self.ti, shift, self.bitsize)
        return self._reader

    def getReader(self, ptrlev: Optional[int] = None) -> Callable[[int], Any]:
        return self.reader

    @property
    def dereferencer(self) -> Callable[[int], Any]:
        """Reads what a pointer of this type points to."""
        return _make_reader(self.ti.getTargetType())

    @property
    def basetype(self) -> str:
        return self.ti.stype

    @property
    def size(self) -> int:
        return self.ti.size * self.ti.elements

    @property
    def array(self) -> Any:
        """The length of an array, or the list of its dimensions when it has several."""
        dims = self.ti.dims or [1]
        return dims[0] if len(dims) == 1 else dims

    @property
    def ptrlev(self) -> Optional[int]:
        return self.ti.ptrlev

    def shortstr(self, indent: int = 0) -> str:
        stype, stars, dims = self.ti.fullname()
        return f"{' ' * indent}{stype} {stars}{self.name}{dims};"

    def fullstr(self, indent: int = 0) -> str:
        stype, stars, dims = self.ti.fullname()
        if self.bitsize is not None:
            dims += f":{self.bitsize}"
        if self.ti.details is not None:
            text = f"{self.ti.details.fullstr(indent)} {stars}{self.name or ''}{dims};"
        else:
            text = f"{' ' * indent}{stype} {stars}{self.name}{dims};"
        return f"{text} | off={self.offset} size={self.size}"

    def __repr__(self) -> str:
        stype, stars, dims = self.ti.fullname()
        if self.ti.prototype:
            stype, parameters = self.ti.signature()
            dims = f"({parameters})"
        return f"{type(self).__name__} <{stype}{stars} {self.name}{dims}> addr=0x{self.addr:x}"


class PseudoVarInfo(VarInfo):
    """A member that a program named itself (structSetAttr)."""


class SUInfo(dict[str, VarInfo]):
    """The members of a struct or union by name; those of anonymous members are included.

    ``PYT_body`` lists the direct members in order, ``PYT_size`` is the size in bytes.
    """

    PYT_sname: str
    PYT_body: list[tuple[Optional[str], VarInfo]]
    PYT_size: int

    def __init__(self, sname: str, gdbinit: bool = True, ctype: Optional[CType] = None) -> None:
        super().__init__()
        self.__dict__["PYT_sname"] = sname
        self.__dict__["PYT_body"] = []
        self.__dict__["PYT_size"] = 0
        if not gdbinit:
            return
        ctype = ctype or find_type(sname)
        while ctype.kind in (Kind.POINTER, Kind.ARRAY) and ctype.target is not None:
            ctype = ctype.target.get()
        if not ctype.is_compound:
            raise TypeError(f"{sname} is not a struct or union")
        self.__dict__["PYT_size"] = ctype.size
        for member in ctype.members:
            info = VarInfo.of_member(member)
            self.PYT_body.append((member.name, info))
            if member.name:
                self[member.name] = info
            else:
                self._flatten(member, 0)

    @property
    def size(self) -> int:
        return self.PYT_size

    def _flatten(self, anonymous: Member, bit_base: int) -> None:
        bit_base += anonymous.bit_offset
        for member in anonymous.type.members:
            if member.name:
                self[member.name] = VarInfo.of_member(member, bit_base)
            else:
                self._flatten(member, bit_base)

    def __setitem__(self, name: str, value: VarInfo) -> None:
        super().__setitem__(name, value)
        if name not in ("PYT_sname", "PYT_body", "PYT_size", "size"):
            self.__dict__[name] = value

    def append(self, name: str, value: VarInfo) -> None:
        self.PYT_body.append((name, value))
        self[name] = value

    def getFnames(self) -> list[Optional[str]]:
        return [name for name, _info in self.PYT_body]

    def fullstr(self, indent: int = 0) -> str:
        margin = " " * indent
        lines = [f"{margin}{self.PYT_sname} {{"]
        lines += [info.fullstr(indent + 4) for _name, info in self.PYT_body]
        return "\n".join([*lines, margin + "}"])

    def __repr__(self) -> str:
        return self.fullstr()

    def __str__(self) -> str:
        lines = ["<SUInfo>", self.PYT_sname + " {"]
        lines += ["    " + info.shortstr() for _name, info in self.PYT_body]
        return "\n".join([*lines, "}"])


class ArtStructInfo(SUInfo):
    """A struct that a program builds itself, member after member, without padding."""

    def __init__(self, sname: str) -> None:
        super().__init__(sname, False)

    def append(self, ftype: Any, fname: Any) -> None:
        """Adds a member of the C type ``ftype`` at the end."""
        self.append_info(fname, TypeInfo(ftype))

    def append_info(self, name: str, ti: TypeInfo) -> None:
        info = VarInfo(name)
        info.ti = ti
        self._place(name, info, self.PYT_size)
        self.__dict__["PYT_size"] += info.size

    def inline(self, other: SUInfo) -> None:
        """Adds the members of another struct at the end."""
        base = self.PYT_size
        for name, info in other.PYT_body:
            moved = copy.copy(info)
            self._place(str(name), moved, base + info.offset)
        self.__dict__["PYT_size"] += other.PYT_size

    def _place(self, name: str, info: VarInfo, offset: int) -> None:
        info.offset = offset
        info.bitoffset = 8 * offset
        super().append(name, info)


class EnumInfo(dict[str, int]):
    """The enumerators of ``enum X``, or of the enum type of a variable, as keys and attributes."""

    def __init__(self, stype: str, ctype: Optional[CType] = None) -> None:
        super().__init__()
        self.__dict__["stype"] = stype
        if ctype is None:
            try:
                ctype = types().type(stype)
            except LookupError:
                ctype = None
        if ctype is None:
            try:
                ctype = types().symbol_type(stype)
            except LookupError:
                raise TypeError(f"cannot find enum <{stype}>") from None
        while ctype.kind in (Kind.POINTER, Kind.ARRAY) and ctype.target is not None:
            ctype = ctype.target.get()
        if ctype.kind is not Kind.ENUM:
            raise TypeError(f"{stype} is not an enum")
        self.__dict__["_Lst"] = list(ctype.enumerators)
        for name, value in ctype.enumerators:
            self[name] = value

    def __setitem__(self, name: str, value: int) -> None:
        super().__setitem__(name, value)
        self.__dict__[name] = value

    def __getattr__(self, name: str) -> int:
        raise AttributeError(f"{self.__dict__.get('stype')} has no enumerator {name}")

    def getnam(self, value: int) -> str:
        for name, number in self.items():
            if number == value:
                return name
        return f"<{self.__dict__['stype']}, bad value {int(value)}>"

    def __str__(self) -> str:
        words = " ,".join(f"{name} = {value}" for name, value in self.__dict__["_Lst"])
        return f"{self.__dict__['stype']} {{{words}}}"
