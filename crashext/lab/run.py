# SPDX-License-Identifier: GPL-2.0-or-later
"""One crash from beginning to end: build, boot, load, fault, dump, and the truth beside it."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Optional

from crashext.errors import CrashextError
from crashext.lab import dump, qemu, tools
from crashext.lab.build import build, module_directory
from crashext.lab.cache import Cache, no_space_named
from crashext.lab.initramfs import CharDevice, Directory, Entry, Regular, archive
from crashext.lab.kernels import Kernel, host_architecture
from crashext.lab.outputs import output_folder
from crashext.lab.progress import step
from crashext.lab.truth import Fault, menu_of, truth_of

RECORD = "lab.json"
#: Seconds a guest may take to boot and to reach the trigger. A free core needs 2.
BOOT_LIMIT = 180.0
#: Seconds from the trigger to the panic. Soft lockups and hung tasks take 10, RCU stalls 25.
PANIC_LIMIT = 180.0
#: Seconds to let a fault that never panics do its work before the dump.
HANG_WAIT = 20.0
REPORT_WAIT = 2.0
#: Seconds for the capture kernel to boot, filter and save.
CAPTURE_LIMIT = 300.0

#: Seconds from a panic's first line to its last, which a panic on a broken stack may not reach.
PANIC_END_LIMIT = 10.0

_PANIC = r"---\[ end Kernel panic.*\]---"
_PANIC_BEGIN = r"Kernel panic - not syncing"
_MARK = "crashext-lab: "
_KDUMP_MEMORY = 512
_CRASHKERNEL = "160M"


@dataclass(frozen=True)
class Request:
    """What to make. ``memory`` in MiB; ``boot`` are more words for the kernel's command line."""

    module: Path
    fault: str
    out: Path
    dump: str = "elf"
    boot: tuple[str, ...] = ()
    memory: int = 256
    prepare: str = ""  # shell commands for the guest, before the trigger
    built: Optional[Path] = None  # the module as build() left it; None: build it in ``out``


@dataclass(frozen=True)
class Result:
    """Where the files of a crash are."""

    out: Path
    vmcore: Path
    dmesg: Path
    vmlinux: Path
    module: Path  # the .ko
    truth: Path


def fault_of(module: Path, name: str) -> Fault:
    """A fault of the module's menu. A module without a menu can be asked for any name.

    Raises CrashextError naming the menu where the name is not on it.
    """
    menu = menu_of(module)
    if not menu:
        return Fault(name=name, trigger="unload" if name.endswith("-unload") else "write")
    try:
        return menu[name]
    except KeyError:
        raise CrashextError(
            f"{module.name} has no fault {name}; it has: {', '.join(sorted(menu))}"
        ) from None


def trigger_script(fault: Fault, module: str) -> str:
    """The shell script that sets the fault off in the guest."""
    if fault.trigger == "unload":
        return f"rmmod {shlex.quote(module)}\n"
    return f"echo {shlex.quote(fault.name)} >/sys/kernel/debug/{shlex.quote(module)}/fault\n"


def insmod_line(fault: Fault, module: str) -> str:
    """A line for the guest's ``/lab/insmod``: the file and its parameters."""
    parameters = f" fault={fault.name}" if fault.trigger == "unload" else ""
    return f"{module}.ko{parameters}"


def guest_tree(
    kernel: Kernel, modules: Sequence[Path], lines: Sequence[str], script: Optional[str],
    sysctl: dict[str, str], cache: Cache,
) -> dict[str, Entry]:  # fmt: skip
    """The guest's files: ``modules`` are .ko files, ``lines`` say how to load them.

    ``script`` sets the fault off; None for an interactive shell.
    """
    tree: dict[str, Entry] = dict(tools.static_tree(kernel.arch, cache))
    tree.update({name: Directory() for name in ("dev", "proc", "sys", "tmp", "mnt", "root")})
    tree["dev/console"] = CharDevice(5, 1)
    tree["dev/null"] = CharDevice(1, 3, 0o666)
    tree["init"] = Regular(guest_file("init"), 0o755)
    loads = list(lines)
    vmcoreinfo = kernel.module("qemu_fw_cfg")  # tells QEMU where the vmcoreinfo note is
    if vmcoreinfo is not None:
        tree["lab/qemu_fw_cfg.ko"] = Regular(vmcoreinfo)
        loads.insert(0, "qemu_fw_cfg.ko")
    for module in modules:
        tree[f"lab/{module.name}"] = Regular(module.read_bytes())
    tree["lab/insmod"] = Regular(("\n".join(loads) + "\n").encode())
    settings = "".join(f"{key}={value}\n" for key, value in sysctl.items())
    tree["lab/sysctl"] = Regular(settings.encode())
    if script is None:
        tree["lab/shell"] = Regular(b"")
    else:
        tree["lab/trigger"] = Regular(script.encode())
    return tree


