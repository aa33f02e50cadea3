# SPDX-License-Identifier: GPL-2.0-or-later
"""``crashext lab``'s other commands, as a person would use them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import IO, Callable

import pytest

from crashext.lab.cli import main
from crashext.lab.kernels import Kernel

PROMPT = b" # "  # "/ # ", or "~ # " of newer busyboxes


def read_to(stream: IO[bytes], mark: bytes, patience: float = 120.0) -> bytes:
    """What a program prints up to ``mark``, to its end, or to ``patience`` seconds of silence."""
    seen = b""
    while mark not in seen and select.select([stream], [], [], patience)[0]:
        data = os.read(stream.fileno(), 4096)
        if not data:
            break
        seen += data
    return seen


def ask(process: subprocess.Popen[bytes], command: bytes) -> bytes:
    """The shell's answer. It is asked again when it is silent: a shell that sets up its terminal
    drops what was typed until then."""
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(5):
        process.stdin.write(command + b"\n")
        process.stdin.flush()
        answer = read_to(process.stdout, PROMPT, patience=15)
        if PROMPT in answer:
            return answer
    raise AssertionError(f"no answer to {command!r}, but {answer!r}")


def test_shell_has_the_module_loaded(template_module: Path, kernel: Callable[..., Kernel]) -> None:
    words = [sys.executable, "-m", "crashext", "lab", "shell", str(template_module),
             "--kernel", kernel().release]  # fmt: skip
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert PROMPT in read_to(process.stdout, PROMPT)
        answer = ask(process, b"cat /sys/kernel/debug/hello/fault; lsmod").decode(errors="replace")
        process.stdin.write(b"poweroff -f\n")
        process.stdin.flush()
        read_to(process.stdout, b"no such mark")
    assert process.returncode == 0
    assert "null-write\twrites through a NULL pointer" in answer
    assert [line.split()[0] for line in answer.splitlines() if line.startswith("hello ")] == [
        "hello"
    ]


def test_cached_kernels_are_listed(
    kernel: Callable[..., Kernel], capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = kernel()
    assert main(["kernels", "list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[1] for row in rows if row[0] == wanted.release] == [wanted.version]


def test_kernel_that_is_not_there_cannot_be_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernels", "remove", "1.2"]) == 1
    assert capsys.readouterr().err.startswith("crashext lab: no kernel 1.2 in the cache (there: ")


def test_newer_crash_runs_beside_the_systems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tool", "crash", "--suite", "trixie", "--json"]) == 0
    tool = json.loads(capsys.readouterr().out)
    said = subprocess.run([tool["path"], "--version"], capture_output=True, text=True, check=True)
    assert f"crash {tool['version'].split('-')[0]}" in said.stdout
    assert (Path(tool["headers"]) / "defs.h").is_file()
