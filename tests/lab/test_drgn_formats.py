# SPDX-License-Identifier: GPL-2.0-or-later
"""One crash in every dump format, whole and cut, with the right debug files and with wrong ones."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from crashext.debugfiles import read_file
from crashext.errors import CrashextError, Unknown
from crashext.lab.store import Dump
from crashext.opening import open_target
from crashext.targets.base import Target

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

#: Offset and size of utsname in makedumpfile's struct disk_dump_header.
UTSNAME = slice(12, 12 + 6 * 65)


@pytest.fixture(scope="module")
def crash(dump: Callable[..., Dump]) -> Dump:
    return dump("null-write")


@pytest.fixture(scope="module")
def formats(crash: Dump, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The crash as makedumpfile writes it, and with QEMU's empty utsname."""
    where = tmp_path_factory.mktemp("formats")
    found = {"elf": crash.vmcore}
    for name, options in (
        ("lzo", ["-l"]),
        ("zlib", ["-c"]),
        ("plain", ["-d", "31"]),
    ):
        found[name] = where / name
        command = ["makedumpfile", *options, "-d", "31", str(crash.vmcore), str(found[name])]
        subprocess.run(command, check=True, capture_output=True)
    found["flattened"] = where / "flattened"
    with found["flattened"].open("wb") as out:
        command = ["makedumpfile", "-F", "-c", "-d", "31", str(crash.vmcore)]
        subprocess.run(command, check=True, stdout=out, stderr=subprocess.DEVNULL)
    found["qemu"] = where / "qemu"
    found["qemu"].write_bytes(_without_utsname(found["flattened"].read_bytes()))
    return found


def _without_utsname(stream: bytes) -> bytes:
    """A flattened dump as QEMU's dump-guest-memory -z writes it: nothing in the utsname."""
    data = bytearray(stream)
    offset, size = struct.unpack_from(">qq", data, 4096)
    assert (offset, bytes(data[4112:4120])) == (0, b"KDUMP   ")
    assert size >= UTSNAME.stop
    data[4112 + UTSNAME.start : 4112 + UTSNAME.stop] = bytes(UTSNAME.stop - UTSNAME.start)
    return bytes(data)


FORMATS = ["elf", "lzo", "zlib", "plain", "flattened", "qemu"]


def where(target: Target) -> tuple[str, int]:
    frame = target.exception_frame(None)
    location = target.source(frame.registers["rip"])[0]
    assert location.function is not None
    assert location.line is not None
    return location.function, location.line


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_place(
    crash: Dump, formats: dict[str, Path], name: str
) -> None:
    target = open_target(
        str(formats[name]), symbols=[str(crash.vmlinux)], module_dirs=[str(crash.out)]
    )
    assert where(target) == ("fault_null_write", crash.truth.line)


def cut(path: Path, size: int, into: Path) -> str:
    copy = into / "cut"
    with path.open("rb") as source, copy.open("wb") as out:
        out.write(source.read(size))
    return str(copy)


@pytest.mark.parametrize("name", ["elf", "zlib", "flattened"])
@pytest.mark.parametrize("size", [1000, 5000, 20000])
def test_a_dump_cut_to_its_head_ends_in_one_line(
    formats: dict[str, Path], tmp_path: Path, name: str, size: int
) -> None:
    path = cut(formats[name], size, tmp_path)
    with pytest.raises(CrashextError) as error:
        open_target(path)
    assert str(error.value).startswith(f"{path} is cut short: it has {size} ")
    assert "\n" not in str(error.value)


