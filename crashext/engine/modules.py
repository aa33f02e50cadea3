# SPDX-License-Identifier: GPL-2.0-or-later
"""What a crash says about the loaded modules: which one to suspect, and why.

Pure: it joins facts (from a log, from memory) and never asks for any. The verdict calls
:func:`suspects` to fill ``Explanation.modules``; the ``mods`` command prints the same list.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Optional, TypedDict

from crashext.engine.arch.names import PC_NAMES
from crashext.engine.lazy import Lazy
from crashext.engine.model import Explanation, Module, ModuleRegion, StackFrame, hexadecimal
from crashext.engine.report import LogModule, Report
from crashext.errors import Unknown

if TYPE_CHECKING:
    from crashext.engine.integrity import Integrity

#: Letters that can stand on a module (Documentation/admin-guide/tainted-kernels.rst;
#: ``struct module.taints``), in the words of a summary line.
TAINT_WORDS = {
    "P": "proprietary",
    "F": "force-loaded",
    "C": "staging",
    "O": "out-of-tree",
    "E": "unsigned",
    "K": "livepatch",
    "R": "force-unloaded",
    "S": "out of specification",
    "X": "auxiliary",
    "N": "in-kernel test",
    "T": "randstruct",
}

#: How far past or before a region an address is still said to be "past its .data": module memory
#: is allocated in whole pages with an unmapped page behind it, so an overrun ends within one.
NEAR = 4096

#: As far from all modules as this, an address has nothing to do with their space, in bytes.
AMONG = 64 << 20

#: A module that was loaded less than this before the crash is worth a word, in seconds.
JUST_LOADED = 10.0


@dataclass
class ModuleSection:
    """A section of a loaded module. ``size`` in bytes, None where the kernel keeps none."""

    name: str
    address: int = hexadecimal(0)
    size: Optional[int] = None
    freed: bool = False  # init section of a module whose init has returned


@dataclass(frozen=True)
class LoadTime:
    """When a module was loaded, in seconds of the log's clock."""

    time: float
    #: False: the first line that the module printed; the load was then or earlier.
    exact: bool
    line_no: int


@dataclass
class ModuleSummary:
    """Counts for the line above the table. A module can count in several."""

    total: int = 0
    in_tree: int = 0
    out_of_tree: int = 0
    unsigned: int = 0
    proprietary: int = 0
    forced: int = 0
    livepatch: int = 0
    staging: int = 0
    loading: int = 0
    unloading: int = 0
    suspect: int = 0
    unknown_taints: int = 0


@dataclass(frozen=True)
class _Reason:
    weight: int
    text: str
    suspect: bool = False


def taint_words(letters: Optional[str]) -> list[str]:
    """``"OE"`` → ``["out-of-tree", "unsigned"]``; an unknown letter is named as such."""
    return [TAINT_WORDS.get(letter, f"taint {letter}") for letter in letters or ""]


def suspects(
    modules: Sequence[Module],
    *,
    rip: Optional[int] = None,
    rip_module: Optional[str] = None,
    stack: Sequence[StackFrame] = (),
    fault_address: Optional[int] = None,
    registers: Optional[Mapping[str, int]] = None,
    crash_time: Optional[float] = None,
    load_times: Optional[Mapping[str, LoadTime]] = None,
    sections: Optional[Callable[[str], Sequence[ModuleSection]]] = None,
) -> list[Module]:
    """The modules sorted by suspicion, with ``suspect`` and ``why`` filled in.

    All arguments but ``modules`` are optional facts about the crash: ``rip`` and the module that
    a log names for it, the frames innermost first, the fault address that was chosen, the
    interrupted registers, and (for "loaded n s before") the time of the report and the result of
    :func:`load_times`, both in seconds of the log's clock. ``sections`` gives the sections of one
    module, so that a place is named ``.data`` and not just "data"; it is asked only for modules
    that an address is in or next to.

    The modules given are not changed. Reasons that a module already carries (``text differs from
    the .ko``) are kept, behind the ones found here, and make it a suspect.
    """
    scored = []
    late = _late_init(rip, modules, sections)
    for position, module in enumerate(modules):
        reasons = _reasons(
            module, rip, rip_module, stack, fault_address, registers or {}, sections
        ) + _circumstances(module, crash_time, (load_times or {}).get(module.name))
        if late is not None and late[0] is module:
            was = f"RIP lies where its {late[1]} was, freed after init"
            reasons.append(_Reason(1100, was, True))
        reasons.sort(key=lambda reason: -reason.weight)
        kept = [text for text in module.why if text not in {r.text for r in reasons}]
        weight = sum(reason.weight for reason in reasons) + 40 * len(kept)
        scored.append(
            (
                -weight,
                position,
                dataclasses.replace(
                    module,
                    suspect=module.suspect or bool(kept) or any(r.suspect for r in reasons),
                    why=[reason.text for reason in reasons] + kept,
                ),
            )
        )
    scored.sort(key=lambda item: (not item[2].suspect, item[0], item[1]))
    return [module for _weight, _position, module in scored]


