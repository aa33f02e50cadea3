# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom to blame. The stacks are those of the lab's crashes, innermost frame first."""

from __future__ import annotations

from typing import Optional

import pytest

from crashext.engine import blame
from crashext.engine.model import Rip, StackFrame
from crashext.engine.report import LogFrame


def stack(text: str) -> list[StackFrame]:
    """``"memcpy hello:f ?g"``: names, ``module:name``, ``?`` before a frame not to be trusted."""
    frames = []
    for word in text.split():
        reliable = not word.startswith("?")
        module, _, name = word.lstrip("?").rpartition(":")
        frames.append(StackFrame(name, 0x10, 0x20, module or None, reliable=reliable))
    return frames


TAIL = " full_proxy_write vfs_write ksys_write do_syscall_64 entry_SYSCALL_64_after_hwframe"


@pytest.mark.parametrize(
    ("kind", "frames", "blamed", "words"),
    [
        (
            "null-deref", "hello:fault_null_write hello:fault_trigger hello:fault_write" + TAIL,
            "fault_null_write", "the fault is in fault_null_write [hello] itself",
        ),
        (
            "null-deref", "strlen hello:fault_null_string hello:fault_trigger" + TAIL,
            "fault_null_string",
            "strlen is a string helper; its caller handed it the bad pointer",
        ),
        (
            "user-memory-access", "memcpy_erms _copy_to_iter babel:dev_read vfs_read",
            "dev_read", "memcpy_erms, _copy_to_iter are helpers; its caller handed it the bad "
            "pointer or length",
        ),
        (
            "general-protection", "__x86_indirect_thunk_rax hello:run hello:fault_write" + TAIL,
            "run", "indirect-call thunk; it only jumps to the pointer that its caller gave it",
        ),
        (
            "list-corruption", "__list_add_valid.cold hello:fault_list_corruption" + TAIL,
            "fault_list_corruption", "its caller added or deleted the damaged entry",
        ),
        (
            "double-free", "__kmem_cache_free hello:fault_double_free" + TAIL,
            "fault_double_free", "its caller freed or asked for memory that was already damaged",
        ),
        (
            "refcount", "refcount_warn_saturate hello:fault_refcount" + TAIL,
            "fault_refcount", "its caller took or dropped a reference wrongly",
        ),
        (
            "usercopy", "usercopy_abort __check_heap_object __check_object_size hello:f" + TAIL,
            "f", "its caller copied beyond the object",
        ),
        (
            "fortify", "fortify_panic hello:fault_fortify.cold" + TAIL, "fault_fortify.cold",
            "fault_fortify [hello] is where the check failed; fortify_panic only reports it",
        ),
        ("bug", "hello:fault_bug hello:fault_trigger" + TAIL, "fault_bug",
         "fault_bug [hello] holds the BUG() that fired"),
        ("warning", "hello:fault_warn hello:fault_trigger" + TAIL, "fault_warn",
         "fault_warn [hello] holds the WARN() that fired"),
        (
            "hung-task",
            "__schedule schedule schedule_preempt_disabled __mutex_lock.constprop.0 hello:locker_b "
            "kthread ret_from_fork",
            "locker_b", "locker_b [hello] takes the lock in __mutex_lock and does not come back",
        ),
        (
            "hung-task", "__schedule schedule io_schedule folio_wait_bit_common ext4_wait vfs_read",
            "ext4_wait", "waits",
        ),
        (
            "soft-lockup", "native_queued_spin_lock_slowpath _raw_spin_lock hello:spinner kthread",
            "spinner", "spinner [hello] spins in _raw_spin_lock",
        ),
        ("soft-lockup", "hello:fault_soft_lockup hello:fault_write" + TAIL, "fault_soft_lockup",
         "is where the CPU was when the watchdog looked"),
        (
            "panic", "dump_stack_lvl panic hello:fault_panic hello:fault_write" + TAIL,
            "fault_panic", "fault_panic [hello] called panic()",
        ),
        (
            "stack-smash", "dump_stack_lvl panic __stack_chk_fail hello:fault_smash" + TAIL,
            "fault_smash", "found its stack canary overwritten when it returned",
        ),
        (
            "sysrq",
            "dump_stack_lvl panic sysrq_handle_crash __handle_sysrq.cold write_sysrq_trigger "
            "proc_reg_write vfs_write",
            "sysrq_handle_crash", "the crash was asked for",
        ),
        (
            "sysrq",
            "dump_stack_lvl panic sysrq_handle_crash __handle_sysrq.cold hello:ask hello:w" + TAIL,
            "ask", "ask [hello] asked for it, not a person at a console",
        ),
        (
            "oom-panic",
            "dump_stack_lvl dump_header out_of_memory __alloc_pages_slowpath __alloc_pages "
            "hello:eat hello:fault_write" + TAIL,
            "eat", "asked for the page that could not be had",
        ),
        (
            "stack-overflow", "hello:recurse " * 20 + "hello:fault_stack_overflow" + TAIL,
            "recurse", "recurse [hello] calls itself: it is on the stack 20 times",
        ),
        (
            "double-fault", "hello:ping hello:pong " * 10 + "hello:fault_write" + TAIL,
            "ping", "pong → ping call each other in a circle (10 rounds on the stack)",
        ),
        (
            "stack-overflow", "memset hello:big_locals hello:fault_write" + TAIL,
            "big_locals", "memset is a copy helper",
        ),
        (
            "null-deref", "?stale hello:victim ?noise" + TAIL, "victim", "itself",
        ),
        (
            "null-deref", "hello:device_add hello:user" + TAIL, "device_add",
            "the fault is in device_add [hello] itself",
        ),
        (
            "null-deref", "vfs_read hello:load_firmware", "load_firmware",
            "vfs_read is a part of the kernel's calling machinery",
        ),
    ],
)  # fmt: skip
def test_the_frame_to_act_on(kind: str, frames: str, blamed: str, words: str) -> None:
    given = stack(frames)
    index, why, _ = blame.choose(given, Rip(symbol=given[0].function), kind=kind)
    assert index is not None
    assert given[index].function == blamed
    assert words in why


