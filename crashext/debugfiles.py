# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds vmlinux and module files with debug info, by build-id first and by name second.

A file that bears the right name but another build is never taken; it is told which build-id it
has and which the dump wants. Places, in order: files given with -s, directories given with -S, the
directory of the dump, /usr/lib/debug (by build-id and by release), /lib/modules/RELEASE/build.
debuginfod comes last and only when DEBUGINFOD_URLS is set (libdebuginfod, inside drgn).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from crashext.engine.elf import Buffer, Elf, ElfError, read_elf
from crashext.errors import Unknown
from crashext.files import is_plain_name, map_regular
from crashext.packed import packing, unpack

#: Where distributions put debug files (GDB manual, "Debugging Information in Separate Files").
DEBUG_ROOT = "/usr/lib/debug"
#: Entries looked at under one directory: -S / must not read the whole disk.
MAX_ENTRIES = 50_000

_MODULE_FILE = re.compile(r"^(?P<name>.+?)\.ko(?P<debug>\.debug)?(?P<packed>\.(?:gz|xz|zst))?$")


@dataclass(frozen=True)
class DebugFile:
    """What matters of one ELF file."""

    path: str
    build_id: Optional[str]  # lower-case hex
    has_debug_info: bool


def read_file(path: str) -> DebugFile:
    """Build-id and whether there is DWARF. Raises Unknown: missing, no ELF, not unpackable."""
    return _describe(path, read_elf_file(path))


def read_elf_file(path: str) -> Elf:
    """A regular file, packed or not, as ELF; a vmlinux of half a gigabyte is mapped, not read.

    Raises Unknown.
    """
    return read_elf_bytes(path, map_regular(path) if packing(path) is None else unpack(path))


def read_elf_bytes(path: str, data: Buffer) -> Elf:
    """:func:`read_elf` with the path in its error."""
    try:
        return read_elf(data)
    except ElfError as error:
        raise Unknown(f"{path}: {error}") from None


def _describe(path: str, elf: Elf) -> DebugFile:
    # .zdebug_info is the older way of compressing sections (binutils before 2.26).
    debug = any(elf.section(name) is not None for name in (".debug_info", ".zdebug_info"))
    return DebugFile(path, elf.build_id(), debug)


# Where files can be


def module_name(file_name: str) -> Optional[str]:
    """``nf-tables.ko.xz`` → ``nf_tables``; None when it is no module file.

    The kernel's name of a module has underscores where the file may have dashes.
    """
    match = _MODULE_FILE.match(file_name)
    return match.group("name").replace("-", "_") if match else None


def by_build_id(build_id: Optional[str], root: str = DEBUG_ROOT) -> Iterator[str]:
    """``ROOT/.build-id/xx/yyyy.debug``; nothing for what is no build-id (it is the dump's word)."""
    if build_id and re.fullmatch("[0-9a-f]{4,128}", build_id):
        yield os.path.join(root, ".build-id", build_id[:2], build_id[2:] + ".debug")


def vmlinux_candidates(
    release: Optional[str],
    build_id: Optional[str],
    files: Sequence[str],
    directories: Sequence[str],
) -> Iterator[str]:
    """Paths at which this kernel's vmlinux can be, the surest first; they may not exist.

    The release is the dump's word: one with a slash in it names no file.
    """
    if release is not None and not is_plain_name(release):
        release = None
    for path in files:
        if not os.path.isdir(path):
            yield path
    names = ["vmlinux"]
    if release:
        names = [f"vmlinux-{release}", "vmlinux", f"vmlinux-{release}.debug", "vmlinux.debug"]
    for directory in directories:
        for name in names:
            yield os.path.join(directory, name)
    yield from by_build_id(build_id)
    if not release:
        return
    for pattern in (
        DEBUG_ROOT + "/boot/vmlinux-{}",
        DEBUG_ROOT + "/lib/modules/{}/vmlinux",
        DEBUG_ROOT + "/usr/lib/modules/{}/vmlinux",
        "/usr/lib/modules/{}/vmlinux",
        "/lib/modules/{}/vmlinux",
        "/lib/modules/{}/build/vmlinux",
        "/boot/vmlinux-{}",
    ):
        yield pattern.format(release)


class ModuleIndex:
    """Module files under some directories, by the kernel's name; each directory is read once."""

    def __init__(self, directories: Iterable[str]) -> None:
        self._directories = list(directories)
        self._index: Optional[dict[str, list[str]]] = None

    def files(self, name: str) -> list[str]:
        """Files of a module, those with debug info in their name (``.ko.debug``) first."""
        if self._index is None:
            self._index = {}
            for directory in self._directories:
                for path in _walk(directory):
                    found = module_name(os.path.basename(path))
                    if found is not None:
                        self._index.setdefault(found, []).append(path)
        paths = self._index.get(name.replace("-", "_"), [])
        return sorted(paths, key=lambda path: ".ko.debug" not in path)


def _walk(directory: str) -> Iterator[str]:
    seen = 0
    for parent, children, names in os.walk(directory):
        children.sort()
        for name in sorted(names):
            yield os.path.join(parent, name)
        seen += len(names) + len(children)
        if seen > MAX_ENTRIES:
            return


@dataclass(frozen=True)
class Choice:
    """The file that fits, or None; ``rejected`` says why each that bears the name was not taken."""

    file: Optional[DebugFile]
    rejected: list[str]


def choose(candidates: Iterable[str], wanted: Optional[str], what: str) -> Choice:
    """The first existing candidate of the wanted build with debug info.

    :param wanted: build-id of the dump in hex; None when the dump does not know it (then the
        first file with debug info is taken).
    """
    rejected: list[str] = []
    seen: set[str] = set()
    for path in candidates:
        real = os.path.realpath(path)
        if real in seen or not os.path.exists(path):
            continue
        seen.add(real)
        try:
            file = read_file(path)
        except Unknown as error:
            rejected.append(str(error))
            continue
        if wanted is not None and file.build_id != wanted:
            has = f"has build-id {file.build_id}" if file.build_id else "has no build-id"
            rejected.append(f"{path} {has}, the dump's {what} wants {wanted}")
            continue
        if not file.has_debug_info:
            rejected.append(f"{path} is stripped (it has no .debug_info)")
            continue
        return Choice(file, rejected)
    return Choice(None, rejected)
