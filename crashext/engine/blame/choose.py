# SPDX-License-Identifier: GPL-2.0-or-later
"""Which frame to act on: not the one that tripped, but the one that handed over the bad thing.

Rules, in this order: frames that the unwinder does not trust (``?``) are never blamed; a kind may
have a place of its own (the function that calls itself, the caller of panic()); then helpers are
skipped from the fault outwards, each with its reason; what is left first is to blame.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from crashext.engine import kinds
from crashext.engine.blame import roles, stalls
from crashext.engine.blame.names import normalise, without_noprof
from crashext.engine.blame.roles import Category
from crashext.engine.blame.seen import Choice, Seen, where
from crashext.engine.exitcode import describe_exit_code
from crashext.engine.kinds import registry
from crashext.engine.kinds.family import Anchor
from crashext.engine.lazy import Lazy
from crashext.engine.model import Rip, StackFrame
from crashext.engine.report import LogFrame, Report

#: A recursion must be at least this deep to be called one.
_RECURSION = 4


#: An inline function of a header without a category of its own.
_HEADER_INLINE = Category(
    "header", "inline function of a header", "the function that it was inlined into acts",
    frozenset(),
)  # fmt: skip


_KERNEL_HEADER = Lazy(r"(?:^|/)include/(?:asm|linux|net|uapi|trace|crypto|generated)[\w-]*/.*\.h$")


@dataclass
class _Walk:
    """What was passed over on the way to the frame chosen."""

    skipped: list[tuple[str, Category]] = field(default_factory=list)


def is_plumbing(function: str) -> bool:
    """Whether a function is entry glue or calling machinery that no path need show."""
    found = roles.category(function)
    return found is not None and found.key in ("plumbing", "entry", "report", "thunk")


def role_of(function: str) -> Optional[str]:
    """The key of a function's role (:data:`roles.CATEGORIES`), or None for an ordinary one."""
    found = roles.category(function)
    return found.key if found is not None else None


def is_helper(function: str) -> bool:
    """Whether a function is passed over when a frame to blame is looked for."""
    return roles.category(function) is not None


def choose(
    frames: Sequence[StackFrame],
    rip: Optional[Rip] = None,
    *,
    kind: Optional[str] = None,
    panic_message: Optional[str] = None,
) -> Choice:
    """The frame to act on.

    ``frames``: innermost first, the frame of RIP itself at the front when RIP has a symbol;
    ``kind``: a word of model.KINDS. With (None, reason) nobody can be blamed.
    """
    trusted = _trusted(frames)
    if (
        Anchor.CODE_POINTER in registry.info(kind).anchors
        and rip is not None
        and rip.symbol is not None
    ):
        # A symbol of data, if any; the unwinder cannot start there.
        after = [seen for seen in trusted if seen.index or seen.frame.function != rip.symbol]
        return _caller_of_data(frames, after, rip, kind)
    if not trusted:
        if rip is not None and rip.symbol is None and rip.address is not None:
            return _caller_of_data(frames, trusted, rip, kind)
        if any(frame.function for frame in frames):
            return Choice(None, "the stack holds only frames that the unwinder does not trust")
        return Choice(None, "the report has no stack and no symbol for RIP")
    if rip is not None and rip.symbol is None and rip.address is not None:
        unclear = _unclear_caller(frames, trusted)
        if unclear is not None:
            return unclear
    info = registry.info(kind)
    for anchor in info.anchors:
        found: Optional[Choice] = None
        if anchor is Anchor.NONE:
            return Choice(None, "the hardware reported an error: no function is to blame")
        if anchor is Anchor.ASKED:
            return _sysrq(trusted)
        if anchor is Anchor.ALLOCATION:
            return _out_of_memory(trusted)
        if anchor is Anchor.RECURSION:
            found = _recursion(trusted)
        elif anchor is Anchor.CANARY:
            found = _smashed(trusted)
        elif anchor is Anchor.PANIC_CALLER:
            found = _caller_of_panic(trusted, kind or "", panic_message)
        elif anchor is Anchor.BLOCKED:
            found = _grace_period(trusted)
        elif anchor is Anchor.RIP and info.stalled:
            found = stalls.choose(trusted, rip)
        if found is not None:
            return found
    return _outwards(trusted, rip, kind)


