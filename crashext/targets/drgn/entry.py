# SPDX-License-Identifier: GPL-2.0-or-later
"""What led into the kernel: a system call and its arguments, a work item, a timer, an irq."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

import drgn
from drgn import Object, Program

from crashext.engine.model import Check, Finding
from crashext.engine.report import Report
from crashext.kernel.findings import Look
from crashext.targets.base import ExceptionFrame
from crashext.targets.drgn import variables
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.session import Session
from crashext.targets.drgn.symbols import Symbols

#: Frames looked through.
MAX_FRAMES = 64

_SYSCALL = re.compile(r"^(?:__(?:x64|ia32|arm64|x32|se)_)?(?:compat_)?[sS]y[sS]_(\w+)$")


def find(
    session: Session, report: Optional[Report], frame: Optional[ExceptionFrame]
) -> Iterator[Finding]:
    """The entry that the crashed path came through; the first found from the inside out."""
    call = session.arch.system_call
    seen: set[str] = set()
    steps = list(session.trace(report, frame))
    if len(steps) > MAX_FRAMES:  # a recursion: both ends matter
        steps = steps[: MAX_FRAMES // 2] + steps[-MAX_FRAMES // 2 :]
    for step, outer in zip(steps, steps[1:]):
        name = step.function_name
        if name is None:
            continue
        if call is not None and name in call.functions:
            found = _system_call(session, step, outer)
        else:
            found = _of_frame(session, step, name)
        if found is not None and found.topic not in seen:
            seen.add(found.topic)
            yield found


def _of_frame(session: Session, step: drgn.StackFrame, name: str) -> Optional[Finding]:
    if name == "process_one_work":
        return _work(session.symbols, step)
    if name == "call_timer_fn":
        return _timer(session.symbols, step)
    if name in ("__run_hrtimer", "__hrtimer_run_queues"):
        return _hrtimer(session.symbols, step)
    if name in ("__handle_irq_event_percpu", "handle_irq_event_percpu"):
        return _interrupt(session.symbols, step)
    if name == "kthread":
        return _kthread(session.symbols, step)
    return None


def _saved(
    session: Session, step: drgn.StackFrame, entry: drgn.StackFrame
) -> Optional[tuple[Object, int, list[int]]]:
    """The user's registers, the number of the system call and the argument registers.

    arm64's functions have a parameter ``regs`` that the compiler may have dropped. x86's assembler
    entry calls do_syscall_64() with ``pt_regs`` at its stack pointer; from the stack's end their
    place cannot be computed: with FRED there is padding above them.
    """
    call = session.arch.system_call
    if call is None:
        return None
    if session.arch.registers.link is None:
        registers = Object(session.prog, session.prog.type("struct pt_regs"), address=entry.sp)
        if int(registers.cs.value_()) & 3 != 3:
            return None
    else:
        pointer = step["regs"]
        if pointer.absent_:
            return None
        registers = pointer[0]
    raw = [_register(registers, member) for member in call.arguments]
    return registers, _register(registers, call.number), raw


def _register(registers: Object, member: str) -> int:
    """``regs[3]`` or ``orig_ax`` of a ``struct pt_regs``."""
    name, _, index = member.partition("[")
    found = registers.member_(name)
    return int((found[int(index.rstrip("]"))] if index else found).value_())


def _system_call(
    session: Session, step: drgn.StackFrame, entry: drgn.StackFrame
) -> Optional[Finding]:
    """The system call by its number, with its arguments as they were when the task entered.

    The compiler often leaves no frame of the call's own function.
    """
    prog = session.prog
    saved = _saved(session, step, entry)
    name = system_call_name(prog, saved[1]) if saved is not None else None
    if saved is None or name is None:
        return None
    registers, _, raw = saved
    types = _parameter_types(prog, name)
    parts = []
    for value, (parameter, type_) in zip(raw, types or []):
        size = drgn.sizeof(type_)
        parts.append(f"{parameter} = {_number(value & (1 << 8 * size) - 1, size)}")
    detail = []
    if types is None:
        parts = [_number(value, 8) for value in raw]
        detail.append("how many arguments it takes is not known: all six registers are shown")
    return Finding(
        "syscall",
        f"system call {name}({', '.join(parts)})",
        detail,
        Check(crash="bt", drgn=f"Object(prog, 'struct pt_regs', address={registers.address_:#x})"),
    )


def system_call_name(prog: Program, number: int) -> Optional[str]:
    """``write`` for 1: by the name of the function in the kernel's table of system calls.

    Bit 30 marks an x32 call (__X32_SYSCALL_BIT), which uses the same table.
    """
    number &= ~0x40000000
    table = prog["sys_call_table"]
    if not 0 <= number < (table.type_.length or 1024):
        return None
    try:
        symbol = prog.symbol(int(table[number].value_())).name
    except NO_ANSWER:
        return None
    match = _SYSCALL.match(symbol)
    return match.group(1) if match else None


def _number(value: int, size: int) -> str:
    if size < 8 and value >> (8 * size - 1):
        return str(value - (1 << 8 * size))
    return f"{value:#x}" if value > 4095 else str(value)


def _parameter_types(prog: Program, name: str) -> Optional[list[tuple[str, drgn.Type]]]:
    """(name, type) of the call's parameters; None when the debug info has no such function."""
    for prefix in ("__do_sys_", "__se_sys_", "SYSC_", "ksys_", "sys_"):
        try:
            found = prog.function(prefix + name)
            return [(p.name or "?", p.type) for p in found.type_.parameters]
        except NO_ANSWER:
            continue
    return None


