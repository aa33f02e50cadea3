# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects in the dump's memory: StructResult, tPtr, SmartString, and the readers that make them.

Every struct type becomes a subclass of :class:`StructResult`, itself an ``int`` (the address).
A member's reader is compiled once, when it is first used, and then lives on that class as a
descriptor: a member access costs one descriptor call and one read of memory. Memory is read at
the time of the access, never ahead: a struct that straddles a page missing from the dump still
gives the members that are there.
"""

from __future__ import annotations

import types as python_types
from collections.abc import Iterator
from typing import Any, Callable, Optional, Union

from crashext.pykdump.cmodule import crash
from crashext.pykdump.ctype import CType, Kind
from crashext.pykdump.typeinfo import (
    TYPE_CODE_PTR,
    EnumInfo,
    PseudoVarInfo,
    SUInfo,
    TypeInfo,
    VarInfo,
    find_type,
    readers_by,
    type_name,
)

Reader = Callable[[int], Any]

POINTER_SIZE = 8
#: PyKdump reads this much of a ``char *``.
STRING_BYTES = 256

readPtr = crash.readPtr
readIntN = crash.readInt
readmem = crash.readmem

_new = int.__new__


class NoMember(KeyError, AttributeError):
    """A struct has no such member: a KeyError for PyKdump programs, an AttributeError for
    ``hasattr``."""

    def __str__(self) -> str:
        return str(self.args[0])


class _MemberDescriptor:
    """Reads one member: installed on the struct's class at first use."""

    __slots__ = ("offset", "reader")

    def __init__(self, offset: int, reader: Reader) -> None:
        self.offset = offset
        self.reader = reader

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        return self.reader(int(instance) + self.offset)


class _IntDescriptor:
    """A :class:`_MemberDescriptor` for plain integers, with one call less."""

    __slots__ = ("offset", "signed", "size")

    def __init__(self, offset: int, size: int, signed: bool) -> None:
        self.offset = offset
        self.size = size
        self.signed = signed

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        return readIntN(int(instance) + self.offset, self.size, self.signed)


_classes: dict[str, type[StructResult]] = {}


class StructResult(int):
    """A struct or union at an address: ``StructResult("struct list_head", 0xffff…).next``.

    The int value is the address. Members are attributes; ``s[i]`` is the i-th element of an
    array that starts here, ``s["member"]`` the member's VarInfo. Comparison and hash go by
    address.
    """

    PYT_symbol: str
    PYT_sinfo: SUInfo
    PYT_size: int

    def __new__(cls, sname: str, addr: int = 0) -> StructResult:
        return _new(class_for(sname), addr)

    def __getattr__(self, name: str) -> Any:
        info = self.PYT_sinfo.get(name)
        if info is None:
            # Inside a class body Python turns obj.__x into obj._Class__x.
            mangled = name.find("__")
            if mangled > 0:
                info = self.PYT_sinfo.get(name[mangled:])
        if info is None:
            raise NoMember(f"<{self.PYT_symbol}> does not have a field <{name}>")
        descriptor = _descriptor(info)
        setattr(type(self), name, descriptor)
        return descriptor.__get__(self, type(self))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return self.PYT_sinfo[index]
        return _new(type(self), int(self) + index * self.PYT_size)

    def __add__(self, index: int) -> StructResult:
        return _new(type(self), int(self) + index * self.PYT_size)

    def __eq__(self, other: object) -> bool:
        return int(self) == other

    def __ne__(self, other: object) -> bool:
        return int(self) != other

    def __hash__(self) -> int:
        return hash(int(self))

    def __len__(self) -> int:
        return self.PYT_size

    def __bool__(self) -> bool:
        return int(self) != 0

    def __str__(self) -> str:
        return f"<{self.PYT_symbol} 0x{int(self):x}>"

    def __repr__(self) -> str:
        return f"StructResult <{self.PYT_symbol} 0x{int(self):x}> \tsize={self.PYT_size}"

    def __format__(self, spec: str) -> str:
        return str(self) if not spec or spec[-1] == "s" else format(int(self), spec)

    def shortStr(self) -> str:
        return f"<{self.PYT_symbol.split()[-1]} 0x{int(self):x}>"

    def Dump(self, indent: int = 0) -> None:
        """Prints the members; long arrays are cut after four elements."""
        for name, info in self.PYT_sinfo.PYT_body:
            if not name:
                continue
            try:
                value = getattr(self, name)
                if not isinstance(value, SmartString) and info.ti.elements > 3:
                    value = ", ".join([str(value[i]) for i in range(4)]) + ", ..."
                print(" " * indent, f"    {name:>18} ", value)
            except TypeError:
                print(" " * indent, f"    {name:>18}  unknown type")

    def hasField(self, name: str) -> bool:
        return name in self.PYT_sinfo

    def isNamed(self, name: str) -> bool:
        return name == self.PYT_symbol

    def fieldOffset(self, name: str) -> int:
        return self.PYT_sinfo[name].offset

    def castTo(self, sname: str) -> StructResult:
        return StructResult(sname, int(self))

    def Eval(self, path: str) -> Any:
        """The value of ``a.b.c``, following pointers on the way."""
        known = type(self).__dict__.get("_paths")
        if known is None:
            known = {}
            type(self)._paths = known  # type: ignore[attr-defined]
        found = known.get(path)
        if found is None:
            found = _member_path(self.PYT_sinfo, path)
            if found is None:
                raise NoMember(f"<{self.PYT_symbol}> does not have a field <{path}>")
            known[path] = found
        info, steps = found
        return _follow(int(self), info, steps)

    @property
    def Deref(self) -> StructResult:
        return self

    def getDeref(self) -> StructResult:
        return self


