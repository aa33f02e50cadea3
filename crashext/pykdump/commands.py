# SPDX-License-Identifier: GPL-2.0-or-later
"""Crash's and gdb's own commands, run from Python with their output as text."""

from __future__ import annotations

import os
import select
import sys
import time
from typing import Optional

from crashext.pykdump.cmodule import crash
from crashext.pykdump.pylog import pylog

exec_crash_command = crash.exec_crash_command
exec_crash_command_bg2 = crash.exec_crash_command_bg2


def exec_gdb_command(command: str) -> str:
    """The output of a gdb command; ``""`` when gdb refuses it."""
    return str(crash.get_GDB_output(command) or "").replace("\r", "")


def exec_command(line: str) -> None:
    """Runs a line as the prompt would and prints its output."""
    words = line.split()
    if words and words[0] in crash.get_epython_cmds():
        crash.exec_epython_command(*words)
    else:
        print(crash.exec_crash_command(line))


def exec_crash_command_bg(command: str, timeout: Optional[int] = None) -> str:
    """The output of a crash command, given at most ``timeout`` seconds (--timeout, else 120).

    It runs in a child process, so that a command that hangs on a broken dump can be given up.
    What it printed until then is returned, and the trouble is in ``pylog``.
    """
    limit = float(timeout or crash.default_timeout)
    sys.stdout.flush()
    reader, pid = exec_crash_command_bg2(command)
    chunks: list[bytes] = []
    end = time.monotonic() + limit
    timed_out = True
    try:
        while (left := end - time.monotonic()) > 0:
            ready, _w, _x = select.select([reader], [], [], left)
            if not ready:
                break
            chunk = os.read(reader, 65536)
            if not chunk:
                timed_out = False
                break
            chunks.append(chunk)
    finally:
        os.close(reader)
        if timed_out:
            os.kill(pid, 9)
        _pid, status = os.waitpid(pid, 0)
    if timed_out:
        pylog.timeout(f"<{command}> failed to complete within the timeout period of {limit:g}s")
    elif os.WIFSIGNALED(status):
        pylog.warning(f"<{command}> exited abnormally, signal {os.WTERMSIG(status)}")
    elif os.WEXITSTATUS(status):
        pylog.warning(f"<{command}> exited abnormally, ExitCode={os.WEXITSTATUS(status)}")
    return b"".join(chunks).decode(errors="backslashreplace")
