# SPDX-License-Identifier: GPL-2.0-or-later
"""The exception syndrome register of arm64.

arch/arm64/include/asm/esr.h, arch/arm64/mm/fault.c fault_info[] (v6.1); Arm ARM DDI 0487,
D19.2.37 (ESR_EL1).
"""

from __future__ import annotations

from typing import Optional

from crashext.engine.model import ErrorBit, ErrorCode
from crashext.engine.words import AccessType

PAGE_SIZE = 4096

#: Exception classes that a kernel can report: EC → (kernel's name, meaning).
CLASSES: dict[int, tuple[str, str]] = {
    0x00: ("Unknown/Uncategorized", "undefined instruction, or one trapped without a class"),
    0x01: ("WFI/WFE", "trapped WFI or WFE"),
    0x07: ("ASIMD", "SVE, SIMD or floating point was used while it was disabled"),
    0x0D: ("BTI", "branch target: an indirect branch to a place without a BTI landing pad"),
    0x0E: ("ILL", "illegal execution state (PSTATE)"),
    0x15: ("SVC (AArch64)", "system call"),
    0x18: ("MSR/MRS (AArch64)", "trapped access to a system register"),
    0x19: ("SVE", "SVE was used while it was disabled"),
    0x1C: ("FPAC", "pointer authentication failed"),
    0x20: ("IABT (lower EL)", "instruction abort in user space"),
    0x21: ("IABT (current EL)", "instruction abort in the kernel"),
    0x22: ("PC Alignment", "the program counter is not aligned"),
    0x24: ("DABT (lower EL)", "data abort in user space"),
    0x25: ("DABT (current EL)", "data abort in the kernel"),
    0x26: ("SP Alignment", "the stack pointer is not aligned"),
    0x27: ("MOPS", "memory copy or set instruction in a wrong state"),
    0x2C: ("FP (AArch64)", "floating-point exception"),
    0x2F: ("SError", "asynchronous external abort: hardware"),
    0x30: ("Breakpoint (lower EL)", "hardware breakpoint in user space"),
    0x31: ("Breakpoint (current EL)", "hardware breakpoint in the kernel"),
    0x32: ("Software Step (lower EL)", "single step in user space"),
    0x33: ("Software Step (current EL)", "single step in the kernel"),
    0x34: ("Watchpoint (lower EL)", "watchpoint in user space"),
    0x35: ("Watchpoint (current EL)", "watchpoint in the kernel"),
    0x3C: ("BRK (AArch64)", "BRK instruction"),
}

_DATA_ABORTS = (0x24, 0x25)
_INSTRUCTION_ABORTS = (0x20, 0x21)

#: Fault status code → meaning (fault_info[]).
_STATUS: dict[int, str] = {
    **{0x00 + level: f"level {level} address size fault" for level in range(4)},
    **{0x04 + level: f"level {level} translation fault" for level in range(4)},
    **{0x08 + level: f"level {level} access flag fault" for level in range(4)},
    **{0x0C + level: f"level {level} permission fault" for level in range(4)},
    0x10: "synchronous external abort",
    0x11: "synchronous tag check fault",
    **{0x14 + level: f"level {level} synchronous external abort (translation table walk)"
       for level in range(4)},
    0x18: "synchronous parity or ECC error",
    **{0x1C + level: f"level {level} synchronous parity error (translation table walk)"
       for level in range(4)},
    0x21: "alignment fault",
    0x30: "TLB conflict abort",
    0x34: "implementation fault (lockdown abort)",
    0x35: "implementation fault (unsupported exclusive)",
}  # fmt: skip

_TRANSLATION = range(0x04, 0x08)
_ACCESS_FLAG = range(0x08, 0x0C)
_PERMISSION = range(0x0C, 0x10)


def exception_class(esr: int) -> int:
    """EC, bits 31:26."""
    return esr >> 26 & 0x3F


def access_type(esr: int) -> Optional[AccessType]:
    """ "read", "write" or "execute"; None when the exception is no abort.

    WnR (bit 6) counts only for a data abort that is no cache maintenance (CM, bit 8).
    """
    number = exception_class(esr)
    if number in _INSTRUCTION_ABORTS:
        return "execute"
    if number not in _DATA_ABORTS:
        return None
    return "write" if esr & (1 << 6) and not esr & (1 << 8) else "read"


def is_permission_fault(esr: int) -> bool:
    """Whether an abort is one of permission: the page is mapped, but forbids the access."""
    aborts = (*_DATA_ABORTS, *_INSTRUCTION_ABORTS)
    return exception_class(esr) in aborts and esr & 0x3F in _PERMISSION


def _bit(esr: int, bit: int, name: str, clear: str, set_: str) -> ErrorBit:
    value = bool(esr >> bit & 1)
    return ErrorBit(bit, name, value, set_ if value else clear)