def class_for(sname: str) -> type[StructResult]:
    """The StructResult subclass of a struct, union or typedef name; TypeError if none."""
    try:
        return _classes[sname]
    except KeyError:
        pass
    result = _class_of(find_type(sname), sname)
    _classes[sname] = result
    return result


def _class_of(ctype: CType, sname: str) -> type[StructResult]:
    known: Optional[type[StructResult]] = getattr(ctype, "result_class", None)
    if known is not None:
        return known
    if sname in _classes and _same_shape(_classes[sname].PYT_sinfo, ctype):
        result = _classes[sname]
    else:
        info = SUInfo(sname, ctype=ctype)
        # Subclass through type(): __new__ of StructResult takes a type name.
        result = type(
            "StructResult_" + sname.replace(" ", "_").replace("-", "_"),
            (StructResult,),
            {"PYT_symbol": sname, "PYT_sinfo": info, "PYT_size": info.PYT_size},
        )
        # Two modules may have different structs of one name: the first keeps the name.
        _classes.setdefault(sname, result)
    ctype.result_class = result  # type: ignore[attr-defined]
    return result


def _same_shape(info: SUInfo, ctype: CType) -> bool:
    if not ctype.members:
        # A declaration only: the definition, known by name, is what it means.
        return True
    return info.PYT_size == ctype.size and [(n, v.bitoffset) for n, v in info.PYT_body] == [
        (m.name, m.bit_offset) for m in ctype.members
    ]


def forget_classes() -> None:
    """Drops the compiled struct classes: the types may have changed (debug info was loaded)."""
    _classes.clear()


def _descriptor(info: VarInfo) -> Union[_MemberDescriptor, _IntDescriptor]:
    ti = info.ti
    if ti.dims is None and info.bitsize is None and ti.element.kind is Kind.INT:
        return _IntDescriptor(info.offset, ti.size, ti.element.signed)
    return _MemberDescriptor(info.offset, info.reader)


def readSU(symbol: str, addr: int) -> StructResult:
    """The struct or union named ``symbol`` (``struct task_struct``) at ``addr``.

    Nothing is read yet; TypeError when there is no such type.
    """
    try:
        return _new(_classes[symbol], addr)
    except KeyError:
        return _new(class_for(symbol), addr)


