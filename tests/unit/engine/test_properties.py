# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold for any input: nothing raises, nothing is blamed that is not there."""

from __future__ import annotations

from typing import Optional

from hypothesis import given
from hypothesis import strategies as st

from crashext.engine import blame, taint, title
from crashext.engine.arch.arm64.esr import explain_esr
from crashext.engine.arch.x86.pagefault import access_type, explain_error_code
from crashext.engine.arch.x86.traps import TRAPS, explain_trap_error
from crashext.engine.blame import names
from crashext.engine.codes import explain_code
from crashext.engine.kinds import KINDS
from crashext.engine.model import Rip, StackFrame
from crashext.errors import UsageError

ADDRESSES = st.integers(0, 2**64 - 1)
NAMES = st.sampled_from(
    [
        "memcpy", "panic", "vpanic", "__stack_chk_fail", "sysrq_handle_crash", "schedule", "kfree",
        "ksys_write", "asm_exc_page_fault", "__x86_indirect_thunk_rax", "hello", "hello.isra.0",
        "do_exit.cold", "out_of_memory", "list_add", "?", "",
    ]
)  # fmt: skip
FRAMES = st.lists(
    st.builds(
        StackFrame,
        function=st.none() | NAMES,
        module=st.none() | st.just("hello"),
        file=st.none() | st.sampled_from(["include/linux/list.h", "hello.c"]),
        reliable=st.booleans(),
        inlined=st.booleans(),
    ),
    max_size=30,
)


@given(FRAMES, st.sampled_from([None, *KINDS]), st.none() | NAMES, st.none() | ADDRESSES)
def test_a_frame_is_blamed_only_if_it_is_there_and_trusted(
    frames: list[StackFrame], kind: Optional[str], symbol: Optional[str], address: Optional[int]
) -> None:
    index, why, _ = blame.choose(frames, Rip(address=address, symbol=symbol), kind=kind)
    assert why
    if index is None:
        return
    assert frames[index].function is not None
    if not frames[index].reliable:
        assert why.startswith("RIP is no code")


@given(FRAMES, st.sampled_from(KINDS), st.none() | NAMES)
def test_the_bucket_depends_on_its_words_alone(
    frames: list[StackFrame], kind: str, culprit: Optional[str]
) -> None:
    digest, text = title.bucket(kind, frames, culprit=culprit)
    assert (digest, text) == title.bucket(kind, frames, culprit=culprit)
    assert text.split(" | ")[0] == kind
    assert len(text.split(" | ")) <= 1 + title.BUCKET_FRAMES


PARTS = st.sampled_from(
    ["foo", "_", "__pfx_", "__cfi_", ".isra.0", ".cold", ".1", "+0x1", ".", " "]
)


@given(st.text(max_size=60) | st.lists(PARTS, max_size=6).map("".join))
def test_normalising_twice_changes_nothing_more(name: str) -> None:
    once = names.normalise(name)
    assert names.normalise(once) == once


@given(ADDRESSES, st.none() | ADDRESSES, st.none() | ADDRESSES, st.none() | ADDRESSES)
def test_every_page_fault_code_has_a_reading_that_begins_with_the_facts(
    code: int, rip: Optional[int], address: Optional[int], pointer: Optional[int]
) -> None:
    found = explain_error_code(code, rip=rip, address=address, pointer=pointer)
    assert sum(1 << bit.bit for bit in found.bits if bit.set) == code
    assert " mode" in found.meaning
    assert access_type(code) in ("read", "write", "execute")


@given(st.sampled_from([trap.mnemonic for trap in TRAPS]), st.integers(0, 2**32 - 1))
def test_every_error_code_of_a_trap_has_a_meaning(mnemonic: str, code: int) -> None:
    assert explain_trap_error(mnemonic, code).meaning


@given(st.integers(0, 2**64 - 1), st.none() | ADDRESSES)
def test_every_esr_has_a_meaning(esr: int, address: Optional[int]) -> None:
    assert explain_esr(esr, address=address).meaning


@given(st.integers(0, 2**64 - 1))
def test_every_bit_of_a_taint_mask_is_told(mask: int) -> None:
    assert len(taint.from_mask(mask).meanings) == bin(mask).count("1")


@given(st.text(max_size=40))
def test_any_words_are_read_or_refused_in_one_line(words: str) -> None:
    try:
        lines = [reading.title for reading in explain_code(words)]
    except UsageError as refusal:
        lines = [str(refusal)]
    assert lines
    assert not any("\n" in line for line in lines)
