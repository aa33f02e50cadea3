# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that only crash has: epython, drgn, crashext; their help; lines of modules."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

import crashext
from crashext.lab.store import Dump
from tests.lab.crash_session import CrashSession, SharedSession

COMMANDS = ("explain", "oops", "rip", "mods", "epython", "drgn", "crashext")


@pytest.fixture(scope="module")
def seed_crash(dump: Callable[..., Dump]) -> Dump:
    return dump("null-write-unload")


def open_session(extension: Path, crash: Dump, directory: Path, **environment: str) -> CrashSession:
    arguments = ["-s", str(crash.vmlinux), str(crash.vmcore)]
    session = CrashSession(arguments, directory=str(directory), environment=environment)
    assert session.run(f"extend {extension}") == f"{extension}: shared object loaded\n"
    return session


@pytest.fixture(scope="module")
def shared(
    extension: Path, seed_crash: Dump, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedSession]:
    directory = tmp_path_factory.mktemp("here")
    programs = tmp_path_factory.mktemp("there")
    (directory / "here.py").write_text("import sys\nprint('here', sys.argv)\n")
    (programs / "there.py").write_text("import helper\nprint('there', helper.WORD)\n")
    (programs / "helper.py").write_text("WORD = 'helped'\n")

    def start() -> CrashSession:
        return open_session(extension, seed_crash, directory, PYKDUMPPATH=str(programs))

    with SharedSession(start) as made:
        yield made


@pytest.fixture
def session(shared: SharedSession) -> CrashSession:
    return shared.get()


