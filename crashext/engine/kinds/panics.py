# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""panic() itself: its text, the death of init, and a crash that was asked for."""

from __future__ import annotations

import re

from crashext.engine.kinds.family import (
    Anchor,
    Ends,
    Family,
    KindInfo,
    Needle,
    Note,
    Panic,
    Remark,
    Step,
)
from crashext.engine.kinds.steps import ALL_CPUS, LOG_BEFORE

# fmt: off
_NOTES = (
    Note("sysrq", "rigger a crash", r"(?:sysrq: )?(?:SysRq : )?(?P<message>Trigger a crash)"),
)
_PANICS = (
    Panic(r"(?:.{1,60}: )?Fatal exception(?: in interrupt)?\b", "panic", (Ends.FATAL,)),
    # exitcode: the status of the dead init; 9 and 11 in it are the signals of an oops in init itself
    Panic(r"Attempted to kill init!(?: exitcode=(?:0x[0-9a-f]{1,8}))?", "init-killed", (Ends.FATAL,)),
    Panic(r"(?:Attempted to kill the idle task!|Aiee, killing interrupt handler!)", "panic", (Ends.FATAL,)),
    Panic(r"sysrq triggered crash", "sysrq"),
    Panic(r"VFS: Unable to mount root fs(?: on (?P<root>.{1,120}))?", "panic"),
    Panic(r"No (?:working )?init found", "panic"),
    Panic(r"Requested init (?P<init>\S{1,120}) failed(?: \(error (?P<error>-?\d{1,5})\))?", "panic"),
)
_ROOT = (
    # init/do_mounts.c: mount_root_generic(), mount_block_root()
    Note(None, "VFS: Cannot open root device", r"VFS: Cannot open root device (?P<root_device>\S{1,120}) or (?:[\w-]{1,40}(?:\(\d+,\d+\))?)(?:: error (?P<root_error>-?\d{1,5}))?"),
    Note(None, "VFS: Unable to mount root fs via", r"VFS: Unable to mount root fs via (?P<root_device>.{1,80}?)(?:, trying .{1,40})?\.?$"),
)
_NEEDLES = (
    Needle(b"Kernel panic - not syncing", b"Kp-yg"),
)
# fmt: on

#: ``Kernel panic - not syncing: `` and its end mark
LINE = re.compile(
    r"(?P<end>---\[ end )?Kernel panic - not syncing: ?(?P<message>.{0,500}?)(?: \]---)?$"
)

_REMARKS = (
    Remark(
        r"VFS: Unable to mount root fs",
        title="no root file system",
        event=(
            "the kernel could not mount its root file system: {root_device} does not open (error "
            "{root_error})",
            "the kernel could not mount its root file system: {root_device} does not open",
            "the kernel could not mount its root file system on {root}",
            "the kernel could not mount its root file system",
        ),
        advice="look at the boot: is root= right (compare it with the partitions that the kernel listed), "
        "and is the disk's driver there, built in or in an initramfs (initrd) that was loaded? Error -6 "
        "is ENXIO, no such device: no driver found the disk; -19 and -2 say the same of its name",
        nobody="the boot configuration is at fault, no function",
    ),
    Remark(
        r"(?:No (?:working )?init found|Requested init .{1,120} failed)",
        title="no init program",
        event=(
            "the kernel found no program to run as init: {init} failed with error {error}",
            "the kernel found no program to run as init",
        ),
        advice="look at the root file system and at init= on the command line: is it the right one, are "
        "the program, its interpreter and its libraries there, of this architecture?",
        nobody="the root file system or the boot configuration is at fault, no function",
    ),
)

FAMILY = Family(
    name="panics",
    meaning="panic() itself: its text, the death of init, and a crash that was asked for.",
    kinds=(
        KindInfo(
            "panic",
            meaning="The kernel panicked for the reason in its text.",
            title="kernel panic",
            event="the kernel panicked: {message}",
            advice=(
                Step("read the caller of panic(): the message is its reason", "bt"),
                LOG_BEFORE,
            ),
            facts=("the root device is {root}", "init {init} failed with error {error}"),
            anchors=(
                Anchor.PANIC_CALLER,
                Anchor.STACK,
            ),
        ),
        KindInfo(
            "init-killed",
            meaning="The first process died.",
            title="init was killed",
            event="the first process died, which the kernel cannot survive: {message}",
            advice=(
                Step(
                    "find out why init (pid 1) died: its signal or exit code is in the panic line"
                ),
                LOG_BEFORE,
            ),
            anchors=(
                Anchor.PANIC_CALLER,
                Anchor.STACK,
            ),
        ),
        KindInfo(
            "sysrq",
            meaning="Someone asked for the crash.",
            title="crash asked for by sysrq",
            event="someone asked for this crash (sysrq c, /proc/sysrq-trigger)",
            advice=(
                Step("nothing to mend: someone asked for this crash; look who and why"),
                ALL_CPUS,
            ),
            anchors=(Anchor.ASKED,),
            precise=True,
        ),
    ),
    notes=(*_NOTES, *_ROOT),
    remarks=_REMARKS,
    panics=_PANICS,
    needles=_NEEDLES,
)