def _reasons(
    module: Module,
    rip: Optional[int],
    rip_module: Optional[str],
    stack: Sequence[StackFrame],
    fault_address: Optional[int],
    registers: Mapping[str, int],
    sections: Optional[Callable[[str], Sequence[ModuleSection]]],
) -> list[_Reason]:
    """What the crash itself has to do with the module."""
    found = []
    if rip_module == module.name or (rip is not None and contains(module, rip)):
        region = next(
            (r for r in module.regions if r.address <= (rip or 0) < r.address + r.size), None
        )
        data = region is not None and "text" not in region.kind and region.kind != "memory"
        note = f" (in its {region.kind}, which is no code)" if region and data else ""
        found.append(_Reason(1000, f"RIP is in it{note}", True))
    found += _stack_reasons(module, rip, rip_module, stack)
    if fault_address is not None and fault_address != rip:
        where = place(module, fault_address, sections)
        if where is not None:
            found.append(_Reason(300, f"fault address lies {where}", True))
    pointing = [
        name
        for name, value in registers.items()
        if name not in PC_NAMES and value != fault_address and contains(module, value)
    ]
    if pointing:
        verb = "points" if len(pointing) == 1 else "point"
        found.append(_Reason(20, f"{', '.join(pointing)} {verb} into it"))
    return found


def _late_init(
    rip: Optional[int],
    modules: Sequence[Module],
    sections: Optional[Callable[[str], Sequence[ModuleSection]]],
) -> Optional[tuple[Module, str]]:
    """:func:`freed_init` of RIP, looked for only where RIP is among modules and in no code."""
    spans = [r for module in modules for r in module.regions if r.kind != "percpu"]
    if rip is None or sections is None or not spans:
        return None
    first, last = min(r.address for r in spans), max(r.address + r.size for r in spans)
    if not first - AMONG <= rip < last + AMONG:
        return None
    if any("text" in r.kind and r.address <= rip < r.address + r.size for r in spans):
        return None
    return freed_init(rip, modules, sections)


def _stack_reasons(
    module: Module, rip: Optional[int], rip_module: Optional[str], stack: Sequence[StackFrame]
) -> list[_Reason]:
    reliable, doubtful, nearest = 0, 0, None
    for depth, frame in enumerate(stack):
        if frame.inlined or (rip is not None and frame.address == rip):
            continue
        if depth == 0 and frame.address is None and frame.module == rip_module is not None:
            continue  # a log's own frame for RIP
        inside = frame.module == module.name or (
            frame.module is None and frame.address is not None and contains(module, frame.address)
        )
        if inside and frame.reliable:
            reliable += 1
            nearest = depth if nearest is None else nearest
        elif inside:
            doubtful += 1
    found = []
    if reliable:
        # The nearer to the fault, the likelier; never above "RIP is in it".
        weight = 400 - min(nearest or 0, 50)
        plural = "s" if reliable > 1 else ""
        found.append(_Reason(weight, f"{reliable} frame{plural} of the stack", True))
    if doubtful:
        plural = "s" if doubtful > 1 else ""
        found.append(
            _Reason(15, f"{doubtful} stale or unreliable frame{plural} (?) of the stack name it")
        )
    return found


