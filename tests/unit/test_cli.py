# SPDX-License-Identifier: GPL-2.0-or-later
"""The shell door: what is printed where, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crashext import cli
from crashext.commands import table
from crashext.commands.base import load
from crashext.errors import Unknown
from crashext.targets.log import LogTarget

SEED = str(Path(__file__).parents[1] / "data" / "logs" / "seed-3.10.log")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_explain_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "explain", SEED)
    assert (code, err) == (0, "")
    assert out.startswith("NULL pointer write in hello_cleanup [hello_2]")


def test_explain_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "explain", "--json", SEED)
    assert (code, json.loads(out)["kind"]) == (0, "null-deref")


def test_standard_input() -> None:
    with open(SEED, "rb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "crashext", "explain", "-"],
            stdin=log,
            capture_output=True,
            text=True,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("NULL pointer write in hello_cleanup")


def test_a_log_without_a_crash(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "dmesg"
    log.write_text("[    0.000000] Linux version 6.1.0\n")
    status, out, err = run(capsys, "explain", str(log))
    assert (status, err) == (1, "")
    assert " ".join(out.split()) == (
        "No crash report in this log (1 line, taken for a kernel log): looked for an oops, panic, "
        "BUG, WARNING, lockup, stall, hung task, OOM kill."
    )


def test_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "explain", "/no/such/vmcore") == (
        3,
        "",
        "crashext: /no/such/vmcore: no such file\n",
    )


def test_no_target(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "explain")
    assert (code, out) == (2, "")
    assert err == (
        "crashext explain: the following arguments are required: TARGET; see crashext explain -h\n"
    )


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "explode") == (
        2,
        "",
        "crashext: no command 'explode'; see crashext --help\n",
    )


def test_oops_with_a_code_needs_no_target(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "oops", "0x0002")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "page-fault error code 0x0002"
    assert lines[1].startswith("  page not present · write · kernel mode: nothing is mapped")


def test_oops_of_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "oops", SEED)
    assert code == 0
    assert "  #PF     0002: page not present · write · kernel mode: NULL pointer" in out


def test_oops_with_neither(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "oops") == (
        2,
        "",
        "crashext oops: which log or vmcore? see crashext oops -h\n",
    )


def test_rip_of_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "rip", SEED)
    assert code == 0
    assert out.splitlines()[0] == "0xffffffffa05cc012  hello_cleanup+0x12/0x1000 [hello_2]"


def test_options_may_stand_between_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "rip", SEED, "--json", "ffffffffa05cc012")
    assert code == 0
    assert json.loads(out)["rip"]["address"] == "0xffffffffa05cc012"


@pytest.mark.parametrize("name", table.names("shell"))
def test_help_of_every_command(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, err = run(capsys, name, "-h")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: crashext {name} ")
    assert "examples:" in out
    assert load(name).examples[0][1] in out


def test_a_reader_that_closes_early() -> None:
    shell = f"{sys.executable} -m crashext explain -v {SEED} | head -n 1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert done.stdout.startswith("NULL pointer write")
    assert done.stderr == ""


# Where the output goes


def outcome(shell: str, **environment: str) -> tuple[int, str]:
    """Exit code and standard error of ``crashext …`` as a shell runs it (``$0`` is crashext)."""
    done = subprocess.run(
        ["bash", "-c", shell.replace("crashext", f"{sys.executable} -m crashext", 1), "crashext"],
        capture_output=True,
        # Unbuffered, Python itself loses what a short write leaves over.
        env={**os.environ, "PYTHONUNBUFFERED": "", **environment},
        check=False,
    )
    return done.returncode, done.stderr.decode(errors="replace")


def test_a_full_disk_is_one_line() -> None:
    assert outcome(f"crashext explain {SEED} >/dev/full") == (
        3,
        "crashext: the answer cannot be written: No space left on device\n",
    )


def test_a_limit_of_file_size_is_one_line(tmp_path: Path) -> None:
    assert outcome(f"ulimit -f 1; crashext explain -v {SEED} >{tmp_path}/out") == (
        3,
        "crashext: the answer cannot be written: File too large\n",
    )


def test_closed_streams() -> None:
    assert outcome(f"crashext explain {SEED} >&-") == (
        3,
        "crashext: standard output is closed; there is nowhere to write the answer to\n",
    )
    assert outcome(f"crashext explain {SEED} >&- 2>&-") == (3, "")
    assert outcome("crashext explain /no/such 2>&-") == (3, "")


def test_a_terminal_of_another_encoding(tmp_path: Path) -> None:
    assert outcome(f"crashext explain -v {SEED} | cat", PYTHONIOENCODING="latin-1") == (0, "")


def test_an_error_acts_on_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "/no/\x1b]0;title\x07\u202egpj"
    code, _, error = run(capsys, "explain", name)
    assert code == 3
    assert set(error) <= {chr(c) for c in range(32, 127)} | {"\n"}
    assert r"\x1b]0;title\x07\u202egpj" in error


@pytest.mark.parametrize("word", ["5" * 5000, "9" * 50, "-" + "9" * 50, "0x" + "f" * 900])
def test_a_number_of_no_machine_is_not_understood(
    capsys: pytest.CaptureFixture[str], word: str
) -> None:
    code, out, error = run(capsys, "oops", "--", word)
    assert (code, out) == (2, "")
    assert len(error) < 1500
    assert "type an error code" in error


class _Unread(LogTarget):
    """A dump whose log is damaged."""

    has_memory = True
    summary = None  # type: ignore[assignment]

    def log(self) -> str:
        raise Unknown("the kernel log: cannot read memory at 0xffff888000000000")


@pytest.mark.parametrize("words", [["explain"], ["oops"], ["oops", "-a"]])
def test_a_log_that_could_not_be_read_is_not_no_crash(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setattr("crashext.opening.open_target", lambda *_, **__: _Unread(""))
    code, out, _ = run(capsys, words[0], SEED, *words[1:])
    assert code == 3
    assert " could not be read, so whether it holds a crash is not known" in " ".join(out.split())
    assert "cannot read memory" in " ".join(out.split())
    assert "No crash report" not in out
