# SPDX-License-Identifier: GPL-2.0-or-later
"""crashext.so cannot hurt the session: each way that stock crash or Python would end it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from crashext.lab.store import Dump
from tests.lab.crash_session import CrashSession, SharedSession

#: Said by a program once it is where the test wants to interrupt it.
MARK = "in the loop"

#: A pager that has seen enough after three lines.
PAGER = "/usr/bin/head -n 3"

LOOPS = {
    "python": "while True: pass",
    "memory": "while True: crash.readmem(crash.sym2addr('init_task'), 4096)",
    "command": "while True: crash.exec_crash_command('foreach bt -l')",
    "gdb": "while True: crash.exec_gdb_command('info functions task')",
    "types": "while True: crash.struct_size('task_struct')",
    "nested": "while True: crash.exec_crash_command('epython -p')",
    "failing": """
while True:
    try: crash.exec_crash_command('rd 0')
    except crash.error: pass""",
}


class Programs:
    """Writes programs for ``epython`` and runs them in one session."""

    def __init__(self, directory: Path, extension: Path, dump: Dump) -> None:
        self.directory, self.extension, self._dump = directory, extension, dump
        self.shared = SharedSession(self._start)
        self.session: CrashSession

    def _start(self) -> CrashSession:
        arguments = ["-s", str(self._dump.vmlinux), str(self._dump.vmcore)]
        session = CrashSession(
            arguments, directory=str(self.directory), environment={"CRASHPAGER": PAGER}
        )
        loaded = session.run(f"extend {self.extension}")
        assert loaded == f"{self.extension}: shared object loaded\n"
        return session

    def write(self, source: str, name: str = "program.py") -> Path:
        path = self.directory / name
        path.write_text(f"import crash\n{source}\n")
        return path

    def run(self, source: str, after: str = "") -> str:
        """What a program prints; ``after`` is put behind it on crash's command line."""
        return self.session.run(f"epython {self.write(source)} {after}")


@pytest.fixture(scope="module")
def all_programs(
    tmp_path_factory: pytest.TempPathFactory, extension: Path, dump: Callable[..., Dump]
) -> Iterator[Programs]:
    made = Programs(tmp_path_factory.mktemp("programs"), extension, dump("null-write-unload"))
    with made.shared:
        yield made


@pytest.fixture
def programs(all_programs: Programs) -> Programs:
    """With a session at its prompt, whatever the test before has done to it."""
    all_programs.session = all_programs.shared.get()
    return all_programs


def alive(programs: Programs) -> None:
    """Python and crash both still answer, in the same session."""
    assert programs.run("print(6 * 7)") == "42\n"
    assert programs.session.run("eval 6 * 7").startswith("hexadecimal: 2a")


# crash's error() is a longjmp


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("crash.readmem(0xdead000000000000, 8)", "cannot read 8 bytes at 0xdead000000000000"),
        ("crash.readPtr(0xdead000000000000)", "cannot read 8 bytes at 0xdead000000000000"),
        ("crash.readInt(0xdead000000000000, 4)", "cannot read 4 bytes at 0xdead000000000000"),
        ("crash.kvtop(0xdead000000000000)", "0xdead000000000000 is not mapped"),
        ("crash.uvtop(1, 2)", "0x2 is not mapped"),
        ("crash.set_readmem_task(1)", "0x1 is no task"),
        ("crash.readmem(1 << 64, 8)", "18446744073709551616 is no 64-bit address"),
        ("crash.exec_crash_command('rd 0')", 'rd: invalid user virtual address: 0  type: "64-bit'),
        ("crash.exec_crash_command('mod -s nosuch')", "Usage:\n  mod -s module [objfile]"),
        ("crash.exec_crash_command('struct nosuch')", "struct: invalid data structure reference"),
        ("crash.exec_gdb_command('p nosuch')", 'p nosuch: No symbol "nosuch" in current context.'),
    ],
)
def test_a_call_that_crash_gives_up_is_an_exception(
    programs: Programs, call: str, says: str
) -> None:
    source = f"try:\n    print({call})\nexcept crash.error as error:\n    print('error:', error)"
    assert programs.run(source).startswith(f"error: {says}")


def test_messages_of_a_failed_command_are_in_the_exception_only(programs: Programs) -> None:
    source = """
try: crash.exec_crash_command('rd 0')
except crash.error as error: print(str(error).strip())"""
    assert programs.run(source) == 'rd: invalid user virtual address: 0  type: "64-bit UVADDR"\n'


