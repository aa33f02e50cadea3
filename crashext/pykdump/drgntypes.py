# SPDX-License-Identifier: GPL-2.0-or-later
"""C types from a ``drgn.Program`` (DWARF of the kernel and of its modules)."""

from __future__ import annotations

import re
from typing import Any, Callable

import drgn

from crashext.pykdump.ctype import CType, Kind, Lazy, Member

_K = drgn.TypeKind
_SCALARS = {
    _K.VOID: Kind.VOID,
    _K.INT: Kind.INT,
    _K.BOOL: Kind.BOOL,
    _K.FLOAT: Kind.FLOAT,
}
_TAGGED = {_K.STRUCT: Kind.STRUCT, _K.UNION: Kind.UNION, _K.CLASS: Kind.STRUCT}


class DrgnTypes:
    """A TypeSource over one program. Types are converted once and shared.

    :param module_files: gives the module files with debug info that crash has loaded so far
        (``mod -s``); asked when a name is not known, and the new ones are loaded.
    """

    name = "drgn"

    def __init__(self, program: drgn.Program, module_files: Callable[[], list[str]] = list) -> None:
        self._program = program
        self._module_files = module_files
        self._loaded: set[str] = set()
        self._by_name: dict[str, CType] = {}

    def type(self, name: str) -> CType:
        try:
            return self._by_name[name]
        except KeyError:
            pass
        spelled = re.sub(r"\s+", " ", name.strip())
        try:
            found = self._found(lambda: self._program.type(spelled))
        except (LookupError, SyntaxError) as error:
            raise LookupError(f"no type {name}: {error}") from None
        result = self._by_name[name] = self._convert(found)
        return result

    def symbol_type(self, name: str) -> CType:
        try:
            found = self._found(lambda: self._program[name])
        except (KeyError, LookupError):
            raise LookupError(f"no variable or function {name} in the debug info") from None
        return self._convert(found.type_)

    def enumerator(self, name: str) -> int:
        try:
            return int(self._found(lambda: self._program.constant(name)))
        except LookupError:
            raise LookupError(f"no enumerator {name}") from None

    def _found(self, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except LookupError:
            if not self._load_new_files():
                raise
            return look()

    def _load_new_files(self) -> bool:
        """Whether crash has loaded module files that drgn did not know yet."""
        fresh = [path for path in self._module_files() if path not in self._loaded]
        self._loaded.update(fresh)
        if fresh:
            try:
                self._program.load_debug_info(fresh)
            except drgn.MissingDebugInfoError:
                pass  # not a file of this kernel's module: the name stays unknown
        return bool(fresh)

    def _lazy(self, found: drgn.Type) -> Lazy:
        return Lazy(lambda: self._convert(found))

    def _convert(self, found: drgn.Type) -> CType:
        typedef = None
        while found.kind == _K.TYPEDEF:
            typedef = typedef or found.name
            found = found.type
        kind = found.kind
        if kind in _TAGGED:
            return self._compound(found, typedef)
        if kind in _SCALARS:
            signed = bool(getattr(found, "is_signed", False)) if kind == _K.INT else False
            size = 1 if kind == _K.VOID else found.size
            name = "void" if kind == _K.VOID else found.name
            return CType(_SCALARS[kind], name, size, signed, typedef)
        if kind == _K.ENUM:
            return self._enum(found, typedef)
        if kind == _K.POINTER:
            return CType(
                Kind.POINTER,
                found.type_name(),
                found.size,
                typedef=typedef,
                target=self._lazy(found.type),
            )
        if kind == _K.ARRAY:
            length = found.length or 0
            element = self._convert(found.type)
            return CType(
                Kind.ARRAY,
                found.type_name(),
                element.size * length,
                typedef=typedef,
                target=Lazy(lambda: element, element),
                length=length,
            )
        if kind == _K.FUNCTION:
            return CType(
                Kind.FUNCTION,
                found.type_name(),
                1,
                typedef=typedef,
                target=self._lazy(found.type),
                parameters=[self._lazy(p.type) for p in found.parameters],
            )
        raise LookupError(f"type {found} has a kind that is not supported: {kind}")

    def _compound(self, found: drgn.Type, typedef: Any) -> CType:
        kind = _TAGGED[found.kind]
        tag = found.tag
        name = f"{kind.value} {tag}" if tag else typedef or f"{kind.value} {{...}}"
        if not found.is_complete() and tag:
            # A declaration in this unit; the definition may be in another one.
            try:
                found = self._program.type(name)
            except LookupError:
                pass
        members = []
        for member in found.members or ():
            members.append(
                Member(
                    member.name,
                    member.bit_offset,
                    self._lazy(member.type),
                    member.bit_field_size,
                )
            )
        return CType(kind, name, found.size or 0, typedef=typedef, members=members)

    def _enum(self, found: drgn.Type, typedef: Any) -> CType:
        name = f"enum {found.tag}" if found.tag else typedef or "enum {...}"
        if not found.is_complete():
            if found.tag:
                try:
                    found = self._program.type(name)
                except LookupError:
                    pass
            if not found.is_complete():
                return CType(Kind.ENUM, name, 4, False, typedef)
        pairs = [(e.name, e.value) for e in found.enumerators or ()]
        underlying = found.type
        return CType(
            Kind.ENUM,
            name,
            underlying.size,
            bool(underlying.is_signed),
            typedef,
            enumerators=pairs,
        )
