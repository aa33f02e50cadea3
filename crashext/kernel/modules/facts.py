# SPDX-License-Identifier: GPL-2.0-or-later
"""Sections, parameters, exported symbols and the symbol table of one loaded module.

Pure over :class:`crashext.kernel.port.Port`. Layouts are told apart by the members that exist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Optional

from crashext.engine.elf import MAX_NAME, STT_FUNC, STT_OBJECT
from crashext.engine.modules import Export, ModuleSection, Parameter
from crashext.errors import Unknown
from crashext.kernel.memory import (
    Record,
    read_string,
    read_unsigned,
    text_of,
)
from crashext.kernel.modules import sysfs
from crashext.kernel.port import Port

#: More parameters, exported symbols or symbols than this is a damaged count.
MAX_PARAMETERS = 4096
MAX_EXPORTS = 65536
MAX_SYMBOLS = 1 << 20
MAX_STRINGS = 64 << 20
#: Bytes of a charp or string parameter's value that are shown; array elements likewise.
MAX_VALUE = 128
MAX_ELEMENTS = 32

#: ``param_ops_*`` (kernel/params.c) whose value is a number: bytes (0: a long) and signedness.
_NUMBERS = {
    "byte": (1, False),
    "short": (2, True),
    "ushort": (2, False),
    "int": (4, True),
    "uint": (4, False),
    "long": (0, True),
    "ulong": (0, False),
    "ullong": (8, False),
    "hexint": (4, False),
    "bint": (4, True),
}


@dataclass(frozen=True)
class ModuleSymbol:
    """An entry of the module's own kallsyms; ``address`` is absolute, ``size`` in bytes."""

    name: str
    address: int
    size: int
    function: bool


def sections(record: Record) -> list[ModuleSection]:
    """The sections with their load addresses, from ``module.sect_attrs``; sizes stay None.

    Raises Unknown when the kernel keeps none. ``struct module_sect_attr`` had ``name``, then
    (5.8, commit ed66f991bb19 "module: Refactor section attr into bin attribute") a bin_attribute
    named by ``battr.attr.name``; since 6.14 (commit 4b2c11e4aaf7) ``private`` holds the address.
    """
    kernel = record.kernel
    if not record.has("sect_attrs"):
        raise Unknown("this kernel keeps no section addresses (no sect_attrs: CONFIG_KALLSYMS is "
                      "off)")  # fmt: skip
    holder = record.unsigned("sect_attrs")
    if not holder:
        raise Unknown("the kernel's section table of this module is NULL (sect_attrs)")
    old = "struct module_sect_attr"
    if kernel.member(old, "address") is not None:
        kind, address_path = old, "address"
        name_path = "battr.attr.name" if kernel.member(old, "battr") is not None else "name"
    else:
        kind, address_path, name_path = "struct bin_attribute", "private", "attr.name"
    found = []
    for entry in sysfs.entries(kernel, "struct module_sect_attrs", holder, "nsections", kind):
        pointer = sysfs.value(kernel, kind, entry, name_path)
        address = sysfs.value(kernel, kind, entry, address_path)
        if pointer is None or address is None:
            raise Unknown(f"the debug info has no whole {kind}")
        try:
            name = read_string(kernel, pointer)
        except Unknown:
            name = f"?{entry:x}"
        found.append(ModuleSection(name, address))
    # Not in the table: its SHF_ALLOC flag is cleared at load time (kernel/module: percpu).
    if record.has("percpu") and record.unsigned("percpu"):
        found.append(ModuleSection(".data..percpu", record.unsigned("percpu")))
    return found


def symbols(record: Record) -> list[ModuleSymbol]:
    """The module's symbol table as kallsyms keeps it, sorted by address.

    Raises Unknown without CONFIG_KALLSYMS. ``kallsyms`` since 4.5 (commit 8244062ef1e54
    "modules: fix longstanding /proc/kallsyms vs module insertion race."), an RCU pointer or an
    embedded one; before, the members were in ``struct module`` itself.
    """
    kernel = record.kernel
    word = kernel.word
    if record.has("kallsyms"):
        pointer = record.unsigned("kallsyms")
        kind = "struct mod_kallsyms"
        at = {name: kernel.member(kind, name) for name in ("symtab", "num_symtab", "strtab")}
        if not pointer:
            raise Unknown("the kernel keeps no symbols of this module (kallsyms is NULL)")
        values = {}
        for name, member in at.items():
            if member is None:
                raise Unknown(f"the debug info has no {kind}")
            values[name] = read_unsigned(kernel, pointer + member.offset, member.size)
    elif record.has("symtab"):
        values = {name: record.unsigned(name) for name in ("symtab", "num_symtab", "strtab")}
    else:
        raise Unknown("this kernel keeps no symbols of modules (CONFIG_KALLSYMS is off)")
    count = values["num_symtab"]
    if count > MAX_SYMBOLS:
        raise Unknown(f"its symbol table claims {count} symbols: it is damaged")
    entry = 24 if word == 8 else 16
    raw = kernel.read(values["symtab"], count * entry) if count else b""
    return _decode_symbols(kernel, raw, entry, values["strtab"])


