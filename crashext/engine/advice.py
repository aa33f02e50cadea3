# SPDX-License-Identifier: GPL-2.0-or-later
"""What to do next, by kind of crash: a sentence, and where they help the commands for it.

Templates are filled with what the verdict knows ({rip}, {address}, {function}, {module}, {pid},
{culprit}); a step whose names are not known is left out rather than printed half.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from crashext.engine.model import Explanation, NextStep
from crashext.engine.template import fill


class Step(NamedTuple):
    text: str
    crash: Optional[str] = None
    drgn: Optional[str] = None


_READ_FUNCTION = Step(
    "read {function} up to the faulting line: who should have set the pointer, and on which path "
    "is it not set?",
    "dis -s {rip}",
    "prog.source_location({rip})",
)
_OBJECT = Step(
    "ask what lives at the bad address and who frees it",
    "kmem {address}",
    "identify_address({address})",
)
_SLUB_DEBUG = Step(
    "boot with slub_debug=FZPU (or a KASAN kernel) and reproduce: the report then names the "
    "places that allocated and freed the object"
)
_ALL_TASKS = Step(
    "see what every blocked task waits for",
    "foreach UN bt",
    "[t for t in for_each_task(prog) if t.__state.value_() & 2]",
)
_ALL_CPUS = Step(
    "see what the CPUs were doing", "bt -a", "[prog.crashed_thread(), *prog.threads()]"
)
_LOG_BEFORE = Step("read the log just before the crash for the first sign of trouble", "log | tail")

STEPS: dict[str, tuple[Step, ...]] = {
    "null-deref": (_READ_FUNCTION,),
    "err-ptr": (
        Step(
            "the pointer holds an error code: test the function that returned it with IS_ERR() "
            "before use",
            "dis -s {rip}",
            "prog.source_location({rip})",
        ),
    ),
    "bad-pointer": (_READ_FUNCTION, _OBJECT),
    "non-canonical": (
        _READ_FUNCTION,
        Step("the pointer was overwritten or never set: look at the memory it was loaded from"),
        _SLUB_DEBUG,
    ),
    "use-after-free": (
        Step("find who freed the object while {function} still used it: locking or reference"),
        _SLUB_DEBUG,
    ),
    "double-free": (
        Step("find the two paths that free the same object; clear the pointer after kfree()"),
        _SLUB_DEBUG,
    ),
    "slab-corruption": (
        Step("look at the object before the damaged one: its owner wrote past the end"),
        _SLUB_DEBUG,
    ),
    "write-to-read-only": (
        Step(
            "the target is const, __ro_after_init or kernel text: do not write it, or make it "
            "writable data",
            "sym {address}",
            "prog.symbol({address})",
        ),
    ),
    "nx-exec": (
        Step(
            "a function pointer holds a data address: find who stored it",
            "sym {address}",
            "identify_address({address})",
        ),
    ),
    "user-memory-access": (
        Step("use copy_from_user()/copy_to_user() or get_user()/put_user() for user pointers"),
    ),
    "stack-overflow": (
        Step("stop the recursion, or move large locals off the stack (kmalloc)"),
        Step("see how deep and through whom", "bt -f {pid}", "prog.crashed_thread().stack_trace()"),
    ),
    "stack-smash": (
        Step("look for a local array in {culprit} (or what it calls) that is written past its end"),
    ),
    "divide-error": (Step("check the divisor before dividing", "dis -s {rip}"),),
    "invalid-opcode": (_READ_FUNCTION,),
    "general-protection": (_READ_FUNCTION,),
    "double-fault": (Step("look at the stack pointer: was the stack exhausted or overwritten?"),),
    "bug": (
        Step(
            "read the condition of the BUG: it names the broken assumption",
            "dis -s {rip}",
            "prog.source_location({rip})",
        ),
    ),
    "warning": (
        Step(
            "read the condition of the WARN: it names the broken assumption",
            "dis -s {rip}",
            "prog.source_location({rip})",
        ),
    ),
    "panic": (Step("read the caller of panic(): the message is its reason", "bt"), _LOG_BEFORE),
    "init-killed": (
        Step("find out why init (pid 1) died: its signal or exit code is in the panic line"),
        _LOG_BEFORE,
    ),
    "sysrq": (Step("nothing to mend: someone asked for this crash; look who and why"), _ALL_CPUS),
    "soft-lockup": (
        Step("find the loop in {culprit} that neither ends nor calls cond_resched()"),
        _ALL_CPUS,
    ),
    "hard-lockup": (
        Step("find what keeps interrupts off: a spinlock with irqsave, or a loop under it"),
        _ALL_CPUS,
    ),
    "hung-task": (
        Step("follow the lock to its owner: who holds it, and what does the owner wait for?"),
        _ALL_TASKS,
    ),
    "rcu-stall": (
        Step("find the loop or long preempt-off section on the stalled CPU"),
        _ALL_CPUS,
    ),
    "workqueue-stall": (Step("find the work item that blocks its pool"), _ALL_TASKS),
    "oom-panic": (
        Step("see who has the memory: tasks, slab or page cache", "kmem -i", "mem_usage(prog)"),
    ),
    "oom-kill": (
        Step("see who has the memory: tasks, slab or page cache", "kmem -i"),
    ),
    "list-corruption": (
        Step("find who adds or deletes the same entry twice, or frees it while it is on the list"),
        _SLUB_DEBUG,
    ),
    "refcount": (
        Step("find the get or put that is missing or doubled on the object's error paths"),
    ),
    "usercopy": (
        Step("check the length given to copy_to_user()/copy_from_user() against the object"),
    ),
    "fortify": (Step("check the length given to the string function against the buffer's size"),),
    "atomic-sleep": (
        Step("move what sleeps out of the spinlock, RCU or preempt-off section, or use GFP_ATOMIC"),
    ),
    "machine-check": (
        Step("this is hardware: run the vendor's diagnostics; decode the banks with mcelog or "
             "rasdaemon"),
    ),
    "split-lock": (Step("align the locked operand so that it does not cross a cache line"),),
    "kasan": (
        Step("the report names the access, the object and who allocated and freed it: compare"),
    ),
    "kfence": (
        Step("the report names the access, the object and who allocated and freed it: compare"),
    ),
    "kmsan": (Step("initialise the memory at the place that the report calls its origin"),),
    "kcsan": (Step("make both accesses take the lock, or mark them READ_ONCE()/WRITE_ONCE()"),),
    "ubsan": (Step("check the value that the report prints before the operation"),),
    "lockdep": (Step("take the two locks in one order everywhere; the report shows both chains"),),
    "leak": (Step("find the path that loses the last pointer to the object"),),
    "unknown": (_LOG_BEFORE,),
}  # fmt: skip


def next_steps(explanation: Explanation) -> list[NextStep]:
    """The steps for the explanation's kind whose names are all known."""
    names: dict[str, str] = {}
    rip, culprit, access = explanation.rip, explanation.culprit, explanation.access
    if rip is not None and rip.address:
        names["rip"] = f"0x{rip.address:x}"
    if rip is not None and rip.symbol:
        names["function"] = rip.symbol
    if culprit is not None and culprit.function:
        names["culprit"] = culprit.function
        names.setdefault("function", culprit.function)
    if access is not None and access.address is not None:
        names["address"] = f"0x{access.address:x}"
    if explanation.task is not None and explanation.task.pid is not None:
        names["pid"] = str(explanation.task.pid)
    steps: list[NextStep] = []
    for step in STEPS.get(explanation.kind or "unknown", STEPS["unknown"]):
        text = fill(step.text, names)
        if text is not None:
            crash = fill(step.crash, names) if step.crash else None
            drgn = fill(step.drgn, names) if step.drgn else None
            steps.append(NextStep(text, crash, drgn))
    if rip is not None and rip.module:
        steps.append(NextStep(f"look at the module: mods {rip.module}", f"mods {rip.module}", None))
    return steps
