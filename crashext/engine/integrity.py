# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the code in memory the code of the file? Known run-time patching is allowed for.

Pure: the file comes as bytes, memory and symbols come from callbacks. A module's sections are
relocated to where the kernel loaded them (:mod:`.relocate`), then compared byte by byte; bytes
that differ must lie in a place that the kernel patches and be what it puts there
(:mod:`.patching`). What remains is a rootkit's hook, a flipped bit, or the wrong file.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Optional

from crashext.engine import patching
from crashext.engine.elf import EM_X86_64, ET_REL, Elf
from crashext.engine.model import hexadecimal
from crashext.engine.patching import Code, Site, Table
from crashext.engine.relocate import R_X86_64_64, Loader, Open, functions, text_sections
from crashext.errors import Unknown

Read = Callable[[int, int], bytes]
#: Differing bytes closer than this are shown as one difference.
_GAP = 4
#: So many differences settle the matter: the rest is counted, not kept.
MAX_DIFFERENCES = 200
_CHUNK = 4096


@dataclass
class Difference:
    """A run of bytes that differ. ``expected`` and ``found`` are hex digits."""

    address: int = hexadecimal(0)
    section: str = ""
    offset: int = 0  # into the section, bytes
    expected: str = ""
    found: str = ""
    symbol: Optional[str] = None
    note: str = ""


@dataclass
class Integrity:
    """The result of one comparison of memory with a file."""

    file: Optional[str] = None
    #: Bytes that were compared.
    compared: int = 0
    #: What known patching changed: kind → number of sites.
    patched: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    #: Differences beyond those kept.
    more: int = 0
    #: What could not be compared, in words.
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Piece:
    """Expected code at its address."""

    name: str
    address: int
    data: bytes
    open: Sequence[Open] = ()


def compare_module(
    elf: Elf,
    sections: Sequence[tuple[str, int]],
    read: Read,
    resolve: Callable[[str], Sequence[int]],
    *,
    names: Callable[[int], Sequence[str]] = lambda address: (),
    freed: Callable[[int], bool] = lambda address: False,
    probes: Iterable[Site] = (),
) -> Integrity:
    """The code (and ``.rodata``) of one loaded module against its .ko.

    :param sections: the kernel's section table, ``(name, address)``.
    :param read: memory; raises Unknown where it cannot be read.
    :param resolve: the addresses of the kernel's symbols of one name.
    :param names: the names of the symbols at an address (to judge jump targets).
    :param freed: whether an address was given back after the module's init.
    :param probes: sites of kprobes, from memory.
    """
    result = Integrity()
    if elf.machine != EM_X86_64 or elf.type != ET_REL:
        result.skipped.append("the file is no x86-64 .ko (only those are compared)")
        return result
    result.skipped += [f"the file is damaged: {text}" for text in elf.damage]
    loader = Loader(elf, sections, resolve, read)
    pieces: dict[int, _Piece] = {}
    for section in elf.sections:
        if section.allocated and section.size:
            done = loader.relocate(section)
            pieces[section.index] = _Piece(
                section.name, done.address, bytes(done.data), tuple(done.open)
            )
    code = Code(_reader(pieces.values()), names)
    sites = _Sites(list(_module_sites(elf, loader, pieces, code)) + list(probes), code)
    symbols = _module_symbols(elf, loader)
    for section in text_sections(elf):
        piece = pieces[section.index]
        if loader.address(section) is None:
            result.skipped.append(f"{section.name}: the kernel keeps no address of it")
        elif freed(piece.address):
            result.skipped.append(f"{section.name}: its memory was freed after init")
        elif len(piece.data) < section.size:
            result.skipped.append(f"{section.name}: the file is cut inside it")
        else:
            _compare(piece, read, sites, symbols, result)
    return result


