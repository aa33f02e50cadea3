# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads and unloads modules in a guest and runs their KUnit suites there: ``crashext lab test``.

Modules whose name ends in ``_test`` are suites: their result is what they print in KTAP
(Documentation/dev-tools/ktap.rst). Every other module is loaded and unloaded, and must leave the
kernel as it was: nothing reported, and no taint beyond O (out of tree) and E (unsigned).
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from crashext.errors import CrashextError
from crashext.lab import qemu
from crashext.lab.build import build
from crashext.lab.cache import Cache
from crashext.lab.initramfs import Entry, archive
from crashext.lab.kernels import Kernel
from crashext.lab.progress import step
from crashext.lab.run import BOOT_LIMIT, guest_tree

SUITE = "_test"
#: How often a module is loaded and unloaded: what the first round leaves behind shows in the next.
ROUNDS = 3
#: Seconds for all modules together.
LIMIT = 180.0
#: Bits of /proc/sys/kernel/tainted that every module from outside sets (tainted-kernels.rst).
EXPECTED_TAINT = 1 << 12 | 1 << 13

_MARK = "crashext-lab: "
_CASE = re.compile(r"^\[[ \d.]+\](?: \S+:)?(?P<indent> +)(?P<bad>not )?ok \d+ (?:- )?(?P<name>.*)$")
_COMPLAINT = re.compile(
    r"^\[[ \d.]+\] (?P<text>(?:BUG|WARNING|INFO): .*|kernel BUG at .*|.*Oops: .*|.*sysfs: .*"
    r"|Kernel panic - .*|general protection fault.*|.*invalid opcode.*)$"
)


@dataclass
class Trial:
    """What came of it: ``cases`` are (name, passed); ``problems`` one line each."""

    cases: list[tuple[str, bool]] = field(default_factory=list)
    rounds: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems and all(passed for _, passed in self.cases)


def script(modules: Sequence[str]) -> str:
    """What the guest runs, given the names of the .ko files without suffix, sorted."""
    lines = []
    for module in modules:
        file = shlex.quote(f"/lab/{module}.ko")
        # The kernel's name for it: dashes of a file name become underscores.
        name = shlex.quote(module.replace("-", "_"))
        rounds = "1" if module.endswith(SUITE) else " ".join(map(str, range(1, ROUNDS + 1)))
        lines += [
            f"for round in {rounds}; do",
            f'  insmod {file} || {{ echo "{_MARK}failed insmod {module}"; exit 1; }}',
            f'  rmmod {name} || {{ echo "{_MARK}failed rmmod {module}"; exit 1; }}',
            f'  echo "{_MARK}round $round {module}"',
            "done",
        ]
    lines += [f'echo "{_MARK}taint $(cat /proc/sys/kernel/tainted)"']
    return "\n".join(lines) + "\n"


def read(console: str) -> Trial:
    """What the guest's console says about the trial."""
    trial = Trial()
    taint: Optional[int] = None
    for line in console.splitlines():
        case = _CASE.match(line)
        complaint = _COMPLAINT.match(line)
        if case and len(case["indent"]) > 1:  # the cases; less indented is the whole suite
            trial.cases.append((case["name"], not case["bad"]))
        elif complaint:
            trial.problems.append(f"the kernel says: {complaint['text']}")
        elif line.startswith(f"{_MARK}round "):
            trial.rounds += 1
        elif line.startswith(f"{_MARK}failed "):
            trial.problems.append(f"{line[len(_MARK) :]}")
        elif line.startswith(f"{_MARK}taint "):
            taint = int(line.split()[-1])
    if taint is None:
        trial.problems.append("the trial did not reach its end")
    elif taint & ~EXPECTED_TAINT:
        trial.problems.append(f"the kernel is tainted beyond O and E: {taint & ~EXPECTED_TAINT:#x}")
    return trial


def run_trial(
    directories: Sequence[Path],
    kernel: Kernel,
    words: Sequence[str] = (),
    cache: Optional[Cache] = None,
) -> Trial:
    """Builds modules (``words`` go to make), boots, loads and unloads everything that was built.

    Raises CrashextError when a module does not build or the guest does not run.
    """
    cache = Cache() if cache is None else cache
    qemu.platform(kernel.arch)
    with tempfile.TemporaryDirectory(prefix="crashext-") as scratch:
        modules = [
            file
            for number, directory in enumerate(directories)
            for file in build(directory, kernel, Path(scratch) / str(number), words)
        ]
        names = [file.stem for file in modules]
        tree: dict[str, Entry] = guest_tree(kernel, modules, [], script(names), {}, cache)
        initrd = Path(scratch) / "initrd"
        initrd.write_bytes(archive(tree))
        console = f"console={qemu.PLATFORMS[kernel.arch].console}"
        machine = qemu.Machine(kernel.image, initrd, console, kernel.arch)
        with (
            qemu.Guest(machine, Path(scratch) / "console.log") as guest,
            step(f"Trying {', '.join(names)} on {kernel.release}") as progress,
        ):
            guest.wait("start", [rf"^{_MARK}trigger", "Kernel panic"], BOOT_LIMIT, progress.update)
            guest.wait("end", [rf"^{_MARK}returned", "Kernel panic"], LIMIT, progress.update)
            return read(guest.output())


def report(trial: Trial) -> str:
    """The trial in words, for a person."""
    lines = [f"{'ok' if passed else 'FAILED':8}{name}" for name, passed in trial.cases]
    lines += [f"{'FAILED':8}{problem}" for problem in trial.problems]
    lines.append(f"{'ok' if not trial.problems else '':8}loaded and unloaded {trial.rounds} times")
    return "\n".join(lines)


def main(directories: Sequence[Path], kernel: Kernel, words: Sequence[str]) -> int:
    """``crashext lab test``: prints the report; 0 when everything passed."""
    for word in words:
        if "=" not in word:
            raise CrashextError(f"--make {word}: give VARIABLE=VALUE")
    trial = run_trial(directories, kernel, words)
    print(report(trial))
    if not trial.passed:
        print("crashext lab: the module did not pass", file=sys.stderr)
    return 0 if trial.passed else 1
