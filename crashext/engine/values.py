# SPDX-License-Identifier: GPL-2.0-or-later
"""What a 64-bit value is: NULL, an error number, poison, a region of the address map, text.

Sources: include/linux/poison.h, include/uapi/linux/magic.h, include/linux/err.h,
Documentation/arch/x86/x86_64/mm.rst, include/linux/spinlock_types_raw.h. Nothing here reads memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Callable, NamedTuple, Optional

from crashext.engine import errno

PAGE_SIZE = 4096
_MASK = (1 << 64) - 1

#: Below this nothing is mapped for ordinary programs (vm.mmap_min_addr, default 65536): a kernel
#: pointer down here is NULL plus an offset.
MMAP_MIN_ADDR = 0x10000

#: Offsets up to this still count as "the poison pointer plus a member offset".
_POISON_REACH = 0x1000

SymbolLookup = Callable[[int], Optional[str]]


@dataclass(frozen=True)
class AddressLayout:
    """Where one kernel's regions are. None means unknown: KASLR moves the three bases.

    ``page_offset``, ``vmalloc`` and ``vmemmap`` are page_offset_base, vmalloc_base and
    vmemmap_base of the kernel; ``text`` is the address of ``_text``.
    """

    five_level: bool = False
    page_offset: Optional[int] = None
    vmalloc: Optional[int] = None
    vmemmap: Optional[int] = None
    text: Optional[int] = None
    modules_start: Optional[int] = None
    modules_end: Optional[int] = None
    #: For a guess where the bases are unknown: the base of gs (per-CPU data lies in the direct map)
    #: and the stack pointer (stacks lie in vmalloc since 4.9).
    per_cpu: Optional[int] = None
    stack: Optional[int] = None
    #: CONFIG_KASAN_SHADOW_OFFSET, when the kernel has KASAN (generic).
    kasan_shadow_offset: Optional[int] = None

    @classmethod
    def fixed(cls, *, five_level: bool = False, old: bool = False) -> AddressLayout:
        """The map without KASLR. ``old``: before 4.20 the direct map began at ffff8800…

        (commit d52888aa2753 "x86/mm: Move LDT remap out of KASLR region on 5-level paging").
        """
        if five_level:
            return cls(
                five_level=True,
                page_offset=0xFF10_0000_0000_0000 if old else 0xFF11_0000_0000_0000,
                vmalloc=0xFFA0_0000_0000_0000,
                vmemmap=0xFFD4_0000_0000_0000,
            )
        return cls(
            page_offset=0xFFFF_8800_0000_0000 if old else 0xFFFF_8880_0000_0000,
            vmalloc=0xFFFF_C900_0000_0000,
            vmemmap=0xFFFF_EA00_0000_0000,
        )

    def with_registers(self, registers: Mapping[str, int]) -> AddressLayout:
        """The same, with what the registers of a report suggest: ``rsp``, ``gs`` or ``gs_base``."""
        per_cpu = registers.get("gs_base", registers.get("gs"))
        return replace(
            self,
            per_cpu=per_cpu if per_cpu is not None and per_cpu >> 63 else self.per_cpu,
            stack=registers.get("rsp", self.stack),
        )

    @property
    def address_bits(self) -> int:
        """Significant bits of a virtual address: 48, or 57 with 5-level paging."""
        return 57 if self.five_level else 48


class Region(NamedTuple):
    """A part of the address map. ``certain`` is false where KASLR could have moved a border."""

    name: str  # "direct map", "vmalloc", "user", "non-canonical", …
    start: int
    end: int  # inclusive
    certain: bool = True


def is_canonical(value: int, address_bits: int = 48) -> bool:
    """Whether bits 63 … address_bits-1 are all equal: else an access raises #GP, not #PF."""
    top = value >> (address_bits - 1)
    return top == 0 or top == (1 << (65 - address_bits)) - 1


