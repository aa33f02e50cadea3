# SPDX-License-Identifier: GPL-2.0-or-later
"""What crashext asks an architecture: the Protocol, and the answers of one that is little known.

docs/architectures.md explains it and has the checklist for the next one. Nothing outside of
``engine/arch`` names a register; who needs one asks ``of(machine).registers``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Callable, Optional, Protocol

from crashext.engine.arch.addresses import AddressLayout, Region, half
from crashext.engine.arch.names import Machine, Trap
from crashext.engine.words import AccessType
from crashext.errors import Unknown

if TYPE_CHECKING:  # only an architecture that decodes pays for the decoder's side
    from crashext.engine.arch.analysis import Analysis, Words
    from crashext.engine.arch.code import Decoded
    from crashext.engine.model import ErrorCode, Instruction

#: Reads a variable of the kernel by name and size in bytes; None when it cannot be had.
Variable = Callable[[str, int], Optional[int]]
#: ``name+0x…`` of an address, or None.
Names = Callable[[int], Optional[str]]


@dataclass(frozen=True)
class SystemCall:
    """What ``struct pt_regs`` holds of a system call: members as the kernel's C spells them."""

    number: str
    arguments: tuple[str, ...]
    #: C functions that an entry from user space calls, whose frame leads to those registers.
    functions: tuple[str, ...]


@dataclass(frozen=True)
class Registers:
    """Names of the registers as the kernel's register dump prints them, in lower case."""

    pc: str
    sp: str
    #: Holds the return address after a call; None: the call pushes it on the stack.
    link: Optional[str] = None
    frame: Optional[str] = None
    flags: Optional[str] = None
    #: Holds the address of the last fault, and is printed with the others.
    fault_address: Optional[str] = None
    #: What that address counts as (``AddressCandidate.source``).
    fault_source: str = "CR2"
    #: In the order in which an explanation shows them; empty: as the dump has them.
    shown: tuple[str, ...] = ()
    #: Printed in a dump, but what they hold is neither an address nor a value of the program.
    control: frozenset[str] = frozenset()
    #: Registers that instructions compute with, in the order of their numbers.
    general: tuple[str, ...] = ()
    #: Of the calling convention that the kernel uses.
    arguments: tuple[str, ...] = ()
    result: Optional[str] = None
    caller_saved: frozenset[str] = frozenset()
    #: The leading members of ``struct pt_regs`` in memory order, one word each; empty: not known.
    pt_regs: tuple[str, ...] = ()
    #: Whether these are all of its members.
    pt_regs_whole: bool = True
    #: Of these, what the entry code overwrites or pads: not compared with the log.
    entry_changes: frozenset[str] = frozenset()


class Architecture(Protocol):
    """One architecture. Addresses and values are plain integers; nothing here reads memory.

    What is not known raises :class:`crashext.errors.Unknown` with the reason in words.
    """

    @property
    def name(self) -> Machine: ...

    @property
    def bits(self) -> int:
        """Width of a word and of a pointer."""

    @property
    def registers(self) -> Registers: ...

    @property
    def system_call(self) -> Optional[SystemCall]: ...

    @property
    def trace_has_pc(self) -> bool:
        """Whether a printed stack trace begins with the interrupted pc itself."""

    @property
    def poison_delta(self) -> int:
        """POISON_POINTER_DELTA (include/linux/poison.h): added to every pointer poison."""

    @property
    def entries(self) -> Mapping[str, Trap]:
        """Symbols of the low-level exception entries, and the trap that each is for."""

    @property
    def traps_with_code(self) -> frozenset[Trap]:
        """Traps whose error code the entry keeps in ``pt_regs``."""

    # Register dumps

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        """The registers that one line of a dump prints; names in lower case.

        ``known``: those of the lines before it, for a line that does not name its registers.
        """

    def continues_dump(self, line: str) -> bool:
        """Whether a line without a label of its own can go on with a dump that has begun."""

    def pc_symbol(self, line: str) -> Optional[str]:
        """``[<address>] symbol``, where a line of a dump names the pc's symbol in a way of its own.

        ``RIP: …``, ``pc : …`` and ``PC is at …`` tell the machine themselves: the log reader knows
        them.
        """

    def normalise(self, registers: Mapping[str, int]) -> dict[str, int]:
        """The registers under the names that :attr:`registers` and the decoder use."""

    def shown(self, registers: Mapping[str, int]) -> list[str]:
        """Names of those that an explanation shows, in its order."""

    # struct pt_regs

    def is_pt_regs(self, words: Sequence[int], index: int) -> bool:
        """Whether registers that were saved in kernel mode can lie at ``words[index]``."""

    def in_kernel(self, registers: Mapping[str, int]) -> bool:
        """Whether printed registers are of kernel mode (also when they do not tell)."""

    def saved_error_code(self, trap: Trap, registers: Mapping[str, int]) -> Optional[int]:
        """The error code that the entry left in ``pt_regs``; None when it keeps none."""

    def inside_call(
        self, return_address: int, sp: int, frame: Optional[int] = None
    ) -> dict[str, int]:
        """Registers for unwinding from a caller, inside its call: only these are known."""

    # Error codes

    def explain_error(
        self,
        code: Optional[int],
        trap: Optional[Trap],
        *,
        pc: Optional[int] = None,
        address: Optional[int] = None,
        pointer: Optional[int] = None,
    ) -> ErrorCode:
        """All that the error code says; ``pointer`` is the one that was followed, when known."""

    def error_text(self, code: int) -> str:
        """The code as the kernel writes it, with its name: ``error code 0002``, ``ESR 96000004``"""

    def access_type(self, code: int, trap: Optional[Trap]) -> Optional[AccessType]:
        """ "read", "write" or "execute"; None when the code is of no memory access."""

    def denies(self, code: int, trap: Optional[Trap]) -> bool:
        """Whether the page was mapped and forbade the access."""

    def walk_denies(
        self, printed: str, code: int, trap: Optional[Trap], registers: Mapping[str, int]
    ) -> Optional[str]:
        """How a page walk that the kernel printed contradicts the error code; None: it does not."""

    # The address map

    def layout(self, variable: Variable) -> AddressLayout:
        """The map of the kernel whose variables can be asked."""

    def with_registers(self, layout: AddressLayout, registers: Mapping[str, int]) -> AddressLayout:
        """The same, with what the registers of a report suggest."""

    def region_of(self, value: int, layout: AddressLayout) -> Region: ...

    def kasan_original(self, address: int, layout: AddressLayout) -> Optional[int]:
        """The bad pointer behind a fault on KASAN's shadow memory, or None."""

    @property
    def lowest_module(self) -> int:
        """No module's code lies below this address, on any configuration."""

    # Code

    @property
    def longest_instruction(self) -> int:
        """In bytes."""

    def decode(self, data: bytes, address: int) -> Optional[Decoded]:
        """The instruction that ``data``, at ``address``, begins with; None: there is none."""

    def decode_before(self, data: bytes, address: int, whole: bool) -> list[Decoded]:
        """The instructions of ``data``, which begins at ``address``, so that one ends at its end.

        ``whole``: the data begins where a function does. What at the front belongs to no
        instruction of that run is left out.
        """

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
        """The instructions around the one at ``faulting``."""

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
        """What the instruction at ``pc`` tried, checked against the report."""

    def indirect_thunks(self) -> Mapping[str, str]:
        """Names of the functions that only jump through a register, and the register of each."""


