# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's root file system: a file tree in memory, and its bytes as an initramfs.

The format is "newc" cpio, as described in the kernel's
``Documentation/driver-api/early-userspace/buffer-format.rst``. It is written here rather than
by ``cpio`` so that it can be made without root (device nodes included), always the same bytes.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Union

_TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Regular:
    """A file with its contents in memory."""

    data: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class Copy:
    """A file of the host, read when the archive is written (symbolic links are followed)."""

    source: Path
    mode: int = 0o644


@dataclass(frozen=True)
class Symlink:
    target: str


@dataclass(frozen=True)
class CharDevice:
    major: int
    minor: int
    mode: int = 0o600


@dataclass(frozen=True)
class Directory:
    """A directory that is there although nothing lies in it."""


Entry = Union[Regular, Copy, Symlink, CharDevice, Directory]
#: Path without a leading slash -> what is there. Directories are made where needed.
Tree = Mapping[str, Entry]


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    for count in range(1, len(parts)):
        yield "/".join(parts[:count])


def _record(
    inode: int, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)
) -> bytes:
    raw_name = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (
        inode, mode, 0, 0, links, 0, len(data), 0, 0, device[0], device[1], len(raw_name), 0,
    )  # fmt: skip
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw_name
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _check(path: str) -> None:
    if not path or path.startswith("/") or any(p in ("", ".", "..") for p in path.split("/")):
        raise ValueError(f"not a clean relative path: {path!r}")


def archive(tree: Tree) -> bytes:
    """The tree as an uncompressed newc cpio archive, entries in sorted order.

    Raises ValueError for a path that is absolute, empty or has ``..`` in it, and OSError where
    a :class:`Copy` cannot be read.
    """
    directories: set[str] = set()
    for path, entry in tree.items():
        _check(path)
        directories.update(_parents(path))
        if isinstance(entry, Directory):
            directories.add(path)
    clash = {path for path in directories & tree.keys() if not isinstance(tree[path], Directory)}
    if clash:
        raise ValueError(f"both a file and a directory: {min(clash)}")
    records = []
    inode = 0
    for path in sorted(directories | tree.keys()):
        inode += 1
        if path in directories:
            records.append(_record(inode, path, stat.S_IFDIR | 0o755))
            continue
        entry = tree[path]
        if isinstance(entry, Regular):
            records.append(_record(inode, path, stat.S_IFREG | entry.mode, entry.data))
        elif isinstance(entry, Copy):
            data = entry.source.read_bytes()
            records.append(_record(inode, path, stat.S_IFREG | entry.mode, data))
        elif isinstance(entry, Symlink):
            records.append(_record(inode, path, stat.S_IFLNK | 0o777, entry.target.encode()))
        elif isinstance(entry, CharDevice):
            device = (entry.major, entry.minor)
            records.append(_record(inode, path, stat.S_IFCHR | entry.mode, device=device))
    records.append(_record(0, _TRAILER, 0))
    return b"".join(records)
