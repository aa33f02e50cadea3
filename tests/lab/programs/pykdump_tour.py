# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: B018, E501, F403, F405 (PyKdump programs import everything)
# mypy: ignore-errors
"""A PyKdump program that reads a bit of everything and prints it as JSON.

``pykdump_tour.py [gdb]``: with ``gdb``, types come from crash's gdb and not from drgn.
"""

import json
import sys

if sys.argv[1:] == ["gdb"]:
    from crashext.pykdump import typesource
    from crashext.pykdump.gdbtypes import GdbTypes

    typesource.use(GdbTypes())

from pykdump.API import *

init = readSymbol("init_task")
tasks = readSUListFromHead("init_task", "tasks", "struct task_struct")
modules = readSUListFromHead(sym2addr("modules"), "list", "struct module")
page = getStructInfo("struct page")
first = modules[0]
pid1 = pid_to_task(1)
files = readSU("struct task_struct", pid1).files
answer = {
    "source": __import__("crashext.pykdump.typesource", fromlist=["types"]).types().name,
    "release": sys_info.RELEASE,
    "sizes": {name: getSizeOf(name) for name in (
        "struct task_struct", "struct page", "void *", "pid_t", "enum pid_type", "struct nosuch",
        "unsigned long", "gfp_t", "union thread_union", "struct sk_buff",
    )},
    "offsets": [member_offset("struct task_struct", name) for name in (
        "tasks", "comm", "thread.sp", "se.vruntime", "nosuch", "mm.pgd",
    )],
    "member_sizes": [member_size("struct task_struct", name) for name in (
        "comm", "tasks", "cpus_mask", "nosuch",
    )],
    "page_members": sorted((name, info.offset) for name, info in page.items()),
    "init": [str(init.comm), init.pid, init.prio, int(init.tasks.next), int(init.parent)],
    "tasks": [[t.pid, str(t.comm), int(t), t.real_parent.pid, bool(t.mm)] for t in tasks],
    "modules": [[str(m.name), int(m), int(m.state), repr(m.state), m.taints] for m in modules],
    "list_head": [int(m) for m in ListHead(sym2addr("modules"), "struct module").list],
    "container": int(container_of(first.list, "struct module", "list")),
    "state_name": EnumInfo("enum module_state").getnam(2),
    "enumerator": [enumerator_value("PIDTYPE_SID"), enumerator_value("NO_SUCH_ENUMERATOR")],
    "refcount": atomic_t(first.refcnt),
    "bits": [first.mkobj.kobj.state_initialized, first.mkobj.kobj.state_in_sysfs],
    "symbol": [addr2sym(sym2addr("panic")), addr2sym(sym2addr("panic") + 3, 1), addr2mod(int(first))],
    "exists": [symbol_exists("panic"), symbol_exists("no_such_symbol"), struct_exists("struct nosuch")],
    "whatis": [whatis("modules").ti.stype, whatis("jiffies_64").size, funcargs("panic")],
    "array": [str(x) for x in readSymbol("init_uts_ns").name.release.split(".")[:2]],
    "percpu": len(readSymbol("__per_cpu_offset")),
    "pointer": str(readSymbol("saved_command_line")),
    "pids": [pid1, task_to_pid(pid1), pid_to_task(999999), task_to_pid(0x1000)],
    "fd_array": [bool(f) for f in files.fd_array[:4]],
    "open_files": files.fdt.max_fds,
    "log": "BUG:" in exec_crash_command("log"),
    "background": len(exec_crash_command_bg("sys").splitlines()) > 5,
    "bad_command": "",
    "null": "",
    "unreadable": "",
}  # fmt: skip
try:
    exec_crash_command("no_such_command_at_all")
except crash.error as error:
    answer["bad_command"] = type(error).__name__
try:
    readSU("struct list_head", 0).next
except IndexError:
    answer["null"] = "IndexError"
try:
    readU64(0xFFFF000000000000)
except crash.error:
    answer["unreadable"] = "crash.error"
print("ANSWER " + json.dumps(answer))
