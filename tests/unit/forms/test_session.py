# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- lines of a session
"""A debugger's session is a crash report."""

from __future__ import annotations

import io

from crashext.engine.log import scan
from crashext.engine.report import Report

CRASH = """\
      KERNEL: /usr/lib/debug/vmlinux
    DUMPFILE: vmcore  [PARTIAL DUMP]
     RELEASE: 4.18.0-305.el8.x86_64
       PANIC: "BUG: unable to handle kernel NULL pointer dereference at 0000000000000018"
         PID: 1912
     COMMAND: "wgtd"
         CPU: 3
       STATE: TASK_RUNNING (PANIC)

crash> bt
PID: 1912     TASK: ffff92f36b814ec0  CPU: 3    COMMAND: "wgtd"
 #0 [ffffa533da8c3c58] machine_kexec at ffffffff8e06dd02
 #1 [ffffa533da8c3ca8] __crash_kexec at ffffffff8e11102a
 #2 [ffffa533da8c3d80] oops_end at ffffffff8e01e091
 #3 [ffffa533da8c3da0] no_context at ffffffff8e0715c5
 #4 [ffffa533da8c3dc0] page_fault at ffffffff8e80115e
    [exception RIP: wgt_poll+26]
    RIP: ffffffffc0daa01a  RSP: ffffa533da8c3e58  RFLAGS: 00010202
    RAX: 0000000000000000  RBX: ffff92dfed7464b0  RCX: 0000000000000002
    R14: 0000000000000000  R15: 0ffff92cc3f26864
    ORIG_RAX: ffffffffffffffff  CS: 0010  SS: 0018
 #5 [ffffa533da8c3e78] wgt_ioctl at ffffffffc0daa46c [wgt]
 #6 [ffffa533da8c3eb8] do_syscall_64 at ffffffff8e0041e7
crash> bt 1
PID: 1        TASK: ffff92f36b800000  CPU: 0    COMMAND: "systemd"
 #0 [ffffa533c0013d70] __schedule at ffffffff8e7d1a2b
"""

DRGN = """\
>>> prog.crashed_thread().stack_trace()
#0  crash_setup_regs (./arch/x86/include/asm/kexec.h:95:3)
#1  __crash_kexec (kernel/kexec_core.c:957:4)
#2  panic (kernel/panic.c:330:3)
#3  oops_end (arch/x86/kernel/dumpstack.c:376:3)
#4  page_fault_oops (arch/x86/mm/fault.c:722:2)
#5  exc_page_fault (arch/x86/mm/fault.c:1541:2)
#6  asm_exc_page_fault+0x26/0x2b
#7  wgt_poll (/src/wgt/poll.c:212:10)
#8  wgt_ioctl (/src/wgt/main.c:77:5)
"""

GDB = """\
(gdb) bt
#0  panic (fmt=0xffffffff82345678 "VFS: Unable to mount root fs on %s") at kernel/panic.c:180
#1  0xffffffff83a01234 in mount_block_root (name=0xffffffff82 "/dev/root", flags=32769) at init/do_mounts.c:432
#2  0xffffffff83a01567 in prepare_namespace () at init/do_mounts.c:620
"""


def only_report(text: str) -> Report:
    summary = scan(io.BytesIO(text.encode()))
    assert summary.crash == 0
    return summary.reports[0]


def test_a_session_of_crash() -> None:
    report = only_report(CRASH)
    assert (report.kind, report.trap, report.machine) == ("null-deref", "#PF", "x86_64")
    assert (report.comm, report.pid, report.cpu) == ("wgtd", 1912, 3)
    assert report.release == "4.18.0-305.el8.x86_64"
    assert report.rip is not None
    assert (report.rip.name, report.rip.offset) == ("wgt_poll", 26)
    assert report.rip.address == report.registers["rip"] == 0xFFFFFFFFC0DAA01A
    assert (report.registers["rax"], report.registers["eflags"]) == (0, 0x10202)
    assert [(frame.name, frame.module, frame.line_no) for frame in report.frames] == [
        ("wgt_ioctl", "wgt", 22),
        ("do_syscall_64", None, 23),
    ]
    assert (report.first_line, report.last_line) == (4, 23)


def test_a_session_of_drgn() -> None:
    report = only_report(DRGN)
    assert (report.kind, report.trap) == ("bad-pointer", "#PF")
    assert report.rip is not None
    assert (report.rip.name, report.rip.file, report.rip.line) == (
        "wgt_poll", "/src/wgt/poll.c", 212,
    )  # fmt: skip
    assert [frame.name for frame in report.frames] == ["wgt_poll", "wgt_ioctl"]


def test_a_session_of_gdb() -> None:
    report = only_report(GDB)
    assert report.kind == "panic"
    assert [(frame.name, frame.line) for frame in report.frames] == [
        ("mount_block_root", 432),
        ("prepare_namespace", 620),
    ]


def test_the_kernels_own_report_is_preferred() -> None:
    log = (
        "[    1.0] divide error: 0000 [#1] SMP\n[    1.0] RIP: 0010:f+0x1/0x2\n"
        "[    1.0] Call Trace:\n[    1.0]  g+0x1/0x2\n"
    )
    assert only_report(log + CRASH).kind == "divide-error"


def test_a_stack_of_a_living_task_is_no_crash() -> None:
    summary = scan(io.BytesIO("\n".join(CRASH.splitlines()[-3:]).encode()))
    assert summary.reports == []
    assert summary.nature == "a debugger's session"