def _circumstances(
    module: Module, crash_time: Optional[float], loaded: Optional[LoadTime]
) -> list[_Reason]:
    """What makes a module remarkable whatever the crash was."""
    found = []
    if module.state == "unloading":
        found.append(_Reason(200, "unloading when the crash came", True))
    elif module.state == "loading":
        found.append(_Reason(200, "loading when the crash came (its init had not returned)", True))
    elif module.state == "unformed":
        found.append(_Reason(100, "not yet set up when the crash came"))
    if loaded is not None and crash_time is not None:
        age = crash_time - loaded.time
        if 0 <= age <= JUST_LOADED:
            how = "loaded" if loaded.exact else "first heard of in the log"
            found.append(_Reason(30, f"{how} {age:.1f} s before"))
    words = taint_words(module.taints)
    if words:
        weight = sum({"F": 12, "K": 10, "P": 8, "O": 8}.get(t, 3) for t in module.taints or "")
        found.append(_Reason(weight, ", ".join(words)))
    return found


def contains(module: Module, address: int) -> bool:
    """Whether an address lies in the module's memory as far as it is known."""
    if module.regions:
        return any(r.address <= address < r.address + r.size for r in module.regions)
    if module.address is None or not module.size:
        return False
    return module.address <= address < module.address + module.size


def place(
    module: Module,
    address: int,
    sections: Optional[Callable[[str], Sequence[ModuleSection]]] = None,
) -> Optional[str]:
    """Where an address is relative to the module: ``16 bytes past its .data``, or None if far.

    Up to :data:`NEAR` bytes past or before the module's memory count.
    """
    regions = module.regions
    if not regions and module.address is not None and module.size:
        regions = [ModuleRegion("memory", module.address, module.size)]
    spans = [(r.address, r.address + r.size, r.kind, r.freed) for r in regions if r.size]
    if not any(start - NEAR <= address < end + NEAR for start, end, _kind, _freed in spans):
        return None
    # Sections, where known, are the finer truth: a region is rounded up to whole pages.
    fine = [
        (s.address, s.address + (s.size or 0), s.name, s.freed)
        for s in (sections(module.name) if sections is not None else ())
        if s.size
    ]
    return (
        _inside(fine, address)
        or _beyond(fine, address, NEAR)
        or _inside(spans, address)
        or _beyond(spans, address, NEAR)
    )


_Span = tuple[int, int, str, bool]


def _inside(spans: Iterable[_Span], address: int) -> Optional[str]:
    for start, end, name, freed in spans:
        if start <= address < end:
            note = " (freed after init)" if freed else ""
            return f"in its {name}{note}, {_bytes(address - start)} from its start"
    return None


def _beyond(spans: Iterable[_Span], address: int, limit: int) -> Optional[str]:
    """The nearest span that ends at or before the address; else the nearest that begins after."""
    before = [(address - end, name) for _start, end, name, _ in spans if end <= address]
    after = [(start - address, name) for start, _end, name, _ in spans if address < start]
    past, name = min(before, default=(limit, ""))
    if past < limit:
        return f"{_bytes(past)} past its {name}" if past else f"just past the end of its {name}"
    ahead, name = min(after, default=(limit + 1, ""))
    return f"{_bytes(ahead)} before its {name}" if ahead <= limit else None


def _bytes(count: int) -> str:
    return "1 byte" if count == 1 else f"{count} bytes"


def from_log(logged: Optional[Sequence[LogModule]]) -> list[Module]:
    """What a ``Modules linked in:`` line gives: names, taint letters, ``+``/``-`` states.

    The rest of each Module stays None: a log has no module memory.
    """
    return [_log_module(entry) for entry in logged or ()]


def named_in(report: Report) -> list[Module]:
    """The modules that RIP and the frames name, for a report without a module line."""
    symbols = [report.rip, *report.frames] if report.rip is not None else [*report.frames]
    names = [symbol.module for symbol in symbols if symbol.module]
    return [Module(name) for name in dict.fromkeys(names)]


def _log_module(entry: LogModule) -> Module:
    return Module(entry.name, state=entry.state, taints=entry.taints)


def join(
    logged: Optional[Sequence[LogModule]], remembered: Sequence[Module]
) -> tuple[list[Module], list[str]]:
    """One list from the log's and the memory's; with the contradictions in words.

    Memory wins for a module that both know, because the log's line may be cut. A module that
    only one of them knows is kept and said.
    """
    if logged is None:
        return list(remembered), []
    by_name = {module.name: module for module in remembered}
    notes, joined = [], list(remembered)
    for entry in logged:
        module = by_name.get(entry.name)
        if module is None:
            joined.append(_log_module(entry))
            notes.append(
                f"{entry.name} is in the log's module line and not in memory: it was unloaded "
                "since, or the kernel's module list is damaged"
            )
        elif module.state is not None and module.state != entry.state:
            notes.append(f"{entry.name} is {entry.state} in the log and {module.state} in memory")
    return joined, notes


