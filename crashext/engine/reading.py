# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bad pointer of a fault was: instruction, registers, page walk and error code "
"together."""

from __future__ import annotations

from typing import Optional

from crashext.engine import kinds, values
from crashext.engine.arch.addresses import AddressLayout
from crashext.engine.arch.analysis import Analysis
from crashext.engine.arch.flow import Origin
from crashext.engine.arch.names import Trap
from crashext.engine.blame.names import normalise
from crashext.engine.case import Case, log_source
from crashext.engine.model.hardware import Sign
from crashext.engine.queues import queue_of
from crashext.engine.values.flips import BitFlip, single_bit_flip
from crashext.engine.values.meaning import Classification
from crashext.engine.values.pointer import (
    Pointer,
    classify_pointer,
    classify_user,
    follows_free_list,
)


def read_fault(case: Case, address: int, *, trap: Optional[Trap]) -> Classification:
    """The kind of a fault at ``address``, with what speaks for it and against it.

    Adds to ``case.doubts`` where the evidence allows two readings, and to the contradictions where
    the printed page walk denies the error code.
    """
    layout = case.layout or AddressLayout()
    analysis = case.analysis
    found = _denied_by_walk(case, address) if case.walk_denies else None
    if found is None and not _is_shadow(case):
        found = _by_pointer(case, address, layout)
    if found is None:
        found = _by_region(case, address, layout, trap)
    if analysis is not None and found.kind in (kinds.BAD_POINTER, kinds.NON_CANONICAL):
        found = _flipped(case, analysis, found, layout)
    found = _queued(case, found, address, layout)
    if not found.sure:
        case.doubts.append(
            f"two readings: {found.why}, or {found.other}"
            if found.other
            else f"the evidence does not settle it: {found.why}"
        )
    case.reading = found
    return found


# ------------------------------------------------------------------------ the pointer


def _is_shadow(case: Case) -> bool:
    """The fault is KASAN's own look at its shadow: the register holds no pointer of the source."""
    fault = case.explanation.fault_address
    return fault is not None and values.kasan_original(fault.value, case.layout) is not None


def pointer_of(case: Case) -> Optional[Pointer]:
    """The pointer that the faulting instruction followed, with how it came into its register."""
    analysis = case.analysis
    if analysis is None or analysis.matches is False:
        return None
    value = analysis.pointer if analysis.pointer is not None else analysis.bad_value
    if value is None:
        return None
    origin = analysis.origin
    if origin is None or analysis.bad_value != value:
        return Pointer(value, of_member=_of_member(case))
    return Pointer(
        value,
        origin.offset,
        _came(origin),
        origin.straight,
        of_member=_of_member(case),
    )


def _came(origin: Origin) -> str:
    # A spilled register comes back from the stack frame: where it was made is not in sight.
    if origin.kind == "memory" and origin.spilled:
        return ""
    return origin.kind


#: Helpers whose pointer argument is the address of a member: the caller's object is what was NULL.
_MEMBER_HELPERS = (
    "_raw_", "__raw_", "do_raw_", "native_queued_spin_lock", "queued_", "mutex_", "__mutex_",
    "down_", "up_", "__down", "rwsem_", "list_", "__list_", "refcount_", "kref_", "kobject_",
    "atomic", "complete", "__wake_up", "wake_up", "add_wait_queue", "prepare_to_wait", "queue_work",
    "__queue_work", "del_timer", "mod_timer", "timer_delete", "cancel_", "__cancel_", "rb_", "xa_",
    "xas_", "radix_tree_", "idr_", "lock_acquire", "__lock_acquire", "percpu_", "hrtimer_",
    "swake_up", "rt_mutex", "rt_spin_", "tasklet_", "try_to_grab_pending", "llist_", "hlist_",
    "skb_queue_", "__rb_", "lockref_",
)  # fmt: skip


def _of_member(case: Case) -> bool:
    rip = case.explanation.rip
    name = normalise(rip.symbol) if rip is not None and rip.symbol else None
    return name is not None and name.startswith(_MEMBER_HELPERS)


def _by_pointer(case: Case, address: int, layout: AddressLayout) -> Optional[Classification]:
    analysis = case.analysis
    if analysis is not None and analysis.matches is not False and analysis.operand is not None:
        memory = analysis.operand.memory
        if memory.rip_relative or (memory.segment == "gs" and not memory.registers()):
            return _no_pointer(memory.segment, address, layout)
    pointer = pointer_of(case)
    if pointer is None:
        return None
    found = classify_pointer(pointer, address, layout)
    if found is not None and found.kind == kinds.NULL_DEREF and pointer.value == 0:
        execute = case.explanation.access is not None and (
            case.explanation.access.type == "execute"
        )
        if execute and address == 0:
            return Classification(found.kind, "call through a NULL function pointer")
    return found


