# SPDX-License-Identifier: GPL-2.0-or-later
"""The drgn target on real vmcores: each answer against what the fault's source says is true."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Callable, Optional

import pytest

from crashext.engine.model import Finding, StackFrame, Variable
from crashext.engine.report import Report
from crashext.engine.verdict import read_log
from crashext.errors import Unknown
from crashext.kernel import page_tables, stacks
from crashext.lab.store import Dump
from crashext.opening import open_target
from crashext.targets.base import ExceptionFrame, Owner, PageLevel
from crashext.targets.drgn import DrgnTarget, owner, stack

MODULE = "hello"


@dataclass(frozen=True)
class Crash:
    dump: Dump
    target: DrgnTarget
    report: Optional[Report]
    frame: Optional[ExceptionFrame]

    @property
    def registers(self) -> dict[str, int]:
        assert self.frame is not None
        return self.frame.registers

    def value(self, name: str, function: Optional[str] = None) -> int:
        """A variable of the innermost frame, or of the frame of a function."""
        for step in self.target.session.trace(self.report, self.frame):
            if function is None or step.function_name == function:
                return int(step[name].value_())
        raise AssertionError(f"no frame of {function}")

    def findings(self) -> dict[str, Finding]:
        return {f.topic: f for f in self.target.findings(self.report, self.frame).found}

    def backtrace(self) -> list[StackFrame]:
        return self.target.backtrace(self.report, self.frame)

    def variables(self) -> list[Variable]:
        return self.target.variables(self.report, self.frame)

    def faulting_expression(self) -> Optional[str]:
        assert self.frame is not None
        return self.target.session.faulting_expression(self.frame)

    def owner(self, address: int) -> Owner:
        return owner.of(self.target.session, self.report, address)

    def page_walk(self, address: int) -> list[PageLevel]:
        return page_tables.walk_of_crash(self.target.session, self.report, address)


def open_crash(dump: Dump) -> Crash:
    target = open_target(str(dump.vmcore))
    assert isinstance(target, DrgnTarget)
    summary = read_log(target)
    report = summary.reports[summary.crash] if summary.crash is not None else None
    try:
        frame: Optional[ExceptionFrame] = target.exception_frame(report)
    except Unknown:
        frame = None
    return Crash(dump, target, report, frame)


@pytest.fixture(scope="module")
def crash(dump: Callable[..., Dump]) -> Callable[..., Crash]:
    """``crash("null-write", kernel="6.12")``, opened once."""

    @functools.cache
    def get(fault: str, **kwargs: str) -> Crash:
        return open_crash(dump(fault, **kwargs))

    return get


# The exception

TRAPS = {
    "null-write": "#PF",
    "non-canonical": "#GP",
    "divide-by-zero": "#DE",
    "bug": "#UD",
    "stack-overflow": "#DF",
}


@pytest.mark.parametrize(("fault", "trap"), TRAPS.items())
def test_the_trap_is_known_from_memory(crash: Callable[..., Crash], fault: str, trap: str) -> None:
    frame = crash(fault).frame
    assert frame is not None
    assert frame.trap == trap


@pytest.mark.parametrize("fault", ["null-write", "null-timer", "stack-overflow"])
def test_the_registers_are_found_with_and_without_the_log(
    crash: Callable[..., Crash], fault: str
) -> None:
    found = crash(fault)
    assert found.frame is not None
    alone = DrgnTarget(found.target.prog).exception_frame(None)
    assert (alone.address, alone.registers) == (found.frame.address, found.frame.registers)


def test_a_kdump_has_a_copy_of_the_registers_and_the_original_is_taken(
    crash: Callable[..., Crash],
) -> None:
    found = crash("null-write", dump="kdump")
    assert found.frame is not None
    assert found.frame.trap == "#PF"  # only the original lies above the entry's return address


@pytest.mark.parametrize("release", ["5.10", "6.1", "6.12"])
def test_every_kernel_generation(crash: Callable[..., Crash], release: str) -> None:
    found = crash("null-write", kernel=release)
    rip = found.target.symbol(found.registers["rip"])
    assert (rip.name, rip.module) == ("fault_null_write", MODULE)
    assert found.target.source(found.registers["rip"])[0].line == found.dump.truth.line


# The path

PATH = ["fault_write", "full_proxy_write", "vfs_write", "ksys_write", "do_syscall_64"]


def functions(frames: list[StackFrame]) -> list[str]:
    return [f.function or "?" for f in frames if not f.inlined]


def test_the_path_leads_from_the_fault_to_the_entry(crash: Callable[..., Crash]) -> None:
    found = crash("null-write")
    frames = found.backtrace()
    assert functions(frames)[:2] == ["fault_null_write", "fault_trigger"]
    assert functions(frames)[2:7] == PATH
    assert functions(frames)[-1] == "entry_SYSCALL_64_after_hwframe"
    assert all(frame.reliable for frame in frames)


def test_a_call_into_nowhere_keeps_its_caller(crash: Callable[..., Crash]) -> None:
    found = crash("null-call")
    first, second = found.backtrace()[:2]
    assert (first.function, first.address) == (None, 0)
    assert (second.function, second.module) == ("fault_null_call", MODULE)
    assert second.address == found.target.prog.read_u64(found.registers["rsp"])


def test_an_inlined_function_is_a_frame_of_its_own(crash: Callable[..., Crash]) -> None:
    found = crash("null-inline")
    first, second = found.backtrace()[:2]
    assert (first.function, first.inlined) == ("lkm_request_reset", True)
    assert (second.function, second.inlined) == ("fault_null_inline", False)


def test_a_recursion_is_cut_in_the_middle_and_keeps_both_ends(
    crash: Callable[..., Crash],
) -> None:
    found = crash("stack-overflow")
    frames = found.backtrace()
    assert functions(frames)[0] == "fault_stack_overflow"
    assert functions(frames)[-1] == "entry_SYSCALL_64_after_hwframe"
    assert len(frames) <= stack.FIRST_FRAMES + stack.LAST_FRAMES


def test_a_panic_without_a_trap_begins_at_panic(crash: Callable[..., Crash]) -> None:
    found = crash("panic")
    assert found.frame is None
    frames = functions(found.target.backtrace(found.report, None))
    assert frames[0] in ("panic", "vpanic")
    assert "fault_panic" in frames[:3]


def test_the_path_from_panic_is_the_same_without_saved_registers(
    crash: Callable[..., Crash],
) -> None:
    """As inside crash, where drgn has no registers of the CPUs."""
    found = crash("panic")
    prog, session = found.target.prog, found.target.session
    area = stacks.of_task(session.port, session.kernel.crashed_task(found.report))
    assert area is not None
    registers = stack.from_panic(prog, area)
    assert registers is not None
    trace = stack.unwind(prog, found.target.session.symbols, registers)
    frames = stack.as_callers(stack.frames(found.target.session.symbols, trace))
    saved = found.target.backtrace(found.report, None)[1:]  # without panic() itself
    assert [(f.function, f.address) for f in frames] == [(f.function, f.address) for f in saved]


@pytest.mark.parametrize(
    ("fault", "context"),
    [
        ("null-write", "process"),
        ("null-timer", "softirq"),
        ("null-hardirq", "hardirq"),
        ("null-kthread", "kthread"),
    ],
)
def test_the_context(crash: Callable[..., Crash], fault: str, context: str) -> None:
    found = crash(fault)
    assert found.target.task(found.report, found.frame).context == context


# Names and variables


def test_the_alias_of_an_exit_function_is_not_its_name(crash: Callable[..., Crash]) -> None:
    found = crash("null-write-unload")
    symbol = found.target.symbol(found.registers["rip"])
    assert symbol.name == "hello_exit"
    assert found.target.symbol(symbol.address).name == "hello_exit"


def test_the_address_of_a_module_s_symbol_whose_file_nothing_touched_yet(
    dump: Callable[..., Dump],
) -> None:
    target = open_target(str(dump("null-write").vmcore))
    address = target.address("fault_null_write")
    symbol = target.symbol(address)
    assert (symbol.name, symbol.offset, symbol.module) == ("fault_null_write", 0, MODULE)


@pytest.mark.parametrize("name", ["no_such_symbol", "cleanup_module"])
def test_a_name_without_one_address(crash: Callable[..., Crash], name: str) -> None:
    """``cleanup_module`` is in several modules."""
    with pytest.raises(Unknown, match=name):
        crash("null-write").target.address(name)


OPERANDS = {
    "null-write": "*p",
    "null-read": "*p",
    "null-call": "req->complete",
    "struct-member-of-null": "req->file->f_flags",
    "null-far-member": "ring->head",
    "null-container-of": "other->id",
    "null-inline": "req->file->f_flags",
    "null-timer": "req->file->f_flags",
    "err-ptr": "req->file->f_flags",
    "non-canonical": "req->file->f_flags",
    "user-pointer": "*user",
    "write-to-rodata": "*limit",
    "use-after-free": "victim->owner->flags",
}


@pytest.mark.parametrize("release", ["6.1", "6.12"])
@pytest.mark.parametrize(("fault", "expression"), OPERANDS.items())
def test_the_operand_in_the_source_s_words(
    crash: Callable[..., Crash], fault: str, expression: str, release: str
) -> None:
    assert crash(fault, kernel=release).faulting_expression() == expression


@pytest.mark.parametrize("release", ["6.1", "6.12"])
def test_an_element_past_the_end_of_its_array(crash: Callable[..., Crash], release: str) -> None:
    # gcc 12 drops the index variable, whose value is 1024; gcc 14 keeps it.
    expression = crash("out-of-bounds", kernel=release).faulting_expression()
    assert expression in ("table[1024]", "table[last]")


@pytest.mark.parametrize("fault", sorted(set(OPERANDS) - {"null-call"}))
def test_the_line_is_that_of_the_access(crash: Callable[..., Crash], fault: str) -> None:
    """Also where the compiler moved the load into the statement that follows."""
    found = crash(fault)
    assert found.frame is not None
    line = found.target.line_of_access(found.frame)
    assert line or found.target.source(found.registers["rip"])[0].line == found.dump.truth.line
    assert line in (None, found.dump.truth.line)
    assert found.backtrace()[0].line == found.dump.truth.line


def test_the_bad_pointer_is_among_the_variables(crash: Callable[..., Crash]) -> None:
    found = crash("null-write")
    variables = {(v.frame, v.name): v for v in found.variables()}
    pointer = variables["fault_null_write", "p"]
    assert (pointer.type, pointer.value, pointer.parameter) == ("int *", "NULL", False)
    request = variables["fault_null_write", "req"]
    assert request.parameter
    assert request.value is not None
    assert ".id = 1" in request.value


def test_a_variable_that_the_compiler_dropped_says_so(crash: Callable[..., Crash]) -> None:
    found = crash("struct-member-of-null")
    (request,) = [
        v for v in found.variables() if (v.frame, v.name) == ("fault_struct_member_of_null", "req")
    ]
    assert (request.value, request.why) == (None, "optimised out")


def test_dwarf_that_divides_by_zero_costs_one_variable(crash: Callable[..., Crash]) -> None:
    found = crash("divide-by-zero")
    variables = {v.name: v for v in found.variables()}
    assert variables["share"].value is None
    assert "division by zero" in (variables["share"].why or "")
    assert variables["req"].value is not None


# Memory


def test_the_page_tables_of_a_write_to_read_only_data(crash: Callable[..., Crash]) -> None:
    found = crash("write-to-rodata")
    levels = found.page_walk(found.value("limit"))
    assert [level.level for level in levels] == ["PGD", "PUD", "PMD", "PTE"]
    last = levels[-1]
    assert (last.present, last.writable, last.user, last.executable) == (True, False, False, False)


def test_the_page_tables_of_code(crash: Callable[..., Crash]) -> None:
    found = crash("null-write")
    last = found.page_walk(found.registers["rip"])[-1]
    assert (last.present, last.writable, last.executable) == (True, False, True)


def test_the_page_tables_of_null_end_early(crash: Callable[..., Crash]) -> None:
    assert not crash("null-write").page_walk(0)[-1].present


def test_a_non_canonical_address_has_no_page_tables(crash: Callable[..., Crash]) -> None:
    with pytest.raises(Unknown, match="not canonical"):
        crash("null-write").page_walk(0xDEAD000000000100)


def test_who_owns_what_the_crash_touches(crash: Callable[..., Crash]) -> None:
    found = crash("null-write")
    target = found.target
    request = found.owner(found.value("req"))
    assert request.what == "slab"
    assert request.text == "slab object of kmalloc-256 (256 bytes), allocated, offset 0"
    own = found.owner(found.registers["rsp"])
    assert own.what == "stack"
    assert own.text.startswith("kernel stack of sh (pid ")
    code = found.owner(found.registers["rip"])
    assert code.text == f"module {MODULE}, section .text: fault_null_write+0x5"
    file = found.owner(found.value("file", "vfs_write"))
    assert f'open file "/sys/kernel/debug/{MODULE}/fault"' in file.detail
    assert found.owner(target.prog["init_task"].address_).text == "data of the kernel: init_task"


@pytest.mark.parametrize(
    ("address", "what"),
    [
        (0x28, "null"),
        (0x7F0000001000, "user"),
        ((1 << 64) - 2, "errno"),
        (0xDEAD000000000100, "non-canonical"),
    ],
)
def test_who_owns_what_is_nowhere(crash: Callable[..., Crash], address: int, what: str) -> None:
    assert crash("null-write").owner(address).what == what


def test_the_task_s_own_structure(crash: Callable[..., Crash]) -> None:
    found = crash("null-write")
    place = found.owner(found.target.session.kernel.crashed_task(found.report) + 8)
    assert place.text.startswith("slab object of task_struct")
    assert place.text.endswith("offset 8")
    assert any(line.startswith('task "sh", pid ') for line in place.detail)


def test_the_guard_pages(crash: Callable[..., Crash]) -> None:
    table = crash("out-of-bounds")
    place = table.owner(table.registers["rdx"])
    assert place.text.startswith("guard page behind the vmalloc area of 4096 bytes")
    assert place.detail[0].startswith("allocated by fault_out_of_bounds+")
    overflow = crash("stack-overflow")
    below = overflow.owner(overflow.registers["rsp"] - 8)
    assert below.text.startswith("guard page below the kernel stack of sh (pid ")


def test_slub_s_user_tracking_tells_who_freed(crash: Callable[..., Crash]) -> None:
    found = crash("use-after-free")
    place = found.owner(found.value("victim"))
    assert place.text == f"slab object of {MODULE}_request (224 bytes), freed, offset 0"
    allocated, freed = place.detail[1:3]
    assert allocated.startswith("allocated by fault_use_after_free+")
    assert freed.startswith("freed by fault_use_after_free+")
    assert "fault_trigger+" in freed


# Context


def test_the_system_call_and_its_arguments(crash: Callable[..., Crash]) -> None:
    text = crash("null-write").findings()["syscall"].text
    assert text.startswith("system call write(fd = 1, buf = 0x")
    assert text.endswith(f"count = {len('null-write') + 1})")  # echo's newline


def test_the_work_item(crash: Callable[..., Crash]) -> None:
    assert crash("null-work").findings()["work"].text == (
        f'work item fault_null_work [{MODULE}] of workqueue "events"'
    )


def test_the_timer(crash: Callable[..., Crash]) -> None:
    found = crash("null-timer")
    timer = found.value("timer")
    assert found.findings()["timer"].text == (
        f"timer function fault_null_timer [{MODULE}] of struct timer_list at {timer:#x}"
    )


def test_the_kernel_thread(crash: Callable[..., Crash]) -> None:
    assert crash("null-kthread").findings()["kthread"].text == (
        f"kernel thread function fault_null_kthread [{MODULE}]"
    )


@pytest.mark.parametrize("release", ["6.1", "6.12"])
def test_the_cycle_of_two_mutexes(crash: Callable[..., Crash], release: str) -> None:
    finding = crash("hung-task", kernel=release).findings()["locks"]
    assert finding.text == "a deadlock: each task waits for a lock that the next one holds"
    first, second, cycle = finding.detail
    assert f"waits for mutex lkm_mutex_b [{MODULE}] in fault_hung_task" in first
    assert f"waits for mutex lkm_mutex_a [{MODULE}] in fault_hung_task" in second
    assert cycle.startswith("a cycle: hello-ab (pid ")


def test_a_machine_that_hung_without_a_word(crash: Callable[..., Crash]) -> None:
    """No report, no panic: the CPU spins with interrupts off. Its saved registers tell where."""
    found = crash("hard-lockup")
    assert found.report is None
    (line,) = found.findings()["cpus"].detail
    assert "in fault_hard_lockup ← fault_trigger ← fault_write" in line


def test_what_the_caller_passed(crash: Callable[..., Crash]) -> None:
    """strlen() is in the kernel; its argument is a member of the module's request."""
    assert crash("null-string").findings()["argument"].text == (
        "s of strlen is what fault_null_string passed: req->label"
    )


