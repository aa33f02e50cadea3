# SPDX-License-Identifier: GPL-2.0-or-later
"""The kind of a crash, decided in one place.

In this order; a later step makes the word of an earlier one more exact, it never guesses:

1. **the lines** (:func:`joined`, :func:`noted`, :func:`panicked`): the row of the header names a
   kind; a die() header, a check's message or a panic that belong to the same report may rename it;
2. **the whole report** (:func:`of_report`): the place of a BUG() or WARN() (:func:`site_of`), the
   error code of a page fault;
3. **the fault** (:func:`of_fault`), for kinds that the lines tell only roughly: trap, address,
   pointer and error code.

What a place can mean when it does not tell is in :attr:`Site.readings`: then no reading is chosen,
and the answer names them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from re import Pattern, compile
from typing import Callable, NamedTuple, Optional

from crashext.engine import kinds, values
from crashext.engine.arch.names import Trap
from crashext.engine.blame.names import normalise
from crashext.engine.kinds import Kind, registry
from crashext.engine.kinds.family import Header, Note, Role, Site
from crashext.engine.report import Report

# ---------------------------------------------------------------- 1. the lines


def joined(known: Kind, header: Header) -> Kind:
    """The kind of a report of kind ``known`` to which a further header line belongs."""
    if header.role is Role.DIE:
        return header.kind if known == kinds.UNKNOWN or header.certain else known
    if header.role is Role.ONGOING:
        return known if registry.info(known).precise else header.kind
    return known


def noted(known: Kind, note: Note) -> Kind:
    """The kind of a report to which a check's message belongs."""
    return note.kind or known


def panicked(known: Kind) -> Kind:
    """The kind of a report that a panic ends."""
    return registry.info(known).panicked or known


# ---------------------------------------------------------------- 2. the whole report

#: Kinds of reports whose place may tell more.
_OF_A_PLACE = frozenset((kinds.BUG, kinds.WARNING))
#: The bits PROT and WRITE of a page fault's error code, INSTR, and those that must not be set:
#: USER, RSVD and PK (arch/x86/include/asm/trap_pf.h).
_PROT, _WRITE, _INSTR, _NOT_OURS = 0x01, 0x02, 0x10, 0x2C


def of_report(report: Report) -> Kind:
    """The kind that a whole report tells, from its own lines."""
    if report.kind in _OF_A_PLACE:
        found = site_of(report)
        return found.kind if found is not None else report.kind
    if report.kind == kinds.BAD_POINTER and report.trap == "#PF" and report.addresses:
        return _of_error_code(report.error_code or 0, report.addresses[0].value) or report.kind
    return report.kind


def _of_error_code(code: int, address: int) -> Optional[Kind]:
    if not code & _PROT or code & _NOT_OURS:
        return None
    if address < 1 << 47:
        return kinds.USER_MEMORY_ACCESS
    if code & _WRITE:
        return kinds.WRITE_TO_READ_ONLY
    return kinds.NX_EXEC if code & _INSTR else None


def site_of(report: Report) -> Optional[Site]:
    """What the place of a report's BUG() or WARN() means, or None for an ordinary place."""
    function = report.rip.name if report.rip is not None else None
    found = site(report.bug_file, function, fatal=report.fatal)
    if found is not None and found.same_pointer is not None:
        pointer = _in_three_registers(report.registers)
        if pointer is not None:
            kind, why = found.same_pointer
            why = f"{why}: three registers hold 0x{pointer:x}, object and head of the list are one"
            return Site(found.file, kind, why, found.function)
    return found


def _in_three_registers(registers: Mapping[str, int]) -> Optional[int]:
    """The kernel pointer that at least three registers hold, or None."""
    counts = Counter(value for value in registers.values() if value >> 63)
    value, count = counts.most_common(1)[0] if counts else (0, 0)
    return value if count >= 3 else None


@cache
def _expression(pattern: str) -> Pattern[str]:
    return compile(pattern)


def site(file: Optional[str], function: Optional[str], *, fatal: bool = True) -> Optional[Site]:
    """What a BUG() (``fatal``) or WARN() at ``file`` in ``function`` means, or None.

    ``file`` as the report prints it (any leading directories); ``function`` with any suffixes.
    """
    name = normalise(function) if function else ""
    for row in registry.SITES:
        if row.bug_only and not fatal:
            continue
        if row.file and file != row.file and not (file or "").endswith("/" + row.file):
            continue
        if not row.function or _expression(row.function).fullmatch(name):
            return row
    return None


# ---------------------------------------------------------------- 3. the fault


class Fault(NamedTuple):
    """What is known of the fault when the kind is decided."""

    trap: Optional[Trap] = None
    #: The address, and the pointer from which the instruction made it where that is known.
    address: Optional[int] = None
    base: Optional[int] = None
    access: Optional[str] = None
    #: The page is there, its protection forbade the access.
    protection: bool = False
    #: The instruction at RIP is the ud2 (or its like) of a BUG().
    is_bug: bool = False
    #: An int3 in module space where no module is.
    is_freed_code: bool = False


class Decision(NamedTuple):
    kind: Kind
    #: One sentence where an address or pointer decided, else None.
    why: Optional[str] = None


def of_fault(
    first: Optional[Kind],
    fault: Fault,
    layout: Optional[values.AddressLayout] = None,
    read: Optional[Callable[[int], values.Classification]] = None,
) -> Decision:
    """The kind, where ``first`` is what the lines say (None: there are none).

    ``read`` reads an address with all that the case knows (:func:`reading.read_fault`); without it
    address, pointer and error code alone decide.
    """
    if first is not None and not registry.info(first).rough:
        return Decision(first)
    if fault.trap == "#DE":
        return Decision(kinds.DIVIDE_ERROR)
    if fault.trap == "#BP" and fault.is_freed_code:
        return Decision(kinds.BAD_POINTER)
    if fault.trap == "#UD":
        return Decision(kinds.BUG if fault.is_bug else kinds.INVALID_OPCODE)
    if fault.trap not in ("#PF", "#GP", "#SS", None) or fault.address is None:
        general: Kind = kinds.GENERAL_PROTECTION if fault.trap == "#GP" else kinds.UNKNOWN
        return Decision(first or general)
    original = values.kasan_original(fault.address, layout)
    if read is not None:
        found = read(fault.address if original is None else original)
        return Decision(found.kind, found.why)
    found = values.classify(
        fault.address if original is None else original,
        base=fault.base if original is None else None,
        layout=layout,
        access=fault.access,
        protection=fault.protection,
        trap=fault.trap,
    )
    return Decision(found.kind, found.why)