def _kernel_regions(layout: AddressLayout) -> list[Region]:
    """The upper half, highest first; gaps stay out."""
    tail = [
        Region("error numbers (ERR_PTR)", 0xFFFF_FFFF_FFFF_F001, _MASK),
        Region("unused hole at the top", 0xFFFF_FFFF_FFE0_0000, 0xFFFF_FFFF_FFFF_F000),
        Region("vsyscall", 0xFFFF_FFFF_FF60_0000, 0xFFFF_FFFF_FF60_0FFF),
        Region("fixmap", 0xFFFF_FFFF_FF00_0000, 0xFFFF_FFFF_FFDF_FFFF),
    ]
    modules_end = layout.modules_end or 0xFFFF_FFFF_FEFF_FFFF
    if layout.modules_start:
        tail.append(Region("modules", layout.modules_start, modules_end))
        tail.append(Region("kernel text mapping", 0xFFFF_FFFF_8000_0000, layout.modules_start - 1))
    else:
        # MODULES_VADDR: ffffffffa0000000 with a 512 MB kernel image, ffffffffc0000000 with the
        # 1 GB that CONFIG_RANDOMIZE_BASE gives it (arch/x86/include/asm/page_64_types.h).
        tail.append(Region("modules", 0xFFFF_FFFF_C000_0000, modules_end))
        tail.append(
            Region(
                "modules (or kernel text mapping, when KASLR is built in)",
                0xFFFF_FFFF_A000_0000,
                0xFFFF_FFFF_BFFF_FFFF,
                certain=False,
            )
        )
        tail.append(Region("kernel text mapping", 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_9FFF_FFFF))
    return [
        *tail,
        Region("EFI runtime services", 0xFFFF_FFEF_0000_0000, 0xFFFF_FFFE_FFFF_FFFF),
        Region("espfix stacks", 0xFFFF_FF00_0000_0000, 0xFFFF_FF7F_FFFF_FFFF),
        Region("cpu_entry_area", 0xFFFF_FE00_0000_0000, 0xFFFF_FE7F_FFFF_FFFF),
        *_movable_regions(layout),
    ]


#: Two addresses nearer than this lie in the same region: the movable regions are at least 1 TB
#: apart in practice (the direct map has the size of memory, vmalloc is filled from its start).
_NEAR = 1 << 40


def _movable_regions(layout: AddressLayout) -> list[Region]:
    five = layout.five_level
    if layout.page_offset is None or layout.vmalloc is None:
        return _guessed_regions(layout)
    regions = []
    vmalloc_end = layout.vmalloc + ((0x32 << 48) if five else (32 << 40)) - 1
    if layout.vmemmap is not None:
        vmalloc_end = min(vmalloc_end, layout.vmemmap - 1)
        regions.append(
            Region(
                "vmemmap (struct page)",
                layout.vmemmap,
                layout.vmemmap + ((1 << 50) if five else (1 << 40)) - 1,
            )
        )
    regions.append(Region("vmalloc", layout.vmalloc, vmalloc_end))
    regions.append(Region("direct map of memory", layout.page_offset, layout.vmalloc - 1))
    return regions


def _guessed_regions(layout: AddressLayout) -> list[Region]:
    """What registers and the bases without KASLR suggest; none of it is certain."""
    regions = []
    near = (
        ("direct map of memory (near the per-CPU base)", layout.per_cpu),
        ("vmalloc (near the stack)", layout.stack),
    )
    anchors = [anchor for _, anchor in near if anchor is not None]
    if len(anchors) == 2 and abs(anchors[0] - anchors[1]) < 2 * _NEAR:
        anchors = []  # stacks in the direct map: before 4.9, or without VMAP_STACK
    for name, anchor in near:
        if anchor is not None and anchor in anchors:
            regions.append(Region(name, anchor - _NEAR, anchor + _NEAR - 1, certain=False))
    default = AddressLayout.fixed(five_level=layout.five_level)
    old = AddressLayout.fixed(five_level=layout.five_level, old=True)
    for name, start in (
        ("vmemmap (struct page)", default.vmemmap),
        ("vmalloc", default.vmalloc),
        ("direct map of memory", default.page_offset),
        ("direct map of memory (before 4.20)", old.page_offset),
    ):
        if start is not None:
            regions.append(
                Region(f"{name}, unless KASLR moved it", start, start + _NEAR - 1, certain=False)
            )
    low = 0xFF10_0000_0000_0000 if layout.five_level else 0xFFFF_8800_0000_0000
    regions.append(
        Region(
            "kernel memory (direct map, vmalloc or vmemmap)",
            low,
            0xFFFF_FDFF_FFFF_FFFF,
            certain=False,
        )
    )
    return regions


