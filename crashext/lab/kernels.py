# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's cloud kernels with their debug symbols: found by looking, fetched, unpacked, removed.

No version is written here: old ones leave the archive. A kernel is asked for by the beginning of
its release (``6.1``, ``6.12``, ``6.1.0-56-cloud-amd64``) or as ``newest``.
"""

from __future__ import annotations

import contextlib
import functools
import json
import lzma
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, TypeVar

from crashext.errors import CrashextError
from crashext.lab import foreign
from crashext.lab.archive import (
    Archive,
    NotThere,
    Package,
    host_codename,
    newer,
    search_order,
    unpack,
)
from crashext.lab.cache import Cache, damage
from crashext.lab.progress import step

NEWEST = "newest"
_DESCRIPTION = "kernel.json"
#: Seconds after which the archive is asked again which kernel is the newest.
_NEWEST_AGE = 7 * 24 * 3600


@dataclass(frozen=True)
class Kernel:
    """A kernel that is in the cache, whole."""

    release: str
    version: str  # of the Debian package
    suite: str
    arch: str
    root: Path

    @property
    def image(self) -> Path:
        """The compressed kernel that QEMU boots; below /usr from Debian 14 on."""
        return self._first("boot/vmlinuz-{0}", "usr/lib/modules/{0}/vmlinuz")

    @property
    def vmlinux(self) -> Path:
        """The kernel with its debug information."""
        return self._first(
            "usr/lib/debug/boot/vmlinux-{0}", "usr/lib/debug/lib/modules/{0}/vmlinux"
        )

    @property
    def config(self) -> Path:
        return self._first("boot/config-{0}", "usr/lib/modules/{0}/config")

    def configured(self, symbol: str) -> bool:
        """Whether a configuration symbol (``CONFIG_…``) is ``y`` or ``m``."""
        pattern = rf"^{re.escape(symbol)}=[ym]$"
        return re.search(pattern, self.config.read_text(), re.MULTILINE) is not None

    def _first(self, *patterns: str) -> Path:
        for pattern in patterns:
            path = self.root / pattern.format(self.release)
            if path.is_file():
                return path
        raise CrashextError(
            f"kernel {self.release} in {self.root} is not whole (no {patterns[0]}): "
            f"crashext lab kernels remove {self.release}, then fetch it again"
        )

    @property
    def headers(self) -> Path:
        """What a module is built against (KDIR)."""
        return self.root / "usr" / "src" / f"linux-headers-{self.release}"

    def modules(self) -> Path:
        for below in ("usr/lib/modules", "lib/modules"):
            directory = self.root / below / self.release
            if (directory / "kernel").is_dir():
                return directory
        raise CrashextError(f"kernel {self.release} in {self.root} has no modules: fetch it again")

    def module(self, name: str) -> Optional[bytes]:
        """An in-tree module's .ko, decompressed; None where it is built in.

        Raises CrashextError where the kernel does not have it at all.
        """
        directory = self.modules()
        wanted = name.replace("-", "_")
        for path in sorted((directory / "kernel").rglob("*.ko*")):
            if path.name.split(".")[0].replace("-", "_") == wanted:
                data = path.read_bytes()
                return lzma.decompress(data) if path.suffix == ".xz" else data
        builtin = (directory / "modules.builtin").read_text()
        if re.search(rf"/{re.escape(wanted)}\.ko", builtin.replace("-", "_")):
            return None
        raise CrashextError(f"kernel {self.release} has no module {name}")


@dataclass(frozen=True)
class Candidate:
    """A kernel of the archive that has debug symbols."""

    release: str
    version: str
    suite: str
    arch: str
    size: int  # bytes to fetch for the debug symbols


def _flavour(arch: str) -> str:
    return f"cloud-{arch}"


def releases(names: Iterable[str], arch: str) -> list[str]:
    """The kernel releases among package names that have a ``-dbg``; metapackages left out.

    >>> releases(["linux-image-6.1.0-56-cloud-amd64-dbg", "linux-image-cloud-amd64-dbg"], "amd64")
    ['6.1.0-56-cloud-amd64']
    """
    pattern = re.compile(rf"linux-image-(\d+\.\d+\.\d+\S*-{re.escape(_flavour(arch))})-dbg")
    matches = (pattern.fullmatch(name) for name in names)
    return [match[1] for match in matches if match]


def matches(release: str, wanted: str) -> bool:
    """Whether a release is what a person asked for: equal, or a beginning that ends at a dot.

    >>> matches("6.1.0-56-cloud-amd64", "6.1"), matches("6.12.9-cloud-amd64", "6.1")
    (True, False)
    """
    return release == wanted or re.match(re.escape(wanted) + r"[.+-]", release) is not None


def available(archive: Archive) -> list[Candidate]:
    """The suite's kernels with debug symbols, the newest first."""
    names = [f"linux-image-{r}-dbg" for r in releases(archive.names("linux-image-"), archive.arch)]
    found = []
    for package in archive.show(names):
        release = package.name[len("linux-image-") : -len("-dbg")]
        found.append(Candidate(release, package.version, archive.suite, archive.arch, package.size))
    return newest_first(found)


