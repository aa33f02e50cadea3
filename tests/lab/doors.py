# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs ``explain --json`` by every door, as a person would start it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from crashext.lab.store import Dump

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "extensions" / "crashext.so"
BIN = Path(sys.executable).parent


def _json(text: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(text[text.index("{") :])
    return tree


def _output(argv: list[str], stdin: str = "") -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def by_log(dump: Dump) -> dict[str, Any]:
    """``crashext explain vmcore-dmesg.txt``."""
    return _json(_output([str(BIN / "crashext"), "explain", "--json", str(dump.dmesg)]))


def by_shell(dump: Dump) -> dict[str, Any]:
    """``crashext explain vmcore``, with all debug files found by crashext itself."""
    return _json(_output([str(BIN / "crashext"), "explain", "--json", str(dump.vmcore)]))


def by_drgn(dump: Dump) -> dict[str, Any]:
    """``drgn -c vmcore -s vmlinux -s module drgn_scripts/explain.py``."""
    argv = [str(BIN / "drgn"), "-q", "-c", str(dump.vmcore), "-s", str(dump.vmlinux)]
    argv += ["-s", str(dump.module), str(ROOT / "drgn_scripts" / "explain.py"), "--json"]
    return _json(_output(argv))


def by_crash(dump: Dump, program: str = "crash") -> dict[str, Any]:
    """``extend crashext.so``, then ``explain``, in a real crash."""
    commands = f"extend {EXTENSION}\nexplain --json\nquit\n"
    return _json(_output([program, "-s", str(dump.vmlinux), str(dump.vmcore)], commands))
