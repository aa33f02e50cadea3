# SPDX-License-Identifier: GPL-2.0-or-later
"""Sections, parameters, exports and symbols of the planted module on three real kernels."""

from __future__ import annotations

from typing import Any, Optional

import pytest
import recorded
from recorded import RELEASES, Recorded

from crashext.errors import Unknown
from crashext.kernel.memory import Record
from crashext.kernel.modules import facts, records, table


@pytest.fixture(params=RELEASES)
def kernel(request: pytest.FixtureRequest) -> Recorded:
    return recorded.load(request.param)


@pytest.fixture
def kernel61() -> Recorded:
    return recorded.load("6.1")


def planted(kernel: Recorded) -> Record:
    return table.walk_modules(kernel).find("planted").whole()


def parameters(kernel: Recorded) -> dict[str, Any]:
    def name_of(address: int) -> Optional[str]:
        return next(iter(kernel.names(address)), None)

    return {p.name: p for p in facts.parameters(planted(kernel), name_of)}


@pytest.mark.parametrize(
    ("name", "kind", "value", "mode"),
    [
        ("number", "int", "-7", 0o644),
        ("big", "ulong", "18364758544493064720", 0o444),
        ("yes", "bool", "Y", 0o444),
        ("text", "charp", '"planted text"', 0o400),
        ("nothing", "charp", "(null)", 0),
        ("some", "array of short", "1,-2,3", 0o444),
        ("copied", "string", '"copied"', 0o444),
    ],
)
def test_parameter(kernel: Recorded, name: str, kind: str, value: str, mode: int) -> None:
    found = parameters(kernel)[name]
    assert (found.type, found.value, found.mode) == (kind, value, mode)


def test_parameter_whose_memory_was_freed(kernel61: Recorded) -> None:
    address = parameters(kernel61)["number"].address
    for start, chunk in list(kernel61.chunks.items()):
        if start <= address < start + len(chunk):
            # Everything behind the parameter goes too: the chunk is one region.
            del chunk[address - start :]
    record = planted_from(kernel61)
    found = {p.name: p for p in facts.parameters(record, lambda a: "param_ops_int")}
    assert found["number"].value is None
    assert "not in the recording" in found["number"].why


def planted_from(kernel: Recorded) -> Record:
    """struct module from an intact copy, over damaged memory."""
    intact = planted(recorded.load("6.1"))
    return Record(kernel, intact.type_name, intact.address, intact.data)


def test_parameter_of_a_type_of_its_own(kernel61: Recorded) -> None:
    found = facts.parameters(planted(kernel61), lambda address: "my_ops")
    assert found[0].value is None
    assert found[0].why == "of a type of its own (my_ops)"


def test_parameter_of_a_nameless_type(kernel61: Recorded) -> None:
    assert facts.parameters(planted(kernel61), lambda address: None)[0].why == "of an unknown type"


def test_parameter_count_beyond_reason(kernel61: Recorded) -> None:
    record = planted(kernel61)
    kernel61.patch(record.at("num_kp"), b"\xff\xff\xff\x7f")
    with pytest.raises(Unknown, match="claims 2147483647 parameters"):
        facts.parameters(planted(kernel61), lambda address: None)


def test_exports(kernel: Recorded) -> None:
    found = [(export.name, export.gpl) for export in facts.exports(planted(kernel))]
    assert found == [
        ("planted_secret", True),
        ("planted_hello", False),
        ("planted_callback", True),
    ]


def test_export_addresses_are_those_of_the_symbols(kernel: Recorded) -> None:
    record = planted(kernel)
    symbols = {symbol.name: symbol.address for symbol in facts.symbols(record)}
    assert all(export.address == symbols[export.name] for export in facts.exports(record))


def test_symbol_sizes(kernel61: Recorded) -> None:
    sizes = {symbol.name: symbol.size for symbol in facts.symbols(planted(kernel61))}
    assert sizes["planted_constant"] == 64


def test_symbol_at_an_offset(kernel61: Recorded) -> None:
    symbols = facts.symbols(planted(kernel61))
    start = next(s.address for s in symbols if s.name == "planted_hello")
    assert facts.symbol_at(symbols, start + 7) == "planted_hello+0x7"


def test_no_symbol_before_the_first(kernel61: Recorded) -> None:
    assert facts.symbol_at(facts.symbols(planted(kernel61)), 0x1000) is None


def test_sections_have_the_regions_addresses(kernel: Recorded) -> None:
    entry = table.walk_modules(kernel).find("planted")
    sections = {section.name: section.address for section in facts.sections(entry.whole())}
    text = entry.module.regions[0]
    assert text.address <= sections[".text"] < text.address + 0x20


def test_percpu_section_comes_from_struct_module(kernel: Recorded) -> None:
    entry = table.walk_modules(kernel).find("planted")
    sections = {section.name: section.address for section in facts.sections(entry.whole())}
    assert sections[".data..percpu"] == entry.module.regions[-1].address


def test_null_section_table(kernel61: Recorded) -> None:
    kernel61.pointer(planted(kernel61).at("sect_attrs"), 0)
    with pytest.raises(Unknown, match="section table of this module is NULL"):
        facts.sections(planted(kernel61))


