# SPDX-License-Identifier: GPL-2.0-or-later
"""Debug files are found by build-id; a file of another build is refused with both ids."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import drgn
import pytest
import small_files as files

from crashext import debugfiles
from crashext.debugfiles import DebugFile, ModuleIndex, choose, module_name, read_file
from crashext.errors import Unknown
from crashext.opening import distrust_names

ID = "3d7f1f7ef1fc31231505097b2b5f4f177c3f05bc"
OTHER = "f3b57cdb54cf3f3e4d9caab85dde97957ac3d8ce"


def test_a_plain_module(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.ko", files.elf(ID))
    assert read_file(path) == DebugFile(path, ID, True)


def test_a_stripped_module(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.ko", files.elf(ID, debug=False))
    assert not read_file(path).has_debug_info


def test_a_file_without_build_id(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.ko", files.elf(None))
    assert read_file(path).build_id is None


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)])
def test_a_packed_module(tmp_path: Path, suffix: str, pack) -> None:  # type: ignore[no-untyped-def]
    path = files.write(tmp_path / f"a.ko.{suffix}", pack(files.elf(ID)))
    assert read_file(path) == DebugFile(path, ID, True)


@pytest.mark.skipif(shutil.which("zstd") is None, reason="the zstd program is not installed")
def test_a_module_packed_with_zstd(tmp_path: Path) -> None:
    plain = files.write(tmp_path / "a.ko", files.elf(ID))
    subprocess.run(["zstd", "-q", plain], check=True)
    assert read_file(plain + ".zst").build_id == ID


def test_a_damaged_packed_module(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.ko.xz", lzma.compress(files.elf(ID))[:-20])
    with pytest.raises(Unknown, match=r"a\.ko\.xz cannot be unpacked"):
        read_file(path)


def test_a_file_that_is_no_elf(tmp_path: Path) -> None:
    path = files.write(tmp_path / "vmlinux", b"hello")
    with pytest.raises(Unknown, match="not an ELF file"):
        read_file(path)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("hello_2.ko", "hello_2"),
        ("nf-tables.ko.xz", "nf_tables"),
        ("a.ko.debug", "a"),
        ("a.ko.debug.zst", "a"),
        ("vmlinux", None),
        ("a.ko.bak", None),
    ],
)
def test_module_name(file: str, name: str) -> None:
    assert module_name(file) == name


def test_the_wanted_build_is_chosen(tmp_path: Path) -> None:
    wrong = files.write(tmp_path / "1" / "a.ko", files.elf(OTHER))
    right = files.write(tmp_path / "2" / "a.ko", files.elf(ID))
    choice = choose([wrong, right], ID, "module")
    assert choice.file is not None
    assert choice.file.path == right


def test_another_build_is_refused_with_both_ids(tmp_path: Path) -> None:
    wrong = files.write(tmp_path / "a.ko", files.elf(OTHER))
    choice = choose([wrong], ID, "module")
    assert choice.file is None
    assert choice.rejected == [f"{wrong} has build-id {OTHER}, the dump's module wants {ID}"]


def test_a_stripped_file_is_refused(tmp_path: Path) -> None:
    path = files.write(tmp_path / "vmlinux", files.elf(ID, debug=False, kind=files.ET_EXEC))
    choice = choose([path], ID, "kernel")
    assert choice.file is None
    assert choice.rejected == [f"{path} is stripped (it has no .debug_info)"]


def test_without_a_wanted_id_the_first_with_debug_info_is_chosen(tmp_path: Path) -> None:
    stripped = files.write(tmp_path / "1", files.elf(ID, debug=False))
    full = files.write(tmp_path / "2", files.elf(OTHER))
    choice = choose([stripped, full], None, "kernel")
    assert choice.file is not None
    assert choice.file.path == full


def test_one_file_under_two_names_is_read_once(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.ko", files.elf(OTHER))
    (tmp_path / "b.ko").symlink_to(path)
    assert len(choose([path, str(tmp_path / "b.ko")], ID, "module").rejected) == 1


def test_vmlinux_is_looked_for_in_files_then_directories_then_the_system() -> None:
    found = list(debugfiles.vmlinux_candidates("6.1.0-1-amd64", ID, ["/given"], ["/dump"]))
    assert found[:3] == ["/given", "/dump/vmlinux-6.1.0-1-amd64", "/dump/vmlinux"]
    assert found[5] == f"/usr/lib/debug/.build-id/{ID[:2]}/{ID[2:]}.debug"
    assert "/usr/lib/debug/boot/vmlinux-6.1.0-1-amd64" in found
    assert "/lib/modules/6.1.0-1-amd64/build/vmlinux" in found


def test_modules_are_found_under_a_directory_by_the_kernel_s_name(tmp_path: Path) -> None:
    plain = files.write(tmp_path / "net" / "nf-tables.ko", b"")
    debug = files.write(tmp_path / "debug" / "nf-tables.ko.debug", b"")
    assert ModuleIndex([str(tmp_path)]).files("nf_tables") == [debug, plain]


# Files and names of strangers


@pytest.mark.parametrize("name", ["a.ko", "a.ko.xz", "a.ko.gz", "a.ko.zst", "vmlinux"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    choice = choose([str(tmp_path / name)], ID, "module")
    assert choice.rejected == [f"{tmp_path}/{name} is a pipe (FIFO), not a file"]


@pytest.mark.parametrize("name", ["a.ko", "a.ko.xz", "a.ko.gz", "a.ko.zst"])
def test_a_device_without_an_end_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/zero")
    choice = choose([str(tmp_path / name)], ID, "module")
    assert choice.rejected == [f"{tmp_path}/{name} is a device, not a file"]


def _zst(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("xz", lzma.compress), ("zst", _zst)]
)
def test_a_bomb_is_not_unpacked(
    tmp_path: Path,
    suffix: str,
    pack: Callable[[bytes], bytes],
) -> None:
    path = files.write(tmp_path / f"a.ko.{suffix}", pack(files.elf(ID) + bytes(200 << 20)))
    tracemalloc.start()
    with pytest.raises(Unknown, match=r"unpacks to more than \d+ MiB"):
        read_file(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_xz_may_not_ask_for_any_memory(tmp_path: Path) -> None:
    packer = lzma.LZMACompressor()
    data = bytearray(packer.compress(files.elf(ID)) + packer.flush())
    # The dictionary's size is one byte of the block header (xz file format, 5.3.1): 40 is 4 GiB.
    assert data[12 + 2 : 12 + 4] == b"\x21\x01"
    data[12 + 4] = 40
    data[12 + 8 : 12 + 12] = zlib.crc32(data[12 : 12 + 8]).to_bytes(4, "little")
    path = files.write(tmp_path / "a.ko.xz", bytes(data))
    with pytest.raises(Unknown, match=r"a\.ko\.xz cannot be unpacked: Memory usage limit"):
        read_file(path)


def test_joined_gzip_files_are_unpacked_whole(tmp_path: Path) -> None:
    whole = files.elf(ID)
    path = files.write(
        tmp_path / "a.ko.gz", gzip.compress(whole[:300]) + gzip.compress(whole[300:]) + bytes(5)
    )
    assert read_file(path).build_id == ID


@pytest.mark.parametrize("release", ["../../../tmp/evil", "/tmp/evil", "..", "a\0b", "a\nb"])
def test_a_release_does_not_lead_out_of_the_system_s_folders(release: str) -> None:
    found = list(debugfiles.vmlinux_candidates(release, "../../../etc", [], ["/dump"]))
    assert found == ["/dump/vmlinux"]


def test_drgn_s_own_finder_opens_no_path_that_a_dump_names() -> None:
    prog = drgn.Program()
    distrust_names(prog, "../../tmp/evil")
    options = prog.debug_info_options
    assert (options.try_module_name, options.try_supplementary) == (False, False)
    assert options.try_kmod == drgn.KmodSearchMethod.NONE
    assert options.kernel_directories == ()
