# SPDX-License-Identifier: GPL-2.0-or-later
"""The generated scripts on a real kernel, in a guest that has nothing but busybox."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from crashext.lab import qemu
from crashext.lab.build import build
from crashext.lab.cache import Cache
from crashext.lab.initramfs import Copy, Entry, Regular, archive
from crashext.lab.kernels import Kernel
from crashext.lab.run import BOOT_LIMIT, PANIC_LIMIT, add_capture, guest_tree

RunInGuest = Callable[..., str]
MARK = "crashext-lab: "


@pytest.fixture(scope="module")
def run_in_guest(
    lab_cache: Cache, template_module: Path, kernel: Callable[..., Kernel],
    tmp_path_factory: pytest.TempPathFactory,
) -> RunInGuest:  # fmt: skip
    """``run_in_guest(script)``: the console of a guest that ran it in the module's directory."""
    chosen = kernel("6.1")
    (built,) = build(template_module, chosen, tmp_path_factory.mktemp("build") / "module")

    def run(script: str, *, kdump: bool = False) -> str:
        directory = tmp_path_factory.mktemp("guest")
        tree: dict[str, Entry] = guest_tree(chosen, [], [], f"cd /module\n{script}", {}, lab_cache)
        for name in ("install.sh", "uninstall.sh", "fault.sh"):
            tree[f"module/{name}"] = Copy(template_module / name, 0o755)
        tree["module/faults.json"] = Copy(template_module / "faults.json")
        tree["module/hello.ko"] = Copy(built)
        tree["etc/os-release"] = Regular(b"ID=debian\n")
        append, memory = "console=ttyS0", 256
        if kdump:
            add_capture(tree, chosen, lab_cache)
            append, memory = "console=ttyS0 crashkernel=160M", 512
        initrd = directory / "initrd"
        initrd.write_bytes(archive(tree))
        machine = qemu.Machine(chosen.image, initrd, append, memory=memory)
        with qemu.Guest(machine, directory / "console.log") as guest:
            guest.wait("start", [f"^{MARK}trigger"], BOOT_LIMIT)
            ends = [
                f"^{MARK}returned",
                r"---\[ end Kernel panic",
                f"^{MARK}saving",
                f"^{MARK}failed",
            ]
            guest.wait("end", ends, PANIC_LIMIT)
            return guest.output()

    return run


def lines(console: str) -> list[str]:
    """What the scripts printed: the lines that are not the kernel's."""
    text = console.partition(f"{MARK}trigger\n")[2]
    return [line for line in text.splitlines() if not line.startswith("[")]


def test_refusals(run_in_guest: RunInGuest) -> None:
    console = run_in_guest("""
./fault.sh null-write --yes; echo status $?
./fault.sh null-write --no-dump </dev/null; echo status $?
./fault.sh no-such-fault 2>&1 | head -n 1
./install.sh --dry-run; echo status $?
""")
    assert lines(console)[:-1] == [
        "fault.sh: kdump is not armed: the crash would leave no dump",
        "  apt install kdump-tools, answer yes, reboot (adds crashkernel= to the kernel)",
        "  check: kdump-config show",
        "  or without a dump: ./fault.sh null-write --no-dump",
        "  or in a virtual machine: ./fault.sh null-write --vm",
        "status 1",
        "fault null-write: writes through a NULL pointer",
        "This machine will crash, and what is not saved is lost.",
        "fault.sh: there is nobody to ask",
        "  ./fault.sh null-write --yes",
        "status 1",
        "fault.sh: there is no fault no-such-fault; the menu:",
        "   ok: hello is not loaded",
        "wrong: make is not here",
        "  fix: apt install make",
        f"wrong: /lib/modules/{release(console)} is not here: the kernel was probably upgraded "
        "after the boot",
        "  fix: reboot",
        "   ok: this kernel loads unsigned modules",
        "install.sh: 2 to mend first; nothing was changed",
        "status 1",
    ]


def release(console: str) -> str:
    """The kernel's release, from the first line of its log."""
    (first,) = [line for line in console.splitlines() if "Linux version" in line][:1]
    return first.partition("Linux version ")[2].split()[0]


