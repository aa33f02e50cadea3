# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a register's value came from, within the straight-line code before RIP.

A log holds 42 bytes before RIP: enough, often, to see the load, the move from an argument register
or the call that produced a bad pointer. What is said holds for control that came straight down;
a jump from elsewhere into the middle is looked for and reported, one from outside the bytes cannot
be seen.
"""

from __future__ import annotations

from typing import Callable, Optional

from crashext.engine.arch import flow
from crashext.engine.arch.code import Decoded, Memory
from crashext.engine.arch.flow import Origin, Step
from crashext.engine.arch.x86.names import ARGUMENTS, CALLER_SAVED, full_name

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")

_LOADS = {"mov", "movabs", "movzx", "movsx", "movsxd"}
_MAX_STEPS = 8
#: Not followed further: the stack pointer changes all the time, and what matters is that it is one.
_FRAME = ("rsp", "esp")


def _argument(name: str) -> Optional[int]:
    return ARGUMENTS.index(name) + 1 if name in ARGUMENTS else None


def is_function_start(run: list[Decoded]) -> bool:
    """Whether a run begins as functions begin: endbr64, the ftrace nop, or a frame set-up."""
    if not run:
        return False
    if run[0].mnemonic in ("endbr64", "endbr32"):
        return True
    # The ftrace site: a 5-byte nop, patched to call __fentry__ while it is traced.
    if run[0].data[:5] == b"\x0f\x1f\x44\x00\x00":
        return True
    return len(run) > 1 and run[0].text == "push %rbp" and run[1].text == "mov %rsp,%rbp"


def _is_fentry(run: list[Decoded], index: int) -> bool:
    """A call at the very start of a function is ftrace's: it preserves every register."""
    if run[index].flow != "call" or run[index].length != 5:
        return False
    return index == 0 or (index == 1 and run[0].mnemonic in ("endbr64", "endbr32"))


def _joins(origin: Origin, code: list[Decoded], low: int, high: int) -> bool:
    """Whether a visible jump lands between ``low`` and ``high`` and skips what set the register.

    A forward jump does when an instruction that took part lies between it and its target; a jump
    back from behind the fault does, because the code behind may set the register anew.
    """
    defined = [step.address for step in origin.steps]
    if origin.call_address is not None:
        defined.append(origin.call_address)
    return any(
        insn.address > high or any(insn.address < address < insn.target for address in defined)
        for insn in flow.jumps_into(code, low, high)
        if insn.target is not None
    )


def trace(
    register: str,
    run: list[Decoded],
    *,
    registers: Optional[dict[str, int]] = None,
    from_function_start: bool = False,
    after: Optional[list[Decoded]] = None,
    fault: Optional[Decoded] = None,
    depth: int = 3,
    symbols: Optional[Callable[[int], Optional[str]]] = None,
) -> Origin:
    """Follow ``register`` (64-bit name) back through ``run``, the instructions before the fault.

    ``from_function_start``: ``run`` begins at the function's entry, so an argument register that
    nothing wrote holds the argument. ``registers`` (at the fault) turn a load into an address.
    ``after`` and ``fault`` are only searched for jumps back into ``run``. ``depth``: how many
    loads to follow, so that ``a->b->c`` leads to ``a``. ``symbols`` names the target of a call.
    """
    origin = Origin(register=register, kind="unknown", text="")
    entry = from_function_start or is_function_start(run)
    current, end = _walk(origin, register, run, entry, registers, symbols)
    high = fault.address if fault is not None else (run[-1].end if run else 0)
    low = run[0].address - 1 if run else 0
    if end is not None:
        low = run[end].address
        if origin.kind == "memory" and origin.memory is not None:
            _follow_base(origin, run[:end], entry, depth, symbols)
    if current in _FRAME:
        origin.kind = "stack"
        origin.text = _chain(origin, f"%{current} points into the function's stack frame")
    elif not origin.text:
        _at_the_edge(origin, current, entry, bool(run))
    code = [*run, *(after or [])]
    if origin.kind != "unknown" and _joins(origin, code, low, high):
        origin.straight = False
        origin.text += "; a jump joins in between, so another path is possible"
    return origin