def _no_pointer(
    segment: Optional[str], address: int, layout: AddressLayout
) -> Optional[Classification]:
    """A variable at a fixed place: nobody forgot to set a pointer.

    The address was put into the code when the module was loaded (apply_relocate_add() in
    arch/x86/kernel/module.c) or the kernel linked. Outside the kernel's and the modules' own range
    it was put there wrongly.
    """
    if address >= 0xFFFF_FFFF_8000_0000 or layout.pointer_bits == 32:
        return None  # a variable of the kernel or a module: its page is what matters
    what = "a per-CPU variable (%gs)" if segment == "gs" else "a variable, relative to RIP"
    return Classification(
        kinds.BAD_POINTER,
        f"the instruction names {what}, and no pointer took part: 0x{address:x} is what relocation "
        "made of the variable's place, and it is wrong. The code was built or linked for another "
        "kernel (its headers or configuration), or it takes a per-CPU variable for an ordinary one",
        own=True,
        advice="rebuild the module against the headers of the running kernel, and look at the "
        "instruction's relocation in the .ko (readelf -r, nm): which variable should be there?",
        instead=True,
    )


# ------------------------------------------------------------------------ the region


def _by_region(
    case: Case, address: int, layout: AddressLayout, trap: Optional[Trap]
) -> Classification:
    explanation = case.explanation
    code = explanation.error_code.raw if explanation.error_code is not None else 0
    access = explanation.access.type if explanation.access is not None else None
    protection = case.arch.denies(code, trap)
    found = values.classify(address, layout=layout, access=access, protection=protection, trap=trap)
    if found.kind == kinds.USER_MEMORY_ACCESS:
        found = _user(case, address, layout, protection)
    elif found.kind == kinds.NULL_DEREF and address >= values.PAGE_SIZE:
        found = Classification(
            kinds.BAD_POINTER,
            f"0x{address:x} is no address: a small number was taken for a pointer, or an index "
            "went wrong",
            sure=False,
            other=f"NULL plus 0x{address:x}, a member or an element far away",
            own=True,
        )
    if found.kind == kinds.NX_EXEC:
        found = _init_text(case, found)
    return found


def _user(case: Case, address: int, layout: AddressLayout, protection: bool) -> Classification:
    rip = case.explanation.rip
    name = normalise(rip.symbol) if rip is not None and rip.symbol else None
    if not protection and follows_free_list(name):
        return Classification(
            kinds.SLAB_CORRUPTION,
            f"0x{address:x} was read from the free list of a slab cache: someone wrote into an "
            "object "
            f"after freeing it, or beyond its own; whoever allocates next, here through {name}, is "
            "the victim",
            sure=False,
            other="the cache itself (its kmem_cache) was overwritten",
            own=True,
            advice="find who wrote into a free object: boot with slub_debug=FZPU, or run a "
            "kernel with "
            "KASAN or KFENCE",
            instead=True,
        )
    user_sp = case.report.user_stack if case.report is not None else None
    return classify_user(address, layout=layout, protection=protection, near=user_sp)


def _init_text(case: Case, found: Classification) -> Classification:
    """A call of an ``__init`` function after its memory was given back and filled.

    free_initmem() fills with POISON_FREE_INITMEM (0xcc, include/linux/poison.h); pages used anew
    are zeroed. The kernel still knows the symbol, so RIP is at +0x0 of a function that is not
    there.
    """
    rip, report = case.explanation.rip, case.report
    if (
        rip is None
        or rip.symbol is None
        or rip.offset
        or rip.module
        or report is None
        or report.code is None
    ):
        return found
    ahead = report.code.data[report.code.fault_index :][:8]
    if len(ahead) < 4 or (any(ahead) and set(ahead) != {0xCC}):
        return found
    return Classification(
        kinds.NX_EXEC,
        f"{rip.symbol} is an __init function: its memory was freed when booting ended "
        f"(its code is {ahead[0]:02x} bytes now), and something still calls it",
        own=True,
        advice=f"find who calls {rip.symbol} after booting, and take __init from it (or the late "
        "call "
        "away); modpost warns of such a reference (section mismatch)",
        instead=True,
        victim=f"{rip.symbol} was called when its memory was gone: whose call that was, the stack "
        "shows, and which of the two is wrong, the source",
    )