#: Tracks of a report about an object, the one to act on first, with what it says.
_TRACKS = {
    kinds.USE_AFTER_FREE: (
        ("freed", "{where} freed the object that was then used: it, or who still holds a pointer"),
        ("allocated", "{where} allocated the object"),
    ),
    "corruption": (
        (
            "allocated",
            "{where} allocated the object that was found damaged: it, or who works on the object "
            "or on its neighbour, wrote where it must not",
        ),
        ("freed", "{where} freed the object that was found damaged"),
    ),
}


def is_about_an_object(report: Report, kind: Optional[str]) -> bool:
    """Whether the report's own stack shows only who noticed the damage of an object.

    Then the object's history tells more: the reports of SLUB's checks, which have no RIP or one in
    the checks.
    """
    if kind == kinds.SLAB_CORRUPTION:
        return True
    name = report.rip.name if report.rip is not None else None
    return kind == kinds.USE_AFTER_FREE and (name is None or is_helper(name))


def choose_track(
    tracks: Mapping[str, Sequence[LogFrame]], kind: Optional[str], *, written_after_free: bool
) -> tuple[Optional[LogFrame], str]:
    """The frame to act on when the report's own stack shows only who noticed the damage.

    ``tracks``: the stacks that the report prints for the object ("allocated", "freed");
    ``written_after_free``: it was free when it was written to (SLUB: "Poison overwritten").
    Returns (None, reason) when the tracks hold no frame that is no helper.
    """
    order = (
        kinds.USE_AFTER_FREE if written_after_free or kind == kinds.USE_AFTER_FREE else "corruption"
    )
    for name, why in _TRACKS[order]:
        for frame in tracks.get(name, ()):
            if frame.name is None or not frame.reliable or is_helper(frame.name):
                continue
            module = f" [{frame.module}]" if frame.module else ""
            return (frame, why.format(where=normalise(frame.name) + module))
    return (None, "the report shows no stack of the object's allocation or freeing")


_Frames = list[Seen]


def _trusted(frames: Sequence[StackFrame]) -> _Frames:
    seen: _Frames = []
    outer: Optional[Category] = None  # of the function that the frames before were inlined into
    for index in range(len(frames) - 1, -1, -1):
        frame = frames[index]
        if not frame.reliable or frame.function is None:
            continue
        name = normalise(frame.function)
        category = roles.of_frame(name, frame.file)
        if not frame.inlined:
            # A module's function that happens to have a helper's name lends it to none.
            outer = category if frame.module is None else None
        inherited = False
        if category is None and frame.inlined:
            if _KERNEL_HEADER.search(frame.file or ""):
                # list_add, cpu_relax … The inline functions of a module's own headers are the
                # module's own code.
                category = _HEADER_INLINE
            elif outer is not None:
                category, inherited = outer, True
        seen.append(Seen(index, frame, name, category, inherited))
    return seen[::-1]


#: Where the processor enters the kernel for a page fault (5.8 and later, and before).
_FAULT_ENTRY = Lazy(r"(?:asm_)?exc_page_fault$|(?:async_)?page_fault$")


def _nearer(frames: Sequence[StackFrame]) -> list[str]:
    """Frames before the first trusted one that can be the caller; the handler's own are none."""
    found = []
    for frame in frames:
        if frame.function is None:
            if frame.address is not None:
                found.append(
                    f"0x{frame.address:x} (code without a symbol: generated, a trampoline)"
                )
            continue
        role = roles.of_frame(frame.function, frame.file)
        if role is None:
            found.append(where(frame))
        elif role.key == "entry":
            found.clear()  # the handler's own frames end here
    return found[:3]


