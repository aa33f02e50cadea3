# SPDX-License-Identifier: GPL-2.0-or-later
"""What crashext.so's native code promises at its edges: moments, descriptors, bytes, long words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from crashext.lab.store import Dump
from tests.lab.crash_session import CrashSession, SharedSession

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def crashed(dump: Callable[..., Dump]) -> Dump:
    return dump("null-write-unload")


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library that sends Ctrl-C at a moment (preload/moments.c)."""
    library = tmp_path_factory.mktemp("preload") / "moments.so"
    source = HERE / "preload" / "moments.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return str(library)


def opened(extension: Path, arguments: list[str], **environment: str) -> CrashSession:
    session = CrashSession(arguments, environment=environment)
    loaded = session.run(f"extend {extension}")
    assert loaded == f"{extension}: shared object loaded\n"
    return session


@pytest.fixture(scope="module")
def shared(extension: Path, crashed: Dump) -> Iterator[SharedSession]:
    arguments = ["-s", str(crashed.vmlinux), str(crashed.vmcore)]
    with SharedSession(lambda: opened(extension, arguments)) as made:
        yield made


@pytest.fixture
def session(shared: SharedSession) -> CrashSession:
    return shared.get()


def run(session: CrashSession, directory: Path, source: str) -> str:
    program = directory / "program.py"
    program.write_text(f"import crash\n{source}\n")
    return session.run(f"epython {program}")


# Ctrl-C


@pytest.mark.parametrize("moment", ["/bin/python", "/encodings/", "/crashext/doors/"])
def test_ctrl_c_while_python_starts_ends_that_command_only(
    extension: Path, crashed: Dump, moments: str, moment: str
) -> None:
    arguments = ["-s", str(crashed.vmlinux), str(crashed.vmcore)]
    preload = {"LD_PRELOAD": moments, "CTRL_C_AT": moment}
    with opened(extension, arguments, **preload) as session:
        assert session.run("crashext") == "\n"
        assert session.run("epython -v").startswith("crashext ")
        assert session.run("explain | head -n 1").startswith("NULL pointer write in hello_exit")


def test_ctrl_c_is_not_lost_between_the_look_and_the_read_of_a_key(
    extension: Path, crashed: Dump, moments: str, tmp_path: Path
) -> None:
    arguments = ["-s", str(crashed.vmlinux), str(crashed.vmcore)]
    armed = tmp_path / "armed"
    preload = {"LD_PRELOAD": moments, "CTRL_C_KEY": str(armed)}
    with opened(extension, arguments, **preload) as session:
        session.send("epython\n")
        session.wait_for(">>> ")
        armed.touch()
        session.send("u")
        assert "KeyboardInterrupt" in session.wait_for(">>> ")
        session.send("6 * 7\n")
        assert session.wait_for(">>> ").endswith("\n42\n")


# The context of the user


@pytest.mark.parametrize("end", ["pass", "raise ValueError", "raise KeyboardInterrupt"])
def test_the_memory_of_a_task_is_read_until_the_program_ends(
    session: CrashSession, tmp_path: Path, end: str
) -> None:
    before = session.run("set")
    task = "crash.sym2addr('init_task')"  # crash stands at the task that crashed
    moved = run(
        session,
        tmp_path,
        f"crash.set_readmem_task({task})\nprint(crash.exec_crash_command('set').split()[1])",
    )
    assert moved == "0\n"
    run(session, tmp_path, f"crash.set_readmem_task({task})\n{end}")
    assert session.run("set") == before
    assert run(session, tmp_path, "print(crash.readmem(crash.sym2addr('linux_banner'), 5))") == (
        "b'Linux'\n"
    )


