# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Memory accesses that the processor refused: what the pointer was."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    Anchor,
    Family,
    Header,
    KindInfo,
    Needle,
    Role,
    Step,
)
from crashext.engine.kinds.fragments import DIE, EARLY
from crashext.engine.kinds.steps import LOOK_AT_OBJECT, READ_FUNCTION, SLUB_DEBUG

# fmt: off
_ARM_AT = r"(?:virtual address )?(?P<address>[0-9a-f]{8,16})\b"
_HEADERS = (
    # --- x86 page faults, arch/x86/mm/fault.c: show_fault_oops(), from 2.6 to today
    Header("null-deref", Role.ONGOING, "NULL pointer dereference at", r"BUG: unable to handle kernel NULL pointer dereference at (?:virtual address)? *(?P<address>\(null\)|(?:0x)?[0-9a-f]{8,16}\b)", fatal=True, trap="#PF"),
    Header("null-deref", Role.ONGOING, "NULL pointer dereference, addr", r"BUG: kernel NULL pointer dereference, address: (?P<address>[0-9a-f]{8,16})\b", fatal=True, trap="#PF"),
    Header("bad-pointer", Role.ONGOING, "BUG: unable to handle", r"BUG: unable to handle (?:kernel paging request at|page fault for address:) (?P<address>(?:0x)?[0-9a-f]{8,16})\b", fatal=True, trap="#PF"),
    Header("bad-pointer", Role.ONGOING, "BUG: unable to handle", r"BUG: unable to handle kernel(?: paging request| NULL pointer dereference)?", fatal=True, trap="#PF"),
    Header("nx-exec", Role.ONGOING, "kernel tried to execute NX", r"kernel tried to execute NX-protected page - exploit attempt\? \(uid: (?P<uid>\d{1,10})\)", fatal=True, trap="#PF", access="execute"),
    Header("user-memory-access", Role.ONGOING, "unable to execute userspace", r"unable to execute userspace code \(SMEP\?\) \(uid: (?P<uid>\d{1,10})\)", fatal=True, trap="#PF", access="execute"),
    Header("bad-pointer", Role.ONGOING, "PANIC: early exception 0x0e", rf"PANIC: early exception 0x0e {EARLY}", fatal=True, trap="#PF"),
    Header("non-canonical", Role.DIE, "for non-canonical address", rf"general protection fault,? (?:probably for|for) non-canonical address 0x(?P<gp_hint>[0-9a-f]{{1,16}}): {DIE}", fatal=True, trap="#GP", certain=True),
    # --- arm64 and arm: arch/arm64/mm/fault.c, arch/arm64/kernel/traps.c, arch/arm/mm/fault.c
    Header("null-deref", Role.ONGOING, "Unable to handle kernel NULL", rf"(?:CPU )?(?:\d{{1,4}}:? )?Unable to handle kernel NULL pointer dereference at {_ARM_AT}", fatal=True),
    Header("write-to-read-only", Role.ONGOING, "Unable to handle kernel write", rf"Unable to handle kernel write to read-only memory at {_ARM_AT}", fatal=True, access="write"),
    Header("nx-exec", Role.ONGOING, "Unable to handle kernel execute", rf"Unable to handle kernel execute from non-executable memory at {_ARM_AT}", fatal=True, access="execute"),
    Header("user-memory-access", Role.ONGOING, "Unable to handle kernel access to user", rf"Unable to handle kernel access to user memory .{{0,40}}?at {_ARM_AT}", fatal=True),
    Header("user-memory-access", Role.ONGOING, "Unable to handle kernel execution of user", rf"Unable to handle kernel execution of user memory at {_ARM_AT}", fatal=True, access="execute"),
    Header("bad-pointer", Role.ONGOING, "Unable to handle kernel", rf"(?:CPU )?(?:\d{{1,4}}:? )?Unable to handle kernel (?:.{{1,60}}?) (?:at|in) {_ARM_AT}", fatal=True),
    Header("bad-pointer", Role.ONGOING, "Unhandled fault: ", r"Unhandled fault: (?:.{1,60}?) \(0x(?P<error_code>[0-9a-f]{1,8})\) at 0x(?P<address>[0-9a-f]{8,16})\b", fatal=True, machine="arm"),
    # --- s390, arch/s390/mm/fault.c: the address is in the line that follows
    Header("bad-pointer", Role.ONGOING, "Unable to handle kernel pointer", r"Unable to handle kernel pointer dereference in virtual (?:kernel|user) address space", fatal=True, machine="s390"),
    # --- others, so that they are never taken for x86
    Header("null-deref", Role.ONGOING, "BUG: Kernel NULL pointer", r"BUG: Kernel NULL pointer dereference (?:on (?P<access_word>read|write) )?at (?P<address>0x[0-9a-f]{1,16})\b", fatal=True, machine="powerpc"),
    Header("bad-pointer", Role.ONGOING, "BUG: Unable to handle kernel", r"BUG: Unable to handle kernel (?:.{1,60}?) at (?P<address>0x[0-9a-f]{1,16})\b", fatal=True, machine="powerpc"),
)
_NEEDLES = (
    Needle(b"BUG", b"BUG"),
    Needle(b"[#", b"[#"),
    Needle(b"Unable to handle kernel "),
)
# fmt: on

