# SPDX-License-Identifier: GPL-2.0-or-later
"""The build of crashext.so, and where the result loads and where it says why not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

from crashext import build
from crashext.lab.store import Dump
from tests.lab.crash_session import CrashSession

#: A crash extension that has a command "epython", as mpykdump.so has.
RIVAL = """\
#include <defs.h>
static char *page[] = { "epython", "another one", " ", "  Another.", NULL };
static void run(void) { fprintf(fp, "the other epython\\n"); }
static struct command_table_entry table[] = { { "epython", run, page, 0 }, { NULL } };
static void __attribute__((constructor)) load(void) { register_extension(table); }
"""


@pytest.fixture(scope="module")
def arguments(dump: Callable[..., Dump]) -> list[str]:
    crash = dump("null-write-unload")
    return ["-s", str(crash.vmlinux), str(crash.vmcore)]


def make(output: Path, *words: str) -> Path:
    assert build.main(["-o", str(output), *words]) == 0
    return output


def test_a_crash_of_another_version_is_refused_in_one_line(
    arguments: list[str], tmp_path: Path
) -> None:
    other = make(tmp_path / "other.so", "--crash-version", "7.0.0")
    with CrashSession(arguments) as session:
        version = build.find_crash(None, None, None).version
        said = session.run(f"extend {other}").splitlines()
        assert said[0].startswith(
            f"crashext.so: built for crash 7.0.0, this is crash {version}:"
            ' build it for this one with "crashext build --crash '
        )
        assert said[1] == f"extend: {other}: no commands registered: shared object unloaded"
        assert "init_task" in session.run("sym init_task")


def test_another_python_in_the_session_is_left_alone(
    arguments: list[str], extension: Path, tmp_path: Path
) -> None:
    source, rival = tmp_path / "rival.c", tmp_path / "mpykdump64.so"
    source.write_text(RIVAL)
    crash = build.find_crash(None, None, None)
    compiler = build.Compiler.find(crash, strict=False, verbose=False)
    compiler.check([compiler.cc, *compiler.flags, "-w", "-shared", "-o", str(rival), str(source)])
    with CrashSession(arguments) as session:
        session.run(f"extend {rival}")
        said = session.run(f"extend {extension}")
        assert said.startswith(f"crashext.so: {rival} is loaded and has its own Python; ")
        program = re.search(r'"epython (\S+)"', said)
        assert program is not None
        assert Path(program[1]).is_file()
        assert session.run("epython") == "the other epython\n"
        # Out of the way, it may load.
        session.run(f"extend -u {rival}")
        assert session.run(f"extend {extension}") == f"{extension}: shared object loaded\n"
        assert session.run("epython -p").startswith(sys.version.split()[0])


def test_a_rebuilt_file_asks_for_a_new_session(
    arguments: list[str], extension: Path, tmp_path: Path
) -> None:
    # The same but for one byte of the build's digest, which the file holds twice (in its core too).
    image = extension.read_bytes()
    digest = re.search(rb"\0([0-9a-f]{64})\0", image)
    assert digest is not None
    changed = bytes([digest[1][0] ^ 1]) + digest[1][1:]
    rebuilt = tmp_path / "crashext.so"
    rebuilt.write_bytes(image.replace(digest[1], changed))
    with CrashSession(arguments) as session:
        session.run(f"extend {extension}")
        session.run(f"extend -u {extension}")
        assert session.run(f"extend {rebuilt}").splitlines()[0] == (
            "crashext.so: it was rebuilt since this session loaded it: start crash anew"
        )


def test_it_works_from_any_directory_whatever_python_is_around(
    arguments: list[str], extension: Path, tmp_path: Path
) -> None:
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "PYTHONHOME": "/nonexistent",
        "PYTHONPATH": str(tmp_path),
    }
    with CrashSession(arguments, directory="/", environment=environment) as session:
        session.run(f"extend {extension}")
        shown = session.run("epython -p").splitlines()
        assert shown[0] == sys.version.splitlines()[0]
        assert str(tmp_path) not in shown
        about = session.run("crashext")
        assert sys.executable in about
        assert "not usable" not in about


def test_install_puts_it_where_crash_looks(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRASH_EXTENSIONS", str(tmp_path))
    assert build.main(["--install"]) == 0
    with CrashSession(arguments, directory="/") as session:
        assert session.run("extend crashext.so") == (
            f"{tmp_path}/crashext.so: shared object loaded\n"
        )


def test_loading_and_the_first_command_leave_no_file_behind(
    arguments: list[str], extension: Path, tmp_path: Path
) -> None:
    with CrashSession(arguments, environment={"TMPDIR": str(tmp_path)}) as session:
        session.run(f"extend {extension}")
        session.run("crashext")
    assert list(tmp_path.iterdir()) == []


def test_the_shell_command_reports_a_missing_header_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "crashext.build", "--defs", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"crashext build: no crash header defs.h in {tmp_path}: install crash (Debian, Ubuntu),"
        " crash-devel (Fedora, RHEL) or crash-devel (SUSE)\n"
    )


def test_both_shared_objects_are_hardened(extension: Path, tmp_path: Path) -> None:
    """Read-only relocations, bound at once; stack protector and fortified calls in the core."""
    image = extension.read_bytes()
    core = tmp_path / "core.so"
    core.write_bytes(image[image.index(b"\x7fELF\x02", 4) :])
    for path in (extension, core):
        shown = subprocess.run(
            ["readelf", "-W", "-l", "-d", path], capture_output=True, text=True, check=True
        ).stdout
        assert "GNU_RELRO" in shown
        assert re.search(r"\(FLAGS\) +BIND_NOW|\(FLAGS_1\) +Flags: NOW", shown)
        assert re.search(r"GNU_STACK .* RW +0x", shown)
    symbols = subprocess.run(
        ["nm", "-D", "--undefined-only", core], capture_output=True, text=True, check=True
    ).stdout
    assert "__stack_chk_fail" in symbols
    assert "__snprintf_chk" in symbols
