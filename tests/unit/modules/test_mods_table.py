# SPDX-License-Identifier: GPL-2.0-or-later
"""The module list of three real kernels, whole and damaged."""

from __future__ import annotations

import dataclasses
from struct import pack as struct_pack
from typing import Any

import pytest
import recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import RELEASES, Recorded

from crashext.engine.elf import read_elf
from crashext.errors import Unknown
from crashext.kernel.memory import walk_list
from crashext.kernel.modules import table
from crashext.kernel.modules.table import MODULE, Walk

#: The kernel's order: the newest first.
LOADED = ["planted_stays", "planted_user", "planted", "qemu_fw_cfg"]


@pytest.fixture(params=RELEASES)
def kernel(request: pytest.FixtureRequest) -> Recorded:
    return recorded.load(request.param)


@pytest.fixture
def kernel61() -> Recorded:
    return recorded.load("6.1")


def names(walk: Walk) -> list[str]:
    return [entry.module.name for entry in walk.loaded]


def struct(kernel: Recorded, name: str) -> int:
    return table.walk_modules(kernel).find(name).address


def at(kernel: Recorded, name: str, member: str) -> int:
    place = kernel.member(MODULE, member)
    assert place is not None
    return struct(kernel, name) + place.offset


def test_order_is_newest_first(kernel: Recorded) -> None:
    assert names(table.walk_modules(kernel)) == LOADED


def test_sound_list_has_no_damage(kernel: Recorded) -> None:
    walk = table.walk_modules(kernel)
    assert walk.damage == []
    assert [entry.module.damage for entry in walk.loaded] == [[], [], [], []]


def test_out_of_tree_module_has_its_letters(kernel: Recorded) -> None:
    assert table.walk_modules(kernel).find("planted").module.taints == "OE"


def test_in_tree_module_has_none(kernel: Recorded) -> None:
    assert table.walk_modules(kernel).find("qemu_fw_cfg").module.taints == ""


def test_user_and_provider_know_each_other(kernel: Recorded) -> None:
    walk = table.walk_modules(kernel)
    assert walk.find("planted").module.used_by == ["planted_user"]
    assert walk.names(walk.find("planted_user").depends) == ["planted"]


def test_refcount_is_lsmods(kernel: Recorded) -> None:
    walk = table.walk_modules(kernel)
    assert walk.find("planted").module.refcount == 1
    assert walk.find("planted_user").module.refcount == 0


def test_state_live(kernel: Recorded) -> None:
    assert table.walk_modules(kernel).find("planted").module.state == "live"


@pytest.mark.parametrize("release", RELEASES)
def test_version_and_srcversion_are_the_files(release: str) -> None:
    module = table.walk_modules(recorded.load(release)).find("planted").module
    info = read_elf(recorded.ko(release)).modinfo()
    assert module.version == "1.2.3"
    assert [module.srcversion] == info["srcversion"]


@pytest.mark.parametrize("release", RELEASES)
def test_build_id_is_the_files(release: str) -> None:
    walk = table.walk_modules(recorded.load(release))
    assert walk.find("planted").module.build_id == read_elf(recorded.ko(release)).build_id()


@pytest.mark.parametrize(
    ("release", "kinds"),
    [
        ("5.10", ["text", "rodata", "ro_after_init", "data", "percpu"]),  # core_layout
        ("6.12", ["text", "data", "rodata", "ro_after_init", "percpu"]),  # mem[]
    ],
)
def test_regions_of_both_layouts(release: str, kinds: list[str]) -> None:
    module = table.walk_modules(recorded.load(release)).find("planted").module
    assert [region.kind for region in module.regions] == kinds


def test_regions_of_core_layout_are_pieces_of_one_block() -> None:
    module = table.walk_modules(recorded.load("5.10")).find("planted").module
    text, rodata, ro_after_init, data, _percpu = module.regions
    assert (text.size, text.address) == (0x1000, module.address)
    assert rodata.address == text.address + text.size
    assert ro_after_init.address == rodata.address + rodata.size
    assert (data.address, data.size) == (text.address + 0x3000, 0x2000)
    assert module.size == 0x5000


# Damage: whatever can be read is shown, and what is wrong is said.