def test_a_failed_command_leaves_crash_ready_for_the_next(programs: Programs) -> None:
    programs.run(
        "for i in range(200):\n"
        "    for command in ('rd 0', 'bt 99999', 'ps -k -x', 'list 1', 'tree 1', 'foreach'):\n"
        "        try: crash.exec_crash_command(command)\n"
        "        except crash.error: pass"
    )
    assert "init_task" in programs.session.run("sym init_task")
    alive(programs)


def test_the_command_line_of_the_caller_survives_inner_commands(programs: Programs) -> None:
    source = "import sys\ncrash.exec_crash_command('ps -m 1')\nprint(sys.argv[1:])"
    assert programs.run(source, 'one "two words" three') == "['one', 'two words', 'three']\n"


# Python in crash in Python


def test_python_in_a_crash_command_in_python(programs: Programs) -> None:
    path = programs.write(
        "import sys\n"
        "depth = int(sys.argv[1])\n"
        "if depth:\n"
        "    print(crash.exec_crash_command('epython {} {}'.format(__file__, depth - 1)),"
        " end='')\n"
        "else:\n"
        "    try: crash.exec_crash_command('rd 0')\n"
        "    except crash.error: print('the innermost failed')\n"
        "print('back at', depth)",
        "nested.py",
    )
    assert programs.session.run(f"epython {path} 3") == (
        "the innermost failed\nback at 0\nback at 1\nback at 2\nback at 3\n"
    )


# Ctrl-C


@pytest.mark.parametrize("kind", LOOPS)
def test_ctrl_c_ends_the_program_and_not_the_session(programs: Programs, kind: str) -> None:
    path = programs.write(f"print({MARK!r})\n{LOOPS[kind]}")
    session = programs.session
    session.send(f"epython {path}\n")
    session.wait_for(MARK)
    session.interrupt()
    session.wait_for_prompt()
    alive(programs)


def test_ctrl_c_again_and_again_leaves_crash_s_answers_right(programs: Programs) -> None:
    """Stock crash jumps out of half-filled caches and then misreads, e.g. stacks in vmalloc."""
    questions = ("bt -l", "ps", "vtop init_task", "rd init_task 8", "files 1", "vm 1")
    before = [programs.session.run(question) for question in questions]
    path = programs.write(
        f"print({MARK!r})\n"
        "while True:\n"
        "    for command in ('bt -l', 'ps', 'files', 'vm', 'rd 0', 'p init_task'):\n"
        "        try: crash.exec_crash_command(command)\n"
        "        except crash.error: pass"
    )
    for _ in range(40):
        programs.session.send(f"epython {path}\n")
        programs.session.wait_for(MARK)
        programs.session.interrupt()
        assert programs.session.wait_for_prompt() == "\n^C\n"
    assert [programs.session.run(question) for question in questions] == before
    alive(programs)


def test_a_program_can_catch_ctrl_c(programs: Programs) -> None:
    path = programs.write(
        f"try:\n    print({MARK!r})\n    while True: crash.exec_crash_command('foreach bt')\n"
        "except KeyboardInterrupt: print('caught')"
    )
    programs.session.send(f"epython {path}\n")
    programs.session.wait_for(MARK)
    programs.session.interrupt()
    assert "caught\n" in programs.session.wait_for_prompt()
    alive(programs)


# Output


def test_a_pipe_closed_early_ends_the_program_quietly(programs: Programs) -> None:
    source = "for i in range(100000): print('line', i)"
    assert programs.run(source, "| head -n 1") == "line 0\n"
    alive(programs)


def test_inner_commands_do_not_mind_a_pipe_closed_early(programs: Programs) -> None:
    target = programs.directory / "inner.txt"
    source = (
        "import time\n"
        "try:\n    for i in range(100000): print('line', i)\n"
        "except BrokenPipeError: pass\n"
        "time.sleep(0.5)\n"
        f"open({str(target)!r}, 'w').write(crash.exec_gdb_command('p sizeof(struct list_head)'))"
    )
    assert programs.run(source, "| head -n 1") == "line 0\n"
    assert target.read_text().split("=")[1].strip() == "16"
    alive(programs)


