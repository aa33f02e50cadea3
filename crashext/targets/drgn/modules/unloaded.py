# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules that are gone: their names, and their freed memory, by drgn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from drgn import Object, Program
from drgn.helpers.linux.list import list_for_each_entry

from crashext.engine.modules import FreedRange, Unloaded
from crashext.errors import Unknown
from crashext.kernel.modules import records
from crashext.kernel.port import Port
from crashext.targets.drgn.asking import asking
from crashext.targets.drgn.files import vmcoreinfo

#: __START_KERNEL_map (arch/x86/include/asm/page_64_types.h): the kernel image, then the modules.
_KERNEL_MAP = 0xFFFFFFFF80000000
#: MODULES_END; the exact end differs by a page or so between versions (fixmap, KMSAN).
_MODULES_END = 0xFFFFFFFFFF000000
_MAX_AREAS = 100_000


def read(prog: Program, memory: Port) -> Unloaded:
    """Names of unloaded modules and the freed ranges; ``left_behind`` stays empty."""
    result = Unloaded()
    try:
        result.last = records.last_name(memory)
    except Unknown as why:
        result.unknown["last"] = str(why)
    try:
        result.tainted = list(records.tainted(memory))
    except Unknown as why:
        result.unknown["tainted"] = str(why)
    space = module_space(prog)
    if space is None:
        result.unknown["ranges"] = "the address space of modules is known for x86-64 only"
        return result
    result.space_start, result.space_end = space
    try:
        with asking("freed module memory"):
            result.ranges = [
                FreedRange(start, end - start, "module memory, freed and not yet flushed")
                for start, end in _lazily_freed(prog)
                if space[0] <= start < space[1]
            ]
    except Unknown as why:
        result.unknown["ranges"] = str(why)
    return result


def module_space(prog: Program) -> Optional[tuple[int, int]]:
    """MODULES_VADDR and MODULES_END on x86-64: right behind the space of the kernel image.

    The image's space is 1 GiB with KASLR and 512 MiB without; the dump tells it
    (``NUMBER(KERNEL_IMAGE_SIZE)`` in VMCOREINFO, 4.1 and later).
    """
    if prog.platform is None or prog.platform.arch.name != "X86_64":
        return None
    try:
        size = int(vmcoreinfo(prog)["NUMBER(KERNEL_IMAGE_SIZE)"])
    except (KeyError, ValueError):
        size = 1 << 30 if _has_kaslr(prog) else 512 << 20
    return _KERNEL_MAP + size, _MODULES_END


def _has_kaslr(prog: Program) -> bool:
    """CONFIG_RANDOMIZE_BASE: only then the kernel has this function."""
    try:
        prog.symbol("kaslr_get_random_long")
    except LookupError:
        return False
    return True


def _lazily_freed(prog: Program) -> Iterator[tuple[int, int]]:
    """Areas that were freed and whose mappings are not yet flushed, ``[start, end)``.

    ``vmap_nodes[].lazy`` (6.9, commit 282631cb2447 "mm: vmalloc: remove global
    purge_vmap_area_root rb-tree"), ``purge_vmap_area_list`` (5.14 or so to 6.8),
    ``vmap_purge_list`` (a lock-free list, 4.6 to 5.13), a flag before.
    """
    if "vmap_nodes" in prog:
        nodes = prog["vmap_nodes"]
        for index in range(int(prog["nr_vmap_nodes"].value_())):
            yield from _areas(nodes[index].lazy.head.address_of_(), "list")
    elif "purge_vmap_area_list" in prog:
        yield from _areas(prog["purge_vmap_area_list"].address_of_(), "list")
    elif "vmap_purge_list" in prog:
        from drgn.helpers.linux.llist import llist_for_each_entry

        head = prog["vmap_purge_list"].address_of_()
        for area in llist_for_each_entry("struct vmap_area", head, "purge_list"):
            yield int(area.va_start.value_()), int(area.va_end.value_())
    else:
        for area in list_for_each_entry(
            "struct vmap_area", prog["vmap_area_list"].address_of_(), "list"
        ):
            if int(area.flags.value_()) & 1:  # VM_LAZY_FREE
                yield int(area.va_start.value_()), int(area.va_end.value_())


def _areas(head: Object, member: str) -> Iterator[tuple[int, int]]:
    for count, area in enumerate(list_for_each_entry("struct vmap_area", head, member)):
        if count >= _MAX_AREAS:
            return
        yield int(area.va_start.value_()), int(area.va_end.value_())
