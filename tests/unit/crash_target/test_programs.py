# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs for PyKdump's ``epython`` find crashext from where they lie, by ``sys.argv[0]``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import crashext
from crashext.commands import table

PACKAGE = Path(crashext.__file__).parent
FOLDER = PACKAGE / "pykdump" / "programs"
PROGRAMS = [FOLDER / f"{name}.py" for name in ("explain", "oops", "rip", "mods")]

#: What PyKdump's C module does, in a Python that knows no crashext: the name of its own program
#: at loading stays in __file__.
LIKE_PYKDUMP = """
import sys, types
sys.modules["crash"] = types.ModuleType("crash")
program = sys.argv[1]
sys.argv = [program, *sys.argv[2:]]
exec(compile(open(program).read(), program, "exec"), {"__file__": "PyKdumpInit"})
"""


def epython(folder: Path, program: Path, *words: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LIKE_PYKDUMP, str(program), *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_program_finds_crashext(program: Path, tmp_path: Path) -> None:
    assert epython(tmp_path, program, "-h").startswith(f"usage: {program.stem} ")


@pytest.mark.parametrize("name", table.names("pykdump"))
def test_one_program_runs_every_command(name: str, tmp_path: Path) -> None:
    assert epython(tmp_path, FOLDER / "run.py", name, "-h").startswith(f"usage: {name} ")


def test_a_command_that_there_is_not(tmp_path: Path) -> None:
    said = epython(tmp_path, FOLDER / "run.py", "explode")
    assert said.startswith("crashext: no command 'explode'; there are explain, ")
