# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's cache: everything in it is whole, or is not there.

Files are made under a temporary name and renamed into place, so that Ctrl-C, a full disk or a
power cut leaves a cache that is still good. Every entry has a manifest with size and SHA-256 of
each file; sizes are checked at each use, the sums on request.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from crashext.errors import CrashextError

MANIFEST = "manifest.json"
#: Prefix of unfinished entries; they belong to a live process or to nobody.
_PARTIAL = ".partial-"


def default_root() -> Path:
    """``$XDG_CACHE_HOME/crashext``, by default ``~/.cache/crashext`` (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME")
    home = Path(base) if base else Path.home() / ".cache"
    return home / "crashext"


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def no_space_named(where: Path) -> Iterator[None]:
    """Turns "no space left" and "read-only" into one line that names the directory."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CrashextError(
                f"no space left in {where}: free some (crashext lab kernels remove NAME), or set "
                "XDG_CACHE_HOME to a larger disk"
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES):
            raise CrashextError(
                f"cannot write to {where}: {error.strerror}; set XDG_CACHE_HOME to a directory "
                "of yours"
            ) from error
        raise


class Cache:
    """A directory of entries, each a directory with a manifest."""

    def __init__(self, root: Optional[Path] = None) -> None:
        self.root = default_root() if root is None else root

    def path(self, *parts: str) -> Path:
        return self.root.joinpath(*parts)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Only one process at a time holds ``name``; others wait. Ends with the process."""
        with no_space_named(self.root):
            locks = self.path("locks")
            locks.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(locks / name.replace("/", "_"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def making(self, entry: Path) -> Iterator[Path]:
        """A temporary directory that becomes ``entry`` when the body ends without an error."""
        with no_space_named(entry.parent):
            entry.parent.mkdir(parents=True, exist_ok=True)
            self._sweep(entry.parent)
            partial = Path(tempfile.mkdtemp(prefix=f"{_PARTIAL}{os.getpid()}-", dir=entry.parent))
            try:
                partial.chmod(0o755)
                yield partial
                write_manifest(partial)
                if entry.exists():
                    shutil.rmtree(entry)
                partial.rename(entry)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise

    @staticmethod
    def _sweep(directory: Path) -> None:
        """Removes what a killed process left behind."""
        for left in directory.glob(f"{_PARTIAL}*"):
            owner = left.name[len(_PARTIAL) :].split("-")[0]
            if owner.isdigit() and not Path("/proc", owner).exists():
                shutil.rmtree(left, ignore_errors=True)

    def remove(self, entry: Path) -> int:
        """Removes an entry; how many bytes that freed."""
        size = tree_size(entry)
        shutil.rmtree(entry)
        return size


def tree_size(directory: Path) -> int:
    """Bytes on disk of all regular files below."""
    total = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            total += status.st_blocks * 512
    return total


def write_manifest(entry: Path) -> None:
    """Writes size and SHA-256 of every regular file of an entry."""
    files = {}
    for path in sorted(entry.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name != MANIFEST:
            relative = str(path.relative_to(entry))
            files[relative] = {"size": path.stat().st_size, "sha256": sha256(path)}
    (entry / MANIFEST).write_text(json.dumps({"files": files}, indent=1) + "\n")


def damage(entry: Path, thorough: bool = False) -> Optional[str]:
    """What is wrong with an entry, or None.

    Sizes are compared always; contents only if ``thorough`` (about 1 s for each 500 MB).
    """
    try:
        files = json.loads((entry / MANIFEST).read_text())["files"]
    except FileNotFoundError:
        return "has no manifest"
    except (ValueError, KeyError, TypeError):
        return "has a manifest that cannot be read"
    for name, expected in files.items():
        path = entry / name
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return f"{name} is missing"
        if size != expected["size"]:
            return f"{name} has {size} bytes instead of {expected['size']}"
        if thorough and sha256(path) != expected["sha256"]:
            return f"{name} has other contents than when it was fetched"
    return None
