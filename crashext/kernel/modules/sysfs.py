# SPDX-License-Identifier: GPL-2.0-or-later
"""The attribute arrays from which the kernel serves /sys/module/NAME/sections and …/notes.

Both are a ``struct attribute_group`` and an array of attributes behind it. A count member gave
the length; since 6.14 (commit d8959b947a8d "module: sysfs: Drop member
'module_sect_attrs::nsections'" and its neighbours) ``grp.bin_attrs`` is followed to its NULL.
"""

from __future__ import annotations

from typing import Optional

from crashext.errors import Unknown
from crashext.kernel.memory import read_pointer, read_unsigned
from crashext.kernel.port import Port

#: More attributes than this is a damaged count or an array without an end.
MAX_ATTRIBUTES = 4096


def entries(kernel: Port, holder: str, address: int, counter: str, entry: str) -> list[int]:
    """The addresses of the attributes that ``holder`` (a struct at ``address``) has.

    ``entry`` is the type of an element of its array ``attrs``, ``counter`` the name of the count.
    Raises Unknown when a type is missing or the count is damaged.
    """
    count_at = kernel.member(holder, counter)
    if count_at is not None:
        count = read_unsigned(kernel, address + count_at.offset, count_at.size)
        array, step = kernel.member(holder, "attrs"), kernel.sizeof(entry)
        if array is None or step is None:
            raise Unknown(f"the debug info has no whole {holder}")
        if count > MAX_ATTRIBUTES:
            raise Unknown(f"{holder} claims {count} attributes: it is damaged")
        return [address + array.offset + i * step for i in range(count)]
    pointers = kernel.member(holder, "grp.bin_attrs")
    if pointers is None:
        raise Unknown(f"the debug info has no {holder}")
    table = read_unsigned(kernel, address + pointers.offset, pointers.size)
    found: list[int] = []
    while table and len(found) < MAX_ATTRIBUTES:
        attribute = read_pointer(kernel, table + len(found) * kernel.word)
        if not attribute:
            return found
        found.append(attribute)
    if table:
        raise Unknown(f"{holder} has more than {MAX_ATTRIBUTES} attributes: it is damaged")
    return found


def value(kernel: Port, entry: str, address: int, path: str) -> Optional[int]:
    """One member of an attribute; None when its type has no such member."""
    member = kernel.member(entry, path)
    return read_unsigned(kernel, address + member.offset, member.size) if member else None
