# SPDX-License-Identifier: GPL-2.0-or-later
"""Opens files that a dump, or somebody who may write beside it, can have had a say in.

A name in debug info, a module's name, the release in a dump and the folder in which a dump lies
come from strangers. What is opened for them is a regular file: opening a FIFO waits for ever,
/dev/zero has no end, and reading some devices and files of /proc does something. The descriptor is
asked what it is, not the name, so that a file cannot be exchanged in between.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import stat
from collections.abc import Iterator
from typing import BinaryIO, Optional, Union

from crashext.errors import Unknown

#: O_NONBLOCK: open() of a FIFO or of a serial line returns at once, to be refused below.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def kind_of_mode(mode: int) -> str:
    """What a file that is not regular is, in words, from ``st_mode``."""
    return next((words for test, words in _KINDS if test(mode)), "no regular file")


def open_regular(path: str) -> BinaryIO:
    """A regular file, open for reading (symbolic links are followed). Raises Unknown."""
    return os.fdopen(regular_descriptor(path), "rb")


def regular_descriptor(path: str, *, folder: Optional[int] = None, follow: bool = True) -> int:
    """A descriptor of a regular file. Raises Unknown: not there, or another kind of file.

    :param folder: descriptor of the directory that a relative ``path`` begins at.
    :param follow: False: a symbolic link at the end of the path is an error.
    """
    flags = _FLAGS if follow else _FLAGS | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, dir_fd=folder)
    except OSError as error:
        raise Unknown(f"{path}: {_why_not(path, error)}") from None
    except ValueError as error:  # a NUL in the name
        raise Unknown(f"{path}: {error}") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise Unknown(f"{path} is {kind_of_mode(mode)}, not a file")
    return descriptor


def _why_not(path: str, error: OSError) -> str:
    with contextlib.suppress(OSError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            return "is a socket, not a file"
    return error.strerror or str(error)


def map_regular(path: str) -> memoryview:
    """The bytes of a regular file, mapped. Raises Unknown; an empty file is one as well."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise Unknown(f"{path} is empty")
        try:
            # The mapping is closed when the last view of it goes.
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError) as error:
            raise Unknown(f"{path}: {error}") from None


def open_below(folder: str, path: str) -> BinaryIO:
    """A regular file that lies below ``folder`` also after all links are resolved.

    Raises Unknown. The way from the resolved folder down is walked without following links, so
    that a link made in between leads nowhere.
    """
    real_folder, real = os.path.realpath(folder), os.path.realpath(path)
    if os.path.commonpath([real_folder, real]) != real_folder or real == real_folder:
        raise Unknown(f"{path} does not lie below {folder}: its links lead to {real}")
    *folders, name = os.path.relpath(real, real_folder).split("/")
    with contextlib.ExitStack() as opened:
        here = _descend(real_folder, None, opened)
        for part in folders:
            here = _descend(part, here, opened)
        return os.fdopen(regular_descriptor(name, folder=here, follow=False), "rb")


def _descend(name: str, folder: Optional[int], opened: contextlib.ExitStack) -> int:
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise Unknown(f"{name}: {error.strerror}") from None
    opened.callback(os.close, descriptor)
    return descriptor


def bounded_lines(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """The lines of a file without their ends, each cut after ``limit`` bytes.

    No more than ``limit`` bytes are kept at a time, however long a line is.
    """
    kept: Union[bytes, None] = None
    while piece := file.readline(limit):
        kept = piece if kept is None else kept
        if piece.endswith(b"\n"):
            yield kept.rstrip(b"\r\n")
            kept = None
    if kept is not None:
        yield kept


_PLAIN_NAME = re.compile(r"[^/\x00-\x1f\x7f]{1,255}")


def is_plain_name(name: str) -> bool:
    """Whether a name out of a dump can be one part of a path: no slash, no ``..``."""
    return name not in (".", "..") and _PLAIN_NAME.fullmatch(name) is not None
