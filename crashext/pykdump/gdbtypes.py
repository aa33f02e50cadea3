# SPDX-License-Identifier: GPL-2.0-or-later
"""C types from crash's gdb, by reading what ``ptype /o`` and ``whatis`` print.

Works in every crash whose gdb knows ``ptype /o`` (gdb 8.1: crash 8; crash 7's gdb 7.6 does not).
Slower than DWARF through drgn: each new type costs one gdb command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Callable, Optional

from crashext.pykdump.ctype import CType, Kind, Lazy, Member

POINTER_SIZE = 8

#: ``/*  140: 1   |     4 */`` before a member: byte offset, bit in it, size; a member of a
#: union has no offset of its own.
_LAYOUT = re.compile(r"/\*\s*(?:(\d+)(?:\s*:\s*(\d+))?\s*\|)?\s*(\d+)\s*\*/(.*)$")
_HEADER = re.compile(r"(?:/\*\s*offset\s*\|\s*size\s*\*/)?\s*type = (.*)$")
_TOTAL = re.compile(r"/\*\s*total size(?: \(bytes\))?:\s*(\d+)")
_COMMENT = re.compile(r"/\*.*?\*/")
_QUALIFIERS = re.compile(r"\b(?:const|volatile|restrict|_Atomic)\b\s*")
_ENUM = re.compile(r"(enum(?:\s+\w+)?)\s*(?:: [\w ]+)?\s*\{(.*)\}", re.DOTALL)

#: Size and signedness of C's own types on the 64-bit ABIs of Linux (LP64).
_BASIC: dict[str, tuple[Kind, int, bool]] = {
    "void": (Kind.VOID, 1, False),
    "_Bool": (Kind.BOOL, 1, False),
    "bool": (Kind.BOOL, 1, False),
    "char": (Kind.INT, 1, True),
    "signed char": (Kind.INT, 1, True),
    "unsigned char": (Kind.INT, 1, False),
    "short": (Kind.INT, 2, True),
    "unsigned short": (Kind.INT, 2, False),
    "int": (Kind.INT, 4, True),
    "unsigned int": (Kind.INT, 4, False),
    "long": (Kind.INT, 8, True),
    "unsigned long": (Kind.INT, 8, False),
    "long long": (Kind.INT, 8, True),
    "unsigned long long": (Kind.INT, 8, False),
    "__int128": (Kind.INT, 16, True),
    "unsigned __int128": (Kind.INT, 16, False),
    "float": (Kind.FLOAT, 4, True),
    "double": (Kind.FLOAT, 8, True),
}


def canonical_name(name: str) -> str:
    """A type name without qualifiers, integer words in one order: ``unsigned long``."""
    words = _QUALIFIERS.sub("", name).split()
    if words and all(w in ("unsigned", "signed", "long", "short", "int", "char") for w in words):
        kept = [w for w in words if w in ("long", "short", "char")] or ["int"]
        if "unsigned" in words:
            kept.insert(0, "unsigned")
        elif words.count("signed") and kept == ["char"]:
            kept.insert(0, "signed")
        words = kept
    return " ".join(words)


@dataclass
class Layout:
    """One struct or union (named or anonymous) as ``ptype /o`` prints it."""

    head: str  # "struct list_head", "union", …
    fields: list[Field] = field(default_factory=list)
    size: int = 0


@dataclass
class Field:
    """One member: its C declaration, or the nested layout that it has, and where it is.

    ``bit_offset`` counts from the start of the outermost struct, as gdb prints it.
    """

    declaration: str  # "struct list_head *next", or the declarator behind a nested body
    bit_offset: int
    size: int
    bit_size: Optional[int] = None
    nested: Optional[Layout] = None


def parse_ptype(text: str) -> Layout:
    """The layout in the output of ``ptype /o struct X``; ValueError when there is none."""
    open_layouts: list[tuple[Layout, int, int]] = []  # (layout, bit offset, size)
    for line in text.splitlines():
        total = _TOTAL.search(line)
        if total:
            if open_layouts:
                open_layouts[-1][0].size = int(total[1])
            continue
        header = _HEADER.match(line.strip())
        if header and not open_layouts:
            head = header[1].strip()
            if not head.endswith("{"):
                raise ValueError(f"not a struct or union: {head}")
            open_layouts.append((Layout(head[:-1].strip()), 0, 0))
            continue
        if not open_layouts:
            continue
        placed = _LAYOUT.match(line.strip())
        code = placed[4].strip() if placed else _COMMENT.sub("", line).strip()
        if code.startswith("}"):
            layout, bit_offset, size = open_layouts.pop()
            if not open_layouts:
                return layout
            declarator = code[1:].strip().rstrip(";").strip()
            open_layouts[-1][0].fields.append(
                Field(declarator, bit_offset, size or layout.size, None, layout)
            )
        elif placed and code:
            offset = open_layouts[-1][1]
            if placed[1] is not None:
                offset = 8 * int(placed[1]) + int(placed[2] or 0)
            if code.endswith("{"):
                open_layouts.append((Layout(code[:-1].strip()), offset, int(placed[3])))
            else:
                open_layouts[-1][0].fields.append(_plain_field(code, offset, int(placed[3])))
    raise ValueError("no struct or union in gdb's output")


def _plain_field(code: str, bit_offset: int, size: int) -> Field:
    declaration = code.rstrip(";").strip()
    bits = re.search(r"\s*:\s*(\d+)$", declaration)
    if bits:
        return Field(declaration[: bits.start()], bit_offset, size, int(bits[1]))
    return Field(declaration, bit_offset, size)


@dataclass
class Declarator:
    """``base`` type name, stars, array dimensions and whether it points to a function."""

    base: str
    name: str
    stars: int = 0
    dims: list[int] = field(default_factory=list)
    function: bool = False


_FUNCTION = re.compile(r"^(.*?)\(\s*(\*+)\s*(\w*)\s*((?:\[\d*\])*)\)\s*\(.*\)$")
_PLAIN = re.compile(r"^(.*?)([\s*]*)(\b\w+)?\s*((?:\[\d*\]\s*)*)$")


def parse_declaration(text: str, named: bool = True) -> Declarator:
    """Takes a C declaration (``unsigned long *a[3]``) or a type name (``named=False``) apart."""
    text = " ".join(_QUALIFIERS.sub("", text).split())
    match = _FUNCTION.match(text)
    if match:
        return Declarator(
            match[1].strip(), match[3], len(match[2]), _dimensions(match[4]), function=True
        )
    dims_at = text.find("[")
    dims = _dimensions(text[dims_at:]) if dims_at >= 0 else []
    head = (text[:dims_at] if dims_at >= 0 else text).strip()
    name = ""
    if named:
        word = re.search(r"(\w+)$", head)
        if word is None:
            raise ValueError(f"not a declaration: {text}")
        name, head = word[1], head[: word.start()].strip()
    stars = head.count("*")
    return Declarator(canonical_name(head.replace("*", " ")), name, stars, dims)


def _dimensions(text: str) -> list[int]:
    return [int(dim or 0) for dim in re.findall(r"\[(\d*)\]", text)]


def parse_enum(text: str) -> Optional[tuple[str, list[tuple[str, int]]]]:
    """(``enum name``, enumerators) of gdb's ``enum X {A, B = 4, C}``; None when it is no enum."""
    match = _ENUM.search(text)
    if match is None:
        return None
    pairs: list[tuple[str, int]] = []
    following = 0
    for word in match[2].split(","):
        name, equals, value = word.strip().partition("=")
        if not name:
            continue
        number = int(value.strip().strip("()"), 0) if equals else following
        pairs.append((name.strip(), number))
        following = number + 1
    return " ".join(match[1].split()), pairs