def region_of(value: int, layout: Optional[AddressLayout] = None) -> Region:
    """The region of the x86-64 address map that holds an address.

    Without ``layout`` the map of a 4-level kernel without KASLR is assumed, and what KASLR could
    have moved has ``certain=False``.
    """
    layout = layout or AddressLayout()
    half = 1 << (layout.address_bits - 1)
    if value < half:
        return Region("user", 0, half - 1)
    if value < (1 << 64) - half:
        return Region("non-canonical", half, (1 << 64) - half - 1)
    for region in _kernel_regions(layout):
        if region.start <= value <= region.end:
            return region
    return Region("unused hole of the kernel's address map", value, value, certain=False)


# --- Poison -------------------------------------------------------------------------------------


class Poison(NamedTuple):
    """A known filler or magic. ``kind`` is the crash kind that a dereference of it suggests."""

    text: str
    kind: str


#: Pointers of include/linux/poison.h, with POISON_POINTER_DELTA of x86-64 and arm64. The second
#: list pair had other offsets before 5.5 and before 4.x; their values do not collide.
_POISON_POINTERS: tuple[tuple[int, str, str], ...] = (
    (0xDEAD_0000_0000_0100, "LIST_POISON1", "next of a list entry that was already deleted"),
    (0xDEAD_0000_0000_0122, "LIST_POISON2", "prev of a list entry that was already deleted"),
    (0xDEAD_0000_0000_0200, "LIST_POISON2", "prev of an already deleted list entry, before 5.5"),
    (0xDEAD_0000_0010_0100, "LIST_POISON1", "next of an already deleted list entry, old kernels"),
    (0xDEAD_0000_0020_0200, "LIST_POISON2", "prev of an already deleted list entry, old kernels"),
    (0xDEAD_0000_0000_0300, "TIMER_ENTRY_STATIC", "a statically initialised or detached timer"),
    (0xDEAD_0000_0000_0400, "TAIL_MAPPING", "page->mapping of a tail page"),
    (0xDEAD_0000_0000_0500, "MUTEX_POISON_WW_CTX", "the ww context of a mutex that has none"),
    (0xDEAD_0000_0000_0040, "PP_SIGNATURE", "the page_pool signature of a page"),
    (0xDEAD_0000_0000_EB9F, "BPF_PTR_POISON", "a pointer that BPF poisoned"),
    (0xDEAD_0000_0000_00F5, "VFS_PTR_POISON", "a pointer that the VFS poisoned"),
)

#: Fill bytes: byte, name, text, crash kind.
_POISON_BYTES: dict[int, tuple[str, str, str]] = {
    0x6B: ("POISON_FREE", "slab object that was freed", "use-after-free"),
    0x5A: ("POISON_INUSE", "slab object that was never initialised", "slab-corruption"),
    0xA5: ("POISON_END", "last byte of a poisoned slab object", "slab-corruption"),
    0xBB: ("SLUB_RED_INACTIVE", "red zone of a free slab object", "slab-corruption"),
    0xCC: (
        "SLUB_RED_ACTIVE or POISON_FREE_INITMEM",
        "red zone of a slab object in use, freed init memory, or int3 padding",
        "slab-corruption",
    ),
    0xAA: ("PAGE_POISON", "page that was freed", "use-after-free"),
    0xA7: ("POOL_POISON_FREED", "DMA pool block that was freed", "use-after-free"),
    0xA9: ("POOL_POISON_ALLOCATED", "DMA pool block, never initialised", "bad-pointer"),
    0xBD: ("KEY_DESTROY", "key that was destroyed", "use-after-free"),
    0x6C: ("FLEX_ARRAY_FREE", "flex array that was freed", "use-after-free"),
    0x5B: ("JBD_POISON_FREE", "jbd object that was freed", "use-after-free"),
    0x5C: ("JBD2_POISON_FREE", "jbd2 object that was freed", "use-after-free"),
}
#: With fewer equal bytes these are more often numbers than poison.
_WEAK_POISON_BYTES = frozenset({0xBD, 0x6C, 0x5B, 0x5C})

_MAGIC_64 = {
    0x09F9_1102_9D74_E35B: ("RED_INACTIVE", "SLAB red zone of a free object"),
    0xD841_56C5_6356_88C0: ("RED_ACTIVE", "SLAB red zone of an object in use"),
    0x0000_0000_57AC_6E9D: ("STACK_END_MAGIC", "the mark at the end of a task's stack"),
}
_MAGIC_32 = {
    0x57AC_6E9D: ("STACK_END_MAGIC", "the mark at the end of a task's stack"),
    0xDEAD_4EAD: ("SPINLOCK_MAGIC", "the debug magic of a spinlock"),
    0xDEAF_1EED: ("RWLOCK_MAGIC", "the debug magic of an rwlock"),
    0xDEAD_BEEF: ("deadbeef", "a filler that many drivers use"),
    0x1111_1111: ("MUTEX_DEBUG_INIT", "an initialised mutex, CONFIG_DEBUG_MUTEXES"),
    0x2222_2222: ("MUTEX_DEBUG_FREE", "a destroyed mutex, CONFIG_DEBUG_MUTEXES"),
}


