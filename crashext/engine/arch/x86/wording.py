# SPDX-License-Identifier: GPL-2.0-or-later
"""What the faulting instruction did, in one sentence for a person."""

from __future__ import annotations

from typing import Optional

from crashext.engine.arch.addresses import near_null
from crashext.engine.arch.analysis import Analysis, Words
from crashext.engine.arch.code import Decoded, Memory

_MASK = (1 << 64) - 1

_VERBS = {"read": "read", "write": "wrote", "execute": "executed"}


def sentence(result: Analysis, fault: Decoded, words: Words) -> str:
    chosen = result.operand
    if chosen is None:
        return fault.text
    memory = chosen.memory
    size = memory.size
    count = "" if not size else f" {size} byte{'s' if size != 1 else ''}"
    verb = _VERBS.get(result.access_type or "", "touched")
    where = f"{memory.text}"
    if chosen.role == "function pointer":
        head = f"loaded the function pointer for the {fault.flow.split()[1]} from {where}"
    elif chosen.role == "stack":
        head = f"{verb}{count} on the stack at {where}"
    elif chosen.role:
        head = f"{verb}{count} at its {chosen.role} {where}"
    else:
        head = f"{verb}{count} at {where}"
    return head + _because(result, memory, words)


def _because(result: Analysis, memory: Memory, words: Words) -> str:
    if memory.constant:
        if memory.rip_relative:
            return ": a variable at a fixed place"
        if near_null(memory.displacement):
            address = memory.displacement & _MASK
            shown = f"-0x{(1 << 64) - address:x}" if address >> 63 else f"0x{address:x}"
            return (
                f": the address is the constant {shown if address else 0}, the compiler knew that "
                "the pointer is NULL"
            )
        return ": the address is a constant in the code"
    if result.bad_register is None or result.bad_value is None:
        return ""
    if result.off_stack:
        return (
            f": %{result.bad_register} is 0x{result.bad_value:x}, which is no longer on the stack"
        )
    meaning = words.describe(result.bad_value, pointer=result.bad_register != memory.index)
    text = f": %{result.bad_register} is 0x{result.bad_value:x} ({meaning})"
    if result.other_register is not None:
        text += f", %{result.other_register[0]} is 0x{result.other_register[1]:x}"
    return text


def fetch_sentence(where: Optional[int], error_code: Optional[int], words: Words) -> str:
    if where is None:
        return "a call or jump to an address that the report does not give"
    if where == 0:
        return "a call or jump through a function pointer that is NULL"
    if error_code is not None and error_code & 1:
        state = "which is mapped but not executable"
    else:
        state = "where nothing is mapped"
    return f"a call or jump to 0x{where:x}, {state} ({words.describe(where)})"
