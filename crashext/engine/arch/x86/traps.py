# SPDX-License-Identifier: GPL-2.0-or-later
"""The x86 exceptions.

arch/x86/include/asm/trapnr.h, arch/x86/kernel/traps.c; Intel SDM volume 3, 6.15.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

from crashext.engine.model import ErrorBit, ErrorCode


@dataclass(frozen=True)
class Trap:
    """One exception vector."""

    number: int
    mnemonic: str  # "#PF"
    name: str  # "page fault"
    #: What die() prints when it is fatal in the kernel; None when another path reports it.
    die_string: Optional[str]
    has_error_code: bool
    #: What it means when the kernel dies of it.
    meaning: str


TRAPS = (
    Trap(
        0, "#DE", "divide error", "divide error", False,
        "an integer was divided by zero, or the quotient did not fit the destination",
    ),
    Trap(
        1, "#DB", "debug", "debug", False,
        "a debug exception (breakpoint register or single step) that nothing had asked for",
    ),
    Trap(
        2, "NMI", "non-maskable interrupt", None, False,
        "a non-maskable interrupt: watchdog, hardware error, or an NMI button",
    ),
    Trap(
        3, "#BP", "breakpoint", "int3", False,
        "an int3 instruction was executed that no kprobe, ftrace or debugger owns: "
        "a jump into padding, or code patching gone wrong",
    ),
    Trap(4, "#OF", "overflow", "overflow", False, "an INTO instruction saw the overflow flag"),
    Trap(5, "#BR", "bound range exceeded", "bounds", False, "a BOUND or MPX check failed"),
    Trap(
        6, "#UD", "invalid opcode", "invalid opcode", False,
        "the processor cannot execute the instruction: mostly the ud2 of BUG() (0f 0b), else "
        "corrupted code, a jump into data, or an instruction that this CPU lacks",
    ),
    Trap(
        7, "#NM", "device not available", "unexpected #NM exception", False,
        "the FPU was used while it was disabled",
    ),
    Trap(
        8, "#DF", "double fault", "double fault", True,
        "a fault happened while the processor was delivering another: in the kernel this is "
        "nearly always a stack overflow or a corrupted stack pointer",
    ),
    Trap(
        9, "#MF9", "coprocessor segment overrun", "coprocessor segment overrun", False,
        "only processors before the 486 raise it",
    ),
    Trap(
        10, "#TS", "invalid TSS", "invalid TSS", True,
        "the task state segment or a selector in it is wrong",
    ),
    Trap(
        11, "#NP", "segment not present", "segment not present", True,
        "a segment or gate descriptor is marked not present",
    ),
    Trap(
        12, "#SS", "stack segment fault", "stack segment", True,
        "the stack pointer, or an access through rsp or rbp, is not canonical, or the stack "
        "segment is bad",
    ),
    Trap(
        13, "#GP", "general protection fault", "general protection fault", True,
        "mostly a pointer that is not canonical (bits 63..47 are not all equal: freed memory, "
        "list poison, overwritten with text); else a bad segment, MSR, or privileged instruction, "
        "or an unaligned SSE access",
    ),
    Trap(
        14, "#PF", "page fault", "Oops", True,
        "memory that is not mapped, or that forbids the access, was touched",
    ),
    Trap(16, "#MF", "x87 floating-point error", "fpu exception", False, "an x87 error is pending"),
    Trap(
        17, "#AC", "alignment check", "alignment check", True,
        "an unaligned access with alignment checking on; in the kernel: a split lock, an atomic "
        "operation across two cache lines",
    ),
    Trap(
        18, "#MC", "machine check", None, False,
        "the hardware reported an error: memory, bus, cache or the processor itself",
    ),
    Trap(19, "#XF", "SIMD floating-point exception", "simd exception", False, "an SSE/AVX error"),
    Trap(
        20, "#VE", "virtualization exception", "VE fault", False,
        "a TDX guest touched memory or a register that its host must emulate",
    ),
    Trap(
        21, "#CP", "control protection", "control protection fault", True,
        "control flow went where it may not (CET): an indirect branch to a function without "
        "endbr64, or a return address that differs from the shadow stack",
    ),
    Trap(
        29, "#VC", "VMM communication", "VMM Communication Exception", True,
        "a SEV-ES guest needs its host, and the exchange failed",
    ),
    Trap(32, "IRET", "iret exception", "iret exception", True, "iret failed (32-bit kernels)"),
)  # fmt: skip

_BY_NUMBER = {trap.number: trap for trap in TRAPS}
_BY_MNEMONIC = {trap.mnemonic.lstrip("#").lower(): trap for trap in TRAPS}

#: Texts that lead a die() header or a report and that name a trap, longest first. Beside the
#: ``die_string`` of the table: wordings that came and went.
_DIE_TEXTS = sorted(
    [
        *(
            (trap.die_string.lower(), trap)
            for trap in TRAPS
            if trap.die_string and trap.number != 14
        ),
        ("segment-related general protection fault", _BY_NUMBER[13]),
        ("missing endbr", _BY_NUMBER[21]),
        ("unexpected #cp", _BY_NUMBER[21]),
        ("split lock detected", _BY_NUMBER[17]),
        ("divide error", _BY_NUMBER[0]),
        ("page fault", _BY_NUMBER[14]),
        ("double fault", _BY_NUMBER[8]),
        ("stack guard page", _BY_NUMBER[8]),
        ("kernel stack overflow (double-fault)", _BY_NUMBER[8]),
        ("kernel stack overflow (page fault)", _BY_NUMBER[14]),
    ],
    key=lambda pair: -len(pair[0]),
)


def trap_by_number(number: int) -> Optional[Trap]:
    """The trap of a vector number, or None: 15, 22 … 28, 30, 31 are reserved."""
    return _BY_NUMBER.get(number)


def trap_by_mnemonic(mnemonic: str) -> Optional[Trap]:
    """The trap of ``#GP``, ``GP`` or ``gp``; ``#XM`` and ``#XF`` are the same."""
    name = mnemonic.strip().lstrip("#").lower()
    return _BY_MNEMONIC.get({"xm": "xf"}.get(name, name))


