# SPDX-License-Identifier: GPL-2.0-or-later
"""An entry of the cache is whole or not there."""

from __future__ import annotations

import errno
import multiprocessing
from pathlib import Path

import pytest

from crashext.errors import CrashextError
from crashext.lab.cache import Cache, damage, default_root, no_space_named


def test_root_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_root() == Path("/x/crashext")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert default_root() == Path("/h/.cache/crashext")


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    entry = tmp_path / "kernels" / "k"
    with Cache(tmp_path).making(entry) as partial:
        (partial / "file").write_bytes(b"12345")
    return entry


def test_finished_entry_is_whole(entry: Path) -> None:
    assert (entry / "file").read_bytes() == b"12345"
    assert damage(entry, thorough=True) is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_interrupted_entry_leaves_nothing(tmp_path: Path, stop: type[BaseException]) -> None:
    def body() -> None:
        with Cache(tmp_path).making(tmp_path / "d" / "k") as partial:
            (partial / "file").write_bytes(b"12345")
            raise stop

    with pytest.raises(stop):
        body()
    assert list((tmp_path / "d").iterdir()) == []


def test_interrupted_renewal_keeps_the_old_entry(tmp_path: Path, entry: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Cache(tmp_path).making(entry):
        raise KeyboardInterrupt
    assert damage(entry) is None


def test_leftovers_of_a_dead_process_are_swept(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    left = tmp_path / "d" / f".partial-{process.pid}-abc"
    left.mkdir(parents=True)
    with Cache(tmp_path).making(tmp_path / "d" / "k"):
        pass
    assert not left.exists()


def test_missing_file_is_noticed(entry: Path) -> None:
    (entry / "file").unlink()
    assert damage(entry) == "file is missing"


def test_cut_file_is_noticed(entry: Path) -> None:
    (entry / "file").write_bytes(b"123")
    assert damage(entry) == "file has 3 bytes instead of 5"


def test_changed_contents_are_noticed_when_read(entry: Path) -> None:
    (entry / "file").write_bytes(b"12346")
    assert damage(entry) is None
    assert damage(entry, thorough=True) == "file has other contents than when it was fetched"


def test_directory_without_manifest_is_damaged(tmp_path: Path) -> None:
    assert damage(tmp_path) == "has no manifest"


def test_manifest_that_is_no_json_is_damage(entry: Path) -> None:
    (entry / "manifest.json").write_text("{")
    assert damage(entry) == "has a manifest that cannot be read"


def test_full_disk_is_one_line_that_names_the_place(tmp_path: Path) -> None:
    message = rf"^no space left in {tmp_path}: free some"
    with pytest.raises(CrashextError, match=message), no_space_named(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_other_errors_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), no_space_named(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "x")


def test_lock_is_free_again_after_the_body(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.lock("a/b"):
        pass
    with cache.lock("a/b"):
        assert (tmp_path / "locks" / "a_b").exists()
