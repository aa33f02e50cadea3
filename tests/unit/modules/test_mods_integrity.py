# SPDX-License-Identifier: GPL-2.0-or-later
"""Code of the planted module in memory against its file, with planted differences."""

from __future__ import annotations

import dataclasses
import struct

import pytest
import recorded
from recorded import RELEASES, Recorded

from crashext.engine import integrity
from crashext.engine.elf import PT_LOAD, Elf, Segment, read_elf
from crashext.engine.integrity import Integrity
from crashext.engine.patching import probe_site
from crashext.engine.relocate import Loader
from crashext.kernel.modules import facts, table


class Loaded:
    """planted as one kernel has it, ready to be damaged and compared."""

    def __init__(self, release: str) -> None:
        self.release = release
        self.kernel = recorded.load(release)
        self.elf = read_elf(recorded.ko(release))
        self.entry = table.walk_modules(self.kernel).find("planted")
        self.sections = facts.sections(self.entry.whole())
        self.symbols = {s.name: s.address for s in facts.symbols(self.entry.whole())}

    @property
    def probed(self) -> int:
        """Where the kprobe sits: behind the ftrace site, and endbr64 where the kernel has it."""
        return self.symbols["planted_secret"] + (9 if self.release == "6.12" else 5)

    def compare(self, probes: bool = True, elf: Elf | None = None) -> Integrity:
        regions = self.entry.module.regions
        return integrity.compare_module(
            elf or self.elf,
            [(s.name, s.address) for s in self.sections],
            self.kernel.read,
            self.kernel.resolve,
            names=self.kernel.names,
            freed=lambda a: not any(r.address <= a < r.address + r.size for r in regions),
            probes=[probe_site(self.probed, length, "kprobes") for length in (5, 1)]
            if probes
            else [],
        )


@pytest.fixture(params=RELEASES)
def loaded(request: pytest.FixtureRequest) -> Loaded:
    return Loaded(request.param)


@pytest.fixture
def loaded61() -> Loaded:
    return Loaded("6.1")


def test_untouched_code_agrees(loaded: Loaded) -> None:
    assert loaded.compare().differences == []


def test_all_but_init_is_compared(loaded: Loaded) -> None:
    assert loaded.compare().skipped == [".init.text: its memory was freed after init"]


def test_every_code_section_and_the_constants_count(loaded: Loaded) -> None:
    names = (".text", ".text.unlikely", ".exit.text", ".rodata")
    kept = [section for section in loaded.elf.sections if section.name in names]
    assert loaded.compare().compared == sum(section.size for section in kept)


def test_what_the_kernel_patched_is_counted(loaded: Loaded) -> None:
    patched = loaded.compare().patched
    assert patched["jump labels on"] == 1
    assert patched["kprobes"] == 1
    assert patched["ftrace no-operations"] == 13


def test_kprobe_that_nobody_registered(loaded61: Loaded) -> None:
    (difference,) = loaded61.compare(probes=False).differences
    assert difference.address == loaded61.probed
    assert difference.found.startswith("e9")  # optimised: a jump to the probe's buffer


def test_flipped_bit_in_a_function(loaded: Loaded) -> None:
    address = loaded.symbols["planted_write"] + 40
    byte = loaded.kernel.read(address, 1)[0]
    loaded.kernel.patch(address, bytes([byte ^ 0x10]))
    (difference,) = loaded.compare().differences
    assert (difference.address, difference.section) == (address, ".text")
    assert (difference.expected, difference.found) == (f"{byte:02x}", f"{byte ^ 0x10:02x}")
    assert difference.symbol == "planted_write+0x28"


def test_hook_at_the_beginning_of_a_function(loaded61: Loaded) -> None:
    """What rootkits do: a jump to their own code over the ftrace site."""
    address = loaded61.symbols["planted_hello"]
    loaded61.kernel.patch(address, b"\xe9\x78\x56\x34\x12")
    (difference,) = loaded61.compare().differences
    assert difference.address == address
    assert difference.note == "in a ftrace site, but not what the kernel puts there"