_STAMP = Lazy(r"^(?:<\d+>)?\[\s*(\d+\.\d+)\](?:\[\s*[TC]\d+\])?\s+(.*)$")
#: kernel/module (check_modinfo, module_augment_kernel_taints, load_module): printed while loading.
_LOADING = Lazy(
    r"^([\w-]+): (?:loading out-of-tree module|module verification failed|module license '|"
    r"module is from the staging directory|Module has invalid ELF|loading test module)"
)
_SPEAKER = Lazy(r"^([A-Za-z_][\w-]*)(?: [0-9a-f:.]+)?: ")


def load_times(
    log: str, names: Iterable[str], until: Optional[float] = None
) -> dict[str, LoadTime]:
    """When modules were loaded, as far as the log tells.

    The kernel prints the taint messages while it loads a module: an exact time. Else the first
    line that begins with the module's name bounds it: the module was loaded then or earlier.
    Lines after ``until`` (seconds) are not read. A module that was loaded, unloaded and loaded
    again has the time of its last load message.
    """
    wanted = {_canonical(name): name for name in names}
    found: dict[str, LoadTime] = {}
    for line_no, line in enumerate(log.splitlines(), 1):
        stamp = _STAMP.match(line)
        if stamp is None:
            continue
        time = float(stamp.group(1))
        if until is not None and time > until:
            break
        loading = _LOADING.match(stamp.group(2))
        speaker = loading or _SPEAKER.match(stamp.group(2))
        name = wanted.get(_canonical(speaker.group(1))) if speaker else None
        if name is None:
            continue
        known = found.get(name)
        if loading is not None and (known is None or not known.exact or time - known.time > 1.0):
            found[name] = LoadTime(time, True, line_no)
        elif known is None:
            found[name] = LoadTime(time, False, line_no)
    return found


def _canonical(name: str) -> str:
    """Module names have ``_`` for ``-`` (KBUILD_MODNAME); messages have either."""
    return name.replace("-", "_")


def summarize(modules: Sequence[Module]) -> ModuleSummary:
    """Counts by taint and state."""
    summary = ModuleSummary(total=len(modules))
    for module in modules:
        letters = module.taints
        if letters is None:
            summary.unknown_taints += 1
        elif "O" not in letters:
            summary.in_tree += 1
        for letter, counter in (
            ("O", "out_of_tree"),
            ("E", "unsigned"),
            ("P", "proprietary"),
            ("F", "forced"),
            ("K", "livepatch"),
            ("C", "staging"),
        ):
            if letter in (letters or ""):
                setattr(summary, counter, getattr(summary, counter) + 1)
        summary.loading += module.state == "loading"
        summary.unloading += module.state == "unloading"
        summary.suspect += module.suspect
    return summary


#: ``--sort`` keys. None sorts last.
SORT_KEYS = ("suspicion", "name", "size", "address", "refs")


def sort_modules(modules: Sequence[Module], key: str) -> list[Module]:
    """Sorted for display: ``suspicion`` keeps the order of :func:`suspects`; largest size and
    most references come first. Raises ValueError for a key that is not in :data:`SORT_KEYS`."""
    if key == "suspicion":
        return list(modules)
    if key == "name":
        return sorted(modules, key=lambda m: m.name)
    if key == "address":
        return sorted(modules, key=lambda m: (m.address is None, m.address or 0))
    if key == "size":
        return sorted(modules, key=lambda m: (m.size is None, -(m.size or 0)))
    if key == "refs":
        return sorted(modules, key=lambda m: (m.refcount is None, -(m.refcount or 0)))
    raise ValueError(key)


def select(modules: Sequence[Module], only: Sequence[str]) -> list[Module]:
    """``--only``: ``tainted``, ``suspect`` or name patterns (``nf_*``); any match keeps one."""
    if not only:
        return list(modules)
    return [module for module in modules if any(_matches(module, word) for word in only)]


