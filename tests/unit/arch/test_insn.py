# SPDX-License-Identifier: GPL-2.0-or-later
"""The faulting instruction, on code bytes of real crashes.

tests/data/engine/instructions.json: ``Code:`` bytes and the registers that matter, from the lab's
kernels and from public reports; what is expected was worked out by hand with objdump.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashext.engine import values
from crashext.engine.arch.x86 import decoder, insn
from crashext.errors import Unknown

DATA = Path(__file__).parents[2] / "data" / "engine" / "instructions.json"
CASES: list[dict[str, Any]] = json.loads(DATA.read_text())

RIP = 0xFFFFFFFFA0000100


def number(text: Optional[str]) -> Optional[int]:
    return None if text is None else int(text, 16)


def code_bytes(line: str) -> tuple[bytes, int]:
    words = line.split()
    index = next(i for i, word in enumerate(words) if word.startswith("<"))
    return bytes.fromhex("".join(word.strip("<>") for word in words)), index


def analyse(case: dict[str, Any]) -> insn.Analysis:
    data, index = code_bytes(case["code"])
    return insn.analyse(
        data,
        index,
        number(case["rip"]),
        {name: int(value, 16) for name, value in case["registers"].items()},
        number(case["error_code"]),
        number(case["fault_address"]),
        trap=case["trap"],
        function_offset=number(case["function_offset"]),
        words=values.Words(),
    )


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_real_crashes(case: dict[str, Any]) -> None:
    found = analyse(case)
    actual = {
        "instruction": found.instruction,
        "kind": found.kind,
        "access_type": found.access_type,
        "access_size": found.access_size,
        "effective_address": found.effective_address,
        "matches": found.matches,
        "constant_address": found.constant_address,
        "bad_register": found.bad_register,
        "bad_value": found.bad_value,
        "role": found.operand.role if found.operand else None,
        "sentence": found.sentence,
        "origin": found.origin.kind if found.origin else None,
        "origin_text": found.origin.text if found.origin else None,
        "null_checked": found.origin.null_checked if found.origin else None,
        "error_checked": found.origin.error_checked if found.origin else None,
        "straight": found.origin.straight if found.origin else None,
        "notes": found.notes,
        "origin_address": found.origin.memory_address if found.origin else None,
    }
    hexadecimal = ("effective_address", "bad_value", "origin_address")
    expected = {
        key: number(value) if key in hexadecimal else value for key, value in case["expect"].items()
    }
    assert {key: actual[key] for key in expected} == expected


def test_the_seed_decodes_as_crash_shows_it() -> None:
    data, index = code_bytes(CASES[0]["code"])
    lines = insn.disassemble(data, 0xFFFFFFFFA05CC012, 0xFFFFFFFFA05CC012)
    assert [(line.address, line.text, line.faulting) for line in lines] == [
        (0xFFFFFFFFA05CC012, "movl $0x1,0x0", True),
        (0xFFFFFFFFA05CC01D, "mov $0xffffffffa05cd034,%rdi", False),
        (0xFFFFFFFFA05CC024, "xor %eax,%eax", False),
    ]
    assert index == 0


def test_disassembly_before_rip_begins_at_the_function() -> None:
    data, index = code_bytes(CASES[3]["code"])
    lines = insn.disassemble(data, RIP - index, RIP, function_offset=0x12)
    assert [line.text for line in lines[:5]] == [
        "nopl 0x0(%rax,%rax,1)",
        "mov 0x22c5(%rip),%ecx  # 0xffffffffa00023be",
        "xor %edx,%edx",
        "mov $0x2a,%eax",
        "idiv %ecx",
    ]
    assert [line.faulting for line in lines[:5]] == [False, False, False, False, True]


FAR_CALL = bytes.fromhex("e8fb000000 488b0500100000 488b00 7402 e8fb000000 90")


def test_without_any_address_targets_are_distances() -> None:
    lines = insn.disassemble(FAR_CALL, 0, 0, address_known=False)
    assert [line.text for line in lines] == [
        "call RIP+0x100",
        "mov 0x1000(%rip),%rax",
        "mov (%rax),%rax",
        "je RIP+0x13",
        "call RIP+0x111",
        "nop",
    ]


def test_offsets_for_addresses_name_only_what_is_in_the_function() -> None:
    lines = insn.disassemble(
        FAR_CALL, 0, 12, function_offset=12, function_size=0x40, address_known=False
    )
    assert [line.text for line in lines] == [
        "call (another function)",
        "mov 0x1000(%rip),%rax",
        "mov (%rax),%rax",
        "je 0x13",
        "call (another function)",
        "nop",
    ]


def test_an_operand_relative_to_an_unknown_rip_is_not_compared() -> None:
    found = insn.analyse(
        bytes.fromhex("c7050010000001000000"), 0, 0x20, {}, 3, 0xFFFFFFFFC0450000,
        trap="#PF", function_offset=0x20, address_known=False,
    )  # fmt: skip
    assert (found.matches, found.effective_address) == (None, None)


def test_the_function_called_is_named() -> None:
    data, index = code_bytes("e8 fb 00 00 00 <48> 8b 40 18")
    found = insn.analyse(
        data, index, RIP, {"rax": 0}, 0, 0x18, trap="#PF", function_offset=5,
        symbols={RIP + 0xFB: "filp_open+0x0"}.get,
    )  # fmt: skip
    assert found.origin is not None
    assert found.origin.text == f"%rax is what filp_open() returned (call at 0x{RIP - 5:x})"


def test_bytes_that_are_no_instruction_are_refused_with_the_bytes() -> None:
    with pytest.raises(Unknown, match=r"no whole instruction: 48$"):
        insn.decode_at(b"\x90\x48", 1, RIP)


def test_no_code_is_unknown_not_a_guess() -> None:
    with pytest.raises(Unknown, match="no code bytes at RIP"):
        insn.analyse(None, 0, RIP, {}, 0, 0x18, trap="#PF")


def test_missing_iced_is_said_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "iced_x86", None)
    decoder.tables_of_iced.cache_clear()
    try:
        with pytest.raises(Unknown, match=r"pip install iced-x86"):
            insn.decode_at(b"\x90", 0, RIP)
        assert not decoder.available()
    finally:
        monkeypatch.undo()
        decoder.tables_of_iced.cache_clear()


def test_registers_are_named_as_the_decoder_names_them() -> None:
    assert insn.normalise({"R08": 1, "r9": 2, "RAX": 3, "r10": 4}) == {
        "r8": 1, "r9": 2, "rax": 3, "r10": 4,
    }  # fmt: skip


@given(
    st.binary(min_size=1, max_size=64),
    st.integers(0, 63),
    st.sampled_from(["#PF", "#GP", "#UD", "#DE", "#SS", None]),
    st.integers(0, 2**64 - 1),
    st.none() | st.integers(0, 2**64 - 1),
    st.none() | st.integers(0, 100),
)
def test_any_bytes_are_analysed_or_unknown(
    data: bytes,
    index: int,
    trap: Optional[str],
    register: int,
    address: Optional[int],
    offset: Optional[int],
) -> None:
    registers = dict.fromkeys(("rax", "rcx", "rsi", "rdi", "rsp", "rbx"), register)
    try:
        found = insn.analyse(
            data, index, RIP, registers, 0, address, trap=trap, function_offset=offset
        )
    except Unknown:
        return
    assert found.sentence
    assert data[index : index + len(found.data)] == found.data
