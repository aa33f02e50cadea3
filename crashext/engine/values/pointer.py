# SPDX-License-Identifier: GPL-2.0-or-later
"""What a pointer that faulted was, and whether the evidence settles it.

A number can be two things. What settles it is how it came into the register: a small value that was
loaded from memory as it stands is no NULL plus a member's offset, a value that ``lea`` or ``add``
made of NULL is; -48 that a function returned is an error number, -48 that ``lea -0x30(%rax)`` made
of NULL is container_of() of NULL (include/linux/container_of.h, include/linux/err.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from crashext.engine import errno, kinds
from crashext.engine.arch.addresses import MMAP_MIN_ADDR, PAGE_SIZE, AddressLayout
from crashext.engine.values.meaning import (
    Classification,
    describe,
    err_ptr,
)
from crashext.engine.values.patterns import poison_in

_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Pointer:
    """A pointer that was followed, and how it came into its register.

    ``value`` is the register's, ``offset`` what ``lea`` and ``add`` put on top of what came in
    (``value - offset`` is the original), ``came`` from where that came: "memory" (loaded),
    "return-value", "argument", "caller", "constant", "computed", "stack", or "" where it is not
    known, as in ``engine.arch.x86.origin.Origin.kind``. ``straight`` is false when another path
    joins in.
    """

    value: int
    offset: int = 0
    came: str = ""
    straight: bool = True
    #: The access is in a helper that takes the address of a member (a lock, a list head, a
    #: counter).
    of_member: bool = False

    @property
    def original(self) -> int:
        """What came in, before offsets were added."""
        return (self.value - self.offset) & _MASK


def classify_pointer(
    pointer: Pointer, address: int, layout: Optional[AddressLayout] = None
) -> Optional[Classification]:
    """The kind that a pointer's value alone decides, or None when its region has to.

    ``address`` is where the access went. ``sure`` of the result is false, and ``other`` holds the
    second reading, where the evidence allows two.
    """
    layout = layout or AddressLayout()
    value, original = pointer.value & _MASK, pointer.original
    if value == 0:
        return _null(pointer, address)
    if original == 0 and pointer.offset:
        return Classification(
            kinds.NULL_DEREF,
            f"the pointer is NULL {_signed(pointer.offset)}: the code added that to NULL"
            + (" (container_of)" if pointer.offset < 0 else ""),
        )
    known = poison_in(value, layout)
    if known is not None:
        return Classification(known.kind, f"the pointer is {known.text}")
    if value < MMAP_MIN_ADDR:
        return _small(pointer)
    number = errno.from_pointer(value, layout.pointer_bits)
    if number is not None:
        return _negative(pointer, number, address, layout)
    number = errno.from_pointer(original, layout.pointer_bits) if pointer.offset else None
    if number is not None and errno.by_number(number) is not None:
        return Classification(
            kinds.ERR_PTR,
            f"the pointer is {err_ptr(original, layout.pointer_bits)}, to which the code added "
            f"{_signed(pointer.offset)}",
        )
    return None


def _signed(offset: int) -> str:
    return f"{'-' if offset < 0 else '+'} 0x{abs(offset):x}"


def _distance(address: int, base: int) -> str:
    offset = (address - base) & _MASK
    signed = offset - (1 << 64) if offset >> 63 else offset
    return f"0x{abs(signed):x} {'past' if signed >= 0 else 'before'} it" if signed else "it"


def _null(pointer: Pointer, address: int) -> Optional[Classification]:
    if abs(address - (1 << 64) if address >> 63 else address) >= 1 << 31:
        return None  # an index took it far away: NULL is not what went wrong
    if address == 0:
        return Classification(kinds.NULL_DEREF, "the pointer is NULL")
    return Classification(
        kinds.NULL_DEREF, f"the pointer is NULL; the access is {_distance(address, 0)}"
    )


def _small(pointer: Pointer) -> Classification:
    value = pointer.value
    if pointer.came in ("memory", "return-value") and pointer.straight:
        return Classification(
            kinds.BAD_POINTER,
            f"the pointer is 0x{pointer.original:x}, a small number where an address belongs: it "
            "is "
            "not NULL, so what it was read from was overwritten, or held a number",
            advice="look at what the pointer was read from: was the object freed or written "
            "over, or "
            "does that member hold a number?",
            instead=True,
        )
    return Classification(
        kinds.NULL_DEREF,
        f"the pointer is NULL plus 0x{value:x}: a member's offset, added before this code",
        sure=pointer.of_member and value < PAGE_SIZE,
        other=None
        if pointer.of_member and value < PAGE_SIZE
        else f"a small number, 0x{value:x}, was taken for a pointer",
    )


def _negative(pointer: Pointer, number: int, address: int, layout: AddressLayout) -> Classification:
    entry = errno.by_number(number)
    past = _distance(address, pointer.value)
    if entry is None:
        return Classification(
            kinds.NULL_DEREF,
            f"the pointer is NULL minus 0x{number:x}: container_of of a NULL pointer",
            sure=pointer.came != "memory",
            other="an error pointer to which something was added" if pointer.offset else None,
        )
    as_error = (
        f"the pointer is an error number: {err_ptr(pointer.value, layout.pointer_bits)}; the "
        "access "
        f"is at {past}"
    )
    if pointer.came in ("memory", "return-value", "constant") and not pointer.offset:
        # container_of() is arithmetic: its result is in a register, rarely in memory.
        return Classification(kinds.ERR_PTR, as_error)
    if number % 4:
        return Classification(kinds.ERR_PTR, as_error)  # no member lies at such an offset
    return Classification(
        kinds.ERR_PTR,
        as_error,
        sure=False,
        other=f"NULL minus 0x{number:x}: container_of() of a NULL pointer",
    )


#: Bits 40–47 of a program's addresses: a position-independent program and its heap (0x55…, 0x56…),
#: mmap()ed areas, libraries, stack and vdso (0x7e…, 0x7f…), arch/x86/mm/mmap.c, ELF_ET_DYN_BASE.
_PROGRAMS = (0x55, 0x56, 0x7E, 0x7F)


def classify_user(
    address: int,
    *,
    layout: AddressLayout,
    protection: bool,
    near: Optional[int] = None,
) -> Classification:
    """An address of the lower half that the kernel touched: a user pointer only if something says
    so.

    ``protection``: a page is mapped there and refused the access, which only a real user page does
    (SMAP, a read-only mapping). ``near`` is another address that is known to be the program's: its
    stack pointer. Without either, a number that is no address at all is as likely, and below 4 GiB
    likelier.
    """
    text = describe(address, layout=layout)
    if protection:
        return Classification(
            kinds.USER_MEMORY_ACCESS,
            f"{text}: a page of a program is mapped there, and the kernel may not touch it "
            "directly",
        )
    shaped = layout.pointer_bits == 64 and address >> 40 in _PROGRAMS
    if shaped or (near is not None and abs(near - address) < 1 << 34):
        # A kernel thread has no program whose address it could be.
        return Classification(
            kinds.USER_MEMORY_ACCESS,
            f"{text}, where programs have their stacks, libraries and heaps",
            sure=near is not None,
            other="a number that looks like one",
        )
    return Classification(
        kinds.BAD_POINTER,
        f"0x{address:x} is no kernel address: the pointer was overwritten, or a number was taken "
        "for "
        "one",
        sure=False,
        other="a pointer of a program that was followed without copy_from_user()"
        if address >> 40
        else None,
    )


#: Functions of the slab allocators that follow a free list: a bad pointer there was written into a
#: free object by whoever still used it (mm/slub.c: get_freepointer()).
_FREE_LIST_WALKERS = frozenset(
    ("get_freepointer", "new_slab_objects", "deactivate_slab", "__slab_free", "kmalloc")
)
_FREE_LIST_FAMILIES = (
    "kmem_cache_alloc", "__kmalloc", "kmalloc_", "___slab_alloc", "__slab_alloc", "slab_alloc",
)  # fmt: skip


def follows_free_list(function: Optional[str]) -> bool:
    """Whether a function of that name takes objects from a slab's free list.

    True for every variant that kernels have had: ``kmem_cache_alloc_node_trace``,
    ``__kmalloc_track_caller``, ``kmem_cache_alloc_noprof`` (6.10) …
    """
    if function is None:
        return False
    return function in _FREE_LIST_WALKERS or function.startswith(_FREE_LIST_FAMILIES)
