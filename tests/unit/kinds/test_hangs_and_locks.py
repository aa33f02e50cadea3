# SPDX-License-Identifier: GPL-2.0-or-later
"""Lockups, stalls and lockdep in the forms of old kernels; what each rule of lockdep says."""

from __future__ import annotations

import io
import json
from typing import Any, Optional

import pytest

from crashext import cli

#: What follows the header: a module's function, called by a system call.
_REST = """\
[ 2817.402202] CPU: 5 PID: 3107 Comm: spooler Not tainted 4.13.0 #7
[ 2817.402203] Call Trace:
[ 2817.402204]  spool_drain+0x5c/0x110 [spool]
[ 2817.402205]  spool_ioctl+0x3a/0x80 [spool]
[ 2817.402206]  do_vfs_ioctl+0x9f/0x610
"""


def explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], header: str
) -> dict[str, Any]:
    log = f"[ 2817.402201] {header}\n{_REST}"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log.encode())))
    cli.main(["explain", "--json", "-"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize(
    ("header", "kind", "cpu"),
    [
        ("BUG: NMI Watchdog detected LOCKUP on CPU5, ip ffffffff8105a1c0, registers:",
         "hard-lockup", 5),
        ("NMI Watchdog detected LOCKUP on CPU 5", "hard-lockup", 5),
        ("Watchdog CPU:168 Hard LOCKUP", "hard-lockup", 168),
        ("Watchdog CPU:5 detected Hard LOCKUP other CPUS:12,14-15", "hard-lockup", None),
        ("INFO: RCU detected CPU 5 stall (t=485140/3000 jiffies)", "rcu-stall", None),
        ("INFO: RCU detected CPU stalls: 3 7 (detected by 5, t=10002 jiffies)", "rcu-stall", None),
        ("[ BUG: circular locking deadlock detected! ]", "lockdep", None),
        ("WARNING: circular locking deadlock detected", "lockdep", None),
    ],
)  # fmt: skip
def test_old_forms_are_reports(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    header: str,
    kind: str,
    cpu: Optional[int],
) -> None:
    answer = explained(monkeypatch, capsys, header)
    assert answer["kind"] == kind
    if cpu is not None:
        assert f"CPU {cpu})" in answer["headline"]


@pytest.mark.parametrize(
    ("header", "event"),
    [
        ("WARNING: bad unlock balance detected!", "was released that the task does not hold"),
        ("[ BUG: held lock freed! ]", "with a lock in it that is still held"),
        ("WARNING: spooler/3107 still has locks held!", "kept a lock that it had to release"),
        ("WARNING: lock held when returning to user space!", "kept a lock that it had to release"),
        ("INFO: trying to register non-static key.", "never initialised"),
        ("WARNING: suspicious RCU usage", "RCU was used without the protection"),
        ("[ BUG: Invalid wait context ]", "a lock that may sleep was taken"),
        ("WARNING: possible recursive locking detected", "whose class the task holds already"),
        ("WARNING: inconsistent lock state", "a context that interrupts others"),
        ("WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected",
         "a context that interrupts others"),
        ("[ INFO: possible circular locking dependency detected ]", "a locking order"),
    ],
)  # fmt: skip
def test_each_rule_of_lockdep_is_told_as_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], header: str, event: str
) -> None:
    answer = explained(monkeypatch, capsys, header)
    assert event in answer["headline"]
    of_order = "take the two locks in one order"
    steps = " ".join(step["text"] for step in answer["next_steps"])
    assert (of_order in steps) == ("circular" in header)