def _gdb(command: str) -> Optional[str]:
    from crashext.pykdump.cmodule import crash

    try:
        output = crash.get_GDB_output(command)
    except crash.error:
        return None
    return None if output is None else str(output).replace("\r", "")


class GdbTypes:
    """A TypeSource over gdb; ``run`` gives the output of a gdb command, None when it failed."""

    name = "gdb"

    def __init__(self, run: Callable[[str], Optional[str]] = _gdb) -> None:
        self._run = run
        self._by_name: dict[str, CType] = {}

    def type(self, name: str) -> CType:
        spelled = " ".join(name.split())
        if spelled not in self._by_name:
            self._by_name[spelled] = self._find(spelled)
        return self._by_name[spelled]

    def symbol_type(self, name: str) -> CType:
        if not re.fullmatch(r"\w+", name):
            raise LookupError(f"{name!r} is not a symbol's name")
        output = self._run(f"whatis {name}") or ""
        match = re.search(r"type = (.*)", output)
        # "whatis" of a type's name prints a type too; a variable's address exists.
        if match is None or self._run(f"print &{name}") is None:
            raise LookupError(f"no variable or function {name} in the debug info")
        return self._of_text(match[1].strip(), f"whatis {name}")

    def enumerator(self, name: str) -> int:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise LookupError(f"{name!r} is not an enumerator's name")
        kind = self._run(f"whatis {name}") or ""
        output = self._run(f"print/d {name}") or ""
        match = re.search(r"= (-?\d+)\s*$", output)
        if match is None or "enum" not in kind:
            raise LookupError(f"no enumerator {name}")
        return int(match[1])

    def knows(self, name: str) -> bool:
        """Whether the layout of that type was read already."""
        return " ".join(name.split()) in self._by_name

    def member_number(self, expression: str, name: str, path: str) -> int:
        """gdb's value of ``expression`` over ``((NAME *)0)->PATH``; -1 when there is none.

        One member costs a tenth of a second, the whole of struct task_struct several: gdb
        resolves every type in it.
        """
        if not re.fullmatch(r"[\w.]+", path) or not re.fullmatch(r"[\w ]+", name):
            return -1
        output = self._run(f"print/d {expression}((({name} *)0)->{path})") or ""
        match = re.search(r"= (\d+)\s*$", output)
        return int(match[1]) if match else -1

    def _find(self, name: str) -> CType:
        if re.search(r"[*\[]", name):
            return self._of_declarator(parse_declaration(name, named=False))
        basic = _BASIC.get(canonical_name(name))
        if basic is not None:
            kind, size, signed = basic
            return CType(kind, canonical_name(name), size, signed)
        if not re.fullmatch(r"(?:(?:struct|union|enum) )?\w+", name):
            raise LookupError(f"{name!r} is not a type's name")
        if re.fullmatch(r"(?:struct|union) \w+", name):
            return self._compound(name)
        output = self._run(f"ptype {name}")
        if output is None or "type = " not in output:
            raise LookupError(f"no type {name}")
        if name.startswith("enum "):
            return self._enum(output, name)
        return self._typedef(name, output)

    def _compound(self, name: str, typedef: Optional[str] = None) -> CType:
        output = self._run(f"ptype /o {typedef or name}")
        if output is None:
            raise LookupError(f"no type {name}")
        try:
            layout = parse_ptype(output)
        except ValueError:
            raise LookupError(f"no type {name}") from None
        if not typedef and layout.head != name:
            raise LookupError(f"no type {name}")
        return self._of_layout(layout, 0, typedef)

    def _typedef(self, name: str, output: str) -> CType:
        text = output.split("type = ", 1)[1].strip()
        if self._is_variable(name):
            raise LookupError(f"{name} is a variable, not a type")
        if re.match(r"(?:struct|union)\b[^{]*\{", text):
            result = self._compound(text.split("{")[0].strip(), typedef=name)
        elif text.startswith("enum"):
            result = self._enum(output, name)
        else:
            result = self._of_text(text, name)
        return _renamed(result, name)

    def _is_variable(self, name: str) -> bool:
        return self._run(f"print &{name}") is not None

    def _enum(self, output: str, name: str) -> CType:
        parsed = parse_enum(output)
        if parsed is None:
            raise LookupError(f"no type {name}")
        tag, pairs = parsed
        size_text = self._run(f"print sizeof({name})") or ""
        size = re.search(r"= (\d+)", size_text)
        return CType(
            Kind.ENUM,
            tag if " " in tag else "enum {...}",
            int(size[1]) if size else 4,
            any(value < 0 for _name, value in pairs),
            enumerators=pairs,
        )

    def _of_text(self, text: str, what: str) -> CType:
        """The type that gdb's ``type = …`` words name, without a body."""
        if "{...}" in text:
            # An anonymous type: only its own variable can be asked for the body.
            expression = what.replace("whatis ", "")
            if text.startswith("enum"):
                return self._enum(self._run(f"ptype {expression}") or "", expression)
            output = self._run(f"ptype /o {expression}") or ""
            try:
                element = self._of_layout(parse_ptype(output), 0, None)
            except ValueError:
                raise LookupError(f"gdb does not print the type of {expression}") from None
            rest = text.split("{...}", 1)[1].strip()
            return _wrapped(element, rest.count("*"), _dimensions(rest))
        if text.endswith(")") and "(*" not in text:
            returned = parse_declaration(text.split("(", 1)[0], named=False)
            inside = text[text.index("(") + 1 : -1]
            parameters = [
                Lazy(lambda word=word: self._of_text(word.strip(), "parameter"))  # type: ignore[misc]
                for word in _split_parameters(inside)
                if word.strip() not in ("void", "...", "")
            ]
            return CType(
                Kind.FUNCTION,
                text,
                1,
                target=Lazy(lambda: self._of_declarator(returned)),
                parameters=parameters,
            )
        return self._of_declarator(parse_declaration(text, named=False))

    def _of_declarator(self, declarator: Declarator) -> CType:
        if declarator.function:
            base = CType(
                Kind.FUNCTION, f"{declarator.base} (…)", 1, target=Lazy(lambda: self.type("void"))
            )
            return _wrapped(base, declarator.stars, declarator.dims)
        if declarator.stars:
            pointer = self._pointer(declarator.base, declarator.stars)
            return _wrapped(pointer, 0, declarator.dims)
        return _wrapped(self.type(declarator.base), 0, declarator.dims)

    def _pointer(self, base: str, stars: int) -> CType:
        def target() -> CType:
            if stars > 1:
                return self._pointer(base, stars - 1)
            try:
                return self.type(base)
            except LookupError:
                # Declared, never defined in this kernel's debug info.
                kind = Kind.UNION if base.startswith("union ") else Kind.STRUCT
                return CType(kind, base, 0)

        return CType(Kind.POINTER, f"{base} {'*' * stars}", POINTER_SIZE, target=Lazy(target))

    def _of_layout(self, layout: Layout, bit_base: int, typedef: Optional[str]) -> CType:
        kind = Kind.UNION if layout.head.startswith("union") else Kind.STRUCT
        name = layout.head if " " in layout.head else typedef or f"{kind.value} {{...}}"
        members = [self._member(one, bit_base) for one in layout.fields]
        return CType(kind, name, layout.size, typedef=typedef, members=members)

    def _member(self, one: Field, bit_base: int) -> Member:
        bit_offset = one.bit_offset - bit_base
        if one.nested is None:
            declarator = parse_declaration(one.declaration)
            return Member(
                declarator.name,
                bit_offset,
                Lazy(lambda: self._member_type(declarator, one)),
                one.bit_size,
            )
        nested = one.nested
        if one.declaration:
            declarator = parse_declaration("x " + one.declaration)
        else:
            declarator = Declarator("", "")

        def find() -> CType:
            body = self._of_layout(nested, one.bit_offset, None)
            return _wrapped(body, declarator.stars, declarator.dims)

        return Member(declarator.name or None, bit_offset, Lazy(find))

    def _member_type(self, declarator: Declarator, one: Field) -> CType:
        if declarator.base in ("enum {...}", "struct {...}", "union {...}"):
            kind = Kind(declarator.base.split()[0])
            return CType(kind, declarator.base, one.size)
        return self._of_declarator(declarator)


def _split_parameters(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def _wrapped(base: CType, stars: int, dims: list[int]) -> CType:
    """``base`` behind that many stars, in arrays of these dimensions."""
    result = base
    for _star in range(stars):
        pointed = result
        result = CType(
            Kind.POINTER,
            f"{pointed.name} *",
            POINTER_SIZE,
            target=Lazy(lambda pointed=pointed: pointed, pointed),  # type: ignore[misc]
        )
    for dim in reversed(dims):
        element = result
        result = CType(
            Kind.ARRAY,
            f"{element.name} [{dim}]",
            element.size * dim,
            target=Lazy(lambda element=element: element, element),  # type: ignore[misc]
            length=dim,
        )
    return result


def _renamed(ctype: CType, typedef: str) -> CType:
    """A copy that knows its typedef name."""
    return CType(
        ctype.kind,
        typedef if "{" in ctype.name else ctype.name,
        ctype.size,
        ctype.signed,
        typedef,
        ctype.target,
        ctype.length,
        ctype.members,
        ctype.enumerators,
        ctype.parameters,
    )