def _matches(module: Module, word: str) -> bool:
    if word == "tainted":
        return bool(module.taints)
    if word == "suspect":
        return module.suspect
    return fnmatch.fnmatchcase(_canonical(module.name), _canonical(word))


@dataclass
class ModuleTable:
    """All modules of one kernel as memory tells, in the kernel's order (newest first)."""

    modules: list[Module] = field(default_factory=list)
    #: What is wrong with the kernel's own lists, in words.
    damage: list[str] = field(default_factory=list)


@dataclass
class FreedRange:
    """Module address space that holds no module. ``size`` in bytes."""

    address: int = hexadecimal(0)
    size: int = 0
    what: str = ""


@dataclass
class UnloadedModule:
    """A module that is gone. ``count``: how often it was unloaded, None when not kept."""

    name: str
    taints: Optional[str] = None
    count: Optional[int] = None


@dataclass
class CodePointer:
    """Something in the kernel that calls into a module, or belongs to it.

    ``kind`` is one word or two for grouping: "timer", "work", "thread", "char device", …;
    ``pointer`` is the code (or data) address in the module, ``object`` the kernel object.
    """

    kind: str
    text: str
    object: Optional[int] = hexadecimal()
    pointer: Optional[int] = hexadecimal()
    symbol: Optional[str] = None


@dataclass
class Unloaded:
    """What is known of modules that are no longer there."""

    #: The address space that the kernel gives to modules, [start, end).
    space_start: Optional[int] = hexadecimal()
    space_end: Optional[int] = hexadecimal()
    last: Optional[str] = None
    tainted: list[UnloadedModule] = field(default_factory=list)
    ranges: list[FreedRange] = field(default_factory=list)
    #: Pointers of the kernel into module address space that no module occupies.
    left_behind: list[CodePointer] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)


@dataclass
class Parameter:
    name: str
    type: Optional[str] = None
    value: Optional[str] = None
    mode: Optional[int] = None  # permission bits in /sys/module/NAME/parameters, 0: not there
    address: Optional[int] = hexadecimal()
    why: Optional[str] = None  # why value is None
    description: Optional[str] = None  # MODULE_PARM_DESC, from the .ko


@dataclass
class Export:
    """An exported symbol; ``users`` are the modules whose code was seen to use it."""

    name: str
    address: int = hexadecimal(0)
    gpl: bool = False
    users: list[str] = field(default_factory=list)


@dataclass
class FunctionPointer:
    """``init`` or ``exit`` of a module."""

    address: Optional[int] = hexadecimal()
    symbol: Optional[str] = None
    note: str = ""


@dataclass
class ModuleDetail:
    """Everything that memory tells about one module."""

    module: Module
    struct_address: Optional[int] = hexadecimal()  # of struct module
    depends: Optional[list[str]] = None
    parameters: Optional[list[Parameter]] = None
    sections: Optional[list[ModuleSection]] = None
    exports: Optional[list[Export]] = None
    init: Optional[FunctionPointer] = None
    exit: Optional[FunctionPointer] = None
    #: True when it has an init and no exit function: it cannot be unloaded.
    permanent: Optional[bool] = None
    kobject: Optional[int] = hexadecimal()
    sysfs: list[str] = field(default_factory=list)
    pointers: Optional[list[CodePointer]] = None
    unknown: dict[str, str] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)


class CrashFacts(TypedDict, total=False):
    """The arguments of :func:`suspects` that an Explanation and a log report have."""

    rip: Optional[int]
    rip_module: Optional[str]
    stack: Sequence[StackFrame]
    fault_address: Optional[int]
    registers: Mapping[str, int]
    crash_time: Optional[float]


def crash_facts(explanation: Explanation, report: Optional[Report]) -> CrashFacts:
    """What is known of the crash, for ``suspects(modules, **crash_facts(…))``."""
    rip, fault = explanation.rip, explanation.fault_address
    return {
        "rip": rip.address if rip is not None else None,
        "rip_module": rip.module if rip is not None else None,
        "stack": explanation.stack or (),
        "fault_address": fault.value if fault is not None else None,
        "registers": {name: reg.value for name, reg in (explanation.registers or {}).items()},
        "crash_time": report.time if report is not None else None,
    }