def test_link_to_nowhere_is_said_and_the_rest_is_reached_backward(kernel: Recorded) -> None:
    kernel.pointer(at(kernel, "planted_user", "list"), 0xDEAD000000000100)
    walk = table.walk_modules(kernel)
    assert names(walk) == LOADED
    assert walk.damage[0].startswith(
        "the module list is damaged after planted_user: the entry 0xdead000000000100 cannot be read"
    )
    assert walk.damage[1].startswith("2 modules behind the damage were reached backward")


def test_null_link(kernel61: Recorded) -> None:
    kernel61.pointer(at(kernel61, "planted_stays", "list"), 0)
    walk = table.walk_modules(kernel61)
    assert names(walk) == LOADED
    assert walk.damage[0] == "the module list is damaged after planted_stays: the entry 0x0 is NULL"


def test_cycle_ends(kernel: Recorded) -> None:
    first = at(kernel, "planted_stays", "list")
    kernel.pointer(at(kernel, "planted", "list"), first)
    walk = table.walk_modules(kernel)
    assert names(walk) == LOADED
    assert f"0x{first:x} (planted_stays) leads back to a node" in walk.damage[0]


def test_cycle_both_ways_loses_only_what_it_hides(kernel61: Recorded) -> None:
    first = at(kernel61, "planted_stays", "list")
    third = at(kernel61, "planted", "list")
    kernel61.pointer(third, first)
    kernel61.pointer(at(kernel61, "qemu_fw_cfg", "list") + 8, 0)
    walk = table.walk_modules(kernel61)
    assert names(walk) == LOADED
    assert walk.damage[1].endswith("the entry 0x0 backward, is NULL")


def test_unlinked_module_leaves_a_trace(kernel61: Recorded) -> None:
    """A rootkit that takes itself out of one direction only."""
    last = at(kernel61, "qemu_fw_cfg", "list")
    hidden = at(kernel61, "planted", "list")
    kernel61.pointer(at(kernel61, "planted_user", "list"), last)
    walk = table.walk_modules(kernel61)
    assert walk.damage == [
        f"the module list is damaged after planted_user: the entry 0x{last:x} (qemu_fw_cfg) "
        f"does not point back (its prev is 0x{hidden:x})"
    ]


HIDDEN = "it is in /sys/module and not in the module list: hidden, or cut off by damage"


def test_module_that_took_itself_off_the_list(kernel: Recorded) -> None:
    before, after = at(kernel, "planted_user", "list"), at(kernel, "qemu_fw_cfg", "list")
    kernel.pointer(before, after)
    kernel.pointer(after + 8, before)
    walk = table.walk_modules(kernel)
    assert names(walk) == ["planted_stays", "planted_user", "qemu_fw_cfg", "planted"]
    assert walk.find("planted").module.damage == [HIDDEN]
    assert walk.damage == []


def test_module_that_took_itself_out_of_sysfs(kernel61: Recorded) -> None:
    node = at(kernel61, "planted", "mkobj.kobj.entry")
    following = int.from_bytes(kernel61.read(node, 8), "little")
    previous = int.from_bytes(kernel61.read(node + 8, 8), "little")
    kernel61.pointer(previous, following)
    kernel61.pointer(following + 8, previous)
    module = table.walk_modules(kernel61).find("planted").module
    assert module.damage == ["it is in the module list and not in /sys/module: hidden"]


def test_kernel_without_sysfs_hides_nothing(kernel61: Recorded) -> None:
    kernel61.data["symbols"]["module_kset"] = None
    walk = table.walk_modules(kernel61)
    assert [entry.module.damage for entry in walk.loaded] == [[], [], [], []]


def test_name_without_end(kernel: Recorded) -> None:
    place = kernel.member(MODULE, "name")
    assert place is not None
    kernel.patch(at(kernel, "planted", "name"), b"A" * place.size)
    walk = table.walk_modules(kernel)
    found = walk.loaded[2].module
    assert found.name == "A" * place.size
    assert found.damage == [f"its name has no end within {place.size} bytes"]


def test_name_with_control_characters(kernel61: Recorded) -> None:
    kernel61.patch(at(kernel61, "planted", "name"), b"\x1b[2Jx\0")
    found = table.walk_modules(kernel61).loaded[2].module
    assert found.damage == ["its name holds bytes that no module name has"]


