# SPDX-License-Identifier: GPL-2.0-or-later
"""What a debugger must be able to do for :mod:`crashext.kernel` to ask its kernel.

:class:`Port` is the whole obligation: drgn, crash and gdb each fulfil it in one small file. The
other protocols are gifts that some debuggers have; they are told apart with ``isinstance``, and a
question that needs one says so when it is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional, Protocol, runtime_checkable


class Member(NamedTuple):
    """Where a member is in its structure, in bytes."""

    offset: int
    size: int


class Port(Protocol):
    """One kernel's memory and types. All addresses are virtual and in bytes."""

    word: int  # bytes of a pointer
    little: bool

    def read(self, address: int, size: int) -> bytes:
        """Raises Unknown when any byte of it cannot be read."""

    def symbol(self, name: str) -> Optional[int]:
        """The address of a variable or function of the kernel proper.

        Of a per-CPU variable the address that ``__per_cpu_offset`` is added to.
        """

    def sizeof(self, type_name: str) -> Optional[int]:
        """``struct module`` → its size; None when the kernel has no such type."""

    def member(self, type_name: str, path: str) -> Optional[Member]:
        """``("struct module", "mkobj.kobj")``; None when the type or the member is not there."""

    def enumerators(self, type_name: str) -> Mapping[str, int]:
        """``enum mod_mem_type`` → name → value; empty when the kernel has no such type."""


@runtime_checkable
class PhysicalMemory(Protocol):
    """A gift: memory by physical address, which page tables are made of."""

    def read_physical(self, address: int, size: int) -> bytes:
        """Raises Unknown when any byte of it cannot be read."""


@runtime_checkable
class TaskIndex(Protocol):
    """A gift: the debugger finds a task by its number without walking all tasks."""

    def find_task(self, pid: int) -> Optional[int]:
        """Address of the ``task_struct`` with a pid of the initial namespace, None: there is none.

        Raises Unknown when the kernel's index cannot be read.
        """


@runtime_checkable
class SymbolBounds(Protocol):
    """A gift: symbols know where they end."""

    def symbol_size(self, name: str) -> Optional[int]:
        """Bytes of a function of the kernel proper, None when nobody knows."""

    def symbol_name(self, address: int) -> Optional[str]:
        """The symbol that holds an address, None when there is none."""