def trap_by_die_string(text: str) -> Optional[Trap]:
    """The trap that a die() header names, or None.

    Takes the whole header (``Oops: general protection fault, probably for … 0000 [#1]``) or the
    bare string; the ``Oops: `` prefix of 6.10 and later is stripped. A bare ``Oops`` is #PF.
    """
    words = text.strip().lower()
    bare = re.sub(r"^oops:\s+(?=[a-z])", "", words)
    for die, trap in _DIE_TEXTS:
        if bare.startswith(die):
            return trap
    if re.match(r"oops\b", bare):
        return _BY_NUMBER[14]
    return None


_TABLES = {0: "GDT", 1: "IDT", 2: "LDT", 3: "IDT"}


#: #CP: what was violated, bits 14..0 (Intel SDM volume 3, 6.15; asm/traps.h enum cp_error_code).
_CONTROL_PROTECTION = {
    1: "near return: the return address differs from the shadow stack",
    2: "far return or iret: the return address differs from the shadow stack",
    3: "endbranch: an indirect call or jump to a place without endbr64",
    4: "rstorssp: the shadow-stack restore token is wrong",
    5: "setssbsy: the supervisor shadow-stack token is wrong",
}

_ZERO = {
    "#GP": "no selector is involved: mostly an address that is not canonical",
    "#SS": "no selector is involved: an access through rsp or rbp to an address that is not "
    "canonical",
    "#DF": "always 0: a double fault says nothing of its cause",
    "#AC": "always 0",
}


def explain_trap_error(mnemonic: str, code: int) -> ErrorCode:
    """The error code of a trap other than #PF, with the meaning that it has for that trap.

    Raises ValueError for a negative code.
    """
    if code >= 0 and mnemonic == "#CP":
        kind = code & 0x7FFF
        meaning = _CONTROL_PROTECTION.get(kind, f"violation {kind}, not known here")
        bits = [ErrorBit(15, "ENCL", True, "inside an enclave")] if code & 0x8000 else []
        return ErrorCode(raw=code, bits=bits, meaning=meaning)
    if code == 0 and mnemonic in _ZERO:
        return ErrorCode(raw=0, bits=[], meaning=_ZERO[mnemonic])
    return explain_selector_error(code)


def explain_selector_error(code: int) -> ErrorCode:
    """The error code of #TS, #NP, #SS and #GP: a selector (Intel SDM volume 3, 6.13).

    0 means that the fault is no matter of a selector: for #GP, mostly a non-canonical address.
    Raises ValueError for a negative code.
    """
    if code < 0:
        raise ValueError(f"an error code is not negative: {code}")
    if code == 0:
        return ErrorCode(
            raw=0,
            bits=[],
            meaning="no selector is involved: for #GP mostly a non-canonical address, "
            "for #SS an access through rsp or rbp to one",
        )
    table = _TABLES[code >> 1 & 3]
    index = code >> 3 & 0x1FFF
    bits = [
        ErrorBit(
            0, "EXT", bool(code & 1),
            "happened while an event external to the program was delivered (interrupt, exception)"
            if code & 1
            else "caused by the program's own instruction",
        ),
        ErrorBit(
            1, "IDT", bool(code & 2),
            "the index is of a gate in the IDT" if code & 2 else "the index is of the GDT or LDT",
        ),
    ]  # fmt: skip
    if not code & 2:
        bits.append(
            ErrorBit(
                2, "TI", bool(code & 4), "a descriptor in the LDT" if code & 4 else "in the GDT"
            )
        )
    if table == "IDT":
        trap = trap_by_number(index)
        what = f"gate 0x{index:x} of the IDT" + (f" ({trap.mnemonic}, {trap.name})" if trap else "")
    else:
        what = f"descriptor {index} of the {table} (selector 0x{code & 0xFFF8 | code & 4:04x})"
    meaning = f"the fault concerns {what}"
    if code & 1:
        meaning += ", while the processor delivered an interrupt or another exception"
    if code >> 16:
        meaning += "; the high bits are not defined for a selector"
    return ErrorCode(raw=code, bits=bits, meaning=meaning)