def test_flipped_bit_inside_a_no_operation(loaded61: Loaded) -> None:
    """A mask over patch sites would not see it."""
    address = loaded61.symbols["planted_hello"] + 4
    loaded61.kernel.patch(address, b"\x01")
    assert [d.address for d in loaded61.compare().differences] == []  # still a 5-byte nop
    loaded61.kernel.patch(address - 3, b"\x0b")
    assert loaded61.compare().differences[0].found == "0f0b440001"


def test_changed_call_target(loaded61: Loaded) -> None:
    code = loaded61.kernel.read(loaded61.symbols["planted_write"], 256)
    call = loaded61.symbols["planted_write"] + code.index(b"\xe8")
    loaded61.kernel.patch(call + 1, b"\x44\x33\x22\x11")
    differences = loaded61.compare().differences
    assert [d.address for d in differences] == [call + 1]


def test_changed_constant(loaded61: Loaded) -> None:
    address = loaded61.symbols["planted_fops"] + 8
    loaded61.kernel.pointer(address, 0xFFFFFFFFDEADBEEF)
    (difference,) = loaded61.compare().differences
    assert (difference.section, difference.symbol) == (".rodata", "planted_fops+0x8")


def test_far_apart_changes_are_apart(loaded61: Loaded) -> None:
    for offset in (0, 2, 32):
        address = loaded61.symbols["planted_constant"] + offset
        loaded61.kernel.patch(address, bytes([loaded61.kernel.read(address, 1)[0] ^ 1]))
    assert [len(d.found) // 2 for d in loaded61.compare().differences] == [3, 1]


def test_file_of_another_kernel_differs_everywhere(loaded61: Loaded) -> None:
    other = read_elf(recorded.ko("6.12"))
    assert len(loaded61.compare(elf=other).differences) > 10


def test_differences_are_bounded(loaded61: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "MAX_DIFFERENCES", 5)
    result = loaded61.compare(elf=read_elf(recorded.ko("6.12")))
    assert len(result.differences) == 5
    assert result.more > 10


def test_unreadable_text_is_said(loaded61: Loaded) -> None:
    loaded61.kernel.hole(loaded61.symbols["planted_hello"])
    result = loaded61.compare()
    assert result.compared == 0
    assert any(text.startswith(".text: ") for text in result.skipped)


def test_symbol_that_nobody_knows_is_said_and_no_difference(loaded61: Loaded) -> None:
    loaded61.kernel.data["resolve"]["_copy_from_user"] = []
    result = loaded61.compare()
    assert result.differences == []
    assert any("refers to _copy_from_user (no symbol of that name)" in t for t in result.skipped)


def test_ambiguous_symbol_takes_the_one_in_memory(loaded61: Loaded) -> None:
    resolve = loaded61.kernel.data["resolve"]
    resolve["_copy_from_user"] = [0xFFFFFFFF80001234, *resolve["_copy_from_user"]]
    assert loaded61.compare().differences == []


def test_section_without_an_address_is_said(loaded61: Loaded) -> None:
    loaded61.sections = [s for s in loaded61.sections if s.name != ".exit.text"]
    assert ".exit.text: the kernel keeps no address of it" in loaded61.compare().skipped


def test_cut_file_is_said(loaded61: Loaded) -> None:
    data = recorded.ko("6.1")
    result = loaded61.compare(elf=read_elf(data[: len(data) // 2]))
    assert result.skipped[0].startswith("the file is damaged")


def test_file_of_another_architecture(loaded61: Loaded) -> None:
    data = bytearray(recorded.ko("6.1"))
    data[18:20] = (183).to_bytes(2, "little")
    result = loaded61.compare(elf=read_elf(data))
    assert result.skipped == ["the file is no x86-64 .ko (only those are compared)"]


def test_sections_of_one_name_are_matched_in_order() -> None:
    elf = read_elf(recorded.ko("6.1"))
    first, second = (s for s in elf.sections if s.name in (".text", ".rodata"))
    elf.sections[second.index] = dataclasses.replace(second, name=".text")
    loader = Loader(elf, [(".text", 0x1000), (".text", 0x2000)], lambda name: ())
    found = loader.address(first), loader.address(elf.sections[second.index])
    assert found == (0x1000, 0x2000)


def empty_bss(elf: Elf) -> Elf:
    """The file as if .bss held nothing, so that the kernel's table leaves it out."""
    section = elf.section(".bss")
    assert section is not None
    elf.sections[section.index] = dataclasses.replace(section, size=0)
    return elf


def test_empty_section_is_where_its_first_reference_says(loaded61: Loaded) -> None:
    loaded61.sections = [s for s in loaded61.sections if s.name != ".bss"]
    assert loaded61.compare(elf=empty_bss(loaded61.elf)).differences == []


def test_second_reference_to_an_empty_section_must_agree(loaded61: Loaded) -> None:
    loaded61.sections = [s for s in loaded61.sections if s.name != ".bss"]
    elf = empty_bss(loaded61.elf)
    text, bss = elf.section(".text"), elf.section(".bss")
    start = next(s.address for s in loaded61.sections if s.name == ".text")
    assert text is not None
    assert bss is not None
    into = [r for r in elf.relocations(text) if elf.symbols()[r.symbol].section == bss.index]
    place = start + into[-1].offset
    byte = loaded61.kernel.read(place, 1)[0]
    loaded61.kernel.patch(place, bytes([byte ^ 8]))
    assert [d.address for d in loaded61.compare(elf=elf).differences] == [place]


class Kernel:
    """A vmlinux of our own: 64 bytes of code at 0xffffffff81000000, slid by 0x200000."""

    LINK = 0xFFFFFFFF81000000
    SLIDE = 0x200000

    def __init__(self, code: bytes) -> None:
        self.file = linked_elf(self.LINK, code)
        self.memory = Recorded({"memory": {}})
        self.memory.chunks[self.LINK + self.SLIDE] = bytearray(code)

    def compare(self) -> Integrity:
        start = self.LINK + self.SLIDE
        return integrity.compare_kernel(
            self.file, start, start + 64, self.SLIDE, self.memory.read, lambda name: None
        )


def linked_elf(address: int, code: bytes) -> Elf:
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, 62) + bytes(44)
    elf = read_elf(header + code)
    elf.segments.append(Segment(PT_LOAD, 5, len(header), address, len(code), len(code)))
    return elf


#: mov $0xffffffff81000020, %rdi: an absolute address, which KASLR moves.
ABSOLUTE = b"\x48\xc7\xc7\x20\x00\x00\x81"


def test_kernel_code_that_agrees() -> None:
    assert Kernel(ABSOLUTE.ljust(64, b"\x90")).compare().compared == 64


def test_kaslr_moves_absolute_addresses() -> None:
    kernel = Kernel(ABSOLUTE.ljust(64, b"\x90"))
    kernel.memory.patch(kernel.LINK + kernel.SLIDE + 3, b"\x20\x00\x20\x81")
    result = kernel.compare()
    assert result.differences == []
    assert result.patched == {"addresses moved by KASLR": 1}


def test_kernel_code_that_was_changed() -> None:
    kernel = Kernel(ABSOLUTE.ljust(64, b"\x90"))
    kernel.memory.patch(kernel.LINK + kernel.SLIDE + 32, b"\xcc")
    (difference,) = kernel.compare().differences
    assert (difference.address, difference.expected, difference.found) == (
        kernel.LINK + kernel.SLIDE + 32, "90", "cc",
    )  # fmt: skip


def test_vmlinux_without_code() -> None:
    kernel = Kernel(b"\x90" * 64)
    kernel.file.segments.clear()
    assert kernel.compare().skipped == ["the file has no bytes for this code (only debug info?)"]
