# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's command line, and that a guest's process is gone however the body ends."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from crashext.errors import CrashextError
from crashext.lab.qemu import Guest, GuestGone, GuestSilent, Machine, command, last_line, platform

MACHINE = Machine(Path("/k/vmlinuz"), Path("/t/initrd"), "console=ttyS0", memory=512, cpus=4)


def pairs(words: list[str]) -> dict[str, str]:
    return {left: right for left, right in zip(words, words[1:]) if left.startswith("-")}


def test_guest_memory_processors_and_kernel() -> None:
    options = pairs(command(MACHINE, "file:/c", Path("/q")))
    assert (options["-m"], options["-smp"]) == ("512", "4")
    assert (options["-kernel"], options["-initrd"]) == ("/k/vmlinuz", "/t/initrd")
    assert options["-append"] == "console=ttyS0"
    assert options["-serial"] == "file:/c"


def test_vmcoreinfo_device_is_there() -> None:
    assert pairs(command(MACHINE, "file:/c", None))["-device"] == "vmcoreinfo"


def test_comma_in_a_path_does_not_end_an_option() -> None:
    words = command(MACHINE, "file:/c", Path("/a,b/q"))
    assert "unix:/a,,b/q,server=on,wait=off" in words


def test_disk_is_nvme_which_the_cloud_kernel_has_built_in() -> None:
    words = command(Machine(Path("k"), Path("i"), "", disk=Path("/d")), "file:/c", None)
    assert "nvme,drive=disk,serial=crashext" in words


def test_unknown_architecture_is_refused() -> None:
    with pytest.raises(CrashextError, match="does not know architecture vax"):
        platform("vax")


def test_missing_qemu_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CrashextError, match=r"^qemu-system-x86_64 is not here: apt install "):
        platform("amd64")


def test_last_line_that_says_something() -> None:
    assert last_line("a\nb\n\n  \n") == "b"
    assert last_line("") == ""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in QEMU's place that does what the test writes into it."""
    program = tmp_path / "bin" / "qemu-system-x86_64"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


def gone(pid: int) -> bool:
    return not Path("/proc", str(pid)).exists()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, CrashextError])
def test_guest_is_gone_after_any_exception(
    fake: Path, tmp_path: Path, stop: type[BaseException]
) -> None:
    pids = []

    def body() -> None:
        with Guest(MACHINE, tmp_path / "console") as guest:
            assert guest._process is not None
            pids.append(guest._process.pid)
            raise stop

    with pytest.raises(stop):
        body()
    assert gone(pids[0])


def test_scratch_directory_is_gone_too(fake: Path, tmp_path: Path) -> None:
    with Guest(MACHINE, tmp_path / "console") as guest:
        directory = guest._directory
        assert directory is not None
        assert directory.is_dir()
    assert not directory.exists()


def test_guest_that_resets_is_told_from_one_that_fails(fake: Path, tmp_path: Path) -> None:
    fake.write_text(f"#!/bin/sh\necho 'last words' >{tmp_path}/console\nexit 0\n")
    message = r"reset itself before its panic.*'last words'"
    with Guest(MACHINE, tmp_path / "console") as guest, pytest.raises(GuestGone, match=message):
        guest.wait("panic", ["never"], 60)


def test_qemu_that_fails_is_quoted(fake: Path, tmp_path: Path) -> None:
    fake.write_text("#!/bin/sh\necho 'qemu: no such machine' >&2\nexit 1\n")
    message = "ended before the guest's panic: qemu: no such"
    with Guest(MACHINE, tmp_path / "console") as guest, pytest.raises(GuestGone, match=message):
        guest.wait("panic", ["never"], 60)


def test_guest_that_hangs_ends_with_its_last_line(fake: Path, tmp_path: Path) -> None:
    with Guest(MACHINE, tmp_path / "console") as guest:
        (tmp_path / "console").write_text("booting\n")
        with pytest.raises(GuestSilent, match=r"no panic from the guest in 0 s.*'booting'"):
            guest.wait("panic", ["never"], 0.0)


def test_first_match_on_the_console_is_returned(fake: Path, tmp_path: Path) -> None:
    with Guest(MACHINE, tmp_path / "console") as guest:
        (tmp_path / "console").write_bytes(b"one\r\ntwo 2\r\n")
        assert guest.wait("line", ["^three$", r"^two \d$"], 60)[0] == "two 2"


def test_guest_dies_when_its_parent_is_killed(fake: Path, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        with Guest(MACHINE, tmp_path / "console") as guest:
            assert guest._process is not None
            (tmp_path / "pid").write_text(str(guest._process.pid))
            time.sleep(1000)
        os._exit(0)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())
    os.kill(child, 9)
    os.waitpid(child, 0)
    while not gone(pid):  # a hang here is the failure: pytest's caller has the time limit
        time.sleep(0.01)
    assert gone(pid)
