# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: F401 (everything imported here is the API)
"""``from pykdump.API import *``: everything that PyKdump programs use.

Programs rely on the star import for some standard modules too (``os``, ``sys``, ``re`` …), so
this module has no ``__all__``.
"""

from __future__ import annotations

import atexit
import importlib
import os
import os.path
import pprint
import re
import select
import stat
import string
import sys
import time
import traceback
from collections import defaultdict
from optparse import Option, OptionParser
from typing import Any, Optional

import crashext.pykdump as pykdump
from crashext.pykdump import Generic as gen
from crashext.pykdump import options as _options
from crashext.pykdump import wrapcrash
from crashext.pykdump.cmodule import crash
from crashext.pykdump.commands import (
    exec_command,
    exec_crash_command,
    exec_crash_command_bg,
    exec_crash_command_bg2,
    exec_gdb_command,
)
from crashext.pykdump.containers import (
    CU_LIVE,
    CU_LOAD,
    CU_PYMOD,
    CU_TIMEOUT,
    Bunch,
    DCache,
    PY_select,
    PY_select_purge,
    TrueOnce,
    dbits2str,
    forget_missing,
    getCurrentModule,
    hexl,
    iterN,
    memoize_cond,
    memoize_typeinfo,
    print2columns,
    purge_memoize_cache,
    purge_typeinfo,
    registerModuleAttr,
    registerObjAttrHandler,
    unsigned16,
    unsigned32,
    unsigned64,
)
from crashext.pykdump.declarations import CDefine, CEnum
from crashext.pykdump.lists import (
    LH_isempty,
    ListHead,
    SUArray,
    hlist_for_each_entry,
    list_for_each_entry,
    readBadList,
    readList,
    readListByHead,
    readStructNext,
    readSUArray,
    readSUListFromHead,
)
from crashext.pykdump.memory import (
    readIntN,
    readmem,
    readProcessMem,
    readPtr,
    readS32,
    readS64,
    readU8,
    readU16,
    readU32,
    readU64,
)
from crashext.pykdump.output import offer_bytes
from crashext.pykdump.pylog import ERROR, INFO, WARNING, MsgExtra, PyLog, pylog
from crashext.pykdump.session import (
    delModule,
    loadModule,
    lsModules,
    possibleModuleNames,
    read_sys_info,
)
from crashext.pykdump.structs import (
    Addr,
    AttrSetter,
    Deref,
    SmartList,
    SmartString,
    StructResult,
    parseDerefString,
    printObject,
    readSU,
    structSetAttr,
    structSetProcAttr,
    tEnum,
    tPtr,
)
from crashext.pykdump.tasks import pid_to_task, task_to_pid
from crashext.pykdump.typeinfo import (
    TYPE_CODE_SU,
    ArtStructInfo,
    EnumInfo,
    SUInfo,
    TypeInfo,
    VarInfo,
)
from crashext.pykdump.typequery import (
    container_of,
    enumerator_value,
    funcargs,
    getSizeOf,
    getStructInfo,
    member_offset,
    member_size,
    readSymbol,
    sdef2ArtSU,
    struct_exists,
    struct_size,
    symbol_exists,
    union_size,
    whatis,
)

long = int
pp = pprint.PrettyPrinter(indent=4)
debug = 0
require_cmod_version = pykdump.require_cmod_version

# Straight from the C module.
HZ = crash.HZ
PAGESIZE = crash.PAGESIZE
PAGE_CACHE_SHIFT = crash.PAGE_CACHE_SHIFT
addr2mod = crash.addr2mod
addr2sym = crash.addr2sym
cpu_to_le32 = crash.cpu_to_le32
FD_ISSET = crash.FD_ISSET
get_NR_syscalls = crash.get_NR_syscalls
get_pathname = crash.get_pathname
get_uptime = crash.get_uptime
getFullBuckets = crash.getFullBuckets
getFullBucketsH = crash.getFullBucketsH
getListSize = crash.getListSize
is_task_active = crash.is_task_active
le16_to_cpu = crash.le16_to_cpu
le32_to_cpu = crash.le32_to_cpu
mem2long = crash.mem2long
phys_to_page = crash.phys_to_page
register_epython_prog = crash.register_epython_prog
set_default_timeout = crash.set_default_timeout
set_readmem_task = crash.set_readmem_task
sLong = crash.sLong
sym2addr = crash.sym2addr
sym2alladdr = crash.sym2alladdr
uvtop = crash.uvtop

PTR_SIZE = pointersize = getSizeOf("void *")
INT_SIZE = getSizeOf("int")
LONG_SIZE = getSizeOf("long")
BITS_PER_INT = 8 * INT_SIZE
BITS_PER_LONG = 8 * LONG_SIZE
INT_MASK = (1 << BITS_PER_INT) - 1
LONG_MASK = (1 << BITS_PER_LONG) - 1
INT_MAX = INT_MASK >> 1
LONG_MAX = LONG_MASK >> 1
readInt = readS32
readUInt = readU32
uInt = unsigned32
readLong = readS64 if LONG_SIZE == 8 else readS32
readULong = readU64 if LONG_SIZE == 8 else readU32
uLong = unsigned64 if LONG_SIZE == 8 else unsigned32