# Readers ------------------------------------------------------------------------------------


def make_reader(ti: TypeInfo, shift: int = 0, bit_size: Optional[int] = None) -> Reader:
    """A function that reads a value of that type at an address.

    ``shift`` and ``bit_size`` place a bit field, counted from the lowest bit of the first byte.
    """
    if bit_size is not None:
        return _bit_field_reader(ti, shift, bit_size)
    scalar = _scalar_reader(ti)
    if ti.dims is None:
        return scalar
    return _array_reader(ti, scalar)


def _bit_field_reader(ti: TypeInfo, shift: int, bit_size: int) -> Reader:
    size = (shift + bit_size + 7) // 8
    mask = (1 << bit_size) - 1
    sign = 1 << (bit_size - 1)
    kind, signed = ti.element.kind, ti.element.signed

    def read(addr: int) -> Any:
        value = (int.from_bytes(readmem(int(addr), size), "little") >> shift) & mask
        if kind is Kind.BOOL:
            return bool(value)
        if signed and value & sign:
            value -= mask + 1
        return value

    return read


def _scalar_reader(ti: TypeInfo) -> Reader:
    element = ti.element
    size, signed = element.size, element.signed
    if element.kind is Kind.INT:
        return lambda addr: readIntN(int(addr), size, signed)
    if element.kind is Kind.BOOL:
        return lambda addr: bool(readIntN(int(addr), size))
    if element.kind is Kind.ENUM:
        enum = EnumInfo(ti.stype, element)
        return lambda addr: tEnum(readIntN(int(addr), size, signed), enum)
    if element.is_compound:
        struct_class = _class_of(element, type_name(element))
        return lambda addr: _new(struct_class, addr)
    if element.kind is Kind.POINTER:
        return _pointer_reader(ti)
    if element.kind is Kind.FUNCTION:
        return int
    raise TypeError(f"don't know how to read {ti.stype} ({element.kind.value})")


def _pointer_reader(ti: TypeInfo) -> Reader:
    if ti.ptrlev != 1:
        return lambda addr: tPtr(readPtr(int(addr)), ti)
    base = ti.base
    if base.kind is Kind.INT and ti.stype == "char":
        return _string_pointer
    if base.is_compound:
        struct_class: list[type[StructResult]] = []

        def read(addr: int) -> Any:
            # The class is made at the first read: struct types point to each other in circles.
            if not struct_class:
                struct_class.append(_pointed_class(base))
            return _new(struct_class[0], readPtr(int(addr)))

        return read
    if base.kind is Kind.FUNCTION:
        return lambda addr: readPtr(int(addr))
    return lambda addr: tPtr(readPtr(int(addr)), ti)


def _pointed_class(base: CType) -> type[StructResult]:
    name = type_name(base)
    if not base.members:
        try:
            return class_for(name)
        except TypeError:
            pass  # declared, never defined: an address is all there is
    return _class_of(base, name)


def _string_pointer(addr: int) -> Optional[SmartString]:
    pointer = readPtr(int(addr))
    if pointer == 0:
        return None
    return SmartString(_string_bytes(pointer), pointer, int(addr))


def _string_bytes(pointer: int) -> bytes:
    try:
        return bytes(readmem(pointer, STRING_BYTES))
    except crash.error:
        # The string may end before a page that is missing.
        return bytes(readmem(pointer, STRING_BYTES - pointer % STRING_BYTES))