def _decode_symbols(kernel: Port, raw: bytes, entry: int, strings: int) -> list[ModuleSymbol]:
    order = "little" if kernel.little else "big"

    def number(piece: bytes) -> int:
        return int.from_bytes(piece, order)  # type: ignore[arg-type]

    # Where kallsyms kept its type letter: in st_info before 5.0, in st_size before 5.2 (so that
    # sizes are lost), then in an array of its own (commit 1c7651f43777 "kallsyms: store type
    # information in its own array").
    own_types = kernel.member("struct mod_kallsyms", "typetab") is not None
    rows = []
    for base in range(0, len(raw), entry):
        row = raw[base : base + entry]
        if entry == 24:
            name, info, value, size = (
                number(row[0:4]), row[4], number(row[8:16]), number(row[16:24]),
            )  # fmt: skip
        else:
            name, value, size, info = number(row[0:4]), number(row[4:8]), number(row[8:12]), row[12]
        letter = chr(info) if not own_types and info > 0x40 else ""
        if not own_types and not letter:
            letter, size = chr(size & 0x7F), 0
        function = letter in ("t", "T", "w", "W") if letter else info & 15 == STT_FUNC
        data = letter in tuple("dDbBrR") if letter else info & 15 == STT_OBJECT
        rows.append((name, value, size, function, data))
    last = max((row[0] for row in rows), default=0)
    if last > MAX_STRINGS:
        raise Unknown(f"its symbols claim a table of {last} bytes of names: they are damaged")
    table = _read_table(kernel, strings, last)
    found = []
    for name, value, size, function, data in rows:
        end = table.find(b"\0", name, name + MAX_NAME)
        text = text_of(table[name : end if end >= 0 else name + MAX_NAME])
        if value and text and (function or data):
            found.append(ModuleSymbol(text, value, size, function))
    return sorted(found, key=lambda symbol: symbol.address)


def _read_table(kernel: Port, address: int, last: int) -> bytes:
    """The string table up to the end of the string at offset ``last``."""
    if not address:
        return b""
    table = kernel.read(address, last) if last else b""
    return table + read_string(kernel, address + last).encode() + b"\0"


def symbol_at(table: Sequence[ModuleSymbol], address: int) -> Optional[str]:
    """``name+0x12`` of the nearest symbol at or below the address."""
    best = None
    for symbol in table:
        if symbol.address > address:
            break
        if symbol.size == 0 or address < symbol.address + symbol.size:
            best = symbol
    if best is None:
        return None
    offset = address - best.address
    return f"{best.name}+0x{offset:x}" if offset else best.name


def parameters(record: Record, name_of: Callable[[int], Optional[str]]) -> list[Parameter]:
    """The module's parameters with their values.

    ``name_of`` names the ``kernel_param_ops`` at an address (``param_ops_int``), which tells the
    type; None: a type of the module's own.
    """
    kernel = record.kernel
    count = record.unsigned("num_kp")
    if count > MAX_PARAMETERS:
        raise Unknown(f"it claims {count} parameters: struct module is damaged")
    step = kernel.sizeof("struct kernel_param")
    if step is None:
        raise Unknown("the debug info has no struct kernel_param")
    if not count:
        return []
    raw = kernel.read(record.unsigned("kp"), count * step)
    found = []
    for index in range(count):
        address = record.unsigned("kp") + index * step
        entry = Record(kernel, "struct kernel_param", address, raw[index * step :][:step])
        found.append(_parameter(entry, name_of))
    return sorted(found, key=lambda parameter: parameter.name)


def _parameter(entry: Record, name_of: Callable[[int], Optional[str]]) -> Parameter:
    kernel = entry.kernel
    try:
        name = read_string(kernel, entry.unsigned("name"))
    except Unknown:
        name = f"?{entry.address:x}"
    parameter = Parameter(name, mode=entry.unsigned("perm"))
    # In memory the name carries the module's ("hello.count") only for built-in code.
    ops = name_of(entry.unsigned("ops"))
    kind = None
    if ops is not None:
        kind = ops[len("param_ops_") :] if ops.startswith("param_ops_") else ops
        kind = {"param_array_ops": "array"}.get(ops, kind)
    parameter.type = kind
    # An anonymous union of arg, str and arr: all are one pointer at the same place.
    pointer = entry.unsigned("arg")
    parameter.address = pointer or None
    try:
        if kind == "array":
            parameter.type, parameter.value = _array(kernel, pointer, name_of)
        elif kind == "string":
            parameter.value = _kparam_string(kernel, pointer)
        else:
            parameter.value = decode(kernel, kind, pointer)
    except Unknown as reason:
        parameter.why = str(reason)
    if parameter.value is None and parameter.why is None:
        parameter.why = f"of a type of its own ({ops})" if ops else "of an unknown type"
    return parameter


