# SPDX-License-Identifier: GPL-2.0-or-later
"""install.sh, uninstall.sh and fault.sh before a made-up machine: what they say, and refuse.

The machine is a directory (LKM_ROOT) and programs in front of PATH that answer for the real ones.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.template.conftest import Generate

RELEASE = "6.1.0-56-amd64"
GCC_12 = "gcc (Debian 12.2.0-14+deb12u1) 12.2.0"


class Machine:
    """A made-up machine: Debian 12, headers and compiler there, kdump armed, virtual."""

    def __init__(self, directory: Path, module: Path) -> None:
        self.root = directory / "root"
        self.bin = directory / "bin"
        self.module = module
        self.environment: dict[str, str] = {}
        self.bin.mkdir()
        self.file("etc/os-release", 'ID=debian\nVERSION_ID="12"\n')
        self.file("proc/modules", "")
        self.file("proc/uptime", "100.00 90.00\n")
        self.file("proc/cmdline", "quiet\n")
        self.file("proc/cpuinfo", "flags\t\t: fpu hypervisor lm\n")
        self.file("proc/meminfo", "MemTotal:        1024 kB\n")
        self.file("proc/sys/kernel/panic_on_oops", "0\n")
        self.file("sys/kernel/kexec_crash_loaded", "1\n")
        self.directory("var/crash")
        self.headers(RELEASE, GCC_12)
        self.program("uname", f"echo {RELEASE}")
        self.program("id", "echo 0")
        self.program("gcc", f"echo '{GCC_12}'")
        for name in ("sync", "mount", "insmod", "rmmod", "modprobe", "depmod", "dmesg", "sleep"):
            self.program(name, f'echo "ran {name} $*"')

    def file(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def directory(self, path: str) -> None:
        (self.root / path).mkdir(parents=True, exist_ok=True)

    def remove(self, path: str) -> None:
        subprocess.run(["rm", "-r", str(self.root / path)], check=True)

    def program(self, name: str, body: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def headers(self, release: str, compiler: str, built: str = "", more: str = "") -> None:
        build = f"lib/modules/{release}/build"
        self.file(f"{build}/Makefile", "")
        self.file(
            f"{build}/include/generated/utsrelease.h",
            f'#define UTS_RELEASE "{built or release}"\n',
        )
        self.file(f"{build}/.config", f'CONFIG_CC_VERSION_TEXT="{compiler}"\n{more}')

    def run(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "LKM_ROOT": str(self.root),
            **self.environment,
        }
        return subprocess.run(
            ["sh", str(self.module / script), *words],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def said(self, result: subprocess.CompletedProcess[str]) -> str:
        return (result.stdout + result.stderr).replace(str(self.root), "")

    def mends(self, *words: str) -> list[str]:
        """What install.sh finds wrong in a dry run, as "what: how to mend it"."""
        lines = self.said(self.run("install.sh", "--dry-run", *words)).splitlines()
        return [
            f"{line[len('wrong: ') :]}: {lines[index + 1][len('  fix: ') :]}"
            for index, line in enumerate(lines)
            if line.startswith("wrong: ")
        ]


@pytest.fixture
def machine(tmp_path: Path, generate: Generate) -> Machine:
    return Machine(tmp_path, generate())


# --- install.sh -----------------------------------------------------------------------------


def test_install_dry_run_on_a_good_machine(machine: Machine) -> None:
    result = machine.run("install.sh", "--dry-run")
    assert result.returncode == 0
    assert (
        machine.said(result)
        == f"""\
   ok: hello is not loaded
   ok: make is here
   ok: the headers of {RELEASE} are here
   ok: gcc 12 compiles for {RELEASE}
   ok: this kernel loads unsigned modules
    + make KDIR=/lib/modules/{RELEASE}/build
    + make -C /lib/modules/{RELEASE}/build M={machine.module} modules_install
    + depmod {RELEASE}
    + modprobe hello
