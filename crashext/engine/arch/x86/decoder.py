# SPDX-License-Identifier: GPL-2.0-or-later
"""Decoding x86 machine code: iced-x86 behind a small, typed face.

iced-x86 is imported on first use, so that the engine works without it (and starts faster); then
every function that decodes raises :class:`crashext.errors.Unknown` with the reason. Its operand
access data is what the analysis rests on.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Optional

from crashext.engine.arch.code import Decoded, Memory, to_signed
from crashext.engine.lazy import Lazy
from crashext.errors import Unknown

#: No x86 instruction is longer (Intel SDM volume 2, 2.3.11).
MAX_LENGTH = 15

_SIGN_BIT = 1 << 63


class Tables:
    """iced-x86 and its enums turned into names, made once."""

    def __init__(self) -> None:
        try:
            import iced_x86
        except ImportError as error:
            raise Unknown(
                "instructions are not decoded: the Python package iced-x86 is missing "
                "(pip install iced-x86)"
            ) from error
        self.iced = iced_x86
        self.register = self._names(iced_x86.Register)
        self.mnemonic = self._names(iced_x86.Mnemonic)
        flow = iced_x86.FlowControl
        self.flow = {
            flow.NEXT: "next",
            flow.UNCONDITIONAL_BRANCH: "jump",
            flow.INDIRECT_BRANCH: "indirect jump",
            flow.CONDITIONAL_BRANCH: "branch",
            flow.RETURN: "return",
            flow.CALL: "call",
            flow.INDIRECT_CALL: "indirect call",
            flow.INTERRUPT: "interrupt",
            flow.EXCEPTION: "exception",
        }
        access = iced_x86.OpAccess
        self.access = {
            access.READ: "read",
            access.COND_READ: "read",
            access.WRITE: "write",
            access.COND_WRITE: "write",
            access.READ_WRITE: "read and write",
            access.READ_COND_WRITE: "read and write",
        }
        self.sure_write = {access.WRITE, access.READ_WRITE}
        self.any_write = self.sure_write | {access.COND_WRITE, access.READ_COND_WRITE}
        self.info = iced_x86.InstructionInfoFactory()
        self.formatter = iced_x86.Formatter(iced_x86.FormatterSyntax.GAS)
        self.formatter.hex_prefix = "0x"
        self.formatter.uppercase_hex = False
        self.formatter.small_hex_numbers_in_decimal = False
        self.formatter.rip_relative_addresses = True
        self.formatter.branch_leading_zeros = False
        self.near_branches = {
            iced_x86.OpKind.NEAR_BRANCH16,
            iced_x86.OpKind.NEAR_BRANCH32,
            iced_x86.OpKind.NEAR_BRANCH64,
        }
        register = iced_x86.Register
        self.flat_segments = {register.CS, register.DS, register.ES, register.SS}
        kind = iced_x86.OpKind
        self.immediates = {
            kind.IMMEDIATE8, kind.IMMEDIATE16, kind.IMMEDIATE32, kind.IMMEDIATE64,
            kind.IMMEDIATE8TO16, kind.IMMEDIATE8TO32, kind.IMMEDIATE8TO64, kind.IMMEDIATE32TO64,
        }  # fmt: skip

    @staticmethod
    def _names(enum: Any) -> dict[int, str]:
        return {
            value: name.lower()
            for name, value in vars(enum).items()
            if isinstance(value, int) and not name.startswith("_")
        }

    def full(self, register: Any) -> str:
        """The widest register of the family: ``eax`` → ``rax``."""
        return self.register[self.iced.RegisterExt.full_register(register)]


@lru_cache(maxsize=1)
def tables_of_iced() -> Tables:
    return Tables()


def available() -> bool:
    """Whether iced-x86 can be imported."""
    try:
        tables_of_iced()
    except Unknown:
        return False
    return True


_PAIR = re.compile(r"\((%\w+)?,(%\w+)\)")
_IMPLIED_Q = re.compile(r"^(call|jmp|push|pop|ret|leave)q\b")
_STRING_SOURCE = Lazy(r"(?<![:\w])\((%[er]si)\)")
_STRING_DESTINATION = Lazy(r"(?<![:\w])\((%[er]di)\)")
_STRING_SUFFIX = Lazy(r"\b(stos|lods|scas)[bwlq]\b")


def _objdump_text(text: str, string: bool) -> str:
    """iced-x86's AT&T text with the last differences to objdump's removed."""
    text = _PAIR.sub(lambda match: f"({match.group(1) or ''},{match.group(2)},1)", text)
    text = _IMPLIED_Q.sub(r"\1", text)
    if string:
        text = text.replace("repe ", "repz ").replace("repne ", "repnz ")
        text = _STRING_SOURCE.sub(r"%ds:(\1)", text)
        text = _STRING_DESTINATION.sub(r"%es:(\1)", text)
        text = _STRING_SUFFIX.sub(r"\1", text)
    return text


def decode(data: bytes, offset: int, address: int, bits: int = 64) -> Optional[Decoded]:
    """The instruction at ``data[offset]``, which lies at ``address``; None when there is none.

    Raises Unknown without iced-x86.
    """
    tables = tables_of_iced()
    chunk = data[offset : offset + MAX_LENGTH]
    if not chunk:
        return None
    instruction = tables.iced.Decoder(bits, chunk, ip=address & ((1 << bits) - 1)).decode()
    if instruction.is_invalid:
        return None
    return _wrap(tables, instruction, chunk[: instruction.len], address)


def decode_run(data: bytes, offset: int, address: int, bits: int = 64) -> list[Decoded]:
    """Instructions from ``data[offset]`` (at ``address``) on, up to the first that is cut or bad.

    Raises Unknown without iced-x86.
    """
    tables = tables_of_iced()
    run = []
    decoder = tables.iced.Decoder(bits, data[offset:], ip=address & ((1 << bits) - 1))
    position = offset
    for instruction in decoder:
        if instruction.is_invalid:
            break
        raw = data[position : position + instruction.len]
        run.append(_wrap(tables, instruction, raw, address + position - offset))
        position += instruction.len
    return run


def _wrap(tables: Tables, instruction: Any, data: bytes, address: int) -> Decoded:
    info = tables.info.info(instruction)
    sure: set[str] = set()
    maybe: set[str] = set()
    for used in info.used_registers():
        if used.access in tables.sure_write:
            sure.add(tables.full(used.register))
        elif used.access in tables.any_write:
            maybe.add(tables.full(used.register))
    registers: list[str] = []
    immediate = None
    target = None
    for number in range(instruction.op_count):
        kind = instruction.op_kind(number)
        if kind == tables.iced.OpKind.REGISTER:
            registers.append(tables.register[instruction.op_register(number)])
            continue
        registers.append("")
        if kind in tables.immediates:
            immediate = instruction.immediate(number)
        elif kind in tables.near_branches:
            target = instruction.near_branch_target
    mnemonic = tables.mnemonic[instruction.mnemonic]
    string = bool(instruction.is_string_instruction)
    # objdump prints a displacement of zero when the encoding holds one.
    tables.formatter.show_zero_displacements = bool(instruction.memory_displ_size)
    text = _objdump_text(tables.formatter.format(instruction), string)
    if instruction.is_ip_rel_memory_operand:
        text += f"  # 0x{instruction.ip_rel_memory_address:x}"
    return Decoded(
        address=address,
        data=data,
        text=text,
        mnemonic=mnemonic,
        memory=_memory(tables, instruction, info, registers, mnemonic),
        flow=tables.flow.get(instruction.flow_control, "other"),
        target=target,
        written=frozenset(sure - maybe),
        maybe_written=frozenset(maybe),
        operand_registers=tuple(registers),
        immediate=immediate,
        repeated=bool(
            instruction.has_rep_prefix
            or instruction.has_repe_prefix
            or instruction.has_repne_prefix
        )
        and string,
        string=string,
        privileged=bool(instruction.is_privileged),
        address_of=_address_of(tables, instruction) if mnemonic == "lea" else None,
    )


def _address_of(tables: Tables, instruction: Any) -> Memory:
    none = tables.iced.Register.NONE
    rip_relative = bool(instruction.is_ip_rel_memory_operand)
    base = instruction.memory_base if not rip_relative else none
    displacement = instruction.memory_displacement
    return Memory(
        base=tables.register[base] if base != none else None,
        index=tables.register[instruction.memory_index]
        if instruction.memory_index != none
        else None,
        scale=instruction.memory_index_scale,
        displacement=displacement if rip_relative or base == none else to_signed(displacement),
        segment=None,
        size=0,
        access="read",
        rip_relative=rip_relative,
    )


def _memory(
    tables: Tables, instruction: Any, info: Any, registers: list[str], mnemonic: str
) -> tuple[Memory, ...]:
    operands = []
    none = tables.iced.Register.NONE
    size_of = tables.iced.MemorySizeExt.size
    stack = bool(instruction.is_stack_instruction)
    implied_left = stack and not _explicit_stack_operand(tables, instruction)
    for used in info.used_memory():
        access = tables.access.get(used.access)
        if access is None:
            continue
        base = tables.register[used.base] if used.base != none else None
        index = tables.register[used.index] if used.index != none else None
        segment = tables.register[used.segment]
        displacement = used.displacement
        if (base or index) and displacement & _SIGN_BIT:
            displacement -= 1 << 64
        implied = (
            stack
            and base in ("rsp", "esp", "rbp", "ebp")
            and index is None
            and (implied_left or _is_stack_step(mnemonic, base, displacement))
        )
        bit_offset = None
        if mnemonic in ("bt", "bts", "btr", "btc") and len(registers) == 2 and registers[1]:
            bit_offset = tables.full(instruction.op_register(1))
        operands.append(
            Memory(
                base=base,
                index=index,
                scale=used.scale,
                displacement=displacement,
                segment=segment if segment in ("fs", "gs") else None,
                size=size_of(used.memory_size) or size_of(instruction.memory_size),
                access=access,
                implied=implied,
                rip_relative=bool(instruction.is_ip_rel_memory_operand)
                and not base
                and not index
                and displacement == instruction.ip_rel_memory_address,
                bit_offset=bit_offset,
            )
        )
    return tuple(operands)


def _explicit_stack_operand(tables: Tables, instruction: Any) -> bool:
    return any(
        instruction.op_kind(number) == tables.iced.OpKind.MEMORY
        for number in range(instruction.op_count)
    )


def _is_stack_step(mnemonic: str, base: Optional[str], displacement: int) -> bool:
    """The stack half of ``push mem``/``call mem`` (rsp-8) and ``pop mem`` (rsp)."""
    if base not in ("rsp", "esp"):
        return False
    return displacement == 0 if mnemonic.startswith("pop") else displacement < 0
