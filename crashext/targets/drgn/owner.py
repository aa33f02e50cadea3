# SPDX-License-Identifier: GPL-2.0-or-later
"""What lives at an address: slab object, page, stack, per-CPU data, module section, vmap area.

Each look-up follows the kernel's own index (slab of a page, vmap tree, module tree), so the cost
does not grow with the machine. Nothing here walks all tasks or all pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import drgn
from drgn import Program
from drgn.helpers.linux.mm import (
    compound_head,
    decode_page_flags,
    find_vmap_area,
    in_direct_map,
    page_to_pfn,
    virt_to_page,
)

from crashext.engine.report import Report
from crashext.errors import Unknown
from crashext.kernel import cpus, stacks
from crashext.targets.base import Owner
from crashext.targets.drgn import slab
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.session import Session
from crashext.targets.drgn.symbols import KERNEL_HALF, Symbols

PAGE = 4096


def of(session: Session, report: Optional[Report], address: int) -> Owner:
    """The owner of an address. Raises Unknown.

    Of stacks of tasks, those of the crashed one and of those on the CPUs are told apart.
    """
    if address < PAGE:
        return Owner("null", f"the page at address 0, never mapped (offset {address:#x})")
    if address >> 47 == 0:
        return Owner("user", "a user-space address: nothing of the kernel lies there")
    if address >= (1 << 64) - 4095:
        return Owner("errno", f"an error number as a pointer ({address - (1 << 64)})")
    if address >> 47 != 0x1FFFF and not _five_levels(session.prog):
        return Owner("non-canonical", "a non-canonical address: it can never be mapped")
    asked = _Asked(session, report)
    for look in _LOOKS:
        try:
            found = look(asked, address)
        except (Unknown, *NO_ANSWER):
            continue
        if found is not None:
            return found
    raise Unknown(f"nothing is known to live at {address:#x}")


class _Asked:
    """What the looks have in common."""

    def __init__(self, session: Session, report: Optional[Report]) -> None:
        self._report = report
        self.kernel = session.kernel
        self.prog = session.prog
        self.port = session.port
        self.symbols = session.symbols

    def tasks(self) -> Iterator[int]:
        """The crashed task and those that run on the CPUs."""
        try:
            yield self.kernel.crashed_task(self._report)
        except Unknown:
            pass
        for cpu in cpus.present(self.port):
            try:
                yield cpus.current_task(self.port, cpu)
            except Unknown:
                continue


def _five_levels(prog: Program) -> bool:
    try:
        return bool(prog["__pgtable_l5_enabled"].value_())
    except LookupError:
        return False


def _image(asked: _Asked, address: int) -> Optional[Owner]:
    if not asked.symbols.in_kernel_image(address):
        return None
    name = _symbol_text(asked.symbols, address)
    section = _image_section(asked.prog, address)
    return Owner(
        "symbol", f"{section} of the kernel: {name}" if name else f"{section} of the kernel"
    )


#: Bounding symbols of the kernel image (include/asm-generic/sections.h), in order of trial.
_SECTIONS = (
    ("_stext", "_etext", "text"),
    ("__start_rodata", "__end_rodata", "read-only data"),
    ("_sdata", "_edata", "data"),
    ("__bss_start", "__bss_stop", "bss"),
    ("__init_begin", "__init_end", "init memory, freed after boot,"),
)


def _image_section(prog: Program, address: int) -> str:
    for first, last, name in _SECTIONS:
        try:
            if prog.symbol(first).address <= address < prog.symbol(last).address:
                return name
        except LookupError:
            continue
    return "memory"


def _symbol_text(symbols: Symbols, address: int) -> Optional[str]:
    try:
        symbol = symbols.symbol(address)
    except Unknown:
        return None
    return f"{symbol.name}+{symbol.offset:#x}" if symbol.offset else symbol.name


def _module(asked: _Asked, address: int) -> Optional[Owner]:
    name = asked.symbols.module_name(address)
    if name is None:
        return None
    section = _module_section(asked.prog, name, address)
    symbol = _symbol_text(asked.symbols, address)
    text = f"module {name}"
    if section:
        text += f", section {section}"
    if symbol:
        text += f": {symbol}"
    return Owner("module", text)


def _module_section(prog: Program, name: str, address: int) -> Optional[str]:
    """The section that begins nearest below the address."""
    try:
        sections = prog.module(name).section_addresses
    except NO_ANSWER:
        return None
    below = [(start, section) for section, start in sections.items() if start <= address]
    return max(below)[1] if below else None


def _stack(asked: _Asked, address: int) -> Optional[Owner]:
    size = stacks.thread_size(asked.port)
    tasks = asked.kernel.tasks
    for task in asked.tasks():
        base = tasks.number(task, "stack")
        if base is not None and base <= address < base + size:
            who = tasks.who(task)
            return Owner(
                "stack", f"kernel stack of {who}, {address - base:#x} above its lowest byte"
            )
        if base is not None and base - PAGE <= address < base:
            who = tasks.who(task)
            return Owner(
                "stack", f"guard page below the kernel stack of {who}: the stack overflowed"
            )
    return None


def _slab(asked: _Asked, address: int) -> Optional[Owner]:
    return slab.owner(asked.prog, asked.symbols, address)


def _percpu(asked: _Asked, address: int) -> Optional[Owner]:
    """The first chunk's unit of some CPU: static per-CPU variables lie at its start."""
    offsets = asked.prog["__per_cpu_offset"]
    start = asked.prog.symbol("__per_cpu_start").address
    end = asked.prog.symbol("__per_cpu_end").address
    for cpu in cpus.present(asked.port):
        base = (start + int(offsets[cpu].value_())) & (1 << 64) - 1
        if not base <= address < base + (end - start):
            continue
        inside = (address - base + start) & (1 << 64) - 1
        # Since 6.15 the symbols are addresses of the kernel image; before, they are offsets, by
        # which drgn finds no symbol. The offset is the one that nm shows for the variable.
        name = _symbol_text(asked.symbols, inside) if inside >= KERNEL_HALF else None
        return Owner("percpu", f"per-CPU data of CPU {cpu}: {name or f'offset {inside:#x}'}")
    return None


