# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading objects: real layouts of kernel 6.1, bytes that the test lays out."""

from __future__ import annotations

import struct

import pytest

from tests.unit.pykdump.conftest import FakeCrash

BASE = 0xFFFFFFFFC047B040


@pytest.fixture
def module(kernel_types: FakeCrash):  # type: ignore[no-untyped-def]
    from crashext.pykdump.structs import readSU

    data = bytearray(896)
    struct.pack_into("<I", data, 0, 2)  # state
    struct.pack_into("<QQ", data, 8, 0xFFFF000000001008, 0xFFFFFFFF9A527160)  # list
    data[24 : 24 + 8] = b"hello_2\0"
    struct.pack_into("<Q", data, 184, 0xFFFF000000002000)  # version
    data[140] = 0b10011  # state_initialized, state_in_sysfs, uevent_suppress
    data[298] = 1  # async_probe_requested
    struct.pack_into("<QI", data, 320, 0xFFFFFFFFC0479000, 16384)  # core_layout
    struct.pack_into("<Q", data, 848, 0xFFFFFFFFC0479000)  # exit
    struct.pack_into("<i", data, 856, -1)  # refcnt
    kernel_types.memory[BASE] = bytes(data)
    kernel_types.memory[0xFFFF000000002000] = b"1.0\0".ljust(256, b"x")
    return readSU("struct module", BASE)


def test_address_and_name(module) -> None:  # type: ignore[no-untyped-def]
    from crashext.pykdump.structs import Addr

    assert (int(module), Addr(module), len(module)) == (BASE, BASE, 896)
    assert str(module) == f"<struct module {BASE:#x}>"
    assert module == BASE
    assert hash(module) == hash(BASE)
    assert Addr(module, "list") == BASE + 8


def test_strings(module) -> None:  # type: ignore[no-untyped-def]
    assert module.name == "hello_2"
    assert module.name.addr == BASE + 24
    assert len(module.name.ByteArray) == 56
    assert module.version == "1.0"
    assert module.srcversion is None


def test_an_unreadable_string_end_is_left_out(module, crash: FakeCrash) -> None:  # type: ignore[no-untyped-def]
    crash.memory[0xFFFF000000002000] = b"1.0\0"
    crash.memory[0xFFFF0000000020FC] = b"2.1\0"
    crash.memory[BASE] = (
        crash.memory[BASE][:184]
        + struct.pack("<Q", 0xFFFF0000000020FC)
        + (crash.memory[BASE][192:])
    )
    assert module.version == "2.1"


def test_scalars(module) -> None:  # type: ignore[no-untyped-def]
    assert module.core_layout.size == 16384
    assert module.async_probe_requested is True
    assert module.sig_ok is False
    assert module.exit == 0xFFFFFFFFC0479000
    assert module.refcnt.counter == -1


def test_enum_value_has_a_name(module) -> None:  # type: ignore[no-untyped-def]
    assert module.state == 2
    assert repr(module.state) == "MODULE_STATE_GOING"


def test_bit_fields(module) -> None:  # type: ignore[no-untyped-def]
    kobj = module.mkobj.kobj
    assert [kobj.state_initialized, kobj.state_in_sysfs, kobj.state_add_uevent_sent] == [1, 1, 0]
    assert kobj.uevent_suppress == 1


def test_embedded_and_pointed_structs(module) -> None:  # type: ignore[no-untyped-def]
    assert module.list == BASE + 8
    assert repr(module.list.next).startswith("StructResult <struct list_head 0xffff000000001008>")
    assert not module.kp
    assert bool(module.list.prev)


def test_pointer_to_void(module) -> None:  # type: ignore[no-untyped-def]
    base = module.core_layout.base
    assert base == 0xFFFFFFFFC0479000
    with pytest.raises(TypeError, match="void pointer"):
        _ = base.Deref


def test_null_pointer_dereference_is_an_index_error(module) -> None:  # type: ignore[no-untyped-def]
    from crashext.pykdump.structs import Deref

    with pytest.raises(IndexError, match="NULL pointer"):
        Deref(module.crcs)


def test_pointer_arithmetic_counts_in_structs(module) -> None:  # type: ignore[no-untyped-def]
    assert module[2] == BASE + 2 * 896
    assert module + 1 == BASE + 896


def test_missing_member_is_a_key_error_and_no_attribute(module) -> None:  # type: ignore[no-untyped-def]
    assert not hasattr(module, "module_core")
    with pytest.raises(KeyError, match="does not have a field <module_core>"):
        _ = module.module_core
    assert not module.hasField("module_core")
    assert module.hasField("core_layout")


def test_a_missing_page_costs_only_the_members_on_it(module, crash: FakeCrash) -> None:  # type: ignore[no-untyped-def]
    crash.memory[BASE] = crash.memory[BASE][:100]
    assert module.name == "hello_2"
    with pytest.raises(crash.error, match="cannot read"):
        _ = module.refcnt.counter


def test_anonymous_unions_of_page(kernel_types: FakeCrash) -> None:
    from crashext.pykdump.structs import readSU
    from crashext.pykdump.typequery import getStructInfo, member_offset, member_size

    kernel_types.memory[0xFFFF00] = struct.pack("<8Q", *range(1, 9))
    page = readSU("struct page", 0xFFFF00)
    assert (page.flags, page.private, page.memcg_data) == (1, 6, 8)
    assert page.compound_head == 2
    assert int(page.lru) == 0xFFFF08
    assert member_offset("struct page", "mapping") == 24
    assert member_offset("struct page", "lru.prev") == 16
    assert member_offset("struct page", "mapping.host") == -1
    assert member_offset("struct page", "nosuch") == -1
    assert member_size("struct page", "lru") == 16
    assert getStructInfo("struct page").PYT_size == 64


def test_unknown_struct_is_a_type_error() -> None:
    from crashext.pykdump.structs import readSU
    from crashext.pykdump.typequery import struct_exists, struct_size

    with pytest.raises(TypeError, match="no type struct nosuch"):
        readSU("struct nosuch", 1)
    assert struct_size("struct nosuch") == -1
    assert struct_exists("struct nosuch") is False


def test_attribute_over_a_path(module) -> None:  # type: ignore[no-untyped-def]
    from crashext.pykdump.structs import structSetAttr, structSetProcAttr

    assert structSetAttr("struct module", "Base", ["module_core", "core_layout.base"])
    assert structSetAttr("struct module", "Self", "")
    assert not structSetAttr("struct module", "None_", "a.b")
    assert not structSetAttr("struct nosuch", "X", "a")
    assert structSetProcAttr("struct module", "Title", lambda m: f"[{m.name}]")
    assert (module.Base, module.Self, module.Title) == (0xFFFFFFFFC0479000, module, "[hello_2]")
    assert module.Eval("core_layout.size") == 16384


def test_container_of(module) -> None:  # type: ignore[no-untyped-def]
    from crashext.pykdump.typequery import container_of

    assert container_of(module.list, "struct module", "list") == module
    with pytest.raises(KeyError):
        container_of(module.list, "struct module", "nosuch")


def test_hostile_bytes_in_a_name_are_escaped(module, crash: FakeCrash) -> None:  # type: ignore[no-untyped-def]
    data = bytearray(crash.memory[BASE])
    data[24:32] = b"a\xffb\x00junk"
    crash.memory[BASE] = bytes(data)
    assert module.name == "a\\xffb"
