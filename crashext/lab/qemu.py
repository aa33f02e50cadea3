# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU guest: started, watched, and gone on every way out.

QEMU runs in a process group of its own, so that Ctrl-C in the terminal does not kill it before
its end is recorded; it is killed when the ``with`` body ends, by the kernel when this process is
killed outright (PR_SET_PDEATHSIG, prctl(2)).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Optional

from crashext.errors import CrashextError
from crashext.lab.qmp import Qmp

_PR_SET_PDEATHSIG = 1
#: Seconds between looks at the console file.
_POLL = 0.1


@dataclass(frozen=True)
class Platform:
    """What QEMU needs to know of an architecture."""

    program: str
    apt_package: str
    machine: tuple[str, ...]
    console: str


#: TCG, because a guest under nested KVM can hang though /dev/kvm opens. Without cmpxchg16b:
#: QEMU 7.2's TCG double-faults in it now and then with kernel 6.12. With SMEP and SMAP, which
#: every x86 of the last ten years has and which decide what a stray user pointer does.
PLATFORMS = {
    "amd64": Platform(
        "qemu-system-x86_64",
        "qemu-system-x86",
        ("-cpu", "qemu64,-cx16,+smep,+smap"),
        "ttyS0",
    ),
    "arm64": Platform(
        "qemu-system-aarch64",
        "qemu-system-arm",
        ("-M", "virt,gic-version=2", "-cpu", "cortex-a57"),
        "ttyAMA0",
    ),
}


@dataclass(frozen=True)
class Machine:
    """A guest to start. ``memory`` in MiB."""

    kernel: Path
    initrd: Path
    append: str
    arch: str = "amd64"
    memory: int = 256
    cpus: int = 2
    disk: Optional[Path] = None


def platform(arch: str) -> Platform:
    """Raises CrashextError for an architecture the lab does not know or QEMU is not here for."""
    try:
        found = PLATFORMS[arch]
    except KeyError:
        known = ", ".join(PLATFORMS)
        raise CrashextError(f"the lab does not know architecture {arch} (it knows {known})") from (
            None
        )
    if shutil.which(found.program) is None:
        raise CrashextError(f"{found.program} is not here: apt install {found.apt_package}")
    return found


def command(machine: Machine, serial: str, qmp: Optional[Path]) -> list[str]:
    """QEMU's command line; ``serial`` is a QEMU character device such as ``file:PATH``."""
    words = [
        PLATFORMS[machine.arch].program,
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-accel", "tcg,thread=multi", *PLATFORMS[machine.arch].machine,
        "-smp", str(machine.cpus), "-m", str(machine.memory),
        "-serial", serial,
        "-device", "vmcoreinfo",
        "-kernel", str(machine.kernel), "-initrd", str(machine.initrd),
        "-append", machine.append,
    ]  # fmt: skip
    if qmp is not None:
        words += ["-qmp", f"unix:{_escaped(qmp)},server=on,wait=off"]
    if machine.disk is not None:
        words += ["-drive", f"file={_escaped(machine.disk)},format=raw,if=none,id=disk"]
        words += ["-device", "nvme,drive=disk,serial=crashext"]
    return words


def _escaped(path: Path) -> str:
    """In QEMU's option lists a comma is written twice."""
    return str(path).replace(",", ",,")


def _die_with_parent() -> None:
    """Runs in the child before exec."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class GuestError(CrashextError):
    """The guest did not do what it was to do."""


class GuestGone(GuestError):
    """QEMU ended while it was being watched."""


class GuestSilent(GuestError):
    """The guest did not say what was waited for in time."""


class Guest:
    """A running guest. Use as a context manager."""

    def __init__(self, machine: Machine, console: Path) -> None:
        platform(machine.arch)
        self.machine = machine
        self.console = console
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._qmp: Optional[Qmp] = None
        self._directory: Optional[Path] = None
        self._errors: Optional[Path] = None

    def __enter__(self) -> Guest:
        # A short path: a unix socket's name has at most 107 bytes.
        self._directory = Path(tempfile.mkdtemp(prefix="crashext-"))
        try:
            self.console.write_bytes(b"")
            self._errors = self._directory / "errors"
            words = command(self.machine, f"file:{_escaped(self.console)}", self._socket)
            with self._errors.open("wb") as errors:
                self._process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                )
        except BaseException:
            self._cleanup()
            raise
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        value: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self._cleanup()

    @property
    def _socket(self) -> Path:
        assert self._directory is not None
        return self._directory / "qmp"

    def _cleanup(self) -> None:
        if self._qmp is not None:
            self._qmp.close()
            self._qmp = None
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def qmp(self) -> Qmp:
        """The control connection, opened at first use."""
        if self._qmp is None:
            self._qmp = Qmp.connect(self._socket)
        return self._qmp

    def output(self) -> str:
        """What the guest has printed so far; a carriage return before a newline is dropped."""
        return self.console.read_bytes().decode(errors="replace").replace("\r", "")

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(
        self, what: str, patterns: Sequence[str], limit: float,
        watch: Optional[Callable[[str], None]] = None,
    ) -> re.Match[str]:  # fmt: skip
        """Waits until the console holds one of the patterns; the match that comes first.

        ``what`` names it in the error, ``limit`` is in seconds, ``watch`` is told the last line.
        Raises GuestGone and GuestSilent.
        """
        pattern = re.compile("|".join(f"(?:{one})" for one in patterns), re.MULTILINE)
        deadline = time.monotonic() + limit
        while True:
            alive = self.running()
            text = self.output()
            match = pattern.search(text)
            if match:
                return match
            if not alive:
                raise GuestGone(self._why_gone(what))
            if time.monotonic() > deadline:
                last = last_line(text)
                raise GuestSilent(
                    f"no {what} from the guest in {limit:.0f} s; its last line: {last!r}; "
                    f"all it said: {self.console}"
                )
            if watch is not None:
                watch(last_line(text))
            time.sleep(_POLL)

    def wait_end(self, what: str, limit: float) -> None:
        """Waits until the guest has switched itself off. Raises GuestSilent."""
        assert self._process is not None
        try:
            self._process.wait(limit)
        except subprocess.TimeoutExpired:
            raise GuestSilent(
                f"the guest did not end {what} in {limit:.0f} s; its last line: "
                f"{last_line(self.output())!r}; all it said: {self.console}"
            ) from None

    def _why_gone(self, what: str) -> str:
        assert self._process is not None
        assert self._errors is not None
        status = self._process.returncode
        complaint = self._errors.read_text(errors="replace").strip().splitlines()
        if status != 0:
            reason = complaint[-1] if complaint else f"exit status {status}"
            return f"QEMU ended before the guest's {what}: {reason}"
        last = last_line(self.output())
        return (
            f"the guest reset itself before its {what} (a triple fault, or a reboot); its last "
            f"line: {last!r}; all it said: {self.console}"
        )


def last_line(text: str) -> str:
    """The last line with anything on it, shortened to 120 characters."""
    for line in reversed(text.splitlines()):
        if line.strip():
            return line.strip()[:120]
    return ""