# Help


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_page_in_crash_s_form(session: CrashSession, name: str) -> None:
    lines = session.run(f"help {name}").splitlines()
    assert lines[1] == "NAME"
    assert lines[2].startswith(f"  {name} - ")
    assert lines[4] == "SYNOPSIS"
    assert lines[5].startswith(f"  {name}")
    assert lines[7] == "DESCRIPTION"
    assert "EXAMPLES" in lines
    assert any(line.startswith(f"    crash> {name}") for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_h_is_a_short_page(session: CrashSession, name: str) -> None:
    assert session.run(f"{name} -h").startswith(f"usage: {name}")


def test_the_commands_are_in_the_list_of_help(session: CrashSession) -> None:
    assert set(COMMANDS) <= set(session.run("help").split())


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_one_line(session: CrashSession, name: str) -> None:
    said = session.run(f"{name} --nosuch")
    assert said.startswith(f"{name}: ")
    assert said.endswith(f"see {name} -h\n")
    assert said.count("\n") == 1


# epython


def test_a_program_in_the_current_directory_without_its_suffix(session: CrashSession) -> None:
    assert session.run("epython here one two") == "here ['./here.py', 'one', 'two']\n"


def test_a_program_in_pykdumppath_imports_its_neighbours(session: CrashSession) -> None:
    assert session.run("epython there") == "there helped\n"


def test_a_missing_program_says_where_it_was_looked_for(session: CrashSession) -> None:
    said = session.run("epython nosuch")
    assert said.startswith("epython: no program nosuch in ., ")
    assert said.endswith("; PYKDUMPPATH lists directories\n")


def test_the_prompt_of_python(session: CrashSession) -> None:
    session.send("epython\n")
    session.wait_for(">>> ")
    session.send("crash.addr2sym(crash.sym2addr('init_' + 'task'))\n")
    assert session.wait_for(">>> ").endswith("\n'init_task'\n")
    session.send("import time\n")
    session.wait_for(">>> ")
    session.send("while not print('loop' + 'ing'): time.sleep(600)\n")
    session.wait_for("... ")
    session.send("\n")
    # A terminal drops what was typed and not yet read when Ctrl-C comes: first let it begin.
    session.wait_for("looping")
    session.interrupt()
    assert "KeyboardInterrupt" in session.wait_for(">>> ")
    session.send("unfinished")
    session.interrupt()  # at the prompt
    assert "KeyboardInterrupt" in session.wait_for(">>> ")
    session.send("6 * 7\n")
    assert session.wait_for(">>> ").endswith("\n42\n")
    session.send("\x04")
    session.wait_for_prompt()


def test_a_registered_program_is_a_command_with_help(session: CrashSession, tmp_path: Path) -> None:
    tool = tmp_path / "registers.py"
    tool.write_text(
        "import crash\n"
        "page = ('here', 'prints its arguments', '[word ...]', '  A page.')\n"
        "print(crash.register_epython_prog(*page), crash.register_epython_prog(*page))\n"
    )
    assert session.run(f"epython {tool}") == "True False\n"
    assert session.run("here a b") == "here ['./here.py', 'a', 'b']\n"
    assert "here - prints its arguments" in session.run("help here")


# crashext


def test_about_names_versions_and_files(session: CrashSession, seed_crash: Dump) -> None:
    shown = dict(line.split(maxsplit=1) for line in session.run("crashext").splitlines())
    assert shown["crashext"].startswith(f"{crashext.__version__} ")
    assert shown["dump"] == str(seed_crash.vmcore)
    assert shown["targets"] == "crash, and drgn on crash's memory"


# drgn


def test_drgn_code_sees_the_kernel(session: CrashSession) -> None:
    said = session.run("drgn -e \"print(prog['init_task'].comm)\"")
    assert said == '(char [16])"swapper/0"\n'


def test_a_drgn_script_walks_tasks_modules_and_types(session: CrashSession, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "print(sorted(t.comm.string_() for t in for_each_task(prog) if t.pid == 1))\n"
        "print(sizeof(prog.type('struct list_head')))\n"
        "symbol, = {s.name for s in prog.symbols('cleanup_module')}\n"
        "print(symbol, prog.symbol(prog.symbols('cleanup_module')[0].address).name)\n"
        "print(prog.function('hello_exit').type_.type_name())\n"
        "import drgn\n"
        "print(drgn.get_default_prog() is prog)\n"
    )
    assert session.run(f"drgn {script}").splitlines() == [
        "[b'init']",
        "16",
        "cleanup_module cleanup_module",
        "void (void)",
        "True",
    ]


def test_drgn_unwinds_from_registers_in_memory(session: CrashSession, tmp_path: Path) -> None:
    script = tmp_path / "unwind.py"
    script.write_text(
        "from crashext.targets.crash import open_target\n"
        "frame = open_target().exception_frame(None)\n"
        "regs = Object(prog, 'struct pt_regs', address=frame.address)\n"
        "print([f.name for f in prog.stack_trace(regs)][:2])\n"
    )
    assert session.run(f"drgn {script}") == "['hello_exit', '__do_sys_delete_module']\n"


def test_drgn_reads_what_crash_reads(session: CrashSession, tmp_path: Path) -> None:
    script = tmp_path / "memory.py"
    script.write_text(
        "import crash\n"
        "for name in ('init_task', 'linux_banner', 'modules'):\n"
        "    address = crash.sym2addr(name)\n"
        "    same = prog.read(address, 256) == crash.readmem(address, 256)\n"
        "    physical = crash.kvtop(address)\n"
        "    print(same, prog.read(physical, 256, True) == crash.readmem(address, 256))\n"
        "try: prog.read(0xffffffffff000000, 8)\n"
        "except FaultError as error: print(error)\n"
    )
    assert session.run(f"drgn {script}").splitlines() == [
        *["True True"] * 3,
        "crash cannot read memory: 0xffffffffff000000",
    ]


def test_the_prompt_of_drgn(session: CrashSession) -> None:
    session.send("drgn\n")
    session.wait_for(">>> ")
    session.send("prog['init_task'].pid\n")
    assert "(pid_t)0\n" in session.wait_for(">>> ")
    session.send("%nosuch\n")
    assert "nosuch: command not found\n" in session.wait_for(">>> ")
    session.send("exit()\n")
    session.wait_for_prompt()


def test_a_failing_drgn_script_is_one_line(session: CrashSession) -> None:
    assert session.run("drgn -e \"prog['nosuch']\"") == (
        "drgn: _drgn.ObjectNotFoundError: could not find 'nosuch' (<drgn -e>:1);"
        " drgn -v shows the traceback\n"
    )


# TAB


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("expl", "explain "),
        ("mods --js", "mods --json "),
        ("mods hel", "mods hello "),
        ("rip --source-d", "rip --source-dir "),
        ("crashext li", "crashext lines "),
        ("crashext lines hel", "crashext lines hello "),
        ("epython ./her", "epython ./here.py "),
    ],
)
def test_tab_completes(session: CrashSession, typed: str, completed: str) -> None:
    session.send(f"{typed}\t")
    session.wait_for(completed)
    session.send("\x15\n")
    session.wait_for_prompt()


# Without drgn, and without what only crashext.so has: as under upstream PyKdump