def test_the_spinlock_that_a_cpu_spins_on(crash: Callable[..., Crash]) -> None:
    assert crash("spinlock-recursion").findings()["locks"].text == (
        f"the CPU spins on spinlock lkm_lock [{MODULE}], which is locked"
    )


def test_what_the_cpus_did(crash: Callable[..., Crash]) -> None:
    finding = crash("null-write").findings()["cpus"]
    assert any(line.endswith("the CPU that panicked") for line in finding.detail)


def test_of_a_report_that_the_kernel_survived_the_log_has_the_stack(
    crash: Callable[..., Crash],
) -> None:
    """Memory has moved on; the debug info still has the lines of what the log printed."""
    found = crash("slab-out-of-bounds")
    assert found.report is not None
    with pytest.raises(Unknown, match=r"ended|went on"):
        found.target.session.trace(found.report, None)
    frames = found.target.backtrace(found.report, None)
    logged = [entry.name for entry in found.report.frames]
    assert functions(frames) == logged
    (trigger,) = [f for f in frames if f.function == "fault_trigger" and f.reliable]
    assert trigger.module == MODULE
    assert trigger.line is not None
    assert found.target.source_text(trigger.file or "", trigger.line, 0)[0].text.strip() == (
        "fault->trigger(req);"
    )


