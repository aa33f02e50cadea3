# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads modules' debug files into crash, so that its ``dis -l``, ``bt -l`` and ``sym`` have lines.

drgn finds the file of the very build and knows where the kernel put each section; crash and its
gdb get both (``do_load_module`` in crashext/native/module.c says why ``mod -s`` is not enough).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Optional

import _crashext
import crash
import drgn
from drgn.helpers.linux.module import find_module, for_each_module

from crashext.debugfiles import choose
from crashext.errors import Unknown
from crashext.files import regular_descriptor
from crashext.packed import packing, unpack_to_memory
from crashext.pykdump.crash_files import opened
from crashext.pykdump.drgn_over_crash import program
from crashext.targets.drgn.files import DebugFileFinder

#: crash keeps 255 bytes of a module file's path (MAX_MOD_NAMELIST in crash's defs.h).
MAX_PATH = 255

#: Module name → the path that crash got from us.
_loaded: dict[str, str] = {}
#: Module name → the file itself.
_origin: dict[str, str] = {}
#: What gdb has been told about sources.
_told: set[str] = set()
#: Files that crash reads through /proc/self/fd: they stay open for the session.
_open: dict[str, int] = {}


def gdb_command(file: str, base: int, sections: Mapping[str, int], with_init: bool) -> str:
    """gdb's ``add-symbol-file`` for a module file.

    :param base: stands for ``.text`` when the module has none.
    :param with_init: the ``.init`` sections are still there; after a module's start the kernel
        frees them and their addresses may be another module's.
    """
    words = ["add-symbol-file", quoted(file), f"{sections.get('.text', base):#x}"]
    for name, address in sections.items():
        if name != ".text" and (with_init or not name.startswith(".init")):
            words += ["-s", quoted(name), f"{address:#x}"]
    return " ".join(words)


def quoted(word: str) -> str:
    """A word for gdb's command line (gdb_buildargv: quotes and backslashes as in a shell)."""
    if all(c.isalnum() or c in "/._-+:@%" for c in word):
        return word
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"


def short_path(path: str) -> str:
    """A path to the plain ELF file that crash can keep: packed files are unpacked in memory."""
    if packing(path) is None and len(os.fsencode(path)) <= MAX_PATH:
        return path
    if path not in _open:
        if packing(path) is None:
            _open[path] = regular_descriptor(path)
        else:
            _open[path] = unpack_to_memory(path)
    return f"/proc/self/fd/{_open[path]}"


def debug_file(module: drgn.RelocatableModule) -> str:
    """The file with the module's debug info; it may be packed. Raises Unknown."""
    if module.wants_debug_file():
        module.prog.load_module_debug_info(module)
    path = module.debug_file_path
    if path is not None and os.path.exists(path):
        return str(path)
    # drgn got the file unpacked and has no path that can be opened: look for it again.
    wanted = module.build_id.hex() if module.build_id else None
    candidates = DebugFileFinder.of(module.prog).module_files(module.name, wanted)
    choice = choose(candidates, wanted, "module")
    if choice.file is None:
        raise Unknown(f"no file with debug info for module {module.name}; give its directory: -S")
    return choice.file.path


def source_commands(words: Iterable[str], origins: Iterable[str]) -> list[str]:
    """gdb commands by which ``dis -s`` finds sources where explain does.

    :param words: of --source-dir: a directory, or OLD=NEW for a path prefix.
    :param origins: directories of the dump and of the module file.
    """
    commands, directories = [], list(origins)
    for word in words:
        old, mapped, new = word.partition("=")
        if mapped:
            commands.append(f"set substitute-path {quoted(old)} {quoted(new)}")
        else:
            directories.insert(0, word)
    # gdb separates directories with colons and has no way to write one in a name.
    names = [quoted(name) for name in dict.fromkeys(directories) if name and ":" not in name]
    if names:
        commands.append("directory " + " ".join(names))
    return commands


def teach_sources(words: Iterable[str], module_file: Optional[str]) -> None:
    """Tells crash's gdb where sources are; what it was told before stays."""
    files = (module_file, opened().dump)
    origins = [os.path.dirname(file) for file in files if file is not None]
    for command in source_commands(words, origins):
        if command not in _told:
            _told.add(command)
            try:
                crash.exec_gdb_command(command)
            except crash.error as error:
                raise Unknown(" ".join(str(error).split())) from None


def load_lines(name: str, source_dirs: Iterable[str] = ()) -> str:
    """Makes crash know the lines of a module; returns the path of the file it uses.

    Does nothing when it has loaded that file before. Raises Unknown with the reason.
    """
    path = _load(name)
    teach_sources(source_dirs, _origin.get(name))
    return path


def _load(name: str) -> str:
    known = _crashext.module_file(name)
    if known is not None and known == _loaded.get(name):
        return known
    prog = program()
    try:
        kernel_module = find_module(prog, name)
        if not kernel_module:
            raise Unknown(f"no module {name} is loaded")
        module = prog.linux_kernel_loadable_module(kernel_module, create=True)
        origin = debug_file(module)
        path = short_path(origin)
        coming = kernel_module.state == prog.constant("MODULE_STATE_COMING")
        base = min(start for start, _ in module.address_ranges or ())
        command = gdb_command(path, base, dict(module.section_addresses), bool(coming))
        _crashext.load_module(name, path, command)
    except drgn.MissingDebugInfoError:
        raise Unknown(f"no debug info for module {name}; give its directory: -S") from None
    except (drgn.FaultError, LookupError, ValueError, OSError) as error:
        raise Unknown(f"module {name}: {error}") from None
    except crash.error as error:
        raise Unknown(" ".join(str(error).split())) from None
    _loaded[name], _origin[name] = path, origin
    return path


def module_names() -> list[str]:
    """The loaded modules, the newest first; as many as the list in memory yields."""
    names: list[str] = []
    try:
        for module in for_each_module(program()):
            names.append(module.name.string_().decode(errors="backslashreplace"))
    except (drgn.FaultError, LookupError):
        pass  # a damaged list: what was read of it
    return names