def _signed(offset: int) -> str:
    return f"+ 0x{offset:x}" if offset >= 0 else f"- 0x{-offset:x}"


def poison(value: int) -> Optional[Poison]:
    """The poison or magic that a 64-bit value is or lies near, or None."""
    exact = [entry for entry in _POISON_POINTERS if entry[0] == value]
    if exact:
        _, name, text = exact[0]
        return Poison(f"{name}: {text}", "use-after-free" if "list" in text else "bad-pointer")
    if value in _MAGIC_64:
        name, text = _MAGIC_64[value]
        return Poison(f"{name}: {text}", "bad-pointer")
    repeated = _repeated_byte(value)
    if repeated is not None:
        return repeated
    near = [
        (abs(value - base), base, name, text)
        for base, name, text in _POISON_POINTERS
        if name.startswith("LIST_POISON") and abs(value - base) < 0x100
    ]
    near.sort()
    if near:
        _, base, name, text = near[0]
        # 122 and 100 are 0x22 apart; a positive small offset is a member of what the entry was.
        below = [entry for entry in near if entry[1] <= value]
        if below:
            _, base, name, text = below[0]
        return Poison(f"{name} {_signed(value - base)}: {text}", "use-after-free")
    if value >> 48 == 0xDEAD:
        return Poison(
            "dead…: a poisoned pointer (POISON_POINTER_DELTA) of a kind not known here",
            "use-after-free",
        )
    for shift in (0, 32):
        half = value >> shift & 0xFFFF_FFFF
        if half in _MAGIC_32 and half not in (0x1111_1111, 0x2222_2222):
            name, text = _MAGIC_32[half]
            if value >> 32 == 0 or shift == 32 or half in (0xDEAD_4EAD, 0xDEAF_1EED):
                where = "" if value >> 32 == 0 else " in one half of the value"
                return Poison(f"{name}{where}: {text}", "bad-pointer")
    return None


def _repeated_byte(value: int) -> Optional[Poison]:
    """``6b6b6b6b6b6b6b6b``, ``…6b73`` (plus a member offset), ``…6ba5``, ``ffff6b6b…`` is none."""
    if value <= 0xFFFF_FFFF:
        low = value & 0xFF
        if value == low * 0x0101_0101 and low in _POISON_BYTES and low not in _WEAK_POISON_BYTES:
            name, text, kind = _POISON_BYTES[low]
            return Poison(f"{name} (32 bits of {low:02x}): {text}", kind)
        return None
    byte = value >> 56
    entry = _POISON_BYTES.get(byte)
    if entry is None:
        return None
    name, text, kind = entry
    filler = byte * 0x0101_0101_0101_0101
    offset = value - filler
    if offset == 0:
        return Poison(f"{name} ({byte:02x} repeated): {text}", kind)
    if byte == 0x6B and value & 0xFF == 0xA5 and value >> 8 == filler >> 8:
        return Poison(f"{name} up to POISON_END (6b…a5): the end of a freed slab object", kind)
    if -_POISON_REACH < offset < 16 * _POISON_REACH:
        return Poison(f"{name} ({byte:02x} repeated) {_signed(offset)}: {text}", kind)
    return None


# --- Text ---------------------------------------------------------------------------------------


def ascii_text(value: int) -> Optional[str]:
    """The text that the eight bytes of a value spell in memory order, or None.

    Counts as text: eight printable bytes, or at least five and then only zero bytes; fewer are a
    number more often than text.
    """
    data = value.to_bytes(8, "little")
    text = data.rstrip(b"\0")
    if len(text) < 5 or not all(0x20 <= byte < 0x7F or byte in (9, 10) for byte in text):
        return None
    return text.decode("ascii").replace("\n", "\\n").replace("\t", "\\t")


# --- KASAN --------------------------------------------------------------------------------------