def _array_reader(ti: TypeInfo, scalar: Reader) -> Reader:
    dims, element = ti.dims or [], ti.element
    size, signed, elements = element.size, element.signed, ti.elements
    if len(dims) == 1 and element.kind is Kind.INT and ti.stype == "char" and dims[0]:
        length = dims[0]
        return lambda addr: SmartString(readmem(int(addr), length), int(addr), None)
    if elements == 0:
        if element.is_compound:
            return scalar
        if element.kind is Kind.INT:
            return lambda addr: intDimensionlessArray(addr, size, signed)
        return lambda addr: LazyArray(int(addr), size, None, scalar)
    if element.kind is Kind.POINTER and len(dims) == 1:
        return lambda addr: LazyArray(int(addr), size, elements, scalar)

    def read(addr: int) -> Any:
        addr = int(addr)
        if element.kind in (Kind.INT, Kind.BOOL):
            data = bytes(readmem(addr, size * elements))
            values: list[Any] = [
                int.from_bytes(data[i : i + size], "little", signed=signed)
                for i in range(0, len(data), size)
            ]
            if element.kind is Kind.BOOL:
                values = [bool(value) for value in values]
        else:
            values = [scalar(addr + i * size) for i in range(elements)]
        return _nest(values, dims, addr)

    return read


def _nest(values: list[Any], dims: list[int], addr: int) -> Any:
    """A flat list as lists of lists, the last dimension innermost."""
    for dim in reversed(dims[1:]):
        values = [values[i : i + dim] for i in range(0, len(values), dim)]
    return SmartList(values, addr)


class LazyArray:
    """An array of pointers; elements are read when asked for. No length: a flexible array."""

    def __init__(self, addr: int, size: int, length: Optional[int], reader: Reader) -> None:
        self.addr = addr
        self._size = size
        self._length = length
        self._reader = reader

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        return self._reader(self.addr + index * self._size)

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("a flexible array has no length")
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __int__(self) -> int:
        return self.addr

    def __repr__(self) -> str:
        return f"<array addr=0x{self.addr:x} length={self._length}>"


class intDimensionlessArray(int):
    """A flexible array of integers: ``a[i]`` reads, without a check of the index."""

    isize: int
    signed: bool

    def __new__(cls, addr: int, isize: int, signed: bool) -> intDimensionlessArray:
        result = _new(cls, addr)
        result.isize = isize
        result.signed = signed
        return result

    def __getitem__(self, index: int) -> int:
        return int(readIntN(int(self) + index * self.isize, self.isize, self.signed))

    def __repr__(self) -> str:
        return (
            f"<intDimensionlessArray addr=0x{int(self):x}, sz={self.isize}, signed={self.signed}>"
        )


class SmartList(list[Any]):
    """An array's values, with the address it was read from."""

    def __init__(self, values: Any = (), addr: Optional[int] = None) -> None:
        super().__init__(values)
        self.addr = addr


class tEnum(int):
    """An enum's value; its repr is the enumerator's name."""

    einfo: EnumInfo

    def __new__(cls, value: int, einfo: EnumInfo) -> tEnum:
        result = _new(cls, value)
        result.einfo = einfo
        return result

    def __repr__(self) -> str:
        return self.einfo.getnam(self)


class SmartString(str):
    """The text up to the first NUL; ``ByteArray`` holds all bytes read, ``[i]`` indexes them.

    ``addr`` is where the text is, ``ptr`` the address of the pointer that led there, if any.
    Bytes that are not ASCII are escaped, so that control sequences cannot hide in them.
    """

    ByteArray: bytes
    addr: Optional[int]
    ptr: Optional[int]
    _full: str

    def __new__(
        cls, source: Any, addr: Optional[int] = None, ptr: Optional[int] = None
    ) -> SmartString:
        if isinstance(source, tPtr) and source.ptrlev == 1:
            addr = int(source)
            source = _string_bytes(addr)
        elif not isinstance(source, (bytes, bytearray)):
            raise TypeError(f"Cannot convert type {type(source)} to SmartString")
        data = bytes(source)
        full = str(data, "ascii", errors="backslashreplace")
        result = super().__new__(cls, full.split("\0", 1)[0])
        result.ByteArray = data
        result.addr = addr
        result.ptr = ptr
        result._full = full
        return result

    def __getitem__(self, key: Any) -> str:
        return self._full[key]

    def __long__(self) -> Optional[int]:
        return self.ptr


