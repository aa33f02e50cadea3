# SPDX-License-Identifier: GPL-2.0-or-later
"""From a guest that has crashed to the files a person analyses."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from crashext.errors import CrashextError
from crashext.lab import elfcore, tools
from crashext.lab.cache import Cache
from crashext.lab.progress import step
from crashext.lab.qemu import Guest
from crashext.lab.qmp import QmpError

#: elf: all memory, by QEMU. kdump: the same, filtered by makedumpfile. kdump-real: a capture
#: kernel and makedumpfile in the guest, as on a server.
FORMATS = ("elf", "kdump", "kdump-real")
#: MiB that a dump may need beside its pages: headers, notes, QEMU's own regions (video, firmware).
_OVERHEAD = 64


def take_elf(guest: Guest, vmcore: Path) -> None:
    """Stops the guest and writes its memory as an ELF core that crash and drgn open.

    Raises CrashextError when the disk is too small or QEMU fails.
    """
    needed = guest.machine.memory + _OVERHEAD
    free = shutil.disk_usage(vmcore.parent).free >> 20
    if free < needed:
        raise CrashextError(
            f"no space left in {vmcore.parent}: the dump needs {needed} MiB, {free} MiB are free"
        )
    with step(f"Dumping {guest.machine.memory} MiB of guest memory"):
        guest.qmp.command("stop")
        try:
            guest.qmp.command(
                "dump-guest-memory", limit=600.0, paging=False, protocol=f"file:{vmcore}"
            )
        except QmpError as error:
            vmcore.unlink(missing_ok=True)
            raise CrashextError(f"cannot dump to {vmcore}: {error}") from error
        vmcore.chmod(0o644)  # QEMU makes it 0400
        elfcore.mend(vmcore)
        _dig_holes(vmcore)


def _dig_holes(vmcore: Path) -> None:
    """Most of a small guest's memory is zero: that need not lie on the disk."""
    fallocate = shutil.which("fallocate")
    if fallocate is not None:  # and where the file system cannot do it, nothing is lost
        subprocess.run([fallocate, "--dig-holes", str(vmcore)], capture_output=True, check=False)


def makedumpfile(cache: Cache) -> tools.Tool:
    """The makedumpfile to filter with: the newest of the archive (see tools)."""
    return tools.get("makedumpfile", tools.newest_suite("makedumpfile", cache), cache)


def filter_pages(elf: Path, vmcore: Path, tool: Path, level: int = 31) -> None:
    """Makes a small dump of an ELF one, LZO-compressed, without the pages that ``level`` names.

    makedumpfile(8), -d: 1 zero pages, 2 and 4 page cache, 8 user, 16 free; 31 is what servers
    use. Raises CrashextError with makedumpfile's complaint.
    """
    with step(f"Filtering with {tool.name} -d {level}"):
        _checked([str(tool), "-l", "-d", str(level), str(elf), str(vmcore)], vmcore)


def filter_safely(elf: Path, vmcore: Path, vmlinux: Path, tool: Path) -> int:
    """Filters as servers do, or less where makedumpfile would drop what must stay; the level.

    Raises CrashextError with makedumpfile's complaint.
    """
    for level in (31, 1):
        vmcore.unlink(missing_ok=True)
        filter_pages(elf, vmcore, tool, level)
        try:
            check_filtered(vmcore, vmlinux)
        except IncompleteDump:
            if level == 1:
                raise
        else:
            break
    return level


class IncompleteDump(CrashextError):
    """A filtered dump lacks pages that no analysis can do without."""


def check_filtered(vmcore: Path, vmlinux: Path) -> None:
    """Refuses a filtered dump that lacks pages it must have.

    A makedumpfile older than the kernel drops pages of the slab caches and ends with status 0
    (1.7.2 with a 6.12, 1.7.8 with a 7.3): every task_struct lies in one, so reading all tasks
    shows it. Without drgn nothing is checked. Raises IncompleteDump.
    """
    try:
        import drgn
        from drgn.helpers.linux.pid import for_each_task
    except ImportError:
        return
    prog = drgn.Program()
    prog.set_core_dump(str(vmcore))
    prog.load_debug_info([str(vmlinux)])
    try:
        for task in for_each_task(prog):
            task.comm.string_()
    except drgn.FaultError as error:
        raise IncompleteDump(
            f"{vmcore}: pages of the slab caches are missing ({error}): this makedumpfile is too "
            "old for the kernel; use --dump elf"
        ) from error


def extract_dmesg(elf: Path, text: Path, tool: Path) -> None:
    """Writes the kernel log of a dump, as kdump puts it beside the vmcore."""
    text.unlink(missing_ok=True)  # makedumpfile refuses to overwrite
    _checked([str(tool), "--dump-dmesg", str(elf), str(text)], text)


def _checked(words: list[str], output: Path) -> None:
    result = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode != 0 or not output.exists():
        output.unlink(missing_ok=True)
        complaint = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
        reasons = [line for line in complaint if "makedumpfile Failed" not in line]
        reason = reasons[-1].strip() if reasons else f"exit status {result.returncode}"
        raise CrashextError(f"makedumpfile cannot make {output}: {reason}")
    output.chmod(0o644)


def make_disk(path: Path, size: int) -> None:
    """A sparse disk image with an ext4 file system of ``size`` MiB, made without root."""
    mkfs = tools.host_program("mkfs.ext4", "e2fsprogs")
    with path.open("wb") as stream:
        stream.truncate(size << 20)
    # Without metadata checksums: the capture kernel may lack the crc32c driver in its initramfs.
    words = [mkfs, "-q", "-F", "-O", "^metadata_csum", str(path)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise CrashextError(f"mkfs.ext4 failed on {path}: {result.stderr.strip()}")


def read_disk(disk: Path, into: Path) -> tuple[Path, Path]:
    """Copies ``/var/crash/…/vmcore`` and ``vmcore-dmesg.txt`` out of a disk image.

    Their new paths in ``into``. Raises CrashextError where the capture kernel saved none.
    """
    debugfs = tools.host_program("debugfs", "e2fsprogs")
    staging = into / "var-crash"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        subprocess.run(
            [debugfs, "-R", f'rdump /var/crash "{staging}"', str(disk)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        results = []
        for name in ("vmcore", "vmcore-dmesg.txt"):
            found = sorted(staging.rglob(name))
            if not found or found[0].stat().st_size == 0:
                raise CrashextError(f"the capture kernel saved no {name}: see the console.log")
            target = into / name
            found[0].replace(target)
            target.chmod(0o644)
            results.append(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return results[0], results[1]


_KERNEL_LINE = re.compile(r"^\[ *\d+\.\d+\]")


def log_of_console(console: str) -> str:
    """The kernel's lines of a serial console: from the first one on, with time stamps.

    What programs print in between is dropped. Used where makedumpfile cannot read the dump.
    """
    lines = [line.rstrip() for line in console.splitlines() if _KERNEL_LINE.match(line)]
    return "\n".join(lines) + "\n" if lines else ""
