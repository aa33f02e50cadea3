# SPDX-License-Identifier: GPL-2.0-or-later
"""The Python interface, and the example that docs/python.md gives of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import crashext

ROOT = Path(__file__).parents[2]
SEED = ROOT / "tests" / "data" / "logs" / "seed-3.10.log"


def example() -> str:
    found = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.S)
    assert found is not None
    return found.group(1)


def test_a_log_file() -> None:
    assert crashext.open(SEED).explain().title == "NULL pointer write in hello_cleanup [hello_2]"


@pytest.mark.parametrize("given", [SEED.read_text(), SEED.read_bytes()], ids=["text", "bytes"])
def test_a_log_in_memory(given: str | bytes) -> None:
    answer = crashext.from_log(given).explain()
    assert (answer.crashed, answer.kind, answer.target) == (True, "null-deref", "log")


def test_it_is_worked_out_once() -> None:
    crash = crashext.open(str(SEED))
    assert crash.explain() is crash.explain()


def test_reports_of_a_log() -> None:
    assert [report.kind for report in crashext.open(SEED).reports()] == ["null-deref"]


def test_no_crash() -> None:
    answer = crashext.from_log("[    0.000000] Linux version 6.1.0\n").explain()
    assert (answer.crashed, answer.unknown["kind"]) == (False, "no crash report found")


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(crashext.CrashextError, match=r"^/no/such: no such file$"):
        crashext.open("/no/such")


def test_every_public_name_is_there() -> None:
    assert [name for name in crashext.__all__ if not hasattr(crashext, name)] == []


def test_the_example_runs(tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(example())
    done = subprocess.run([sys.executable, script, SEED], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "NULL pointer write in hello_cleanup [hello_2]\nconfidence: high\nlook at hello_cleanup "
    )
    assert "\nnot known: rip.file because a log has no debug info" in done.stdout


def test_the_example_is_well_typed(tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(example())
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", str(script)],
        cwd=ROOT,
        env={"MYPYPATH": f"{ROOT}:{ROOT / 'stubs'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("Success: "), done.stdout + done.stderr
