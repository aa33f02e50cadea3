# SPDX-License-Identifier: GPL-2.0-or-later
"""Crashes that were made before: the same module, kernel, fault and format is not made twice."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

from crashext.lab.build import build
from crashext.lab.cache import Cache, no_space_named
from crashext.lab.kernels import Kernel
from crashext.lab.run import RECORD, Request, fault_of, guest_file, run
from crashext.lab.truth import Truth, truth_of

#: Raised when what the lab puts into an output directory changes.
_GENERATION = 5


@dataclass(frozen=True)
class Dump:
    """One crash in the store, with its truth."""

    out: Path
    vmcore: Path
    dmesg: Path
    vmlinux: Path
    module: Path  # the .ko of the very build
    source: Path  # directory of the sources the .ko was built from
    truth: Truth

    @property
    def symbols(self) -> list[Path]:
        """The files with debug information."""
        return [self.vmlinux, self.module]


def _sources(directory: Path) -> Iterator[Path]:
    """The files a module is built from: not its README, its menu or its scripts."""
    makefile = "Kbuild" if (directory / "Kbuild").is_file() else "Makefile"
    for path in sorted(directory.rglob("*")):
        source = path.suffix in (".c", ".h", ".S") and not path.name.endswith(".mod.c")
        if source or path == directory / makefile:
            yield path


def label(module: Path) -> str:
    """A module's directory in a file name: two of the same name stay apart."""
    place = hashlib.sha256(str(module.resolve()).encode()).hexdigest()[:6]
    return f"{module.name}-{place}"


def build_key(module: Path, kernel: Kernel) -> str:
    """A digest of a module's sources and the kernel it is built for."""
    digest = hashlib.sha256(f"{kernel.release}\0{kernel.version}\0{kernel.arch}".encode())
    for path in _sources(module):
        digest.update(f"{path.relative_to(module)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def key(module: Path, kernel: Kernel, request: Request) -> str:
    """A digest of all that a crash depends on: the build, the fault's set-up, the guest."""
    fault = fault_of(module, request.fault)
    parts = (
        build_key(module, kernel), _GENERATION, request.dump, request.boot, request.memory,
        request.prepare, fault.name, fault.trigger, fault.boot, sorted(fault.sysctl.items()),
        fault.ends,
    )  # fmt: skip
    digest = hashlib.sha256(json.dumps(parts).encode())
    for name in ("init", "capture"):
        digest.update(guest_file(name))
    return digest.hexdigest()[:16]


def load(out: Path) -> Dump:
    """A crash by its directory. Raises FileNotFoundError where it is not whole."""
    record: dict[str, Any] = json.loads((out / RECORD).read_text())
    truth = Truth(**json.loads((out / "truth.json").read_text()))
    name = record["module"]
    return Dump(out, out / "vmcore", out / "vmcore-dmesg.txt", out / "vmlinux",
                out / f"{name}.ko", (out / "src").resolve(), truth)  # fmt: skip


class Store:
    """The crashes below ``dumps`` in the cache."""

    def __init__(self, cache: Optional[Cache] = None) -> None:
        self._cache = Cache() if cache is None else cache

    def get(
        self, module: Path, fault: str, kernel: Kernel, dump: str = "elf",
        boot: tuple[str, ...] = (), memory: int = 256, prepare: str = "",
    ) -> Dump:  # fmt: skip
        """A crash, from the store or made now. Several processes may ask for the same at once.

        ``memory`` (MiB) and ``prepare`` as in :class:`crashext.lab.run.Request`. Raises
        CrashextError as :func:`crashext.lab.run.run` does.
        """
        name = f"{label(module)}-{kernel.release}-{fault}-{dump}"
        if memory != 256 or prepare:
            name += f"-{memory}M"
        directory = self._cache.path("dumps")
        with self._cache.lock(f"dump-{name}"), no_space_named(directory):
            request = Request(module, fault, directory, dump, boot, memory, prepare)
            wanted = key(module, kernel, request)
            out = directory / f"{name}-{wanted}"
            try:
                load(out)
            except FileNotFoundError:
                pass
            else:
                # What the menu says of a fault can change without its crash changing.
                truth = truth_of(
                    module, fault_of(module, fault), load(out).truth.module, kernel.release, dump
                )
                truth.write(out / "truth.json")
                return load(out)
            directory.mkdir(parents=True, exist_ok=True)
            for old in directory.glob(f"{name}-{'?' * len(wanted)}"):
                shutil.rmtree(old)  # of another build, or not whole
            built = self._build(module, kernel)
            run(replace(request, out=out, built=built), kernel, self._cache)
            return load(out)

    def _build(self, module: Path, kernel: Kernel) -> Path:
        """The module built for a kernel: once for all its faults, in the place it stays."""
        name = f"{label(module)}-{kernel.release}"
        directory = self._cache.path("builds")
        built = directory / f"{name}-{build_key(module, kernel)}"
        done = built / ".done"
        with self._cache.lock(f"build-{name}"):
            if not done.exists():
                directory.mkdir(parents=True, exist_ok=True)
                for old in directory.glob(f"{name}-{'?' * 16}"):
                    shutil.rmtree(old)
                build(module, kernel, built)
                done.touch()
        return built