def _unclear_caller(frames: Sequence[StackFrame], trusted: _Frames) -> Optional[Choice]:
    """Nobody, when RIP is no code and the frames next to it are not trusted."""
    nearer = _nearer(frames[: trusted[0].index]) if trusted else []
    if not nearer:
        return None
    return Choice(
        None,
        f"RIP is no code, and nearest on the stack is {', '.join(nearer)}, which the unwinder does "
        "not trust: who made the bad call cannot be told from this",
        doubt="the frames next to the bad call are not trusted by the unwinder",
    )


def _caller_of_data(
    frames: Sequence[StackFrame], trusted: _Frames, rip: Rip, kind: Optional[str]
) -> Choice:
    """RIP is no code: the caller is the return address that the call pushed last."""
    if trusted:
        return _unclear_caller(frames, trusted) or _outwards(
            trusted, Rip(address=rip.address), kind
        )
    # Older kernels print the handler's own frames first; what the call pushed lies beyond them.
    entry = max(
        (i for i, f in enumerate(frames) if _FAULT_ENTRY.match(f.function or "")), default=-1
    )
    for index, frame in enumerate(frames):
        if frame.function is None or (index == 0 and frame.function == rip.symbol):
            continue
        if index <= entry or (frame.size is not None and (frame.offset or 0) >= frame.size):
            continue  # a return address lies inside of its function
        if roles.category(frame.function) is None:
            return Choice(
                index,
                f"{_CALLED_BAD}; the unwinder could not start at RIP, so this is the first code "
                "address on the stack: the return address that the call pushed",
            )
        return Choice(
            None,
            f"RIP is no code and {normalise(frame.function)} called it: what it was to call was "
            "freed or overwritten (a callback, a timer, a work item left behind)",
        )
    return Choice(None, "RIP is no code, and the stack shows no frame that can be trusted")


#: Who asks for sysrq on behalf of a person: these lead to handle_sysrq() in the ordinary way.
_SYSRQ_DOORS = Lazy(
    r"write_sysrq_trigger|sysrq_\w+|__?handle_sysrq\w*|handle_sysrq|uart_\w+|hvc_\w+|kbd_\w+|tty_\w+"
    r"|serial\w+|input_\w+|atkbd_\w+|usb\w*|hid\w*|xen\w*|virtcons\w*|netconsole\w*"
)
_ASKED = "the crash was asked for: sysrq 'c' calls sysrq_handle_crash, which panics on purpose"


def _sysrq(trusted: _Frames) -> Choice:
    crash: Optional[int] = None
    for seen in trusted:
        if seen.name == "sysrq_handle_crash":
            crash = seen.index
        elif crash is not None and not _SYSRQ_DOORS.fullmatch(seen.name):
            if seen.frame.module is not None and seen.category is None:
                asked = f"{where(seen.frame)} asked for it, not a person at a console"
                return Choice(seen.index, f"{_ASKED}; {asked}")
            break
    if crash is not None:
        return Choice(crash, f"{_ASKED}; look at why the person or tool asked")
    for seen in trusted:
        if seen.name in ("__handle_sysrq", "write_sysrq_trigger"):
            return Choice(
                seen.index, "the crash was asked for by sysrq 'c'; nothing is to be fixed here"
            )
    return Choice(None, "the crash was asked for by sysrq 'c'; the stack does not show who asked")


_ALLOCATION = frozenset({"report", "allocator", "scheduler", "lock", "entry", "thunk"})
_OOM_PLUMBING = {
    "__alloc_pages_slowpath", "__folio_alloc",
    "folio_alloc", "vma_alloc_folio", "pagecache_get_page",
    "__page_cache_alloc", "filemap_alloc_folio", "__filemap_get_folio", "filemap_fault",
    "shmem_alloc_folio", "shmem_alloc_page", "alloc_page_interleave", "do_read_cache_page",
    "__get_free_pages", "get_zeroed_page", "alloc_pages_vma", "alloc_zeroed_user_highpage_movable",
    "__alloc_frozen_pages", "folio_prealloc", "alloc_anon_folio",
}  # fmt: skip