#: The dump: crash's ``sys`` as a Bunch, and kernel, machine, HZ, pointersize, debuginfo, …
sys_info = read_sys_info()
#: The options common to all programs (--debug, --experimental, …).
API_options = _options.API_options


def ALIGN(addr: int, align: int) -> int:
    """``addr`` rounded up to a multiple of ``align``, a power of two."""
    return (int(addr) + align - 1) & ~(align - 1)


@memoize_cond(CU_LIVE)
def get_task_mem_usage(addr: int) -> Any:
    """(virtual, resident) KiB of a task, from crash."""
    return crash.get_task_mem_usage(addr)


def atomic_t(obj: Any) -> Any:
    """The counter of an atomic_t; other values as they are.

    refcount_t and kref hold an atomic_t one or two levels down.
    """
    for name in ("refcount", "refs", "counter"):
        if isinstance(obj, StructResult) and obj.hasField(name):
            obj = getattr(obj, name)
    return obj


def isfileoutput() -> bool:
    """True when the output goes to a regular file."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):
        return False


_percpu_range = tuple(
    sym2addr(name) if symbol_exists(name) else 0 for name in ("__per_cpu_start", "__per_cpu_end")
)


def is_percpu_symbol(addr: int) -> bool:
    """True when the address is that of a per-CPU variable of the kernel proper."""
    return bool(_percpu_range[1]) and _percpu_range[0] <= addr < _percpu_range[1]


class _SymbolReader:
    """``PYKD.jiffies`` is ``readSymbol("jiffies")``."""

    def __getattr__(self, name: str) -> Any:
        return readSymbol(name)


PYKD = _SymbolReader()

_nsproxy: Any = None


def get_nsproxy() -> Any:
    """The namespaces that network programs look at: init's, or those of --usens PID."""
    if _nsproxy is None and symbol_exists("init_nsproxy"):
        return readSymbol("init_nsproxy")
    return _nsproxy


def set_nsproxy(pid: Optional[int] = None) -> None:
    global _nsproxy
    if pid is None:
        _nsproxy = None
        return
    address = pid_to_task(pid)
    if not address:
        print(f"There is no PID={pid}")
        sys.exit(1)
    _nsproxy = readSU("struct task_struct", address).nsproxy


def argv2s(argv: list[str]) -> str:
    """A command line for display: the program's base name, quotes around words with spaces."""
    words = [os.path.basename(argv[0]), *argv[1:]] if argv else []
    return " " + " ".join(f'"{word}"' if " " in word else word for word in words) + " "


def _now() -> tuple[float, float, float]:
    times = os.times()
    return time.time(), times.user + times.system, times.children_user


#: Clock, CPU time, CPU time of children when the program began.
_started = _now()


def enter_epython() -> None:
    """Called before each program: takes the common options out of ``sys.argv``."""
    global _started, debug, pp
    DCache.cleartmp()
    _started = _now()
    pp = pprint.PrettyPrinter(indent=4)
    pylog.cleanup()
    sys.__dict__["__oldargv"] = list(sys.argv)
    values = _options.take_common_options(sys.argv)
    debug = API_options.debug
    set_nsproxy(values.usens)
    offer_bytes(sys.stdout)
    forget_missing()
    set_readmem_task(0)
    if isfileoutput():
        dump = os.path.abspath((sys_info.DUMPFILE.split() or ["?"])[0])
        print(f"\n   {argv2s(sys.__dict__['__oldargv']):*^60s}")
        print(f" {f' {dump} ({sys_info.RELEASE}) ':o^77s}")
    sys.path.insert(0, os.path.dirname(sys.argv[0]) if sys.argv else "")


def exit_epython() -> None:
    """Called after each program: the summary of problems, the time it took."""
    if sys.path:
        sys.path.pop(0)
    pylog.onexit()
    cleanup()
    _options.end_redirection()


def cleanup() -> None:
    set_readmem_task(0)
    real, cpu, children = (now - start for now, start in zip(_now(), _started))
    extra = f", Child processes: {children:6.2f}s" if children > 0.001 else ""
    print(f"\n ** Execution took {real:6.2f}s (real) {cpu:6.2f}s (CPU){extra}")
    sys.stdout.flush()


# Hooks that the epython command calls around every later program; this one, which imports the
# API first, has already begun.
sys.__dict__["enterepython"] = enter_epython
sys.__dict__["exitepython"] = exit_epython
if "_crashext" in sys.modules and sys.argv[:1] == [
    getattr(sys.modules.get("__main__"), "__file__", None)
]:
    enter_epython()
