# SPDX-License-Identifier: GPL-2.0-or-later
"""The small pure steps of a run: triggers, errors of a build, logs, progress, loaders."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from crashext.errors import CrashextError
from crashext.lab import foreign
from crashext.lab.build import first_error, module_directory
from crashext.lab.cli import main
from crashext.lab.dump import log_of_console
from crashext.lab.kernels import Kernel
from crashext.lab.progress import step
from crashext.lab.run import Request, fault_of, insmod_line, trigger_script
from crashext.lab.store import key
from crashext.lab.truth import Fault


def test_fault_is_written_to_the_modules_debugfs_file() -> None:
    script = trigger_script(Fault("null-write"), "hello")
    assert script == "echo null-write >/sys/kernel/debug/hello/fault\n"
    assert insmod_line(Fault("null-write"), "hello") == "hello.ko"


def test_fault_at_unload_is_armed_by_parameter() -> None:
    fault = Fault("null-write-unload", trigger="unload")
    assert insmod_line(fault, "hello") == "hello.ko fault=null-write-unload"
    assert trigger_script(fault, "hello") == "rmmod hello\n"


def test_unknown_fault_names_the_menu(tmp_path: Path) -> None:
    (tmp_path / "faults.json").write_text('[{"name": "b"}, {"name": "a"}]')
    with pytest.raises(CrashextError, match=r"has no fault c; it has: a, b$"):
        fault_of(tmp_path, "c")


def test_module_without_menu_may_be_asked_for_anything(tmp_path: Path) -> None:
    assert fault_of(tmp_path, "my-unload").trigger == "unload"
    assert fault_of(tmp_path, "mine").trigger == "write"


def test_directory_without_kbuild_is_no_module(tmp_path: Path) -> None:
    with pytest.raises(CrashextError, match="has no Kbuild"):
        module_directory(tmp_path)


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("  CC x.o\nx.c:3:1: error: bad\nmake: *** Error 2\n", "x.c:3:1: error: bad"),
        ("ERROR: modpost: \"f\" undefined!\n", 'ERROR: modpost: "f" undefined!'),
        ("", "make said nothing"),
    ],
)  # fmt: skip
def test_first_error_of_a_build(output: str, line: str) -> None:
    assert first_error(output) == line


def test_log_of_a_console_begins_with_the_kernel() -> None:
    console = (
        "SeaBIOS\nBooting\n[    0.000000] Linux version 6.1\ncrashext-lab: trigger\n"
        "[    1.5] BUG: x\n"
    )
    assert log_of_console(console) == "[    0.000000] Linux version 6.1\n[    1.5] BUG: x\n"


def test_progress_off_a_terminal_is_plain_lines() -> None:
    stream = io.StringIO()
    with step("Working", stream) as running:
        running.update("half", 0.5)
    begin, end = stream.getvalue().splitlines()
    assert begin == "Working ..."
    assert end.startswith("Working: done (")


def test_progress_says_when_a_step_failed() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt), step("Working", stream):
        raise KeyboardInterrupt
    assert stream.getvalue().splitlines()[-1] == "Working: failed"


def test_loader_of_a_program_is_in_its_elf_header() -> None:
    # The program header table of a minimal ELF64 file: one PT_INTERP.
    header = bytearray(64 + 56)
    header[:6] = b"\x7fELF\x02\x01"
    header[18:20] = (62).to_bytes(2, "little")
    header[32:40] = (64).to_bytes(8, "little")
    header[54:56] = (56).to_bytes(2, "little")
    header[56:58] = (1).to_bytes(2, "little")
    name = b"/lib64/ld.so\0"
    header[64:68] = (3).to_bytes(4, "little")
    header[72:80] = len(header).to_bytes(8, "little")
    header[96:104] = len(name).to_bytes(8, "little")
    elf = bytes(header) + name
    assert foreign.interpreter(elf) == "/lib64/ld.so"
    assert foreign.machine(elf) == foreign.MACHINES["amd64"]


def test_what_is_no_elf_has_no_loader() -> None:
    assert foreign.interpreter(b"#!/bin/sh\n") is None
    assert foreign.machine(b"#!/bin/sh\n") is None


def test_launcher_runs_by_the_roots_loader(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr" / "lib" / "x86_64-linux-gnu").mkdir(parents=True)
    (root / "lib64").mkdir()
    real = root / "usr" / "lib" / "x86_64-linux-gnu" / "ld-linux-x86-64.so.2"
    real.write_text("")
    (root / "lib64" / "ld-linux-x86-64.so.2").symlink_to(
        "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    )
    words = foreign.Sysroot(root).command(root / "usr" / "bin" / "crash")
    assert words == [str(real), "--library-path", str(real.parent), f"{root}/usr/bin/crash"]


KERNEL = Kernel("6.1.0-1-cloud-amd64", "6.1.1-1", "bookworm", "amd64", Path("/k"))


def test_key_follows_the_sources(tmp_path: Path) -> None:
    (tmp_path / "Kbuild").write_text("obj-m := a.o\n")
    (tmp_path / "a.c").write_text("one\n")
    request = Request(tmp_path, "bug", tmp_path)
    before = key(tmp_path, KERNEL, request)
    assert key(tmp_path, KERNEL, request) == before
    (tmp_path / "a.mod.c").write_text("generated\n")
    (tmp_path / "Makefile").write_text("# for people; the build reads Kbuild\n")
    assert key(tmp_path, KERNEL, request) == before
    (tmp_path / "a.c").write_text("two\n")
    assert key(tmp_path, KERNEL, request) != before


def test_key_follows_what_sets_a_fault_off_and_not_what_is_said_of_it(tmp_path: Path) -> None:
    menu = tmp_path / "faults.json"
    request = Request(tmp_path, "bug", tmp_path)

    def key_with(**more: object) -> str:
        menu.write_text(json.dumps([{"name": "bug", **more}]))
        return key(tmp_path, KERNEL, request)

    before = key_with()
    assert key_with(kind="panic", note="other words") == before
    assert key_with(setup={"boot": ["slub_debug=FZPU"]}) != before
    assert key_with(setup={"sysctl": {"kernel.panic_on_warn": "1"}}) != before


def test_key_follows_fault_format_and_boot_words(tmp_path: Path) -> None:
    requests = [
        Request(tmp_path, "bug", tmp_path),
        Request(tmp_path, "bug", tmp_path, "kdump"),
        Request(tmp_path, "warn", tmp_path),
        Request(tmp_path, "bug", tmp_path, boot=("x=1",)),
    ]
    assert len({key(tmp_path, KERNEL, request) for request in requests}) == len(requests)


def test_error_is_one_line_and_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"crashext lab: {tmp_path} has no faults.json: it offers no menu\n"
    )


def test_faults_of_a_module_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    menu = [{"name": "null-write", "sentence": "writes"}, {"name": "bug", "sentence": "BUG()"}]
    (tmp_path / "faults.json").write_text(json.dumps(menu))
    assert main(["faults", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "null-write  writes\nbug         BUG()\n"


def test_directory_that_cannot_be_made_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert main(["kernels", "fetch", "6.1"]) == 1
    assert capsys.readouterr().err == (
        f"crashext lab: {tmp_path}/file/crashext/locks: Not a directory\n"
    )