def _out_of_memory(trusted: _Frames) -> Choice:
    for seen in trusted:
        if without_noprof(seen.name) in _OOM_PLUMBING:
            continue
        if seen.category is None and seen.frame.module is not None:
            return Choice(
                seen.index,
                f"{where(seen.frame)} asked for the page that could not be had; it need not be "
                "the one that used the memory up: see the task and slab lists of the report",
            )
        if seen.category is None or seen.category.key not in _ALLOCATION:
            break  # who asks for a page when none is left is chance
    return Choice(
        None, "memory ran out: the list of tasks and slabs tells who used it, no frame does"
    )


#: Trampolines through which BPF programs and ftrace's users run at a function's entry or exit.
_TRAMPOLINE = Lazy(r"bpf_trampoline_\w+|ftrace_\w*trampoline\w*")


def _traced(trusted: _Frames) -> Optional[Choice]:
    """A tracing program that runs the function that it is attached to, which runs it again …"""
    attached = Counter(
        outer.name
        for seen, outer in zip(trusted, trusted[1:])
        if _TRAMPOLINE.fullmatch(seen.name) and not _TRAMPOLINE.fullmatch(outer.name)
    )
    again = {seen.name for seen in trusted[:-1]}
    for seen in trusted:
        if attached.get(seen.name) and seen.name in again:
            return Choice(
                seen.index,
                f"a BPF program (or another tracer) is attached to {seen.name} (fentry, fexit, by "
                "a trampoline), and what runs the program calls that function again: the stack ran "
                "out in this recursion; detach the program",
            )
    return None


def _recursion(trusted: _Frames) -> Optional[Choice]:
    """The function that calls itself, directly or through others."""
    traced = _traced(trusted)
    if traced is not None:
        return traced
    names = [seen.name for seen in trusted]
    counts = Counter(names)
    repeated = {name: count for name, count in counts.items() if count >= _RECURSION}
    if not repeated:
        return None
    cycle: list[str] = []
    for name in names:
        if name in repeated and name not in cycle:
            cycle.append(name)
    # Helpers may be part of the cycle; the blame goes to a function that is not one.
    members = [name for name in cycle if not is_helper(name)] or cycle
    position = next(at for at, name in enumerate(names) if name in members)
    frame = trusted[position].frame
    if len(members) == 1:
        why = f"{where(frame)} calls itself: it is on the stack {counts[names[position]]} times"
    else:
        why = (
            f"{' → '.join(reversed(members))} call each other in a circle "
            f"({max(repeated.values())} rounds on the stack)"
        )
    doubt = "" if len(members) == 1 else "which function of the circle must stop is not told by it"
    return Choice(trusted[position].index, why + ", and the kernel stack ran out", doubt=doubt)


#: A task that waits for a grace period: who holds it up is elsewhere, and so is the fault.
_GRACE = Lazy(r"(?P<barrier>rcu_barrier\w*)|(?:cond_)?synchronize_(?:s?rcu|sched|rcu_\w+)")


def _grace_period(trusted: _Frames) -> Optional[Choice]:
    for at, seen in enumerate(trusted):
        match = _GRACE.fullmatch(seen.name)
        if match is not None:
            return _waits_for_rcu(trusted[at:], barrier=match["barrier"] is not None)
        if seen.category is None:
            return None
    return None


def _waits_for_rcu(frames: _Frames, *, barrier: bool) -> Choice:
    """A grace period belongs to all; callbacks are mostly of the one who waits for them."""
    seen = frames[0]
    caller = next((each for each in frames[1:] if each.category is None), None)
    doubt = "what holds RCU up is not in the report"
    if barrier and caller is not None:
        return Choice(
            caller.index,
            f"{where(caller.frame)} waits in {seen.name} until all callbacks of RCU have run, and "
            "they do not: look at what holds RCU up (a stall, interrupts off), or at a callback "
            "that does not return",
            doubt=doubt,
        )
    return Choice(
        seen.index,
        f"the task waits in {seen.name} for an RCU grace period that does not end: its callers are "
        "innocent, look for what holds RCU up (a stall, interrupts off)",
        doubt=doubt,
    )


