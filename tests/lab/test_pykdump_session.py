# SPDX-License-Identifier: GPL-2.0-or-later
"""PyKdump programs in a real crash: what they read is what drgn reads from the same dump."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import drgn
import pytest
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.module import for_each_module

from crashext.lab.store import Dump
from tests.lab.crash_session import CrashSession
from tests.lab.doors import EXTENSION

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="module")
def crashed(dump: Callable[..., Dump]) -> Dump:
    return dump("null-write-unload")


@pytest.fixture(scope="module")
def prog(crashed: Dump) -> drgn.Program:
    prog = drgn.Program()
    prog.set_core_dump(str(crashed.vmcore))
    prog.load_debug_info([str(crashed.vmlinux)])
    return prog


def answer_of(crashed: Dump, *words: str) -> dict[str, Any]:
    arguments = ["-s", str(crashed.vmlinux), str(crashed.vmcore)]
    with CrashSession(arguments) as session:
        session.run(f"extend {EXTENSION}")
        session.run("set scroll off")
        output = session.run(" ".join(["epython -v", str(PROGRAMS / "pykdump_tour.py"), *words]))
    lines = [line for line in output.splitlines() if line.startswith("ANSWER ")]
    assert lines, output
    answer: dict[str, Any] = json.loads(lines[0][len("ANSWER ") :])
    return answer


@pytest.fixture(scope="module")
def answer(crashed: Dump) -> dict[str, Any]:
    return answer_of(crashed)


@pytest.fixture(scope="module")
def answer_of_gdb(crashed: Dump) -> dict[str, Any]:
    return answer_of(crashed, "gdb")


def test_types_from_drgn_and_from_gdb_read_the_same(
    answer: dict[str, Any], answer_of_gdb: dict[str, Any]
) -> None:
    assert (answer["source"], answer_of_gdb["source"]) == ("drgn", "gdb")
    assert {**answer, "source": None} == {**answer_of_gdb, "source": None}


def test_sizes_and_offsets(answer: dict[str, Any], prog: drgn.Program) -> None:
    sizes = answer["sizes"]
    for name in ("struct task_struct", "struct page", "struct sk_buff", "pid_t", "gfp_t"):
        assert sizes[name] == drgn.sizeof(prog.type(name)), name
    assert (sizes["void *"], sizes["unsigned long"], sizes["struct nosuch"]) == (8, 8, -1)
    task = prog.type("struct task_struct")
    wanted = [drgn.offsetof(task, m) for m in ("tasks", "comm", "thread.sp", "se.vruntime")]
    assert answer["offsets"] == [*wanted, -1, -1]
    assert answer["member_sizes"][:2] == [16, 16]


def test_anonymous_members(answer: dict[str, Any], prog: drgn.Program) -> None:
    page = prog.type("struct page")
    assert len(answer["page_members"]) > 30
    for name, offset in answer["page_members"]:
        assert offset == page.member(name).offset, name


def test_every_task(answer: dict[str, Any], prog: drgn.Program) -> None:
    head = prog["init_task"].tasks.address_of_()
    wanted = [
        [
            t.pid.value_(),
            t.comm.string_().decode(),
            t.value_(),
            t.real_parent.pid.value_(),
            bool(t.mm),
        ]
        for t in list_for_each_entry("struct task_struct", head, "tasks")
    ]
    assert answer["tasks"] == wanted
    assert [task[1] for task in wanted if task[1] == "rmmod"] == ["rmmod"]


def test_modules(answer: dict[str, Any], prog: drgn.Program) -> None:
    wanted = [
        [m.name.string_().decode(), m.value_(), m.state.value_(), m.state.format_()]
        for m in for_each_module(prog)
    ]
    assert [entry[:3] for entry in answer["modules"]] == [entry[:3] for entry in wanted]
    hello = answer["modules"][0]
    assert (hello[0], hello[3]) == ("hello", "MODULE_STATE_GOING")
    assert answer["list_head"] == [entry[1] for entry in answer["modules"]]
    assert answer["container"] == hello[1]
    assert answer["state_name"] == "MODULE_STATE_GOING"


def test_scalars_and_pointers(answer: dict[str, Any], prog: drgn.Program) -> None:
    init = prog["init_task"]
    assert answer["init"] == [
        "swapper/0",
        0,
        init.prio.value_(),
        init.tasks.next.value_(),
        init.parent.value_(),
    ]
    assert answer["bits"] == [1, 1]
    assert answer["pointer"] == prog["saved_command_line"].string_().decode()
    assert answer["enumerator"] == [prog.constant("PIDTYPE_SID"), None]
    assert answer["percpu"] == prog["__per_cpu_offset"].type_.length


def test_symbols(answer: dict[str, Any]) -> None:
    assert answer["symbol"] == ["panic", ["panic", 3], "hello"]
    assert answer["exists"] == [True, False, False]
    assert answer["whatis"] == ["struct list_head", 8, ["char *"]]


def test_tasks_that_crash_misses_are_found_by_pid(
    answer: dict[str, Any], prog: drgn.Program
) -> None:
    init = prog["init_task"].tasks.next
    first = init.value_() - prog.type("struct task_struct").member("tasks").offset
    assert answer["pids"] == [first, 1, 0, None]


def test_commands_and_errors(answer: dict[str, Any]) -> None:
    assert (answer["log"], answer["background"]) == (True, True)
    assert (answer["null"], answer["unreadable"]) == ("IndexError", "crash.error")


def test_a_program_becomes_a_command_and_sees_types_after_mod(crashed: Dump) -> None:
    wanted = drgn.Program()
    wanted.set_core_dump(str(crashed.vmcore))
    wanted.load_debug_info([str(crashed.vmlinux), str(crashed.module)])
    size = drgn.sizeof(wanted.type("struct lkm_request"))
    with CrashSession(
        ["-s", str(crashed.vmlinux), str(crashed.vmcore)],
        environment={"PYKDUMPPATH": str(PROGRAMS)},
    ) as session:
        session.run(f"extend {EXTENSION}")
        assert "SIZE -1 []" in session.run("epython module_type")
        assert "size of struct lkm_request" in session.run("help module_type")
        session.run(f"mod -s hello {crashed.module}")
        assert f"SIZE {size} ['x']" in session.run("module_type --maxel 5 x")