#: CONFIG_KASAN_SHADOW_OFFSET of x86-64 (arch/x86/Kconfig); the same for 4 and 5 levels.
KASAN_SHADOW_OFFSET_X86 = 0xDFFF_FC00_0000_0000
#: Bytes of memory that one shadow byte speaks for: 1 << KASAN_SHADOW_SCALE_SHIFT.
KASAN_GRANULE = 8


def kasan_pointer(shadow: int, offset: int = KASAN_SHADOW_OFFSET_X86) -> int:
    """The first address that a KASAN shadow address speaks for (kasan_shadow_to_mem())."""
    return ((shadow - offset) & _MASK) << 3 & _MASK


def kasan_shadow(address: int, offset: int = KASAN_SHADOW_OFFSET_X86) -> int:
    """The shadow address of a pointer (kasan_mem_to_shadow())."""
    return ((address >> 3) + offset) & _MASK


def kasan_original(
    fault: int,
    offset: int = KASAN_SHADOW_OFFSET_X86,
    *,
    address_bits: int = 48,
    kasan: bool = False,
) -> Optional[int]:
    """The bad pointer (first of its 8 bytes) behind a fault on KASAN shadow, or None.

    mm/kasan/report.c kasan_non_canonical_hook(): a kernel with KASAN looks at the shadow of a
    pointer first, so a wild pointer faults at its shadow. ``kasan``: the kernel is known to have
    KASAN, then any non-canonical address from the offset on counts. Otherwise only the shadow of
    NULL and of user addresses does, a narrow range that hardly anything else falls into. Shadow of
    kernel memory is mapped and does not fault.
    """
    if fault < offset or is_canonical(fault, address_bits):
        return None
    original = kasan_pointer(fault, offset)
    if not kasan and original >= 1 << (address_bits - 1):
        return None
    return original if kasan_shadow(original, offset) == fault else None


# --- Describing ---------------------------------------------------------------------------------


def err_ptr(value: int, bits: int = 64) -> Optional[str]:
    """``"ERR_PTR(-2) = -ENOENT"``, or None when the value is no ERR_PTR."""
    number = errno.from_pointer(value, bits)
    if number is None:
        return None
    entry = errno.by_number(number)
    if entry is None:
        return f"ERR_PTR(-{number}), a number without a name"
    return f"ERR_PTR(-{number}) = -{entry.name}, {entry.meaning}"


def describe(
    value: int,
    *,
    layout: Optional[AddressLayout] = None,
    symbols: Optional[SymbolLookup] = None,
    pointer: bool = True,
) -> str:
    """What a 64-bit value means, in a few words; never empty.

    ``symbols`` returns ``name+0x…`` for an address of kernel or module text or data, or None.
    ``pointer`` false: the value is of a register that may as well hold a number, so a small value
    is given as a number first.
    """
    value &= _MASK
    if value == 0:
        return "NULL" if pointer else "0"
    if value < MMAP_MIN_ADDR:
        return _describe_small(value, pointer)
    negative = errno.from_pointer(value)
    if negative is not None:
        return _describe_negative(negative, pointer)
    known = poison(value)
    if known is not None:
        return known.text
    name = symbols(value) if symbols is not None else None
    if name:
        return name
    return _describe_address(value, layout or AddressLayout(), pointer)


def _describe_small(value: int, pointer: bool) -> str:
    if pointer:
        page = "" if value < PAGE_SIZE else ", beyond the first page"
        return f"NULL plus 0x{value:x}{page}"
    return str(value)


def _describe_negative(number: int, pointer: bool) -> str:
    entry = errno.by_number(number)
    if entry is not None:
        text = f"-{number}: -{entry.name}, {entry.meaning}"
        if pointer and number % 8 == 0:
            text += f"; or NULL minus 0x{number:x} (container_of)"
        return text
    if pointer:
        return (
            f"NULL minus 0x{number:x} (container_of of a NULL member pointer), "
            "or ERR_PTR plus an offset"
        )
    return f"-{number}"


