# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the x86 kernel patches its own code at run time, and what may stand there then.

Every table of patch sites in a module or in vmlinux becomes :class:`Site` objects; a site's check
says whether the bytes found are ones that the kernel puts there. So a flipped bit *inside* a
patch site is found as well, unlike with a mask.

Sources: arch/x86/kernel/{alternative,ftrace,jump_label,static_call,callthunks,paravirt}.c.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from crashext.engine.arch.x86.names import GENERAL

#: Gives the name of the check that passed (for the count of allowed patches), or None.
Check = Callable[[bytes], Optional[str]]


@dataclass(frozen=True)
class Site:
    """``length`` bytes at ``address`` that the kernel may change."""

    address: int
    length: int
    kind: str
    check: Check


@dataclass(frozen=True)
class Table:
    """A table of patch sites as it lies (or would lie) in memory, relocated."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Code:
    """The expected code around the sites, and names for jump targets."""

    #: The expected (file's, relocated) bytes at an address; short or empty outside the code.
    expected: Callable[[int, int], bytes]
    #: The names of the symbols that begin at an address.
    names: Callable[[int], Sequence[str]]
    #: The bytes found in memory; empty where it cannot be read.
    memory: Callable[[int, int], bytes] = lambda address, size: b""
    #: By how much 32-bit words in the file's code may be off (KASLR), besides 0.
    shifts: Sequence[int] = ()
    #: Sites outside of ``[start, end)`` are of no interest: a kernel has a hundred thousand.
    window: tuple[int, int] = (0, 1 << 64)

    def wants(self, address: int) -> bool:
        """Whether a patch site there is of interest."""
        return self.window[0] <= address < self.window[1]

    def holds(self, target: int) -> bool:
        """Whether a jump target is a known function, or inside the code of the file itself."""
        return bool(self.names(target)) or bool(self.expected(target, 1))


CALL, JMP, JMP8, INT3, RET = 0xE8, 0xE9, 0xEB, 0xCC, 0xC3


def nop_length(code: bytes, offset: int) -> int:
    """Bytes of the no-operation instruction at ``offset``; 0 when there is none.

    0x90 and ``0f 1f /0`` in all their lengths, with any 66 and 2e prefixes (Intel SDM, NOP;
    asm/nops.h).
    """
    at = offset
    while at < len(code) and code[at] in (0x66, 0x2E):
        at += 1
    if at < len(code) and code[at] == 0x90:
        return at + 1 - offset
    if at + 2 >= len(code) or code[at] != 0x0F or code[at + 1] != 0x1F:
        return 0
    modrm = code[at + 2]
    mode, rm = modrm >> 6, modrm & 7
    length = 3
    if mode != 3 and rm == 4:
        if at + 3 >= len(code):
            return 0
        if mode == 0 and code[at + 3] & 7 == 5:
            length += 4
        length += 1
    elif mode == 0 and rm == 5:
        length += 4
    length += {1: 1, 2: 4}.get(mode, 0)
    return at + length - offset if at + length <= len(code) else 0


def is_filler(code: bytes) -> bool:
    """Whether code does nothing to its end: no-operations, int3, or a jump over the rest."""
    offset = 0
    while offset < len(code):
        step = nop_length(code, offset)
        if step:
            offset += step
        elif code[offset] == INT3:
            offset += 1
        elif code[offset] == JMP8 and code[offset + 1 : offset + 2] == bytes(
            [max(0, len(code) - offset - 2) & 0xFF]
        ):
            return len(code) - offset - 2 < 128
        else:
            return False
    return True


def branch_target(code: bytes, address: int) -> Optional[int]:
    """Where a call, jmp or jcc with a displacement at ``address`` leads."""
    if len(code) >= 5 and code[0] in (CALL, JMP):
        return address + 5 + int(struct.unpack_from("<i", code, 1)[0])
    if len(code) >= 2 and (code[0] == JMP8 or code[0] & 0xF0 == 0x70):
        return address + 2 + int(struct.unpack_from("<b", code, 1)[0])
    if len(code) >= 6 and code[0] == 0x0F and code[1] & 0xF0 == 0x80:
        return address + 6 + int(struct.unpack_from("<i", code, 2)[0])
    return None


def moved(expected: bytes, found: bytes, *deltas: int) -> bool:
    """Whether the bytes are equal but for 32-bit words that are off by one of ``deltas``.

    So a displacement differs in code that was moved, and an address in a kernel that was.
    """
    if len(expected) != len(found):
        return False
    offset = 0
    while offset < len(expected):
        if expected[offset] == found[offset]:
            offset += 1
            continue
        for start in range(max(0, offset - 3), min(offset, len(expected) - 4) + 1):
            old = struct.unpack_from("<I", expected, start)[0]
            new = struct.unpack_from("<I", found, start)[0]
            if any((old + delta) & 0xFFFFFFFF == new for delta in deltas):
                offset = start + 4
                break
        else:
            return False
    return True


def same_but_filler(expected: bytes, found: bytes, deltas: Sequence[int]) -> bool:
    """:func:`moved`, where runs of one-byte no-operations may have become other filler."""
    old, new = bytearray(expected), bytearray(found)
    for run in re.finditer(rb"\x90+", expected):
        start, end = run.span()
        if is_filler(found[start:end]):
            old[start:end] = new[start:end] = bytes(end - start)
    return moved(bytes(old), bytes(new), *deltas)


def _every(table: Table, step: int = 4) -> Iterator[int]:
    """Addresses of a table of ``s32`` offsets relative to themselves."""
    for offset in range(0, len(table.data) - 3, step):
        yield table.address + offset + int(struct.unpack_from("<i", table.data, offset)[0])


def _relative(table: Table, code: Code, step: int = 4) -> Iterator[int]:
    """Of :func:`_every` the addresses that are wanted."""
    return filter(code.wants, _every(table, step))


def ftrace_sites(table: Table, code: Code) -> Iterator[Site]:
    """``__mcount_loc``: addresses of ``call __fentry__``; a no-operation or a call to a tracer."""
    for (address,) in struct.iter_unpack("<Q", table.data[: len(table.data) // 8 * 8]):
        if not address or not code.wants(address):
            continue

        def check(found: bytes, address: int = address) -> Optional[str]:
            if nop_length(found, 0) == 5:
                return "ftrace no-operations"
            if found[0] == INT3:  # text_poke_bp() puts it there while it writes the rest
                return "ftrace sites being patched"
            target = branch_target(found, address)
            if found[0] == CALL and target is not None:
                names = code.names(target)
                # A trampoline of ftrace's own has no name; a call to a named function that is
                # not ftrace's is no tracing.
                if not names or any("ftrace" in n or n in ("__fentry__", "mcount") for n in names):
                    return "ftrace calls (the function is traced, probed or patched)"
            return None

        yield Site(address, 5, "ftrace", check)


def jump_label_sites(table: Table, code: Code, entry: int) -> Iterator[Site]:
    """``__jump_table``: ``{s32 code, target; long key}`` of 16 bytes, or
    ``{u64 code, target, key}`` of 24 (before 4.20)."""
    for offset in range(0, len(table.data) - entry + 1, entry):
        if entry == 24:
            address, target, _key = struct.unpack_from("<QQQ", table.data, offset)
        else:
            code_at, target_at = struct.unpack_from("<ii", table.data, offset)
            address = table.address + offset + code_at
            target = table.address + offset + 4 + target_at
        if not code.wants(address):
            continue
        # Two bytes when the compiler's assembler chose a short jump (5.14, commit
        # ab3257042c26 "jump_label, x86: Allow short NOPs").
        original = code.expected(address, 5)
        length = 2 if original[:1] == b"\xeb" or original[:2] == b"\x66\x90" else 5

        def check(
            found: bytes, address: int = address, target: int = target, length: int = length
        ) -> Optional[str]:
            if nop_length(found, 0) == length:
                return "jump labels off"
            if found[0] in (JMP, JMP8) and branch_target(found, address) == target:
                return "jump labels on"
            return None

        yield Site(address, length, "jump label", check)


#: What a static call to a function that returns 0 becomes (static_call.c, xor5rax; 5.11 to 5.17
#: had REX.W before the xor).
_RETURN_ZERO = (bytes.fromhex("2e2e2e31c0"), bytes.fromhex("66664831c0"))


#: Functions whose body takes the place of their static call (seen in 7.3): __WARN_trap, which is
#: ``ud1 (%edx),%rdi``, and the native spin unlock, ``movb $0,(%rdi)`` behind prefixes.
_INLINED = (bytes.fromhex("67480fb93a"), bytes.fromhex("3e3ec60700"))


def static_call_sites(table: Table, code: Code) -> Iterator[Site]:
    """``.static_call_sites``: ``{s32 addr, key}``; any call or jump to a function, or none."""
    for address in _relative(table, code, 8):
        length = 6 if code.expected(address, 1) == b"\x0f" else 5
        yield _static_call(address, length, code)


def trampoline_site(address: int, code: Code) -> Site:
    """``__SCT__NAME``: the trampoline of a static call, patched like its call sites."""
    return _static_call(address, 5, code)


def _static_call(address: int, length: int, code: Code) -> Site:
    def check(found: bytes) -> Optional[str]:
        if found in (*_RETURN_ZERO, *_INLINED) or nop_length(found, 0) == len(found):
            return "static calls"
        if found[0] == RET and is_filler(found[1:]):
            return "static calls"
        target = branch_target(found, address)
        return "static calls" if target is not None and code.holds(target) else None

    return Site(address, length, "static call", check)


_LFENCE = bytes.fromhex("0faee8")


def retpoline_sites(table: Table, code: Code) -> Iterator[Site]:
    """``.retpoline_sites``: a call or jump to an indirect thunk, or the plain indirect branch.

    alternative.c, patch_retpoline() (5.16): ``[lfence] call/jmp *%reg`` and filler; a conditional
    jump to a thunk becomes the inverse jump over that.
    """
    for address in _relative(table, code):
        original = code.expected(address, 6)
        if len(original) < 5:
            continue
        # 0f 8x: a conditional jump; 2e e8: padded by the assembler (-mindirect-branch-cs-prefix).
        length = 6 if original[0] in (0x0F, 0x2E) else 5
        prefix = 1 if original[0] == 0x2E else 0
        thunk = branch_target(original[prefix:], address + prefix)

        def check(
            found: bytes,
            address: int = address,
            original: bytes = original,
            thunk: Optional[int] = thunk,
        ) -> Optional[str]:
            register = _thunk_register(code.names(thunk) if thunk is not None else ())
            rest = found
            if original[0] == 0x0F and rest[0] == original[1] ^ 0xF1 and rest[1] == len(rest) - 2:
                rest = rest[2:]
            if rest[:1] == b"\x2e":
                rest = rest[1:]
            target = branch_target(rest, address + len(found) - len(rest))
            if target is not None and _thunk_register(code.names(target)) == register:
                return "indirect branches"
            if rest.startswith(_LFENCE):
                rest = rest[3:]
            high = rest[:1] == b"\x41"
            rest = rest[1:] if high else rest
            if len(rest) < 2 or rest[0] != 0xFF or rest[1] & 0xF8 not in (0xD0, 0xE0):
                return None
            number = (rest[1] & 7) + (8 if high else 0)
            if register is not None and number != register:
                return None
            return "indirect branches" if is_filler(rest[2:]) else None

        yield Site(address, length, "retpoline", check)


def _thunk_register(names: Sequence[str]) -> Optional[int]:
    for name in names:
        register = name.rpartition("_")[2]
        if "thunk" in name and register in GENERAL:
            return GENERAL.index(register)
    return None


def return_sites(table: Table, code: Code) -> Iterator[Site]:
    """``.return_sites``: ``jmp __x86_return_thunk``, or ret and filler (5.19, commit
    15e67227c49a "x86: Undo return-thunk damage"), or a jump to another return thunk."""
    for address in _relative(table, code):

        def check(found: bytes, address: int = address) -> Optional[str]:
            if found[0] == RET and is_filler(found[1:]):
                return "returns"
            target = branch_target(found, address)
            if found[0] == JMP and target is not None:
                names = code.names(target)
                return "returns" if any("return_thunk" in name for name in names) else None
            return None

        yield Site(address, 5, "return thunk", check)


def smp_lock_sites(table: Table, code: Code) -> Iterator[Site]:
    """``.smp_locks``: a lock prefix, which becomes a DS prefix on one CPU."""

    def check(found: bytes) -> Optional[str]:
        return "lock prefixes" if found[0] in (0xF0, 0x3E) else None

    for address in _relative(table, code):
        yield Site(address, 1, "SMP lock", check)


#: gen_endbr_poison() (asm/ibt.h) and other 4-byte no-operations.
_ENDBR = bytes.fromhex("f30f1efa")


def endbr_sites(table: Table, code: Code) -> Iterator[Site]:
    """``.ibt_endbr_seal``: an endbr64 that nobody jumps to, sealed with a no-operation."""

    def check(found: bytes) -> Optional[str]:
        sealed = nop_length(found, 0) == 4 or found == bytes.fromhex("0f1f40d6")
        return "sealed endbr" if sealed or found == _ENDBR else None

    for address in _relative(table, code):
        yield Site(address, 4, "endbr", check)


#: Native instructions that replace a call through pv_ops (arch/x86/kernel/paravirt_patch.c).
_PARAVIRT_INLINE = tuple(
    bytes.fromhex(digits)
    for digits in (
        "fa", "fb", "9c58", "579d", "0f20d0", "0f20d8", "0f22df", "0f09", "0f01f8", "89f8",
        "4889f8", "c60700", "31c0", "48cf", "0f013f", "0f06", "480f07", "0f01f8480f07", "f4",
        "fbf4", "",
    )
)  # fmt: skip


def paravirt_sites(table: Table, code: Code, entry: int) -> Iterator[Site]:
    """``.parainstructions``: the native instruction, a direct call, or a jump, and filler.

    ``{u8 *instr; u8 type, len; …}`` of 16 bytes, ``{s32 instr_offset; u8 type, len}`` of fewer
    in the last kernels that have the table (it went in 6.8).
    """
    # The last entry ends behind its last member, without the padding of the others.
    for offset in range(0, len(table.data) - (9 if entry == 16 else 5), entry):
        if entry == 16:
            address, _type, length = struct.unpack_from("<QBB", table.data, offset)
        else:
            distance, _type, length = struct.unpack_from("<iBB", table.data, offset)
            address = table.address + offset + distance

        if not length or not code.wants(address):
            continue

        def check(found: bytes, address: int = address) -> Optional[str]:
            if found[0] in (CALL, JMP) and is_filler(found[5:]):
                target = branch_target(found, address)
                return "paravirt calls" if target is not None and code.holds(target) else None
            for native in _PARAVIRT_INLINE:
                if found.startswith(native) and is_filler(found[len(native) :]):
                    return "paravirt instructions"
            return None

        yield Site(address, length, "paravirt", check)


def alternative_sites(table: Table, code: Code, entry: int) -> Iterator[Site]:
    """``.altinstructions``: the original, or one of the replacements, and filler.

    ``struct alt_instr`` has 12 bytes (to 3.19 and from 5.13 to 6.2), 13 (4.0 to 5.12, with
    ``padlen``) or 14 (6.3, commit 5d1dd961e743 "x86/alternatives: Add alt_instr.flags").
    """
    lengths_at = 12 if entry == 14 else 10
    places: dict[tuple[int, int], list[tuple[int, bytes]]] = {}
    direct_calls: set[int] = set()
    for offset in range(0, len(table.data) - entry + 1, entry):
        instr, repl = struct.unpack_from("<ii", table.data, offset)
        length, new_length = struct.unpack_from("<BB", table.data, offset + lengths_at)
        address = table.address + offset + instr
        if not code.wants(address):
            continue
        replacement = table.address + offset + 4 + repl
        places.setdefault((address, length), []).append(
            (replacement, code.expected(replacement, new_length))
        )
        # ALT_FLAG_DIRECT_CALL (6.8): a call through pv_ops becomes a direct one, or nothing.
        if entry == 14 and struct.unpack_from("<H", table.data, offset + 10)[0] & 2:
            direct_calls.add(address)
    for (address, length), replacements in places.items():

        def check(
            found: bytes,
            address: int = address,
            replacements: list[tuple[int, bytes]] = replacements,
        ) -> Optional[str]:
            original = code.expected(address, len(found))
            if same_but_filler(original, found, code.shifts):
                return "alternatives"
            for place, new in replacements:
                if _is_replacement(found, address, place, new, code):
                    return "alternatives"
            if address in direct_calls:
                direct = branch_target(found, address) if found[0] == CALL else None
                if direct is None:
                    return "direct calls" if is_filler(found) else None
                return "direct calls" if code.holds(direct) and is_filler(found[5:]) else None
            return None

        yield Site(address, length, "alternative", check)


def _is_replacement(found: bytes, address: int, place: int, new: bytes, code: Code) -> bool:
    """Whether ``new``, moved from ``place`` to ``address``, is what was found."""
    distance = place - address
    deltas = [distance, *code.shifts, *(distance + shift for shift in code.shifts)]
    if moved(new, found[: len(new)], *deltas) and is_filler(found[len(new) :]):
        return True
    # recompute_jump(): a near jump may have become a short one.
    if new[:1] == b"\xe9" and found[:1] == b"\xeb":
        same = branch_target(found, address) == branch_target(new, place)
        return same and is_filler(found[2:])
    return False


def runtime_constant_sites(table: Table, code: Code, size: int) -> Iterator[Site]:
    """``runtime_ptr_NAME`` (6.11, commit e3c92e81711d "runtime constants: add x86 architecture
    support"), ``runtime_mask_NAME``, ``runtime_shift_NAME``: an immediate of 8, 4 or 1 bytes,
    the same at all sites of one name.

    Sites in init code are freed and hold anything; so one other site must agree, not all.
    """
    addresses = list(_every(table))
    for address in filter(code.wants, addresses):

        def check(found: bytes, address: int = address) -> Optional[str]:
            others = (code.memory(a, size) for a in addresses if a != address)
            return "runtime constants" if len(addresses) <= 2 or found in others else None

        yield Site(address, size, "runtime constant", check)


def call_sites(table: Table, code: Code, padding: int = 32) -> Iterator[Site]:
    """``.call_sites``: with call depth tracking the call leads into the padding before the
    function (6.2, commit e81dc127ef69 "x86/callthunks: Add call patching for call depth
    tracking")."""
    for address in _relative(table, code):
        original = branch_target(code.expected(address, 5), address)

        def check(
            found: bytes, address: int = address, original: Optional[int] = original
        ) -> Optional[str]:
            target = branch_target(found, address)
            if target is None or original is None:
                return None
            return "call depth calls" if 0 <= original - target <= padding else None

        yield Site(address, 5, "call depth", check)


def probe_site(address: int, length: int, what: str) -> Site:
    """A kprobe: int3 in one byte, or (``length`` 5) a jump to its optimised buffer."""

    def check(found: bytes) -> Optional[str]:
        return what if found[0] == INT3 or (found[0] == JMP and length >= 5) else None

    return Site(address, length, "kprobe", check)


def entry_stride(offsets: Sequence[int], per_entry: int, size: int) -> Optional[int]:
    """The entry size of a table from the places of its relocations.

    :param per_entry: how many relocations an entry has.
    :param size: of the whole table in bytes; decides when it has but one entry.
    """
    starts = sorted(set(offsets))[::per_entry]
    if len(starts) == 1:
        return size
    strides = {second - first for first, second in zip(starts, starts[1:])}
    return strides.pop() if len(strides) == 1 else None
