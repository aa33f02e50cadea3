# SPDX-License-Identifier: GPL-2.0-or-later
"""What is no dump, or not all of one, ends in one line that names the file and the way out."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
import small_files as files

from crashext.errors import CrashextError, Unknown
from crashext.opening import _check_release, explain_failure, open_dump, open_target
from crashext.targets.drgn.asking import asking


def _patched(core: bytes, at: int, offset: int, count: int = 1) -> bytes:
    """A core whose program headers (at 32) or section headers (at 40) lie at an absurd offset."""
    data = bytearray(core)
    struct.pack_into("<Q", data, at, offset)
    struct.pack_into("<H", data, 56, count)
    return bytes(data)


def _huge_blocks() -> bytes:
    """A flattened stream of a block that ends where no 64-bit offset does."""
    return files.flattened([], end=False) + struct.pack(">qq", 0, (1 << 63) - 1)


def refusal(path: str) -> str:
    with pytest.raises(CrashextError) as error:
        open_target(path)
    text = str(error.value)
    assert "\n" not in text
    assert path in text
    return text


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty", b"", "is empty"),
        ("vmcore.gz", gzip.compress(b"KDUMP   "), "unpack it first: gunzip"),
        ("faulty.ko", files.elf(None), "is an object file or module"),
        ("vmlinux", files.elf(None, kind=files.ET_EXEC), "is an executable"),
        ("noise", bytes(range(256)) * 16, "is no dump that is known"),
        ("cut", files.elf_core([(4, 500, 300), (1, 4096, 8192)]), "is cut short: it has 176 bytes"),
        ("kdump", files.kdump([1, 2, 3])[:5000], "is cut short: it has 5000 bytes"),
        ("flat", files.flattened([b"x"], end=False), "is cut short"),
        ("no-blocks", files.flattened([]), "is damaged: there is no dump's header in it"),
        ("far", _patched(files.elf_core([]), 32, 1 << 63), "is cut short: it has 64 bytes"),
        ("many", _patched(files.elf_core([]), 40, (1 << 64) - 8, 0xFFFF), "is cut short"),
        ("huge", _huge_blocks(), "is cut short"),
    ],
)
def test_files_that_cannot_be_opened(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    assert words in refusal(files.write(tmp_path / name, data))


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    assert refusal(str(tmp_path / "none")).endswith("no such file")


def test_a_directory(tmp_path: Path) -> None:
    assert "is a directory" in refusal(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = files.write(tmp_path / "vmcore", b"KDUMP   ")
    os.chmod(path, 0)
    assert "permission denied" in refusal(path)


def test_a_core_without_a_kernel_in_it(tmp_path: Path) -> None:
    """A core whose headers are whole, but whose notes are no VMCOREINFO."""
    path = files.write(tmp_path / "core", files.elf_core([(4, 120, 0)]))
    assert "process" in refusal(path) or "cannot be opened" in refusal(path)


def test_text_is_a_log(tmp_path: Path) -> None:
    path = files.write(tmp_path / "dmesg.txt", b"[    1.0] hello\n")
    assert open_target(path).name == "log"


def test_a_symbol_file_that_does_not_exist(tmp_path: Path) -> None:
    path = files.write(tmp_path / "vmcore", files.kdump([1]))
    with pytest.raises(CrashextError, match="given with -s"):
        open_dump(path, symbols=[str(tmp_path / "none")])


def test_a_module_directory_that_does_not_exist(tmp_path: Path) -> None:
    path = files.write(tmp_path / "vmcore", files.kdump([1]))
    with pytest.raises(CrashextError, match="given with -S"):
        open_dump(path, module_dirs=[str(tmp_path / "none")])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "VMCOREINFO missing; add -device vmcoreinfo to QEMU",
            "start QEMU with -device vmcoreinfo",
        ),
        ("unexpected EOF", "is cut short"),
        ("something else", "cannot be opened: something else"),
    ],
)
def test_libdrgn_s_messages(message: str, words: str) -> None:
    assert words in explain_failure("vmcore", message)


class _NoMemory:
    """A program whose ``init_uts_ns`` is overwritten."""

    def __getitem__(self, name: str) -> SimpleNamespace:
        release = SimpleNamespace(string_=lambda: b"\xff\xff6.1")
        return SimpleNamespace(name=SimpleNamespace(release=release))

    def main_module(self) -> SimpleNamespace:
        return SimpleNamespace(debug_file_path="vmlinux")


def test_a_damaged_release_does_not_refuse_the_vmlinux_of_the_build_id() -> None:
    known = SimpleNamespace(release="6.1.0", build_id="00ff00ff")
    _check_release(_NoMemory(), "vmcore", known)  # type: ignore[arg-type]
    unknown = SimpleNamespace(release="6.1.0", build_id=None)
    with pytest.raises(CrashextError, match="is not the vmlinux of vmcore"):
        _check_release(_NoMemory(), "vmcore", unknown)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("maximum recursion depth")])
def test_what_a_damaged_count_or_ring_does_to_drgn_is_no_answer(error: Exception) -> None:
    def ask() -> None:
        with asking("the modules"):
            raise error

    with pytest.raises(Unknown, match="the modules: "):
        ask()