def guest_file(name: str) -> bytes:
    """A file of ``crashext/lab/guest``."""
    return (resources.files("crashext.lab") / "guest" / name).read_bytes()


def add_capture(tree: dict[str, Entry], kernel: Kernel, cache: Cache) -> None:
    """Adds kexec, and a capture kernel with makedumpfile, to the guest's files."""
    programs = tools.guest_programs(
        {"sbin/kexec": "kexec-tools", "usr/bin/makedumpfile": "makedumpfile"}, kernel.arch, cache
    )
    capture: dict[str, Entry] = dict(tools.static_tree(kernel.arch, cache))
    capture.update({name: Directory() for name in ("dev", "proc", "sys", "tmp", "mnt")})
    capture["dev/console"] = CharDevice(5, 1)
    capture["dev/null"] = CharDevice(1, 3, 0o666)
    capture["init"] = Regular(guest_file("capture"), 0o755)
    capture.update({path: file for path, file in programs.items() if path != "lab/bin/kexec"})
    tree.update({path: file for path, file in programs.items() if path != "lab/bin/makedumpfile"})
    tree["lab/capture.cpio"] = Regular(archive(capture))
    tree["lab/vmlinuz"] = Regular(kernel.image.read_bytes())
    console = qemu.PLATFORMS[kernel.arch].console
    append = f"console={console} irqpoll nr_cpus=1 reset_devices panic=1"
    tree["lab/kdump"] = Regular(f'capture_append="{append}"\n'.encode())


