# SPDX-License-Identifier: GPL-2.0-or-later
"""The right crash and makedumpfile for a kernel, from whatever Debian suite has them.

Both must be at least as new as the kernel: crash 8.0.2 (Debian 12) misreads Debian's 6.1 and
cannot open 6.12; makedumpfile 1.7.2 drops slab pages of a 6.12 without a word and with exit
status 0. So the lab filters with the newest one of the archive.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from crashext.errors import CrashextError
from crashext.lab import foreign
from crashext.lab.archive import SUITES, Archive, NotThere, newer, unpack
from crashext.lab.cache import Cache, damage
from crashext.lab.initramfs import Copy, Tree

#: Seconds after which the newest version of a tool is looked for again.
_NEWEST_AGE = 7 * 24 * 3600
#: Where Debian keeps programs that a person's PATH may lack.
_ADMIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def host_program(name: str, package: str) -> str:
    """The path of a program of this system. Raises CrashextError that says what to install."""
    found = shutil.which(name) or shutil.which(name, path=":".join(_ADMIN))
    if found is None:
        raise CrashextError(f"{name} is not here: apt install {package}")
    return found


@dataclass(frozen=True)
class Tool:
    """A program of a suite. ``path`` can be executed as it is; ``root`` holds its package."""

    name: str
    version: str
    path: Path
    root: Path

    @property
    def headers(self) -> Path:
        """crash's ``defs.h``, against which an extension for this crash is built."""
        return self.root / "usr" / "include" / "crash"


def get(name: str, suite: str, cache: Cache, arch: str = "amd64", refresh: bool = False) -> Tool:
    """A program of a suite, unpacked beside the system: ``crash``, ``makedumpfile``, …

    What is in the cache is used as it is, without network; ``refresh`` looks for a newer version.
    Raises CrashextError without network or where the suite does not have it.
    """
    script = cache.path("bin", f"{name}-{suite}")
    record = cache.path("bin", f"{name}-{suite}.json")
    entry = foreign.entry_of(cache, name, suite, arch)
    if not refresh and script.is_file() and record.is_file() and damage(entry) is None:
        return Tool(name, json.loads(record.read_text())["version"], script, entry)
    archive = Archive(suite, arch, cache)
    package = archive.find(name)
    if package is None:
        raise CrashextError(f"Debian {suite} has no {name}: it is in {_suites_with(name, cache)}")
    root = foreign.fetch(archive, cache, [name], name, refresh)
    root.launcher(root.find(f"usr/bin/{name}"), script)
    record.write_text(json.dumps({"version": package.version}) + "\n")
    return Tool(name, package.version, script, root.root)


def _suites_with(name: str, cache: Cache) -> str:
    having = [suite for suite in SUITES if Archive(suite, "amd64", cache).find(name)]
    return ", ".join(having) or "no suite"


def newest_suite(name: str, cache: Cache, arch: str = "amd64") -> str:
    """The suite with the latest version of a package, looked up again after a week.

    Raises CrashextError where no suite has it, or without network at the first time.
    """
    record = cache.path("bin", f"{name}-newest-{arch}.json")
    try:
        known = str(json.loads(record.read_text())["suite"])
        if time.time() - record.stat().st_mtime < _NEWEST_AGE:
            return known
    except FileNotFoundError:
        known = ""
    best: Optional[tuple[str, str]] = None
    try:
        for suite in SUITES:
            package = Archive(suite, arch, cache).find(name)
            if package and (best is None or newer(package.version, best[1])):
                best = (suite, package.version)
    except CrashextError:
        if known:
            return known
        raise
    if best is None:
        raise NotThere(f"no Debian suite has {name}")
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"suite": best[0]}) + "\n")
    return best[0]


def busybox(arch: str, cache: Cache) -> Path:
    """A static busybox for the guest: the host's if it is one, else Debian's."""
    host = Path("/bin/busybox")
    if host.is_file():
        head = host.read_bytes()
        if foreign.machine(head) == foreign.MACHINES[arch] and foreign.interpreter(head) is None:
            return host
    entry = cache.path("roots", f"busybox-static-{arch}")
    program = entry / "bin" / "busybox"
    with cache.lock(f"busybox-{arch}"):
        if not program.is_file() and not (entry / "usr" / "bin" / "busybox").is_file():
            archive = Archive("sid", arch, cache)
            package = archive.find("busybox-static")
            if package is None:
                raise CrashextError("Debian sid has no busybox-static")
            with cache.making(entry) as partial:
                [deb] = archive.download([package], partial)
                unpack(deb, partial)
                deb.unlink()
    return program if program.is_file() else entry / "usr" / "bin" / "busybox"


def needed(program: Path) -> list[str]:
    """The shared libraries an ELF file names (``readelf -d``, NEEDED)."""
    result = subprocess.run(
        ["readelf", "-d", str(program)], capture_output=True, text=True, check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    names = []
    for line in result.stdout.splitlines():
        if "(NEEDED)" in line and "[" in line:
            names.append(line.split("[")[1].split("]")[0])
    return names


def guest_programs(names: dict[str, str], arch: str, cache: Cache) -> dict[str, Copy]:
    """Programs with their libraries and loader for a guest's file tree.

    ``names``: program path in its package -> package. They go to ``lab/bin``, the libraries to
    ``lab/lib`` (the guest sets LD_LIBRARY_PATH), the loader to the path the programs ask for.
    """
    host_program("readelf", "binutils")
    suite = newest_suite("makedumpfile", cache, arch)
    root = foreign.fetch(Archive(suite, arch, cache), cache, sorted(names.values()), "guest")
    tree: dict[str, Copy] = {}
    waiting = []
    for path in names:
        program = root.find(path)
        tree[f"lab/bin/{program.name}"] = Copy(program, 0o755)
        waiting.append(program)
        loader = foreign.interpreter(program.read_bytes())
        if loader is not None:
            tree[loader.lstrip("/")] = Copy(root.loader(), 0o755)
    while waiting:
        for name in needed(waiting.pop()):
            place = f"lab/lib/{name}"
            if place not in tree:
                library = root.library(name)
                tree[place] = Copy(library, 0o755)
                waiting.append(library)
    return tree


def static_tree(arch: str, cache: Cache) -> Tree:
    """What every guest has: busybox."""
    return {"bin/busybox": Copy(busybox(arch, cache), 0o755)}


def versions(*commands: list[str]) -> Iterator[str]:
    """The first line each command prints: for the records."""
    for words in commands:
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        lines = (result.stdout + result.stderr).splitlines()
        yield lines[0].strip() if lines else ""
