# SPDX-License-Identifier: GPL-2.0-or-later
"""The line table of the debug info: which statements begin before an instruction.

An optimising compiler merges statements: the load of line 134 (``flags = req->file->f_flags``) is
moved into line 135, the call that uses it, and the line table gives the instruction to 135 or has
rows of both lines at its address, of which addr2line, gdb, crash and drgn show the last. Here all
rows are read, so that the line of the access itself can be told.

Pure: works on an :class:`crashext.engine.elf.Elf`. Format: DWARF 5 standard, 6.2 (versions 2 to 5
differ only in the header, which is skipped by its length).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from crashext.engine.elf import ET_REL, SHF_COMPRESSED, Elf, Section

#: Rows read of one unit: against a damaged program that never ends.
MAX_ROWS = 2_000_000
#: Units of .debug_aranges.
MAX_UNITS = 200_000

_ELFCOMPRESS_ZLIB = 1
#: R_X86_64_64, R_AARCH64_ABS64: a 64-bit address.
_ADDRESS_RELOCATIONS = {62: 1, 183: 257}


@dataclass(frozen=True)
class Row:
    """One row of a line table: ``file`` is an index that only says "the same file" or not."""

    address: int
    line: int
    column: int
    file: int
    is_statement: bool


def rows_in(elf: Elf, low: int, high: int, section: Optional[str] = None) -> list[Row]:
    """The rows from address ``low`` to ``high`` (both included), in the table's order.

    :param low, high: addresses of a linked file, or offsets into ``section`` of a .ko, within
        one function.
    Rows of line 0 (no line) are left out. Empty when the file has no line table, or a damaged one.
    """
    lines = elf.section(".debug_line")
    if lines is None:
        return []
    try:
        if elf.type == ET_REL:
            return _relocatable(elf, lines, section, low, high)
        return _linked(elf, lines, low, high)
    except (struct.error, IndexError, zlib.error):
        return []


def _content(elf: Elf, section: Section) -> memoryview:
    data = elf.data[section.offset : section.offset + section.size]
    if not section.flags & SHF_COMPRESSED:
        return data
    kind, _, size = struct.unpack_from("<IIQ" if elf.little else ">IIQ", data, 0)
    if kind != _ELFCOMPRESS_ZLIB:
        return memoryview(b"")
    return memoryview(zlib.decompressobj().decompress(data[24:], size))


def _relocatable(elf: Elf, lines: Section, name: Optional[str], low: int, high: int) -> list[Row]:
    """The sequences of a .ko begin at relocations: each says which section it describes."""
    wanted = elf.section(name) if name is not None else None
    kind = _ADDRESS_RELOCATIONS.get(elf.machine)
    if wanted is None or kind is None:
        return []
    symbols = elf.symbols()
    starts: dict[int, int] = {}  # position in .debug_line → offset into the wanted section
    best: Optional[tuple[int, int]] = None
    for relocation in elf.relocations(lines):
        if relocation.type != kind or relocation.symbol >= len(symbols):
            continue
        symbol = symbols[relocation.symbol]
        if symbol.section != wanted.index:
            continue
        start = symbol.value + relocation.addend
        starts[relocation.offset] = start
        if start <= high and (best is None or start > best[0]):
            best = (start, relocation.offset)
    if best is None:
        return []
    data = _content(elf, lines)
    for begin, end in _units(data, elf.little):
        if begin <= best[1] < end:
            return _rows(data[:end], begin, elf.little, (low, high), starts)
    return []


def _linked(elf: Elf, lines: Section, low: int, high: int) -> list[Row]:
    unit = _unit_of(elf, high)
    if unit is None:
        return []
    position = _line_offset(elf, unit)
    if position is None:
        return []
    data = _content(elf, lines)
    (length,) = struct.unpack_from("<I" if elf.little else ">I", data, position)
    return _rows(data[: position + 4 + length], position, elf.little, (low, high), None)


def _units(data: memoryview, little: bool) -> Iterator[tuple[int, int]]:
    """(begin, end) of the 32-bit-format units of .debug_line."""
    position = 0
    for _ in range(MAX_UNITS):
        if position + 4 > len(data):
            return
        (length,) = struct.unpack_from("<I" if little else ">I", data, position)
        if length >= 0xFFFFFFF0:  # 64-bit format, which no kernel is built with
            return
        yield position, position + 4 + length
        position += 4 + length


def _unit_of(elf: Elf, address: int) -> Optional[int]:
    """Offset in .debug_info of the unit that holds an address (.debug_aranges; DWARF 5, 6.1.2)."""
    section = elf.section(".debug_aranges")
    if section is None:
        return None
    data = _content(elf, section)
    order = "<" if elf.little else ">"
    position = 0
    for _ in range(MAX_UNITS):
        if position + 12 > len(data):
            return None
        length, _, unit, size, _ = struct.unpack_from(order + "IHIBB", data, position)
        if size != 8 or length >= 0xFFFFFFF0:
            return None
        # Tuples are aligned to twice the address size.
        first = position + 16
        end = min(position + 4 + length, len(data))
        count = max(end - first, 0) // 16
        values = struct.unpack_from(f"{order}{2 * count}Q", data, first)
        for start, extent in zip(values[::2], values[1::2]):
            if start <= address < start + extent:
                return int(unit)
        position += 4 + length
    return None


#: Sizes of the attribute forms with a fixed size (DWARF 5, 7.5.6); -1: see the code.
_FORM_SIZES = {
    0x01: 8, 0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x0E: 4, 0x10: 4, 0x11: 1, 0x12: 2,
    0x13: 4, 0x14: 8, 0x17: 4, 0x19: 0, 0x1E: 16, 0x1F: 4, 0x20: 8, 0x25: 1, 0x26: 2, 0x28: 4,
    0x29: 1, 0x2A: 2, 0x2C: 4,
}  # fmt: skip
_FORM_STRING, _FORM_IMPLICIT_CONST = 0x08, 0x21
_FORM_LEB = (0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23)
_AT_STMT_LIST = 0x10


def _line_offset(elf: Elf, unit: int) -> Optional[int]:
    """DW_AT_stmt_list of a unit's first entry: where its line program lies."""
    info, abbreviations = elf.section(".debug_info"), elf.section(".debug_abbrev")
    if info is None or abbreviations is None:
        return None
    order = "<" if elf.little else ">"
    data, table = _content(elf, info), _content(elf, abbreviations)
    (version,) = struct.unpack_from(order + "H", data, unit + 4)
    if version >= 5:
        (offset,) = struct.unpack_from(order + "I", data, unit + 8)
        position = unit + 12
    else:
        (offset,) = struct.unpack_from(order + "I", data, unit + 6)
        position = unit + 11
    code, position = _uleb(data, position)
    for attribute, form in _abbreviation(table, offset, code):
        if attribute == _AT_STMT_LIST:
            (value,) = struct.unpack_from(order + "I", data, position)
            return int(value)
        size = _FORM_SIZES.get(form)
        if size is not None:
            position += size
        elif form in _FORM_LEB:
            _, position = _uleb(data, position)
        elif form == _FORM_STRING:
            position = _string_end(data, position)
        elif form != _FORM_IMPLICIT_CONST:
            return None
    return None


