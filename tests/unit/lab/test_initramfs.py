# SPDX-License-Identifier: GPL-2.0-or-later
"""The cpio writer, against bytes worked out from the kernel's buffer-format.rst."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from crashext.lab.initramfs import CharDevice, Copy, Directory, Regular, Symlink, archive


def fields(record: bytes) -> list[int]:
    assert record[:6] == b"070701"
    return [int(record[6 + 8 * index : 14 + 8 * index], 16) for index in range(13)]


def test_one_file_is_laid_out_as_newc() -> None:
    data = archive({"a": Regular(b"hello", 0o755)})
    inode, mode, uid, gid, links, mtime, size, *device = fields(data)
    assert (inode, mode, uid, gid, links, mtime, size) == (1, stat.S_IFREG | 0o755, 0, 0, 1, 0, 5)
    assert device == [0, 0, 0, 0, 2, 0]  # device numbers, length of the name with its NUL, check
    assert data[110:112] == b"a\0"
    assert data[112:120] == b"hello\0\0\0"  # 110 + 2 is a multiple of four; data padded to one


def test_the_archive_ends_with_the_trailer() -> None:
    data = archive({})
    assert data[110:121] == b"TRAILER!!!\0"
    assert len(data) == 124


def test_parents_come_before_children_and_once() -> None:
    listing = names(archive({"lab/bin/x": Regular(b""), "lab/y": Regular(b"")}))
    assert listing == ["lab", "lab/bin", "lab/bin/x", "lab/y", "TRAILER!!!"]


def names(data: bytes) -> list[str]:
    found, offset = [], 0
    while offset < len(data):
        values = fields(data[offset:])
        size, length = values[6], values[11]
        found.append(data[offset + 110 : offset + 110 + length - 1].decode())
        offset += (110 + length + 3) // 4 * 4 + (size + 3) // 4 * 4
    return found


def test_device_node_carries_its_numbers() -> None:
    values = fields(archive({"console": CharDevice(5, 1)}))
    assert values[1] == stat.S_IFCHR | 0o600
    assert values[9:11] == [5, 1]


def test_link_holds_its_target() -> None:
    data = archive({"sh": Symlink("busybox")})
    assert fields(data)[1] == stat.S_IFLNK | 0o777
    assert data[116:123] == b"busybox"


def test_directory_beside_a_file_in_it_is_no_clash() -> None:
    assert names(archive({"d": Directory(), "d/f": Regular(b"")})) == ["d", "d/f", "TRAILER!!!"]


def test_copy_is_read_from_the_host(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abcd")
    assert archive({"f": Copy(tmp_path / "f")})[112:116] == b"abcd"


@pytest.mark.parametrize("path", ["/abs", "a/../b", "", "a//b", "./a"])
def test_path_that_leaves_the_tree_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a clean relative path"):
        archive({path: Regular(b"")})


def test_file_where_a_directory_must_be_is_refused() -> None:
    with pytest.raises(ValueError, match="both a file and a directory: a"):
        archive({"a": Regular(b""), "a/b": Regular(b"")})


def test_same_tree_same_bytes_whatever_the_order() -> None:
    one = {"b": Regular(b"1"), "a": Regular(b"2")}
    other = {"a": Regular(b"2"), "b": Regular(b"1")}
    assert archive(one) == archive(other)


@pytest.mark.skipif(shutil.which("cpio") is None, reason="no cpio here to compare with")
def test_cpio_reads_it(tmp_path: Path) -> None:
    data = archive({"lab/a": Regular(b"abc"), "lab/l": Symlink("a")})
    subprocess.run(["cpio", "-i", "--quiet"], input=data, cwd=tmp_path, check=True)
    assert (tmp_path / "lab" / "l").read_bytes() == b"abc"
