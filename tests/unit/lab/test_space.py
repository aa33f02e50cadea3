# SPDX-License-Identifier: GPL-2.0-or-later
"""A full disk is found before anything is written, and named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crashext.errors import CrashextError
from crashext.lab.archive import Archive, Package
from crashext.lab.cache import Cache
from crashext.lab.dump import take_elf
from crashext.lab.qemu import Guest, Machine


@pytest.fixture(autouse=True)
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))(100 << 20, 99 << 20, 1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)


def test_dump_says_what_it_needs(tmp_path: Path) -> None:
    guest = Guest(Machine(Path("k"), Path("i"), "", memory=256), tmp_path / "console")
    with pytest.raises(CrashextError) as error:
        take_elf(guest, tmp_path / "vmcore")
    assert str(error.value) == (
        f"no space left in {tmp_path}: the dump needs 320 MiB, 1 MiB are free"
    )
    assert list(tmp_path.iterdir()) == []


def test_download_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive("sid", "amd64", Cache(tmp_path / "cache"))
    monkeypatch.setattr(archive, "update", lambda: None)
    packages = [Package("linux-dbg", "6.1-1", "amd64", size=300_000_000)]
    with pytest.raises(CrashextError) as error:
        archive.download(packages, tmp_path)
    assert str(error.value) == (
        f"no space left in {tmp_path}: linux-dbg 6.1-1 needs 300 MB, 1 MB are free; "
        "set XDG_CACHE_HOME to a larger disk"
    )