def decode(kernel: Port, kind: Optional[str], pointer: int) -> Optional[str]:
    """A parameter's value in the form of /sys/module/NAME/parameters; None: unknown type."""
    if kind in ("bool", "bool_enable_only", "invbool"):
        on = read_unsigned(kernel, pointer, 1) != 0
        return "Y" if on != (kind == "invbool") else "N"
    if kind == "charp":
        text = read_unsigned(kernel, pointer, kernel.word)
        return f'"{read_string(kernel, text, MAX_VALUE)}"' if text else "(null)"
    if kind not in _NUMBERS:
        return None
    size, signed = _NUMBERS[kind]
    raw = kernel.read(pointer, size or kernel.word)
    order = "little" if kernel.little else "big"
    value = int.from_bytes(raw, order, signed=signed)  # type: ignore[arg-type]
    return hex(value) if kind == "hexint" else str(value)


def _kparam_string(kernel: Port, address: int) -> str:
    place = kernel.member("struct kparam_string", "string")
    if place is None:
        raise Unknown("the debug info has no struct kparam_string")
    text = read_unsigned(kernel, address + place.offset, place.size)
    return f'"{read_string(kernel, text, MAX_VALUE)}"'


def _array(
    kernel: Port, address: int, name_of: Callable[[int], Optional[str]]
) -> tuple[str, Optional[str]]:
    """``struct kparam_array``: type (``array of int``) and the elements that are in use."""
    values = {}
    for name in ("max", "elemsize", "num", "ops", "elem"):
        member = kernel.member("struct kparam_array", name)
        if member is None:
            raise Unknown("the debug info has no whole struct kparam_array")
        values[name] = read_unsigned(kernel, address + member.offset, member.size)
    ops = name_of(values["ops"]) or "unknown"
    kind = ops[len("param_ops_") :] if ops.startswith("param_ops_") else ops
    count = read_unsigned(kernel, values["num"], 4) if values["num"] else values["max"]
    shown = []
    for index in range(min(count, values["max"], MAX_ELEMENTS)):
        value = decode(kernel, kind, values["elem"] + index * values["elemsize"])
        if value is None:
            return f"array of {kind}", None
        shown.append(value)
    more = ",…" if count > MAX_ELEMENTS else ""
    return f"array of {kind}", ",".join(shown) + more


def exports(record: Record) -> list[Export]:
    """EXPORT_SYMBOL and EXPORT_SYMBOL_GPL of the module.

    ``struct kernel_symbol`` holds pointers, or (4.19, commit 7290d5809571, on architectures with
    CONFIG_HAVE_ARCH_PREL32_RELOCATIONS) 32-bit offsets relative to each field.
    """
    kernel = record.kernel
    found = []
    for array, counter, gpl in (("syms", "num_syms", False), ("gpl_syms", "num_gpl_syms", True)):
        if not record.has(array) or not record.has(counter):
            continue
        count = record.unsigned(counter)
        if count > MAX_EXPORTS:
            raise Unknown(f"it claims {count} exported symbols: struct module is damaged")
        if count:
            found += _kernel_symbols(kernel, record.unsigned(array), count, gpl)
    return sorted(found, key=lambda export: export.address)


def _kernel_symbols(kernel: Port, base: int, count: int, gpl: bool) -> list[Export]:
    kind = "struct kernel_symbol"
    step = kernel.sizeof(kind)
    if step is None:
        raise Unknown(f"the debug info has no {kind}")
    relative = kernel.member(kind, "value_offset") is not None
    raw = kernel.read(base, count * step)
    mask = (1 << 8 * kernel.word) - 1
    found = []
    for index in range(count):
        entry = Record(kernel, kind, base + index * step, raw[index * step : (index + 1) * step])
        if relative:
            value = (entry.at("value_offset") + entry.signed("value_offset")) & mask
            name = (entry.at("name_offset") + entry.signed("name_offset")) & mask
        else:
            value, name = entry.unsigned("value"), entry.unsigned("name")
        try:
            text = read_string(kernel, name)
        except Unknown:
            text = "?"
        found.append(Export(text, value, gpl))
    return found


def references(code: bytes, address: int, wanted: set[int]) -> set[int]:
    """Those of ``wanted`` that code at ``address`` calls, jumps to, or holds as an immediate.

    Every byte may begin a 32-bit displacement or immediate; with few wanted addresses a chance
    hit is one in some hundred millions.
    """
    found: set[int] = set()
    mask = (1 << 64) - 1
    for offset in range(len(code) - 3):
        value = int.from_bytes(code[offset : offset + 4], "little", signed=True)
        for candidate in ((address + offset + 4 + value) & mask, value & mask):
            if candidate in wanted:
                found.add(candidate)
    return found