def _bits(esr: int) -> list[ErrorBit]:
    number = exception_class(esr)
    bits = [_bit(esr, 25, "IL", "16-bit instruction", "32-bit instruction")]
    if number in _DATA_ABORTS:
        if esr >> 24 & 1:
            bits.append(_bit(esr, 24, "ISV", "", "the syndrome describes the instruction"))
        if esr >> 10 & 1:
            bits.append(_bit(esr, 10, "FnV", "", "the fault address register is not valid"))
        if esr >> 9 & 1:
            bits.append(_bit(esr, 9, "EA", "", "external abort type"))
        if esr >> 8 & 1:
            bits.append(_bit(esr, 8, "CM", "", "cache maintenance or address translation"))
        if esr >> 7 & 1:
            bits.append(_bit(esr, 7, "S1PTW", "", "stage 2 fault on a stage 1 table walk"))
        bits.append(_bit(esr, 6, "WnR", "a read", "a write"))
    elif number in _INSTRUCTION_ABORTS:
        if esr >> 10 & 1:
            bits.append(_bit(esr, 10, "FnV", "", "the fault address register is not valid"))
        if esr >> 9 & 1:
            bits.append(_bit(esr, 9, "EA", "", "external abort type"))
        if esr >> 7 & 1:
            bits.append(_bit(esr, 7, "S1PTW", "", "stage 2 fault on a stage 1 table walk"))
    return bits


def _brk(immediate: int) -> str:
    """arch/arm64/include/asm/brk-imm.h."""
    if immediate == 0x800:
        return "BUG() or WARN()"
    if immediate & 0xFF00 == 0x900:
        return "KASAN (software tags) found a bad access"
    if immediate & 0x8000:
        return "control-flow integrity: an indirect call with a wrong type"
    if immediate & 0xFF00 == 0x5500:
        return "UBSAN trap"
    return {
        0x004: "kprobe", 0x005: "uprobe", 0x006: "kprobe single step", 0x100: "a fault on purpose",
        0x400: "kgdb", 0x401: "kgdb compiled breakpoint",
    }.get(immediate, "of a use that is not known")  # fmt: skip


def _abort_reading(esr: int, address: Optional[int]) -> str:
    access = access_type(esr)
    status = esr & 0x3F
    kernel = exception_class(esr) in (0x21, 0x25)
    user_page = address is not None and address >> 48 == 0 and address >= PAGE_SIZE
    if status in _PERMISSION:
        if access == "execute":
            return (
                "the kernel tried to execute a user page"
                if user_page and kernel
                else "execution of memory that is not executable: a bad function pointer"
            )
        if user_page and kernel:
            return "the kernel touched user memory outside the uaccess routines (PAN)"
        if access == "write":
            return "write to read-only memory"
        return "read of memory that forbids it"
    if status in _TRANSLATION:
        if address is not None and address < PAGE_SIZE:
            return "NULL pointer" + ("" if address == 0 else f" plus 0x{address:x}")
        if access == "execute":
            return "a call or jump through a bad function pointer: nothing is mapped there"
        return "nothing is mapped there"
    if status in _ACCESS_FLAG:
        return "the page's access flag is clear"
    if status == 0x21:
        return "the address is not aligned as the instruction or the memory type needs it"
    if status == 0x11:
        return "the pointer's tag differs from the memory's: use after free or out of bounds"
    if status in (0x10, *range(0x14, 0x18), 0x18, *range(0x1C, 0x20)):
        return "the memory system reported an error: hardware, or a device that does not answer"
    return ""


def explain_esr(esr: int, *, address: Optional[int] = None) -> ErrorCode:
    """All that an ESR says; ``address`` is FAR when known. Raises ValueError for a negative one."""
    if esr < 0:
        raise ValueError(f"an ESR is not negative: {esr}")
    number = exception_class(esr)
    name, text = CLASSES.get(number, (f"EC 0x{number:02x}", "an exception class not known here"))
    parts = [f"EC 0x{number:02x} {name}: {text}"]
    if number in _DATA_ABORTS or number in _INSTRUCTION_ABORTS:
        status = esr & 0x3F
        access = access_type(esr) or "access"
        fault = _STATUS.get(status, f"fault status 0x{status:02x}, not defined")
        reading = _abort_reading(esr, address)
        parts = [
            f"{'kernel' if number in (0x21, 0x25) else 'user'} "
            f"{'instruction fetch' if access == 'execute' else access} · {fault}"
            + (f": {reading}" if reading else "")
        ]
    elif number == 0x3C:
        immediate = esr & 0xFFFF
        parts.append(f"immediate 0x{immediate:x}, {_brk(immediate)}")
    elif number == 0x2F and not esr >> 24 & 1:
        # ESR_ELx_AET_*, valid with a DFSC of 0x11 and without IDS.
        severity = {
            0: "uncontainable",
            1: "unrecoverable",
            2: "restartable",
            3: "recoverable",
            6: "corrected",
        }.get(esr >> 10 & 7)
        if esr & 0x3F == 0x11 and severity:
            parts.append(severity)
    return ErrorCode(raw=esr, bits=_bits(esr), meaning="; ".join(parts))
