# SPDX-License-Identifier: GPL-2.0-or-later
"""Tasks and CPUs of a kernel that the test lays out."""

from __future__ import annotations

import pytest

from crashext.errors import Unknown
from crashext.kernel import cpus
from crashext.kernel.port import Member
from crashext.kernel.tasks import TASK, Tasks
from tests.unit.kernel.small_kernel import SmallKernel

INIT = 0xFFFFFFFF82000000
LEADERS = (0xFFFF888000010000, 0xFFFF888000020000)
THREAD = 0xFFFF888000030000
SIGNAL = 0xFFFF888000040000
SIZE = 256

MEMBERS = {
    (TASK, "__state"): Member(0, 4),
    (TASK, "flags"): Member(8, 4),
    (TASK, "exit_state"): Member(12, 4),
    (TASK, "cpu"): Member(16, 4),
    (TASK, "stack"): Member(24, 8),
    (TASK, "tasks"): Member(32, 16),
    (TASK, "pid"): Member(48, 4),
    (TASK, "tgid"): Member(52, 4),
    (TASK, "signal"): Member(56, 8),
    (TASK, "thread_node"): Member(64, 16),
    (TASK, "comm"): Member(80, 16),
    ("struct signal_struct", "thread_head"): Member(0, 16),
    ("struct rq", "curr"): Member(8, 8),
}
RUNQUEUES, OFFSETS = 0x2000, 0xFFFFFFFF82100000
LETTERS = 0xFFFFFFFF82200000


def task(kernel: SmallKernel, at: int, pid: int, tgid: int, comm: bytes, signal: int) -> None:
    for offset in range(0, SIZE, 8):
        kernel.put(at + offset, 0)
    kernel.put(at + 48, pid, 4)
    kernel.put(at + 52, tgid, 4)
    kernel.put(at + 56, signal)
    kernel.put_text(at + 80, comm.ljust(16, b"\0"))


@pytest.fixture
def kernel() -> SmallKernel:
    """swapper, and two processes of which the first has a second thread; it runs on CPU 1."""
    made = SmallKernel(
        {"init_task": INIT, "runqueues": RUNQUEUES, "__per_cpu_offset": OFFSETS,
         "task_state_array": LETTERS},
        MEMBERS,
    )  # fmt: skip
    signals = (SIGNAL, SIGNAL + 16, SIGNAL + 32)
    task(made, INIT, 0, 0, b"swapper/0", signals[2])
    task(made, LEADERS[0], 100, 100, b"server", signals[0])
    task(made, LEADERS[1], 200, 200, b"sh", signals[1])
    task(made, THREAD, 101, 100, b"worker", signals[0])
    ring = [INIT + 32, LEADERS[0] + 32, LEADERS[1] + 32]
    for at, onward in zip(ring, [*ring[1:], ring[0]]):
        made.put(at, onward)
    for head, threads in ((signals[0], [LEADERS[0], THREAD]), (signals[1], [LEADERS[1]])):
        nodes = [head, *(thread + 64 for thread in threads)]
        for at, onward in zip(nodes, [*nodes[1:], nodes[0]]):
            made.put(at, onward)
    for cpu, running in enumerate((INIT, THREAD)):
        base = 0xFFFF888000800000 + cpu * 0x10000
        made.put(OFFSETS + 8 * cpu, base)
        made.put(base + RUNQUEUES + 8, running)
    for index, letter in enumerate(b"RSDT"):
        made.put(LETTERS + 8 * index, LETTERS + 256 + index)
        made.put(LETTERS + 256 + index, letter, 1)
    for index in range(4, 8):
        made.put(LETTERS + 8 * index, LETTERS + 300)
    made.put(LETTERS + 300, ord("?"), 1)
    return made


def test_every_thread_comes_once(kernel: SmallKernel) -> None:
    records = list(Tasks(kernel).records())
    assert [(r.pid, r.tgid, r.comm) for r in records] == [
        (100, 100, "server"), (101, 100, "worker"), (200, 200, "sh"),
    ]  # fmt: skip


def test_a_task_costs_one_read_beside_the_lists(kernel: SmallKernel) -> None:
    tasks = Tasks(kernel)
    everyone = list(tasks.all())
    kernel.reads = 0
    assert [tasks.record(one).pid for one in everyone] == [100, 101, 200]
    assert kernel.reads == 3


def test_a_thread_is_found_by_its_number(kernel: SmallKernel) -> None:
    tasks = Tasks(kernel)
    assert tasks.find(101) == THREAD
    assert tasks.find(999) is None
    assert tasks.find(0) is None


def test_a_running_task_is_found_in_a_damaged_list(kernel: SmallKernel) -> None:
    kernel.put(INIT + 32, 0xDEAD000000000100)
    assert Tasks(kernel).find(101) is None
    assert Tasks(kernel).find(101, on_cpus=[0, 1]) == THREAD


@pytest.mark.parametrize(
    ("state", "exit_state", "letter"),
    [(0, 0, "R"), (1, 0, "S"), (2, 0, "D"), (0x402, 0, "I"), (4, 0, "T"), (1, 2, "D")],
)
def test_the_state_in_the_kernel_s_own_letters(
    kernel: SmallKernel, state: int, exit_state: int, letter: str
) -> None:
    kernel.put(THREAD, state, 4)
    kernel.put(THREAD + 12, exit_state, 4)
    assert Tasks(kernel).state_letter(THREAD) == letter


def test_who_runs_on_a_cpu(kernel: SmallKernel) -> None:
    assert [cpus.current_task(kernel, cpu) for cpu in (0, 1)] == [INIT, THREAD]
    with pytest.raises(Unknown, match="CPU 2"):
        cpus.current_task(kernel, 2)


def test_the_mask_of_present_cpus(kernel: SmallKernel) -> None:
    kernel.symbols["__cpu_present_mask"] = 0x5000
    kernel.sizes["struct cpumask"] = 16
    kernel.put(0x5000, 0b1011)
    kernel.put(0x5008, 1)
    assert cpus.present(kernel) == [0, 1, 3, 64]