def test_section_count_beyond_reason(kernel61: Recorded) -> None:
    holder = planted(kernel61).unsigned("sect_attrs")
    place = kernel61.member("struct module_sect_attrs", "nsections")
    assert place is not None
    kernel61.patch(holder + place.offset, b"\xff\xff\xff\xff")
    with pytest.raises(Unknown, match="claims 4294967295 attributes"):
        facts.sections(planted(kernel61))


def test_section_with_an_unreadable_name_keeps_its_address(kernel61: Recorded) -> None:
    record = planted(kernel61)
    first = facts.sections(record)[0]
    holder = record.unsigned("sect_attrs")
    array = kernel61.member("struct module_sect_attrs", "attrs")
    name = kernel61.member("struct module_sect_attr", "battr.attr.name")
    assert array is not None
    assert name is not None
    kernel61.pointer(holder + array.offset + name.offset, 0x8)
    damaged = facts.sections(record)[0]
    assert damaged.name.startswith("?")
    assert damaged.address == first.address


def test_sections_of_6_14() -> None:
    """grp.bin_attrs, an array of pointers to bin_attribute that ends with NULL."""
    kernel = recorded.load("6.12")
    members = kernel.data["members"]
    members["struct module_sect_attrs|nsections"] = None
    members["struct module_sect_attrs|grp.bin_attrs"] = [0, 8]
    members["struct module_sect_attr|address"] = None
    members["struct bin_attribute|private"] = [16, 8]
    members["struct bin_attribute|attr.name"] = [0, 8]
    holder = planted(kernel).unsigned("sect_attrs")
    for start, chunk in list(kernel.chunks.items()):
        if start <= holder < start + len(chunk):
            del kernel.chunks[start]
    kernel.chunks[holder] = bytearray((0x1000).to_bytes(8, "little"))
    kernel.chunks[0x1000] = bytearray((0x2000).to_bytes(8, "little") + bytes(8))
    attribute = (0x3000).to_bytes(8, "little") + bytes(8) + (0xABC).to_bytes(8, "little")
    kernel.chunks[0x2000] = bytearray(attribute)
    kernel.chunks[0x3000] = bytearray(b".text\0".ljust(64, b"\0"))
    found = facts.sections(planted(kernel))
    assert (found[0].name, found[0].address) == (".text", 0xABC)


def test_symbol_count_beyond_reason(kernel61: Recorded) -> None:
    holder = planted(kernel61).unsigned("kallsyms")
    place = kernel61.member("struct mod_kallsyms", "num_symtab")
    assert place is not None
    kernel61.patch(holder + place.offset, b"\xff\xff\xff\x7f")
    with pytest.raises(Unknown, match="claims 2147483647 symbols"):
        facts.symbols(planted(kernel61))


def elf_symbol(name: int, info: int, value: int, size: int) -> bytes:
    return (
        name.to_bytes(4, "little")
        + bytes([info, 0, 1, 0])
        + value.to_bytes(8, "little")
        + size.to_bytes(8, "little")
    )


def symtab_kernel(info: int, size: int) -> Record:
    """A struct module with the symbol table inside it, as before 4.5."""
    kernel = Recorded({"memory": {}, "symbols": {}, "sizes": {}, "enumerators": {},
                       "members": {"struct module|symtab": [0, 8],
                                   "struct module|num_symtab": [8, 4],
                                   "struct module|strtab": [16, 8]}})  # fmt: skip
    kernel.chunks[0x1000] = bytearray(elf_symbol(1, info, 0xC0001000, size))
    kernel.chunks[0x2000] = bytearray(b"\0func\0".ljust(64, b"\0"))
    data = (0x1000).to_bytes(8, "little") + (1).to_bytes(8, "little")
    return Record(kernel, "struct module", 0, data + (0x2000).to_bytes(8, "little"))


def test_symbols_before_5_0_have_their_letter_in_st_info() -> None:
    (symbol,) = facts.symbols(symtab_kernel(ord("t"), 24))
    assert (symbol.name, symbol.size, symbol.function) == ("func", 24, True)


def test_symbols_of_5_0_and_5_1_have_their_letter_in_st_size() -> None:
    (symbol,) = facts.symbols(symtab_kernel(2, ord("t")))
    assert (symbol.size, symbol.function) == (0, True)


def test_references_finds_a_call() -> None:
    code = b"\x90\xe8\xfb\x0f\x00\x00\xc3"
    assert facts.references(code, 0x1000, {0x2001}) == {0x2001}


def test_references_finds_an_immediate() -> None:
    code = b"\x48\xc7\xc7" + (0xC0001234).to_bytes(4, "little")
    assert facts.references(code, 0, {0xFFFFFFFFC0001234}) == {0xFFFFFFFFC0001234}


def test_references_finds_nothing_else() -> None:
    assert facts.references(bytes(64), 0x1000, {0x2001}) == set()


def test_last_unloaded(kernel: Recorded) -> None:
    assert records.last_name(kernel) == "planted_gone"
