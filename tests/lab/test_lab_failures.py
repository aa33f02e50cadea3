# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong in a lab: one clear line, no stray guest, a cache that is still good."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from crashext.errors import CrashextError
from crashext.lab import archive
from crashext.lab import run as lab_run
from crashext.lab.archive import Archive, Source
from crashext.lab.cache import Cache
from crashext.lab.kernels import Kernel
from crashext.lab.run import Request, run

MODULE = """\
// SPDX-License-Identifier: GPL-2.0
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static struct dentry *dir;

static void misbehave(void)
{
%(body)s
}

static ssize_t fault_write(struct file *file, const char __user *buffer, size_t count, loff_t *pos)
{
	misbehave();
	return count;
}

static const struct file_operations fops = { .owner = THIS_MODULE, .write = fault_write };

static int __init bad_init(void)
{
	dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("fault", 0600, dir, NULL, &fops);
	return %(result)s;
}

static void __exit bad_exit(void)
{
	debugfs_remove(dir);
}

module_init(bad_init);
module_exit(bad_exit);
MODULE_LICENSE("GPL");
"""
TRIPLE_FAULT = """\
	struct { u16 limit; u64 base; } __packed nothing = {};

	asm volatile("lidt %0; int3" : : "m"(nothing));
"""
HANG = """\
	local_irq_disable();
	for (;;)
		cpu_relax();
"""

Crash = Callable[..., None]


@pytest.fixture
def crash(tmp_path: Path, kernel: Callable[..., Kernel], lab_cache: Cache) -> Crash:
    """Runs a module whose fault is ``body``; the dump would be in ``tmp_path/out``."""

    def run_it(body: str, result: str = "0") -> None:
        module = tmp_path / "bad"
        module.mkdir()
        (module / "Kbuild").write_text("obj-m := bad.o\n")
        (module / "bad.c").write_text(MODULE % {"body": body, "result": result})
        run(Request(module, "any", tmp_path / "out"), kernel(), lab_cache)

    return run_it


@pytest.fixture(autouse=True)
def no_guest_stays(tmp_path: Path) -> Iterator[None]:
    """After each test: no process names this test's directory."""
    yield
    assert guests(tmp_path) == []


def guests(directory: Path) -> list[int]:
    """The QEMU processes whose command line names a directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if command.startswith(b"qemu-system") and os.fsencode(directory) in command:
            found.append(int(entry.name))
    return found


def test_kernel_that_survives_is_no_crash(crash: Crash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_run, "PANIC_LIMIT", 5.0)
    with pytest.raises(CrashextError, match=r"^the kernel survived fault any; all it said: "):
        crash('\tpr_info("nothing\\n");')


def test_module_that_does_not_load_is_named(crash: Crash) -> None:
    with pytest.raises(CrashextError, match=r"^in the guest: failed insmod bad\.ko; .*insmod"):
        crash("", result="-EINVAL")


def test_triple_fault_is_told_from_a_panic(crash: Crash) -> None:
    with pytest.raises(CrashextError, match=r"reset itself before its panic \(a triple fault"):
        crash(TRIPLE_FAULT)


def test_guest_that_hangs_is_ended(crash: Crash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_run, "PANIC_LIMIT", 5.0)
    with pytest.raises(CrashextError, match=r"^no panic from the guest in 5 s; its last line: "):
        crash(HANG)


def test_compilers_first_error_is_the_message(crash: Crash) -> None:
    with pytest.raises(CrashextError, match=r"does not build for 6\.1.*error: .*no_such_thing"):
        crash("\tno_such_thing();")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_interrupted_run_leaves_no_guest_and_no_result(
    tmp_path: Path, template_module: Path, kernel: Callable[..., Kernel],
    number: signal.Signals, status: int,
) -> None:  # fmt: skip
    out = tmp_path / "out"
    words = [sys.executable, "-m", "crashext", "lab", "run", str(template_module),
             "--kernel", kernel().release, "--fault", "soft-lockup", "-o", str(out)]  # fmt: skip
    # A shell's background job, such as a CI's, ignores SIGINT, and so would its children.
    default = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=default) as process:
        console = out / "console.log"
        while not (console.exists() and "Linux version" in console.read_text(errors="replace")):
            assert process.poll() is None
            time.sleep(0.05)
        assert len(guests(tmp_path)) == 1
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode == status
    assert "Traceback" not in errors
    assert not (out / "lab.json").exists()
    assert [path.name for path in out.iterdir() if path.name.startswith("crashext-")] == []


def test_no_network_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 (discard) of this machine refuses at once.
    sources = [Source("http://127.0.0.1:9/debian", (archive.host_codename(),), ("main",))]
    monkeypatch.setattr(archive, "system_sources", lambda: sources)
    with pytest.raises(
        CrashextError, match=r"^cannot read the index of Debian sid: .*127\.0\.0\.1"
    ):
        Archive("sid", "amd64", Cache(tmp_path)).update()


def test_broken_package_is_one_line(tmp_path: Path) -> None:
    deb = tmp_path / "broken.deb"
    deb.write_bytes(b"!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n")
    with pytest.raises(CrashextError, match=r"^cannot unpack broken\.deb: "):
        archive.unpack(deb, tmp_path / "root")


def test_download_with_a_wrong_sum_is_refused(tmp_path: Path) -> None:
    package = archive.Package("x", "1:1", "all", sha256="0" * 64)
    deb = tmp_path / "x_1%3a1_all.deb"
    deb.write_bytes(b"not what was asked for")
    with pytest.raises(CrashextError, match=r"is broken \(wrong SHA-256\): try again"):
        archive._downloaded(package, tmp_path)
    assert not deb.exists()
