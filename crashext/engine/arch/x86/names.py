# SPDX-License-Identifier: GPL-2.0-or-later
"""The registers of x86-64 and i386, as the kernel prints and saves them and as compilers use them.

arch/x86/kernel/process_64.c and process_32.c __show_regs(), arch/x86/include/asm/ptrace.h;
System V AMD64 ABI, 3.2.
"""

from __future__ import annotations

#: Registers of the first six arguments (System V AMD64 ABI, 3.2.3).
ARGUMENTS = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
#: Registers that a callee may change (3.2.1).
CALLER_SAVED = frozenset(("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"))
#: In encoding order (Intel SDM volume 2, 3.1.1.1).
GENERAL = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
#: In the order of an explanation.
SHOWN = (
    "rip", "rsp", "rbp", "rax", "rbx", "rcx", "rdx", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
#: Members of ``struct pt_regs`` in memory order, all 64 bits.
PT_REGS = (
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx",
    "rsi", "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss",
)  # fmt: skip
#: Control, debug and segment registers.
CONTROL = frozenset(
    [f"{kind}r{number}" for kind in "cd" for number in range(10)]
    + ["cs", "ds", "es", "fs", "gs", "eflags"]
)

_FAMILIES: dict[str, str] = {}
for _letter in "abcd":
    for _name in (f"r{_letter}x", f"e{_letter}x", f"{_letter}x", f"{_letter}l", f"{_letter}h"):
        _FAMILIES[_name] = f"r{_letter}x"
for _stem in ("si", "di", "bp", "sp"):
    for _name in (f"r{_stem}", f"e{_stem}", _stem, f"{_stem}l"):
        _FAMILIES[_name] = f"r{_stem}"
for _number in range(8, 16):
    for _suffix in ("", "d", "w", "b", "l"):
        _FAMILIES[f"r{_number}{_suffix}"] = f"r{_number}"


def full_name(register: str) -> str:
    """``eax`` → ``rax``; a register of another family as it is."""
    return _FAMILIES.get(register, register)
