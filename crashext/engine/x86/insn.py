# SPDX-License-Identifier: GPL-2.0-or-later
"""The faulting instruction: what it tried, with which register, and whether that fits the report.

Everything is computed from code bytes and registers; where the result and the reported address
disagree, :class:`Analysis` says so instead of choosing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from crashext.engine import values
from crashext.engine.model import Instruction
from crashext.engine.x86 import decoder, origin
from crashext.engine.x86.decoder import Decoded, Memory
from crashext.engine.x86.pagefault import access_type
from crashext.errors import Unknown

_MASK = (1 << 64) - 1
#: A string instruction may report any address of the block that it was at (fast-string microcode).
_FAST_STRING = 64
#: An index that moves an address by less is not what made a pointer bad.
_FAR = 4096
#: An address this near to the stack pointer counts as on the stack.
_STACK_REACH = 4096
_ALIGNED = ("movaps", "movapd", "movdqa", "movntps", "movntdq", "fxsave", "fxsave64", "fxrstor",
            "fxrstor64", "xsave", "xsave64", "xsaves", "xsaves64", "xsavec", "xsavec64", "xsaveopt",
            "xsaveopt64", "xrstor", "xrstor64", "xrstors", "xrstors64", "cmpxchg16b")  # fmt: skip
_PRIVILEGED = {
    "rdmsr": "reads the MSR in ecx", "wrmsr": "writes the MSR in ecx",
    "hlt": "halts the processor", "xsetbv": "writes the extended control register in ecx",
    "invlpg": "flushes a TLB entry", "iretq": "returns from an interrupt",
    "iretd": "returns from an interrupt", "sysretq": "returns to user space",
}  # fmt: skip


@dataclass
class Operand:
    """A memory operand with the address that the registers give it."""

    memory: Memory
    address: Optional[int]
    #: Role for instructions with several: "source", "destination", "stack", "function pointer", "".
    role: str = ""

    @property
    def text(self) -> str:
        return self.memory.text


@dataclass
class Analysis:
    """What the instruction at RIP tried. Sizes are in bytes, addresses virtual."""

    #: None where the report does not tell it (a log since 4.10 gives symbol and offset only).
    rip: Optional[int]
    instruction: str = ""
    data: bytes = b""
    #: "memory", "call", "jump", "return", "stack", "string", "bug" (ud2), "breakpoint" (int3),
    #: "divide", "privileged", "fetch" (RIP itself is bad), "other"
    kind: str = "other"
    access_type: Optional[str] = None
    access_size: Optional[int] = None
    operands: list[Operand] = field(default_factory=list)
    #: The operand that faulted, as far as the evidence tells.
    operand: Optional[Operand] = None
    effective_address: Optional[int] = None
    #: Whether the effective address fits the reported one; None: nothing to compare.
    matches: Optional[bool] = None
    bad_register: Optional[str] = None
    bad_value: Optional[int] = None
    #: The operand's other register and its value, when it has two.
    other_register: Optional[tuple[str, int]] = None
    #: Value of the pointer that was followed: the base register's, or 0 when the address is a
    #: small constant (then the compiler knew that the pointer is NULL). None: not known.
    pointer: Optional[int] = None
    #: A double fault: the stack pointer itself is what went wrong.
    off_stack: bool = False
    #: The address is in the instruction itself: no register took part.
    constant_address: bool = False
    origin: Optional[origin.Origin] = None
    #: One sentence for a person.
    sentence: str = ""
    notes: list[str] = field(default_factory=list)
    #: Instruction borders before RIP are certain (the function's start was in the bytes).
    synchronised: bool = False


@dataclass(frozen=True)
class _Words:
    """What names values: the symbols and the address map of the kernel."""

    symbols: Optional[values.SymbolLookup] = None
    layout: Optional[values.AddressLayout] = None

    def describe(self, value: int, pointer: bool = True) -> str:
        return values.describe(value, layout=self.layout, symbols=self.symbols, pointer=pointer)


def normalise(registers: Optional[dict[str, int]]) -> dict[str, int]:
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
    start, certain = decoder.borders_before(data, fault_index, place.function_offset, bits)
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
    symbols: Optional[values.SymbolLookup] = None,
    layout: Optional[values.AddressLayout] = None,
    bits: int = 64,
) -> Analysis:
    """What the instruction at RIP tried, checked against the report.

    ``rip`` None: not known; jump targets are then distances to RIP, and a bad RIP is recognised
    by the error code alone. ``registers`` are those at the fault; ``error_code`` of a page fault;
    ``fault_address`` CR2 or the address of a #GP hint; ``trap`` "#PF", "#GP" …;
    ``function_offset`` RIP's offset in its function, when known; ``address_known`` false: ``rip``
    is that offset too, the address not being known. ``symbols`` names addresses, ``layout`` is the
    kernel's address map. Raises Unknown when there are no bytes to decode and RIP is not the bad
    address itself, or without iced-x86.
    """
    known = normalise(registers)
    words = _Words(symbols, layout)
    fetch = _fetch(rip, error_code, fault_address, trap, words)
    if fetch is not None:
        return fetch
    if not code:
        raise Unknown("the log has no code bytes at RIP")
    place = _Place(rip, function_offset, function_size, address_known)
    fault = place.adapt(decode_at(code, fault_index, rip or 0, bits=bits))
    before, _, after, certain = _split(code, fault_index, place, bits)
    result = Analysis(rip=rip, instruction=fault.text, data=fault.data, synchronised=certain)
    result.operands = _operands(fault, known, bits)
    _classify(result, fault, known, trap)
    if result.kind in ("memory", "string", "stack", "call", "jump", "return"):
        _choose_operand(result, fault, known, error_code, fault_address, trap, words)
    if result.bad_register not in (None, "rsp", "esp", "rip"):
        result.origin = origin.trace(
            origin.full_name(result.bad_register or ""),
            before,
            registers=known,
            from_function_start=certain,
            after=after,
            fault=fault,
            symbols=symbols,
        )
    if not result.sentence:
        result.sentence = _sentence(result, fault, words)
    return result


def _fetch(
    rip: Optional[int],
    error_code: Optional[int],
    fault_address: Optional[int],
    trap: Optional[str],
    words: _Words,
) -> Optional[Analysis]:
    """RIP itself is the bad address: there is no instruction to decode."""
    page_fault = trap in (None, "#PF")
    instruction_fetch = error_code is not None and access_type(error_code) == "execute"
    at_rip = rip is not None and fault_address == rip
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
        sentence=_fetch_sentence(where, error_code, words),
        notes=notes,
    )


def _fetch_sentence(where: Optional[int], error_code: Optional[int], words: _Words) -> str:
    if where is None:
        return "a call or jump to an address that the report does not give"
    if where == 0:
        return "a call or jump through a function pointer that is NULL"
    if error_code is not None and error_code & 1:
        state = "which is mapped but not executable"
    else:
        state = "where nothing is mapped"
    return f"a call or jump to 0x{where:x}, {state} ({words.describe(where)})"


def _operands(fault: Decoded, known: dict[str, int], bits: int) -> list[Operand]:
    operands = []
    for memory in fault.memory:
        role = ""
        if memory.implied:
            role = "stack"
        elif fault.string:
            role = "destination" if memory.base in ("rdi", "edi") else "source"
            if fault.mnemonic.startswith(("cmps", "scas")):
                role = "source"
        elif fault.flow in ("indirect call", "indirect jump"):
            role = "function pointer"
        operands.append(Operand(memory, memory.address(known, bits), role))
    return operands


def _classify(result: Analysis, fault: Decoded, known: dict[str, int], trap: Optional[str]) -> None:
    """Set ``kind``; and all that instructions without a faulting memory operand have to say."""
    explicit = fault.explicit_memory()
    if fault.mnemonic in ("ud2", "ud1", "ud0"):
        result.kind = "bug"
        result.sentence = (
            "ud2: the kernel put it there for BUG() or WARN(); the processor did as told"
            if fault.mnemonic == "ud2"
            else f"{fault.mnemonic}: a WARN() (6.19 and later), or a trap of the compiler's checks "
            "(UBSAN, CFI)"
        )
    elif fault.mnemonic == "int3":
        result.kind = "breakpoint"
        result.sentence = (
            "int3: a breakpoint that nothing claimed, or padding that control should never reach"
        )
    elif fault.mnemonic in ("div", "idiv") and trap in (None, "#DE"):
        _divide(result, fault, known)
    elif fault.flow == "indirect call":
        result.kind = "call"
    elif fault.flow == "indirect jump":
        result.kind = "jump"
    elif fault.flow == "return":
        result.kind = "return"
    elif fault.string:
        result.kind = "string"
    elif explicit:
        result.kind = "memory"
    elif fault.memory:
        result.kind = "stack"
    elif fault.privileged or fault.mnemonic in _PRIVILEGED:
        result.kind = "privileged"
        what = _PRIVILEGED.get(fault.mnemonic, "is a privileged instruction")
        msr = known.get("rcx") if "msr" in fault.mnemonic else None
        result.sentence = f"{fault.text} {what}" + (
            f" (0x{msr & 0xFFFFFFFF:x}): this processor, or its hypervisor, refuses that MSR"
            if msr is not None
            else ""
        )
    if fault.mnemonic in ("div", "idiv") and result.kind != "divide":
        result.kind = "memory" if explicit else result.kind


def _divide(result: Analysis, fault: Decoded, known: dict[str, int]) -> None:
    result.kind = "divide"
    divisor = fault.operand_registers[0] if fault.operand_registers else ""
    if not divisor:
        result.operand = result.operands[0] if result.operands else None
        result.sentence = (
            f"{fault.text}: the divisor is in memory, so its value is not in the report"
        )
        return
    result.bad_register = divisor
    full = known.get(origin.full_name(divisor))
    if full is None:
        result.sentence = f"{fault.text}: the divisor is %{divisor}, whose value is not known"
        return
    value = _part(divisor, full)
    result.bad_value = value
    if value == 0:
        result.sentence = f"division by zero: the divisor %{divisor} is 0"
    else:
        result.sentence = (
            f"the divisor %{divisor} is 0x{value:x}, not 0: the quotient does not fit "
            "(too large a dividend, or the most negative number divided by -1)"
        )


def _part(register: str, value: int) -> int:
    """The part of a 64-bit register that a shorter name stands for."""
    full = origin.full_name(register)
    if register == full:
        return value
    if register in ("ah", "bh", "ch", "dh"):
        return value >> 8 & 0xFF
    if register.startswith("e") or register.endswith("d"):
        return value & 0xFFFF_FFFF
    if register.endswith(("l", "b")):
        return value & 0xFF
    return value & 0xFFFF


def _fits(operand: Operand, fault: Decoded, address: int) -> bool:
    if operand.address is None:
        return False
    reach = operand.memory.size or 1
    if fault.repeated:
        reach = max(reach, _FAST_STRING)
    return (address - operand.address) & _MASK < reach


def _allows(memory: Memory, wanted: Optional[str]) -> bool:
    return wanted is None or (memory.writes if wanted == "write" else memory.reads)


def _choose_operand(
    result: Analysis,
    fault: Decoded,
    known: dict[str, int],
    error_code: Optional[int],
    fault_address: Optional[int],
    trap: Optional[str],
    words: _Words,
) -> None:
    page_fault = trap in (None, "#PF")
    wanted = access_type(error_code) if error_code is not None and page_fault else None
    if fault_address is not None:
        hits = [operand for operand in result.operands if _fits(operand, fault, fault_address)]
        best = [operand for operand in hits if _allows(operand.memory, wanted)] or hits
        if best:
            result.operand = best[0]
            result.matches = True
            if not _allows(best[0].memory, wanted):
                result.notes.append(
                    f"the error code says {wanted}, but {fault.text} only "
                    f"{'reads' if best[0].memory.reads else 'writes'} there"
                )
    if result.operand is None and trap == "#DF":
        _double_fault(result, known)
    elif result.operand is None and not page_fault:
        _general_protection(result, fault, known, words)
    if result.operand is None and result.kind in ("memory", "string", "stack", "call", "jump",
                                                  "return"):  # fmt: skip
        _fall_back(result, fault_address, wanted, page_fault)
    chosen = result.operand
    if chosen is None:
        return
    result.effective_address = chosen.address
    result.access_size = chosen.memory.size or None
    result.access_type = wanted or _own_access(chosen.memory)
    result.constant_address = chosen.memory.constant
    if result.bad_register is None:
        _bad_register(result, chosen.memory, known)


def _own_access(memory: Memory) -> str:
    return "write" if memory.writes else "read"


def _fall_back(
    result: Analysis, fault_address: Optional[int], wanted: Optional[str], page_fault: bool
) -> None:
    """No operand fits the reported address: keep the explicit one, and say what disagrees."""
    candidates = [operand for operand in result.operands if operand.role != "stack"]
    candidates = candidates or result.operands
    allowed = [operand for operand in candidates if _allows(operand.memory, wanted)]
    if fault_address is None:
        if page_fault and len(allowed or candidates) == 1:
            result.operand = (allowed or candidates)[0]
        elif not page_fault and result.bad_register is None:
            result.notes.append("no operand of the instruction explains the fault by its address")
        return
    unknown = [operand for operand in (allowed or candidates) if operand.address is None]
    if unknown:
        result.operand = unknown[0]
        missing = unknown[0].memory
        needs = f"the base of %{missing.segment}" if missing.segment else "registers"
        result.notes.append(
            f"the address of {missing.text} cannot be computed ({needs} not in the report)"
        )
        return
    computed = [operand for operand in candidates if operand.address is not None]
    if computed:
        result.operand = (
            [operand for operand in allowed if operand.address is not None] or computed
        )[0]
        result.matches = False
        shown = ", ".join(f"{operand.text} = 0x{operand.address:x}" for operand in computed)
        result.notes.append(
            f"the instruction does not explain the reported address 0x{fault_address:x}: {shown}"
        )


def _double_fault(result: Analysis, known: dict[str, int]) -> None:
    """A stack overflow: the access near the stack pointer is the one that could not be made."""
    rsp = known.get("rsp")
    for operand in result.operands:
        near = (
            rsp is not None
            and operand.address is not None
            and (rsp - operand.address + _STACK_REACH) & _MASK < 2 * _STACK_REACH
        )
        if operand.role == "stack" or operand.memory.base in ("rsp", "esp") or near:
            result.operand = operand
            result.off_stack = operand.role == "stack" or operand.memory.base in ("rsp", "esp")
            result.notes.append(
                "the stack pointer has left the stack, so neither this access nor the exception "
                "frame for its fault could be written"
            )
            return


def _general_protection(
    result: Analysis, fault: Decoded, known: dict[str, int], words: _Words
) -> None:
    """A #GP or #SS without a fitting address: look for what is not canonical or not aligned."""
    for operand in result.operands:
        if operand.address is not None and not values.is_canonical(operand.address):
            result.operand = operand
            result.notes.append(
                f"{operand.text} = 0x{operand.address:x} is not canonical: that explains the fault"
            )
            return
    if fault.flow in ("indirect call", "indirect jump") and not fault.explicit_memory():
        name = fault.operand_registers[0] if fault.operand_registers else ""
        value = known.get(name)
        if value is not None and not values.is_canonical(value):
            result.bad_register, result.bad_value = name, value
            result.access_type = "execute"
            result.effective_address = value
            result.sentence = (
                f"a {fault.flow.split()[1]} through the function pointer in %{name}, which is "
                f"0x{value:x}: {words.describe(value)}"
            )
            return
    if fault.mnemonic in _ALIGNED:
        for operand in result.operands:
            align = 16 if fault.mnemonic.startswith(("mov", "fx", "cmpx")) else 64
            if operand.address is not None and operand.address % align:
                result.operand = operand
                result.notes.append(
                    f"{fault.mnemonic} needs an address that {align} divides, and "
                    f"0x{operand.address:x} is not: that explains the fault"
                )
                return
    if fault.flow == "return":
        result.bad_register, result.bad_value = "rsp", known.get("rsp")
        result.sentence = (
            "ret to a return address that is not canonical: the stack was overwritten "
            "(or a retpoline thunk called a bad function pointer)"
        )


