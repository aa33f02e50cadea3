# SPDX-License-Identifier: GPL-2.0-or-later
"""What may stand at each kind of patch site, and what may not."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import pytest

from crashext.engine import patching
from crashext.engine.patching import Code, Site, Table

HERE = 0xFFFFFFFFC0001000  # where the site is
TABLE = 0xFFFFFFFFC0009000
FAR = 0xFFFFFFFF81234560


def code(expected: bytes = b"", names: Mapping[int, Sequence[str]] = {}) -> Code:
    """Code whose file has ``expected`` at HERE."""

    def read(address: int, size: int) -> bytes:
        offset = address - HERE
        return expected[offset : offset + size] if 0 <= offset < len(expected) else b""

    return Code(read, lambda address: names.get(address, ()))


def relative() -> Table:
    """A table of s32 whose only entry leads to HERE."""
    return Table(TABLE, struct.pack("<i", HERE - TABLE))


def jump(opcode: int, target: int, address: int = HERE) -> bytes:
    return bytes([opcode]) + struct.pack("<i", target - (address + 5))


def only(sites: Sequence[Site]) -> Site:
    (site,) = sites
    return site


@pytest.mark.parametrize(
    "digits",
    ["90", "6690", "0f1f00", "0f1f4000", "0f1f440000", "660f1f440000", "0f1f8000000000",
     "0f1f840000000000", "660f1f840000000000", "66662e0f1f840000000000", "6666666690"],
)  # fmt: skip
def test_every_no_operation_is_known(digits: str) -> None:
    nop = bytes.fromhex(digits)
    assert patching.nop_length(nop, 0) == len(nop)


@pytest.mark.parametrize("digits", ["c3", "0f0b", "e800000000", "0f1e", "66", "0f1f", "0f1f44", ""])
def test_other_instructions_are_none(digits: str) -> None:
    assert patching.nop_length(bytes.fromhex(digits), 0) == 0


@pytest.mark.parametrize("digits", ["", "90cc90", "eb03cccccc", "0f1f440000"])
def test_filler(digits: str) -> None:
    assert patching.is_filler(bytes.fromhex(digits))


@pytest.mark.parametrize("digits", ["c3", "90c3", "eb02cccccc", "0f0b"])
def test_no_filler(digits: str) -> None:
    assert not patching.is_filler(bytes.fromhex(digits))


def test_moved_allows_only_the_given_distance() -> None:
    old = b"\x48" + struct.pack("<I", 0x1000)
    assert patching.moved(old, b"\x48" + struct.pack("<I", 0x1200), 0x200)
    assert not patching.moved(old, b"\x48" + struct.pack("<I", 0x1201), 0x200)


def test_moved_sees_the_byte_beside_the_word() -> None:
    old = b"\x48" + struct.pack("<I", 0x1000)
    assert not patching.moved(old, b"\x49" + struct.pack("<I", 0x1200), 0x200)


# ftrace

MCOUNT = Table(TABLE, struct.pack("<Q", HERE))


def test_ftrace_no_operation() -> None:
    site = only(list(patching.ftrace_sites(MCOUNT, code())))
    assert site.check(bytes.fromhex("0f1f440000")) == "ftrace no-operations"


def test_ftrace_call_of_the_tracer() -> None:
    site = only(list(patching.ftrace_sites(MCOUNT, code(names={FAR: ["ftrace_caller"]}))))
    assert site.check(jump(0xE8, FAR)) is not None


def test_ftrace_call_of_a_trampoline_without_a_name() -> None:
    site = only(list(patching.ftrace_sites(MCOUNT, code())))
    assert site.check(jump(0xE8, FAR)) is not None


def test_ftrace_site_that_calls_some_function_is_a_hook() -> None:
    site = only(list(patching.ftrace_sites(MCOUNT, code(names={FAR: ["evil_hook"]}))))
    assert site.check(jump(0xE8, FAR)) is None


def test_ftrace_site_that_jumps_is_a_hook() -> None:
    site = only(list(patching.ftrace_sites(MCOUNT, code())))
    assert site.check(jump(0xE9, FAR)) is None


# Jump labels


def label(entry: int, original: bytes) -> Site:
    target = HERE + 0x40
    if entry == 24:
        data = struct.pack("<QQQ", HERE, target, 0)
    else:
        data = struct.pack("<iiQ", HERE - TABLE, target - TABLE - 4, 0)
    return only(list(patching.jump_label_sites(Table(TABLE, data), code(original), entry)))


@pytest.mark.parametrize("entry", [16, 24])
def test_jump_label_on_and_off(entry: int) -> None:
    site = label(entry, bytes.fromhex("0f1f440000"))
    assert site.length == 5
    assert site.check(bytes.fromhex("0f1f440000")) == "jump labels off"
    assert site.check(jump(0xE9, HERE + 0x40)) == "jump labels on"


def test_jump_label_to_elsewhere() -> None:
    assert label(16, bytes.fromhex("0f1f440000")).check(jump(0xE9, HERE + 0x44)) is None


def test_short_jump_label() -> None:
    site = label(16, bytes.fromhex("eb3e90"))
    assert site.length == 2
    assert site.check(b"\x66\x90") == "jump labels off"
    assert site.check(b"\xeb\x3e") == "jump labels on"


# Static calls

STATIC = Table(TABLE, struct.pack("<ii", HERE - TABLE, 0))


@pytest.mark.parametrize(
    "digits", ["0f1f440000", "2e2e2e31c0", "c3cccccccc", "67480fb93a", "3e3ec60700"]
)
def test_static_call_without_a_function(digits: str) -> None:
    site = only(list(patching.static_call_sites(STATIC, code(b"\xe8"))))
    assert site.check(bytes.fromhex(digits)) == "static calls"


def test_static_call_of_a_function() -> None:
    known = code(b"\xe8", {FAR: ["native_sched_clock"]})
    assert only(list(patching.static_call_sites(STATIC, known))).check(jump(0xE8, FAR)) is not None


def test_static_call_of_nothing_known() -> None:
    assert (
        only(list(patching.static_call_sites(STATIC, code(b"\xe8")))).check(jump(0xE8, FAR)) is None
    )


# Retpolines and returns

THUNK = {FAR: ["__x86_indirect_thunk_rax"], FAR + 32: ["__x86_indirect_thunk_r11"]}


def retpoline(original: bytes) -> Site:
    return only(list(patching.retpoline_sites(relative(), code(original, THUNK))))


@pytest.mark.parametrize("digits", ["ffd0", "ffe0"])
def test_retpoline_as_an_indirect_branch(digits: str) -> None:
    found = bytes.fromhex(digits).ljust(5, b"\x90")
    assert retpoline(jump(0xE8, FAR)).check(found) == "indirect branches"


def test_retpoline_with_lfence() -> None:
    assert retpoline(jump(0xE8, FAR)).check(bytes.fromhex("0faee8ffd0")) == "indirect branches"


def test_retpoline_through_another_register() -> None:
    assert retpoline(jump(0xE8, FAR)).check(bytes.fromhex("ffd3909090")) is None


def test_retpoline_of_a_high_register() -> None:
    site = retpoline(jump(0xE9, FAR + 32))
    assert site.check(bytes.fromhex("41ffe3cccc")) == "indirect branches"
    assert site.check(bytes.fromhex("ffe3cccccc")) is None


def test_conditional_retpoline() -> None:
    original = b"\x0f\x84" + struct.pack("<i", FAR - HERE - 6)
    site = retpoline(original)
    assert site.length == 6
    assert site.check(bytes.fromhex("7504ffe0cccc")) == "indirect branches"


@pytest.mark.parametrize("digits", ["c3cccccccc", "c30f1f4000"])
def test_return_in_place_of_the_thunk(digits: str) -> None:
    site = only(list(patching.return_sites(relative(), code())))
    assert site.check(bytes.fromhex(digits)) == "returns"


def test_return_through_another_thunk() -> None:
    site = only(list(patching.return_sites(relative(), code(names={FAR: ["srso_return_thunk"]}))))
    assert site.check(jump(0xE9, FAR)) == "returns"


def test_return_site_that_jumps_to_a_function() -> None:
    site = only(list(patching.return_sites(relative(), code(names={FAR: ["evil"]}))))
    assert site.check(jump(0xE9, FAR)) is None


# Small ones


@pytest.mark.parametrize(("byte", "good"), [(0xF0, True), (0x3E, True), (0x90, False)])
def test_lock_prefix(byte: int, good: bool) -> None:
    site = only(list(patching.smp_lock_sites(relative(), code())))
    assert (site.check(bytes([byte])) is not None) == good


@pytest.mark.parametrize(
    ("digits", "good"),
    [("f30f1efa", True), ("660f1f00", True), ("0f1f4000", True), ("0f1f40d6", True),
     ("cc0f1f00", False), ("c3909090", False)],
)  # fmt: skip
def test_endbr(digits: str, good: bool) -> None:
    site = only(list(patching.endbr_sites(relative(), code())))
    assert (site.check(bytes.fromhex(digits)) is not None) == good


@pytest.mark.parametrize(("distance", "good"), [(0, True), (16, True), (33, False), (-5, False)])
def test_call_depth_call_leads_into_the_padding(distance: int, good: bool) -> None:
    site = only(list(patching.call_sites(relative(), code(jump(0xE8, FAR)))))
    assert (site.check(jump(0xE8, FAR - distance)) is not None) == good


@pytest.mark.parametrize(
    ("digits", "length", "good"),
    [("cc", 1, True), ("90", 1, False), ("e900000000", 5, True), ("e800000000", 5, False)],
)
def test_kprobe(digits: str, length: int, good: bool) -> None:
    site = patching.probe_site(HERE, length, "kprobes")
    assert (site.check(bytes.fromhex(digits)) is not None) == good


# Paravirt


def paravirt(names: Mapping[int, Sequence[str]] = {}) -> Site:
    table = Table(TABLE, struct.pack("<QBB", HERE, 0, 6))
    return only(list(patching.paravirt_sites(table, code(names=names), 16)))


@pytest.mark.parametrize("digits", ["fa0f1f440000", "fb9090909090", "9c5890909090", "31c00f1f4000"])
def test_paravirt_instruction(digits: str) -> None:
    assert paravirt().check(bytes.fromhex(digits)) == "paravirt instructions"


def test_paravirt_direct_call() -> None:
    site = paravirt({FAR: ["native_write_msr"]})
    assert site.check(jump(0xE8, FAR) + b"\x90") == "paravirt calls"


def test_paravirt_call_to_nowhere() -> None:
    assert paravirt().check(jump(0xE8, FAR) + b"\x90") is None


def test_relative_paravirt_entry() -> None:
    table = Table(TABLE, struct.pack("<iBB", HERE - TABLE, 0, 6))
    assert only(list(patching.paravirt_sites(table, code(), 6))).address == HERE


# Alternatives: the replacement lies 0x100 behind the site

PLACE = HERE + 0x100


def alternative(original: bytes, new: bytes, entry: int = 12, flags: int = 0) -> Site:
    head = struct.pack("<ii", HERE - TABLE, PLACE - TABLE - 4)
    middle = struct.pack("<HH", 0, flags) if entry == 14 else struct.pack("<H", 0)
    tail = struct.pack("<BB", len(original), len(new)) + (b"\0" if entry == 13 else b"")
    text = original.ljust(0x100, b"\xcc") + new
    known = code(text, {FAR: ["native_apic_mem_eoi"]})
    return only(list(patching.alternative_sites(Table(TABLE, head + middle + tail), known, entry)))


@pytest.mark.parametrize("entry", [12, 13, 14])
def test_alternative_replaced(entry: int) -> None:
    site = alternative(bytes.fromhex("90909090"), bytes.fromhex("0faef0"), entry)
    assert site.check(bytes.fromhex("0faef090")) == "alternatives"


def test_alternative_kept_with_other_no_operations() -> None:
    site = alternative(bytes.fromhex("0f05909090"), b"\xc3")
    assert site.check(bytes.fromhex("0f050f1f00")) == "alternatives"


def test_alternative_kept_with_no_operations_in_its_middle() -> None:
    site = alternative(bytes.fromhex("9090fa909090fb"), b"\xc3")
    assert site.check(bytes.fromhex("6690fa0f1f00fb")) == "alternatives"
    assert site.check(bytes.fromhex("6690fb0f1f00fb")) is None


def test_alternative_that_is_neither() -> None:
    site = alternative(bytes.fromhex("90909090"), bytes.fromhex("0faef0"))
    assert site.check(bytes.fromhex("0faee890")) is None


def test_alternative_call_is_moved() -> None:
    site = alternative(bytes(5), jump(0xE8, FAR, PLACE))
    assert site.check(jump(0xE8, FAR)) == "alternatives"
    assert site.check(jump(0xE8, FAR + 1)) is None


def test_alternative_jump_becomes_short() -> None:
    site = alternative(bytes(5), jump(0xE9, HERE + 0x30, PLACE))
    assert site.check(bytes.fromhex("eb2e909090")) == "alternatives"


def test_direct_call_flag() -> None:
    site = alternative(bytes.fromhex("ff1500000000"), jump(0xE8, FAR + 8, PLACE), 14, flags=2)
    assert site.check(jump(0xE8, FAR) + b"\x90") == "direct calls"
    assert site.check(bytes.fromhex("660f1f440000")) == "direct calls"
    assert site.check(jump(0xE8, FAR + 64) + b"\x90") is None


def test_direct_call_needs_its_flag() -> None:
    site = alternative(bytes.fromhex("ff1500000000"), jump(0xE8, FAR + 8, PLACE), 14)
    assert site.check(jump(0xE8, FAR) + b"\x90") is None


def test_runtime_constant_agrees_with_another_site() -> None:
    places = [HERE, HERE + 64, HERE + 128]
    offsets = [place - TABLE - 4 * index for index, place in enumerate(places)]
    table = Table(TABLE, struct.pack("<iii", *offsets))
    value = b"\x00\xf0\xff\xff\xff\x7f\x00\x00"
    memory = {places[0]: bytes(8), places[1]: value, places[2]: value}  # the first was freed
    known = Code(
        lambda address, size: b"", lambda address: (), lambda address, size: memory[address][:size]
    )
    _first, second, _third = patching.runtime_constant_sites(table, known, 8)
    assert second.check(value) == "runtime constants"
    assert second.check(b"\x01" + value[1:]) is None


@pytest.mark.parametrize(
    ("offsets", "per_entry", "size", "stride"),
    [
        ([0, 4, 12, 16, 24, 28], 2, 36, 12),
        ([0, 4], 2, 14, 14),
        ([0, 4, 13, 17, 40, 44], 2, 53, None),
    ],
)
def test_entry_stride(offsets: list[int], per_entry: int, size: int, stride: int | None) -> None:
    assert patching.entry_stride(offsets, per_entry, size) == stride


def test_a_table_of_thousands_of_sites_costs_no_name() -> None:
    asked: list[int] = []

    def names(address: int) -> Sequence[str]:
        asked.append(address)
        return THUNK.get(address, ())

    original = jump(0xE8, FAR)
    near = Code(lambda address, size: original, names, window=(HERE, HERE + 5))
    offsets = [HERE + 8 * i - (TABLE + 4 * i) for i in range(4000)]
    table = Table(TABLE, struct.pack("<4000i", *offsets))
    site = only(list(patching.retpoline_sites(table, near)))
    assert (site.address, asked) == (HERE, [])
    assert site.check(bytes.fromhex("ffd0909090")) == "indirect branches"
