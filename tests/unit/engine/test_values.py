# SPDX-License-Identifier: GPL-2.0-or-later
"""What values mean; the constants are those of include/linux/poison.h and mm.rst."""

from __future__ import annotations

from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashext.engine import arch
from crashext.engine.arch.x86 import addresses, kasan
from crashext.engine.kinds import KINDS
from crashext.engine.values import AddressLayout, classify, describe, region_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "NULL"),
        (0x18, "NULL plus 0x18"),
        (0x2345, "NULL plus 0x2345, beyond the first page"),
        (0xFFFFFFFFFFFFFFFE, "-2: -ENOENT, no such file or directory"),
        (
            0xFFFFFFFFFFFFFFF8,
            "-8: -ENOEXEC, exec format error; or NULL minus 0x8 (container_of)",
        ),
        (
            0xFFFFFFFFFFFFFE98,
            "NULL minus 0x168 (container_of of a NULL member pointer), or ERR_PTR plus an offset",
        ),
        (
            0xDEAD000000000100,
            "LIST_POISON1: next of a list entry that was already deleted",
        ),
        (
            0xDEAD000000000122,
            "LIST_POISON2: prev of a list entry that was already deleted",
        ),
        (
            0xDEAD000000000108,
            "LIST_POISON1 + 0x8: next of a list entry that was already deleted",
        ),
        (
            0xDEAD00000000012A,
            "LIST_POISON2 + 0x8: prev of a list entry that was already deleted",
        ),
        (0xDEAD000000100100, "LIST_POISON1: next of an already deleted list entry, old kernels"),
        (0xDEAD000000200200, "LIST_POISON2: prev of an already deleted list entry, old kernels"),
        (0xDEAD000000000300, "TIMER_ENTRY_STATIC: a statically initialised or detached timer"),
        (0x6B6B6B6B6B6B6B6B, "POISON_FREE (6b repeated): slab object that was freed"),
        (0x6B6B6B6B6B6B6B7B, "POISON_FREE (6b repeated) + 0x10: slab object that was freed"),
        (
            0x6B6B6B6B6B6B6BA5,
            "POISON_FREE up to POISON_END (6b…a5): the end of a freed slab object",
        ),
        (
            0x5A5A5A5A5A5A5A5A,
            "POISON_INUSE (5a repeated): slab object that was never initialised",
        ),
        (0xAAAAAAAAAAAAAAAA, "PAGE_POISON (aa repeated): page that was freed"),
        (0xBBBBBBBBBBBBBBBB, "SLUB_RED_INACTIVE (bb repeated): red zone of a free slab object"),
        (0x57AC6E9D, "STACK_END_MAGIC: the mark at the end of a task's stack"),
        (0xDEAD4EAD, "SPINLOCK_MAGIC: the debug magic of a spinlock"),
        (0x4141414141414141, 'text "AAAAAAAA"; non-canonical as a pointer'),
        (0x6F77206F6C6C6568, 'text "hello wo"; non-canonical as a pointer'),
        (0x0000636578656863, 'text "chexec"; a user address as a pointer'),
        (0x00007F0000001000, "user address"),
        (0xFFFF888003C40000, "direct map of memory, unless KASLR moved it"),
        (0xFFFFC90000013AC0, "vmalloc, unless KASLR moved it"),
        (0xFFFFEA0000000040, "vmemmap (struct page), unless KASLR moved it"),
        (0xFFFFFFFF81000000, "kernel text mapping"),
        (0xFFFFFFFFC0401000, "modules"),
        (0xFFFFFE0000001000, "cpu_entry_area"),
        (0xFFFFFFFFFF600000, "vsyscall"),
        (0xFFFFFFFFFF000000, "fixmap"),
        (0xDFFFFC0000000004, "KASAN shadow of 0x20–0x27 (NULL plus 0x20)"),
        (0xE5E5E5E5E5E5E5E5, "non-canonical: no valid pointer"),
        (0xFFFF700000000000, "non-canonical: no valid pointer"),
    ],
)  # fmt: skip
def test_pointers(value: int, text: str) -> None:
    assert describe(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (31, "31"),
        (0xFFFFFFFFFFFFF000, "unused hole at the top"),
        (0xFFFFFFFFFFFFFFF5, "-11: -EAGAIN, try again"),
        (0xFFFFFFFFFFFFF800, "-2048"),
        (0x80000000, "2147483648 or -2147483648 (32 bits)"),
        (0xC0000000FFFFEFFF, "a number (non-canonical as a pointer)"),
    ],
)
def test_registers_may_hold_numbers(value: int, text: str) -> None:
    assert describe(value, pointer=False) == text


