# SPDX-License-Identifier: GPL-2.0-or-later
"""Where instructions begin before a known one: x86 code cannot be decoded backwards."""

from __future__ import annotations

from typing import Any, Optional

from crashext.engine.arch.x86.decoder import MAX_LENGTH, Tables, tables_of_iced

#: Mnemonics that compilers hardly put into the kernel, but that decoding at a wrong border yields
#: all the time (counted over the text of a 6.1 kernel, at right and at wrong borders).
_RARE_TEXT = """
    adc sbb sal in out sti cli iretd clc cmc std cld stc hlt ror rol rcr rcl loop loope loopne
    jrcxz jecxz retf jnp jp jno lahf sahf enter leave wait int int1 cwd cwde cdq lodsb lodsd cmpsb
    cmpsd cmpsq scasb scasd insb insd outsb outsd xlatb pushfq popfq movsd movsb stosb into bound
    les lds iret salc
"""
_RARE = frozenset(_RARE_TEXT.split())
#: A border is believed when vote × share² reaches this: the vote is how many starting points,
#: weighted, lead to it, the share how much of all votes passes it instead of jumping over it.
#: Then 13 of 14 borders at the front of the window are right, and practically all near RIP
#: (measured over the text of a 6.1 kernel, whose borders are known).
_BELIEVED = 2.0


def _plausibility(tables: Tables, instruction: Any) -> float:
    """How far an instruction looks like compiled kernel code: 1 ordinary … 0.03 hardly."""
    name = tables.mnemonic[instruction.mnemonic]
    if name in _RARE or (name[0] == "f" and not name.startswith("fx")):
        return 0.03
    base = instruction.memory_base
    if base and tables.iced.RegisterExt.is_gpr32(base):
        return 0.03
    if instruction.segment_prefix in tables.flat_segments and name != "nop":
        return 0.1
    if base and instruction.len == 2 and name in ("add", "or", "and", "xor", "sub", "cmp"):
        return 0.3
    return 1.0


def borders_before(
    data: bytes, fault_index: int, function_offset: Optional[int] = None, bits: int = 64
) -> tuple[int, bool]:
    """Where to begin decoding so that an instruction starts at ``fault_index``.

    x86 code cannot be decoded backwards. When the function starts within ``data``
    (``function_offset`` is RIP's offset in it, 0 … fault_index), its start is certain. Otherwise
    every start that leads to RIP votes for the borders that it passes, weighted by how ordinary
    its instructions are: x86 code synchronises itself after a few instructions, so the borders
    near RIP get nearly all votes. Borders with few votes, at the front, are given up. Returns
    (start, certain); start == fault_index when nothing can be said. Linear in ``len(data)``.
    """
    if not 0 <= fault_index <= len(data):
        raise ValueError(f"fault index {fault_index} is outside of {len(data)} bytes")
    tables = tables_of_iced()
    decoder = tables.iced.Decoder(bits, data[: fault_index + MAX_LENGTH], ip=0)
    size = []
    weight = []
    for offset in range(fault_index):
        decoder.position = offset
        instruction = decoder.decode()
        valid = not instruction.is_invalid
        size.append(instruction.len if valid else 0)
        weight.append(_plausibility(tables, instruction) if valid else 0.0)
    if function_offset is not None and 0 <= function_offset <= fault_index:
        start = position = fault_index - function_offset
        while position < fault_index and size[position]:
            position += size[position]
        if position == fault_index:
            return start, True
    reaches = [False] * fault_index + [True]
    for offset in range(fault_index - 1, -1, -1):
        end = offset + size[offset]
        reaches[offset] = bool(size[offset]) and end <= fault_index and reaches[end]
    votes = [0.0] * (fault_index + 1)
    #: end → the best instruction that ends there, as (vote, -start): of equals the longer one,
    #: which keeps a REX prefix with its instruction.
    best: dict[int, tuple[float, int]] = {}
    for offset in range(fault_index):
        if reaches[offset]:
            vote = (votes[offset] + 1.0) * weight[offset]
            end = offset + size[offset]
            votes[end] += vote
            best[end] = max(best.get(end, (0.0, 0)), (vote, -offset))
    position = fault_index
    while position in best:
        vote, start = best[position][0], -best[position][1]
        over = sum(
            (votes[offset] + 1.0) * weight[offset]
            for offset in range(max(0, start - MAX_LENGTH), start)
            if reaches[offset] and offset + size[offset] > start
        )
        if vote * (vote / (vote + over)) ** 2 < _BELIEVED:
            break
        position = start
    return position, False