def _describe_address(value: int, layout: AddressLayout, pointer: bool) -> str:
    text = ascii_text(value)
    region = region_of(value, layout)
    quoted = f'text "{text}"' if text is not None else None
    if region.name == "non-canonical":
        original = kasan_original(
            value,
            layout.kasan_shadow_offset or KASAN_SHADOW_OFFSET_X86,
            address_bits=layout.address_bits,
            kasan=layout.kasan_shadow_offset is not None,
        )
        if original is not None:
            # Described without KASAN: the shadow of a shadow is no help.
            meaning = describe(original, layout=replace(layout, kasan_shadow_offset=None))
            return f"KASAN shadow of 0x{original:x}–0x{original + KASAN_GRANULE - 1:x} ({meaning})"
        if quoted:
            return f"{quoted}; non-canonical as a pointer"
        return (
            "non-canonical: no valid pointer"
            if pointer
            else "a number (non-canonical as a pointer)"
        )
    if region.name == "user":
        if quoted:
            return f"{quoted}; a user address as a pointer"
        if value <= 0xFFFF_FFFF and not pointer:
            if value >> 31:
                return f"{value} or {value - (1 << 32)} (32 bits)"
            return f"{value}"
        return "user address"
    return region.name


class Classification(NamedTuple):
    """The crash kind that a bad address suggests, and why in one sentence."""

    kind: str
    why: str


def classify(
    address: int,
    *,
    base: Optional[int] = None,
    layout: Optional[AddressLayout] = None,
    access: Optional[str] = None,
    protection: bool = False,
    trap: Optional[str] = None,
) -> Classification:
    """What kind of crash a faulting address suggests (one of model.KINDS).

    ``base`` is the value of the pointer register when the instruction tells it: it decides where
    the address alone cannot (NULL plus a large offset, ERR_PTR plus offset). ``access`` is
    "read", "write" or "execute"; ``protection`` is the PROT bit of a page fault; ``trap`` "#PF",
    "#GP" …: a canonical address alone is no reason for a #GP.
    """
    address &= _MASK
    layout = layout or AddressLayout()
    if base is not None:
        base &= _MASK
        found = _classify_base(address, base, access)
        if found is not None:
            return found
    known = poison(address)
    if known is not None:
        return Classification(known.kind, known.text)
    if address < MMAP_MIN_ADDR:
        return Classification("null-deref", _null_text(address, access))
    if errno.from_pointer(address) is not None:
        return Classification("err-ptr", describe(address))
    region = region_of(address, layout)
    if region.name == "non-canonical":
        return Classification("non-canonical", describe(address, layout=layout))
    if trap == "#GP":
        return Classification(
            "general-protection",
            f"the address is canonical ({describe(address, layout=layout)}), so it is not what "
            "raised the fault",
        )
    if access == "execute" and protection:
        return Classification("nx-exec", f"execution of a page without permission ({region.name})")
    if region.name == "user":
        return Classification("user-memory-access", describe(address, layout=layout))
    if access == "write" and protection:
        return Classification("write-to-read-only", f"the page is mapped read-only ({region.name})")
    if access == "execute" and region.name.startswith("modules"):
        return Classification(
            "bad-pointer",
            "nothing is mapped there, in the module area: code of a module that was unloaded, or a "
            "stale function pointer",
        )
    return Classification(
        "bad-pointer", f"nothing is mapped there: {describe(address, layout=layout)}"
    )


def _null_text(address: int, access: Optional[str]) -> str:
    if access == "execute":
        return "call through a NULL function pointer" if address == 0 else describe(address)
    return "the pointer is NULL" if address == 0 else f"{describe(address)}: a member of NULL"


def _classify_base(address: int, base: int, access: Optional[str]) -> Optional[Classification]:
    offset = (address - base) & _MASK
    signed = offset - (1 << 64) if offset >> 63 else offset
    member = f"0x{abs(signed):x} {'past' if signed >= 0 else 'before'} it" if signed else "it"
    if base == 0 and abs(signed) < 1 << 31:
        return Classification(
            "null-deref",
            "the pointer is NULL" if not signed else f"the pointer is NULL; the access is {member}",
        )
    number = errno.from_pointer(base)
    if number is not None:
        entry = errno.by_number(number)
        if entry is not None and not (number % 8 == 0 and address < PAGE_SIZE and access is None):
            return Classification(
                "err-ptr",
                f"the pointer is an error number: {err_ptr(base)}; the access is at {member}",
            )
        return Classification(
            "null-deref",
            f"the pointer is NULL minus 0x{number:x}: container_of of a NULL pointer",
        )
    known = poison(base)
    if known is not None:
        return Classification(known.kind, f"the pointer is {known.text}")
    return None


def with_kasan(layout: AddressLayout, offset: int = KASAN_SHADOW_OFFSET_X86) -> AddressLayout:
    """The same layout of a kernel that has KASAN with this shadow offset."""
    return replace(layout, kasan_shadow_offset=offset)
