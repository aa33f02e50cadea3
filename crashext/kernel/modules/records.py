# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own records of modules that were unloaded. Needs only bytes and layouts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from crashext.engine import taint
from crashext.engine.modules import UnloadedModule
from crashext.errors import Unknown
from crashext.kernel.memory import (
    read_record,
    read_string,
    text_of,
    walk_list,
)
from crashext.kernel.port import Port

_NAME = 64


def last_name(memory: Port) -> Optional[str]:
    """``last_unloaded_module``: the name, or (since 6.0) a structure that begins with it
    (commit 6f1dae1d84b6 "module: Show the last unloaded module's taint flag(s)")."""
    address = memory.symbol("last_unloaded_module")
    if address is None:
        raise Unknown("this kernel keeps no name of the last unloaded module")
    return read_string(memory, address, _NAME) or None


def tainted(memory: Port) -> Iterator[UnloadedModule]:
    """``unloaded_tainted_modules`` (6.0, CONFIG_MODULE_UNLOAD_TAINT_TRACKING)."""
    kind = "struct mod_unload_taint"
    head, link = memory.symbol("unloaded_tainted_modules"), memory.member(kind, "list")
    if head is None or link is None:
        raise Unknown("this kernel does not record which tainting modules were unloaded "
                      "(CONFIG_MODULE_UNLOAD_TAINT_TRACKING)")  # fmt: skip
    for node in walk_list(memory, head).nodes:
        record = read_record(memory, kind, node - link.offset)
        name = text_of(record.bytes("name").partition(b"\0")[0])
        letters = taint.from_mask(record.unsigned("taints")).letters
        yield UnloadedModule(name, letters, record.unsigned("count"))
