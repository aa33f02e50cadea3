# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives a real ``crash`` through a pseudo-terminal, as a person would."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Callable, NoReturn, Optional

from crashext import build

PROMPT = "crash> "
#: A dump opens in seconds; under load on a small machine in a minute. Only a hang takes longer.
PATIENCE = 100.0
#: A session at its prompt answers at once; one that does not is replaced, which costs as much.
REPLY = 20.0

#: crash has a SIGSEGV handler of its own, and gdb frees with what did not allocate.
SANITIZER = "detect_leaks=0:handle_segv=0:alloc_dealloc_mismatch=0:verify_asan_link_order=0"

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class SessionEnded(AssertionError):
    """crash ended, or did not come back to its prompt."""


class CrashSession:
    """One crash process with a terminal. Use as a context manager."""

    def __init__(
        self,
        arguments: Sequence[str],
        program: Sequence[str] = ("crash",),
        directory: Optional[str] = None,
        environment: Optional[dict[str, str]] = None,
    ) -> None:
        argv = [*program, *arguments]
        # No .crashrc and no environment of the person who runs the tests.
        settings = {**os.environ, "TERM": "dumb", "HOME": "/nonexistent", **(environment or {})}
        if os.environ.get("CRASHEXT_SANITIZE"):
            # The runtime comes first. What crash and gdb themselves leak or mismatch is not ours.
            preload = [build.sanitizer_runtime(), settings.get("LD_PRELOAD", "")]
            settings["LD_PRELOAD"] = " ".join(preload)
            settings["ASAN_OPTIONS"] = SANITIZER
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            try:
                if directory:
                    os.chdir(directory)
                os.execvpe(argv[0], argv, settings)
            finally:
                os._exit(127)
        size = struct.pack("HHHH", 50, 1000, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)
        self._seen = ""
        self.exit_status: Optional[int] = None
        self.greeting = self.wait_for_prompt()

    def __enter__(self) -> CrashSession:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    # Talking

    def send(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, typed."""
        self.send("\x03")

    def wait_for(self, text: str) -> str:
        """What crash prints before ``text``; ``text`` itself is dropped."""
        end = time.monotonic() + PATIENCE
        while text not in self._seen:
            if not self._receive(max(0.0, end - time.monotonic())):
                self._give_up(text)
        before, _, self._seen = self._seen.partition(text)
        return before

    def wait_for_prompt(self, patience: Optional[float] = None) -> str:
        """What crash prints before it asks for the next command.

        Commands print "crash> …" too (examples, hints): a prompt is what stands at the end of all
        output, at the begin of a line or, after output without a newline, when nothing follows.
        """
        end = time.monotonic() + (patience or PATIENCE)
        while True:
            if self._seen == PROMPT or self._seen.endswith("\n" + PROMPT):
                break
            at_end = self._seen.endswith(PROMPT)
            if not self._receive(0.5 if at_end else max(0.0, end - time.monotonic())):
                if at_end:
                    break
                self._give_up("prompt")
        before, self._seen = self._seen[: -len(PROMPT)], ""
        return before

    def _give_up(self, wanted: str) -> NoReturn:
        """Ends a session that hangs, so that the next test begins with another."""
        os.kill(self.pid, signal.SIGKILL)
        self._reap()
        raise SessionEnded(f"no {wanted!r} within {PATIENCE:g} s, but {self._seen[-2000:]!r}")

    def _receive(self, patience: float) -> bool:
        """Takes what crash has written; False when there was nothing for ``patience`` seconds."""
        if not select.select([self._terminal], [], [], patience)[0]:
            return False
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # EIO: the other side has closed
            data = b""
        if not data:
            self._reap()
            raise SessionEnded(f"crash ended (status {self.exit_status}): {self._seen[-2000:]!r}")
        self._seen += _ESCAPES.sub("", data.decode(errors="replace")).replace("\r", "")
        return True

    def run(self, command: str) -> str:
        """The output of one command, without the echo of the command itself."""
        self.send(command + "\n")
        return self.wait_for_prompt().partition("\n")[2]

    def answers(self) -> bool:
        """False when crash has ended, or is not at its prompt with all output taken."""
        if self.exit_status is not None or self._seen:
            return False
        try:
            self.send("eval 1\n")
            return self.wait_for_prompt(REPLY).startswith("eval 1\nhexadecimal: 1")
        except (OSError, SessionEnded):
            return False

    # Watching

    def resident(self) -> int:
        """Resident memory in KiB, file pages not counted."""
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        raise AssertionError("no RssAnon")

    def descriptors(self) -> set[str]:
        """What the open file descriptors point to, as ``number path``."""
        directory = f"/proc/{self.pid}/fd"
        result = set()
        for name in os.listdir(directory):
            try:
                result.add(f"{name} {os.readlink(os.path.join(directory, name))}")
            except FileNotFoundError:
                continue
        return result

    # Ending

    def _reap(self) -> None:
        if self.exit_status is None:
            self.exit_status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        if self.exit_status is None:
            os.kill(self.pid, signal.SIGKILL)
            self._reap()
        os.close(self._terminal)


class SharedSession:
    """One session for many tests; each test gets it at its prompt.

    A session that an earlier test has ended, or left where it does not answer (it hangs, or stands
    at another prompt), is replaced: one test that fails takes no other along. Context manager.
    """

    def __init__(self, start: Callable[[], CrashSession]) -> None:
        self._start = start
        self._session: Optional[CrashSession] = None

    def get(self) -> CrashSession:
        """The session, or a new one."""
        if self._session is not None and not self._session.answers():
            self.close()
        if self._session is None:
            self._session = self._start()
        return self._session

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> SharedSession:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()