def compare_kernel(
    elf: Elf,
    start: int,
    end: int,
    slide: int,
    read: Read,
    symbol: Callable[[str], Optional[int]],
    *,
    names: Callable[[int], Sequence[str]] = lambda address: (),
    sizes: Optional[dict[str, int]] = None,
    probes: Iterable[Site] = (),
) -> Integrity:
    """Kernel code in ``[start, end)`` (run-time addresses) against vmlinux.

    :param slide: run-time address minus link address (KASLR), in bytes.
    :param symbol: the run-time address of a symbol of the kernel.
    :param sizes: sizes of table entries by section name (``.altinstructions``,
        ``__jump_table``, ``.parainstructions``) as the debug info has them.
    """
    result = Integrity()
    if elf.machine != EM_X86_64:
        result.skipped.append("the file is no x86-64 kernel (only those are compared)")
        return result
    expected = elf.read_address(start - slide, end - start) or b""
    if len(expected) < end - start:
        result.skipped.append("the file has no bytes for this code (only debug info?)")
        return result

    def from_file(address: int, size: int) -> bytes:
        return elf.read_address(address - slide, size) or b""

    def table(name: str, first: str, last: str) -> Optional[Table]:
        section = elf.section(name)
        if section is not None:
            return Table(section.address + slide, elf.contents(section))
        begin, stop = symbol(first), symbol(last)
        if begin is None or stop is None or stop <= begin:
            return None
        return Table(begin, from_file(begin, stop - begin))

    def in_memory(address: int, size: int) -> bytes:
        try:
            return read(address, size)
        except Unknown:
            return b""

    shifts = (slide, -slide) if slide else ()
    code = Code(from_file, names, in_memory, shifts, (start - 63, end))
    found = [*_kernel_sites(table, code, sizes or {}, slide), *probes]
    for section in elf.sections:
        for prefix, size in _RUNTIME_CONSTANTS.items():
            if section.name.startswith(prefix):
                constants = Table(section.address + slide, elf.contents(section))
                found += patching.runtime_constant_sites(constants, code, size)
    sites = _Sites([s for s in found if code.wants(s.address)], code)
    _compare(_Piece(".text", start, expected), read, sites, _Names([]), result, slide)
    return result


_TABLES = (
    ("__mcount_loc", "__start_mcount_loc", "__stop_mcount_loc"),
    ("__jump_table", "__start___jump_table", "__stop___jump_table"),
    (".static_call_sites", "__start_static_call_sites", "__stop_static_call_sites"),
    (".altinstructions", "__alt_instructions", "__alt_instructions_end"),
    (".parainstructions", "__parainstructions", "__parainstructions_end"),
    (".retpoline_sites", "__retpoline_sites", "__retpoline_sites_end"),
    (".return_sites", "__return_sites", "__return_sites_end"),
    (".smp_locks", "__smp_locks", "__smp_locks_end"),
    (".ibt_endbr_seal", "__ibt_endbr_seal", "__ibt_endbr_seal_end"),
    (".call_sites", "__call_sites", "__call_sites_end"),
)

_MAKERS: dict[str, Callable[[Table, Code], Iterator[Site]]] = {
    "__mcount_loc": patching.ftrace_sites,
    ".static_call_sites": patching.static_call_sites,
    ".retpoline_sites": patching.retpoline_sites,
    ".return_sites": patching.return_sites,
    ".smp_locks": patching.smp_lock_sites,
    ".ibt_endbr_seal": patching.endbr_sites,
    ".call_sites": patching.call_sites,
}
#: Beginning of the names of vmlinux's sections (RUNTIME_CONST in vmlinux.lds.h, 6.11) → bytes of
#: the immediate.
_RUNTIME_CONSTANTS = {"runtime_ptr_": 8, "runtime_mask_": 4, "runtime_shift_": 1}
_SIZED_MAKERS: dict[str, Callable[[Table, Code, int], Iterator[Site]]] = {
    "__jump_table": patching.jump_label_sites,
    ".altinstructions": patching.alternative_sites,
    ".parainstructions": patching.paravirt_sites,
}
#: Relocations in an entry of the sized tables, and their entry size in most kernels.
_PER_ENTRY = {"__jump_table": 3, ".altinstructions": 2, ".parainstructions": 1}
_USUAL_SIZE = {"__jump_table": 16, ".altinstructions": 12, ".parainstructions": 16}