class TargetFacts(TypedDict):
    """The arguments of :func:`suspects` that a target is asked for."""

    load_times: Mapping[str, LoadTime]
    sections: Optional[Callable[[str], Sequence[ModuleSection]]]


def target_facts(
    log: Callable[[], str],
    sections_of: Optional[Callable[[str], Sequence[ModuleSection]]],
    modules: Sequence[Module],
    report: Optional[Report],
) -> TargetFacts:
    """When modules were loaded (from the log) and where their sections are (from memory).

    What cannot be told is left out: reasons that need it are then not given.

    :param log: the kernel log as text; raises Unknown.
    :param sections_of: a module's sections by its name, raising Unknown; None where nobody knows.
    """
    try:
        names = [module.name for module in modules]
        times = load_times(log(), names, report.time if report is not None else None)
    except Unknown:  # a log that was read as a stream is not kept
        times = {}
    if sections_of is None:
        return {"load_times": times, "sections": None}
    return {"load_times": times, "sections": quiet_sections(sections_of)}


def quiet_sections(
    sections_of: Callable[[str], Sequence[ModuleSection]],
) -> Callable[[str], Sequence[ModuleSection]]:
    """The sections of a module, none when they are unknown: a place is then named by its region."""

    @functools.cache
    def sections(name: str) -> Sequence[ModuleSection]:
        try:
            return tuple(sections_of(name))
        except Unknown:
            return ()

    return sections


@dataclass
class ModsReport:
    """What the ``mods`` command prints; its ``--json`` form."""

    schema: str
    target: str
    summary: ModuleSummary
    modules: list[Module] = field(default_factory=list)
    last_unloaded: Optional[str] = None
    unloaded: Optional[Unloaded] = None
    details: list[ModuleDetail] = field(default_factory=list)
    integrity: dict[str, Integrity] = field(default_factory=dict)
    #: Addresses of the crash that lie in module space and in no module, in words.
    stray: list[str] = field(default_factory=list)
    #: Where log and memory disagree.
    notes: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)


def stray_addresses(
    explanation: Explanation,
    modules: Sequence[Module],
    unloaded: Unloaded,
    sections: Optional[Callable[[str], Sequence[ModuleSection]]] = None,
) -> list[str]:
    """RIP, fault address and return addresses in module space that no loaded module holds.

    ``sections`` tells whether such an address was in a module's init code, freed after init; it
    is asked for all modules, but only when there is such an address.
    """
    places: list[tuple[str, Optional[int]]] = []
    if explanation.rip is not None:
        places.append(("RIP", explanation.rip.address))
    if explanation.fault_address is not None:
        places.append(("the fault address", explanation.fault_address.value))
    for number, frame in enumerate(explanation.stack or ()):
        places.append((f"the return address of frame {number}", frame.address))
    found: list[str] = []
    seen: set[int] = set()
    for what, address in places:
        if address is None or address in seen or not _in_no_module(address, modules, unloaded):
            continue
        seen.add(address)
        text = f"{what} 0x{address:x} lies in module space and in no loaded module"
        init = freed_init(address, modules, sections) if sections is not None else None
        freed = next(
            (r for r in unloaded.ranges if r.address <= address < r.address + r.size), None
        )
        if init is not None:
            text += f": {init[0].name}'s {init[1]}, which was freed after init"
        elif freed is not None:
            text += f": {freed.what} (0x{freed.address:x}, {freed.size} bytes)"
        if unloaded.last and init is None:
            text += f"; the last module unloaded was {unloaded.last}"
        found.append(text)
    return found


def freed_init(
    address: int,
    modules: Sequence[Module],
    sections: Callable[[str], Sequence[ModuleSection]],
) -> Optional[tuple[Module, str]]:
    """The module whose init section held an address before it was freed, and the place in it.

    The memory can belong to another module by now: calling an ``__init`` function too late then
    runs into that one's data.
    """
    for module in modules:
        for section in sections(module.name):
            inside = section.size and section.address <= address < section.address + section.size
            if section.freed and inside:
                return module, f"{section.name}+0x{address - section.address:x}"
    return None


def _in_no_module(address: int, modules: Sequence[Module], unloaded: Unloaded) -> bool:
    start, end = unloaded.space_start, unloaded.space_end
    if start is None or end is None or not start <= address < end:
        return False
    return not any(contains(module, address) for module in modules)
