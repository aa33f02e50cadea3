# SPDX-License-Identifier: GPL-2.0-or-later
"""A crash with several modules at once: known values, a user, a permanent one, one that is gone."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from crashext.lab import dump, qemu
from crashext.lab.build import build
from crashext.lab.cache import Cache
from crashext.lab.initramfs import archive
from crashext.lab.kernels import Kernel
from crashext.lab.run import guest_tree

SOURCES = Path(__file__).resolve().parent / "planted"
#: In the order of loading; planted_gone is unloaded before the fault.
MODULES = ("planted", "planted_user", "planted_stays", "planted_gone")
_TRIGGER = "rmmod planted_gone && echo {} >/proc/planted\n"
_PANIC = [r"---\[ end Kernel panic.*\]---"]
_SECONDS = 180.0


@dataclass(frozen=True)
class Planted:
    """The files of the crash, all in one directory."""

    out: Path
    kernel: Kernel

    @property
    def vmcore(self) -> Path:
        return self.out / "vmcore"

    @property
    def log(self) -> Path:
        return self.out / "console.log"


def planted(kernel: Kernel, cache: Cache, word: str = "rodata") -> Planted:
    """The crash of this kernel, made once for these sources.

    :param word: ``rodata`` writes to a constant, ``wild`` calls code of the unloaded module,
        ``init`` calls init code of planted itself, freed by then.
    """
    digest = hashlib.sha256(_TRIGGER.encode())
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.read_bytes())
    name = f"{kernel.release}-planted-{word}-{digest.hexdigest()[:16]}"
    out = cache.path("dumps") / name
    with cache.lock(f"dump-{kernel.release}-planted-{word}"):
        if not (out / "vmcore").exists():
            out.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".planted-", dir=out.parent) as scratch:
                _make(kernel, cache, word, Path(scratch) / "made")
                shutil.rmtree(out, ignore_errors=True)
                (Path(scratch) / "made").rename(out)
    return Planted(out, kernel)


def _make(kernel: Kernel, cache: Cache, word: str, out: Path) -> None:
    out.mkdir()
    files = {path.stem: path for path in build(SOURCES, kernel, out / "src")}
    modules = [files[name] for name in MODULES]
    for path in modules:
        shutil.copy(path, out)
    names, trigger = [path.name for path in modules], _TRIGGER.format(word)
    tree = guest_tree(kernel, modules, names, trigger, {}, cache)
    initrd = out / "initrd"
    initrd.write_bytes(archive(tree))
    append = f"console={qemu.PLATFORMS[kernel.arch].console}"
    machine = qemu.Machine(kernel.image, initrd, append, kernel.arch)
    with qemu.Guest(machine, out / "console.log") as guest:
        guest.wait("panic", _PANIC, _SECONDS)
        dump.take_elf(guest, out / "vmcore")
    initrd.unlink()
    (out / "vmlinux").symlink_to(kernel.vmlinux)
