# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a line of a log is as long as the kernel prints it
"""Of the stacks that a report of RCU shows, the one of the CPU that it says is stalled counts."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from crashext import cli

_HEAD = """\
[  417.725670] rcu: INFO: rcu_sched self-detected stall on CPU
[  417.727544] rcu: \t1-...!: (10499 ticks this GP) idle=9f9/1/0x4000000000000002 softirq=2116/2117 fqs=0
[  417.730327] \t(t=10500 jiffies g=989 q=72)
[  417.731616] rcu: rcu_sched kthread starved for 10500 jiffies! g989 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=0
[  417.737083] rcu: RCU grace-period kthread stack dump:
"""
_KTHREAD = """\
[  417.738658] task:rcu_sched       state:R  running task on cpu   0   stack:    0 pid:   13 ppid:     2 flags:0x0
[  417.741712] Call trace:
[  417.742580]  __switch_to+0x1ac/0x1f0
[  417.744891]  schedule+0x70/0xf0
[  417.747210]  rcu_gp_fqs_loop+0x12c/0x520
[  417.748498]  rcu_gp_kthread+0x1a4/0x230
[  417.751954] rcu: Stack dump where RCU GP kthread last ran:
"""
_ARM64 = """\
[  417.753610] Task dump for CPU 0:
[  417.754667] task:feeder          state:R  running task on cpu   0   stack:    0 pid: 1432 ppid:  1414 flags:0x2
[  417.757734] Call trace:
[  417.758593]  __switch_to+0x1ac/0x1f0
[  417.760503] Task dump for CPU 1:
[  417.761565] task:drainer         state:R  running task on cpu   1   stack:    0 pid: 1429 ppid:  1407 flags:0x2
[  417.764661] Call trace:
[  417.765509]  dump_backtrace+0x0/0x1e0
[  417.767848]  sched_show_task+0x174/0x1a0
[  417.770301]  rcu_dump_cpu_stacks+0xe0/0x128
[  417.774184]  rcu_sched_clock_irq+0x8b8/0xd10
[  417.775546]  update_process_times+0x9c/0x100
[  417.776929]  tick_sched_timer+0x58/0xb0
[  417.779598]  hrtimer_interrupt+0xe8/0x240
[  417.783736]  handle_percpu_devid_irq+0x8c/0x1a0
[  417.784000]  gic_handle_irq+0x4c/0x110
[  417.784100]  el1_irq+0xb8/0x140
[  417.784200]  ring_drain+0x5c/0x110 [ring]
[  417.784300]  ring_ioctl+0x3a/0x80 [ring]
[  417.784400]  __arm64_sys_ioctl+0xa8/0xe8
"""
_X86 = """\
[  417.753600] Sending NMI from CPU 1 to CPUs 0:
[  417.753610] NMI backtrace for cpu 0
[  417.754667] CPU: 0 PID: 1432 Comm: feeder Not tainted 6.3.0 #1
[  417.754668] RIP: 0010:ring_feed+0x30/0x90 [ring]
[  417.757734] Call Trace:
[  417.757735]  <TASK>
[  417.758593]  ring_write+0x1c/0x50 [ring]
[  417.758594]  vfs_write+0xb1/0x290
[  417.758595]  </TASK>
[  417.761565] CPU: 1 PID: 1429 Comm: drainer Not tainted 6.3.0 #1
[  417.761566] RIP: 0010:ring_drain+0x5c/0x110 [ring]
[  417.764661] Call Trace:
[  417.764662]  <TASK>
[  417.784300]  ring_ioctl+0x3a/0x80 [ring]
[  417.784400]  __x64_sys_ioctl+0x8d/0xc0
[  417.784500]  </TASK>
"""


@pytest.mark.parametrize("stacks", [_ARM64, _X86], ids=["task-dumps-arm64", "nmi-x86"])
def test_the_stack_of_the_stalled_cpu_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stacks: str
) -> None:
    log = f"{_HEAD}{_KTHREAD}{stacks}"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log.encode())))
    cli.main(["explain", "--json", "-"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    task = answer["task"]
    assert (answer["culprit"]["function"], task["comm"], task["pid"]) == (
        "ring_drain", "drainer", 1429,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wait", "function"),
    [
        ("synchronize_rcu", "synchronize_rcu"),
        ("synchronize_srcu", "synchronize_srcu"),
        ("rcu_barrier", "ring_teardown"),
    ],
)
def test_what_holds_rcu_up_is_not_told_by_who_waits(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wait: str,
    function: str,
) -> None:
    log = f"""\
[  242.100001] INFO: task unloader:512 blocked for more than 120 seconds.
[  242.100002]       Not tainted 6.1.0-18-amd64 #1
[  242.100003] task:unloader        state:D stack:    0 pid:  512 ppid:   511 flags:0x00004000
[  242.100004] Call Trace:
[  242.100005]  <TASK>
[  242.100006]  __schedule+0x351/0xa20
[  242.100007]  schedule+0x5d/0xe0
[  242.100008]  schedule_timeout+0x118/0x150
[  242.100009]  __wait_for_common+0x91/0x1b0
[  242.100010]  {wait}+0x41/0x90
[  242.100011]  ring_teardown+0x12/0x70 [ring]
[  242.100012]  __x64_sys_delete_module+0x14a/0x2c0
[  242.100013]  </TASK>
"""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log.encode())))
    cli.main(["explain", "--json", "-"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (answer["culprit"]["function"], answer["confidence"], answer["confidence_why"]) == (
        function, "medium", "what holds RCU up is not in the report",
    )  # fmt: skip