def _named(symbols: Symbols, address: int) -> str:
    from crashext.errors import Unknown

    try:
        symbol = symbols.symbol(address)
    except Unknown:
        return f"{address:#x}"
    text = symbol.name + (f"+{symbol.offset:#x}" if symbol.offset else "")
    return f"{text} [{symbol.module}]" if symbol.module else text


def _work(symbols: Symbols, step: drgn.StackFrame) -> Finding:
    """The work item's function as the worker keeps it: the item itself may be freed by then."""
    worker = step["worker"]
    work = int(step["work"].value_()) if not step["work"].absent_ else 0
    function = int(worker.current_func.value_())
    text = f"work item {_named(symbols, function)}"
    detail = [f"struct work_struct at {work:#x}"] if work else []
    try:
        queue = worker.current_pwq.wq.name.string_().decode(errors="replace")
        text += f" of workqueue {variables.quoted(queue)}"
    except NO_ANSWER:
        pass
    pid = int(worker.task.pid.value_())
    return Finding("work", text, detail, Check(crash=f"bt {pid}", drgn=f"stack_trace({pid})"))


def _timer(symbols: Symbols, step: drgn.StackFrame) -> Finding:
    timer, function = step["timer"], step["fn"]
    if function.absent_:
        function = timer.function
    address = "" if timer.absent_ else f" of struct timer_list at {int(timer.value_()):#x}"
    text = f"timer function {_named(symbols, int(function.value_()))}{address}"
    return Finding("timer", text)


def _hrtimer(symbols: Symbols, step: drgn.StackFrame) -> Finding:
    timer = step["timer"]
    function = int(timer.function.value_())
    where = int(timer.value_())
    text = f"hrtimer function {_named(symbols, function)} of struct hrtimer at {where:#x}"
    return Finding("timer", text)


def _interrupt(symbols: Symbols, step: drgn.StackFrame) -> Finding:
    action = step["action"] if "action" in step else step["desc"].action
    if action.absent_:
        action = step["desc"].action
    name = action.name.string_().decode(errors="replace")
    handler = _named(symbols, int(action.handler.value_()))
    return Finding(
        "irq",
        f"interrupt {int(action.irq.value_())} ({variables.quoted(name)}), handler {handler}",
    )


def _kthread(symbols: Symbols, step: drgn.StackFrame) -> Optional[Finding]:
    name = _named(symbols, int(step["threadfn"].value_()))
    if name == "worker_thread":
        return None  # every work item runs there
    return Finding("kthread", f"kernel thread function {name}")


LOOK: Look[Session] = Look(
    ("syscall", "work", "timer", "irq", "kthread"), frozenset({"unwinding"}), find
)