def _walk(
    origin: Origin,
    current: str,
    run: list[Decoded],
    entry: bool,
    registers: Optional[dict[str, int]],
    symbols: Optional[Callable[[int], Optional[str]]],
) -> tuple[str, Optional[int]]:
    """(the register that was followed last, index of the instruction that ended the search)."""
    index = len(run) - 1
    last: Optional[int] = None
    while index >= 0 and len(origin.steps) < _MAX_STEPS and current not in _FRAME:
        insn = run[index]
        if insn.flow in ("jump", "return", "indirect jump", "exception"):
            origin.text = (
                f"the code before 0x{insn.end:x} does not fall through ({insn.text}): "
                f"%{current} was set on another path"
            )
            return current, index
        if insn.flow in ("call", "indirect call") and not (
            # What a call leaves in rax is its result; before a function's first one it is nothing.
            entry and current != "rax" and _is_fentry(run, index)
        ):
            if current in CALLER_SAVED:
                _from_call(origin, current, insn, symbols)
                return current, index
        else:
            _note_checks(origin, current, run, index)
            if current in insn.maybe_written:
                origin.kind = "computed"
                origin.text = f"%{current} may have been replaced by {insn.text}"
                origin.steps.append(Step(insn.address, insn.text, "conditional"))
                return current, index
            if current in insn.written:
                last = index
                follow = _definition(origin, current, insn, run[index + 1 :], registers)
                if follow is None:
                    return current, index
                current = follow
        index -= 1
    return current, last


def _follow_base(
    origin: Origin,
    run: list[Decoded],
    entry: bool,
    depth: int,
    symbols: Optional[Callable[[int], Optional[str]]],
) -> None:
    """Where the pointer came from through which the value was loaded."""
    memory = origin.memory
    if memory is None or depth <= 1 or memory.base is None or memory.base in _FRAME:
        return
    base = trace(memory.base, run, from_function_start=entry, depth=depth - 1, symbols=symbols)
    if base.kind != "unknown":
        origin.base = base
        origin.text += f"; {base.text}"


def _at_the_edge(origin: Origin, current: str, entry: bool, seen: bool) -> None:
    if entry:
        number = _argument(current)
        if number is not None:
            origin.kind = "argument"
            origin.argument = number
            origin.text = (
                f"%{current} holds what the caller passed ({_ORDINALS[number - 1]} argument)"
            )
        else:
            origin.kind = "caller"
            origin.text = f"%{current} was set by the caller"
    elif not seen:
        origin.text = f"no code before RIP is known: where %{current} was set cannot be seen"
    else:
        origin.text = f"the code shown does not reach back to where %{current} was set"
    origin.text = _chain(origin, origin.text)


def _chain(origin: Origin, end: str) -> str:
    return "; ".join([*(step.text for step in origin.steps), end])


def _from_call(
    origin: Origin,
    current: str,
    insn: Decoded,
    symbols: Optional[Callable[[int], Optional[str]]],
) -> None:
    origin.call_address = insn.address
    origin.call_target = insn.target
    name = symbols(insn.target) if symbols is not None and insn.target is not None else None
    if name:
        what = name.split(" [")[0].replace("+0x0", "") + "()"
    elif insn.target is not None:
        what = f"0x{insn.target:x}"
    elif insn.flow == "indirect call":
        what = f"the function that {insn.text} called"
    else:
        what = "the function called"
    if current == "rax":
        origin.kind = "return-value"
        origin.text = _chain(origin, f"%rax is what {what} returned (call at 0x{insn.address:x})")
    else:
        origin.kind = "unknown"
        origin.text = _chain(
            origin,
            f"%{current} does not survive the call of {what} at 0x{insn.address:x}, "
            "so a path that the bytes do not show set it",
        )


def _note_checks(origin: Origin, current: str, run: list[Decoded], index: int) -> None:
    insn = run[index]
    registers = insn.operand_registers
    if insn.mnemonic == "test" and len(registers) == 2 and set(registers) == {current}:
        if any(later.flow == "branch" for later in run[index + 1 : index + 3]):
            origin.null_checked = True
    elif insn.mnemonic == "cmp" and current in registers and insn.immediate is not None:
        # IS_ERR(): compares with -MAX_ERRNO, 0xfffffffffffff000 or …f001.
        if insn.immediate & 0xFFFF_FFFF_FFFF_FFFF in (0xFFFF_FFFF_FFFF_F000, 0xFFFF_FFFF_FFFF_F001):
            origin.error_checked = True
        elif insn.immediate == 0:
            origin.null_checked = True


