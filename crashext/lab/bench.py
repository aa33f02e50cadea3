# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m crashext.lab.bench`` (``make bench``): the speeds that were promised.

Each line is a measurement, in one run on this machine, beside its goal; most are ratios, because
absolute times belong to a machine. Times are processor time, user and system, the best of several
tries: what else the machine does must not count. The exit status says whether it could measure,
not whether the goals were met; with ``--strict`` a missed goal is a failure.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import crashext
from crashext.engine import log as log_reader
from crashext.engine.verdict import explain, read_log
from crashext.errors import CrashextError
from crashext.lab import doors
from crashext.lab.cache import Cache
from crashext.lab.kernels import Kernels
from crashext.lab.store import Dump, Store
from crashext.lab.template import generate
from crashext.render import text
from crashext.targets.log import LogTarget
from crashext.view import explain as view

_SCRIPTS = Path(crashext.__file__).resolve().parent.parent / "drgn_scripts"
#: A guest with eight times the memory and about a hundred times the tasks of user space.
_BIG_MEMORY = 2048
_BIG_TASKS = 3000
_PREPARE = f"i=0; while [ $i -lt {_BIG_TASKS} ]; do sleep 9999 & i=$((i + 1)); done"


@dataclass(frozen=True)
class Measurement:
    """One line of the benchmark. A goal is an upper limit, or a lower one if ``at_least``."""

    what: str
    value: float
    unit: str
    goal: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def line(self) -> str:
        relation = "at least" if self.at_least else "at most"
        verdict = "" if self.met else "   MISSED"
        return f"{self.what:64} {self.value:9.2f} {self.unit:4} ({relation} {self.goal:g}){verdict}"


@dataclass(frozen=True)
class Cost:
    """What a program took: seconds of processor time, MiB of resident memory at its peak."""

    seconds: float
    memory: float


def cost(words: Sequence[str], tries: int) -> Cost:
    """The best of several runs of a program. Raises CrashextError when it fails."""
    best = Cost(float("inf"), float("inf"))
    for _ in range(tries):
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                list(words), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, "HOME": "/nonexistent", "TERM": "dumb"},
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            seconds = usage.ru_utime + usage.ru_stime
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                output.seek(0)
                said = output.read().decode(errors="replace").strip().splitlines()
                raise CrashextError(f"{words[0]} failed: {said[-1] if said else status}")
        best = Cost(min(best.seconds, seconds), min(best.memory, usage.ru_maxrss / 1024))
    return best


def timed(function: Callable[[], object], tries: int) -> float:
    """The best processor time of a function, in seconds; no garbage collection in between."""
    best = float("inf")
    for _ in range(tries):
        gc.collect()
        gc.disable()
        try:
            begin = time.process_time()
            function()
            best = min(best, time.process_time() - begin)
        finally:
            gc.enable()
    return best


# Logs


