# SPDX-License-Identifier: GPL-2.0-or-later
"""The exit code of a task, as ``Attempted to kill init! exitcode=0x…`` prints it.

The encoding is that of wait(2): the low 7 bits are the signal that killed the task (0: it called
exit), bit 7 says that it dumped core, bits 8 … 15 are the status given to exit().
"""

from __future__ import annotations

#: Signals of x86, arm, arm64, riscv and powerpc (include/uapi/asm-generic/signal.h).
SIGNALS = (
    "", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE",
    "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT",
    "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU",
    "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
)  # fmt: skip


def describe_exit_code(code: int) -> str:
    """``0x100`` → "it called exit(1)"; ``0xb`` → "signal 11 (SIGSEGV) killed it"."""
    signal = code & 0x7F
    if signal:
        name = SIGNALS[signal] if signal < len(SIGNALS) else "a real-time signal"
        core = ", core dumped" if code & 0x80 else ""
        return f"signal {signal} ({name}) killed it{core}"
    return f"it called exit({code >> 8 & 0xFF})"
