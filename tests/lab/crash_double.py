# SPDX-License-Identifier: GPL-2.0-or-later
"""A stand-in for the C module ``crash`` that reads a real vmcore through drgn.

It has the functions of the C module that need crash itself, with the same errors, so that the
PyKdump API can be tested without the crash program. What needs crash's commands answers from a
table that a test fills in.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, Optional

import drgn
from drgn.helpers.linux.mm import follow_phys, phys_to_page
from drgn.helpers.linux.pid import find_task

KVADDR, UVADDR, PHYSADDR = 1, 2, 4


class CrashError(Exception):
    """``crash.error``"""


class CrashDouble(ModuleType):
    error = CrashError
    version = "3.2.3"
    KVADDR, UVADDR, PHYSADDR, XENMACHADDR, AMBIGUOUS = KVADDR, UVADDR, PHYSADDR, 8, ~0
    PAGESIZE, PAGE_CACHE_SHIFT, HZ = 4096, 12, 250

    def __init__(self, program: drgn.Program) -> None:
        super().__init__("crash")
        self.program = program
        #: Output by command line, for exec_crash_command.
        self.outputs: dict[str, str] = {}
        self.gdb_outputs: dict[str, str] = {}
        self.registered: list[tuple[str, ...]] = []

    def readmem(self, address: int, size: int, kind: int = KVADDR) -> bytes:
        if not address:
            raise IndexError("readPtr NULL pointer")
        try:
            return self.program.read(address, size, kind == PHYSADDR)
        except (drgn.FaultError, OverflowError) as error:
            raise CrashError(f"readmem error at addr 0x{address:x}: {error}") from None

    def readPtr(self, address: int, kind: int = KVADDR) -> int:
        return int.from_bytes(self.readmem(address, 8, kind), "little")

    def readInt(self, address: int, size: int, signed: int = 0) -> int:
        return int.from_bytes(self.readmem(address, size), "little", signed=bool(signed))

    def PAGEOFFSET(self, address: int) -> int:
        return address % self.PAGESIZE

    def getListSize(self, address: int, offset: int, most: int) -> int:
        count, current = 0, address
        while count < most:
            current = self.readPtr(current + offset)
            if current in (0, address):
                break
            count += 1
        return count

    def getFullBuckets(self, start: int, size: int, items: int, offset: int = 0) -> list[int]:
        found = (self.readPtr(start + i * size + offset) for i in range(items))
        return [chain for chain in found if chain]

    def getFullBucketsH(self, start: int, size: int, items: int, offset: int = 0) -> list[int]:
        return [s for s in range(start, start + items * size, size) if self.readPtr(s + offset)]

    def get_NR_syscalls(self) -> int:
        return int(self.program["sys_call_table"].type_.length)

    def exec_crash_command(self, command: str, no_stdout: int = 0) -> str:
        try:
            return self.outputs[command]
        except KeyError:
            raise CrashError(f"no such command: {command}") from None

    def get_GDB_output(self, command: str) -> Optional[str]:
        return self.gdb_outputs.get(command)

    def symbol_exists(self, name: str) -> int:
        return int(self.sym2addr(name) != 0)

    def sym2addr(self, name: str) -> int:
        try:
            return self.program.symbol(name).address
        except LookupError:
            return 0

    def sym2alladdr(self, name: str) -> list[int]:
        return [symbol.address for symbol in self.program.symbols(name)]

    def addr2sym(self, address: int, loose: int = 0) -> Any:
        try:
            symbol = self.program.symbol(address)
        except LookupError:
            return (None, None) if loose else None
        if loose:
            return symbol.name, address - symbol.address
        return symbol.name if symbol.address == address else None

    def addr2mod(self, address: int, loose: int = 0) -> Optional[str]:
        try:
            module = self.program.module(address)
        except LookupError:
            return None
        return None if module.name == "kernel" else module.name

    def uvtop(self, task: int, address: int) -> int:
        object_ = drgn.Object(self.program, "struct task_struct *", task)
        try:
            return follow_phys(object_.mm, address).value_()
        except drgn.FaultError as error:
            raise CrashError(f"uvtop error at vaddr 0x{address:x}: {error}") from None

    def phys_to_page(self, physical: int) -> int:
        return phys_to_page(self.program, physical).value_()

    def pid_to_task(self, pid: int) -> int:
        return find_task(self.program, pid).value_()

    def task_to_pid(self, task: int) -> int:
        return drgn.Object(self.program, "struct task_struct *", task).pid.value_()

    def is_task_active(self, task: int) -> bool:
        return bool(drgn.Object(self.program, "struct task_struct *", task).on_cpu.value_())

    def get_uptime(self) -> int:
        return (self.program["jiffies_64"].value_() - (-300 * self.HZ & 0xFFFFFFFF)) & (2**64 - 1)

    def get_pathname(self, dentry: int, mount: int) -> str:
        from drgn.helpers.linux.fs import dentry_path

        return "/" + dentry_path(drgn.Object(self.program, "struct dentry *", dentry)).decode()

    def get_task_mem_usage(self, task: int) -> tuple[int, int]:
        return (0, 0)

    def set_readmem_task(self, task: int) -> None:
        return None

    def register_epython_prog(self, *words: str) -> bool:
        self.registered.append(words)
        return True

    def get_epython_cmds(self) -> list[str]:
        return [words[0] for words in self.registered]

    def exec_epython_command(self, *words: str) -> None:
        raise CrashError("the double runs no programs")
