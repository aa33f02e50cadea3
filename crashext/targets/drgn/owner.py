# SPDX-License-Identifier: GPL-2.0-or-later
"""What lives at an address: slab object, page, stack, per-CPU data, module section, vmap area.

Each look-up follows the kernel's own index (slab of a page, vmap tree, module tree), so the cost
does not grow with the machine. Nothing here walks all tasks or all pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import drgn
from drgn import Object, Program
from drgn.helpers.linux.mm import (
    compound_head,
    decode_page_flags,
    find_vmap_area,
    in_direct_map,
    page_to_pfn,
    virt_to_page,
)

from crashext.errors import Unknown
from crashext.targets.base import Owner
from crashext.targets.drgn import cpus, slab
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.symbols import KERNEL_HALF, Symbols

PAGE = 4096


def of(prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object] = ()) -> Owner:
    """The owner of an address.

    :param tasks: tasks whose stacks are compared first (the crashed one, those on the CPUs).
    """
    if address < PAGE:
        return Owner("null", f"the page at address 0, never mapped (offset {address:#x})")
    if address >> 47 == 0:
        return Owner("user", "a user-space address: nothing of the kernel lies there")
    if address >= (1 << 64) - 4095:
        return Owner("errno", f"an error number as a pointer ({address - (1 << 64)})")
    if address >> 47 != 0x1FFFF and not _five_levels(prog):
        return Owner("non-canonical", "a non-canonical address: it can never be mapped")
    for look in _LOOKS:
        try:
            found = look(prog, symbols, address, tasks)
        except NO_ANSWER:
            continue
        if found is not None:
            return found
    raise Unknown(f"nothing is known to live at {address:#x}")


def _five_levels(prog: Program) -> bool:
    try:
        return bool(prog["__pgtable_l5_enabled"].value_())
    except LookupError:
        return False


def _image(
    prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object]
) -> Optional[Owner]:
    if not symbols.in_kernel_image(address):
        return None
    name = _symbol_text(symbols, address)
    section = _image_section(prog, address)
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


def _module(
    prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object]
) -> Optional[Owner]:
    name = symbols.module_name(address)
    if name is None:
        return None
    section = _module_section(prog, name, address)
    symbol = _symbol_text(symbols, address)
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


def _stack(
    prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object]
) -> Optional[Owner]:
    size = cpus.thread_size(prog)
    for task in tasks:
        base = int(task.stack.value_())
        who = task_text(task)
        if base <= address < base + size:
            return Owner(
                "stack", f"kernel stack of {who}, {address - base:#x} above its lowest byte"
            )
        if base - PAGE <= address < base:
            return Owner(
                "stack", f"guard page below the kernel stack of {who}: the stack overflowed"
            )
    return None


def task_text(task: Object) -> str:
    """``rmmod (pid 91)``."""
    comm = task.comm.string_().decode(errors="replace")
    return f"{comm} (pid {int(task.pid.value_())})"


def _slab(
    prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object]
) -> Optional[Owner]:
    return slab.owner(prog, symbols, address)


def _percpu(
    prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object]
) -> Optional[Owner]:
    """The first chunk's unit of some CPU: static per-CPU variables lie at its start."""
    offsets = prog["__per_cpu_offset"]
    start = prog.symbol("__per_cpu_start").address
    end = prog.symbol("__per_cpu_end").address
    for cpu in cpus.present_cpus(prog):
        base = (start + int(offsets[cpu].value_())) & (1 << 64) - 1
        if not base <= address < base + (end - start):
            continue
        inside = (address - base + start) & (1 << 64) - 1
        # Since 6.15 the symbols are addresses of the kernel image; before, they are offsets, by
        # which drgn finds no symbol. The offset is the one that nm shows for the variable.
        name = _symbol_text(symbols, inside) if inside >= KERNEL_HALF else None
        return Owner("percpu", f"per-CPU data of CPU {cpu}: {name or f'offset {inside:#x}'}")
    return None


def _cpu_stack(
    prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object]
) -> Optional[Owner]:
    """The interrupt and exception stacks, which belong to a CPU and not to a task."""
    for cpu in cpus.present_cpus(prog):
        for area in cpus.cpu_stack_areas(prog, cpu):
            if area.base <= address < area.base + area.size:
                above = address - area.base
                return Owner(
                    "stack", f"{area.name} stack of CPU {cpu}, {above:#x} above its lowest byte"
                )
    return None


def _vmap(
    prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object]
) -> Optional[Owner]:
    if in_direct_map(prog, address):
        return None
    area = find_vmap_area(prog, address)
    if not area:
        return None
    start, end = int(area.va_start.value_()), int(area.va_end.value_())
    text = f"vmap area {start:#x}–{end:#x}"
    detail = []
    struct = area.vm.read_() if area.vm else None
    if struct:
        size = int(struct.size.value_())
        flags = int(struct.flags.value_())
        caller = _symbol_text(symbols, int(struct.caller.value_()))
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


def _struct_page(
    prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object]
) -> Optional[Owner]:
    """The struct page array (vmemmap)."""
    if in_direct_map(prog, address):
        return None
    base = int(prog["vmemmap"].value_()) if "vmemmap" in prog else None
    if base is None:
        return None
    size = drgn.sizeof(prog.type("struct page"))
    end = base + size * int(prog["max_pfn"].value_())
    if not base <= address < end:
        return None
    pfn, offset = divmod(address - base, size)
    return Owner("struct-page", f"struct page of page frame {pfn:#x}, offset {offset:#x}")


def _page(
    prog: Program, symbols: Symbols, address: int, tasks: Sequence[Object]
) -> Optional[Owner]:
    if not in_direct_map(prog, address):
        return None
    page = compound_head(virt_to_page(prog, address))
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