# ------------------------------------------------------------------------ the page walk


def walk_against(case: Case, trap: Optional[Trap]) -> None:
    """Says it where the page walk that the kernel printed denies the error code."""
    report, code = case.report, case.explanation.error_code
    if report is None or report.page_walk is None or code is None:
        return
    against = case.arch.walk_denies(report.page_walk, code.raw, trap, case.registers)
    if against is None:
        return
    case.contradict(
        f"{against}: the processor used another translation than the page tables hold now (a stale "
        "TLB entry, a table that was changed in between, or a hypervisor or hardware at fault)"
    )
    fault = case.explanation.fault_address
    case.signs.append(
        Sign(
            "the page walk that the kernel printed contradicts the fault",
            line=report.page_walk_line,
            address=fault.value if fault is not None else None,
            why=against,
        )
    )
    case.claim(
        "page walk and error code disagree",
        log_source(report.page_walk_line),
        report.page_walk,
        crash=f"vtop {fault.value:x}" if fault is not None else None,
    )
    case.walk_denies = True


# ------------------------------------------------------------------------ one flipped bit


def _flipped(
    case: Case, analysis: Analysis, found: Classification, layout: AddressLayout
) -> Classification:
    value = analysis.bad_value
    if value is None or analysis.bad_register is None:
        return found
    others = {
        name: other for name, other in case.registers.items() if name != analysis.bad_register
    }
    flip = single_bit_flip(value, others, layout)
    if flip is None:
        return found
    case.bit_flip = flip
    case.signs.append(
        Sign(
            f"one flipped bit (bit {flip.bit}) between 0x{flip.value:x} and 0x{flip.original:x}",
            address=flip.value,
            why=flip.why,
        )
    )
    case.claim(
        f"0x{flip.value:x} is 0x{flip.original:x} with bit {flip.bit} flipped",
        "registers",
        flip.why,
    )
    return Classification(
        found.kind,
        f"{found.why}; it differs from 0x{flip.original:x} in one bit, bit {flip.bit}, and "
        f"{flip.why}: a single-bit flip, as faulty memory (RAM) makes",
        sure=found.sure,
        other=found.other,
        own=True,
        advice="test the memory (memtest86+, EDAC and machine-check logs) before reading code: one "
        "flipped bit looks like this, and a wrong pointer rarely does",
    )


# ------------------------------------------------------------------------ lists of what was queued


def _queued(
    case: Case, found: Classification, address: int, layout: AddressLayout
) -> Classification:
    """A bad entry in a list that machinery works through: whoever queued it is to blame."""
    rip, access = case.explanation.rip, case.explanation.access
    if access is None or access.type == "execute" or rip is None or rip.module or not rip.symbol:
        return found
    if found.kind not in (kinds.BAD_POINTER, kinds.USE_AFTER_FREE, kinds.NON_CANONICAL):
        return found
    queue = queue_of(normalise(rip.symbol))
    if queue is None or case.bit_flip is not None:
        return found
    module = values.region_of(address, layout).name.startswith("modules")
    gone = "a module that was unloaded" if module else "an object that was freed or overwritten"
    return found._replace(
        why=f"{found.why}; {rip.symbol} works through {queue.what}, and one of them lies in "
        "memory of "
        f"{gone}",
        own=True,
        advice=f"find who queued it: {queue.remedy}",
        instead=True,
        victim=f"{rip.symbol} only works through {queue.what}: who left one behind, the stack does "
        "not show",
    )


def _denied_by_walk(case: Case, address: int) -> Classification:
    access = case.explanation.access
    what = {"execute": "the fetch from", "write": "the write to"}.get(
        (access.type if access is not None else None) or "", "the read of"
    )
    return Classification(
        kinds.BAD_POINTER,
        f"{what} 0x{address:x} was refused, though the page tables that the kernel printed allow "
        "it",
        sure=False,
        own=True,
        title="page fault that the page tables contradict",
        advice="ask the machine first: is it a guest (of which hypervisor?), does its microcode "
        "or TLB "
        "handling have a known fault, was the page mapped or changed at that moment?",
        instead=True,
        victim="the page tables allow what the processor refused: no code on the stack did "
        "wrong as "
        "far as this report shows",
    )


__all__ = ["BitFlip", "pointer_of", "read_fault", "walk_against"]