def test_a_null_call_blames_the_caller() -> None:
    frames = stack("hello:fault_null_call hello:fault_trigger" + TAIL)
    index, why, _ = blame.choose(frames, Rip(address=0), kind="null-deref")
    assert (index, why) == (0, "RIP is no code: the bad function pointer was called from here")


def test_a_null_call_through_a_thunk_names_both() -> None:
    frames = stack("__x86_indirect_thunk_rax hello:caller" + TAIL)
    index, why, _ = blame.choose(frames, Rip(address=0), kind="null-deref")
    assert index == 1
    assert why.startswith("RIP is no code; __x86_indirect_thunk_rax is an indirect-call thunk")


def test_executed_data_blames_who_called_it() -> None:
    frames = stack("hello:lkm_program ?hello:fault_exec_data ?hello:fault_trigger ?vfs_write")
    index, why, _ = blame.choose(
        frames, Rip(address=0xFFFFFFFFC03CF470, symbol="lkm_program"), kind="nx-exec"
    )
    assert index == 1
    assert "the return address that the call pushed" in why


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ("", "the report has no stack and no symbol for RIP"),
        ("?a ?b", "the stack holds only frames that the unwinder does not trust"),
    ],
)
def test_nobody_is_blamed_without_evidence(frames: str, reason: str) -> None:
    assert blame.choose(stack(frames), None, kind="null-deref")[:2] == (None, reason)


def test_only_helpers_on_the_stack() -> None:
    index, why, _ = blame.choose(stack("memcpy vfs_write ksys_write"), None, kind="null-deref")
    assert index == 1
    assert why.startswith("only helpers and calling machinery are on the stack")


def test_a_stall_of_machinery_alone_blames_nobody() -> None:
    frames = stack("process_one_work worker_thread kthread ret_from_fork")
    assert blame.choose(frames, None, kind="workqueue-stall")[:2] == (
        None,
        "only helpers and calling machinery are on the stack",
    )


def test_helpers_inlined_from_kernel_headers_are_passed() -> None:
    frames = stack("list_del_init hello:unlink vfs_write")
    frames[0].inlined, frames[0].file = True, "/usr/src/linux/include/linux/list.h"
    assert blame.choose(frames, None, kind="use-after-free")[0] == 1


def test_what_is_inlined_into_a_helper_is_passed_with_it() -> None:
    """drgn shows the inline functions of schedule() and out_of_memory(); a log does not."""
    frames = stack("schedule_debug __schedule_loop schedule hello:fault_hung_task vfs_write")
    frames[0].inlined = frames[1].inlined = True
    index, why, _ = blame.choose(frames, None, kind="hung-task")
    assert (index, why) == (
        3,
        "fault_hung_task [hello] waits in schedule and does not come back",
    )