@pytest.mark.parametrize("release", ["5.10", "6.1", "6.12"])
def test_the_inode_of_an_open_file(crash: Callable[..., Crash], release: str) -> None:
    found = crash("null-write", kernel=release)
    for step in found.target.session.trace(found.report, found.frame):
        if step.function_name == "vfs_write":
            inode = step["file"].f_inode
            break
    place = found.owner(int(inode.value_()))
    assert place.detail[1] == (
        f'inode {int(inode.i_ino.value_())}, "/{MODULE}/fault" in its file system'
    )


@pytest.mark.parametrize("release", ["5.10", "6.1", "6.12"])
def test_the_system_call_on_every_kernel_generation(
    crash: Callable[..., Crash], release: str
) -> None:
    assert (
        crash("null-write", kernel=release)
        .findings()["syscall"]
        .text.startswith("system call write(fd = 1, ")
    )


def test_arm64_has_registers_path_lines_and_variables(crash: Callable[..., Crash]) -> None:
    found = crash("null-write", arch="arm64")
    assert found.frame is not None
    assert found.target.source(found.registers["pc"])[0].line == found.dump.truth.line
    frames = functions(found.backtrace())
    assert frames[:4] == ["fault_null_write", "fault_trigger", "fault_write", "full_proxy_write"]
    assert frames[-1] == "el0t_64_sync"
    pointer = next(v for v in found.variables() if v.name == "p")
    assert pointer.value == "NULL"
    assert found.findings()["syscall"].text.startswith("system call write(fd = 1, buf = 0x")