def test_install_and_uninstall(run_in_guest: RunInGuest) -> None:
    """The guest has no compiler: make is a stand-in that copies what was built before."""
    console = run_in_guest("""
build=/lib/modules/$(uname -r)/build
mkdir -p $build/include/generated
touch $build/Makefile $build/../modules.dep
echo "#define UTS_RELEASE \\"$(uname -r)\\"" >$build/include/generated/utsrelease.h
cat >/bin/make <<'END'
#!/bin/sh
case "$*" in *modules_install) mkdir -p /lib/modules/$(uname -r)/extra
cp hello.ko /lib/modules/$(uname -r)/extra ;; esac
END
echo 'echo "gcc (GCC) 12.2.0"' >/bin/gcc
chmod +x /bin/make /bin/gcc
./install.sh; echo status $?
./uninstall.sh; echo status $?
ls /lib/modules/$(uname -r)/extra | wc -l
""")
    wanted = """\
   ok: hello is not loaded
   ok: make is here
   ok: the headers of RELEASE are here
   ok: gcc 12 compiles for RELEASE
   ok: this kernel loads unsigned modules
    + make KDIR=/lib/modules/RELEASE/build
   ok: hello.ko was built for RELEASE
    + make -C /lib/modules/RELEASE/build M=/module modules_install
    + depmod RELEASE
    + modprobe hello
hello is loaded. The kernel says:
status 0
    + rmmod hello
    + rm /lib/modules/RELEASE/extra/hello.ko
    + depmod
status 0
0
"""
    said = [line.replace(release(console), "RELEASE") for line in lines(console)[:-1]]
    kernel_says = [line for line in said if line.startswith("  [")]
    assert [line for line in said if not line.startswith("  [")] == wanted.splitlines()
    assert any("hello: Hello world!" in line for line in kernel_says)


def test_module_in_use_is_not_unloaded(run_in_guest: RunInGuest) -> None:
    console = run_in_guest("""
insmod hello.ko
exec 3</sys/kernel/debug/hello/fault
./uninstall.sh; echo status $?
exec 3<&-
./uninstall.sh; echo status $?
grep -c hello /proc/modules
""")
    assert lines(console)[:-1] == [
        "uninstall.sh: hello is in use by a process that has one of its files open: stop that "
        "first",
        "status 1",
        "    + rmmod hello",
        "   ok: hello is not installed",
        "status 0",
        "0",
    ]


def test_fault_crashes_the_guest_when_told_to(run_in_guest: RunInGuest) -> None:
    console = run_in_guest("./fault.sh struct-member-of-null --yes --no-dump\n")
    assert "BUG: kernel NULL pointer dereference, address: 0000000000000040" in console
    assert "RIP: 0010:fault_struct_member_of_null+" in console
    assert "Kernel panic - not syncing: Fatal exception" in console


def test_fault_where_kdump_is_armed_starts_the_capture_kernel(run_in_guest: RunInGuest) -> None:
    console = run_in_guest("./fault.sh null-write --yes\n", kdump=True)
    crash, _, after = console.partition("RIP: 0010:fault_null_write+")
    assert "This machine will crash, and what is not saved is lost.\n" in crash
    # A second kernel boots, and its init looks for a place for the dump.
    assert "Linux version " in after
    assert MARK in after


def test_fault_at_unload(run_in_guest: RunInGuest) -> None:
    console = run_in_guest("./fault.sh null-write-unload --yes --no-dump\n")
    assert "hello: Intentionally generating fault!" in console
    assert "RIP: 0010:hello_exit+" in console


def test_menu_and_parameter(run_in_guest: RunInGuest) -> None:
    console = run_in_guest("""
insmod hello.ko fault=no-such-fault; echo status $?
insmod hello.ko fault=warn
cat /sys/module/hello/parameters/fault
head -n 2 /sys/kernel/debug/hello/fault
wc -l </sys/kernel/debug/hello/fault
echo no-such-fault >/sys/kernel/debug/hello/fault
echo work-after-unload >/sys/kernel/debug/hello/fault
cat /sys/module/hello/parameters/fault
echo warn >/sys/module/hello/parameters/fault
rmmod hello
""")
    assert [line.replace("\t", " | ") for line in lines(console)[:-1]] == [
        "insmod: can't insert 'hello.ko': Invalid argument",
        "status 22",  # EINVAL, as busybox hands it on
        "warn",
        "null-write-unload | the module's exit function writes through a NULL pointer",
        "null-write | writes through a NULL pointer",
        "47",
        "sh: write error: Invalid argument",
        "work-after-unload",
    ]
    assert "hello: there is no fault 'no-such-fault' in the menu" in console
    # Armed for unload, and happened there: a warning, after which the kernel goes on.
    warning = console.index("WARNING: CPU:")
    assert warning < console.index("fault warn: the kernel goes on")
    assert console.index("hello: fault work-after-unload: armed") < warning
