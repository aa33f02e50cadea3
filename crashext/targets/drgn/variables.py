# SPDX-License-Identifier: GPL-2.0-or-later
"""Parameters and locals of the frames that led to the crash, each in one short line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

import drgn
from drgn import Object, Program, Type, TypeKind

from crashext.engine.model import Variable
from crashext.targets.drgn.asking import NO_ANSWER, reason
from crashext.targets.drgn.symbols import KERNEL_HALF, Symbols

#: Bounds: functions (inlined ones included), variables of each, characters of a value.
MAX_FUNCTIONS = 16
MAX_FRAMES = 256
#: Frames of one function that are shown: a recursion says the same a hundred times.
MAX_INSTANCES = 2
MAX_VARIABLES = 24
MAX_VALUE = 96
MAX_STRING = 48
#: A number further below 0 is an address or bits, kept in a signed type (atomic_long_t).
MAX_NEGATIVE = 1 << 32
#: Members shown of a struct that a pointer variable points to.
MAX_MEMBERS = 6

#: Where the path into the kernel begins: the callers further out are glue.
_ENTRY = re.compile(
    r"^(__(x64|ia32|se|do|arm64|do_compat)_(compat_)?sys_\w+|SyS_\w+|process_one_work|kthread|"
    r"do_syscall_64|do_syscall_x64|do_int80_syscall_32|ret_from_fork|entry_\w+|"
    r"(asm_)?sysvec_\w+|(asm_|__)?common_interrupt|asm_exc_\w+)$"
)
#: Entries whose own variables are worth showing (the system call's arguments, the work item).
_SHOWN_ENTRY = re.compile(r"^(__do_sys_\w+|__se_sys_\w+|process_one_work)$")

#: How every sleeping task came to sleep: nothing in there is about this crash.
_SCHEDULER = ("context_switch", "__schedule", "__schedule_loop", "schedule")

#: DWARF names that compilers and macros make up.
_MADE_UP = re.compile(r"^(__UNIQUE_ID|__already_done|pao_ID__|__func__|__ret|__warned|__key)")


def of_trace(prog: Program, symbols: Symbols, trace: drgn.StackTrace) -> list[Variable]:
    """Variables of the frames from the innermost up to the system call or work function."""
    result: list[Variable] = []
    seen: dict[str, int] = {}
    for count, frame in enumerate(trace):
        try:
            name, pc = frame.function_name, frame.pc
        except LookupError:
            break
        if count >= MAX_FRAMES or len(seen) >= MAX_FUNCTIONS or pc < KERNEL_HALF:
            break
        if name is not None:
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > MAX_INSTANCES:
                continue
        entry = name is None or _ENTRY.match(name)
        if name in _SCHEDULER:
            continue
        if name is not None and (not entry or _SHOWN_ENTRY.match(name)):
            result.extend(of_frame(prog, frame, name))
        if entry and (name is None or not _wrapper(name)):
            break
    return result


def _wrapper(name: str) -> bool:
    """An inlined helper below the system call's own function, which is still to come."""
    return False if _SHOWN_ENTRY.match(name) else name.startswith("__se_sys_")


def of_frame(prog: Program, frame: drgn.StackFrame, function: str) -> Iterator[Variable]:
    """Variables of one frame, parameters first, bounded."""
    parameters = parameter_names(prog, frame, function)
    names = [name for name in frame.locals() if not _MADE_UP.match(name)]
    names.sort(key=lambda name: name not in parameters)  # stable: declaration order otherwise
    for name in names[:MAX_VARIABLES]:
        try:
            value = frame[name]
        except NO_ANSWER as error:
            yield Variable(name, "?", None, function, name in parameters, reason(error))
            continue
        if value.type_.kind == TypeKind.FUNCTION:
            continue
        yield describe(name, value, function, name in parameters)


def parameter_names(prog: Program, frame: drgn.StackFrame, function: str) -> list[str]:
    """Names of a function's parameters; empty when its type is not known."""
    try:
        file: Optional[str] = frame.source().filename or None
    except NO_ANSWER:
        file = None
    for where in (file, None):
        try:
            found = prog.function(function, where) if where else prog.function(function)
            return [p.name for p in found.type_.parameters if p.name]
        except NO_ANSWER:
            continue
    return []


def describe(name: str, value: Object, function: Optional[str], parameter: bool) -> Variable:
    """One variable; a dropped one says so, an unreadable one says why."""
    type_ = value.type_.type_name()
    if value.absent_:
        return Variable(name, type_, None, function, parameter, "optimised out")
    try:
        text = brief(value)
    except NO_ANSWER as error:
        return Variable(name, type_, None, function, parameter, reason(error))
    return Variable(name, type_, text, function, parameter)