def _cpu_stack(asked: _Asked, address: int) -> Optional[Owner]:
    """The interrupt and exception stacks, which belong to a CPU and not to a task."""
    for cpu in cpus.present(asked.port):
        for area in stacks.cpu_areas(asked.port, cpu):
            if area.base <= address < area.base + area.size:
                above = address - area.base
                return Owner(
                    "stack", f"{area.name} stack of CPU {cpu}, {above:#x} above its lowest byte"
                )
    return None


def _vmap(asked: _Asked, address: int) -> Optional[Owner]:
    if in_direct_map(asked.prog, address):
        return None
    area = find_vmap_area(asked.prog, address)
    if not area:
        return None
    start, end = int(area.va_start.value_()), int(area.va_end.value_())
    text = f"vmap area {start:#x}–{end:#x}"
    detail = []
    struct = area.vm.read_() if area.vm else None
    if struct:
        size = int(struct.size.value_())
        flags = int(struct.flags.value_())
        caller = _symbol_text(asked.symbols, int(struct.caller.value_()))
        # VM_NO_GUARD is 0x40 (include/linux/vmalloc.h); without it the last page is a guard.
        usable = size if flags & 0x40 else size - PAGE
        kind = {1: "ioremap", 2: "vmalloc", 4: "vmap"}.get(flags & 7, "vmap")
        text = f"{kind} area of {usable} bytes at {start:#x}, offset {address - start:#x}"
        if address >= start + usable:
            text = f"guard page behind the {kind} area of {usable} bytes at {start:#x}"
        if caller:
            detail.append(f"allocated by {caller}")
            if caller.startswith(("dup_task_struct", "alloc_thread_stack", "copy_process")):
                text = f"kernel stack of some task at {start:#x}, offset {address - start:#x}"
                if address >= start + usable:
                    text = f"guard page behind the kernel stack at {start:#x}"
    return Owner("vmap", text, detail)


def _struct_page(asked: _Asked, address: int) -> Optional[Owner]:
    """The struct page array (vmemmap)."""
    if in_direct_map(asked.prog, address):
        return None
    base = int(asked.prog["vmemmap"].value_()) if "vmemmap" in asked.prog else None
    if base is None:
        return None
    size = drgn.sizeof(asked.prog.type("struct page"))
    end = base + size * int(asked.prog["max_pfn"].value_())
    if not base <= address < end:
        return None
    pfn, offset = divmod(address - base, size)
    return Owner("struct-page", f"struct page of page frame {pfn:#x}, offset {offset:#x}")


def _page(asked: _Asked, address: int) -> Optional[Owner]:
    if not in_direct_map(asked.prog, address):
        return None
    page = compound_head(virt_to_page(asked.prog, address))
    flags = decode_page_flags(page)
    count = int(page._refcount.counter.value_())
    state = "free" if count == 0 else "in use"
    pfn = int(page_to_pfn(page).value_())
    return Owner(
        "page",
        f"page frame {pfn:#x} in the direct map, {state} (reference count {count})",
        [f"flags {flags}"] if flags and flags != "0" else [],
    )


_LOOKS = (_image, _module, _stack, _slab, _percpu, _cpu_stack, _vmap, _struct_page, _page)