def test_the_suite_as_programs_of_pykdump(
    extension: Path, seed_crash: Dump, tmp_path: Path
) -> None:
    program = tmp_path / "upstream.py"
    path = Path(crashext.__file__).parent / "pykdump" / "programs" / "explain.py"
    program.write_text(
        "import json, io, sys\n"
        "sys.modules.update(dict.fromkeys(('_crashext', 'drgn', '_drgn')))\n"
        "__file__ = 'PyKdumpInit'  # as PyKdump leaves it from its own program at loading\n"
        f"sys.argv[:] = [{str(path)!r}, '--json']\n"
        "sys.stdout, terminal = io.StringIO(), sys.stdout\n"
        "exec(open(sys.argv[0]).read())\n"
        "answer = json.loads(sys.stdout.getvalue())\n"
        "sys.stdout = terminal\n"
        "print(answer['kind'], answer['rip']['symbol'], answer['culprit']['module'])\n"
        "print(answer['unknown']['rip.file'])\n"
        "print(answer['unknown']['variables'])\n"
    )
    with open_session(extension, seed_crash, tmp_path) as session:
        printed = session.run(f"epython {program}").splitlines()
    assert printed[0] == "null-deref hello_exit hello"
    assert printed[1].startswith("gdb knows no source line for 0x")
    assert printed[2].endswith("(extend crashext.so instead of mpykdump.so)")


# Lines of modules


def exit_address(session: CrashSession) -> str:
    return session.run("sym hello_exit").split()[0]


def test_explain_teaches_crash_the_lines_of_the_module(
    extension: Path, seed_crash: Dump, tmp_path: Path
) -> None:
    line = seed_crash.truth.line
    with open_session(extension, seed_crash, tmp_path) as session:
        assert "(not loaded)" in session.run("mod | grep hello")
        answer = session.run("explain")
        rip = next(w for w in answer.split() if w.startswith("(0x")).strip("()")
        assert f"/main.c: {line}\n" in session.run(f"dis -l {rip} 1")
        assert f"\n* {line}\t" in session.run(f"dis -s {rip}")
        assert f"/main.c: {line}\n" in session.run("bt -l")
        assert session.run(f"sym {rip}").endswith(f"/main.c: {line}\n")
        for name in ("lkm_mutex_a", "fault_armed"):  # .data and .bss
            address = session.run(f"sym {name}").split()[0]
            assert f"0x{address} <{name}>" in session.run(f"p &{name}")


def test_lines_of_a_module_without_text(
    extension: Path, dump: Callable[..., Dump], tmp_path: Path
) -> None:
    """Its only code left is .exit.text, which "mod -s" of crash puts at a wrong address."""
    crash = dump("null-write-unload", module=Path(__file__).with_name("no_text"))
    line = f"/no_text.c: {crash.truth.line}\n"
    address = "no_text_exit"
    with open_session(extension, crash, tmp_path) as session:
        assert "no_text" in session.run(f"mod -s no_text {crash.module}")
        assert line not in session.run(f"dis -l {address}")
        assert session.run("crashext lines no_text") == f"no_text: {crash.module}\n"
        assert line in session.run(f"dis -l {address}")
        assert line in session.run("bt -l")


def test_lines_from_a_packed_module_file_in_another_directory(
    extension: Path, seed_crash: Dump, tmp_path: Path
) -> None:
    alone = tmp_path / "dump"
    alone.mkdir()
    shutil.copy(seed_crash.vmcore, alone)
    (alone / "vmlinux").symlink_to(seed_crash.vmlinux)
    packed = tmp_path / "packed" / "deep"
    packed.mkdir(parents=True)
    (packed / "hello.ko.xz").write_bytes(lzma.compress(seed_crash.module.read_bytes(), preset=0))
    with CrashSession(["-s", "vmlinux", "vmcore"], directory=str(alone)) as session:
        session.run(f"extend {extension}")
        assert session.run("crashext lines hello") == (
            "hello: no file with debug info for module hello; give its directory: -S\n"
        )
        said = session.run(f"crashext lines -S {tmp_path / 'packed'} hello")
        assert said.startswith("hello: /proc/self/fd/")
        assert f"/main.c: {seed_crash.truth.line}\n" in session.run("dis -l hello_exit")


def test_a_module_file_of_another_build_is_not_taken(
    extension: Path, seed_crash: Dump, dump: Callable[..., Dump], tmp_path: Path
) -> None:
    alone = tmp_path / "dump"
    alone.mkdir()
    shutil.copy(seed_crash.vmcore, alone)
    (alone / "vmlinux").symlink_to(seed_crash.vmlinux)
    module = bytearray(seed_crash.module.read_bytes())
    note = module.index(b"GNU\0") + 4
    module[note] ^= 0xFF
    (alone / "hello.ko").write_bytes(module)
    with CrashSession(["-s", "vmlinux", "vmcore"], directory=str(alone)) as session:
        session.run(f"extend {extension}")
        assert session.run("crashext lines hello").startswith("hello: no file with debug info")
        assert "(not loaded)" in session.run("mod | grep hello")
