# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person sees while a long step runs: on stderr, a line that counts, or plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional, TextIO

#: Seconds between plain lines when stderr is no terminal (a build log), so that it stays short.
PLAIN_INTERVAL = 15.0
#: Seconds between redraws on a terminal.
TTY_INTERVAL = 0.1


class Step:
    """One long step. ``update`` may be called as often as one likes."""

    def __init__(self, text: str, stream: Optional[TextIO] = None) -> None:
        self.text = text
        self._stream = sys.stderr if stream is None else stream
        self._tty = self._stream.isatty()
        self._begin = time.monotonic()
        self._shown = self._begin
        self._write(f"{text} ...")

    def _write(self, line: str, end: bool = False) -> None:
        if self._tty:
            self._stream.write(f"\r\x1b[K{line}" + ("\n" if end else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def update(self, detail: str = "", fraction: Optional[float] = None) -> None:
        """Shows ``detail`` and, where known, the fraction done (0 to 1)."""
        now = time.monotonic()
        if now - self._shown < (TTY_INTERVAL if self._tty else PLAIN_INTERVAL):
            return
        self._shown = now
        parts = [self.text]
        if fraction is not None:
            parts.append(f"{100 * min(max(fraction, 0.0), 1.0):.0f} %")
        if detail:
            parts.append(detail)
        parts.append(f"({now - self._begin:.0f} s)")
        self._write(" ".join(parts))

    def done(self, detail: str = "") -> None:
        took = time.monotonic() - self._begin
        self._write(f"{self.text}: {detail or 'done'} ({took:.1f} s)", end=True)

    def failed(self) -> None:
        self._write(f"{self.text}: failed", end=True)


@contextmanager
def step(text: str, stream: Optional[TextIO] = None) -> Iterator[Step]:
    """Runs the body as one step; says how it ended whatever happens."""
    running = Step(text, stream)
    try:
        yield running
    except BaseException:
        running.failed()
        raise
    running.done()
