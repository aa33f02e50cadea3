# SPDX-License-Identifier: GPL-2.0-or-later
"""The open dump as a whole: ``sys_info``, modules, debug info directories."""

from __future__ import annotations

import os
import re
from typing import Optional

from crashext.pykdump import containers
from crashext.pykdump.cmodule import crash
from crashext.pykdump.containers import Bunch, KernelRev, purge_typeinfo
from crashext.pykdump.lists import readList
from crashext.pykdump.structs import SmartString, forget_classes
from crashext.pykdump.typequery import forget_symbols, getSizeOf, member_offset, struct_size

_DEBUG_SUFFIXES = (".ko.debug", ".o.debug", ".ko", ".o")


def parse_sys(text: str) -> dict[str, str]:
    """Crash's ``sys`` output as a dict; a line that continues a value is joined with ``|``."""
    result: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and re.fullmatch(r"\s*[A-Z][A-Z ]*", name):
            key = name.strip()
            result[key] = value.strip()
        elif key and line.strip():
            result[key] += "|" + line.strip()
    return result


def sys_info_from(text: str) -> Bunch:
    """``sys_info`` as PyKdump programs know it, from the output of crash's ``sys``."""
    info = Bunch(dict(parse_sys(text)))
    if "DUMPFILES" in info:
        files = [part.split()[0] for part in info["DUMPFILES"].split("|") if part.split()]
        info["DUMPFILE"] = ",".join(files)
    info.setdefault("DUMPFILE", "")
    info["DUMPFILE"] = info["DUMPFILE"]
    info["livedump"] = info["DUMPFILE"].startswith("/dev/") or info["DUMPFILE"] == "/proc/kcore"
    release = info.get("RELEASE", "")
    numbers = re.match(r"\d+\.\d+(\.\d+)?", release)
    info["kernel"] = KernelRev(numbers[0] if numbers else "0.0.0")
    if "CPUS" in info:
        info["CPUS"] = int(info["CPUS"].split()[0])
    info["machine"] = (info.get("MACHINE", "").split() or [""])[0]
    namelist = info.get("DEBUG KERNEL", info.get("KERNEL", ""))
    namelist = namelist.split("[")[0].strip()
    info["DebugDir"] = os.path.dirname(namelist) or "."
    places = [
        f"/usr/lib/debug/lib/modules/{release}",
        f"/usr/lib/kernel-image-{release}-dbg/lib/modules/{release}/",
    ]
    if info["livedump"]:
        places.insert(0, ".")
    else:
        places.append(info["DebugDir"])
    places.append(f"/lib/modules/{release}")
    info["debuginfo"] = places
    return info


#: The ``sys_info`` that programs have, and may have changed.
_current: Optional[Bunch] = None


def read_sys_info() -> Bunch:
    """``sys_info`` of the open dump."""
    global _current
    info = sys_info_from(crash.exec_crash_command("sys"))
    pointer = getSizeOf("void *")
    info["pointersize"] = pointer
    info["pointermask"] = (1 << (8 * pointer)) - 1
    info["HZ"] = crash.HZ
    containers.livedump = info["livedump"]
    _current = info
    return info


def possibleModuleNames(topdir: Optional[str], fbase: str) -> Optional[str]:
    """A file with debug info of the module ``fbase`` somewhere under ``topdir``, or None."""
    if topdir is None:
        return None
    wanted = [fbase + suffix for suffix in _DEBUG_SUFFIXES]
    for directory, _subdirectories, names in os.walk(topdir):
        for name in wanted:
            if name in names:
                return os.path.join(directory, name)
    return None


_loaded: dict[str, bool] = {}


def loadModule(modname: str, ofile: Optional[str] = None, altname: Optional[str] = None) -> bool:
    """Loads a module's debug info into crash (``mod -s``); looks for the file when not given.

    ``altname`` is the name in the module list when it differs from the file's. False when there
    is no file or no such module.
    """
    if modname in _loaded:
        return _loaded[modname]
    altname = altname or modname
    if ofile is None:
        for place in (_current or read_sys_info()).debuginfo:
            for name in (modname, modname.replace("_", "-")):
                ofile = ofile or possibleModuleNames(place, name)
    if ofile is None or altname not in lsModules():
        return False
    output = crash.exec_crash_command(f"mod -s {altname} {ofile}")
    _loaded[modname] = "MODULE" in output
    _types_changed()
    return _loaded[modname]


def delModule(modname: str) -> None:
    """Takes out the debug info that :func:`loadModule` loaded."""
    if _loaded.pop(modname, None) is not None:
        crash.exec_crash_command(f"mod -d {modname}")
        _types_changed()


def _types_changed() -> None:
    purge_typeinfo()
    forget_classes()
    forget_symbols()


def lsModules() -> list[str]:
    """Names of the loaded modules, newest first; what can be read of the list."""
    head = crash.sym2addr("modules")
    list_offset = member_offset("struct module", "list")
    name_offset = member_offset("struct module", "name")
    if not head or list_offset < 0 or struct_size("struct module") < 0:
        return []
    names = []
    for link in readList(head, 0, None, False):
        try:
            address = link - list_offset + name_offset
            names.append(str(SmartString(crash.readmem(address, 56), address)))
        except crash.error:
            continue
    return names