def _bad_register(result: Analysis, memory: Memory, known: dict[str, int]) -> None:
    """Which register of the operand carries the bad value."""
    if memory.constant and _near_null(memory.displacement):
        result.pointer = 0
    elif memory.base:
        result.pointer = known.get(memory.base)
    names = [name for name in (memory.base, memory.index) if name]
    if memory.bit_offset and not names:
        names = [memory.bit_offset]
    if not names:
        return
    if len(names) == 1:
        result.bad_register, result.bad_value = names[0], known.get(names[0])
        return
    base, index = names
    base_value, index_value = known.get(base), known.get(index)
    chosen = base
    if base_value is not None and index_value is not None:
        index_is_pointer = _looks_mapped(index_value) and memory.scale == 1
        signed = index_value - (1 << 64) if index_value >> 63 else index_value
        far = abs(signed) * memory.scale >= _FAR
        if _looks_mapped(base_value) and far and not index_is_pointer:
            chosen = index
            result.notes.append(
                f"%{base} looks like a good pointer, so the index %{index} is out of range"
            )
    result.bad_register, result.bad_value = chosen, known.get(chosen)
    other = index if chosen == base else base
    if other in known and other != chosen:
        result.other_register = (other, known[other])
    shadow = values.KASAN_SHADOW_OFFSET_X86
    if shadow in (base_value, index_value) and memory.size <= 2 and result.effective_address:
        pointer = values.kasan_pointer(result.effective_address)
        result.notes.append(
            f"this is KASAN's look at the shadow of 0x{pointer:x}: the access of the source is the "
            "one that follows"
        )


