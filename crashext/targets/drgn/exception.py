# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the interrupted registers (``struct pt_regs``) on the kernel's stacks, from memory alone.

The functions here are pure: they work on the 64-bit words of a stack. They need neither an
unwinder nor saved CPU registers, so they give the same answer in drgn and inside crash, and for
a kdump (whose saved registers are those of the exception) as for a dump that QEMU wrote later.

Two searches, the first that answers wins:

* the log printed RSP and the other registers of the crash; a ``pt_regs`` with them is the one;
* every low-level exception entry *calls* its C handler with ``pt_regs`` at the stack pointer
  (arch/x86/entry/entry_64.S, ``idtentry_body``), so the word below a ``pt_regs`` is a return
  address inside that entry.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from crashext.engine.report import Report
from crashext.errors import Unknown

#: Members of ``struct pt_regs`` in memory order (arch/x86/include/asm/ptrace.h), all 64 bits.
PT_REGS = (
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx",
    "rsi", "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss",
)  # fmt: skip
PT_REGS_WORDS = len(PT_REGS)
PT_REGS_SIZE = 8 * PT_REGS_WORDS
_RIP = PT_REGS.index("rip")
_CS = PT_REGS.index("cs")
_EFLAGS = PT_REGS.index("eflags")
_RSP = PT_REGS.index("rsp")

#: The first members of arm64's ``struct pt_regs`` (arch/arm64/include/asm/ptrace.h), 64 bits each.
ARM64_REGS = (*(f"x{number}" for number in range(31)), "sp", "pc", "pstate")
_ARM64_SP = ARM64_REGS.index("sp")

#: Entry symbol → trap mnemonic. ``asm_exc_*`` since 5.8; the bare names before.
TRAPS = {
    "asm_exc_divide_error": "#DE",
    "asm_exc_debug": "#DB",
    "asm_exc_nmi": "NMI",
    "asm_exc_nmi_noist": "NMI",
    "asm_exc_nmi_kvm_vmx": "NMI",
    "asm_exc_int3": "#BP",
    "asm_exc_overflow": "#OF",
    "asm_exc_bounds": "#BR",
    "asm_exc_invalid_op": "#UD",
    "asm_exc_device_not_available": "#NM",
    "asm_exc_double_fault": "#DF",
    "asm_exc_coproc_segment_overrun": "old MF",
    "asm_exc_invalid_tss": "#TS",
    "asm_exc_segment_not_present": "#NP",
    "asm_exc_stack_segment": "#SS",
    "asm_exc_general_protection": "#GP",
    "asm_exc_page_fault": "#PF",
    "asm_exc_coprocessor_error": "#MF",
    "asm_exc_alignment_check": "#AC",
    "asm_exc_machine_check": "#MC",
    "asm_exc_simd_coprocessor_error": "#XF",
    "asm_exc_virtualization_exception": "#VE",
    "asm_exc_control_protection": "#CP",
    "asm_exc_vmm_communication": "#VC",
    "divide_error": "#DE",
    "debug": "#DB",
    "nmi": "NMI",
    "end_repeat_nmi": "NMI",
    "int3": "#BP",
    "overflow": "#OF",
    "bounds": "#BR",
    "invalid_op": "#UD",
    "device_not_available": "#NM",
    "double_fault": "#DF",
    "invalid_TSS": "#TS",
    "segment_not_present": "#NP",
    "stack_segment": "#SS",
    "general_protection": "#GP",
    "page_fault": "#PF",
    "async_page_fault": "#PF",
    "coprocessor_error": "#MF",
    "alignment_check": "#AC",
    "machine_check": "#MC",
    "simd_coprocessor_error": "#XF",
}


#: Not compared with the log: the entry overwrites orig_rax, and cs and ss have upper halves.
_ENTRY_CHANGES = ("orig_rax", "cs", "ss")


@dataclass(frozen=True)
class Stack:
    """One kernel stack: ``name`` says which, ``base`` is its lowest address."""

    name: str  # "task", "IRQ", "#DF", "NMI", "#DB", "#MC", "#VC", …
    base: int
    data: bytes

    @property
    def words(self) -> Sequence[int]:
        return struct.unpack(f"<{len(self.data) // 8}Q", self.data[: len(self.data) & ~7])

    @property
    def end(self) -> int:
        return self.base + len(self.data)


@dataclass(frozen=True)
class Match:
    """A ``pt_regs`` found at ``address``. ``agreeing`` counts registers equal to the log's."""

    address: int
    registers: dict[str, int]
    stack: str
    agreeing: int = 0
    compared: int = 0


def registers_at(words: Sequence[int], index: int) -> dict[str, int]:
    """The ``pt_regs`` whose first word is ``words[index]``."""
    return dict(zip(PT_REGS, words[index : index + PT_REGS_WORDS]))


def is_kernel_pt_regs(words: Sequence[int], index: int) -> bool:
    """Whether kernel-mode interrupted registers can lie at ``words[index]``.

    The code selector is ``__KERNEL_CS`` (0x10; FRED keeps more above bit 16) and bit 1 of
    EFLAGS is always set (Intel SDM vol. 1, 3.4.3) while bits 22 and up are reserved.
    """
    if index < 0 or index + PT_REGS_WORDS > len(words):
        return False
    if words[index + _CS] & 0xFFFF != 0x10:
        return False
    eflags = words[index + _EFLAGS]
    return bool(eflags & 2) and eflags < 1 << 22