def brief(value: Object) -> str:
    """A value in at most MAX_VALUE characters, without its type."""
    kind = value.type_.unaliased_kind()
    if kind == TypeKind.POINTER:
        return _cut(_pointer(value))
    if kind in (TypeKind.STRUCT, TypeKind.UNION, TypeKind.CLASS):
        return _cut(_members(value))
    if kind == TypeKind.ARRAY:
        return _cut(_array(value))
    if kind == TypeKind.ENUM:
        return _cut(value.format_(type_name=False))
    if kind == TypeKind.BOOL:
        return "true" if value.value_() else "false"
    if kind == TypeKind.INT:
        return _integer(int(value.value_()))
    return _cut(value.format_(type_name=False))


def _integer(number: int) -> str:
    """Decimal, with hex beside it where a person would want it; hex for a pointer in disguise."""
    if number < -MAX_NEGATIVE:
        return f"{number & (1 << 64) - 1:#x}"
    return f"{number} ({number:#x})" if number > 4095 else str(number)


def _pointer(value: Object) -> str:
    address = int(value.value_())
    if address == 0:
        return "NULL"
    if address >= (1 << 64) - 4095:
        # An error number as a pointer, or NULL minus an offset: which, the verdict says.
        return f"{address:#x} ({address - (1 << 64)})"
    target = value.type_
    while target.kind == TypeKind.TYPEDEF:
        target = target.type
    target = target.type
    kind = target.unaliased_kind()
    text = f"{address:#x}"
    if address < KERNEL_HALF and address >> 47 == 0:
        # A system call's argument, or a bad pointer: nothing of the kernel's lies there.
        return f"{text} (user address)"
    if _is_char(target):
        try:
            return f"{text} {_string(value)}"
        except NO_ANSWER:
            return f"{text} (unreadable)"
    if kind in (TypeKind.INT, TypeKind.BOOL, TypeKind.ENUM):
        try:
            return f"{text} → {brief(value[0])}"
        except NO_ANSWER:
            return f"{text} (unreadable)"
    if kind == TypeKind.FUNCTION:
        return f"{text}{_symbol_suffix(value.prog_, address)}"
    if kind in (TypeKind.STRUCT, TypeKind.UNION) and target.unaliased().is_complete():
        try:
            return f"{text} → {_members(value[0])}"
        except NO_ANSWER:
            return f"{text} (unreadable)"
    return f"{text}{_symbol_suffix(value.prog_, address)}"


def _symbol_suffix(prog: Program, address: int) -> str:
    try:
        symbol = prog.symbol(address)
    except LookupError:
        return ""
    offset = address - symbol.address
    return f" ({symbol.name}+{offset:#x})" if offset else f" ({symbol.name})"


def _string(value: Object) -> str:
    data = value.prog_.read_c_string(int(value.value_()), max_size=MAX_STRING + 1)
    text = data.decode(errors="replace")
    return quoted(text[:MAX_STRING]) + ("…" if len(text) > MAX_STRING else "")


def quoted(text: str) -> str:
    """A C-like string literal, one line, nothing that a terminal could act on."""
    return '"' + text.encode("unicode_escape").decode().replace('"', '\\"') + '"'


def _members(value: Object) -> str:
    """``{.name = "eth0", .flags = 3, …}``: the first scalar members."""
    parts: list[str] = []
    members = value.type_.unaliased().members or ()
    for member in members:
        if len(parts) == MAX_MEMBERS:
            parts.append("…")
            break
        if member.name is None:
            continue
        kind = member.type.unaliased_kind()
        item = value.member_(member.name)
        if kind == TypeKind.ARRAY and _is_char_array(item):
            text = quoted(item.string_()[:MAX_STRING].decode(errors="replace"))
        elif kind == TypeKind.POINTER:
            number = int(item.value_())
            text = f"{number:#x}" if number else "NULL"
        elif kind == TypeKind.INT:
            text = _integer(int(item.value_()))
        elif kind in (TypeKind.ENUM, TypeKind.BOOL):
            text = brief(item)
        elif _counter(item) is not None:
            text = _integer(_counter(item) or 0)
        else:
            continue
        parts.append(f".{member.name} = {text}")
    return "{" + ", ".join(parts) + "}"


def _counter(value: Object) -> Optional[int]:
    """The number in an atomic_t, refcount_t or kref, None for any other type."""
    for path in ("counter", "refs.counter", "refcount.refs.counter"):
        try:
            return int(value.subobject_(path).value_())
        except NO_ANSWER:
            continue
        except (TypeError, SyntaxError):
            continue
    return None


def _is_char(type_: Type) -> bool:
    plain = type_.unaliased()
    return bool(plain.kind == TypeKind.INT and plain.size == 1 and plain.name.endswith("char"))


def _is_char_array(value: Object) -> bool:
    return _is_char(value.type_.unaliased().type)


def _array(value: Object) -> str:
    if _is_char_array(value):
        return quoted(value.string_()[:MAX_STRING].decode(errors="replace"))
    length = value.type_.unaliased().length or 0
    shown = [brief(value[i]) for i in range(min(length, 4))]
    return "{" + ", ".join(shown) + (", …}" if length > 4 else "}")


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…"