def _module_sites(
    elf: Elf, loader: Loader, pieces: dict[int, _Piece], code: Code
) -> Iterator[Site]:
    for section in elf.sections:
        piece = pieces.get(section.index)
        if piece is None:
            continue
        table = Table(piece.address, piece.data)
        if section.name in _MAKERS:
            yield from _MAKERS[section.name](table, code)
        elif section.name in _SIZED_MAKERS:
            relocations = elf.relocations(section)
            places = [r.offset for r in relocations]
            size = patching.entry_stride(places, _PER_ENTRY[section.name], len(piece.data))
            if section.name == ".parainstructions" and relocations[:1]:
                size = 16 if relocations[0].type == R_X86_64_64 else size
            if size:
                yield from _SIZED_MAKERS[section.name](table, code, size)


def _kernel_sites(
    table: Callable[[str, str, str], Optional[Table]],
    code: Code,
    sizes: dict[str, int],
    slide: int,
) -> Iterator[Site]:
    for name, first, last in _TABLES:
        found = table(name, first, last)
        if found is None:
            continue
        if name in _SIZED_MAKERS:
            size = sizes.get(name) or _USUAL_SIZE[name]
            yield from _SIZED_MAKERS[name](_slid(name, found, slide, size), code, size)
        else:
            yield from _MAKERS[name](_slid(name, found, slide, 8), code)


