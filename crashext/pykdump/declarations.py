# SPDX-License-Identifier: GPL-2.0-or-later
"""C declarations that PyKdump programs quote as text: enums, #define blocks, struct bodies."""

from __future__ import annotations

import re
from typing import Any, Optional

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_ENUM = re.compile(r"\benum\b\s*\w*\s*\{(.*?)\}", re.DOTALL)
_ENUMERATOR = re.compile(r"(\w+)\s*(?:=\s*(.+))?$", re.DOTALL)
_DEFINE = re.compile(r"^\s*#\s*define\s+(\w+)\s+(\S+)", re.MULTILINE)
_STRUCT = re.compile(r"\b(struct|union)\s+(\w+)\s*\{(.*)\}", re.DOTALL)
_FUNCTION_POINTER = re.compile(
    r"(?P<type>.+?)\(\s*\*\s*(?P<name>\w+)\s*\)\s*\(.*\)\s*(?P<dims>(?:\[\d+\]\s*)*)$", re.DOTALL
)
_FIELD = re.compile(
    r"(?P<type>[\w\s]+?)\s*(?P<stars>(?:\*\s*)*)(?<!\w)(?P<name>\w+)\s*(?P<dims>(?:\[\d+\]\s*)*)$"
)


def c_integer(text: str) -> int:
    """The value of a C integer literal (decimal, hex, octal, with suffix); ValueError else."""
    digits = text.strip().rstrip("uUlL")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if re.fullmatch(r"0[0-7]+", digits):
        return sign * int(digits, 8)
    return sign * int(digits, 0)


def _value(text: str, known: dict[str, int]) -> int:
    text = text.strip().strip("()").strip()
    if text in known:
        return known[text]
    shifted = re.fullmatch(r"(\w+)\s*<<\s*(\w+)", text)
    if shifted:
        return _value(shifted[1], known) << _value(shifted[2], known)
    return c_integer(text)


class CEnum:
    """The enumerators of a C enum declaration as attributes; ``e[value]`` gives the name."""

    def __init__(self, declaration: str) -> None:
        text = re.sub(r"#[^\n]*", "", _COMMENT.sub("", declaration))
        body = _ENUM.search(text)
        if body is None:
            raise ValueError(f"not an enum declaration: {declaration.strip()[:40]!r}")
        self.vals: list[tuple[str, int]] = []
        self.lookup: dict[int, str] = {}
        self.name2i: dict[str, int] = {}
        following = 0
        for part in body[1].split(","):
            if not part.strip():
                continue
            match = _ENUMERATOR.match(part.strip())
            if match is None:
                raise ValueError(f"not an enumerator: {part.strip()!r}")
            name = match[1]
            value = _value(match[2], self.name2i) if match[2] else following
            self.vals.append((name, value))
            self.lookup[value] = name
            self.name2i[name] = value
            setattr(self, name, value)
            following = value + 1

    def __getitem__(self, value: int) -> str:
        return self.lookup[value]

    def __getattr__(self, name: str) -> int:
        raise AttributeError(f"no enumerator {name}")

    def getByName(self, name: str) -> int:
        return self.name2i[name]

    def getAllNames(self) -> list[str]:
        return sorted(self.name2i)

    def __str__(self) -> str:
        return str(self.vals)

    def __len__(self) -> int:
        return len(self.vals)


class CDefine(dict[str, int]):
    """The values of a block of ``#define NAME value`` lines, as keys and as attributes."""

    def __init__(self, declaration: str) -> None:
        super().__init__()
        object.__setattr__(self, "_names", {})
        for name, text in _DEFINE.findall(_COMMENT.sub("", declaration)):
            self[name] = _value(text, self)

    def __setitem__(self, name: str, value: int) -> None:
        super().__setitem__(name, value)
        object.__setattr__(self, name, value)
        self.__dict__["_names"][value] = name

    def __getattr__(self, name: str) -> int:
        raise AttributeError(f"no #define {name}")

    def value2key(self, value: int) -> Optional[str]:
        """The name that was defined last with that value."""
        names: dict[int, str] = self.__dict__["_names"]
        return names.get(value)


def parseSUDef(text: str) -> tuple[str, list[tuple[str, str]]]:
    """``(struct name, [(type with stars and dimensions, member name), …])`` of a C struct."""
    match = _STRUCT.search(_COMMENT.sub("", text))
    if match is None:
        raise ValueError(f"not a struct or union definition: {text.strip()[:40]!r}")
    fields = []
    for part in match[3].split(";"):
        part = " ".join(part.split())
        if not part:
            continue
        field = _FUNCTION_POINTER.match(part)
        if field:
            dims = re.sub(r"\s", "", field["dims"])
            fields.append((f"{field['type'].strip()} (*)(){dims}", field["name"]))
            continue
        field = _FIELD.match(part)
        if field is None:
            raise ValueError(f"not a member declaration: {part!r}")
        suffix = field["stars"].replace(" ", "") + re.sub(r"\s", "", field["dims"])
        fields.append((f"{field['type'].strip()}{suffix}", field["name"]))
    return f"{match[1]} {match[2]}", fields


def parser_header_tabs(text: str, anyws: bool = False, skip: int = 0) -> list[dict[str, Any]]:
    """Rows of a table whose first line (after ``skip``) names the columns.

    Columns are separated by tabs, or by any white space with ``anyws``; what exceeds the header
    is under ``__extra``.
    """
    separator = re.compile(r"\s+" if anyws else r"\t+")
    lines = text.splitlines()[skip:]
    header = separator.split(lines[0])
    rows = []
    for line in lines[1:]:
        if not line.strip():
            continue
        cells = separator.split(line)
        row: dict[str, Any] = dict(zip(header, cells))
        if len(cells) > len(header):
            row["__extra"] = cells[len(header) :]
        rows.append(row)
    return rows