def test_a_program_in_a_program_has_its_own_memory(session: CrashSession, tmp_path: Path) -> None:
    inner = tmp_path / "inner.py"
    inner.write_text(
        "import crash\n"
        "print(crash.readmem(crash.sym2addr('linux_banner'), 5))\n"
        "last = crash.exec_crash_command('ps').splitlines()[-1].replace('>', ' ')\n"
        "crash.set_readmem_task(int(last.split()[3], 16))\n"
    )
    printed = run(
        session,
        tmp_path,
        "crash.set_readmem_task(crash.sym2addr('init_task'))\n"
        f"print(crash.exec_crash_command('epython {inner}'), end='')\n"
        "print(crash.exec_crash_command('set').split()[1])\n"
        "try: crash.readmem(crash.sym2addr('linux_banner'), 5)\n"
        "except crash.error as error: print('user memory')",
    )
    assert printed == "b'Linux'\n0\nuser memory\n"


# Modules


def test_a_file_that_is_no_module_leaves_the_way_free_for_the_right_one(
    session: CrashSession, crashed: Dump, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.ko"
    wrong.write_text("no ELF file")
    said = run(
        session,
        tmp_path,
        f"import _crashext\ntry: _crashext.load_module('hello', {str(wrong)!r}, 'add-symbol-file')"
        "\nexcept crash.error as error: print(error)\nprint(_crashext.module_file('hello'))",
    )
    assert "cannot determine object file format" in said
    assert said.endswith("\nNone\n")
    assert str(crashed.module) in session.run(f"mod -s hello {crashed.module}")
    assert f"{crashed.module}\n" in run(
        session, tmp_path, "import _crashext\nprint(_crashext.module_file('hello'))"
    )


# Descriptors


@pytest.mark.parametrize("left", range(4))
def test_a_command_without_descriptors_leaves_standard_error_where_it_was(
    session: CrashSession, tmp_path: Path, left: int
) -> None:
    printed = run(
        session,
        tmp_path,
        "import os\n"
        "before, held = os.readlink('/proc/self/fd/2'), []\n"
        "try:\n"
        "    while True: held.append(os.open('/dev/null', os.O_RDONLY))\n"
        "except OSError: pass\n"
        f"for _ in range({left}): os.close(held.pop())\n"
        "try: said = crash.exec_crash_command('eval 7').split()[1]\n"
        "except crash.error as error: said = str(error)\n"
        "for fd in held: os.close(fd)\n"
        "print(os.readlink('/proc/self/fd/2') == before, said)",
    )
    too_few = "True eval 7: cannot open a temporary file: Too many open files\n"
    assert printed == (too_few if left < 2 else "True 7\n")
    assert session.run("eval 7").startswith("hexadecimal: 7")


# Bytes and long words


def test_a_dump_path_that_is_no_utf8(extension: Path, crashed: Dump, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "vmcore-") + b"\xe9"
    os.symlink(crashed.vmcore, path)
    with opened(extension, ["-s", str(crashed.vmlinux), os.fsdecode(path)]) as session:
        assert session.run("explain | head -n 1").startswith("NULL pointer write in hello_exit")
        assert "vmcore-" in session.run("crashext | grep dump")


def test_tab_at_the_prompt_of_python_is_a_character(session: CrashSession) -> None:
    session.send("epython\n")
    session.wait_for(">>> ")
    session.send("'lo\t'.encode()\n")
    assert session.wait_for(">>> ").endswith("\nb'lo\\t'\n")
    session.send("\x04")
    session.wait_for_prompt()
    session.send("expl\t")
    session.wait_for("explain ")
    session.send("\x15\n")
    session.wait_for_prompt()


def test_tab_completes_a_path_longer_than_crash_takes(
    session: CrashSession, tmp_path: Path
) -> None:
    (tmp_path / "only-one").touch()
    session.send(f"epython {'/' * 3000}{tmp_path}/onl\t")
    session.wait_for("only-one")
    session.send("\x15\n")
    session.wait_for_prompt()


def test_no_buckets_are_an_empty_list(session: CrashSession, tmp_path: Path) -> None:
    source = "print(crash.getFullBuckets(4096, 8, 0, 0), crash.getFullBucketsH(4096, 8, 0, 0))"
    assert run(session, tmp_path, source) == "[] []\n"