def test_empty_name_shows_the_address(kernel61: Recorded) -> None:
    address = struct(kernel61, "planted")
    kernel61.patch(at(kernel61, "planted", "name"), b"\0")
    found = table.walk_modules(kernel61).loaded[2].module
    assert (found.name, found.damage) == (f"?{address:x}", ["its name is empty"])


def test_two_modules_of_one_name(kernel61: Recorded) -> None:
    kernel61.patch(at(kernel61, "planted_user", "name"), b"planted_stays\0")
    walk = table.walk_modules(kernel61)
    first = walk.loaded[0].address
    assert walk.loaded[1].module.damage == [f"another module (0x{first:x}) has the same name"]


def test_state_that_is_none(kernel61: Recorded) -> None:
    kernel61.patch(at(kernel61, "planted", "state"), b"\x63\0\0\0")
    found = table.walk_modules(kernel61).find("planted").module
    assert (found.state, found.damage) == (None, ["its state 99 is none that the kernel has"])


def test_size_beyond_reason(kernel61: Recorded) -> None:
    kernel61.patch(at(kernel61, "planted", "core_layout.size"), b"\xff\xff\xff\xff")
    found = table.walk_modules(kernel61).find("planted").module
    assert found.damage == ["its data claims 4294955007 bytes"]


def test_unreadable_struct_keeps_the_others(kernel61: Recorded) -> None:
    node = at(kernel61, "planted_user", "list")
    kernel61.hole(struct(kernel61, "planted_user"))
    walk = table.walk_modules(kernel61)
    assert names(walk) == ["planted_stays", "planted", "qemu_fw_cfg"]
    assert f"after planted_stays: the entry 0x{node:x} cannot be read" in walk.damage[0]


def test_struct_cut_in_the_middle_still_has_its_name(kernel61: Recorded) -> None:
    address = struct(kernel61, "planted_user")
    for start, chunk in list(kernel61.chunks.items()):
        if start <= address < start + len(chunk):
            del chunk[address - start + 128 :]
    found = table.walk_modules(kernel61).loaded[1]
    assert found.record is None
    assert found.module.name == "planted_user"
    assert "is not whole" in found.module.damage[0]


def test_users_in_a_cycle(kernel61: Recorded) -> None:
    head = at(kernel61, "planted", "source_list")
    node = int.from_bytes(kernel61.read(head, 8), "little")
    kernel61.pointer(node, node)
    module = table.walk_modules(kernel61).find("planted").module
    assert module.used_by == ["planted_user"]
    assert "leads back to a node" in module.damage[0]


def test_version_pointer_gone_wild(kernel61: Recorded) -> None:
    kernel61.pointer(at(kernel61, "planted", "version"), 0x10)
    module = table.walk_modules(kernel61).find("planted").module
    assert module.version is None
    assert module.damage[0].startswith("its version cannot be read")


def test_unknown_user_is_named_by_its_address(kernel61: Recorded) -> None:
    walk = table.walk_modules(kernel61)
    assert walk.names([0x1234]) == ["0x1234 (not in the list)"]


def test_kernel_without_modules() -> None:
    kernel = recorded.load("6.1")
    kernel.data["symbols"]["modules"] = None
    with pytest.raises(Unknown, match="CONFIG_MODULES"):
        table.walk_modules(kernel)


def test_unreadable_head_is_unknown() -> None:
    kernel = recorded.load("6.1")
    kernel.hole(kernel.data["symbols"]["modules"])
    with pytest.raises(Unknown, match="not in the recording"):
        table.walk_modules(kernel)


# struct module of 3.10: its own members instead of layouts, per-CPU reference counts


def as_3_10(kernel: Recorded) -> Recorded:
    """The 5.10 kernel with the member names that a 3.10 kernel has for the same facts."""
    members: dict[str, Any] = kernel.data["members"]
    for part, prefix in (("core", "core_layout"), ("init", "init_layout")):
        members[f"{MODULE}|module_{part}"] = members[f"{MODULE}|{prefix}.base"]
        for member, old in (("size", "size"), ("text_size", "text_size"), ("ro_size", "ro_size")):
            members[f"{MODULE}|{part}_{member}"] = members[f"{MODULE}|{prefix}.{old}"]
    for gone in ("core_layout", "refcnt.counter", "kallsyms", "build_id"):
        members[f"{MODULE}|{gone}"] = None
    return kernel