def test_a_cut_kdump_does_not_kill_the_process(
    crash: Dump, formats: dict[str, Path], tmp_path: Path
) -> None:
    """libkdumpfile maps the file; a read behind its end would be SIGBUS."""
    path = cut(formats["zlib"], formats["zlib"].stat().st_size // 2, tmp_path)
    command = [str(BIN / "crashext"), "explain", path, "-s", str(crash.vmlinux)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "is cut short" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_elf_core_that_lacks_its_tail_is_explained_and_marked(
    crash: Dump, tmp_path: Path
) -> None:
    path = cut(crash.vmcore, crash.vmcore.stat().st_size - (1 << 20), tmp_path)
    target = open_target(path, symbols=[str(crash.vmlinux)], module_dirs=[str(crash.out)])
    assert where(target) == ("fault_null_write", crash.truth.line)
    assert any(
        f.topic == "dump" and "is cut short" in f.text for f in target.findings(None, None).found
    )


# Debug files


@pytest.fixture
def alone(crash: Dump, tmp_path: Path) -> str:
    """The dump in a directory of its own, so that no debug file lies beside it."""
    path = tmp_path / "alone" / "vmcore"
    path.parent.mkdir()
    try:
        os.link(crash.vmcore, path)
    except OSError:  # another file system
        shutil.copy(crash.vmcore, path)
    return str(path)


def test_without_a_vmlinux_the_line_names_release_and_build_id(crash: Dump, alone: str) -> None:
    with pytest.raises(CrashextError) as error:
        open_target(alone)
    wanted = read_file(str(crash.vmlinux)).build_id
    text = str(error.value)
    assert text.startswith(f"{alone}: no vmlinux with debug info for kernel ")
    assert f"(build-id {wanted})" in text


def test_a_vmlinux_of_another_build_is_refused_with_both_build_ids(
    crash: Dump, alone: str, tmp_path: Path
) -> None:
    other = tmp_path / "vmlinux"
    shutil.copy(crash.module, other)  # an ELF file with debug info and another build-id
    with pytest.raises(CrashextError) as error:
        open_target(alone, symbols=[str(other)])
    wanted, has = read_file(str(crash.vmlinux)).build_id, read_file(str(other)).build_id
    assert f"has build-id {has}, the dump's kernel wants {wanted}" in str(error.value)


def test_a_stripped_vmlinux_is_refused(crash: Dump, alone: str, tmp_path: Path) -> None:
    stripped = tmp_path / "stripped"
    command = ["objcopy", "--strip-debug", str(crash.vmlinux), str(stripped)]
    subprocess.run(command, check=True)
    with pytest.raises(CrashextError, match="is stripped"):
        open_target(alone, symbols=[str(stripped)])


def test_without_the_module_s_file_there_is_a_symbol_but_no_line(crash: Dump, alone: str) -> None:
    target = open_target(alone, symbols=[str(crash.vmlinux)])
    frame = target.exception_frame(None)
    symbol = target.symbol(frame.registers["rip"])
    assert (symbol.name, symbol.offset, symbol.module) == ("fault_null_write", 5, "hello")
    wanted = read_file(str(crash.module)).build_id
    with pytest.raises(Unknown, match=f"give its .ko with build-id {wanted}"):
        target.source(frame.registers["rip"])


def test_the_path_goes_on_without_the_module_s_file(crash: Dump, alone: str) -> None:
    target = open_target(alone, symbols=[str(crash.vmlinux)])
    frames = target.backtrace(None, target.exception_frame(None))
    assert [f.function for f in frames[:3]] == ["fault_null_write", "fault_trigger", "fault_write"]
    assert frames[-1].function == "entry_SYSCALL_64_after_hwframe"


def test_a_module_of_another_build_is_refused_with_both_build_ids(
    crash: Dump, alone: str, tmp_path: Path, dump: Callable[..., Dump]
) -> None:
    other = tmp_path / "other" / "hello.ko"
    other.parent.mkdir()
    shutil.copy(dump("null-write", kernel="6.12").module, other)
    target = open_target(alone, symbols=[str(crash.vmlinux)], module_dirs=[str(other.parent)])
    wanted, has = read_file(str(crash.module)).build_id, read_file(str(other)).build_id
    with pytest.raises(Unknown) as reason:
        target.source(target.exception_frame(None).registers["rip"])
    assert f"has build-id {has}, the dump's module wants {wanted}" in str(reason.value)


def test_a_packed_module_file_is_used(crash: Dump, alone: str, tmp_path: Path) -> None:
    packed = tmp_path / "modules"
    packed.mkdir()
    shutil.copy(crash.module, packed / "hello.ko")
    subprocess.run(["xz", str(packed / "hello.ko")], check=True)
    target = open_target(alone, symbols=[str(crash.vmlinux)], module_dirs=[str(packed)])
    assert where(target) == ("fault_null_write", crash.truth.line)


# Doors


def drgn(crash: Dump, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "drgn"), "-q", "-c", str(crash.vmcore), "-s", str(crash.vmlinux)]
    command += ["-s", str(crash.module), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["explain", "oops", "rip", "mods"])
def test_a_script_in_drgn(crash: Dump, name: str) -> None:
    done = drgn(crash, str(ROOT / "drgn_scripts" / f"{name}.py"), "--json")
    assert done.returncode == 0
    tree: dict[str, Any] = json.loads(done.stdout)
    assert tree


def test_a_command_in_a_drgn_session(crash: Dump) -> None:
    code = "from drgn.commands import run_command; run_command(prog, 'rip')"
    done = drgn(crash, "-e", code)
    assert "fault_null_write+0x5" in done.stdout


def test_help_of_a_script(crash: Dump) -> None:
    done = drgn(crash, str(ROOT / "drgn_scripts" / "rip.py"), "-h")
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["usage:", "rip"])


def test_a_script_without_debug_info_ends_in_one_line(alone: str) -> None:
    command = [str(BIN / "drgn"), "-q", "-c", alone, "--no-default-symbols"]
    command += [str(ROOT / "drgn_scripts" / "explain.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "give it with drgn -s VMLINUX" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_script_s_output_may_be_cut_off(crash: Dump) -> None:
    command = (
        f"{BIN}/drgn -q -c {crash.vmcore} -s {crash.vmlinux} -s {crash.module} "
        f"{ROOT}/drgn_scripts/explain.py -v | head -1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("NULL pointer write in fault_null_write")
    assert "Traceback" not in done.stderr
