# SPDX-License-Identifier: GPL-2.0-or-later
"""The module list: one short record a module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Optional

from drgn import Object, Program
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.module import for_each_module, module_address_regions, module_taints

from crashext.engine.model import Module
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.symbols import MAX_MODULES, Symbols

#: More users than this is a list gone wrong.
MAX_USERS = 256

#: enum module_state (include/linux/module.h).
_STATES = {0: "live", 1: "loading", 2: "unloading", 3: "loading"}


def summaries(prog: Program, symbols: Symbols) -> list[Module]:
    """All modules in the order of the kernel's list (newest first)."""
    return [_summary(prog, module) for module in _bounded(for_each_module(prog), MAX_MODULES)]


def _bounded(objects: Iterable[Object], limit: int) -> Iterator[Object]:
    seen: set[int] = set()
    for count, item in enumerate(objects):
        address = int(item.value_())
        if count >= limit or address in seen:
            return
        seen.add(address)
        yield item


def _summary(prog: Program, module: Object) -> Module:
    result = Module(name=_text(module.name) or "?")
    try:
        regions = [(base, size) for base, size in module_address_regions(module) if base and size]
        if regions:
            result.address = regions[0][0]
            result.size = sum(size for _, size in regions)
    except NO_ANSWER:
        pass
    result.state = _STATES.get(_number(module, "state", -1))
    refcount = _refcount(module)
    result.refcount = refcount
    try:
        result.taints = module_taints(module)
    except NO_ANSWER:
        pass
    result.version = _text_member(module, "version")
    result.srcversion = _text_member(module, "srcversion")
    result.used_by = list(_users(module))
    result.build_id = _build_id(prog, module, result.name)
    try:
        result.debug_info = prog.module(result.name).debug_file_path
    except NO_ANSWER:
        pass
    return result


def _refcount(module: Object) -> Optional[int]:
    """lsmod's count: the counter is one more while the module is in use at all (3.19 and later)."""
    try:
        count = int(module.refcnt.counter.value_())
    except NO_ANSWER:
        return None
    # MODULE_REF_BASE (kernel/module.c, commit 2f35c41f58a9); 0 once unloading has begun.
    return max(count - 1, 0)


def _users(module: Object) -> Iterator[str]:
    try:
        uses = list_for_each_entry(
            "struct module_use", module.source_list.address_of_(), "source_list"
        )
        for use in _bounded(uses, MAX_USERS):
            name = _text(use.source.name)
            if name:
                yield name
    except NO_ANSWER:
        return


def _build_id(prog: Program, module: Object, name: str) -> Optional[str]:
    try:
        # Since 5.14 (commit 9294523e3768 "module: add printk formats to add module build ID to
        # stacktraces") when CONFIG_STACKTRACE_BUILD_ID is set.
        data = bytes(module.build_id.value_())
        if any(data):
            return data.hex()
    except NO_ANSWER:
        pass
    try:
        known = prog.module(name).build_id
        return known.hex() if known else None
    except NO_ANSWER:
        return None


def last_unloaded(prog: Program) -> Optional[str]:
    """The kernel's record of the module unloaded last, None when none was."""
    record = prog["last_unloaded_module"]
    try:
        # Since 6.0 a struct of name and taints (commit 6f1dae1d84b6 "module: Show the last
        # unloaded module's taint flag(s)"); before, the name itself.
        return _text(record.name) or None
    except AttributeError:
        return _text(record) or None


def _number(module: Object, member: str, default: int) -> int:
    try:
        return int(module.member_(member).value_())
    except NO_ANSWER:
        return default


def _text(value: Object) -> str:
    return str(value.string_().decode(errors="replace"))


def _text_member(module: Object, member: str) -> Optional[str]:
    try:
        pointer = module.member_(member)
        return _text(pointer) if pointer else None
    except NO_ANSWER:
        return None
