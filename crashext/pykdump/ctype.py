# SPDX-License-Identifier: GPL-2.0-or-later
"""One model of a C type, whoever describes it (DWARF through drgn, or gdb's ``ptype /o``).

Sizes are bytes, member positions are bits from the start of the outermost struct or union.
Targets of pointers and types of members are resolved on first use: the types that one kernel
struct reaches are thousands, and a program touches a handful.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Callable, Optional, Protocol


class Kind(Enum):
    VOID = "void"
    INT = "int"
    BOOL = "bool"
    FLOAT = "float"
    ENUM = "enum"
    POINTER = "pointer"
    ARRAY = "array"
    STRUCT = "struct"
    UNION = "union"
    FUNCTION = "function"


@dataclass(eq=False)
class Lazy:
    """A type that is looked up when first asked for."""

    find: Callable[[], CType]
    found: Optional[CType] = None

    def get(self) -> CType:
        if self.found is None:
            self.found = self.find()
        return self.found


@dataclass(eq=False)
class Member:
    """``name`` is None for an anonymous struct or union; ``bit_size`` only for bit fields."""

    name: Optional[str]
    bit_offset: int
    lazy_type: Lazy
    bit_size: Optional[int] = None

    @property
    def type(self) -> CType:
        return self.lazy_type.get()

    @property
    def offset(self) -> int:
        """Bytes from the start of the struct to the byte that holds the first bit."""
        return self.bit_offset // 8


@dataclass(eq=False)
class CType:
    """``name`` is the name C would use, without qualifiers: ``struct list_head``, ``int``.

    A typedef is not a kind of its own: ``typedef`` holds the outermost typedef's name and every
    other field describes the type beneath it.
    """

    kind: Kind
    name: str
    size: int
    signed: bool = False
    typedef: Optional[str] = None
    #: Pointed-to type, element type of an array, return type of a function.
    target: Optional[Lazy] = None
    #: Elements of an array; 0 for a flexible array member.
    length: int = 0
    members: list[Member] = field(default_factory=list)
    enumerators: list[tuple[str, int]] = field(default_factory=list)
    #: Parameter types of a function.
    parameters: list[Lazy] = field(default_factory=list)

    @property
    def is_compound(self) -> bool:
        return self.kind in (Kind.STRUCT, Kind.UNION)


class TypeSource(Protocol):
    """Where types come from. Both methods raise LookupError for a name that is not known."""

    name: str

    def type(self, name: str) -> CType:
        """The type of that C name: ``struct task_struct``, ``pid_t``, ``void *``."""

    def symbol_type(self, name: str) -> CType:
        """The type of the variable or function of that name."""

    def enumerator(self, name: str) -> int:
        """The value of an enumerator."""
