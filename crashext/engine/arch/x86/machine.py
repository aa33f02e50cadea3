# SPDX-License-Identifier: GPL-2.0-or-later
"""x86-64 and i386 as :class:`crashext.engine.arch.base.Architecture`.

The decoder is iced-x86, which is imported with the first instruction; without it every question
about code raises Unknown with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Optional

from crashext.engine.arch.addresses import AddressLayout, Region
from crashext.engine.arch.base import Names, Plain, Registers, SystemCall, Variable
from crashext.engine.arch.names import Machine, Trap
from crashext.engine.arch.x86 import names
from crashext.engine.lazy import Lazy
from crashext.engine.words import AccessType
from crashext.errors import Unknown

if TYPE_CHECKING:
    from crashext.engine.arch.analysis import Analysis, Words
    from crashext.engine.arch.code import Decoded
    from crashext.engine.model import ErrorCode, Instruction

# All sixteen digits, or the line was cut: what is left of an address is none.
_X86_64 = re.compile(
    r"\b(?!(?:R|CR|DR|ORIG)\w{1,6}: {1,8}(?:[0-9a-f]{4}:)?[0-9a-f]{8,15}\b)"
    r"(R(?:AX|BX|CX|DX|SI|DI|BP|SP|08|09|8|9|1[0-5])|CR[0-8]|DR[0-7]|ORIG_RAX|PKRU|EFLAGS)"
    r": +(?:[0-9a-f]{4}:)?([0-9a-f]{8,16})\b"
)
_SEGMENT = re.compile(
    r"\b(FS|GS|knlGS): *([0-9a-f]{16})(?:\([0-9a-f]{4}\))?|\b(CS|DS|ES|SS): +([0-9a-f]{4})\b"
)
_I386 = Lazy(r"\b(E(?:AX|BX|CX|DX|SI|DI|BP|SP)|CR[0-4]|EFLAGS): +([0-9a-f]{8})\b")
_RENAME = {"r08": "r8", "r09": "r9", "knlgs": "kernel_gs"}


class _X86(Plain):
    """What both have in common: the error codes, the instructions."""

    longest_instruction = 15  # Intel SDM volume 2, 2.3.11
    #: The processor pushes a code, and the entry leaves it in orig_ax. For a page fault it puts -1
    #: there: no system call to restart.
    traps_with_code = frozenset[Trap](("#GP", "#SS", "#DF", "#TS", "#NP"))

    def normalise(self, registers: Mapping[str, int]) -> dict[str, int]:
        from crashext.engine.arch.x86 import insn

        return insn.normalise(registers)

    def in_kernel(self, registers: Mapping[str, int]) -> bool:
        """By the privilege level, the low bits of the code selector."""
        return registers.get("cs", 0x10) & 3 == 0

    def explain_error(
        self,
        code: Optional[int],
        trap: Optional[Trap],
        *,
        pc: Optional[int] = None,
        address: Optional[int] = None,
        pointer: Optional[int] = None,
    ) -> ErrorCode:
        """The page-fault bits, or the selector of the other traps."""
        from crashext.engine.arch.x86 import pagefault, traps

        if trap is None or code is None:
            return super().explain_error(code, trap)
        known = traps.trap_by_mnemonic(trap)
        if known is not None and not known.has_error_code:
            raise Unknown(f"{trap} ({known.name}) has no error code")
        if trap == "#PF":
            found = pagefault.explain_error_code(code, rip=pc, address=address, pointer=pointer)
        else:
            found = traps.explain_trap_error(trap, code)
        found.trap = trap
        return found

    def access_type(self, code: int, trap: Optional[Trap]) -> Optional[AccessType]:
        from crashext.engine.arch.x86 import pagefault

        return pagefault.access_type(code) if trap == "#PF" else None

    def denies(self, code: int, trap: Optional[Trap]) -> bool:
        from crashext.engine.arch.x86 import pagefault

        return trap == "#PF" and bool(code & pagefault.PROT)

    def walk_denies(
        self, printed: str, code: int, trap: Optional[Trap], registers: Mapping[str, int]
    ) -> Optional[str]:
        from crashext.engine.arch.x86 import pagewalk

        walk = pagewalk.parse(printed) if trap == "#PF" else None
        return None if walk is None else pagewalk.contradiction(walk, code, registers)

    def decode(self, data: bytes, address: int) -> Optional[Decoded]:
        from crashext.engine.arch.x86 import decoder

        return decoder.decode(data, 0, address, self.bits)

    def decode_before(self, data: bytes, address: int, whole: bool) -> list[Decoded]:
        from crashext.engine.arch.x86 import borders, decoder

        offset, _ = borders.borders_before(data, len(data), len(data) if whole else None, self.bits)
        return decoder.decode_run(data, offset, address + offset, self.bits)

    def disassemble(
        self,
        data: bytes,
        address: int,
        faulting: int,
        *,
        function_offset: Optional[int] = None,
        function_size: Optional[int] = None,
        address_known: bool = True,
    ) -> list[Instruction]:
        from crashext.engine.arch.x86 import insn

        return insn.disassemble(
            data,
            address,
            faulting,
            function_offset=function_offset,
            function_size=function_size,
            address_known=address_known,
            bits=self.bits,
        )

    def analyse(
        self,
        code: Optional[bytes],
        fault_index: int,
        pc: Optional[int],
        registers: Mapping[str, int],
        error_code: Optional[int],
        fault_address: Optional[int],
        *,
        trap: Optional[Trap],
        function_offset: Optional[int] = None,
        function_size: Optional[int] = None,
        address_known: bool = True,
        words: Optional[Words] = None,
        symbols: Optional[Names] = None,
    ) -> Analysis:
        from crashext.engine.arch.x86 import insn

        return insn.analyse(
            code,
            fault_index,
            pc,
            dict(registers),
            error_code,
            fault_address,
            trap=trap,
            function_offset=function_offset,
            function_size=function_size,
            address_known=address_known,
            words=words,
            symbols=symbols,
            bits=self.bits,
        )


class _X8664(_X86):
    name: Machine = "x86_64"
    registers = Registers(
        pc="rip",
        sp="rsp",
        frame="rbp",
        flags="eflags",
        fault_address="cr2",
        shown=names.SHOWN,
        control=names.CONTROL,
        general=names.GENERAL,
        arguments=names.ARGUMENTS,
        result="rax",
        caller_saved=names.CALLER_SAVED,
        pt_regs=names.PT_REGS,
        # The entry overwrites orig_rax; cs and ss have upper halves.
        entry_changes=frozenset(("orig_rax", "cs", "ss")),
    )
    #: The arguments are in di si dx r10 r8 r9 (AMD64 ABI, A.2.1). The C entry exists since 4.6.
    system_call = SystemCall("orig_ax", ("di", "si", "dx", "r10", "r8", "r9"), ("do_syscall_64",))
    poison_delta = 0xDEAD_0000_0000_0000
    #: MODULES_VADDR is at or above __START_KERNEL_map on every configuration.
    lowest_module = 0xFFFF_FFFF_8000_0000
    _cs, _flags = names.PT_REGS.index("cs"), names.PT_REGS.index("eflags")

    @property
    def entries(self) -> Mapping[str, Trap]:  # type: ignore[override]
        from crashext.engine.arch.x86.entries import TRAPS

        return TRAPS

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        found: dict[str, int] = {}
        for match in _X86_64.finditer(line):
            found[match[1].lower()] = int(match[2], 16)
        for match in _SEGMENT.finditer(line):
            found[(match[1] or match[3]).lower()] = int(match[2] or match[4], 16)
        return {_RENAME.get(name, name): value for name, value in found.items()}

    def is_pt_regs(self, words: Sequence[int], index: int) -> bool:
        """The code selector is ``__KERNEL_CS`` (0x10; FRED keeps more above bit 16) and bit 1 of
        EFLAGS is always set (Intel SDM vol. 1, 3.4.3) while bits 22 and up are reserved.
        """
        if not super().is_pt_regs(words, index) or words[index + self._cs] & 0xFFFF != 0x10:
            return False
        flags = words[index + self._flags]
        return bool(flags & 2) and flags < 1 << 22

    def saved_error_code(self, trap: Trap, registers: Mapping[str, int]) -> Optional[int]:
        code = registers["orig_rax"]
        return code if trap in self.traps_with_code and code < 1 << 32 else None

    def inside_call(
        self, return_address: int, sp: int, frame: Optional[int] = None
    ) -> dict[str, int]:
        known = {"rip": return_address - 1, "rsp": sp, "cs": 0x10, "ss": 0x18}
        return known if frame is None else {**known, "rbp": frame}

    def layout(self, variable: Variable) -> AddressLayout:
        from crashext.engine.arch.x86 import addresses

        return addresses.layout_of(variable)

    def with_registers(self, layout: AddressLayout, registers: Mapping[str, int]) -> AddressLayout:
        from crashext.engine.arch.x86 import addresses

        return addresses.with_registers(layout, registers)

    def region_of(self, value: int, layout: AddressLayout) -> Region:
        from crashext.engine.arch.x86 import addresses

        return addresses.region_of(value, layout)

    def kasan_original(self, address: int, layout: AddressLayout) -> Optional[int]:
        from crashext.engine.arch.x86 import kasan

        return kasan.kasan_original(
            address,
            layout.kasan_shadow_offset or kasan.KASAN_SHADOW_OFFSET_X86,
            address_bits=layout.address_bits,
            kasan=layout.kasan_shadow_offset is not None,
        )

    @lru_cache(maxsize=1)  # noqa: B019 (there is one such object)
    def indirect_thunks(self) -> Mapping[str, str]:
        """The retpolines (arch/x86/lib/retpoline.S)."""
        return {
            prefix + register: register
            for register in names.GENERAL
            for prefix in ("__x86_indirect_thunk_", "__x86_indirect_call_thunk_")
        }


class _I386Machine(_X86):
    name: Machine = "i386"
    bits = 32
    registers = Registers(
        pc="eip",
        sp="esp",
        frame="ebp",
        flags="eflags",
        fault_address="cr2",
        control=names.CONTROL,
        general=("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"),
        # The kernel is built with -mregparm=3.
        arguments=("eax", "edx", "ecx"),
        result="eax",
        caller_saved=frozenset(("eax", "ecx", "edx")),
    )
    system_call = SystemCall("orig_ax", ("bx", "cx", "dx", "si", "di", "bp"), ())
    #: CONFIG_PAGE_OFFSET is c0000000, or lower with CONFIG_VMSPLIT_*.
    user_end = kernel_start = 0x8000_0000
    kernel_certain = 0xC000_0000

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        return {match[1].lower(): int(match[2], 16) for match in _I386.finditer(line)}


X86_64 = _X8664()
I386 = _I386Machine()
