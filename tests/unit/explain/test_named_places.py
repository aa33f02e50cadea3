# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a line of a log is as long as the kernel prints it
"""The place to act on, where the stack alone leads to a helper or to machinery.

The logs are written in the forms of the kernels' print routines.
"""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from crashext import cli


@pytest.fixture
def explain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(log: str) -> dict[str, Any]:
        monkeypatch.setattr(
            "sys.stdin",
            io.TextIOWrapper(io.BytesIO(f"{log}---[ end trace 0000000000000000 ]---\n".encode())),
        )
        cli.main(["explain", "--json", "-"])
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run


UNLOCK = """\
[   31.204010] =====================================
[   31.204012] WARNING: bad unlock balance detected!
[   31.204013] 5.15.0-101-generic #111 Not tainted
[   31.204014] -------------------------------------
[   31.204016] gadgetd/812 is trying to release lock (&ring->lock) at:
[   31.204018] [<ffffffffc08a31d2>] ring_seq_stop+0x32/0x50 [ring]
[   31.204020] but there are no more locks to release!
[   31.204021] stack backtrace:
[   31.204022] CPU: 2 PID: 812 Comm: gadgetd Not tainted 5.15.0-101-generic #111
[   31.204023] Call Trace:
[   31.204024]  dump_stack_lvl+0x4a/0x63
[   31.204025]  print_unlock_imbalance_bug.cold+0x8d/0x92
[   31.204026]  lock_release+0x1f5/0x3d0
[   31.204027]  _raw_read_unlock+0x1b/0x30
[   31.204028]  entry_SYSCALL_64_after_hwframe+0x61/0xcb
"""
OLD_UNLOCK = UNLOCK.replace(
    "WARNING: bad unlock balance detected!", "[ BUG: bad unlock balance detected! ]"
)
HELD = """\
[   77.100001] ====================================
[   77.100002] WARNING: gadgetd/901 still has locks held!
[   77.100003] 6.1.0-18-amd64 #1 Not tainted
[   77.100004] ------------------------------------
[   77.100005] 1 lock held by gadgetd/901:
[   77.100006]  #0: ffffffffc0a1f2a0 (ring_mutex){+.+.}-{3:3}, at: ring_prepare+0x24/0x2f0 [ring]
[   77.100007]
[   77.100008] stack backtrace:
[   77.100009] CPU: 1 PID: 901 Comm: gadgetd Not tainted 6.1.0-18-amd64 #1
[   77.100010] Call Trace:
[   77.100011]  dump_stack_lvl+0x45/0x5c
[   77.100012]  debug_check_no_locks_held+0x90/0xa0
[   77.100013]  get_signal+0xb1d/0xb60
[   77.100014]  arch_do_signal_or_restart+0x31/0x270
"""
FLUSH = """\
[  201.000001] ======================================================
[  201.000002] WARNING: possible circular locking dependency detected
[  201.000003] 6.1.0-18-amd64 #1 Not tainted
[  201.000004] ------------------------------------------------------
[  201.000005] kworker/1:2/143 is trying to acquire lock:
[  201.000006] ffffc900002b7e48 ((work_completion)(&ring->refill)){+.+.}-{0:0}, at: process_one_work+0x1f1/0x5a0
[  201.000007]
[  201.000008] but task is already holding lock:
[  201.000009] ffff888100a5e148 ((wq_completion)ring_wq){+.+.}-{0:0}, at: process_one_work+0x1c4/0x5a0
[  201.000010]
[  201.000011] which lock already depends on the new lock.
[  201.000012]
[  201.000013] the existing dependency chain (in reverse order) is:
[  201.000014]
[  201.000015] -> #1 ((wq_completion)ring_wq){+.+.}-{0:0}:
[  201.000016]        __flush_workqueue+0x15f/0x4b0
[  201.000017]        ring_stop+0x4e/0x90 [ring]
[  201.000018]        ring_ioctl+0x8a/0x120 [ring]
[  201.000019]
[  201.000020] -> #0 ((work_completion)(&ring->refill)){+.+.}-{0:0}:
[  201.000021]        __lock_acquire+0x13c4/0x2190
[  201.000022]        lock_acquire+0xd1/0x2d0
[  201.000023]        process_one_work+0x24b/0x5a0
[  201.000024]        worker_thread+0x52/0x3b0
[  201.000025]
[  201.000026] stack backtrace:
[  201.000027] CPU: 1 PID: 143 Comm: kworker/1:2 Not tainted 6.1.0-18-amd64 #1
[  201.000028] Call Trace:
[  201.000029]  check_noncircular+0x103/0x120
[  201.000030]  __lock_acquire+0x13c4/0x2190
[  201.000031]  lock_acquire+0xd1/0x2d0
[  201.000032]  process_one_work+0x24b/0x5a0
[  201.000033]  worker_thread+0x52/0x3b0
[  201.000034]  kthread+0xf2/0x120
[  201.000035]  ret_from_fork+0x22/0x30
"""
IPI = """\
[   12.500001] =============================
[   12.500002] [ BUG: Invalid wait context ]
[   12.500003] 5.10.0-28-armmp #1 Not tainted
[   12.500004] -----------------------------
[   12.500005] loggerd/95 is trying to lock:
[   12.500006] 83711010 (&pool->lock){..-.}-{3:3}, at: spin_lock linux/spinlock.h:354 [inline]
[   12.500007] 83711010 (&pool->lock){..-.}-{3:3}, at: pool_flush_cpu+0x2a8/0x558 mm/pool.c:41
[   12.500008] other info that might help us debug this:
[   12.500009] context-{2:2}
[   12.500010] stack backtrace:
[   12.500011] CPU: 1 PID: 95 Comm: loggerd Not tainted 5.10.0-28-armmp #1
[   12.500012] Backtrace:
[   12.500013] [<80de7abc>] (dump_stack) from [<801bba34>] (__lock_acquire+0x840/0x30e0)
[   12.500014] [<801bb1f4>] (__lock_acquire) from [<80df7ffc>] (_raw_spin_lock+0x4c/0x5c)
[   12.500015] [<8022cfe8>] (_raw_spin_lock) from [<80116e24>] (do_handle_IPI+0x234/0x590)
[   12.500016] [<80116bf0>] (do_handle_IPI) from [<801171a4>] (ipi_handler+0x24/0x30)
[   12.500017] [<801bf148>] (ipi_handler) from [<80100b30>] (__irq_svc+0x70/0x98)
[   12.500018] [<803e2f90>] (__irq_svc) from [<803c9480>] (lookup_fast+0x124/0x2a8)
"""


