# SPDX-License-Identifier: GPL-2.0-or-later
"""The call path from the exception on, unwound by drgn from ``pt_regs`` in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Optional

import drgn
from drgn import Object, Program, sizeof

from crashext.engine.arch import ptregs
from crashext.engine.arch.ptregs import Stack
from crashext.engine.model import SourceLocation, StackFrame
from crashext.engine.report import LogFrame
from crashext.errors import Unknown
from crashext.targets.drgn.architecture import of_program
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.symbols import KERNEL_HALF, Symbols

#: Frames shown of one stack: the first and the last so many (a stack overflow has hundreds).
FIRST_FRAMES = 48
LAST_FRAMES = 16

#: Where a kernel stack begins. A trace that ends elsewhere lost its way.
ROOTS = (
    "ret_from_fork",
    "entry_",
    "asm_",
    "secondary_startup",
    "x86_64_start_kernel",
    "start_kernel",
    "rewind_stack_",
    "kernel_thread_helper",
)


def pt_regs(prog: Program, registers: Mapping[str, int]) -> Object:
    """The registers as a ``struct pt_regs`` object, for unwinding from them."""
    arch = of_program(prog)
    data = ptregs.pack(registers, arch)
    type_ = prog.type("struct pt_regs")
    size = sizeof(type_)
    if size < len(data) or (arch.registers.pt_regs_whole and size != len(data)):
        raise Unknown(f"struct pt_regs has {size} bytes here, {len(data)} are known")
    return Object.from_bytes_(prog, type_, data.ljust(size, b"\0"))


def unwind(prog: Program, symbols: Symbols, registers: Mapping[str, int]) -> drgn.StackTrace:
    """drgn's trace from interrupted registers.

    A call through a bad pointer leaves RIP outside of any code, and the return address of that
    call at the stack pointer; the trace then begins at the caller.
    """
    names = of_program(prog).registers
    pc, sp = registers[names.pc], registers[names.sp]
    start = dict(registers)
    if not symbols.is_code(pc):
        if names.link is not None:
            raise Unknown(f"{names.pc.upper()} {pc:#x} is no code")
        try:
            caller = prog.read_u64(sp)
        except drgn.FaultError:
            raise Unknown(f"RIP {pc:#x} is no code and the stack at {sp:#x} is unreadable") from (
                None
            )
        if not symbols.is_code(caller):
            raise Unknown(f"RIP {pc:#x} is no code and no caller is at the stack pointer {sp:#x}")
        # The word after the call: one byte back, so that it is looked up inside the call.
        start.update({names.pc: caller - 1, names.sp: sp + 8})
    preload(prog, symbols, start)
    return prog.stack_trace(pt_regs(prog, start))


def preload(prog: Program, symbols: Symbols, registers: Mapping[str, int]) -> None:
    """Brings in the debug info of modules that the stack can lead through.

    drgn unwinds with the modules it knows; so each word of the stack that points into a module
    makes that module known first. A word in the module area costs one tree look-up a page.
    """
    arch = of_program(prog)
    symbols.module_name(registers[arch.registers.pc])
    sp = registers[arch.registers.sp]
    try:
        size = 16384
        data = prog.read(sp, size - sp % size)
    except drgn.FaultError:
        return
    for offset in range(0, len(data) - 7, 8):
        word = int.from_bytes(data[offset : offset + 8], "little")
        if word >= arch.lowest_module and not symbols.in_kernel_image(word):
            symbols.module_name(word)


def frames(symbols: Symbols, trace: Sequence[drgn.StackFrame]) -> list[StackFrame]:
    """The trace as the engine knows it, bounded; frames after a user-mode return are left out.

    A frame whose pc is no code is kept once, as not reliable, and ends the list: past it a wrong
    vmlinux or a smashed stack yields noise (drgn goes on for a thousand frames of 0x0).
    """
    result: list[StackFrame] = []
    total = len(trace)
    index = 0
    while index < total:
        frame = trace[index]
        if total > FIRST_FRAMES + LAST_FRAMES and index == FIRST_FRAMES:
            skipped = total - FIRST_FRAMES - LAST_FRAMES
            result[-1].omitted = skipped
            index += skipped
            continue
        index += 1
        pc = _pc(frame)
        if pc is None:
            break
        if pc < KERNEL_HALF and index > 1:
            if pc < 4096:
                result.append(StackFrame(address=pc, reliable=False))
            break
        if not symbols.is_code(pc):
            result.append(StackFrame(address=pc, reliable=False))
            break
        result.append(_frame(symbols, frame, pc))
    return result


def as_callers(found: list[StackFrame]) -> list[StackFrame]:
    """Frames of a trace that :func:`unwind` began one byte inside a call: back behind it."""
    pc = found[0].address if found else None
    for frame in found:
        if frame.address != pc or pc is None:
            break
        frame.address = pc + 1
        frame.offset = frame.offset + 1 if frame.offset is not None else None
    return found


def _pc(frame: drgn.StackFrame) -> Optional[int]:
    try:
        return int(frame.pc)
    except LookupError:
        return None


def _frame(symbols: Symbols, frame: drgn.StackFrame, pc: int) -> StackFrame:
    result = StackFrame(address=pc, inlined=frame.is_inline)
    result.module = symbols.module_name(pc)
    if frame.is_inline:
        result.function = frame.name
    else:
        back = 0 if frame.interrupted else 1
        try:
            symbol = symbols.symbol(pc - back)
            result.function, result.size = symbol.name, symbol.size
            result.offset = symbol.offset + back
        except Unknown:
            result.function = frame.function_name
    try:
        location = frame.source()
        result.file, result.line = location.filename or None, location.line or None
    except NO_ANSWER:
        pass
    return result


def after_panic(found: list[StackFrame]) -> list[StackFrame]:
    """From panic() on down; the whole path when panic() is not in it."""
    for index, frame in enumerate(found):
        if frame.function in ("panic", "vpanic"):
            return found[index:]
    return found


#: ``call rel32``
_CALL = 0xE8
_CALL_SIZE = 5


def from_panic(prog: Program, area: Stack) -> Optional[dict[str, int]]:
    """Registers that resume the path at the caller of panic(), where none were saved.

    panic() itself realigns its stack, so its frame cannot be unwound from a stack pointer alone;
    its caller's can: the return address of the ``call panic`` lies on the stack, once where the
    call put it and once more, deeper, where the realigning prologue copied it, right above the
    caller's frame pointer. The other registers are not known. The pc lies inside the call.
    """
    entries = set()
    for name in ("panic", "vpanic"):
        try:
            entries.add(prog.symbol(name).address)
        except LookupError:
            continue
    calls: dict[int, list[int]] = {}  # return address → where it lies, deepest first
    for index, word in enumerate(area.words):
        if word >= KERNEL_HALF and (word in calls or _calls(prog, word, entries)):
            calls.setdefault(word, []).append(index)
    for word, places in calls.items():
        registers = of_program(prog).inside_call(
            word, area.base + 8 * (places[-1] + 1), area.words[places[0] - 1]
        )
        names = [frame.name for frame in prog.stack_trace(pt_regs(prog, registers))]
        if any(name.startswith(ROOTS) for name in names):
            return registers
    return None


def _calls(prog: Program, address: int, entries: Collection[int]) -> bool:
    """Whether the instruction before an address calls one of the entries."""
    try:
        code = prog.read(address - _CALL_SIZE, _CALL_SIZE)
    except drgn.FaultError:
        return False
    target = address + int.from_bytes(code[1:], "little", signed=True)
    return code[0] == _CALL and target in entries


def from_log(symbols: Symbols, logged: Sequence[LogFrame]) -> list[StackFrame]:
    """The log's frames with the lines that the debug info has for them.

    For a report that the kernel survived: memory no longer holds that stack. The log prints
    return addresses; inlined functions become frames of their own, as in an unwound stack.
    """
    result: list[StackFrame] = []
    for entry in logged[: FIRST_FRAMES + LAST_FRAMES]:
        frame = entry.shown()
        chain: list[SourceLocation] = []
        if entry.name is not None and entry.offset is not None:
            start = symbols.logged(entry.name, entry.size, entry.module)
            if start is not None:
                frame.address = start + entry.offset
                try:
                    chain = symbols.source(frame.address, True)
                except Unknown:
                    pass
        if chain:
            frame.file, frame.line = chain[-1].file, chain[-1].line
        for level in chain[:-1]:
            result.append(
                StackFrame(
                    level.function,
                    module=entry.module,
                    file=level.file,
                    line=level.line,
                    reliable=entry.reliable,
                    inlined=True,
                    address=frame.address,
                )
            )
        result.append(frame)
    return result