def test_what_is_inlined_into_an_ordinary_function_is_blamed() -> None:
    frames = stack("hello:reset hello:ioctl vfs_ioctl")
    frames[0].inlined, frames[0].file = True, "hello.c"
    assert blame.choose(frames, None, kind="null-deref")[0] == 0


def test_out_of_memory_passes_inlined_checks() -> None:
    frames = stack(
        "check_panic_on_oom out_of_memory __alloc_pages_may_oom alloc_pages_mpol_noprof "
        "vma_alloc_folio_noprof hello:fault_oom vfs_write"
    )
    frames[0].inlined = True
    assert blame.choose(frames, None, kind="oom-panic")[0] == 5


@pytest.mark.parametrize("file", ["hello.h", "drivers/net/hello/include/hello.h", "hello.c"])
def test_inline_functions_of_the_module_itself_are_blamed(file: str) -> None:
    frames = stack("hello:reset hello:trigger vfs_write")
    frames[0].inlined, frames[0].file = True, file
    assert blame.choose(frames, None, kind="null-deref")[0] == 0


@pytest.mark.parametrize(
    ("kind", "after_free", "name"),
    [("slab-corruption", False, "maker"), ("slab-corruption", True, "ender"),
     ("use-after-free", False, "ender")],
)  # fmt: skip
def test_tracks_of_a_damaged_object(kind: str, after_free: bool, name: str) -> None:
    tracks = {
        "allocated": [LogFrame("kmem_cache_alloc"), LogFrame("maker", module="hello")],
        "freed": [LogFrame("kfree"), LogFrame("ender", module="hello")],
    }
    frame, why = blame.choose_track(tracks, kind, written_after_free=after_free)
    assert frame is not None
    assert frame.name == name
    assert why.startswith(f"{name} [hello] ")


def test_no_tracks() -> None:
    frame, why = blame.choose_track({}, "slab-corruption", written_after_free=False)
    assert frame is None
    assert why.startswith("the report shows no stack")


@pytest.mark.parametrize(
    ("name", "plumbing"),
    [("ksys_write", True), ("asm_exc_page_fault", True), ("panic", True), ("memcpy", False),
     ("hello_exit", False)],
)  # fmt: skip
def test_plumbing(name: str, plumbing: Optional[bool]) -> None:
    assert blame.is_plumbing(name) is plumbing


@pytest.mark.parametrize(
    ("exitcode", "how"),
    [
        ("0x00000100", "init ended (it called exit(1)), "),
        ("0x0000000b", "init ended (signal 11 (SIGSEGV) killed it), "),
        ("0x0000001f", "init ended (signal 31 (SIGSYS) killed it), "),
        ("0x00000086", "init ended (signal 6 (SIGABRT) killed it, core dumped), "),
    ],
)
def test_no_kernel_function_is_blamed_when_init_ends(exitcode: str, how: str) -> None:
    index, why, _ = blame.choose(
        stack("dump_stack_lvl panic do_exit.cold do_group_exit get_signal do_syscall_64"),
        None,
        kind="init-killed",
        panic_message=f"Attempted to kill init! exitcode={exitcode}",
    )
    assert index is None
    assert why.startswith(how)


def test_a_work_item_of_an_unloaded_module() -> None:
    frames = stack("?process_one_work ?worker_thread ?kthread ?ret_from_fork")
    index, why, _ = blame.choose(frames, Rip(address=0xFFFFFFFFC034B14E), kind="bad-pointer")
    assert index is None
    assert why.startswith(
        "RIP is no code and process_one_work called it: what it was to call was freed"
    )


def test_hardware_errors_blame_no_function() -> None:
    index, why, _ = blame.choose(stack("hello:busy kthread"), None, kind="machine-check")
    assert (index, why) == (None, "the hardware reported an error: no function is to blame")


def test_only_the_report_on_the_stack_of_a_stall() -> None:
    assert blame.choose(stack("sched_show_task rcu_dump_cpu_stacks"), None, kind="rcu-stall")[
        :2
    ] == (
        None,
        "only functions that print the report are on the stack",
    )


def test_rust_panics_blame_the_code_that_panicked() -> None:
    frames = stack(
        "rust_helper_BUG _RNvCs1fT6RXKmKOQ_6kernel19rust_begin_unwind "
        "_RNvNtCs7gO_4core9panicking9panic_fmt demo:_RNvMNtCs2kG_4demo4node10update_ref"
    )
    assert blame.choose(frames, None, kind="bug")[0] == 3