def test_symbols_win_over_regions() -> None:
    assert describe(0xFFFFFFFF81000010, symbols=lambda address: "_stext+0x10") == "_stext+0x10"


def test_a_moved_direct_map_is_known_by_the_layout() -> None:
    layout = AddressLayout(
        page_offset=0xFFFF9A0000000000, vmalloc=0xFFFFB00000000000, vmemmap=0xFFFFE0C000000000
    )
    names = [
        region_of(address, layout).name
        for address in (0xFFFF9A0012345000, 0xFFFFB00000013000, 0xFFFFE0C000000040)
    ]
    assert names == ["direct map of memory", "vmalloc", "vmemmap (struct page)"]


def test_registers_of_a_report_tell_the_regions_that_kaslr_moved() -> None:
    """RSP and GS of a 6.1 kernel: stacks lie in vmalloc, per-CPU data in the direct map."""
    layout = addresses.with_registers(
        AddressLayout(), {"rsp": 0xFFFFCD76C03EBDB8, "gs": 0xFFFF8A450F700000}
    )
    names = [
        region_of(address, layout).name
        for address in (0xFFFF8A4502913D00, 0xFFFFCD76C0046000, 0xFFFFF30000000040)
    ]
    assert names == [
        "direct map of memory (near the per-CPU base)",
        "vmalloc (near the stack)",
        "kernel memory (direct map, vmalloc or vmemmap)",
    ]


def test_stacks_in_the_direct_map_tell_nothing() -> None:
    """Before 4.9 kernel stacks were in the direct map: the two anchors lie side by side."""
    layout = addresses.with_registers(
        AddressLayout(), {"rsp": 0xFFFF880035D4FEF0, "gs": 0xFFFF88007FC00000}
    )
    assert region_of(0xFFFF88007FC0F838, layout).name == (
        "direct map of memory (before 4.20), unless KASLR moved it"
    )


def test_a_user_gs_base_is_no_anchor() -> None:
    assert addresses.with_registers(AddressLayout(), {"gs": 0}).per_cpu is None


def test_old_kernels_had_the_direct_map_lower() -> None:
    """The seed's registers: ffff88007fc0f838 is direct map of a 3.10 kernel."""
    layout = addresses.fixed(old=True)
    assert region_of(0xFFFF88007FC0F838, layout).name == "direct map of memory"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0x00FFFFFFFFFFFFFF, "user"),
        (0x0100000000000000, "non-canonical"),
        (0xFEFFFFFFFFFFFFFF, "non-canonical"),
        (0xFF11000000000000, "direct map of memory"),
        (0xFFA0000000000000, "vmalloc"),
        (0xFFD4000000000000, "vmemmap (struct page)"),
        (0xFFFFFFFF81000000, "kernel text mapping"),
    ],
)
def test_five_level_map(address: int, name: str) -> None:
    assert region_of(address, addresses.fixed(five_level=True)).name == name


@pytest.mark.parametrize(
    ("address", "bits", "canonical"),
    [
        (0x00007FFFFFFFFFFF, 48, True),
        (0x0000800000000000, 48, False),
        (0xFFFF7FFFFFFFFFFF, 48, False),
        (0xFFFF800000000000, 48, True),
        (0x0000800000000000, 57, True),
        (0x0100000000000000, 57, False),
    ],
)
def test_canonical(address: int, bits: int, canonical: bool) -> None:
    assert addresses.is_canonical(address, bits) is canonical


@pytest.mark.parametrize(
    ("shadow", "pointer"),
    [(0xDFFFFC0000000004, 0x20), (0xDFFFFC0000000000, 0), (0xFBD59C0000000040, 0xDEAD000000000200)],
)
def test_kasan_shadow_turns_back_into_the_pointer(shadow: int, pointer: int) -> None:
    """The kernel prints these pairs: "null-ptr-deref in range [0x20-0x27]",
    "maybe wild-memory-access in range [0xdead000000000200-0xdead000000000207]"."""
    assert kasan.kasan_original(shadow, kasan=True) == pointer


@given(st.integers(0, 2**64 - 1))
def test_kasan_shadow_and_pointer_are_inverse(address: int) -> None:
    granule = address & ~7
    assert kasan.kasan_pointer(kasan.kasan_shadow(granule)) == granule