class tPtr(int):
    """A pointer that is not a pointer to a struct: ``p.Deref``, ``p[i]``. The int is its value."""

    ti: TypeInfo
    ptrlev: int

    def __new__(cls, value: int, ti: TypeInfo, ptrlev: Optional[int] = None) -> tPtr:
        result = _new(cls, value)
        result.ti = ti
        result.ptrlev = (ti.ptrlev or 0) if ptrlev is None else ptrlev
        return result

    @property
    def ptype(self) -> TypeInfo:
        return self.ti

    def getPtype(self) -> TypeInfo:
        return self.ti

    def getDeref(self, index: int = 0) -> Any:
        """What it points to; IndexError when it is NULL."""
        if not self:
            raise IndexError(f"\nNULL pointer {self!r}")
        if self.ptrlev > 1:
            pointer = readPtr(int(self) + index * POINTER_SIZE)
            if self.ptrlev == 2 and self.ti.base.is_compound:
                return _new(_pointed_class(self.ti.base), pointer)
            return tPtr(pointer, self.ti, self.ptrlev - 1)
        target = self.ti.getTargetType()
        if target.base.kind is Kind.VOID:
            raise TypeError(f"Trying to dereference a void pointer {self!r}")
        return make_reader(target)(int(self) + index * max(target.base.size, 1))

    @property
    def Deref(self) -> Any:
        return self.getDeref()

    def getArrDeref(self, index: int) -> Any:
        return self.getDeref(index)

    def __getitem__(self, index: int) -> Any:
        return self.getDeref(index)

    def __repr__(self) -> str:
        return f"<tPtr addr=0x{int(self):x} ctype='{self.ti.stype} {'*' * self.ptrlev}'>"


def Addr(obj: Any, extra: Optional[str] = None) -> int:
    """The address of an object in the dump, or of its member ``extra``."""
    if isinstance(obj, StructResult):
        return int(obj) + (obj.PYT_sinfo[extra].offset if extra else 0)
    if isinstance(obj, (SmartString, SmartList, LazyArray)):
        if obj.addr is None:
            raise TypeError(f"{obj!r} does not know its address")
        return obj.addr
    if isinstance(obj, (tPtr, intDimensionlessArray)):
        return int(obj)
    raise TypeError(f"{type(obj).__name__} has no address in the dump")


def Deref(obj: Any) -> Any:
    """What a pointer points to. A pointer to a struct already is the struct."""
    if isinstance(obj, tPtr):
        return obj.Deref
    if isinstance(obj, StructResult):
        return obj
    raise TypeError(f"Trying to dereference a non-pointer {obj}")


# Members that programs add -------------------------------------------------------------------


def _member_path(
    info: Optional[SUInfo], path: str
) -> Optional[tuple[VarInfo, list[tuple[bool, int]]]]:
    """The last member of ``a.b.c`` and the (pointer?, offset) steps to it; None if there is
    none."""
    steps: list[tuple[bool, int]] = []
    member: Optional[VarInfo] = None
    for word in path.split("."):
        member = info.get(word.strip()) if info is not None else None
        if member is None:
            return None
        ti = member.ti
        pointer = ti.codetype == TYPE_CODE_PTR
        info = None
        if ti.base.is_compound and (not pointer or ti.ptrlev == 1):
            info = _pointed_class(ti.base).PYT_sinfo
        steps.append((pointer, member.offset))
    if member is None:
        return None
    steps[-1] = (False, steps[-1][1])
    return member, steps


def _follow(addr: int, member: VarInfo, steps: list[tuple[bool, int]]) -> Any:
    for pointer, offset in steps:
        addr = readPtr(addr + offset) if pointer else addr + offset
    return member.reader(addr)


