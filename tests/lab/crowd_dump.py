# SPDX-License-Identifier: GPL-2.0-or-later
"""A crash (sysrq c) of a kernel with many of the distribution's own modules loaded."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from crashext.engine.elf import read_elf
from crashext.errors import CrashextError
from crashext.lab import dump, qemu
from crashext.lab.cache import Cache
from crashext.lab.initramfs import archive
from crashext.lab.kernels import Kernel
from crashext.lab.run import guest_tree

#: Large ones, with alternatives, static calls, jump labels, paravirt, assembler; and those whose
#: .bss holds only empty lock class keys. What a kernel lacks or the guest refuses is left out.
WANTED = (
    "btrfs", "xfs", "nfsd", "cifs", "ceph", "overlay", "nf_tables", "nf_nat", "openvswitch",
    "tun", "tap", "vhost_net", "vxlan", "bonding", "wireguard", "dm_crypt", "dm_era", "raid456",
    "nd_pmem", "serio_raw", "i40e", "ixgbe", "sctp", "tipc", "tls", "zram", "aesni_intel",
)  # fmt: skip
_MEMORY = 512
_SECONDS = 300.0


def crowd(kernel: Kernel, cache: Cache) -> Path:
    """The directory of the crash; ``modules/`` in it has the files that were loaded."""
    digest = hashlib.sha256(" ".join(WANTED).encode()).hexdigest()[:16]
    out = cache.path("dumps") / f"{kernel.release}-crowd-{digest}"
    with cache.lock(f"dump-{kernel.release}-crowd"):
        if not (out / "vmcore").exists():
            out.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".crowd-", dir=out.parent) as scratch:
                _make(kernel, cache, Path(scratch) / "made")
                (Path(scratch) / "made").rename(out)
    return out


def _make(kernel: Kernel, cache: Cache, out: Path) -> None:
    files = out / "modules"
    files.mkdir(parents=True)
    order: dict[str, bytes] = {}
    for name in WANTED:
        _add(kernel, name, order)
    paths = []
    for name, data in order.items():
        paths.append(files / f"{name}.ko")
        paths[-1].write_bytes(data)
    trigger = "".join(f"insmod /lab/{path.name} 2>/dev/null\n" for path in paths)
    tree = guest_tree(kernel, paths, [], trigger + "echo c >/proc/sysrq-trigger\n", {}, cache)
    initrd = out / "initrd"
    initrd.write_bytes(archive(tree))
    append = f"console={qemu.PLATFORMS[kernel.arch].console}"
    machine = qemu.Machine(kernel.image, initrd, append, kernel.arch, _MEMORY)
    with qemu.Guest(machine, out / "console.log") as guest:
        guest.wait("panic", [r"---\[ end Kernel panic.*\]---"], _SECONDS)
        dump.take_elf(guest, out / "vmcore")
    initrd.unlink()
    (out / "vmlinux").symlink_to(kernel.vmlinux)


def _add(kernel: Kernel, name: str, order: dict[str, bytes]) -> None:
    """A module behind those that it needs."""
    if name in order:
        return
    try:
        data = kernel.module(name)
    except CrashextError:  # this kernel has none of that name
        return
    if data is None:  # built in
        return
    for needed in ",".join(read_elf(data).modinfo().get("depends", [])).split(","):
        if needed:
            _add(kernel, needed.replace("-", "_"), order)
    order[name] = data