FAMILY = Family(
    name="memory",
    meaning="Memory accesses that the processor refused: what the pointer was.",
    kinds=(
        KindInfo(
            "null-deref",
            meaning="A pointer that is NULL, or NULL plus the offset of a member, was followed.",
            title="NULL pointer {access}",
            event="{where} followed a NULL pointer",
            advice=(READ_FUNCTION,),
            memory=True,
            rough=True,
        ),
        KindInfo(
            "err-ptr",
            meaning="A pointer that holds an error number (ERR_PTR) was followed.",
            title="error pointer {access}",
            event="{where} followed an error pointer",
            advice=(
                Step(
                    "the pointer holds an error code: test the function that returned it with IS_ERR() "
                    "before use",
                    "dis -s {rip}",
                    "prog.source_location({rip})",
                ),
            ),
            memory=True,
            rough=True,
        ),
        KindInfo(
            "bad-pointer",
            meaning="A pointer to where nothing is mapped was followed.",
            title="bad pointer {access}",
            event="{where} followed a bad pointer",
            advice=(READ_FUNCTION, LOOK_AT_OBJECT),
            memory=True,
            rough=True,
        ),
        KindInfo(
            "non-canonical",
            meaning="A pointer that no address can have was followed.",
            title="non-canonical pointer {access}",
            event="{where} followed a non-canonical pointer",
            advice=(
                READ_FUNCTION,
                Step(
                    "the pointer was overwritten or never set: look at the memory it was loaded from"
                ),
                SLUB_DEBUG,
            ),
            memory=True,
            rough=True,
        ),
        KindInfo(
            "write-to-read-only",
            meaning="Read-only memory was written.",
            title="write to read-only memory",
            event="{where} wrote to read-only memory",
            advice=(
                Step(
                    "the target is const, __ro_after_init or kernel text: do not write it, or make it "
                    "writable data",
                    "sym {address}",
                    "prog.symbol({address})",
                ),
            ),
            memory=True,
            rough=True,
        ),
        KindInfo(
            "nx-exec",
            meaning="Data was executed.",
            title="execution of non-executable memory",
            event="{where} jumped to memory that is not executable",
            advice=(
                Step(
                    "a function pointer holds a data address: find who stored it",
                    "sym {address}",
                    "identify_address({address})",
                ),
            ),
            anchors=(
                Anchor.CODE_POINTER,
                Anchor.STACK,
            ),
            memory=True,
            rough=True,
            precise=True,
        ),
        KindInfo(
            "user-memory-access",
            meaning="Memory of user space was touched without the functions that may.",
            title="user memory {access} without permission",
            event="{where} touched user memory without permission",
            advice=(
                Step(
                    "use copy_from_user()/copy_to_user() or get_user()/put_user() for user pointers"
                ),
            ),
            memory=True,
            rough=True,
            precise=True,
        ),
    ),
    headers=_HEADERS,
    needles=_NEEDLES,
)