def _definition(
    origin: Origin,
    current: str,
    insn: Decoded,
    later: list[Decoded],
    registers: Optional[dict[str, int]],
) -> Optional[str]:
    """Note what ``insn`` does to ``current``; the register to follow on, or None at the end."""
    explicit = insn.explicit_memory()
    if insn.mnemonic == "pop":
        origin.kind = "memory"
        origin.text = _chain(origin, f"%{current} was popped from the stack")
        origin.steps.append(Step(insn.address, insn.text, f"%{current} popped"))
        return None
    if insn.mnemonic in _LOADS and explicit:
        _loaded(origin, current, insn, explicit[0], later, registers)
        return None
    if insn.mnemonic in _LOADS and len(insn.operand_registers) == 2:
        source = insn.operand_registers[1]
        if source:
            full = full_name(source)
            if full == current:  # movslq %esi,%rsi: the same value, widened
                return current
            origin.steps.append(Step(insn.address, insn.text, f"%{current} is a copy of %{full}"))
            return full
        if insn.immediate is not None:
            origin.kind = "constant"
            origin.constant = insn.immediate
            origin.text = _chain(origin, f"%{current} is the constant 0x{insn.immediate:x}")
            origin.steps.append(Step(insn.address, insn.text, "constant"))
            return None
    names = insn.operand_registers
    if insn.mnemonic in ("xor", "sub") and len(names) == 2 and names[0] == names[1] != "":
        origin.kind = "constant"
        origin.constant = 0
        origin.text = _chain(origin, f"the code sets %{current} to 0 ({insn.text})")
        origin.steps.append(Step(insn.address, insn.text, "set to 0"))
        return None
    if insn.mnemonic == "lea":
        return _lea(origin, current, insn)
    if (
        insn.mnemonic in ("add", "sub")
        and insn.immediate is not None
        and len(names) == 2
        and full_name(names[0]) == current
        and not explicit
    ):
        signed = insn.immediate - (1 << 64) if insn.immediate >> 63 else insn.immediate
        origin.offset += signed if insn.mnemonic == "add" else -signed
        origin.steps.append(
            Step(insn.address, insn.text, f"{insn.text} moved %{current} by {_offset(origin)}")
        )
        return current
    origin.kind = "computed"
    origin.text = _chain(origin, f"%{current} was computed by {insn.text}")
    origin.steps.append(Step(insn.address, insn.text, "computed"))
    return None


def _offset(origin: Origin) -> str:
    return f"{'-' if origin.offset < 0 else '+'}0x{abs(origin.offset):x}"


def _lea(origin: Origin, current: str, insn: Decoded) -> Optional[str]:
    operand = insn.address_of
    if operand is not None and operand.rip_relative:
        origin.kind = "constant"
        if operand.rip_known:
            origin.constant = operand.displacement
        origin.text = _chain(origin, f"%{current} is the address {operand.text} (a variable)")
        origin.steps.append(Step(insn.address, insn.text, "address of a variable"))
        return None
    if operand is not None and operand.base is not None and operand.index is None:
        origin.offset += operand.displacement
        sign = "-" if operand.displacement < 0 else "+"
        text = f"%{current} is %{operand.base} {sign} 0x{abs(operand.displacement):x} ({insn.text})"
        origin.steps.append(Step(insn.address, insn.text, text))
        return operand.base
    origin.kind = "computed"
    origin.text = _chain(origin, f"%{current} was computed by {insn.text}")
    origin.steps.append(Step(insn.address, insn.text, "computed"))
    return None


def _loaded(
    origin: Origin,
    current: str,
    insn: Decoded,
    memory: Memory,
    later: list[Decoded],
    registers: Optional[dict[str, int]],
) -> None:
    origin.kind = "memory"
    origin.memory = memory
    origin.spilled = memory.base in (*_FRAME, "rbp", "ebp")
    rewritten = set().union(
        insn.written,
        *(step.written | step.maybe_written for step in later),
        *(CALLER_SAVED for step in later if step.flow in ("call", "indirect call")),
    )
    where = ""
    if registers is not None and not rewritten & set(memory.registers()):
        origin.memory_address = memory.address(registers)
        if origin.memory_address is not None and memory.registers():
            where = f" (0x{origin.memory_address:x})"
    origin.text = _chain(origin, f"%{current} was loaded from {memory.text}{where}")
    origin.steps.append(Step(insn.address, insn.text, f"%{current} loaded from {memory.text}"))