def _near_null(address: int) -> bool:
    """A constant address that is NULL plus or minus a member's offset."""
    address &= _MASK
    return address < values.MMAP_MIN_ADDR or address >= (1 << 64) - values.PAGE_SIZE


def _looks_mapped(value: int) -> bool:
    """A kernel address that is neither poison nor an error number: a pointer that may be good."""
    return (
        value >> 63 == 1
        and values.is_canonical(value, 57)
        and value < 0xFFFF_FFFF_FFFF_F000
        and values.poison(value) is None
    )


_VERBS = {"read": "read", "write": "wrote", "execute": "executed"}


def _sentence(result: Analysis, fault: Decoded, words: _Words) -> str:
    chosen = result.operand
    if chosen is None:
        return fault.text
    memory = chosen.memory
    size = memory.size
    count = "" if not size else f" {size} byte{'s' if size != 1 else ''}"
    verb = _VERBS.get(result.access_type or "", "touched")
    where = f"{memory.text}"
    if chosen.role == "function pointer":
        head = f"loaded the function pointer for the {fault.flow.split()[1]} from {where}"
    elif chosen.role == "stack":
        head = f"{verb}{count} on the stack at {where}"
    elif chosen.role:
        head = f"{verb}{count} at its {chosen.role} {where}"
    else:
        head = f"{verb}{count} at {where}"
    return head + _because(result, memory, words)


def _because(result: Analysis, memory: Memory, words: _Words) -> str:
    if memory.constant:
        if memory.rip_relative:
            return ": a variable at a fixed place"
        if _near_null(memory.displacement):
            address = memory.displacement & _MASK
            shown = f"-0x{(1 << 64) - address:x}" if address >> 63 else f"0x{address:x}"
            return (
                f": the address is the constant {shown if address else 0}, the compiler knew that "
                "the pointer is NULL"
            )
        return ": the address is a constant in the code"
    if result.bad_register is None or result.bad_value is None:
        return ""
    if result.off_stack:
        return (
            f": %{result.bad_register} is 0x{result.bad_value:x}, which is no longer on the stack"
        )
    meaning = words.describe(result.bad_value, pointer=result.bad_register != memory.index)
    text = f": %{result.bad_register} is 0x{result.bad_value:x} ({meaning})"
    if result.other_register is not None:
        text += f", %{result.other_register[0]} is 0x{result.other_register[1]:x}"
    return text