def test_output_of_inner_commands_goes_where_the_program_sends_it(programs: Programs) -> None:
    target = programs.directory / "out.txt"
    source = "print('first')\nprint(crash.exec_crash_command('eval 7'), end='')\nprint('last')"
    assert programs.run(source, f"> {target}") == ""
    lines = target.read_text().splitlines()
    assert (lines[0], lines[1], lines[-1]) == ("first", "hexadecimal: 7  ", "last")


def test_a_full_disk_is_one_line_on_the_terminal(programs: Programs) -> None:
    said = programs.run("print('text' * 10000)", "> /dev/full")
    assert said == "epython: cannot write: No space left on device\n"
    alive(programs)


def test_the_pager_shows_a_program_and_may_end_early(programs: Programs) -> None:
    session = programs.session
    session.run("set scroll CRASHPAGER")
    session.run("set scroll on")
    try:
        printed = programs.run("for i in range(100000): print('line', i)")
        assert printed == "line 0\nline 1\nline 2\n"
    finally:
        session.run("set scroll off")
    alive(programs)


def test_a_command_with_an_input_file_runs_once_a_line(programs: Programs) -> None:
    (programs.directory / "arguments").write_text("one\ntwo\n")
    source = "import sys\ntry: crash.exec_crash_command('rd 0')\nexcept crash.error: pass\n"
    printed = programs.run(source + "print(sys.argv[1:])", "< arguments")
    assert [line for line in printed.splitlines() if line] == ["['one']", "['two']"]
    alive(programs)


# Exceptions


def test_an_exception_is_one_line(programs: Programs) -> None:
    assert programs.run("def f(): return 1 / 0\nf()") == (
        "epython: ZeroDivisionError: division by zero (program.py:2);"
        " epython -v shows the traceback\n"
    )


def test_a_syntax_error_is_one_line(programs: Programs) -> None:
    assert programs.run("if True print(1)").startswith("epython: SyntaxError: ")


def test_v_shows_the_traceback_of_the_program_alone(programs: Programs) -> None:
    path = programs.write("def f(): return 1 / 0\nf()")
    shown = programs.session.run(f"epython -v {path}").splitlines()
    assert shown[0] == "Traceback (most recent call last):"
    assert shown[1] == f'  File "{path}", line 3, in <module>'
    assert shown[-1] == "ZeroDivisionError: division by zero"


def test_hostile_text_in_an_exception_does_not_reach_the_terminal(programs: Programs) -> None:
    assert programs.run(r"raise ValueError('\x1b[2J\x07')").startswith(
        r"epython: ValueError: \x1b[2J\x07 (program.py:2);"
    )


def test_exit_ends_the_program_only(programs: Programs) -> None:
    assert programs.run("import sys\nprint('before')\nsys.exit(3)\nprint('after')") == "before\n"
    alive(programs)


def test_commands_are_refused_off_the_main_thread(programs: Programs) -> None:
    source = """
import threading
def work():
    try: crash.exec_crash_command('ps')
    except crash.error as error: print(error)
    print(len(crash.readmem(crash.sym2addr('init_task'), 16)))
thread = threading.Thread(target=work)
thread.start()
thread.join()"""
    assert programs.run(source) == (
        "crash commands and gdb requests run in the main thread only\n16\n"
    )


# A long session


def test_unload_and_load_again(programs: Programs) -> None:
    session, extension = programs.session, programs.extension
    for _ in range(10):
        assert session.run(f"extend -u {extension}") == f"{extension}: shared object unloaded\n"
        assert "command not found: epython" in session.run("epython -p")
        assert session.run(f"extend {extension}") == f"{extension}: shared object loaded\n"
        alive(programs)


@pytest.mark.skipif(
    "CRASHEXT_SANITIZE" in os.environ, reason="AddressSanitizer keeps what is freed for a while"
)
def test_a_thousand_commands_leave_nothing_behind(programs: Programs) -> None:
    session = programs.session
    good = programs.write("print(len(crash.exec_crash_command('bt')) > 0)", "good.py")
    bad = programs.write("crash.exec_crash_command('rd 0')", "bad.py")
    piped = f"epython {good} > /dev/null"
    commands = [f"epython {good}", f"epython {bad}", piped, "crashext -h", "rip -h"]
    for _ in range(40):
        for command in commands:
            session.run(command)
    memory, descriptors = session.resident(), session.descriptors()
    for _ in range(200):
        for command in commands:
            session.run(command)
    assert session.descriptors() == descriptors
    # An allocator may keep some pages; one leaked kilobyte a command would be 1000 KiB.
    assert session.resident() - memory < 700