def of_logs(dump: Dump, tries: int) -> Iterator[Measurement]:
    """The shell's start, scanning, one crash in 3,000 lines, and growth."""
    shell = cost(doors.shell_command("explain", str(dump.dmesg)), tries)
    yield Measurement("log: explain from the shell", 1000 * shell.seconds, "ms", 150)

    lines = dump.dmesg.read_text(errors="replace").splitlines(keepends=True)
    crash = next(i for i, line in enumerate(lines) if re.search(r"\] BUG: ", line))
    quiet = [line for line in lines[:crash] if not line.isspace()]
    block = "".join(quiet).encode()
    large = block * (64 * 1024 * 1024 // len(block))
    seconds = timed(lambda: log_reader.scan(io.BytesIO(large)), tries)
    yield Measurement("log: scanning one that holds no crash", len(large) / 1e6 / seconds, "MB/s",
                      200, at_least=True)  # fmt: skip
    half = large[: large.rfind(b"\n", 0, len(large) // 2) + 1]
    ratio = seconds / timed(lambda: log_reader.scan(io.BytesIO(half)), tries)
    yield Measurement("log: time for twice the bytes", ratio, "x", 2.4)

    typical = "".join((quiet * (3000 // len(quiet) + 1))[: 3000 - len(lines) + crash])
    typical += "".join(lines[crash:])

    def answer() -> None:
        target = LogTarget(typical)
        text.render(view.document(explain(target, read_log(target))))

    answer()
    milliseconds = 1000 * timed(answer, 3 * tries)
    yield Measurement("log: 3,000 lines with one crash, warm", milliseconds, "ms", 20)

    report = "".join(lines[crash:])
    few, many = report * 20, report * 40
    ratio = timed(lambda: log_reader.parse(many), tries) / timed(
        lambda: log_reader.parse(few), tries
    )
    yield Measurement("log: time for twice the reports", ratio, "x", 2.4)


# drgn


def drgn_words(dump: Dump, *script: str) -> list[str]:
    """The drgn command line on a dump."""
    words = [sys.executable, "-m", "drgn", "-q", "-c", str(dump.vmcore)]
    words += [word for path in dump.symbols for word in ("-s", str(path))]
    return [*words, *script]


def of_drgn(dump: Dump, big: Dump, tries: int) -> Iterator[Measurement]:
    """explain against a bare stack trace, on a small and on a big machine."""
    with tempfile.TemporaryDirectory(prefix="crashext-") as directory:
        trace = Path(directory) / "trace.py"
        trace.write_text("print(prog.crashed_thread().stack_trace())\n")
        explain_script = str(_SCRIPTS / "explain.py")
        plain = cost(drgn_words(dump, str(trace)), tries)
        ours = cost(drgn_words(dump, explain_script), tries)
        yield Measurement(
            "drgn: explain / stack trace only", ours.seconds / plain.seconds, "x", 1.5
        )
        yield Measurement("drgn: memory beyond the stack trace's", ours.memory - plain.memory,
                          "MiB", 60)  # fmt: skip
        large = cost(drgn_words(big, explain_script), tries)
        yield Measurement(
            f"drgn: explain with 8 x the memory, {_BIG_TASKS} tasks more / without",
            large.seconds / ours.seconds, "x", 1.2,
        )  # fmt: skip


def of_mods(dump: Dump, tries: int) -> Iterator[Measurement]:
    """mods of a crash in the kernel proper, whose function is then compared with vmlinux."""
    with tempfile.TemporaryDirectory(prefix="crashext-") as directory:
        trace = Path(directory) / "trace.py"
        trace.write_text("print(prog.crashed_thread().stack_trace())\n")
        plain = cost(drgn_words(dump, str(trace)), tries)
        ours = cost(drgn_words(dump, str(_SCRIPTS / "mods.py")), tries)
        yield Measurement("drgn: mods, RIP in the kernel, beyond a stack trace",
                          max(ours.seconds - plain.seconds, 0), "s", 2)  # fmt: skip


# crash

_READ_MEMBERS = """\
from pykdump.API import *
import time
task = readSU("struct task_struct", readSymbol("init_task"))
address, count = int(task), {count}
begin = time.process_time()
for i in range(count):
    # Another place each time, so that nothing is remembered; what the member holds is no matter.
    readSU("struct task_struct", address + 8 * (i % 512)).pid
print("PER_SECOND", count / (time.process_time() - begin))
"""


def of_crash(dump: Dump, crash: doors.Crash, tries: int) -> Iterator[Measurement]:
    """What the commands take beyond opening the dump."""
    with tempfile.TemporaryDirectory(prefix="crashext-") as directory:
        script = Path(directory) / "commands"

        def seconds(*commands: str) -> float:
            script.write_text("\n".join([*commands, "quit"]) + "\n")
            return cost(crash.words(dump, script), tries).seconds

        extend = f"extend {crash.extension}"
        opened = seconds()
        extended = seconds(extend)
        explained = seconds(extend, "explain")
        with_module = f"mod -s {dump.truth.module} {dump.module}"
        # The first command of a session brings drgn and the kernel's debug info in, as explain's
        # measure shows; what a later one costs is asked here.
        before_rip = seconds(extend, with_module, "rip")
        with_rip = seconds(extend, with_module, "rip", "rip")
        yield Measurement("crash: extend", 1000 * max(extended - opened, 0), "ms", 100)
        yield Measurement("crash: explain beyond opening and extend", explained - extended, "s", 1)
        yield Measurement("crash: explain beyond opening", explained - opened, "s", 1.1)
        yield Measurement("crash: rip, debug info loaded", max(with_rip - before_rip, 0), "s", 0.3)
        program = Path(directory) / "members.py"
        program.write_text(_READ_MEMBERS.format(count=50_000))
        yield Measurement("crash: readSU and a member", _rate(crash, dump, script, program), "k/s",
                          100, at_least=True)  # fmt: skip


def _rate(crash: doors.Crash, dump: Dump, script: Path, program: Path) -> float:
    script.write_text(f"extend {crash.extension}\nepython {program}\nquit\n")
    result = subprocess.run(
        crash.words(dump, script), capture_output=True, text=True, errors="replace", check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    match = re.search(r"PER_SECOND ([\d.]+)", result.stdout)
    if match is None:
        raise CrashextError(f"epython gave no rate: {result.stdout.strip()[-200:]}")
    return float(match[1]) / 1000


def parts(tries: int) -> dict[str, Callable[[], Iterator[Measurement]]]:
    """The parts of the benchmark by name; nothing is measured or made yet."""
    cache = Cache()

    def store(memory: int = 256, prepare: str = "", fault: str = "struct-member-of-null") -> Dump:
        kernel = Kernels(cache).get("6.1")
        return Store(cache).get(
            generate(cache), fault, kernel, "kdump", memory=memory, prepare=prepare
        )

    return {
        "log": lambda: of_logs(store(), tries),
        "drgn": lambda: of_drgn(store(), store(_BIG_MEMORY, _PREPARE), tries),
        "mods": lambda: of_mods(store(fault="null-string"), tries),
        "crash": lambda: of_crash(store(), doors.crash_of("sid", cache), tries),
    }


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Prints the measurements; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m crashext.lab.bench", description="Measures the promised speeds."
    )
    parser.add_argument("part", nargs="*", choices=[[], "log", "drgn", "mods", "crash"], default=[],
                        help="default: all")  # fmt: skip
    parser.add_argument("--tries", type=int, default=5, metavar="N", help="the best of N counts")
    parser.add_argument("--strict", action="store_true", help="status 1 when a goal is missed")
    options = parser.parse_args(argv)
    missed = 0
    try:
        available = parts(options.tries)
        for name in options.part or available:
            for measurement in available[name]():
                missed += not measurement.met
                print(measurement.line(), flush=True)
    except CrashextError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    print(f"{missed} of the goals missed" if missed else "all goals met")
    return int(options.strict and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
