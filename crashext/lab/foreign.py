# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of another Debian suite, unpacked beside the system and run by their own loader.

A newer ``crash`` or ``makedumpfile`` needs a newer C library than the host has. glibc's dynamic
loader can be called as a program and told where the libraries are (ld.so(8), --library-path), so
nothing of the system is touched and no container is needed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from crashext.errors import CrashextError
from crashext.lab.archive import Archive, Package, unpack
from crashext.lab.cache import Cache, damage

#: Debian architecture -> ELF machine (elf.h).
MACHINES = {"amd64": 62, "arm64": 183}
_PT_INTERP = 3


def closure(archive: Archive, names: Sequence[str]) -> list[Package]:
    """The packages and the libraries they depend on, the newest version of each in the suite.

    The first ones are those asked for. Only libraries are followed: what a program needs to
    start. Raises CrashextError where the suite lacks a package that was asked for.
    """
    found: dict[str, Package] = {}
    asked: set[str] = set()
    waiting = set(names)
    while waiting:
        asked |= waiting
        for package in archive.show(sorted(waiting)):
            found.setdefault(package.name, package)  # apt-cache shows the candidate first
        missing = [name for name in names if name not in found]
        if missing:
            raise CrashextError(f"Debian {archive.suite} has no package {missing[0]}")
        wanted = {name for package in found.values() for name in package.depends}
        waiting = {name for name in wanted - asked if name.startswith(("lib", "zlib"))}
    return list(found.values())


def interpreter(elf: bytes) -> Optional[str]:
    """The dynamic loader that an ELF64 program asks for; None for a static one or a non-ELF."""
    if elf[:6] != b"\x7fELF\x02\x01" or len(elf) < 64:
        return None
    offset, count, size = (
        struct.unpack_from("<Q", elf, 32)[0],
        struct.unpack_from("<H", elf, 56)[0],
        struct.unpack_from("<H", elf, 54)[0],
    )
    for index in range(count):
        header = offset + index * size
        if header + 56 > len(elf):
            return None
        if struct.unpack_from("<I", elf, header)[0] == _PT_INTERP:
            begin = struct.unpack_from("<Q", elf, header + 8)[0]
            length = struct.unpack_from("<Q", elf, header + 32)[0]
            return elf[begin : begin + length].rstrip(b"\0").decode()
    return None


def machine(elf: bytes) -> Optional[int]:
    """The ELF machine of a 64-bit little-endian file; None for anything else."""
    if elf[:6] != b"\x7fELF\x02\x01" or len(elf) < 64:
        return None
    value: int = struct.unpack_from("<H", elf, 18)[0]
    return value


class Sysroot:
    """An unpacked set of packages of one suite."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def loader(self) -> Path:
        """The dynamic loader that came with the packages."""
        for pattern in ("usr/lib64/ld-linux-*.so.*", "lib64/ld-linux-*.so.*",
                        "usr/lib/*/ld-linux-*.so.*", "lib/*/ld-linux-*.so.*"):  # fmt: skip
            for path in sorted(self.root.glob(pattern)):
                inside = self._inside(path)
                if inside.is_file():
                    return inside
        raise CrashextError(f"{self.root} holds no dynamic loader: remove it and fetch it again")

    def _inside(self, path: Path) -> Path:
        """A path with an absolute link target taken as relative to the root."""
        while path.is_symlink():
            target = os.readlink(path)
            path = (
                self.root / target.lstrip("/") if target.startswith("/") else path.parent / target
            )
        return path

    def find(self, path: str) -> Path:
        """A file by its path in the packages (with or without /usr). Raises CrashextError."""
        for candidate in (self.root / path, self.root / "usr" / path):
            inside = self._inside(candidate)
            if inside.is_file():
                return inside
        raise CrashextError(f"{self.root} holds no {path}: remove it and fetch it again")

    def library(self, name: str) -> Path:
        """A shared library by its name. Raises CrashextError."""
        for directory in [*self.libraries(), self.root / "usr" / "lib64", self.root / "lib64"]:
            inside = self._inside(directory / name)
            if inside.is_file():
                return inside
        raise CrashextError(f"{self.root} holds no {name}: remove it and fetch it again")

    def libraries(self) -> list[Path]:
        """The directories of shared libraries."""
        found = [*self.root.glob("usr/lib/*-linux-gnu*"), *self.root.glob("lib/*-linux-gnu*")]
        return [path for path in found if path.is_dir()]

    def command(self, program: Path) -> list[str]:
        """What to execute to run a program of this root (before its arguments)."""
        path = ":".join(str(directory) for directory in self.libraries())
        return [str(self.loader()), "--library-path", path, str(program)]

    def launcher(self, program: Path, script: Path) -> Path:
        """Writes a shell script that runs the program; returns it."""
        words = " ".join(shlex.quote(word) for word in self.command(program))
        script.parent.mkdir(parents=True, exist_ok=True)
        temporary = script.with_name(f".{script.name}.{os.getpid()}")
        temporary.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        temporary.chmod(0o755)
        temporary.rename(script)
        return script


def entry_of(cache: Cache, label: str, suite: str, arch: str) -> Path:
    """Where :func:`fetch` keeps the packages that ``label`` stands for."""
    return cache.path("roots", f"{label}-{suite}-{arch}")


def fetch(
    archive: Archive, cache: Cache, names: Sequence[str], label: str, refresh: bool = False
) -> Sysroot:
    """Fetches and unpacks packages with the libraries they need; once for each ``label``.

    ``refresh`` does so although they are there.
    """
    entry = entry_of(cache, label, archive.suite, archive.arch)
    with cache.lock(f"root-{entry.name}"):
        if damage(entry) is None and not refresh:
            return Sysroot(entry)
        packages = closure(archive, names)
        downloads = cache.path("downloads", entry.name)
        with cache.making(entry) as partial:
            downloads.mkdir(parents=True, exist_ok=True)
            for deb in archive.download(packages, downloads):
                unpack(deb, partial)
            for name in ("doc", "man", "locale", "lintian"):
                shutil.rmtree(partial / "usr" / "share" / name, ignore_errors=True)
            shutil.rmtree(downloads)
    return Sysroot(entry)
