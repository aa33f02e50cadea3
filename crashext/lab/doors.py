# SPDX-License-Identifier: GPL-2.0-or-later
"""The same question through every door: an Explanation's JSON from the log, drgn and crash."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crashext
from crashext.errors import CrashextError
from crashext.lab import tools
from crashext.lab.cache import Cache
from crashext.lab.store import Dump

#: Seconds after which a door that does not answer counts as broken.
LIMIT = 600.0
_PACKAGE = Path(crashext.__file__).resolve().parent


def shell_command(*words: str) -> list[str]:
    """``crashext WORDS`` of this very installation."""
    return [sys.executable, "-m", "crashext", *words]


def log_words(dump: Dump) -> list[str]:
    return shell_command("explain", str(dump.dmesg), "--json")


def drgn_words(dump: Dump) -> list[str]:
    symbols = [word for path in dump.symbols for word in ("-s", str(path))]
    return shell_command("explain", str(dump.vmcore), *symbols, "--json")


def explanation(output: str) -> dict[str, Any]:
    """The JSON object in a program's output; what crash prints around it is skipped.

    Raises ValueError where there is none.
    """
    start = output.find('{\n  "schema"')
    if start < 0:
        raise ValueError("no explanation in the output")
    value, _ = json.JSONDecoder().raw_decode(output[start:])
    if not isinstance(value, dict):
        raise ValueError("the explanation is no object")
    return value


def ask(words: Sequence[str]) -> dict[str, Any]:
    """Runs a door and reads its answer. Raises CrashextError with its last line."""
    environment = {**os.environ, "HOME": "/nonexistent", "TERM": "dumb"}
    try:
        result = subprocess.run(
            list(words), capture_output=True, text=True, errors="replace", check=False,
            stdin=subprocess.DEVNULL, timeout=LIMIT, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CrashextError(f"no answer in {LIMIT:.0f} s: {' '.join(words)}") from None
    try:
        return explanation(result.stdout)
    except ValueError as error:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        last = said[-1] if said else f"exit status {result.returncode}"
        raise CrashextError(f"{error}: {last}") from error


@dataclass(frozen=True)
class Crash:
    """A crash program with a crashext.so that was built for it."""

    version: str
    program: str
    extension: Path

    def words(self, dump: Dump, script: Path) -> list[str]:
        """The command that runs crash's commands in ``script`` on a dump."""
        return [self.program, "-s", str(dump.vmlinux), str(dump.vmcore), "-i", str(script)]

    def ask(self, dump: Dump) -> dict[str, Any]:
        """``explain --json`` in crash. Raises CrashextError as :func:`ask`."""
        with tempfile.TemporaryDirectory(prefix="crashext-") as directory:
            script = Path(directory) / "commands"
            script.write_text(f"extend {self.extension}\nexplain --json\nquit\n")
            return ask(self.words(dump, script))


def crash_of(suite: str, cache: Cache) -> Crash:
    """The crash of a Debian suite with an extension built for it, both cached.

    Raises CrashextError where one cannot be fetched or the other not be built.
    """
    tool = tools.get("crash", suite, cache)
    label = f"{suite}-{digest([_PACKAGE / 'native', _PACKAGE / 'doors', _PACKAGE / 'build.py'])}"
    extension = cache.path("extensions", label, "crashext.so")
    with cache.lock(f"extension-{suite}"):
        if not extension.exists():
            words = shell_command(
                "build", "-o", str(extension), "--crash", str(tool.path),
                "--defs", str(tool.headers),
            )  # fmt: skip
            result = subprocess.run(words, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                raise CrashextError(f"no crashext.so for crash {tool.version}: {result.stderr}")
    return Crash(tool.version, str(tool.path), extension)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file())
        else:
            yield path


def digest(paths: Sequence[Path]) -> str:
    """A digest of source files (byte-compiled ones left out) and the Python that runs them."""
    total = hashlib.sha256(sys.executable.encode())
    for file in _files(paths):
        if file.suffix in (".py", ".c", ".cc", ".h"):
            total.update(str(file.relative_to(_PACKAGE)).encode())
            total.update(file.read_bytes())
    return total.hexdigest()[:16]


def engine_digest() -> str:
    """A digest of all that a verdict depends on: the package without the lab, the comparison."""
    parts = [path for path in sorted(_PACKAGE.iterdir()) if path.name not in ("lab", "__pycache__")]
    return digest([*parts, _PACKAGE / "lab" / "compare.py"])