@pytest.mark.parametrize(
    ("log", "function", "module"),
    [
        pytest.param(UNLOCK, "ring_seq_stop", "ring", id="unlock"),
        pytest.param(OLD_UNLOCK, "ring_seq_stop", "ring", id="unlock-4.9"),
        pytest.param(HELD, "ring_prepare", "ring", id="still-held"),
        pytest.param(FLUSH, "ring_stop", "ring", id="flush-of-itself"),
        pytest.param(IPI, "pool_flush_cpu", None, id="interrupt-of-arm"),
    ],
)
def test_lockdep_names_the_place(explain: Any, log: str, function: str, module: str) -> None:
    answer = explain(log)
    culprit = answer["culprit"]
    assert (answer["kind"], culprit["function"], culprit["module"], answer["confidence"]) == (
        "lockdep", function, module, "medium",
    )  # fmt: skip


NULL_CALL = {
    "arm": """\
[  794.144523] Unable to handle kernel NULL pointer dereference at virtual address 00000000
[  794.145138] [00000000] *pgd=85387003, *pmd=fe74e003
[  794.146728] Internal error: Oops: 80000207 [#1] PREEMPT SMP ARM
[  794.147404] Modules linked in: ring
[  794.148040] CPU: 1 PID: 604 Comm: gadgetd Not tainted 6.0.0 #1
[  794.149090] PC is at 0x0
[  794.149804] LR is at ring_receive+0xc0/0x15c [ring]
[  794.150448] pc : [<00000000>]    lr : [<bf0eaab4>]    psr: 60000013
[  794.172256] Backtrace:
[  794.172767]  ring_receive [ring] from ring_ioctl+0x7b4/0xa6c [ring]
[  794.172768]  ring_ioctl [ring] from sys_ioctl+0x110/0xb4c
""",
    "arm64": """\
[   20.000001] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000
[   20.000002] Internal error: Oops: 0000000086000004 [#1] SMP
[   20.000003] Modules linked in: ring
[   20.000004] CPU: 0 PID: 604 Comm: gadgetd Not tainted 6.1.0 #1
[   20.000005] pstate: 60000005 (nZCv daif -PAN -UAO -TCO -DIT -SSBS BTYPE=--)
[   20.000006] pc : 0x0
[   20.000007] lr : ring_receive+0x44/0x90 [ring]
[   20.000008] sp : ffff80000aff39f0
[   20.000009] Call trace:
[   20.000010]  0x0
[   20.000011]  ring_ioctl+0x34/0x10c [ring]
[   20.000012]  __arm64_sys_ioctl+0xac/0xf0
[   20.000013] Code: bad PC value
""",
    "riscv": """\
[   20.000001] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000
[   20.000002] Oops [#1]
[   20.000003] Modules linked in: ring
[   20.000004] CPU: 0 PID: 604 Comm: gadgetd Not tainted 6.1.0 #1
[   20.000005] epc : 0x0
[   20.000006]  ra : ring_receive+0x44/0x90 [ring]
[   20.000007] epc : 0000000000000000 ra : ffffffff016500aa sp : ff20000000b63c50
[   20.000008] status: 0000000200000120 badaddr: 0000000000000000 cause: 000000000000000c
[   20.000009] Call Trace:
[   20.000010] [<ffffffff0165013c>] ring_ioctl+0x34/0x10c [ring]
[   20.000011] [<ffffffff801fd0a8>] sys_ioctl+0x90/0xa4
""",
}


