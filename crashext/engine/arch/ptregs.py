# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the interrupted registers (``struct pt_regs``) on the kernel's stacks, from memory alone.

The functions here are pure: they work on the 64-bit words of a stack. They need neither an
unwinder nor saved CPU registers, so they give the same answer in drgn and inside crash, and for
a kdump (whose saved registers are those of the exception) as for a dump that QEMU wrote later.

Two searches, the first that answers wins:

* the log printed the stack pointer and the other registers of the crash; a ``pt_regs`` with them
  is the one;
* every low-level exception entry of x86 *calls* its C handler with ``pt_regs`` at the stack pointer
  (arch/x86/entry/entry_64.S, ``idtentry_body``), so the word below a ``pt_regs`` is a return
  address inside that entry.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from crashext.engine.arch.base import Architecture
from crashext.errors import Unknown

if TYPE_CHECKING:
    from crashext.engine.report import Report


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


def registers_at(words: Sequence[int], index: int, arch: Architecture) -> dict[str, int]:
    """The ``pt_regs`` whose first word is ``words[index]``."""
    names = arch.registers.pt_regs
    return dict(zip(names, words[index : index + len(names)]))


def size_of(arch: Architecture) -> int:
    """Bytes of a ``pt_regs``, as far as its members are known."""
    return len(arch.registers.pt_regs) * arch.bits // 8


def find_logged(stack: Stack, logged: Mapping[str, int], arch: Architecture) -> list[Match]:
    """All ``pt_regs`` on the stack that are the log's registers, outermost (highest) first.

    The stack pointer must be the log's, the pc too where the log gives it (x86 prints only the
    symbol since 4.10), and of the other registers more than half. kdump keeps a copy of
    ``pt_regs`` on the stack as well (``crash_setup_regs``), deeper than the original: hence the
    order.
    """
    known = arch.registers
    if known.sp not in logged or known.sp not in known.pt_regs:
        return []
    sp, pc = known.pt_regs.index(known.sp), known.pt_regs.index(known.pc)
    words = stack.words
    found = []
    for index in range(len(words) - len(known.pt_regs), -1, -1):
        if words[index + sp] != logged[known.sp] or not arch.is_pt_regs(words, index):
            continue
        if logged.get(known.pc, words[index + pc]) != words[index + pc]:
            continue
        registers = registers_at(words, index, arch)
        shared = [name for name in logged if name in registers and name not in known.entry_changes]
        agreeing = sum(registers[name] == logged[name] for name in shared)
        if 2 * agreeing > len(shared):
            found.append(
                Match(stack.base + 8 * index, registers, stack.name, agreeing, len(shared))
            )
    return found


def find_entries(
    stack: Stack, entries: Iterable[tuple[int, int, str]], arch: Architecture
) -> list[tuple[Match, str]]:
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
    for index in range(len(words) - len(arch.registers.pt_regs) - 1, -1, -1):
        word = words[index]
        if not low < word <= high:
            continue
        name = next((name for start, end, name in ranges if start < word <= end), None)
        if name is None or not arch.is_pt_regs(words, index + 1):
            continue
        registers = registers_at(words, index + 1, arch)
        found.append((Match(stack.base + 8 * (index + 1), registers, stack.name), name))
    return found


def search(
    stacks: Iterable[Stack],
    entries: Iterable[tuple[int, int, str]],
    report: Optional[Report],
    arch: Architecture,
) -> tuple[Match, str]:
    """The ``pt_regs`` of the crash on one of the stacks (likeliest first), and how it was found.

    Stacks and entries may be generators: what is not needed is not read. The log's registers are
    looked for on every stack first, then entries into the kernel. Raises Unknown when there is
    none, or when the report is about no exception.
    """
    areas: list[Stack] = []
    logged = report.registers if report is not None else {}
    kernel = arch.in_kernel(logged)
    for area in stacks:
        areas.append(area)
        if kernel:
            found = find_logged(area, logged, arch)
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
        wanted = [entry for entry in wanted if arch.entries[entry[2]] == report.trap] or wanted
    sp = arch.registers.sp
    for area in areas:
        for match, name in find_entries(area, wanted, arch):
            if match.registers[sp] != logged.get(sp, match.registers[sp]):
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


def pack(registers: Mapping[str, int], arch: Architecture) -> bytes:
    """The registers as the bytes of a ``struct pt_regs``; what is not given is 0.

    Only as far as its members are known, which is what an unwinder needs.
    """
    names = arch.registers.pt_regs
    return struct.pack(
        f"<{len(names)}Q", *(registers.get(name, 0) & (1 << 64) - 1 for name in names)
    )
