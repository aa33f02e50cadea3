# SPDX-License-Identifier: GPL-2.0-or-later
"""The newer crashes: the same source builds for them, and the same promises hold in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from crashext import build
from crashext.lab import doors
from crashext.lab.cache import Cache
from crashext.lab.store import Dump
from tests.lab.crash_session import CrashSession, SharedSession

PROGRAM = """\
import crash
try: crash.exec_crash_command('rd 0')
except crash.error as error: print(str(error).strip())
try: crash.exec_gdb_command('p nosuch')
except crash.error as error: print(error)
try: crash.readmem(0xffffffffff000000, 8)
except crash.error as error: print(error)
print(crash.exec_crash_command('eval 7').splitlines()[0].strip())
print(crash.exec_gdb_command('p sizeof(struct list_head)').split('=')[1].strip())
print(crash.member_offset('struct list_head', 'prev'), crash.member_offset('list_head', 'nosuch'))
print(crash.Crash_run == crash.Crash_build)
"""

PRINTED = """\
rd: invalid user virtual address: 0  type: "64-bit UVADDR"
p nosuch: No symbol "nosuch" in current context.
cannot read 8 bytes at 0xffffffffff000000
hexadecimal: 7
16
8 -1
True
"""

LOOP = """\
import crash
print('in the loop')
while True:
    crash.exec_crash_command('bt -l')
    crash.exec_gdb_command('p init_task')
    try: crash.exec_crash_command('rd 0')
    except crash.error: pass
"""


@pytest.fixture(scope="module", params=["trixie", "sid"])
def shared(
    request: pytest.FixtureRequest,
    lab_cache: Cache,
    dump: Callable[..., Dump],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SharedSession]:
    crash, seed = doors.crash_of(request.param, lab_cache), dump("null-write-unload")
    directory = tmp_path_factory.mktemp(request.param)
    (directory / "program.py").write_text(PROGRAM)
    (directory / "loop.py").write_text(LOOP)
    arguments = ["-s", str(seed.vmlinux), str(seed.vmcore)]

    def start() -> CrashSession:
        made = CrashSession(arguments, program=[crash.program], directory=str(directory))
        loaded = made.run(f"extend {crash.extension}")
        assert loaded == f"{crash.extension}: shared object loaded\n"
        return made

    with SharedSession(start) as made:
        yield made


@pytest.fixture
def session(shared: SharedSession) -> CrashSession:
    return shared.get()


def test_guarded_calls(session: CrashSession) -> None:
    assert session.run("epython program") == PRINTED


def test_ctrl_c(session: CrashSession) -> None:
    for _ in range(10):
        session.send("epython loop\n")
        session.wait_for("in the loop")
        session.interrupt()
        session.wait_for_prompt()
    assert session.run("epython program") == PRINTED


def test_lines_of_a_module(session: CrashSession, dump: Callable[..., Dump]) -> None:
    line = dump("null-write-unload").truth.line
    assert session.run("crashext lines hello").startswith("hello: /")
    assert f"/main.c: {line}\n" in session.run("dis -l hello_exit")
    assert f"/main.c: {line}\n" in session.run("bt -l")


def test_drgn_on_its_memory(session: CrashSession) -> None:
    assert session.run("drgn -e \"print(prog['init_task'].comm)\"") == '(char [16])"swapper/0"\n'


def test_explain(session: CrashSession) -> None:
    assert session.run("explain | head -n 1").startswith("NULL pointer write in hello_exit [hello]")


def test_an_extension_for_another_crash_is_refused(session: CrashSession, extension: Path) -> None:
    system = build.find_crash(None, None, None).version
    if f"crash  {system}  (" in session.run("crashext"):
        pytest.skip(f"the system's crash is of this very version, {system}")
    assert session.run(f"extend {extension}").startswith("crashext.so: built for crash ")
