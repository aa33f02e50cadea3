# SPDX-License-Identifier: GPL-2.0-or-later
"""The faulting instruction: what it tried, with which register, and whether that fits the report.

Everything is computed from code bytes and registers; where the result and the reported address
disagree, :class:`Analysis` says so instead of choosing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable, Optional

from crashext.engine.arch.analysis import Analysis, NoWords, Operand, Words
from crashext.engine.arch.code import Decoded
from crashext.engine.arch.x86 import decoder, origin
from crashext.engine.arch.x86.addresses import is_canonical
from crashext.engine.arch.x86.borders import borders_before
from crashext.engine.arch.x86.names import full_name
from crashext.engine.arch.x86.operand import choose_operand, classify, note_cfi, operands_of
from crashext.engine.arch.x86.pagefault import access_type
from crashext.engine.arch.x86.wording import fetch_sentence, sentence
from crashext.engine.model import Instruction
from crashext.errors import Unknown

__all__ = ["Analysis", "Operand", "analyse", "decode_at", "disassemble", "normalise"]


def normalise(registers: Optional[Mapping[str, int]]) -> dict[str, int]:
    """Register names as the decoder has them: lower case, ``r08`` → ``r8``.

    A report prints the bases of fs and gs under the names of the selectors ("GS:ffff8880…"): a
    value that no selector can have becomes ``gs_base``.
    """
    result = {}
    for name, value in (registers or {}).items():
        key = name.lower()
        if len(key) == 3 and key.startswith("r0"):
            key = "r" + key[2]
        result[key] = value
        if key in ("fs", "gs") and value > 0xFFFF:
            result.setdefault(key + "_base", value)
    return result


def decode_at(data: bytes, fault_index: int, rip: int, *, bits: int = 64) -> Decoded:
    """The instruction at ``data[fault_index]``, which lies at ``rip``.

    Raises Unknown when the bytes hold no whole instruction there, or without iced-x86.
    """
    if not 0 <= fault_index < len(data):
        raise Unknown("the code bytes do not reach the instruction at RIP")
    decoded = decoder.decode(data, fault_index, rip, bits)
    if decoded is None:
        shown = data[fault_index : fault_index + decoder.MAX_LENGTH].hex(" ")
        raise Unknown(f"the bytes at RIP are no whole instruction: {shown}")
    return decoded


def disassemble(
    data: bytes,
    address: int,
    faulting: int,
    *,
    function_offset: Optional[int] = None,
    function_size: Optional[int] = None,
    bits: int = 64,
    address_known: bool = True,
) -> list[Instruction]:
    """Instructions of ``data``, which begins at ``address``, so that one starts at ``faulting``.

    Bytes at the front that belong to no instruction of that run are left out. When ``faulting``
    is not within the bytes, they are decoded from the front. ``function_offset`` is the offset of
    ``faulting`` in its function, which makes the borders certain. ``address_known`` false: the
    addresses given are offsets in the function (or, without ``function_offset``, distances to
    RIP), so what lies outside of it is not named. Raises Unknown without iced-x86.
    """
    place = _Place(faulting, function_offset, function_size, address_known)
    before, fault, after, _ = _split(data, faulting - address, place, bits)
    if fault is None and not before:
        run = decoder.decode_run(data, 0, address, bits)
        return [place.adapt(insn).display() for insn in run]
    return [
        *(insn.display() for insn in before),
        *((fault.display(faulting=True),) if fault is not None else ()),
        *(insn.display() for insn in after),
    ]


@dataclass(frozen=True)
class _Place:
    """What is known of where the code lies."""

    rip: Optional[int]
    function_offset: Optional[int] = None
    function_size: Optional[int] = None
    address_known: bool = True

    def adapt(self, decoded: Decoded) -> Decoded:
        """The instruction without what cannot be told from here."""
        if self.rip is not None and self.address_known:
            return decoded
        if self.rip is None or self.function_offset is None:
            return decoded.relative_to_rip()
        return decoded.relative_to_function(self.function_size)


def _split(
    data: bytes, fault_index: int, place: _Place, bits: int
) -> tuple[list[Decoded], Optional[Decoded], list[Decoded], bool]:
    """(instructions before RIP, the one at RIP, those after, borders are certain)."""
    if not 0 <= fault_index < len(data):
        return [], None, [], False
    start, certain = borders_before(data, fault_index, place.function_offset, bits)
    at = place.rip or 0
    before = decoder.decode_run(data[:fault_index], start, at - (fault_index - start), bits)
    rest = decoder.decode_run(data, fault_index, at, bits)
    before = [place.adapt(insn) for insn in before]
    rest = [place.adapt(insn) for insn in rest]
    return before, (rest[0] if rest else None), rest[1:], certain


def analyse(
    code: Optional[bytes],
    fault_index: int,
    rip: Optional[int],
    registers: Optional[dict[str, int]] = None,
    error_code: Optional[int] = None,
    fault_address: Optional[int] = None,
    *,
    trap: Optional[str] = None,
    function_offset: Optional[int] = None,
    function_size: Optional[int] = None,
    address_known: bool = True,
    words: Optional[Words] = None,
    symbols: Optional[Callable[[int], Optional[str]]] = None,
    bits: int = 64,
) -> Analysis:
    """What the instruction at RIP tried, checked against the report.

    ``rip`` None: not known; jump targets are then distances to RIP, and a bad RIP is recognised
    by the error code alone. ``registers`` are those at the fault; ``error_code`` of a page fault;
    ``fault_address`` CR2 or the address of a #GP hint; ``trap`` "#PF", "#GP" …;
    ``function_offset`` RIP's offset in its function, when known; ``address_known`` false: ``rip``
    is that offset too, the address not being known. ``words`` describes values, ``symbols`` names
    the targets of calls. Raises Unknown when there are no bytes to decode and RIP is not the bad
    address itself, or without iced-x86.
    """
    known = normalise(registers)
    words = words or NoWords()
    fetch = _fetch(rip, error_code, fault_address, trap, words)
    if fetch is not None:
        return fetch
    if not code:
        raise Unknown("the log has no code bytes at RIP")
    place = _Place(rip, function_offset, function_size, address_known)
    fault = place.adapt(decode_at(code, fault_index, rip or 0, bits=bits))
    before, _, after, certain = _split(code, fault_index, place, bits)
    result = Analysis(rip=rip, instruction=fault.text, data=fault.data, synchronised=certain)
    result.operands = operands_of(fault, known, bits)
    classify(result, fault, known, trap)
    if result.kind == "bug":
        note_cfi(result, before, known, words)
    if result.kind in ("memory", "string", "stack", "call", "jump", "return"):
        choose_operand(result, fault, known, error_code, fault_address, trap, words)
    if result.bad_register not in (None, "rsp", "rip") and bits == 64:
        result.origin = origin.trace(
            full_name(result.bad_register or ""),
            before,
            registers=known,
            from_function_start=certain,
            after=after,
            fault=fault,
            symbols=symbols,
        )
    if not result.sentence:
        result.sentence = sentence(result, fault, words)
    return result


def _fetch(
    rip: Optional[int],
    error_code: Optional[int],
    fault_address: Optional[int],
    trap: Optional[str],
    words: Words,
) -> Optional[Analysis]:
    """RIP itself is the bad address: there is no instruction to decode."""
    page_fault = trap in (None, "#PF")
    instruction_fetch = error_code is not None and access_type(error_code) == "execute"
    at_rip = rip is not None and fault_address == rip
    if trap == "#GP" and rip is not None and not is_canonical(rip, 57):
        return Analysis(
            rip=rip,
            kind="fetch",
            access_type="execute",
            effective_address=rip,
            matches=True,
            bad_register="rip",
            bad_value=rip,
            sentence=f"a call, jump or return to 0x{rip:x} ({words.describe(rip)})",
        )
    if not page_fault or not (instruction_fetch or (at_rip and error_code is None)):
        return None
    where = fault_address if rip is None else rip
    notes = []
    if rip is not None and fault_address is not None and not at_rip:
        notes.append(f"the fetch faulted at 0x{fault_address:x}, not at RIP 0x{rip:x}")
    return Analysis(
        rip=rip,
        kind="fetch",
        access_type="execute",
        effective_address=where,
        matches=at_rip if rip is not None and fault_address is not None else None,
        bad_register="rip",
        bad_value=where,
        sentence=fetch_sentence(where, error_code, words),
        notes=notes,
    )