def parseDerefString(sname: str, path: str) -> Any:
    """(VarInfo of the last member, steps) of ``a.b.c`` in a struct, or False."""
    return _member_path(class_for(sname).PYT_sinfo, path) or False


class _PathAttribute:
    def __init__(self, member: VarInfo, steps: list[tuple[bool, int]]) -> None:
        self._member = member
        self._steps = steps

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else _follow(int(instance), self._member, self._steps)


class _ProcAttribute:
    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else self._function(instance)


class _SelfAttribute:
    def __get__(self, instance: Any, owner: Any) -> Any:
        return instance


def structSetAttr(
    sname: str, aname: str, estrings: Union[str, list[str]], sextra: Optional[list[str]] = None
) -> bool:
    """Gives a struct (and the structs ``sextra``) an attribute that reads a member path.

    The first of ``estrings`` that this kernel has is taken; ``""`` is the struct itself.
    False when there is none, or no such struct.
    """
    try:
        struct_class = class_for(sname)
        others = [class_for(extra) for extra in sextra or ()]
    except TypeError:
        return False
    for path in [estrings] if isinstance(estrings, str) else estrings:
        found = _member_path(struct_class.PYT_sinfo, path) if path else None
        if path and found is None:
            continue
        for one in (struct_class, *others):
            _set_path(one, aname, found)
        return True
    return False


def _set_path(
    struct_class: type[StructResult],
    aname: str,
    found: Optional[tuple[VarInfo, list[tuple[bool, int]]]],
) -> None:
    if found is None:
        setattr(struct_class, aname, _SelfAttribute())
        return
    member, steps = found
    setattr(struct_class, aname, _PathAttribute(member, steps))
    if not any(pointer for pointer, _offset in steps):
        info = PseudoVarInfo(aname)
        info.ti = member.ti
        info.addr = 0
        info.offset = sum(offset for _pointer, offset in steps)
        info.bitoffset = 8 * info.offset + member.bitoffset - 8 * member.offset
        info.bitsize = member.bitsize
        struct_class.PYT_sinfo[aname] = info


def structSetProcAttr(sname: str, aname: str, function: Callable[[Any], Any]) -> bool:
    """Gives a struct an attribute that calls ``function`` with the object."""
    try:
        struct_class = class_for(sname)
    except TypeError:
        return False
    setattr(struct_class, aname, _ProcAttribute(function))
    return True


class AttrSetter:
    """``setter = AttrSetter("struct sock", …); setter.Src = ["a.b", "c"]`` for several structs.

    A path that begins with ``SKC.`` starts at ``struct sock_common``. After the assignment the
    setter's own attribute tells whether a path was found.
    """

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "_names", names)

    def __setattr__(self, aname: str, value: Any) -> None:
        names: tuple[str, ...] = self.__dict__["_names"]
        self.__dict__[aname] = False
        classes = []
        for name in names:
            try:
                classes.append(class_for(name))
            except TypeError:
                continue
        if not classes or classes[0] is not _classes.get(names[0]):
            return
        for path in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(path, python_types.FunctionType):
                for one in classes:
                    setattr(one, aname, _ProcAttribute(path))
                self.__dict__[aname] = True
                return
            start, words = names[0], path
            if path.startswith("SKC."):
                start, words = "struct sock_common", path[len("SKC.") :]
            found = _member_path(class_for(start).PYT_sinfo, words) if path else None
            if path and found is None:
                continue
            for one in classes:
                _set_path(one, aname, found)
            self.__dict__[aname] = True
            return

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def printObject(obj: Any) -> None:
    """Prints a struct as gdb does."""
    if not isinstance(obj, StructResult):
        raise TypeError(f"{type(obj).__name__} is not a struct in the dump")
    text = crash.get_GDB_output(f"p *({obj.PYT_symbol} *)0x{int(obj):x}") or ""
    _first, _newline, rest = text.partition("\n")
    print(f"{obj.PYT_symbol} 0x{int(obj):x} {{")
    print(rest)


readers_by(make_reader)