"""
    )


def test_install_dry_run_with_dkms(machine: Machine) -> None:
    machine.program("dkms", "")
    result = machine.run("install.sh", "--dry-run", "--dkms")
    assert machine.said(result).splitlines()[-6:] == [
        "    + mkdir -p /usr/src/hello-0.1.0",
        "    + cp Kbuild Makefile dkms.conf core.h fault_menu.c faults.c faults.h kunit_lite.h "
        "main.c test.c /usr/src/hello-0.1.0",
        "    + dkms add hello/0.1.0",
        f"    + dkms build hello/0.1.0 -k {RELEASE}",
        f"    + dkms install hello/0.1.0 -k {RELEASE}",
        "    + modprobe hello",
    ]


def test_install_dkms_has_it_already(machine: Machine) -> None:
    machine.program("dkms", "echo hello/0.1.0: added")
    assert machine.mends("--dkms") == ["DKMS has hello 0.1.0 already: ./uninstall.sh"]


def test_install_refuses_and_changes_nothing(machine: Machine) -> None:
    machine.file("proc/modules", "hello 16384 0 - Live 0xffffffffc0000000 (OE)\n")
    machine.program("make", 'echo "make must not run"')
    result = machine.run("install.sh")
    assert result.returncode == 1
    assert "must not run" not in result.stdout
    assert result.stderr == "install.sh: 1 to mend first; nothing was changed\n"


def test_install_module_is_loaded_already(machine: Machine) -> None:
    machine.file("proc/modules", "hello 16384 0 - Live 0xffffffffc0000000 (OE)\n")
    assert machine.mends() == ["hello is loaded already: ./uninstall.sh"]


def test_install_needs_root(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    result = machine.run("install.sh")
    assert "wrong: only root can load a module\n  fix: sudo ./install.sh\n" in result.stdout


HEADERS = [
    ("ID=debian\n", RELEASE, f"apt install linux-headers-{RELEASE}"),
    ("ID=ubuntu\nID_LIKE=debian\n", "6.8.0-45-generic",
     "apt install linux-headers-6.8.0-45-generic"),
    ("ID=linuxmint\nID_LIKE=ubuntu\n", RELEASE, f"apt install linux-headers-{RELEASE}"),
    ("ID=fedora\n", "6.11.4-301.fc41.x86_64", "dnf install kernel-devel-6.11.4-301.fc41.x86_64"),
    ('ID="rhel"\nID_LIKE="fedora"\n', "5.14.0-427.el9.x86_64+debug",
     "dnf install kernel-debug-devel-5.14.0-427.el9.x86_64"),
    ('ID="centos"\nID_LIKE="rhel fedora"\n', "5.14.0-503.el9.x86_64",
     "dnf install kernel-devel-5.14.0-503.el9.x86_64"),
    ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "6.4.0-150600.23.25-default",
     "zypper install kernel-default-devel=$(rpm -qf --qf '%{version}-%{release}' "
     "/boot/vmlinuz-6.4.0-150600.23.25-default)"),
    ("ID=arch\n", "6.11.5-arch1-1", "pacman -S linux-headers"),
    ("ID=gentoo\n", "6.6.58-gentoo",
     "install the headers of 6.6.58-gentoo with the system's package manager"),
]  # fmt: skip


@pytest.mark.parametrize(("os_release", "release", "command"), HEADERS)
def test_install_headers_are_missing(
    machine: Machine, os_release: str, release: str, command: str
) -> None:
    machine.file("etc/os-release", os_release)
    machine.program("uname", f"echo '{release}'")
    machine.remove("lib/modules")
    machine.directory(f"lib/modules/{release}")
    assert machine.mends() == [f"the headers of {release} are not here: {command}"]


def test_install_arch_names_its_kernel_package(machine: Machine) -> None:
    machine.file("etc/os-release", "ID=arch\n")
    machine.remove(f"lib/modules/{RELEASE}/build")
    machine.file(f"lib/modules/{RELEASE}/pkgbase", "linux-lts\n")
    assert machine.mends() == [
        f"the headers of {RELEASE} are not here: pacman -S linux-lts-headers"
    ]


def test_install_headers_of_another_version(machine: Machine) -> None:
    """The mistake that the oldest tutorials warn of."""
    machine.remove(f"lib/modules/{RELEASE}/build")
    machine.headers("6.1.0-40-amd64", GCC_12)
    assert machine.mends() == [
        f"the headers here are for 6.1.0-40-amd64, but {RELEASE} runs: "
        f"apt install linux-headers-{RELEASE}"
    ]


def test_install_headers_in_the_place_of_others(machine: Machine) -> None:
    machine.headers(RELEASE, GCC_12, built="6.1.0-40-amd64")
    assert machine.mends() == [
        f"the headers in /lib/modules/{RELEASE}/build are for 6.1.0-40-amd64, but {RELEASE} runs: "
        f"apt install linux-headers-{RELEASE}"
    ]


def test_install_kernel_was_upgraded(machine: Machine) -> None:
    machine.program("uname", "echo 6.1.0-40-amd64")
    assert machine.mends() == [
        "/lib/modules/6.1.0-40-amd64 is not here: the kernel was probably upgraded after the "
        "boot: reboot"
    ]


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ("ID=debian\n", "apt install gcc-12"),
        ("ID=fedora\n", "dnf install gcc"),
        ("ID=opensuse-tumbleweed\nID_LIKE=opensuse\n", "zypper install gcc12"),
        ("ID=arch\n", "pacman -S gcc"),
    ],
)
def test_install_another_compiler(machine: Machine, os_release: str, command: str) -> None:
    machine.file("etc/os-release", os_release)
    machine.program("gcc", "echo 'gcc (GCC) 14.2.1 20240805'")
    assert machine.mends() == [
        f"{RELEASE} was built with gcc 12, but gcc is version 14: "
        f"{command}, then CC=gcc-12 ./install.sh; or --any-compiler"
    ]


def test_install_any_compiler(machine: Machine) -> None:
    machine.program("gcc", "echo 'gcc (GCC) 14.2.1 20240805'")
    assert machine.mends("--any-compiler") == []


def test_install_compiler_that_debians_headers_name(machine: Machine) -> None:
    machine.file(
        f"lib/modules/{RELEASE}/build/.kernelvariables",
        "CC = $(if $(DEBIAN_KERNEL_USE_CCACHE),$(CCACHE)) $(CROSS_COMPILE)gcc-99\n",
    )
    assert machine.mends() == ["the compiler gcc-99 is not here: apt install gcc-99"]


def test_install_clang_kernel(machine: Machine) -> None:
    machine.headers(RELEASE, "Debian clang version 16.0.6 (27)")
    machine.program("clang", "echo 'Debian clang version 16.0.6 (27)'")
    result = machine.run("install.sh", "--dry-run")
    assert f"   ok: clang 16 compiles for {RELEASE}\n" in result.stdout


NO_KEY = (
    "Secure Boot is on: this kernel loads signed modules only, and there is no key: "
    "make key; mokutil --import signing_key.der; reboot"
)


def test_install_secure_boot_by_its_variable(machine: Machine) -> None:
    name = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    machine.file(f"sys/firmware/efi/efivars/{name}", "\x06\0\0\0\x01")
    assert machine.mends() == [NO_KEY]


def test_install_secure_boot_that_is_off(machine: Machine) -> None:
    name = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    machine.file(f"sys/firmware/efi/efivars/{name}", "\x06\0\0\0\0")
    assert machine.mends() == []


def test_install_locked_down_kernel(machine: Machine) -> None:
    machine.file("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    assert machine.mends() == [NO_KEY]


def test_install_kernel_that_enforces_signatures(machine: Machine) -> None:
    machine.file("sys/module/module/parameters/sig_enforce", "Y\n")
    assert machine.mends() == [NO_KEY]


def test_install_key_is_not_enrolled(machine: Machine) -> None:
    machine.file("sys/module/module/parameters/sig_enforce", "Y\n")
    machine.file("var/lib/shim-signed/mok/MOK.priv", "")
    machine.program("mokutil", 'echo "$2 is not enrolled"')
    assert machine.mends() == [
        "Secure Boot is on, and the key /var/lib/shim-signed/mok/MOK.priv is not enrolled: "
        "mokutil --import /var/lib/shim-signed/mok/MOK.der; reboot, and confirm at the blue screen"
    ]


def test_install_dkms_wants_its_own_key(machine: Machine) -> None:
    machine.program("dkms", "")
    machine.file("sys/module/module/parameters/sig_enforce", "Y\n")
    machine.environment["KEY"] = "/some/other.key"
    assert machine.mends("--dkms") == [
        "Secure Boot is on: this kernel loads signed modules only, and there is no key: "
        "openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 "
        "-subj '/CN=DKMS module signing key/' -keyout /var/lib/dkms/mok.key "
        "-outform DER -out /var/lib/dkms/mok.pub; mokutil --import /var/lib/dkms/mok.pub; reboot"
    ]


def test_install_takes_a_key_that_is_given(machine: Machine, tmp_path: Path) -> None:
    machine.file("sys/module/module/parameters/sig_enforce", "Y\n")
    machine.headers(RELEASE, GCC_12, more='CONFIG_MODULE_SIG_HASH="sha512"\n')
    machine.program("mokutil", 'echo "$2 is already enrolled"')
    key = tmp_path / "my.priv"
    key.write_text("")
    machine.environment["KEY"] = str(key)
    assert (
        f"/scripts/sign-file sha512 {key} {tmp_path}/my.der hello.ko\n"
        in machine.run("install.sh", "--dry-run").stdout
    )


def test_install_signs_with_an_enrolled_key(machine: Machine) -> None:
    machine.file("sys/module/module/parameters/sig_enforce", "Y\n")
    machine.file("var/lib/dkms/mok.key", "")
    machine.program("mokutil", 'echo "$2 is already enrolled"')
    result = machine.run("install.sh", "--dry-run")
    assert (
        f"    + /lib/modules/{RELEASE}/build/scripts/sign-file sha256 /var/lib/dkms/mok.key "
        "/var/lib/dkms/mok.pub hello.ko\n"
    ) in machine.said(result)


def test_install_module_for_another_kernel(machine: Machine) -> None:
    machine.program("make", "")
    machine.program("modinfo", "echo '6.1.0-40-amd64 SMP preempt mod_unload modversions'")
    result = machine.run("install.sh")
    assert result.returncode == 1
    assert result.stdout.splitlines()[-2:] == [
        f"wrong: hello.ko was built for 6.1.0-40-amd64, but {RELEASE} runs",
        "  fix: make clean; ./install.sh",
    ]


def test_install_goes_on_where_modinfo_knows_nothing(machine: Machine) -> None:
    machine.program("make", "")
    machine.program("modinfo", "exit 1")
    result = machine.run("install.sh")
    assert result.returncode == 0
    assert " note: modinfo cannot tell which kernel hello.ko is for\n" in result.stdout


def test_install_shows_what_the_kernel_says_since(machine: Machine) -> None:
    machine.program("make", "")
    machine.program("modinfo", f"echo '{RELEASE} SMP'")
    machine.program(
        "dmesg", "echo '[   99.5] old'; echo '[  100.25] hello: Hello world!'; echo noise"
    )
    result = machine.run("install.sh")
    assert result.returncode == 0
    assert result.stdout.splitlines()[-2:] == [
        "hello is loaded. The kernel says:",
        "  [  100.25] hello: Hello world!",
    ]


def test_install_shows_why_the_kernel_refused(machine: Machine) -> None:
    machine.program("make", "")
    machine.program("modinfo", f"echo '{RELEASE} SMP'")
    machine.program("modprobe", "exit 1")
    machine.program("dmesg", "echo '[  101.0] hello: disagrees about version of symbol'")
    result = machine.run("install.sh")
    assert result.returncode == 1
    assert result.stderr == (
        "install.sh: the kernel refused hello; it says:\n"
        "  [  101.0] hello: disagrees about version of symbol\n"
    )


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh", "fault.sh"])
def test_unknown_option(machine: Machine, script: str) -> None:
    result = machine.run(script, "--frobnicate")
    assert result.returncode == 2
    assert result.stderr.splitlines()[0] == f"{script}: unknown option --frobnicate"


# --- uninstall.sh ---------------------------------------------------------------------------


def test_uninstall_nothing_to_do(machine: Machine) -> None:
    machine.program("modinfo", "exit 1")
    result = machine.run("uninstall.sh")
    assert (result.returncode, result.stdout) == (
        0,
        "   ok: hello is not loaded\n   ok: hello is not installed\n",
    )


def test_uninstall_unloads_and_removes(machine: Machine) -> None:
    machine.file("proc/modules", "hello 16384 0 - Live 0x0 (OE)\nother 1 0 - Live 0x0\n")
    machine.file("hello.ko", "")
    machine.program("modinfo", f"echo {machine.root}/hello.ko")
    result = machine.run("uninstall.sh")
    assert machine.said(result) == (
        "    + rmmod hello\nran rmmod hello\n    + rm /hello.ko\n    + depmod\nran depmod \n"
    )
    assert not (machine.root / "hello.ko").exists()


def test_uninstall_dry_run_changes_nothing(machine: Machine) -> None:
    machine.file("proc/modules", "hello 16384 0 - Live 0x0 (OE)\n")
    machine.file("hello.ko", "")
    machine.program("modinfo", f"echo {machine.root}/hello.ko")
    result = machine.run("uninstall.sh", "--dry-run")
    assert machine.said(result) == "    + rmmod hello\n    + rm /hello.ko\n    + depmod\n"
    assert (machine.root / "hello.ko").exists()


def test_uninstall_leaves_dkms_clean(machine: Machine) -> None:
    machine.directory("usr/src/hello-0.1.0")
    machine.program("modinfo", "exit 1")
    machine.program("dkms", 'if [ "$1" = status ]; then echo "hello/0.1.0: added"; fi')
    result = machine.run("uninstall.sh")
    assert "    + dkms remove hello/0.1.0 --all\n" in result.stdout
    assert not (machine.root / "usr/src/hello-0.1.0").exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hello 16384 1 other, Live 0x0 (OE)", "is in use by other: stop that first"),
        ("hello 16384 2 - Live 0x0 (OE)",
         "is in use by a process that has one of its files open: stop that first"),
        ("hello 16384 1 - Unloading 0x0 (OE-)", "is stuck (Unloading): only a reboot removes it"),
    ],
)  # fmt: skip
def test_uninstall_refuses(machine: Machine, line: str, reason: str) -> None:
    machine.file("proc/modules", f"{line}\n")
    result = machine.run("uninstall.sh")
    assert (result.returncode, result.stderr) == (1, f"uninstall.sh: hello {reason}\n")


# --- fault.sh -------------------------------------------------------------------------------


@pytest.fixture
def loaded(machine: Machine) -> Machine:
    """The machine with the module loaded."""
    machine.file("proc/modules", "hello 16384 0 - Live 0x0 (OE)\n")
    machine.file("sys/kernel/debug/hello/fault", "")
    machine.file("sys/module/hello/parameters/fault", "")
    return machine


def refusal(machine: Machine, *words: str) -> list[str]:
    result = machine.run("fault.sh", *words)
    assert result.returncode == 1
    return result.stderr.replace(str(machine.root), "").splitlines()


def test_fault_lists_the_menu(machine: Machine) -> None:
    result = machine.run("fault.sh")
    lines = result.stdout.splitlines()
    assert result.returncode == 0
    assert (
        lines[0]
        == "null-write-unload         the module's exit function writes through a NULL pointer"
    )
    assert len(lines) == 47


def test_fault_of_no_such_name(machine: Machine) -> None:
    result = machine.run("fault.sh", "no-such-fault")
    assert result.returncode == 2
    assert result.stderr.splitlines()[0] == "fault.sh: there is no fault no-such-fault; the menu:"


def test_fault_part_of_a_name_is_no_name(machine: Machine) -> None:
    assert machine.run("fault.sh", "null").returncode == 2


def test_fault_happens(loaded: Machine) -> None:
    result = loaded.run("fault.sh", "null-write", "--yes")
    assert result.returncode == 0
    assert result.stdout.splitlines()[:4] == [
        "fault null-write: writes through a NULL pointer",
        "This machine will crash, and what is not saved is lost.",
        "Saving the file systems",
        "ran sync ",
    ]
    assert (loaded.root / "sys/kernel/debug/hello/fault").read_text() == "null-write\n"
    assert (loaded.root / "proc/sys/kernel/panic_on_oops").read_text() == "1\n"


def test_fault_at_unload_is_armed_first(loaded: Machine) -> None:
    result = loaded.run("fault.sh", "null-write-unload", "--yes")
    assert "ran rmmod hello\n" in result.stdout
    assert (loaded.root / "sys/module/hello/parameters/fault").read_text() == "null-write-unload\n"


def test_fault_sets_what_it_needs(loaded: Machine) -> None:
    loaded.file("proc/sys/kernel/hung_task_timeout_secs", "120\n")
    loaded.file("proc/sys/kernel/hung_task_panic", "0\n")
    result = loaded.run("fault.sh", "hung-task", "--yes")
    assert "sets kernel.hung_task_timeout_secs=5\nsets kernel.hung_task_panic=1\n" in result.stdout
    assert (loaded.root / "proc/sys/kernel/hung_task_timeout_secs").read_text() == "5\n"


def test_fault_says_which_boot_word_is_missing(loaded: Machine) -> None:
    result = loaded.run("fault.sh", "rcu-stall", "--yes")
    assert (
        "note: meant for a kernel booted with rcupdate.rcu_cpu_stall_timeout=5\n" in result.stdout
    )


def test_fault_that_only_reports_says_so(loaded: Machine) -> None:
    result = loaded.run("fault.sh", "slab-out-of-bounds", "--yes")
    assert "The kernel will report it and go on, but its memory is damaged.\n" in result.stdout
    assert (loaded.root / "proc/sys/kernel/panic_on_oops").read_text() == "0\n"


def test_fault_loads_the_module_that_was_built(machine: Machine, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(machine.module), str(copy)], check=True)
    (copy / "hello.ko").write_text("")
    machine.module = copy
    machine.file("sys/kernel/debug/hello/fault", "")
    assert "ran insmod hello.ko\n" in machine.run("fault.sh", "null-write", "--yes").stdout


def test_fault_refuses_without_root(loaded: Machine) -> None:
    loaded.program("id", "echo 1000")
    assert refusal(loaded, "null-write", "--yes") == [
        "fault.sh: only root can crash this machine",
        "  sudo ./fault.sh null-write",
        "  or in a virtual machine, without root: ./fault.sh null-write --vm",
    ]


def test_fault_refuses_in_a_container(loaded: Machine) -> None:
    loaded.file(".dockerenv", "")
    assert refusal(loaded, "null-write", "--yes") == [
        "fault.sh: this is a container: the fault would crash the machine below it",
        "  ./fault.sh null-write --vm",
    ]


def test_fault_refuses_on_a_real_machine(loaded: Machine) -> None:
    loaded.file("proc/cpuinfo", "flags\t\t: fpu lm\n")
    assert refusal(loaded, "null-write", "--yes") == [
        "fault.sh: this machine is not a virtual one",
        "  in a virtual machine: ./fault.sh null-write --vm",
        "  here all the same: ./fault.sh null-write --real-machine",
    ]


def test_fault_on_a_real_machine_when_told_so(loaded: Machine) -> None:
    loaded.file("proc/cpuinfo", "flags\t\t: fpu lm\n")
    assert loaded.run("fault.sh", "null-write", "--yes", "--real-machine").returncode == 0


def test_fault_knows_a_virtual_machine_by_its_maker(loaded: Machine) -> None:
    loaded.file("proc/cpuinfo", "Features\t: fp asimd\n")
    loaded.file("sys/class/dmi/id/sys_vendor", "QEMU\n")
    assert loaded.run("fault.sh", "null-write", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("os_release", "first"),
    [
        ("ID=debian\n",
         "apt install kdump-tools, answer yes, reboot (adds crashkernel= to the kernel)"),
        ("ID=fedora\n", "dnf install kdump-utils || dnf install kexec-tools"),
        ("ID=sles\nID_LIKE=suse\n", "zypper install kdump kexec-tools"),
        ("ID=arch\n", "pacman -S kexec-tools; then https://wiki.archlinux.org/title/Kdump"),
        ("ID=void\n", "add crashkernel=256M to the kernel's command line, reboot, set kdump up"),
    ],
)  # fmt: skip
def test_fault_refuses_without_kdump(loaded: Machine, os_release: str, first: str) -> None:
    loaded.file("etc/os-release", os_release)
    loaded.file("sys/kernel/kexec_crash_loaded", "0\n")
    said = refusal(loaded, "null-write", "--yes")
    assert said[:2] == ["fault.sh: kdump is not armed: the crash would leave no dump", f"  {first}"]
    assert (loaded.root / "sys/kernel/debug/hello/fault").read_text() == ""


def test_fault_without_kdump_when_told_so(loaded: Machine) -> None:
    loaded.file("sys/kernel/kexec_crash_loaded", "0\n")
    assert loaded.run("fault.sh", "null-write", "--yes", "--no-dump").returncode == 0


def test_fault_refuses_without_room_for_the_dump(loaded: Machine) -> None:
    loaded.file("proc/meminfo", "MemTotal:       1073741824 kB\n")
    loaded.program("df", "echo Filesystem; echo /dev/sda1 100 50 2048 50% /")
    assert refusal(loaded, "null-write", "--yes") == [
        "fault.sh: /var/crash has 2 MiB free, a dump may need 262144",
        "  make room, or: ./fault.sh null-write --no-dump",
    ]


def test_fault_where_df_knows_nothing(loaded: Machine) -> None:
    loaded.program("df", "echo Filesystem")
    assert loaded.run("fault.sh", "null-write", "--yes").stderr == ""


def test_fault_asks_and_refuses_where_nobody_can_answer(loaded: Machine) -> None:
    assert refusal(loaded, "null-write") == [
        "fault.sh: there is nobody to ask",
        "  ./fault.sh null-write --yes",
    ]


def test_fault_module_is_neither_loaded_nor_built(machine: Machine) -> None:
    assert refusal(machine, "null-write", "--yes") == [
        "fault.sh: hello is neither loaded nor built",
        "  make, or ./install.sh",
    ]


def test_fault_vm_without_crashext(machine: Machine) -> None:
    machine.environment["CRASHEXT"] = "no-such-program"
    assert refusal(machine, "null-write", "--vm") == [
        "fault.sh: no-such-program is not here",
        "  see 'The virtual machine' in README.md",
    ]


def test_fault_vm_runs_the_lab_and_explains(machine: Machine, tmp_path: Path) -> None:
    machine.program("crashext", f'echo "$@" >>{tmp_path}/calls; echo explained')
    out = tmp_path / "out"
    result = machine.run("fault.sh", "bug", "--vm", "-o", str(out), "--kernel", "6.12")
    assert result.returncode == 0
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"lab run . --fault bug --kernel 6.12 -o {out} --explain",
    ]
    assert result.stdout.splitlines()[0] == "explained"


def test_fault_vm_writes_beside_the_module_and_not_into_it(
    machine: Machine, tmp_path: Path
) -> None:
    machine.program("crashext", f'echo "$@" >>{tmp_path}/calls')
    assert machine.run("fault.sh", "bug", "--vm").returncode == 0
    assert (tmp_path / "calls").read_text() == (
        "lab run . --fault bug -o ../hello-vm-bug --explain\n"
    )


def test_fault_vm_fails_with_the_lab(machine: Machine) -> None:
    machine.program("crashext", "exit 3")
    assert machine.run("fault.sh", "bug", "--vm").returncode == 1


def test_fault_vm_needs_no_root(machine: Machine, tmp_path: Path) -> None:
    machine.program("id", "echo 1000")
    machine.program("crashext", "exit 0")
    assert machine.run("fault.sh", "bug", "--vm", "-o", str(tmp_path)).returncode == 0