def test_regions_of_3_10() -> None:
    module = table.walk_modules(as_3_10(recorded.load("5.10"))).find("planted").module
    start = module.regions[0].address
    assert [(r.kind, r.address - start, r.size) for r in module.regions[:3]] == [
        ("text", 0, 0x1000),
        ("rodata", 0x1000, 0x1000),
        ("data", 0x2000, 0x3000),
    ]
    assert [r.kind for r in module.regions[3:]] == ["percpu"]


def test_refcount_of_3_10_is_summed_over_cpus() -> None:
    kernel = as_3_10(recorded.load("5.10"))
    # refptr takes the place of percpu: a per-CPU pointer to {incs, decs}.
    members = kernel.data["members"]
    members[f"{MODULE}|refptr"] = members[f"{MODULE}|percpu"]
    members[f"{MODULE}|percpu"] = None
    members["struct module_ref|incs"] = [0, 8]
    members["struct module_ref|decs"] = [8, 8]
    kernel.data["symbols"].update({"__per_cpu_offset": 0x1000, "nr_cpu_ids": 0x2000})
    kernel.chunks[0x1000] = bytearray(struct_pack("<QQ", 0x100000, 0x200000))
    kernel.chunks[0x2000] = bytearray((2).to_bytes(4, "little"))
    for base, incs, decs in ((0x136000, 5, 1), (0x236000, 2, 4)):
        kernel.chunks[base] = bytearray(struct_pack("<QQ", incs, decs))
    assert table.walk_modules(kernel).find("planted").module.refcount == 2


# Any bytes at all


@settings(max_examples=100, deadline=None)
@given(
    release=st.sampled_from(RELEASES),
    flips=st.lists(st.tuples(st.integers(0, 895), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_no_damage_to_a_struct_breaks_the_walk(release: str, flips: list[tuple[int, int]]) -> None:
    kernel = recorded.load(release)
    address = struct(kernel, "planted")
    for offset, value in flips:
        kernel.patch(address + offset, bytes([value]))
    walk = table.walk_modules(kernel)
    assert {"planted_stays", "planted_user"} <= set(names(walk))


def many(kernel: Recorded, count: int) -> Recorded:
    """``count`` copies of planted, linked as the kernel links them."""
    original = struct(kernel, "planted")
    size = kernel.sizeof(MODULE)
    link, name = kernel.member(MODULE, "list"), kernel.member(MODULE, "name")
    assert size is not None
    assert link is not None
    assert name is not None
    raw = kernel.read(original, size)
    head = kernel.data["symbols"]["modules"]
    nodes = [head] + [0x10_0000 + i * 0x1000 + link.offset for i in range(count)] + [head]
    for index in range(count):
        copy = bytearray(raw)
        copy[name.offset : name.offset + 16] = f"copy_{index}".encode().ljust(16, b"\0")
        links = nodes[index + 2].to_bytes(8, "little") + nodes[index].to_bytes(8, "little")
        copy[link.offset : link.offset + 16] = links
        kernel.chunks[0x10_0000 + index * 0x1000] = copy
    kernel.pointer(head, nodes[1])
    kernel.pointer(head + 8, nodes[-2])
    kernel.data["symbols"]["module_kset"] = None  # the copies are in no sysfs
    return kernel


def test_five_hundred_modules(kernel61: Recorded) -> None:
    walk = table.walk_modules(many(kernel61, 500))
    assert len(walk.loaded) == 500
    assert walk.damage == []


def test_list_longer_than_the_bound_ends(kernel61: Recorded) -> None:
    head = many(kernel61, 50).data["symbols"]["modules"]
    walked = walk_list(kernel61, head, limit=10)
    assert len(walked.nodes) == 20  # ten from each end
    assert walked.breaks[0].reason == "goes on after 10 nodes"


def test_table_has_the_modules_and_the_damage(kernel61: Recorded) -> None:
    walk = table.walk_modules(kernel61)
    assert dataclasses.astuple(walk.table())[1] == []
    assert [module.name for module in walk.table().modules] == LOADED