def _smashed(trusted: _Frames) -> Optional[Choice]:
    for seen, victim in zip(trusted, trusted[1:]):
        if seen.name == "__stack_chk_fail":
            return Choice(
                victim.index,
                f"{where(victim.frame)} found its stack canary overwritten when it returned: it, "
                "or a function that it gave a local buffer to, wrote past the end",
            )
    return None


def _init_ended(panic_message: Optional[str]) -> str:
    """No kernel function is to blame when init ends: the exit code tells how it did."""
    code = re.search(r"exitcode=(0x[0-9a-fA-F]+)", panic_message or "")
    how = f" ({describe_exit_code(int(code.group(1), 16))})" if code else ""
    return (
        f"init ended{how}, and the kernel cannot go on without it: no kernel function is to blame, "
        "look at what init ran"
    )


def _caller_of_panic(trusted: _Frames, kind: str, panic_message: Optional[str]) -> Optional[Choice]:
    names = [seen.name for seen in trusted]
    position = next((at for at, name in enumerate(names) if name in ("panic", "vpanic")), None)
    if position is None:
        return None
    for seen in trusted[position + 1 :]:
        if seen.category is not None and seen.category.key in ("report", "entry", "thunk"):
            continue
        if kind == kinds.INIT_KILLED and seen.name in ("do_exit", "do_group_exit"):
            return Choice(None, _init_ended(panic_message))
        return Choice(
            seen.index, f"{where(seen.frame)} called panic(): it decided that all must stop"
        )
    return None


_CALLED_BAD = "RIP is no code: the bad function pointer was called from here"


#: Core code that can itself be what races, though its callers are to blame for faults in it.
_CORE = frozenset({"rcu", "timer", "work", "scheduler", "device", "plumbing", "allocator"})
#: Where an interrupt came in, as x86-64, i386, arm64, arm, riscv, powerpc and MIPS name it.
_INTERRUPT = Lazy(
    r"(?:asm_)?(?:sysvec_|common_interrupt|call_irq)\w*|do_IRQ|ret_from_intr|\w*apic_timer_interrupt"
    r"|\w+_interrupt|el1h?_(?:64_)?irq\w*|__irq_svc|ret_from_irq|handle_irq_\w+|call_on_irq_stack"
    r"|do_irq|plat_irq_dispatch|hardware_interrupt_common\w*|do_softirq_own_stack"
)
#: For a leak: functions that allocate on behalf of their caller.
_ALLOCATES = Lazy(
    r"(?:^|_)(?:[kv]|kv)?[mzc]?(?:re)?alloc(?:ate)?(?:_|\d|$)|(?:^|_)\w?dup(?:_|$)|_alloc\w*$"
    r"|^security_|inode_init_always|(?:^|_)create_object|_cache_(?:get|create)$"
)


