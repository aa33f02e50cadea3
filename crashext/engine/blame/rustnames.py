# SPDX-License-Identifier: GPL-2.0-or-later
"""Rust's symbol names as their source writes them (RFC 2603, the "v0" mangling of rustc).

The kernel is compiled with ``-Csymbol-mangling-version=v0``, and kallsyms prints what the compiler
made: ``_RNvMs3_NtCshg_11rust_binder7processNtB5_7Process10update_ref`` is
``<rust_binder::process::Process>::update_ref``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Optional

#: A name of a dump may hold anything: nesting, and characters of the answer, are bounded.
_DEPTH = 60
_LENGTH = 600
_SIZE = 4000
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASIC = {
    "a": "i8", "b": "bool", "c": "char", "d": "f64", "e": "str", "f": "f32", "h": "u8",
    "i": "isize", "j": "usize", "l": "i32", "m": "u32", "n": "i128", "o": "u128", "s": "i16",
    "t": "u16", "u": "()", "v": "...", "x": "i64", "y": "u64", "z": "!", "p": "_",
}  # fmt: skip


@lru_cache(maxsize=1024)
def demangled(name: str) -> Optional[str]:
    """The path that a mangled name is of, without the crates' hashes; None for any other name."""
    if not name.startswith("_R") or not name[2:3].isupper():
        return None
    reader = _Reader(name[2:])
    try:
        path = reader.path(True)
    except (_NotRust, RecursionError):
        return None
    return path if len(path) <= _LENGTH else None


class _NotRust(ValueError):
    pass


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.work = 0
        self.size = 0

    # Characters and numbers

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str = "") -> str:
        char = self.peek()
        if not char or (wanted and char != wanted):
            raise _NotRust(self.text)
        self.at += 1
        return char

    def accept(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self.at += 1
        return True

    def base62(self) -> int:
        if self.accept("_"):
            return 0
        value = 0
        while (char := self.take()) != "_":
            digit = _DIGITS.find(char)
            if digit < 0 or value > 1 << 64:
                raise _NotRust(self.text)
            value = value * 62 + digit
        return value + 1

    def disambiguator(self) -> int:
        return self.base62() + 1 if self.accept("s") else 0

    def identifier(self) -> tuple[str, int]:
        """An identifier, and its disambiguator."""
        which = self.disambiguator()
        return self.undisambiguated(), which

    def undisambiguated(self) -> str:
        puny = self.accept("u")
        begin = self.at
        if not self.accept("0"):
            while self.peek().isdigit() and self.at - begin < 5:
                self.at += 1
        if self.at == begin:
            raise _NotRust(self.text)
        length = int(self.text[begin : self.at])
        self.accept("_")
        word = self.text[self.at : self.at + length]
        self.size += length
        if len(word) < length or self.size > _SIZE:
            raise _NotRust(self.text)
        self.at += length
        return f"punycode{{{word}}}" if puny else word

    # Paths

    def enter(self) -> None:
        self.depth += 1
        self.work += 1
        if self.depth > _DEPTH or self.work > 2000:
            raise _NotRust(self.text)

    def path(self, value: bool) -> str:
        """``value``: of a function or constant, where generic arguments need ``::`` before them."""
        self.enter()
        tag = self.take()
        if tag == "C":
            text = self.identifier()[0]
        elif tag == "N":
            text = self.nested(value)
        elif tag in "MX":
            self.disambiguator()
            self.path(False)  # of the impl block: where it stands
            text = self.implementation(tag == "X")
        elif tag == "Y":
            text = self.implementation(True)
        elif tag == "I":
            head = self.path(value)
            arguments = self.until_end(self.generic)
            text = f"{head}{'::' if value else ''}<{', '.join(arguments)}>"
        elif tag == "B":
            text = self.back(lambda: self.path(value))
        else:
            raise _NotRust(self.text)
        self.depth -= 1
        return text

    def nested(self, value: bool) -> str:
        namespace = self.take()
        head = self.path(value)
        name, which = self.identifier()
        if namespace.isupper():
            kind = {"C": "closure", "S": "shim"}.get(namespace, namespace)
            return f"{head}::{{{kind}{':' if name else ''}{name}#{which}}}"
        return f"{head}::{name}" if name else head

    def implementation(self, of_trait: bool) -> str:
        kind = self.type()
        return f"<{kind} as {self.path(False)}>" if of_trait else f"<{kind}>"

    def until_end(self, one: Callable[[], str]) -> list[str]:
        found: list[str] = []
        while not self.accept("E"):
            found.append(one())
        return found

    def back(self, read: Callable[[], str]) -> str:
        """What stands at an earlier place of the name, once more."""
        place = self.base62()
        here, self.at = self.at, place
        if place >= here:
            raise _NotRust(self.text)
        text = read()
        self.at = here
        return text

    # Types

    def generic(self) -> str:
        if self.accept("L"):
            self.base62()
            return "'_"
        if self.accept("K"):
            return self.constant()
        return self.type()

    def type(self) -> str:
        self.enter()
        char = self.peek()
        text = self.compound(char) if char and char in "ASTRQPOFDB" else None
        if text is None:
            if char in _BASIC:
                self.at += 1
                text = _BASIC[char]
            else:
                text = self.path(False)
        self.depth -= 1
        return text

    def compound(self, tag: str) -> str:
        self.at += 1
        if tag == "A":
            kind = self.type()
            return f"[{kind}; {self.constant()}]"
        if tag == "S":
            return f"[{self.type()}]"
        if tag == "T":
            kinds = self.until_end(self.type)
            return f"({', '.join(kinds)}{',' if len(kinds) == 1 else ''})"
        if tag in "RQ":
            if self.accept("L"):
                self.base62()
            return f"&{'mut ' if tag == 'Q' else ''}{self.type()}"
        if tag in "PO":
            return f"*{'const' if tag == 'P' else 'mut'} {self.type()}"
        if tag == "F":
            return self.signature()
        if tag == "D":
            return self.dynamic()
        return self.back(self.type)

    def binder(self) -> None:
        if self.accept("G"):
            self.base62()

    def signature(self) -> str:
        self.binder()
        unsafe = "unsafe " if self.accept("U") else ""
        abi = ""
        if self.accept("K"):
            abi = f'extern "{"C" if self.accept("C") else self.undisambiguated()}" '
        arguments = self.until_end(self.type)
        result = self.type()
        arrow = "" if result == "()" else f" -> {result}"
        return f"{unsafe}{abi}fn({', '.join(arguments)}){arrow}"

    def dynamic(self) -> str:
        self.binder()
        traits = self.until_end(self.bound)
        self.take("L")
        self.base62()
        return f"dyn {' + '.join(traits)}"

    def bound(self) -> str:
        text = self.path(False)
        while self.accept("p"):
            name = self.undisambiguated()
            text += f"<{name} = {self.type()}>"
        return text

    def constant(self) -> str:
        self.enter()
        if self.accept("B"):
            text = self.back(self.constant)
        elif self.accept("p"):
            text = "_"
        else:
            kind = self.type()
            sign = "-" if self.accept("n") else ""
            begin = self.at
            while self.take() != "_":
                pass
            digits = self.text[begin : self.at - 1] or "0"
            if len(digits) > 32 or not all(digit in _DIGITS[:16] for digit in digits):
                raise _NotRust(self.text)
            number = int(digits, 16)
            text = ("true" if number else "false") if kind == "bool" else f"{sign}{number}"
        self.depth -= 1
        return text
