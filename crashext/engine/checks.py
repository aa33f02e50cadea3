# SPDX-License-Identifier: GPL-2.0-or-later
"""How a person asks one question by hand: the command for each debugger, in one place.

A claim takes its commands from here, so that a debugger that is added is added here. Sources:
crash's help pages (``help sym``, ``dis``, ``rd``, ``log``, ``struct``), drgn's API reference, and
"Debugging with GDB" (``info symbol``, ``disassemble /s``, ``x``, ``print``); ``lx-dmesg`` is of the
kernel's own scripts/gdb. Addresses are virtual.
"""

from __future__ import annotations

from crashext.engine.model import Check


def symbol(address: int) -> Check:
    """Which function or variable an address lies in."""
    return Check(f"sym {address:x}", f"prog.symbol(0x{address:x})", f"info symbol 0x{address:x}")


def source_line(address: int) -> Check:
    """The source line of an instruction."""
    return Check(
        f"dis -s {address:x}", f"prog.source_location(0x{address:x})", f"list *0x{address:x}"
    )


def instruction(address: int) -> Check:
    """The instruction at an address; 15 bytes are the longest that x86 has."""
    return Check(f"dis {address:x}", f"prog.read(0x{address:x}, 15).hex()", f"x/i 0x{address:x}")


def memory(address: int, size: int) -> Check:
    """``size`` bytes of memory."""
    return Check(
        f"rd -8 {address:x} {size}",
        f"prog.read(0x{address:x}, {size}).hex()",
        f"x/{size}xb 0x{address:x}",
    )


def structure(name: str, address: int) -> Check:
    """A structure (``name`` without the word struct) at an address."""
    return Check(
        f"struct {name} {address:x}",
        f"Object(prog, 'struct {name}', address=0x{address:x})",
        f"print *(struct {name} *)0x{address:x}",
    )


def log() -> Check:
    """The kernel's log."""
    return Check("log", "print(get_dmesg(prog).decode())", "lx-dmesg")
