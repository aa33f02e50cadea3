# SPDX-License-Identifier: GPL-2.0-or-later
"""The built-in module ``crash`` of the Python inside crashext.so (crashext/native/module.c).

The names are those of PyKdump's C module, with the same meaning, plus the few marked "crashext";
what needs no C (mem2long, FD_ISSET, …) is added by crashext/pykdump/cmodule.py.
Every call is guarded: when crash gives up with ``error(FATAL)``, ``crash.error`` is raised; Ctrl-C
is ``KeyboardInterrupt``. Addresses are any int (or object with ``__index__``) from -2**63 to
2**64 - 1, taken modulo 2**64. Commands and gdb requests run in the main thread only.
"""

from typing import Optional, Union, overload

class error(Exception): ...

# Address spaces for the ``memory`` arguments.
KVADDR: int
UVADDR: int
PHYSADDR: int
XENMACHADDR: int
FILEADDR: int
AMBIGUOUS: int

PAGESIZE: int
PAGESHIFT: int  # crashext
PAGE_CACHE_SHIFT: int
HZ: int
WARNING: str
Crash_run: str  # version of the running crash
Crash_build: str  # version of the crash that crashext.so was built for
version: str  # the PyKdump release whose module this one follows

# --- memory -----------------------------------------------------------------------------------
def readmem(address: int, size: int, memory: int = ..., /) -> bytes:
    """``size`` bytes. IndexError for address 0 (PyKdump's rule; physical 0 is readable)."""

def readPtr(address: int, memory: int = ..., /) -> int:
    """A pointer. IndexError for address 0, ``crash.error`` when it cannot be read."""

def readInt(address: int, size: int, signed: int = ..., /) -> int:
    """An integer of 1, 2, 4 or 8 bytes."""

def set_readmem_task(task: int, /) -> None:
    """Reads go to this task's user memory; 0 returns to kernel memory and the former task."""

def uvtop(task: int, address: int, /) -> int: ...
def kvtop(address: int, /) -> int:
    """Physical address of a kernel virtual one. (crashext)"""

def vtop(address: int, /) -> int:
    """Alias of kvtop. (crashext)"""

def phys_to_page(physical: int, /) -> int: ...
def PAGEOFFSET(address: int, /) -> int: ...
def getListSize(address: int, offset: int, most: int, /) -> int: ...
def getFullBuckets(start: int, size: int, items: int, offset: int, /) -> list[int]: ...
def getFullBucketsH(start: int, size: int, items: int, offset: int, /) -> list[tuple[int, int]]: ...

# --- symbols ----------------------------------------------------------------------------------
def symbol_exists(name: str, /) -> int: ...
def sym2addr(name: str, /) -> int:
    """0 when there is no such symbol."""

def sym2alladdr(name: str, /) -> list[int]: ...
@overload
def addr2sym(address: int, /) -> Optional[str]: ...
@overload
def addr2sym(
    address: int, loose: int, /
) -> Union[Optional[str], tuple[Optional[str], Optional[int]]]:
    """With ``loose``: (name, offset), or (None, None). Without: the name at this very address."""

def addr2mod(address: int, loose: int = ..., /) -> Optional[str]: ...
def get_line_number(address: int, /) -> Optional[str]:
    """``FILE: LINE`` as crash shows it, None when gdb knows none. (crashext)"""

def getline(address: int, /) -> Optional[str]:
    """Alias of get_line_number. (crashext)"""

# --- types, from gdb --------------------------------------------------------------------------
def struct_size(name: str, /) -> int:
    """-1 when there is no such struct."""

def union_size(name: str, /) -> int: ...
def struct_exists(name: str, /) -> bool:
    """(crashext)"""

def member_offset(name: str, member: str, /) -> int:
    """-1 when there is no such member. Bytes."""

def member_size(name: str, member: str, /) -> int: ...
def enumerator_value(name: str, /) -> Optional[int]: ...

# --- commands ---------------------------------------------------------------------------------
def exec_crash_command(command: str, no_stdout: int = ..., /) -> str:
    """Everything the command printed, error messages included. crash.error when it gave up."""

def exec_gdb_command(command: str, /) -> str:
    """crash.error with gdb's own message when the request fails. (crashext)"""

def get_GDB_output(command: str, /) -> Optional[str]:
    """PyKdump's form of exec_gdb_command: None when the request fails."""

def register_epython_prog(name: str, description: str, shorthelp: str, longhelp: str, /) -> bool:
    """Makes the program NAME a crash command. False when the name is taken."""

def get_epython_cmds() -> list[str]: ...
def exec_epython_command(*argv: str) -> None: ...

# --- tasks ------------------------------------------------------------------------------------
def is_task_active(task: int, /) -> bool: ...
def task_to_pid(task: int, /) -> Optional[int]: ...
def pid_to_task(pid: int, /) -> int: ...
def get_task_mem_usage(task: int, /) -> tuple[int, int]:
    """(VSZ, RSS) in KiB."""

def get_uptime() -> int:
    """Jiffies."""

def get_pathname(dentry: int, vfsmnt: int, /) -> str: ...
def get_NR_syscalls() -> int: ...
def setprocname(name: str, /) -> None: ...