def find_logged(stack: Stack, logged: Mapping[str, int]) -> list[Match]:
    """All ``pt_regs`` on the stack that are the log's registers, outermost (highest) first.

    RSP must be the log's, RIP too where the log gives it (since 4.10 it prints only the symbol),
    and of the other registers more than half. kdump keeps a copy of ``pt_regs`` on the stack as
    well (``crash_setup_regs``), deeper than the original: hence the order.
    """
    if "rsp" not in logged:
        return []
    words = stack.words
    found = []
    for index in range(len(words) - PT_REGS_WORDS, -1, -1):
        if words[index + _RSP] != logged["rsp"] or not is_kernel_pt_regs(words, index):
            continue
        if logged.get("rip", words[index + _RIP]) != words[index + _RIP]:
            continue
        registers = registers_at(words, index)
        shared = [name for name in logged if name in registers and name not in _ENTRY_CHANGES]
        agreeing = sum(registers[name] == logged[name] for name in shared)
        if 2 * agreeing > len(shared):
            found.append(
                Match(stack.base + 8 * index, registers, stack.name, agreeing, len(shared))
            )
    return found


def find_logged_arm64(stack: Stack, logged: Mapping[str, int]) -> list[Match]:
    """As :func:`find_logged`, for arm64: SP must be the log's, and most of the other registers."""
    if "sp" not in logged:
        return []
    words = stack.words
    found = []
    for index in range(len(words) - len(ARM64_REGS), -1, -1):
        if words[index + _ARM64_SP] != logged["sp"]:
            continue
        registers = dict(zip(ARM64_REGS, words[index : index + len(ARM64_REGS)]))
        shared = [name for name in logged if name in registers]
        agreeing = sum(registers[name] == logged[name] for name in shared)
        if 2 * agreeing > len(shared):
            found.append(
                Match(stack.base + 8 * index, registers, stack.name, agreeing, len(shared))
            )
    return found


def pc_of(registers: Mapping[str, int]) -> int:
    """The interrupted instruction: RIP, or arm64's PC."""
    return registers["rip"] if "rip" in registers else registers["pc"]


def sp_of(registers: Mapping[str, int]) -> int:
    """The interrupted stack pointer."""
    return registers["rsp"] if "rsp" in registers else registers["sp"]


def find_entries(stack: Stack, entries: Iterable[tuple[int, int, str]]) -> list[tuple[Match, str]]:
    """All kernel-mode ``pt_regs`` right above a return address into an exception entry.

    ``entries`` are (start, end, symbol) of the entries; the symbol is returned with each match.
    Outermost first.
    """
    ranges = sorted(entries)
    if not ranges:
        return []
    low, high = ranges[0][0], max(end for _, end, _ in ranges)
    words = stack.words
    found = []
    for index in range(len(words) - PT_REGS_WORDS - 1, -1, -1):
        word = words[index]
        if not low < word <= high:
            continue
        name = next((name for start, end, name in ranges if start < word <= end), None)
        if name is None or not is_kernel_pt_regs(words, index + 1):
            continue
        registers = registers_at(words, index + 1)
        found.append((Match(stack.base + 8 * (index + 1), registers, stack.name), name))
    return found


def search(
    stacks: Iterable[Stack],
    entries: Iterable[tuple[int, int, str]],
    report: Optional[Report],
) -> tuple[Match, str]:
    """The ``pt_regs`` of the crash on one of the stacks (likeliest first), and how it was found.

    Stacks and entries may be generators: what is not needed is not read. The log's registers are
    looked for on every stack first, then entries into the kernel. Raises Unknown when there is
    none, or when the report is about no exception.
    """
    areas: list[Stack] = []
    logged = report.registers if report is not None else {}
    kernel = logged.get("cs", 0x10) & 3 == 0
    for area in stacks:
        areas.append(area)
        if kernel:
            found = find_logged(area, logged) or find_logged_arm64(area, logged)
            if found:
                best = max(found, key=lambda match: (match.agreeing, match.address))
                return best, (
                    f"pt_regs at {best.address:#x} on the {best.stack} stack: "
                    f"{best.agreeing} of {best.compared} registers as in the log"
                )
    if report is not None and not logged and report.fatal and report.trap is None:
        raise Unknown(f"the report is no exception ({report.headline})")
    wanted = list(entries)
    if report is not None and report.trap is not None:
        wanted = [entry for entry in wanted if TRAPS[entry[2]] == report.trap] or wanted
    for area in areas:
        for match, name in find_entries(area, wanted):
            if match.registers["rsp"] != logged.get("rsp", match.registers["rsp"]):
                continue
            return match, (
                f"pt_regs at {match.address:#x} on the {match.stack} stack, "
                f"above a return address into {name}"
            )
    raise Unknown("no pt_regs of an exception on the crashed task's and CPU's stacks")


def entry_of(stack: Stack, address: int) -> Optional[int]:
    """The word below the ``pt_regs`` at ``address``: normally the handler's return address."""
    index = (address - stack.base) // 8 - 1
    words = stack.words
    return words[index] if 0 <= index < len(words) else None


def pack(registers: Mapping[str, int]) -> bytes:
    """The registers as the bytes of a ``struct pt_regs``; what is not given is 0.

    Of arm64's only the beginning, which an unwinder needs.
    """
    names = ARM64_REGS if "pc" in registers else PT_REGS
    return struct.pack(
        f"<{len(names)}Q", *(registers.get(name, 0) & (1 << 64) - 1 for name in names)
    )