def _slid(name: str, table: Table, slide: int, size: int) -> Table:
    """Tables of absolute addresses as the boot code relocates them."""
    absolute = name == "__mcount_loc" or (name, size) in (
        ("__jump_table", 24),
        (".parainstructions", 16),
    )
    if not absolute or not slide:
        return table
    words = range(0, len(table.data) // 8 * 8, 8)
    fixed = bytearray(table.data)
    for offset in words:
        value = int.from_bytes(table.data[offset : offset + 8], "little")
        if value >> 31 == (1 << 33) - 1:  # a link address of the kernel: the top 2 GiB
            fixed[offset : offset + 8] = (value + slide).to_bytes(8, "little")
    return Table(table.address, bytes(fixed))


class _Sites:
    """Sites by address; several may cover one byte."""

    def __init__(self, sites: list[Site], code: Code) -> None:
        self._code = code
        self._sites = sorted(sites, key=lambda site: site.address)
        self._starts = [site.address for site in self._sites]
        self._longest = max((site.length for site in sites), default=0)

    def covering(self, address: int) -> Iterator[Site]:
        """The sites whose bytes include the address, the longest first."""
        first = bisect.bisect_left(self._starts, address - self._longest + 1)
        last = bisect.bisect_right(self._starts, address)
        found = [s for s in self._sites[first:last] if address < s.address + s.length]
        yield from sorted(found, key=lambda site: -site.length)

    def trampolines(self, address: int) -> Iterator[Site]:
        """Static call trampolines, which no table lists; a look-up of names, so the last resort."""
        for start in range(address - 4, address + 1):
            if any(name.startswith("__SCT__") for name in self._code.names(start)):
                yield patching.trampoline_site(start, self._code)


class _Names:
    """Nearest symbol below an address."""

    def __init__(self, symbols: list[tuple[int, str, int]]) -> None:
        self._symbols = sorted(symbols)
        self._starts = [address for address, _name, _size in self._symbols]

    def at(self, address: int) -> Optional[str]:
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        start, name, size = self._symbols[index]
        if size and address >= start + size:
            return None
        return f"{name}+0x{address - start:x}" if address > start else name


def _module_symbols(elf: Elf, loader: Loader) -> _Names:
    found = []
    for index, symbol in functions(elf):
        if index < len(elf.sections):
            address = loader.address(elf.sections[index])
            if address is not None and symbol.size:
                found.append((address + symbol.value, symbol.name, symbol.size))
    return _Names(found)


def _reader(pieces: Iterable[_Piece]) -> Read:
    """Reads expected bytes: short or empty outside the file's sections."""
    known = sorted(pieces, key=lambda piece: piece.address)
    starts = [piece.address for piece in known]

    def read(address: int, size: int) -> bytes:
        index = bisect.bisect_right(starts, address) - 1
        if index < 0:
            return b""
        offset = address - known[index].address
        return known[index].data[offset : offset + size]

    return read


def _compare(
    piece: _Piece,
    read: Read,
    sites: _Sites,
    symbols: _Names,
    result: Integrity,
    slide: int = 0,
) -> None:
    """Adds to ``result`` how memory differs from one piece of code."""
    found = bytearray()
    missing: list[tuple[int, int]] = []
    for offset in range(0, len(piece.data), _CHUNK):
        size = min(_CHUNK, len(piece.data) - offset)
        try:
            found += read(piece.address + offset, size)
        except Unknown as error:
            result.skipped.append(
                f"{piece.name}: {size} bytes at 0x{piece.address + offset:x} ({error})"
            )
            missing.append((offset, offset + size))
            found += piece.data[offset : offset + size]
    memory = bytes(found)
    result.compared += len(memory) - sum(end - start for start, end in missing)
    differing = list(_differing(piece.data, memory))
    left: list[int] = []
    passed_to = -1
    for offset in differing:
        if offset < passed_to:
            continue
        end = _explained(piece, memory, offset, sites, slide, result)
        if end is None:
            left.append(offset)
        else:
            passed_to = end
    for start, end in _runs(left):
        if len(result.differences) >= MAX_DIFFERENCES:
            result.more += 1
            continue
        address = piece.address + start
        covering = (s for at in range(start, end) for s in sites.covering(piece.address + at))
        kinds = sorted({site.kind for site in covering})
        result.differences.append(
            Difference(
                address,
                piece.name,
                start,
                piece.data[start:end].hex(),
                memory[start:end].hex(),
                symbols.at(address),
                f"in a {kinds[0]} site, but not what the kernel puts there" if kinds else "",
            )
        )


def _differing(expected: bytes, found: bytes) -> Iterator[int]:
    for base in range(0, len(expected), 64):
        if expected[base : base + 64] != found[base : base + 64]:
            for offset in range(base, min(base + 64, len(expected))):
                if expected[offset] != found[offset]:
                    yield offset


def _explained(
    piece: _Piece, memory: bytes, offset: int, sites: _Sites, slide: int, result: Integrity
) -> Optional[int]:
    """The offset behind the patch that explains a differing byte; None: nothing explains it."""
    address = piece.address + offset
    end = _at_site(piece, memory, sites.covering(address), result)
    if end is not None:
        return end
    for place in piece.open:
        if place.offset <= offset < place.offset + place.size:
            text = f"{piece.name}+0x{place.offset:x}: refers to {place.symbol or '?'} ({place.why})"
            if text not in result.skipped:
                result.skipped.append(text)
            return place.offset + place.size
    if slide:
        # Absolute and per-CPU addresses, which KASLR moved (arch/x86/tools/relocs.c).
        for start in range(max(0, offset - 3), min(offset, len(memory) - 4) + 1):
            if patching.moved(
                piece.data[start : start + 4], memory[start : start + 4], slide, -slide
            ):
                _count(result, "addresses moved by KASLR")
                return start + 4
    return _at_site(piece, memory, sites.trampolines(address), result)


def _at_site(
    piece: _Piece, memory: bytes, sites: Iterable[Site], result: Integrity
) -> Optional[int]:
    """The offset behind the first site whose bytes in memory are as the kernel patches them."""
    for site in sites:
        start = site.address - piece.address
        if start < 0 or start + site.length > len(memory):
            continue
        what = site.check(memory[start : start + site.length])
        if what is not None:
            _count(result, what)
            return start + site.length
    return None


def _count(result: Integrity, what: str) -> None:
    result.patched[what] = result.patched.get(what, 0) + 1


def _runs(offsets: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring offsets as ``[start, end)``."""
    start: Optional[int] = None
    last = 0
    for offset in offsets:
        if start is not None and offset - last > _GAP:
            yield start, last + 1
            start = None
        if start is None:
            start = offset
        last = offset
    if start is not None:
        yield start, last + 1
