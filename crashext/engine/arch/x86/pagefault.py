# SPDX-License-Identifier: GPL-2.0-or-later
"""The page-fault error code (arch/x86/include/asm/trap_pf.h; Intel SDM volume 3, 4.7).

``Oops: %04lx`` prints the low 16 bits only; bit 31 shows in ``#PF: error_code(0x…)`` alone.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from crashext.engine import errno
from crashext.engine.model import ErrorBit, ErrorCode
from crashext.engine.words import AccessType

PROT = 1 << 0
WRITE = 1 << 1
USER = 1 << 2
RSVD = 1 << 3
INSTR = 1 << 4
PK = 1 << 5
SHSTK = 1 << 6
SGX = 1 << 15
RMP = 1 << 31

#: The last address of the lower (user) half: 4-level and 5-level paging.
USER_END_4_LEVEL = 0x0000_7FFF_FFFF_FFFF
USER_END_5_LEVEL = 0x00FF_FFFF_FFFF_FFFF

#: Nothing is mapped below for ordinary programs (vm.mmap_min_addr, default 65536): an address down
#: here is NULL plus an offset.
MMAP_MIN_ADDR = 0x10000


class _Bit(NamedTuple):
    bit: int
    name: str
    clear: str
    set: str
    #: Named also when clear, because clear says something of its own.
    always: bool


_BITS = (
    _Bit(
        0, "PROT", "no page was mapped there", "the page was mapped, but forbids the access", True
    ),
    _Bit(1, "WRITE", "not a write", "a write", True),
    _Bit(2, "USER", "in kernel mode", "in user mode", True),
    _Bit(3, "RSVD", "", "a page-table entry had a reserved bit set", False),
    _Bit(4, "INSTR", "not an instruction fetch", "an instruction fetch", True),
    _Bit(5, "PK", "", "blocked by a protection key", False),
    _Bit(6, "SHSTK", "", "a shadow-stack access", False),
    _Bit(15, "SGX", "", "violates SGX access control", False),
    _Bit(31, "RMP", "", "violates the SEV-SNP reverse map table", False),
)
#: All bits that have a meaning.
KNOWN = sum(1 << bit.bit for bit in _BITS)


def access_type(code: int) -> AccessType:
    """``"execute"``, ``"write"`` or ``"read"``: what the processor tried."""
    if code & INSTR:
        return "execute"
    return "write" if code & WRITE else "read"


def _bits(code: int) -> list[ErrorBit]:
    bits = []
    for bit in _BITS:
        if code >> bit.bit & 1:
            bits.append(ErrorBit(bit.bit, bit.name, True, bit.set))
        elif bit.always:
            bits.append(ErrorBit(bit.bit, bit.name, False, bit.clear))
    for number in range(code.bit_length()):
        if code >> number & 1 and not KNOWN >> number & 1:
            bits.append(ErrorBit(number, f"bit {number}", True, "not defined for a page fault"))
    return bits


def _is_user(address: int) -> bool:
    return 0 <= address <= USER_END_5_LEVEL


def _is_user_for_certain(address: int) -> bool:
    return MMAP_MIN_ADDR <= address <= USER_END_4_LEVEL


def _facts(code: int) -> str:
    """``page not present · write · kernel mode``: the bits in one breath."""
    words = []
    if code & RSVD:
        words.append("reserved bit set in a page table")
    elif code & PK:
        words.append("protection-key violation")
    elif code & PROT:
        words.append("permission denied on a mapped page")
    else:
        words.append("page not present")
    if code & SHSTK:
        words.append("shadow-stack " + access_type(code))
    elif code & INSTR:
        words.append("instruction fetch")
    else:
        words.append(access_type(code))
    words.append("user mode" if code & USER else "kernel mode")
    if code & SGX:
        words.append("SGX")
    if code & RMP:
        words.append("SEV-SNP RMP violation")
    return " · ".join(words)


def _reading(
    code: int,
    rip: Optional[int],
    address: Optional[int],
    region: Optional[str],
    pointer: Optional[int],
) -> Optional[str]:
    """What the combination means to a person, or None when the facts say it all."""
    if code & RMP:
        return (
            "the page's owner in the SEV-SNP reverse map differs: "
            "host and guest disagree whose page it is"
        )
    if code & RSVD:
        return (
            "the page table is corrupted: stray write into it, or failing memory; "
            "not an ordinary bad pointer"
        )
    if code & PK:
        return "the page's protection key denies the access (pkey_mprotect, or a kernel PKS region)"
    if code & SHSTK:
        return "the shadow stack was used wrongly: return address or token does not fit"
    if code & SGX:
        return "the page belongs to an SGX enclave, whose access control denies it"
    if code & USER:
        if rip is not None and not _is_user(rip):
            return (
                "user access though RIP is a kernel address: the code or RIP is not of this fault"
            )
        return "the fault was taken in user mode; the kernel oopses on it only for a table access"
    if code & INSTR:
        return _fetch(code, rip, address, region)
    if code & PROT:
        return _denied(code, address, region)
    number = errno.from_pointer(pointer) if pointer is not None else None
    if number is not None and errno.by_number(number) is not None:
        return "an error pointer (ERR_PTR) was used as if it were valid"
    if address is None:
        return (
            "nothing is mapped at the address: a NULL pointer when it is small, else memory that "
            "was freed, a wild pointer, or one of user space"
        )
    if address < MMAP_MIN_ADDR:
        if pointer is not None and pointer not in (0, address):
            return (
                f"the first pages, where nothing is ever mapped: a NULL pointer, or 0x{pointer:x}"
            )
        return "NULL pointer" + ("" if address == 0 else f" plus 0x{address:x}")
    if _is_user_for_certain(address):
        return (
            "no address of the kernel, and no page there: a pointer of a program that was followed "
            "directly, or a number that is no pointer"
        )
    if errno.from_pointer(address) is not None:
        return "NULL minus an offset (container_of), or an error pointer"
    if address > USER_END_5_LEVEL:
        return (
            "a kernel address where nothing is mapped: memory that was freed (vmalloc, a module), "
            "an index out of bounds, or a garbage pointer"
        )
    return None


def _fetch(code: int, rip: Optional[int], address: Optional[int], region: Optional[str]) -> str:
    where = address if address is not None else rip
    if code & PROT:
        if where is not None and _is_user_for_certain(where):
            return (
                "the kernel tried to execute a user page: SMEP stopped it "
                "(bad function pointer, or an exploit attempt)"
            )
        return (
            "the kernel tried to execute a page that is not executable (NX): "
            "a function pointer into data, heap or stack"
            + (f" ({region})" if region else "")
            + (", or SMEP if the address is of user space" if where is None else "")
        )
    if rip is not None and address is not None and rip != address:
        return (
            f"instruction fetch of 0x{address:x} while RIP is 0x{rip:x}: "
            "the code crosses into a page that is not mapped, or one of the two is stale"
        )
    call = "a call or jump through a bad function pointer"
    if where is not None and where < MMAP_MIN_ADDR:
        call = "a call or jump through a NULL function pointer"
        if where:
            call = f"a call or jump to NULL plus 0x{where:x}"
    return (
        f"{call}: RIP is the bad address itself; the caller is the first return address "
        "on the stack"
    )


def _denied(code: int, address: Optional[int], region: Optional[str]) -> str:
    if address is not None and _is_user_for_certain(address):
        return (
            "the kernel touched a mapped user page without permission: SMAP stopped it "
            "(user pointer used without copy_from_user/copy_to_user)"
            if not code & WRITE
            else "the kernel wrote to a mapped user page without permission: SMAP, or the page is "
            "read-only (user pointer used without copy_to_user)"
        )
    if code & WRITE:
        target = region or "kernel text, constant data (const, __ro_after_init) or a module's"
        if region:
            return f"write to read-only memory: {target}"
        return f"write to read-only memory: {target} read-only part"
    if address is None:
        return "read of a mapped page that forbids it: SMAP if the address is of user space"
    return (
        "read of a mapped kernel page that forbids it: no ordinary mapping does; see the page walk"
    )


def explain_error_code(
    code: int,
    *,
    rip: Optional[int] = None,
    address: Optional[int] = None,
    region: Optional[str] = None,
    pointer: Optional[int] = None,
) -> ErrorCode:
    """All bits of a page-fault error code and what their combination means.

    ``rip`` and ``address`` (CR2), when known, sharpen the reading; ``region`` is what lies at the
    address in words ("kernel text", "module hello_2, .rodata") when the caller knows; ``pointer``
    the value of the register through which the access went, when the instruction tells it.
    Raises ValueError for a negative code.
    """
    if code < 0:
        raise ValueError(f"a page-fault error code is not negative: {code}")
    reading = _reading(code, rip, address, region, pointer)
    facts = _facts(code)
    return ErrorCode(
        raw=code, bits=_bits(code), meaning=f"{facts}: {reading}" if reading else facts
    )