def _outwards(trusted: _Frames, rip: Optional[Rip], kind: Optional[str]) -> Choice:
    walk = _Walk()
    no_rip_symbol = rip is not None and rip.symbol is None
    machinery: Optional[Seen] = None
    beyond = (
        False  # the fault's own code was reached: not the handler that older kernels show first
    )
    for seen in trusted:
        found = seen.category
        # A module's own function that happens to have a helper's name is its own code.
        own = seen.frame.module is not None and not seen.frame.inlined
        if found is not None and found.key == "entry" and beyond and _INTERRUPT.match(seen.name):
            break  # what was interrupted is not the caller
        beyond = beyond or found is None or found.key not in ("report", "entry", "thunk")
        if (
            registry.info(kind).name == kinds.LEAK
            and found is None
            and _ALLOCATES.search(seen.name)
        ):
            continue
        raced = kind == kinds.KCSAN and found is not None and found.key in _CORE
        if found is None or raced or (own and not roles.is_emitted(seen.name, found)):
            return Choice(
                seen.index,
                _why(seen.frame, walk, no_rip_symbol, kind),
                doubt=_of_allocator(walk, kind),
            )
        if found.key == "plumbing" and machinery is None:
            machinery = seen
        if not seen.inherited:  # else the function that it was inlined into follows
            walk.skipped.append((seen.name, found))
    if machinery is not None:
        if registry.info(kind).stuck:
            return Choice(None, "only helpers and calling machinery are on the stack")
        return Choice(
            machinery.index,
            f"only helpers and calling machinery are on the stack; {where(machinery.frame)} is "
            "the first that is no helper",
        )
    if registry.info(kind).stuck:
        return Choice(None, "only functions that print the report are on the stack")
    first = trusted[0]
    what = first.category.what if first.category is not None else "function"
    return Choice(
        first.index,
        f"{where(first.frame)} is {_article(what)}, but the stack shows no caller that could be "
        "blamed instead",
    )


_ALLOCATING = Lazy(r"alloc")


def _of_allocator(walk: _Walk, kind: Optional[str]) -> str:
    """A fault while memory is handed out: who asked for it is seldom who damaged the free list."""
    if not registry.info(kind).memory:
        return ""
    for name, found in walk.skipped:
        if found.key == "allocator" and _ALLOCATING.search(name):
            return f"the fault is in {name}, on memory that somebody else may have damaged before"
    return ""


def _article(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _why(frame: StackFrame, walk: _Walk, no_rip_symbol: bool, kind: Optional[str]) -> str:
    shown = [entry for entry in walk.skipped if entry[1].key not in ("report", "entry")]
    if no_rip_symbol and not shown:
        return _CALLED_BAD
    if registry.info(kind).stuck:
        return _stuck(frame, shown, kind or "")
    if not shown:
        if walk.skipped and registry.info(kind).reported:
            name = walk.skipped[-1][0]
            return f"{where(frame)} is where the check failed; {name} only reports it"
        if kind == kinds.BUG:
            return f"{where(frame)} holds the BUG() that fired"
        if kind == kinds.WARNING:
            return f"{where(frame)} holds the WARN() that fired"
        return f"the fault is in {where(frame)} itself"
    # The reason of the outermost helper; a header's inline function has none to speak of.
    telling = [entry for entry in shown if entry[1] is not _HEADER_INLINE] or shown
    name, found = telling[-1]
    if len(shown) > 1 and len(telling) == 1:
        shown = telling
    start = f"{name} is {_article(found.what)}"
    if len(shown) > 1:
        first = shown[0][0]
        others = "" if len(shown) == 2 else f" and {len(shown) - 2} more"
        start = f"{first}, {name}{others} are helpers"
    reason = _reason(found, kind)
    prefix = "RIP is no code; " if no_rip_symbol else ""
    return f"{prefix}{start}; {reason}"


def _reason(found: Category, kind: Optional[str]) -> str:
    info = registry.info(kind)
    if info.caller_reason is not None and info.caller_reason_role in (None, found.key):
        return info.caller_reason
    return found.reason


_TAKES_LOCK = Lazy(r"^(?!.*(?:wait|complet|synchronize|barrier)).*(?:lock|down|mutex|rwsem)")


def _stuck(frame: StackFrame, shown: list[tuple[str, Category]], kind: str) -> str:
    if not shown:
        return f"{where(frame)} is where the CPU was when the watchdog looked"
    waits = shown[-1]
    if kind == kinds.HUNG_TASK:
        verb = "takes the lock" if _TAKES_LOCK.search(waits[0]) else "waits"
        return f"{where(frame)} {verb} in {waits[0]} and does not come back"
    verb = "spins in" if waits[1].key == "lock" else "is in"
    return f"{where(frame)} {verb} {waits[0]}"
