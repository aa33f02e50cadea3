# SPDX-License-Identifier: GPL-2.0-or-later
"""What a value means to a person, and what kind of crash a bad address suggests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, NamedTuple, Optional

from crashext.engine import arch, errno, kinds
from crashext.engine.arch.addresses import (
    MMAP_MIN_ADDR,
    NON_CANONICAL,
    PAGE_SIZE,
    AddressLayout,
    Region,
)
from crashext.engine.arch.names import Trap
from crashext.engine.kinds import Kind
from crashext.engine.values.patterns import poison, poison_in

_MASK = (1 << 64) - 1
#: Bytes of memory that one byte of KASAN's shadow speaks for: 1 << KASAN_SHADOW_SCALE_SHIFT.
KASAN_GRANULE = 8

SymbolLookup = Callable[[int], Optional[str]]


def region_of(value: int, layout: Optional[AddressLayout] = None) -> Region:
    """The region of the address map that holds an address.

    Without ``layout`` the map of a 4-level x86-64 kernel without KASLR is assumed, and what KASLR
    could have moved has ``certain=False``.
    """
    layout = layout or AddressLayout()
    return arch.of(layout.machine).region_of(value, layout)


def kasan_original(address: int, layout: Optional[AddressLayout] = None) -> Optional[int]:
    """The bad pointer behind a fault on KASAN's shadow memory, or None."""
    layout = layout or AddressLayout()
    return arch.of(layout.machine).kasan_original(address, layout)


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
    layout = layout or AddressLayout()
    if value == 0:
        return "NULL" if pointer else "0"
    if value < MMAP_MIN_ADDR:
        return _describe_small(value, pointer)
    negative = errno.from_pointer(value, layout.pointer_bits)
    if negative is not None:
        return _describe_negative(negative, pointer)
    known = poison_in(value, layout)
    if known is not None:
        return known.text
    name = symbols(value) if symbols is not None else None
    if name:
        return name
    return _describe_address(value, layout, pointer)


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
    if region.name == NON_CANONICAL:
        original = kasan_original(value, layout)
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


@dataclass(frozen=True)
class Words:
    """What names values, for :mod:`crashext.engine.arch`: symbols and address map of the kernel."""

    symbols: Optional[SymbolLookup] = None
    layout: Optional[AddressLayout] = None

    def describe(self, value: int, pointer: bool = True) -> str:
        if pointer and 0 < value < MMAP_MIN_ADDR:
            # A register's value: whether it is NULL plus an offset, only its origin tells.
            return "a small number"
        return describe(value, layout=self.layout, symbols=self.symbols, pointer=pointer)

    def is_poison(self, value: int) -> bool:
        return poison(value) is not None


class Classification(NamedTuple):
    """The crash kind that a bad address suggests, and why in one sentence."""

    kind: Kind
    why: str
    #: False where the evidence allows another reading; ``other`` then is that reading, in words.
    sure: bool = True
    other: Optional[str] = None
    #: The reading is of its own: ``why`` says more than what the address is.
    own: bool = False
    #: What a person does about it, before the steps of the kind.
    advice: str = ""
    #: Whether the kind's own steps would mislead.
    instead: bool = False
    #: What happened, for the sentence, instead of the kind's words.
    event: str = ""
    #: What the title says instead of the kind's words.
    title: str = ""
    #: Why the code at RIP and its callers are not to blame, where they are not.
    victim: str = ""
    #: Why the function that the report itself names (its detail ``named``) is to blame.
    named: str = ""


def classify(
    address: int,
    *,
    base: Optional[int] = None,
    layout: Optional[AddressLayout] = None,
    access: Optional[str] = None,
    protection: bool = False,
    trap: Optional[Trap] = None,
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
    known = poison_in(address, layout)
    if known is not None:
        return Classification(known.kind, known.text)
    if address < MMAP_MIN_ADDR:
        return Classification(kinds.NULL_DEREF, _null_text(address, access))
    if errno.from_pointer(address, layout.pointer_bits) is not None:
        return Classification(kinds.ERR_PTR, describe(address))
    region = region_of(address, layout)
    if region.name == NON_CANONICAL:
        return Classification(kinds.NON_CANONICAL, describe(address, layout=layout))
    if trap == "#GP":
        return Classification(
            kinds.GENERAL_PROTECTION,
            f"the address is canonical ({describe(address, layout=layout)}), so it is not what "
            "raised the fault",
        )
    if access == "execute" and protection:
        return Classification(
            kinds.NX_EXEC, f"execution of a page without permission ({region.name})"
        )
    if region.name == "user":
        return Classification(kinds.USER_MEMORY_ACCESS, describe(address, layout=layout))
    if access == "write" and protection:
        return Classification(
            kinds.WRITE_TO_READ_ONLY, f"the page is mapped read-only ({region.name})"
        )
    if access == "execute" and region.name.startswith("modules"):
        return Classification(
            kinds.BAD_POINTER,
            "nothing is mapped there, in the module area: code of a module that was unloaded, or a "
            "stale function pointer",
        )
    return Classification(
        kinds.BAD_POINTER, f"nothing is mapped there: {describe(address, layout=layout)}"
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
            kinds.NULL_DEREF,
            "the pointer is NULL" if not signed else f"the pointer is NULL; the access is {member}",
        )
    number = errno.from_pointer(base)
    if number is not None:
        entry = errno.by_number(number)
        if entry is not None and not (number % 8 == 0 and address < PAGE_SIZE and access is None):
            return Classification(
                kinds.ERR_PTR,
                f"the pointer is an error number: {err_ptr(base)}; the access is at {member}",
            )
        return Classification(
            kinds.NULL_DEREF,
            f"the pointer is NULL minus 0x{number:x}: container_of of a NULL pointer",
        )
    known = poison(base)
    if known is not None:
        return Classification(known.kind, f"the pointer is {known.text}")
    return None
