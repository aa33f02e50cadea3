# SPDX-License-Identifier: GPL-2.0-or-later
"""Is an explanation right? Field by field against the truth, for what a door can know at all."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Optional

from crashext.engine.blame.names import normalise
from crashext.lab.truth import Truth

#: The fields that are compared, in the order of the table.
FIELDS = ("kind", "error_code", "access", "address", "function", "line", "module",
          "variable", "member")  # fmt: skip

#: Fields that nothing in the log or the memory of a crash by this fault tells, and why.
UNKNOWABLE: dict[str, tuple[frozenset[str], str]] = {
    "work-after-unload": (
        frozenset({"function", "line", "variable", "member"}),
        "the module's memory is gone: only the last unloaded module tells",
    ),
    "use-after-free-write": (
        frozenset({"line", "variable"}),
        "found when the object is handed out again, and the kernel goes on: no frame is left",
    ),
    "slab-out-of-bounds": (
        frozenset({"line", "variable"}),
        "found when the object is freed, and the kernel goes on: no frame is left",
    ),
    "stack-overflow": (
        frozenset({"line"}),
        "whichever push comes first runs off the stack, on any line of the function",
    ),
    "stack-smash": (
        frozenset({"line"}),
        "found when the function returns: which line overran the array is gone",
    ),
    "init-killed": (
        frozenset({"function", "line", "module"}),
        "init died of a signal: who sent it is not kept",
    ),
}


@dataclass(frozen=True)
class Measured:
    """What the kernel itself said, read from its log by two plain patterns."""

    error_code: Optional[int] = None
    address: Optional[int] = None


@dataclass(frozen=True)
class Cell:
    """One field of one explanation."""

    right: bool
    expected: str
    got: str


#: 6.12 prints "Oops: " twice.
_OOPS = re.compile(r"\] (?:Oops: )+([0-9a-f]{4,16}) ")
_ADDRESS = re.compile(
    r"\] BUG: (?:kernel NULL pointer dereference,|unable to handle page fault for)"
    r" address: ([0-9a-f]{8,16})\b"
)


def measured(log: str) -> Measured:
    """The error code and the faulting address of the first page fault in a kernel log.

    The lines are those of ``show_fault_oops()`` in arch/x86/mm/fault.c and of ``__die()`` in
    arch/x86/kernel/dumpstack.c.
    """
    address = _ADDRESS.search(log)
    if address is None:
        return Measured()
    code = _OOPS.search(log, address.end())
    return Measured(int(code[1], 16) if code else None, int(address[1], 16))


def plain(function: Optional[str]) -> Optional[str]:
    """A function's name without what the compiler appends to a clone of it."""
    return None if function is None else normalise(function)


def compare(
    found: dict[str, Any], truth: Truth, log: str, door: str, symbols: Collection[str]
) -> dict[str, Cell]:
    """The fields that this door can know, each right or wrong.

    ``log`` is the kernel log of the same crash, ``door`` is ``log``, ``drgn`` or ``crash …``,
    ``symbols`` are the names in the module's symbol table (an inlined function has none, so a
    bare log cannot name it).
    """
    hidden = _unknowable(truth, door, symbols)
    cells = {}
    for field, expected in _expected(truth, measured(log)).items():
        if field in hidden:
            continue
        right, got = _judge(field, expected, found)
        cells[field] = Cell(right, str(expected), got)
    return cells


def _unknowable(truth: Truth, door: str, symbols: Collection[str]) -> set[str]:
    hidden: set[str] = set()
    if truth.fault in UNKNOWABLE:
        hidden |= UNKNOWABLE[truth.fault][0]
    if truth.access is None:
        hidden.add("member")  # no operand that could be tied to it
    if door == "log":
        hidden |= {"line", "variable", "member"}
        if truth.function is not None and not any(plain(s) == truth.function for s in symbols):
            hidden.add("function")
    return hidden


def _expected(truth: Truth, kernel: Measured) -> dict[str, Any]:
    values: dict[str, Any] = {
        "kind": truth.kind,
        "access": truth.access,
        "function": truth.function,
        "module": truth.module,
        "error_code": kernel.error_code,
        "address": kernel.address,
        "variable": truth.variable,
        "member": truth.member,
    }
    if truth.file is not None and truth.line is not None:
        values["line"] = (truth.file, truth.line)
    return {field: values[field] for field in FIELDS if values.get(field) is not None}


def _get(found: dict[str, Any], *path: str) -> Any:
    value: Any = found
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _judge(field: str, expected: Any, found: dict[str, Any]) -> tuple[bool, str]:
    if field == "kind":
        got = found.get("kind")
    elif field == "error_code":
        got = _get(found, "error_code", "raw")
    elif field == "access":
        got = _get(found, "access", "type")
    elif field == "address":
        text = _get(found, "fault_address", "value")
        return _same_number(text, expected), str(text)
    elif field == "function":
        got = plain(_get(found, "culprit", "function"))
    elif field == "module":
        got = _get(found, "culprit", "module")
    elif field == "line":
        return _judge_line(expected, found)
    else:
        return _judge_name(expected, found)
    return got == expected, str(got)


def _same_number(text: Any, expected: int) -> bool:
    return isinstance(text, str) and text.startswith("0x") and int(text, 16) == expected


def _judge_line(expected: tuple[str, int], found: dict[str, Any]) -> tuple[bool, str]:
    file, line = _get(found, "culprit", "file"), _get(found, "culprit", "line")
    right = isinstance(file, str) and f"/{file}".endswith(f"/{expected[0]}") and line == expected[1]
    return right, f"{file}:{line}"


def _judge_name(expected: str, found: dict[str, Any]) -> tuple[bool, str]:
    """A variable or member counts as named in the access, in the headline, or as a variable."""
    expression = _get(found, "access", "expression") or ""
    headline = found.get("headline") or ""
    function = plain(_get(found, "culprit", "function"))
    of_frame = [
        str(variable.get("name"))
        for variable in found.get("variables") or []
        if plain(variable.get("frame")) == function
    ]
    words = f"{expression} {headline} {' '.join(of_frame)}"
    return re.search(rf"\b{re.escape(expected)}\b", words) is not None, expression or str(of_frame)
