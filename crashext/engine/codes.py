# SPDX-License-Identifier: GPL-2.0-or-later
"""A code typed by hand: an error code, a trap, a taint, an error number, a value, explained.

Input that can be read in several ways gets every reading, the likeliest first; the caller shows
them all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Optional

from crashext.engine import errno, exitcode, taint, values
from crashext.engine.arch.arm64 import esr
from crashext.engine.arch.x86 import pagefault, traps
from crashext.engine.model import ErrorCode, Taint
from crashext.errors import UsageError


@dataclass
class Reading:
    """One way to read what was typed. ``lines`` are for display; ``value`` is the number, if any.

    ``kind``: "page-fault", "selector", "trap", "taint", "errno", "value", "esr", "exit-code".
    """

    kind: str
    title: str
    lines: list[str] = field(default_factory=list)
    value: Optional[int] = None
    error_code: Optional[ErrorCode] = None


#: Codes above this are no page-fault error code (bit 31 is the highest defined).
_MAX_ERROR_CODE = 0xFFFF_FFFF

#: Larger numbers are no taint masks: 20 bits are defined, more come slowly.
_MAX_TAINT = 0xFF_FFFF

_HOW = (
    "type an error code (0x0002), a trap (#GP, 14), taint letters (POE), a mask (--taint 12289), "
    "an error number (ENOENT, -2) or a value (0xdead000000000122)"
)


#: Characters of a code: a whole line of a log fits.
_MAX_WORDS = 1000


def explain_code(words: str, *, kind: Optional[str] = None) -> list[Reading]:
    """Every reading of ``words``, the likeliest first.

    ``words``: ``0x0002``, ``0002``, ``14``, ``#GP``, ``page fault``, ``P O E``, ``Tainted: G OE``,
    ``12289``, ``ENOENT``, ``-2``, a 64-bit value, or a line of a log with a code in it
    (``Oops: 0002 [#1] SMP``, ``#PF: error_code(0x0010)``, ``exitcode=0x0000000b``). ``kind``
    (a word of Reading.kind) keeps only that reading. Raises UsageError when nothing is understood.
    """
    text = " ".join(words.split())
    if not text:
        raise UsageError(f"no code given; {_HOW}")
    if len(text) > _MAX_WORDS:
        raise UsageError(f"{text[:40]!r}… ({len(text)} characters) is too long for a code; {_HOW}")
    readings = _readings(text, kind)
    if kind is not None:
        readings = [reading for reading in readings if reading.kind == kind]
    if not readings:
        as_kind = f" as {kind}" if kind else ""
        raise UsageError(f"{text!r} is not understood{as_kind}; {_HOW}")
    return readings


def _readings(text: str, kind: Optional[str]) -> list[Reading]:
    number = _number(text)
    if number is not None:
        return _number_readings(text, number, kind)
    pasted = _pasted(text)
    if pasted is not None:
        return [pasted]
    readings = _trap_with_code(text)
    if readings:
        return readings
    trap = traps.trap_by_mnemonic(text) if " " not in text else None
    trap = trap or traps.trap_by_die_string(text)
    if trap is not None:
        readings.append(_trap(trap))
    entry = errno.BY_NAME.get(text.upper().lstrip("-"))
    if entry is not None:
        readings.append(_errno(entry))
    letters = _taint_letters(text) if entry is None else None
    if letters is not None:
        readings.append(_taint(taint.explain(letters), taint.to_mask(letters)))
    return readings


def _pasted(text: str) -> Optional[Reading]:
    """A piece of a line of a log that holds one code, or None."""
    if match := re.search(r"error_code\(0x([0-9a-fA-F]{1,16})\)", text):
        return _page_fault(int(match.group(1), 16))
    if match := re.search(r"exitcode=(0x[0-9a-fA-F]{1,16})\b", text):
        number = int(match.group(1), 16)
        return Reading(
            "exit-code", f"exit code 0x{number:08x}", [exitcode.describe_exit_code(number)], number
        )
    if match := re.search(r"Internal error: .{0,60}?: ([0-9a-fA-F]{8,16})\b", text):
        return _esr(int(match.group(1), 16))
    trap = traps.trap_by_die_string(text)
    match = re.search(r": ([0-9a-fA-F]{4})(?: \[#|$)", text)
    if trap is not None and match is not None:
        return _of_trap(trap, int(match.group(1), 16))
    return None


def _trap_with_code(text: str) -> list[Reading]:
    """``#GP 0x18``, ``#PF 2``: a trap with its error code."""
    match = re.fullmatch(r"(#?[A-Za-z]{2}) (0[xX][0-9a-fA-F]{1,16}|[0-9a-fA-F]{1,16})", text)
    trap = traps.trap_by_mnemonic(match.group(1)) if match else None
    if match is None or trap is None:
        return []
    return [_of_trap(trap, int(match.group(2), 16))]


def _of_trap(trap: traps.Trap, number: int) -> Reading:
    """A trap with its error code."""
    if not trap.has_error_code:
        return _trap(trap)
    if trap.mnemonic == "#PF":
        return _page_fault(number)
    code = traps.explain_trap_error(trap.mnemonic, number)
    title = f"{trap.mnemonic} ({trap.name}) with error code 0x{number:04x}"
    lines = [code.meaning, *_bit_lines(code), trap.meaning]
    return Reading("selector", title, lines, number, code)


def _number(text: str) -> Optional[int]:
    """A number as people type it: 0x…, bare hexadecimal of 3 digits or more with letters or
    leading zeros (as ``Oops: 0002`` prints it), decimal, negative."""
    if re.fullmatch(r"-?0[xX][0-9a-fA-F]+", text):
        return int(text, 16)
    if re.fullmatch(r"-?[0-9]+", text):
        # "0002", "0010", "0011" are what the Oops line prints, and 96000004 what arm64 prints
        # after "Internal error: Oops:": hexadecimal.
        as_hex = re.fullmatch(r"0[0-9]+", text) or (len(text) == 8 and _esr_like(text))
        return int(text, 16) if as_hex else int(text)
    if re.fullmatch(r"[0-9a-fA-F]{8}|[0-9a-fA-F]{16}|(?=[a-fA-F]*[0-9])[0-9a-fA-F]{4}", text):
        return int(text, 16)
    return None


def _number_readings(text: str, number: int, kind: Optional[str]) -> list[Reading]:
    if kind is not None:
        reading = _as(kind, number)
        return [reading] if reading is not None else []
    return [
        reading
        for reading in (_as(wanted, number) for wanted in _likely(text, number))
        if reading is not None
    ]


def _as(kind: str, number: int) -> Optional[Reading]:
    """``number`` read as one kind, or None where it makes no sense."""
    if kind == "errno":
        entry = errno.by_number(number)
        return _errno(entry) if entry is not None else None
    if kind == "value":
        return _value(number & ((1 << 64) - 1)) if -1 << 63 <= number < 1 << 64 else None
    if number < 0:
        return None
    if kind == "trap":
        trap = traps.trap_by_number(number)
        return _trap(trap) if trap is not None else None
    if kind == "taint":
        return _taint(taint.from_mask(number), number) if number < 1 << 64 else None
    if number > _MAX_ERROR_CODE:
        return None
    if kind == "page-fault":
        return _page_fault(number)
    return _selector(number) if kind == "selector" else _esr(number) if kind == "esr" else None


def _likely(text: str, number: int) -> tuple[str, ...]:
    """The kinds that a number as typed is likely to be of, the likeliest first."""
    if number < 0:
        return ("errno", "value")
    if text == str(number):
        if number < 64:
            return ("trap", "page-fault", "errno")
        return ("taint", "errno") if number <= _MAX_TAINT else ("value",)
    if not number & ~pagefault.KNOWN:
        return ("page-fault",)
    if number <= _MAX_TAINT:
        return ("taint",)
    return ("esr", "value") if _esr_like(text) else ("value",)


def _esr_like(text: str) -> bool:
    """Eight hex digits (16 with a zero upper half) with an arm64 exception class that is used."""
    digits = text.lower().replace("0x", "")
    if not re.fullmatch(r"(?:0{8})?[0-9a-f]{8}", digits):
        return False
    number = int(digits, 16)
    return esr.exception_class(number) in esr.CLASSES and number >> 26 != 0


def _esr(number: int) -> Reading:
    code = esr.explain_esr(number)
    lines = [code.meaning, *_bit_lines(code)]
    return Reading("esr", f"arm64 ESR 0x{number:08x}", lines, number, code)


def _bit_lines(code: ErrorCode) -> list[str]:
    return [
        f"bit {bit.bit:2d}  {bit.name:6s} {'1' if bit.set else '0'}  {bit.meaning}"
        for bit in code.bits
    ]


def _page_fault(number: int) -> Reading:
    code = pagefault.explain_error_code(number)
    return Reading(
        "page-fault",
        f"page-fault error code 0x{number:04x}",
        [code.meaning, *_bit_lines(code)],
        number,
        code,
    )


def _selector(number: int) -> Reading:
    code = traps.explain_selector_error(number)
    return Reading(
        "selector",
        f"error code 0x{number:04x} of #GP, #SS, #NP or #TS",
        [code.meaning, *_bit_lines(code)],
        number,
        code,
    )


def _trap(trap: traps.Trap) -> Reading:
    lines = [trap.meaning]
    if trap.die_string:
        lines.append(f"in a log: {trap.die_string}")
    else:
        lines.append("in a log: not through die(); it has reports of its own")
    lines.append("has an error code" if trap.has_error_code else "has no error code")
    return Reading("trap", f"trap {trap.number}, {trap.mnemonic}: {trap.name}", lines, trap.number)


def _taint(explained: Taint, mask: int) -> Reading:
    lines = []
    for entry in explained.meanings:
        advice = taint.weight(entry.letter)
        lines.append(f"{entry.letter}  {entry.meaning}" + (f" ({advice})" if advice else ""))
    title = f"taint {explained.letters or 'none'}, mask {mask} (0x{mask:x})"
    return Reading("taint", title, lines or ["not tainted"], mask)


def _errno(entry: errno.Errno) -> Reading:
    pointer = (1 << 64) - entry.number
    return Reading(
        "errno",
        f"error number {entry.number}, {entry.name}",
        [entry.meaning, f"as an error pointer, ERR_PTR(-{entry.number}): 0x{pointer:016x}"],
        entry.number,
    )


def _value(number: int) -> Reading:
    lines = [values.describe(number)]
    suggestion = values.classify(number)
    lines.append(f"as a faulting address it suggests {suggestion.kind}: {suggestion.why}")
    return Reading("value", f"value 0x{number:x}", lines, number)


_LETTERS = frozenset(taint.BY_LETTER) | {"G"}


def _taint_letters(text: str) -> Optional[str]:
    """Taint letters, or None when the text holds anything else."""
    if re.match(r"(?i)(not )?tainted", text):
        return text
    letters = text.replace(" ", "").replace(",", "")
    if letters and all(letter in _LETTERS for letter in letters):
        return letters
    return None