def test_a_wild_shadow_counts_only_in_a_kernel_with_kasan() -> None:
    assert kasan.kasan_original(0xFBD59C0000000040) is None


@pytest.mark.parametrize("fault", [0, 0xFFFF888003C40000, 0xFFFFFBFFF0000000, 0x4141414141414161])
def test_other_addresses_are_no_kasan_shadow(fault: int) -> None:
    assert kasan.kasan_original(fault) is None


@pytest.mark.parametrize(
    ("address", "base", "kind"),
    [
        (0, None, "null-deref"),
        (0x18, None, "null-deref"),
        (0x1A000, 0, "null-deref"),
        (0x1A000, None, "user-memory-access"),
        (0xFFFFFFFFFFFFFFF8, 0, "null-deref"),
        (0xFFFFFFFFFFFFFFFE, 0xFFFFFFFFFFFFFFFE, "err-ptr"),
        (0x16, 0xFFFFFFFFFFFFFFFE, "err-ptr"),
        (0xC, 0xFFFFFFFFFFFFFFF4, "err-ptr"),
        (0xDEAD000000000108, None, "use-after-free"),
        (0xDEAD000000000108, 0xDEAD000000000100, "use-after-free"),
        (0x6B6B6B6B6B6B6B73, None, "use-after-free"),
        (0x5A5A5A5A5A5A5A5A, None, "slab-corruption"),
        (0x4141414141414161, 0x4141414141414141, "non-canonical"),
        (0x7F0000001000, None, "user-memory-access"),
        (0xFFFFC90000100000, 0xFFFFC900000FF000, "bad-pointer"),
    ],
)
def test_kinds(address: int, base: Optional[int], kind: str) -> None:
    assert classify(address, base=base).kind == kind


@pytest.mark.parametrize(
    ("address", "access", "kind"),
    [
        (0xFFFFFFFF81E00000, "write", "write-to-read-only"),
        (0xFFFF888003C40000, "execute", "nx-exec"),
        (0x401000, "execute", "nx-exec"),
        (0x401000, "read", "user-memory-access"),
    ],
)
def test_kinds_of_protection_faults(address: int, access: str, kind: str) -> None:
    assert classify(address, access=access, protection=True).kind == kind


def test_a_canonical_address_is_no_reason_for_a_general_protection_fault() -> None:
    assert classify(0xFFFF888004A5D000, trap="#GP").kind == "general-protection"


def test_code_of_an_unloaded_module() -> None:
    found = classify(0xFFFFFFFFC034B14E, access="execute")
    assert found.kind == "bad-pointer"
    assert "a module that was unloaded" in found.why


def test_the_error_is_named_in_the_reason() -> None:
    assert classify(0x16, base=0xFFFFFFFFFFFFFFFE).why == (
        "the pointer is an error number: ERR_PTR(-2) = -ENOENT, no such file or directory; "
        "the access is at 0x18 past it"
    )


@given(st.integers(0, 2**64 - 1), st.none() | st.integers(0, 2**64 - 1))
def test_any_address_has_a_kind_of_the_contract(address: int, base: Optional[int]) -> None:
    assert classify(address, base=base).kind in KINDS


@given(st.integers(0, 2**64 - 1), st.booleans(), st.booleans())
def test_any_value_has_words_and_no_raw_control_character(
    value: int, pointer: bool, five_level: bool
) -> None:
    text = describe(
        value, pointer=pointer, layout=AddressLayout(address_bits=57 if five_level else 48)
    )
    assert text.strip()
    assert text.isprintable()


@pytest.mark.parametrize(
    ("machine", "value", "text"),
    [
        ("arm64", 0xFFFF80000A3BBD20, "kernel memory"),
        ("arm64", 0x0000FFFF12345678, "user address"),
        ("arm64", 0x6B6B6B6B6B6B6B6B, "POISON_FREE (6b repeated): slab object that was freed"),
        ("arm64", 0xDFFFFC0000000004, "non-canonical: no valid pointer"),
        ("arm", 0xBF00B7C0, "kernel memory"),
        ("arm", 0xFFFFFFF4, "-12: -ENOMEM, out of memory"),
        ("i386", 0xFFFFFFFE, "-2: -ENOENT, no such file or directory"),
        ("i386", 0x08048000, "user address"),
    ],
)
def test_other_machines_have_their_own_map(machine: arch.Machine, value: int, text: str) -> None:
    assert describe(value, layout=arch.of(machine).layout(lambda name, size: None)) == text