def _abbreviation(table: memoryview, position: int, wanted: int) -> list[tuple[int, int]]:
    """(attribute, form) of one abbreviation declaration (DWARF 5, 7.5.3)."""
    while True:
        code, position = _uleb(table, position)
        if code == 0:
            return []
        _, position = _uleb(table, position)
        position += 1  # has children
        found = []
        while True:
            attribute, position = _uleb(table, position)
            form, position = _uleb(table, position)
            if form == _FORM_IMPLICIT_CONST:
                _, position = _uleb(table, position)
            if attribute == 0 and form == 0:
                break
            found.append((attribute, form))
        if code == wanted:
            return found


def _string_end(data: memoryview, position: int) -> int:
    while data[position]:
        position += 1
    return position + 1


def _uleb(data: Sequence[int], position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, position


def _sleb(data: Sequence[int], position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value - (1 << shift) if byte & 0x40 else value), position


def _rows(
    data: memoryview,
    unit: int,
    little: bool,
    wanted: tuple[int, int],
    starts: Optional[dict[int, int]],
) -> list[Row]:
    """Runs the line program of a unit and keeps the rows of some addresses (DWARF 5, 6.2.5).

    :param starts: for a .ko: operand position of DW_LNE_set_address → offset into the wanted
        section; a sequence of another section is not in it, and its rows do not count.
    """
    order = "<" if little else ">"
    (version,) = struct.unpack_from(order + "H", data, unit + 4)
    position = unit + 6
    if version >= 5:
        position += 2  # address and segment selector size
    (header_length,) = struct.unpack_from(order + "I", data, position)
    position += 4
    program = position + header_length
    step = data[position]
    position += 2 if version >= 4 else 1  # minimum instruction length; operations an instruction
    statement_default = bool(data[position])
    (line_base,) = struct.unpack_from("b", data, position + 1)
    line_range, opcode_base = data[position + 2], data[position + 3]
    lengths = data[position + 4 : position + 3 + opcode_base]
    found: list[Row] = []
    address, line, column, file, statement, counts = 0, 1, 0, 1, statement_default, False
    rows = 0
    position = program
    while position < len(data) and rows < MAX_ROWS:
        opcode = data[position]
        position += 1
        if opcode >= opcode_base:
            opcode -= opcode_base
            address += opcode // line_range * step
            line += line_base + opcode % line_range
        elif opcode == 0:
            length, position = _uleb(data, position)
            end = position + length
            sub = data[position]
            if sub == 1:  # end_sequence
                address, line, column, file = 0, 1, 0, 1
                statement, counts = statement_default, False
            elif sub == 2:  # set_address
                if starts is None:
                    (address,) = struct.unpack_from(order + "Q", data, position + 1)
                    counts = True
                else:
                    counts = position + 1 in starts
                    address = starts.get(position + 1, 0)
            position = end
            continue
        elif opcode == 1:  # copy: a row, below
            pass
        else:
            if opcode == 2:  # advance_pc
                value, position = _uleb(data, position)
                address += value * step
            elif opcode == 3:  # advance_line
                value, position = _sleb(data, position)
                line += value
            elif opcode == 4:  # set_file
                file, position = _uleb(data, position)
            elif opcode == 5:  # set_column
                column, position = _uleb(data, position)
            elif opcode == 6:  # negate_stmt
                statement = not statement
            elif opcode == 8:  # const_add_pc
                address += (255 - opcode_base) // line_range * step
            elif opcode == 9:  # fixed_advance_pc
                (value,) = struct.unpack_from(order + "H", data, position)
                address += value
                position += 2
            else:
                for _ in range(lengths[opcode - 1]):
                    _, position = _uleb(data, position)
            continue
        rows += 1
        if counts and wanted[0] <= address <= wanted[1] and line:
            found.append(Row(address, line, column, file, statement))
    return found


def statement_lines(rows: Sequence[Row], line: int) -> list[int]:
    """Lines of statements that begin in ``rows`` in the file of the last row of ``line``.

    :param rows: from the start of the function to the instruction.
    """
    files = [row.file for row in rows if row.line == line]
    if not files:
        return []
    return list(dict.fromkeys(row.line for row in rows if row.file == files[-1]))


#: A statement further above is another one, however alike its text.
MAX_DISTANCE = 8


def accessing_line(texts: Mapping[int, str], line: int, expression: str) -> Optional[int]:
    """The line whose statement makes the access; None when it is ``line`` or cannot be told.

    :param texts: line number → source text, of the lines whose statements begin before the
        instruction, and of ``line``.
    :param line: the line that the debug info gives for the instruction.
    :param expression: the operand in the source's words: ``req->file->f_flags``, ``*p``, ``a[3]``.
    """
    pattern = _access_pattern(expression)
    if pattern is None or re.search(pattern, texts.get(line, "")):
        return None
    near = [other for other in texts if 0 < line - other <= MAX_DISTANCE]
    found = [other for other in near if re.search(pattern, texts[other])]
    return max(found) if found else None


def _access_pattern(expression: str) -> Optional[str]:
    """What the text of the access must look like: its last member, or the pointer dereferenced."""
    member = re.search(r"(?:->|\.)(\w+)(?:\[\d+\])*$", expression)
    if member is not None:
        return rf"(?:->|\.)\s*{member.group(1)}\b"
    pointer = re.fullmatch(r"\*\(?(\w+)(?: \+ \w+\))?|(\w+)\[[^\]]*\]", expression)
    if pointer is not None:
        name = pointer.group(1) or pointer.group(2)
        # Not the * of a product, which follows a name, a number or a closing bracket.
        return rf"(?<![\w)\]])(?<![\w)\]] )\*\s*\(*\s*{name}\b|\b{name}\s*\["
    return None