_Versioned = TypeVar("_Versioned", Kernel, Candidate)


def newest_first(items: Iterable[_Versioned]) -> list[_Versioned]:
    """Sorted by Debian version, the latest first."""

    def compared(left: _Versioned, right: _Versioned) -> int:
        if left.version == right.version:
            return 0
        return -1 if newer(left.version, right.version) else 1

    return sorted(items, key=functools.cmp_to_key(compared))


def host_architecture() -> str:
    """This machine's Debian architecture, e.g. ``amd64``."""
    command = ["dpkg", "--print-architecture"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _of_version(archive: Archive, name: str, version: str) -> Package:
    for package in archive.show([name]):
        if package.version == version:
            return package
    raise NotThere(
        f"Debian {archive.suite} has no {name} {version}: the mirror is between two states, "
        "try again later"
    )


def _own_packages(archive: Archive, name: str, version: str) -> list[Package]:
    """A package and those of the same source version that it depends on.

    Kernels up to 6.12 come as one image package; from 6.17 on the image is a metapackage that
    depends on linux-base-, linux-binary- and linux-modules-<release>.
    """
    found: dict[str, Package] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found[current] = _of_version(archive, current, version)
        waiting += [
            dependency
            for dependency in found[current].depends
            if re.match(r"linux-(?!compiler)[a-z-]+-\d", dependency)
        ]
    return list(found.values())


def _is_elf(path: Path) -> bool:
    if not path.is_file() or path.is_symlink():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def _runs(program: Path) -> bool:
    """Whether the loader of this system can start a program (its C library is new enough)."""
    result = subprocess.run(
        ["ldd", str(program)], capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    )
    return "not found" not in result.stdout + result.stderr


def _mend_headers(partial: Path, release: str) -> None:
    """Makes Debian's headers usable where they were unpacked, not only below /usr/src."""
    flavour = partial / "usr" / "src" / f"linux-headers-{release}"
    for name in ("Makefile", ".kernelvariables"):
        path = flavour / name
        if path.is_file():
            text = path.read_text()
            here = "$(dir $(realpath $(lastword $(MAKEFILE_LIST))))../"
            path.write_text(text.replace("/usr/src/", here))
    # 6.12 and later ship a vmlinux for BTF; with it the build wants pahole.
    (flavour / "vmlinux").unlink(missing_ok=True)


class Kernels:
    """The cached kernels, and where new ones come from."""

    def __init__(self, cache: Optional[Cache] = None) -> None:
        self.cache = Cache() if cache is None else cache

    def _entries(self) -> Path:
        return self.cache.path("kernels")

    def cached(self, arch: Optional[str] = None) -> list[Kernel]:
        """The kernels in the cache, the newest first."""
        found: list[Kernel] = []
        for description in self._entries().glob(f"*/{_DESCRIPTION}"):
            try:
                fields = json.loads(description.read_text())
                kernel = Kernel(root=description.parent, **fields)
            except (ValueError, TypeError):
                continue  # not ours, or of another version of this program: fetched anew
            if arch in (None, kernel.arch):
                found.append(kernel)
        return newest_first(found)

    def search(self, wanted: str, arch: str) -> list[Candidate]:
        """The kernels of the archive that fit, the best first.

        Those of the first suite that has one; for ``newest`` those of the suite with the latest.
        Raises CrashextError if there is none.
        """
        best: list[Candidate] = []
        failures = []
        for suite in search_order(host_codename()):
            try:
                candidates = available(Archive(suite, arch, self.cache))
            except CrashextError as error:
                failures.append(str(error))
                continue
            if wanted != NEWEST:
                candidates = [c for c in candidates if matches(c.release, wanted)]
                if candidates:
                    return candidates
            elif candidates and (not best or newer(candidates[0].version, best[0].version)):
                best = candidates
        if best:
            return best
        if failures:
            raise CrashextError(failures[0])
        raise CrashextError(
            f"Debian has no kernel {wanted} for {arch} with debug symbols: "
            "crashext lab kernels list --all shows those it has"
        )

    def get(self, wanted: str, arch: str = "amd64", refresh: bool = False) -> Kernel:
        """A kernel, from the cache if one fits (then without network), else fetched.

        ``refresh`` looks for a newer one in the archive first; what is ``newest`` is looked up
        again after a week.
        """
        here = [
            kernel
            for kernel in self.cached(arch)
            if (wanted == NEWEST or matches(kernel.release, wanted)) and not damage(kernel.root)
        ]
        if here and not refresh and (wanted != NEWEST or self._newest_known(arch, here[0])):
            return here[0]
        try:
            candidates = self.search(wanted, arch)
        except CrashextError:
            if here:
                return here[0]
            raise
        # A mirror's index can name files that it no longer has (seen on bullseye-security after
        # its end of life): then the next older version.
        gone: Optional[NotThere] = None
        for candidate in candidates:
            try:
                kernel = self.fetch(candidate)
            except NotThere as error:
                gone = error
                continue
            if wanted == NEWEST:
                self._newest_record(arch).write_text(kernel.release + "\n")
            return kernel
        assert gone is not None
        raise gone

    def _newest_record(self, arch: str) -> Path:
        return self._entries() / f"newest-{arch}"

    def _newest_known(self, arch: str, kernel: Kernel) -> bool:
        """Whether a kernel was the archive's newest within the last week."""
        record = self._newest_record(arch)
        try:
            recent = time.time() - record.stat().st_mtime < _NEWEST_AGE
            return recent and record.read_text().strip() == kernel.release
        except FileNotFoundError:
            return False

    def fetch(self, candidate: Candidate) -> Kernel:
        """Fetches and unpacks what the lab needs of a kernel: about 750 MB on disk."""
        entry = self._entries() / candidate.release
        with self.cache.lock(f"kernel-{candidate.release}"):
            if damage(entry) is None:
                for kernel in self.cached(candidate.arch):
                    if kernel.root == entry:
                        return kernel
            archive = Archive(candidate.suite, candidate.arch, self.cache)
            with self.cache.making(entry) as partial:
                self._fill(candidate, archive, partial, entry)
                description = {
                    "release": candidate.release,
                    "version": candidate.version,
                    "suite": candidate.suite,
                    "arch": candidate.arch,
                }
                (partial / _DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n")
        return Kernel(root=entry, **description)

    def _fill(self, candidate: Candidate, archive: Archive, partial: Path, entry: Path) -> None:
        release = candidate.release
        downloads = self.cache.path("downloads", release)
        downloads.mkdir(parents=True, exist_ok=True)
        image = _own_packages(archive, f"linux-image-{release}", candidate.version)
        headers = _own_packages(archive, f"linux-headers-{release}", candidate.version)
        debug = _of_version(archive, f"linux-image-{release}-dbg", candidate.version)
        wanted: list[tuple[Archive, Package, Optional[list[str]]]] = []
        tools = Archive(archive.suite, host_architecture(), self.cache)
        kbuild: Optional[Package] = None
        for package in {package.name: package for package in headers + image}.values():
            if package.name.startswith("linux-kbuild-"):
                # The build tools run on the host, whatever kernel they build for.
                kbuild = _of_version(tools, package.name, package.version)
                wanted.append((tools, kbuild, None))
            else:
                wanted.append((archive, package, None))
        wanted.append((archive, debug, ["*/vmlinux*"]))  # last: by far the largest
        for source, package, members in wanted:
            [deb] = source.download([package], downloads)
            with step(f"Unpacking {package.name}"):
                unpack(deb, partial, members)
            deb.unlink()
        with contextlib.suppress(OSError):
            downloads.rmdir()
        shutil.rmtree(partial / "usr" / "share", ignore_errors=True)  # only documentation
        _mend_headers(partial, release)
        if kbuild is not None:
            self._mend_tools(partial, entry, kbuild, tools)

    def _mend_tools(self, partial: Path, entry: Path, kbuild: Package, tools: Archive) -> None:
        """Lets the kernel's build tools run here although they were built for a newer Debian."""
        programs = [path for path in partial.glob("usr/lib/linux-kbuild*/**/*") if _is_elf(path)]
        strangers = [program for program in programs if not _runs(program)]
        if not strangers:
            return
        base = Archive(tools.suite.replace("-backports", ""), tools.arch, self.cache)
        libraries = [name for name in kbuild.depends if name.startswith(("lib", "zlib"))]
        root = foreign.fetch(base, self.cache, libraries, "kbuild")
        for program in strangers:
            real = program.with_name(program.name + ".real")
            program.rename(real)
            root.launcher(entry / real.relative_to(partial), program)

    def remove(self, wanted: str, arch: Optional[str] = None) -> list[tuple[Kernel, int]]:
        """Removes the cached kernels that fit; each with the bytes freed."""
        gone = []
        for kernel in self.cached(arch):
            if matches(kernel.release, wanted):
                with self.cache.lock(f"kernel-{kernel.release}"):
                    gone.append((kernel, self.cache.remove(kernel.root)))
        if not gone:
            have = ", ".join(kernel.release for kernel in self.cached()) or "none"
            raise CrashextError(f"no kernel {wanted} in the cache (there: {have})")
        return gone
