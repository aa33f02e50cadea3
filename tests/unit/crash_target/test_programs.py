# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs for PyKdump's ``epython`` find crashext from where they lie, by ``sys.argv[0]``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import crashext

PACKAGE = Path(crashext.__file__).parent
PROGRAMS = [
    PACKAGE / "pykdump" / "programs" / f"{name}.py" for name in ("explain", "oops", "rip", "mods")
]

#: What PyKdump's C module does, in a Python that knows no crashext: the name of its own program
#: at loading stays in __file__.
LIKE_PYKDUMP = """
import sys, types
sys.modules["crash"] = types.ModuleType("crash")
program = sys.argv[1]
sys.argv = [program, "-h"]
exec(compile(open(program).read(), program, "exec"), {"__file__": "PyKdumpInit"})
"""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_program_finds_crashext(program: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LIKE_PYKDUMP, str(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.stderr == ""
    assert ran.stdout.startswith("usage: ")
    assert program.stem in ran.stdout.splitlines()[0]