def run(request: Request, kernel: Kernel, cache: Optional[Cache] = None) -> Result:
    """Makes one crash. The output directory is whole when ``lab.json`` is in it.

    Raises CrashextError: the directory holds what we did not make, or the module; the module does
    not build or load, the fault is unknown or does not crash the kernel, the guest hangs or
    resets, no space.
    """
    cache = Cache() if cache is None else cache
    module_directory(request.module)
    if request.dump not in dump.FORMATS:
        raise CrashextError(f"no dump format {request.dump}: one of {', '.join(dump.FORMATS)}")
    fault = fault_of(request.module, request.fault)
    if request.dump == "kdump-real" and fault.ends != "panic":
        raise CrashextError(
            f"fault {fault.name} does not panic: a capture kernel sees only panics; use --dump elf"
        )
    if request.dump != "elf" and kernel.arch != "amd64":
        # makedumpfile reads only dumps of the architecture it was built for; in an arm64 guest
        # 1.7.8 cannot read the capture kernel's /proc/vmcore ("Can't read pgd").
        raise CrashextError(f"no --dump {request.dump} for {kernel.arch}: use --dump elf")
    qemu.platform(kernel.arch)
    out = request.out.resolve()
    with no_space_named(out), output_folder(request.out, request.module):
        modules = _modules(request, kernel, out / "src")
        name = _module_to_load(modules)
        for module in modules:
            shutil.copy(module, out / module.name)
        for source in (out / "src").glob("*.[ch]"):
            if not source.name.endswith(".mod.c"):
                shutil.copy(source, out / source.name)
        level = _crash(request, fault, kernel, name, modules, out, cache)
        (out / "vmlinux").symlink_to(kernel.vmlinux)
        truth = truth_of(request.module, fault, name, kernel.release, request.dump)
        truth.write(out / "truth.json")
        record = {**_record(request, fault, kernel, out, name), "filter": level}
        (out / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    return Result(
        out, out / "vmcore", out / "vmcore-dmesg.txt", out / "vmlinux", out / f"{name}.ko",
        out / "truth.json",
    )  # fmt: skip


def _modules(request: Request, kernel: Kernel, source: Path) -> list[Path]:
    if request.built is None:
        return build(request.module, kernel, source)
    source.symlink_to(request.built)
    return sorted(source.glob("*.ko"))


def _module_to_load(modules: Sequence[Path]) -> str:
    if len(modules) != 1:
        names = ", ".join(module.name for module in modules)
        raise CrashextError(f"the directory builds more than one module ({names}): split it")
    return modules[0].stem.replace("-", "_")


def _crash(
    request: Request, fault: Fault, kernel: Kernel, module: str, modules: Sequence[Path],
    out: Path, cache: Cache,
) -> int:  # fmt: skip
    """Boots, faults and dumps; which pages the dump lacks (makedumpfile's level)."""
    tree = guest_tree(
        kernel, modules, [insmod_line(fault, modules[0].stem)],
        f"{request.prepare}\n{trigger_script(fault, module)}", fault.sysctl, cache,
    )  # fmt: skip
    console = out / "console.log"
    real = request.dump == "kdump-real"
    append = [f"console={qemu.PLATFORMS[kernel.arch].console}", *fault.boot, *request.boot]
    memory = request.memory
    with tempfile.TemporaryDirectory(prefix="crashext-", dir=out) as scratch:
        disk = None
        if real:
            add_capture(tree, kernel, cache)
            append.append(f"crashkernel={_CRASHKERNEL}")
            memory = max(memory, _KDUMP_MEMORY)
            disk = Path(scratch) / "disk"
            dump.make_disk(disk, 2 * memory)
        initrd = Path(scratch) / "initrd"
        initrd.write_bytes(archive(tree))
        machine = qemu.Machine(
            kernel.image, initrd, " ".join(append), kernel.arch, memory, disk=disk
        )
        with qemu.Guest(machine, console) as guest:
            if real:
                _panic_and_capture(guest, fault)
            else:
                _panic(guest, fault)
                dump.take_elf(guest, out / "vmcore")
        if disk is not None:
            vmcore, _ = dump.read_disk(disk, out)
            dump.check_filtered(vmcore, kernel.vmlinux)
            return 31
    return _extract(request, kernel, out, cache)


def _panic(guest: qemu.Guest, fault: Fault) -> None:
    """Waits until the fault has done what it does."""
    with step(f"Booting, fault {fault.name}") as progress:
        _reach_trigger(guest, progress.update)
        if fault.ends == "hang":
            with contextlib.suppress(qemu.GuestSilent):  # as announced
                guest.wait("panic", [_PANIC], HANG_WAIT, progress.update)
            return
        if fault.ends == "report":
            guest.wait("report", [rf"^{_MARK}returned \d+", _PANIC], PANIC_LIMIT, progress.update)
            with contextlib.suppress(qemu.GuestSilent):
                guest.wait("panic", [_PANIC], REPORT_WAIT, progress.update)
            return
        try:
            guest.wait("panic", [_PANIC_BEGIN], PANIC_LIMIT, progress.update)
        except qemu.GuestSilent as error:
            raise _survived(guest, fault) or error from None
        with contextlib.suppress(qemu.GuestSilent):
            guest.wait("end of the panic", [_PANIC], PANIC_END_LIMIT, progress.update)


def _reach_trigger(guest: qemu.Guest, watch: Callable[[str], None]) -> None:
    match = guest.wait(
        "start of the fault", [rf"^{_MARK}(?:trigger|failed .*)$", _PANIC], BOOT_LIMIT, watch
    )
    if "failed" in match[0]:
        what = match[0][len(_MARK) :].strip()
        raise qemu.GuestError(
            f"in the guest: {what}; {_kernel_complaint(guest)}see {guest.console}"
        )


def _kernel_complaint(guest: qemu.Guest) -> str:
    lines = guest.output().splitlines()
    for index, line in enumerate(lines):
        if line.startswith(f"{_MARK}failed") and index:
            return lines[index - 1].strip() + "; "
    return ""


def _survived(guest: qemu.Guest, fault: Fault) -> Optional[qemu.GuestError]:
    for line in guest.output().splitlines():
        if line.startswith(f"{_MARK}returned"):
            status = line.split()[-1]
            how = "" if status == "0" else f" (the module refused it: exit status {status})"
            return qemu.GuestError(
                f"the kernel survived fault {fault.name}{how}; all it said: {guest.console}"
            )
    return None


def _panic_and_capture(guest: qemu.Guest, fault: Fault) -> None:
    with step(f"Booting, fault {fault.name}, capture kernel") as progress:
        _reach_trigger(guest, progress.update)
        # The capture kernel starts before the first one prints its final panic line.
        try:
            guest.wait(
                "capture kernel", [rf"^{_MARK}saving vmcore-dmesg"], PANIC_LIMIT, progress.update
            )
        except qemu.GuestSilent as error:
            raise _survived(guest, fault) or error from None
        match = guest.wait(
            "saved dump", [rf"^{_MARK}(?:saved|failed .*)$"], CAPTURE_LIMIT, progress.update
        )
        if "failed" in match[0]:
            raise qemu.GuestError(f"in the capture kernel: {match[0][len(_MARK) :]}")
        guest.wait_end("after saving", 60.0)


def _extract(request: Request, kernel: Kernel, out: Path, cache: Cache) -> int:
    """The log out of the dump; for ``kdump`` the filtered dump in its place.

    Which pages the dump lacks: makedumpfile's level.
    """
    vmcore, log = out / "vmcore", out / "vmcore-dmesg.txt"
    if kernel.arch != host_architecture():
        log.write_text(dump.log_of_console((out / "console.log").read_text(errors="replace")))
        return 0
    tool = dump.makedumpfile(cache)
    dump.extract_dmesg(vmcore, log, tool.path)
    if request.dump != "kdump":
        return 0
    full = out / "vmcore.elf"
    vmcore.replace(full)
    try:
        return dump.filter_safely(full, vmcore, kernel.vmlinux, tool.path)
    finally:
        full.unlink()


def open_commands(out: Path, module: str) -> dict[str, str]:
    """How a person opens the dump by hand."""
    at = shlex.quote(str(out))
    return {
        "explain": f"crashext explain {at}/vmcore -s {at}/vmlinux -s {at}/{module}.ko",
        "drgn": f"drgn -c {at}/vmcore -s {at}/vmlinux -s {at}/{module}.ko",
        "crash": f"crash {at}/vmlinux {at}/vmcore",
    }


def _record(
    request: Request, fault: Fault, kernel: Kernel, out: Path, module: str
) -> dict[str, Any]:
    qemu_version, gcc_version = tools.versions(
        [qemu.PLATFORMS[kernel.arch].program, "--version"], ["gcc", "--version"]
    )
    return {
        "kernel": {key: value for key, value in asdict(kernel).items() if key != "root"},
        "fault": fault.name,
        "dump": request.dump,
        "module": module,
        "qemu": qemu_version,
        "gcc": gcc_version,
        "open": open_commands(out, module),
    }


def shell(module: Path, kernel: Kernel, cache: Optional[Cache] = None, memory: int = 256) -> int:
    """Boots the kernel with the module loaded and gives the terminal to a shell in the guest.

    QEMU's exit status. Ctrl-A x leaves at once.
    """
    cache = Cache() if cache is None else cache
    qemu.platform(kernel.arch)
    with tempfile.TemporaryDirectory(prefix="crashext-") as scratch:
        modules = build(module, kernel, Path(scratch) / "src")
        name = _module_to_load(modules)
        tree = guest_tree(kernel, modules, [f"{modules[0].stem}.ko"], None, {}, cache)
        initrd = Path(scratch) / "initrd"
        initrd.write_bytes(archive(tree))
        append = f"console={qemu.PLATFORMS[kernel.arch].console} quiet"
        machine = qemu.Machine(kernel.image, initrd, append, kernel.arch, memory)
        words = qemu.command(machine, "mon:stdio", None)
        print(
            f"{name} is loaded in a guest with {kernel.release}; Ctrl-A x leaves", file=sys.stderr
        )
        with subprocess.Popen(words) as process:
            # Ctrl-C belongs to the guest.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                return process.wait()
            finally:
                signal.signal(signal.SIGINT, before)
                if process.poll() is None:
                    os.kill(process.pid, signal.SIGKILL)
