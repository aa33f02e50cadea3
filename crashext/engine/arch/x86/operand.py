# SPDX-License-Identifier: GPL-2.0-or-later
"""Which operand of an instruction faulted, and which register made it bad.

The reported address and error code decide; without an address (#GP before 5.8, #DF) what is not
canonical, not aligned or off the stack. Nothing is chosen that the evidence does not carry.
"""

from __future__ import annotations

from typing import Optional

from crashext.engine.arch.addresses import near_null
from crashext.engine.arch.analysis import Analysis, Operand, Words
from crashext.engine.arch.code import Decoded, Memory
from crashext.engine.arch.x86.addresses import is_canonical
from crashext.engine.arch.x86.kasan import KASAN_SHADOW_OFFSET_X86, kasan_pointer
from crashext.engine.arch.x86.names import full_name
from crashext.engine.arch.x86.pagefault import access_type
from crashext.engine.words import AccessType

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


def operands_of(fault: Decoded, known: dict[str, int], bits: int) -> list[Operand]:
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


def classify(result: Analysis, fault: Decoded, known: dict[str, int], trap: Optional[str]) -> None:
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


def note_cfi(result: Analysis, before: list[Decoded], known: dict[str, int], words: Words) -> None:
    """kCFI's check before an indirect call (clang -fsanitize=kcfi): the type hash did not fit.

    ``mov $-hash,%r10d; add -4(%r11),%r10d; je 1f; ud2; 1: call *%r11``.
    """
    if len(before) < 3:
        return
    load, add, branch = before[-3:]
    target = add.memory[0].base if add.memory else None
    if (
        load.mnemonic != "mov"
        or load.operand_registers[:1] != ("r10d",)
        or add.mnemonic != "add"
        or add.operand_registers[:1] != ("r10d",)
        or branch.mnemonic != "je"
        or target is None
    ):
        return
    result.bad_register, result.bad_value = target, known.get(target)
    value = ""
    if result.bad_value is not None:
        value = f", 0x{result.bad_value:x} ({words.describe(result.bad_value)})"
    result.sentence = (
        "ud2 of control-flow integrity (kCFI): an indirect call of a function whose type is not "
        f"the pointer's; the pointer is %{target}{value}"
    )


def _divide(result: Analysis, fault: Decoded, known: dict[str, int]) -> None:
    result.kind = "divide"
    divisor = fault.operand_registers[0] if fault.operand_registers else ""
    if not divisor:
        result.operand = result.operands[0] if result.operands else None
        where = ""
        if result.operand is not None and result.operand.address is not None:
            result.effective_address = result.operand.address
            where = f" at 0x{result.operand.address:x}"
        result.sentence = (
            f"{fault.text}: the divisor is in memory{where}, so its value is not in the report"
        )
        return
    result.bad_register = divisor
    full = known.get(full_name(divisor))
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
    full = full_name(register)
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


def choose_operand(
    result: Analysis,
    fault: Decoded,
    known: dict[str, int],
    error_code: Optional[int],
    fault_address: Optional[int],
    trap: Optional[str],
    words: Words,
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
    if result.operand is None and fault_address is not None and trap in ("#GP", "#SS"):
        _hinted_register(result, known, fault_address)
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
        _bad_register(result, chosen.memory, known, words)


def _hinted_register(result: Analysis, known: dict[str, int], hint: int) -> None:
    """A #GP hint that is the base register's value: its kernel left the displacement out.

    insn_get_addr_ref() decodes the displacement only once insn_get_displacement() ran; before
    v5.8 some callers did not ask (arch/x86/lib/insn-eval.c).
    """
    for operand in result.operands:
        memory = operand.memory
        if not memory.base or memory.index or known.get(memory.base) != hint:
            continue
        if operand.address not in (None, hint):
            result.operand, result.matches, result.hint_is_register = operand, True, True
            return


def _own_access(memory: Memory) -> AccessType:
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
    result: Analysis, fault: Decoded, known: dict[str, int], words: Words
) -> None:
    """A #GP or #SS without a fitting address: look for what is not canonical or not aligned."""
    for operand in result.operands:
        if operand.address is not None and not is_canonical(operand.address):
            result.operand = operand
            result.notes.append(
                f"{operand.text} = 0x{operand.address:x} is not canonical: that explains the fault"
            )
            return
    if fault.flow in ("indirect call", "indirect jump") and not fault.explicit_memory():
        name = fault.operand_registers[0] if fault.operand_registers else ""
        value = known.get(name)
        if value is not None and not is_canonical(value):
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


def _bad_register(result: Analysis, memory: Memory, known: dict[str, int], words: Words) -> None:
    """Which register of the operand carries the bad value."""
    if memory.constant and near_null(memory.displacement):
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
        index_is_pointer = _looks_mapped(index_value, words) and memory.scale == 1
        signed = index_value - (1 << 64) if index_value >> 63 else index_value
        far = abs(signed) * memory.scale >= _FAR
        if _looks_mapped(base_value, words) and far and not index_is_pointer:
            chosen = index
            result.notes.append(
                f"%{base} looks like a good pointer, so the index %{index} is out of range"
            )
    result.bad_register, result.bad_value = chosen, known.get(chosen)
    other = index if chosen == base else base
    if other in known and other != chosen:
        result.other_register = (other, known[other])
    shadow = KASAN_SHADOW_OFFSET_X86
    if shadow in (base_value, index_value) and memory.size <= 2 and result.effective_address:
        pointer = kasan_pointer(result.effective_address)
        result.notes.append(
            f"this is KASAN's look at the shadow of 0x{pointer:x}: the access of the source is the "
            "one that follows"
        )


def _looks_mapped(value: int, words: Words) -> bool:
    """A kernel address that is neither poison nor an error number: a pointer that may be good."""
    return (
        value >> 63 == 1
        and is_canonical(value, 57)
        and value < 0xFFFF_FFFF_FFFF_F000
        and not words.is_poison(value)
    )