@pytest.mark.parametrize("machine", sorted(NULL_CALL))
def test_the_link_register_names_who_called_a_null_pointer(explain: Any, machine: str) -> None:
    answer = explain(NULL_CALL[machine])
    assert (answer["kind"], answer["culprit"]["function"]) == ("null-deref", "ring_receive")


def test_a_jump_to_an_odd_address_is_a_bad_pointer(explain: Any) -> None:
    """Until 5.17 arm64 said "SP/PC alignment exception" for both; the ESR's class tells which."""
    log = NULL_CALL["arm64"].split("\n", 2)[2]
    head = "[   20.000002] Internal error: Oops - SP/PC alignment exception: 8a000000 [#1] SMP\n"
    answer = explain(head + log.replace("pc : 0x0", "pc : 0xffffffffdeadbeef"))
    assert (answer["kind"], answer["culprit"]["function"]) == ("bad-pointer", "ring_receive")


def test_a_stack_pointer_that_is_not_aligned_is_told_as_that(explain: Any) -> None:
    log = (
        NULL_CALL["arm64"].split("\n", 2)[2].replace("pc : 0x0", "pc : ring_switch+0x8/0x40 [ring]")
    )
    head = "[   20.000002] Internal error: SP alignment exception: 000000009a000000 [#1] SMP\n"
    answer = explain(head + log.replace("  0x0", "  ring_switch+0x8/0x40 [ring]"))
    assert answer["title"] == "stack pointer not aligned in ring_switch [ring]"


def test_a_device_that_does_not_answer(explain: Any) -> None:
    """The accessors of device registers are skipped up to the driver."""
    log = NULL_CALL["arm64"].split("\n", 2)[2].replace("pc : 0x0", "pc : __raw_readl+0x18/0x2c")
    head = "[   20.000002] Internal error: synchronous external abort: 96000010 [#1] SMP\n"
    answer = explain(head + log.replace("  0x0", "  __raw_readl+0x18/0x2c\n  logic_inl+0x50/0x13c"))
    assert (answer["title"], answer["confidence"]) == (
        "external abort in ring_ioctl [ring]", "medium",
    )  # fmt: skip


def test_a_circle_of_several_functions_leaves_open_which_must_stop(explain: Any) -> None:
    rounds = " ring_pass+0x20/0x80 [ring]\n ring_turn+0x30/0x90 [ring]\n" * 8
    answer = explain(
        "BUG: stack guard page was hit at ffffc900190cfff8 (stack is "
        "ffffc900190d0000..ffffc900190d7fff)\n"
        "kernel stack overflow (double-fault): 0000 [#1] PREEMPT SMP\n"
        "CPU: 1 PID: 931 Comm: gadgetd Not tainted 5.13.0 #1\n"
        "RIP: 0010:ring_pass+0x8/0x80 [ring]\n"
        f"Call Trace:\n{rounds}"
    )
    assert (answer["kind"], answer["culprit"]["function"], answer["confidence"]) == (
        "stack-overflow", "ring_pass", "medium",
    )  # fmt: skip