class Plain:
    """An architecture of which only names and halves of the address map are known.

    The others begin from it and answer more.
    """

    name: Machine
    bits: int = 64
    registers: Registers
    system_call: Optional[SystemCall] = None
    trace_has_pc: bool = False
    poison_delta: int = 0
    entries: Mapping[str, Trap] = MappingProxyType({})
    traps_with_code: frozenset[Trap] = frozenset()
    #: The halves of the map at their widest: end of user space (exclusive), start of the kernel's.
    user_end: int = 1 << 63
    kernel_start: int = 1 << 63
    #: From here on it is the kernel's on every configuration.
    kernel_certain: int = 0
    longest_instruction: int = 4

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        return {}

    def continues_dump(self, line: str) -> bool:
        return False

    def pc_symbol(self, line: str) -> Optional[str]:
        return None

    def normalise(self, registers: Mapping[str, int]) -> dict[str, int]:
        return dict(registers)

    def shown(self, registers: Mapping[str, int]) -> list[str]:
        order = self.registers.shown or tuple(registers)
        return [name for name in order if name in registers and name not in self.registers.control]

    def is_pt_regs(self, words: Sequence[int], index: int) -> bool:
        return 0 <= index <= len(words) - len(self.registers.pt_regs)

    def in_kernel(self, registers: Mapping[str, int]) -> bool:
        return True

    def saved_error_code(self, trap: Trap, registers: Mapping[str, int]) -> Optional[int]:
        return None

    def inside_call(
        self, return_address: int, sp: int, frame: Optional[int] = None
    ) -> dict[str, int]:
        raise Unknown(f"the stack of {self.name} is not unwound without saved registers")

    def explain_error(
        self,
        code: Optional[int],
        trap: Optional[Trap],
        *,
        pc: Optional[int] = None,
        address: Optional[int] = None,
        pointer: Optional[int] = None,
    ) -> ErrorCode:
        if trap is None:
            raise Unknown("the report has no trap with an error code")
        if code is None:
            raise Unknown(f"no code with {trap}")
        raise Unknown(f"error codes of {self.name} are not known here")

    def error_text(self, code: int) -> str:
        return f"error code {code:04x}"

    def access_type(self, code: int, trap: Optional[Trap]) -> Optional[AccessType]:
        return None

    def denies(self, code: int, trap: Optional[Trap]) -> bool:
        return False

    def walk_denies(
        self, printed: str, code: int, trap: Optional[Trap], registers: Mapping[str, int]
    ) -> Optional[str]:
        return None

    def layout(self, variable: Variable) -> AddressLayout:
        return AddressLayout(machine=self.name, pointer_bits=self.bits, address_bits=self.bits)

    def with_registers(self, layout: AddressLayout, registers: Mapping[str, int]) -> AddressLayout:
        return replace(layout, stack=registers.get(self.registers.sp, layout.stack))

    def region_of(self, value: int, layout: AddressLayout) -> Region:
        region = half(value, self.user_end, self.kernel_start, self.bits)
        in_kernel = region.start == self.kernel_start
        return region._replace(certain=value >= self.kernel_certain or not in_kernel)

    def kasan_original(self, address: int, layout: AddressLayout) -> Optional[int]:
        return None

    @property
    def lowest_module(self) -> int:
        return self.kernel_start

    def _not_decoded(self) -> Unknown:
        return Unknown(f"instructions of {self.name} are not decoded: crashext decodes x86 only")

    def decode(self, data: bytes, address: int) -> Optional[Decoded]:
        raise self._not_decoded()

    def decode_before(self, data: bytes, address: int, whole: bool) -> list[Decoded]:
        raise self._not_decoded()

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
        raise self._not_decoded()

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
        raise self._not_decoded()

    def indirect_thunks(self) -> Mapping[str, str]:
        return {}
