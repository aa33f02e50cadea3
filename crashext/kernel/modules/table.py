# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks the kernel's list of modules; keeps what can be read and says what cannot.

Layouts are told apart by the members that ``struct module`` has, never by a version:

* ``mem[]`` (6.4, commit ac3b432839234 "module: replace module_layout with module_memory"),
* ``core_layout`` and ``init_layout`` (4.5, commit 7523e4dc5057 "module: use a structure to
  encapsulate layout."),
* ``module_core``, ``core_size`` and so on in ``struct module`` itself (before).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from crashext.engine import taint
from crashext.engine.elf import NT_GNU_BUILD_ID, parse_notes
from crashext.engine.model import Module, ModuleRegion
from crashext.engine.modules import ModuleTable
from crashext.errors import Unknown
from crashext.kernel.memory import (
    Break,
    Record,
    read_pointer,
    read_pointers,
    read_record,
    read_string,
    read_unsigned,
    text_of,
    walk_list,
)
from crashext.kernel.modules import sysfs
from crashext.kernel.port import Port

MODULE = "struct module"

#: enum module_state (include/linux/module.h; UNFORMED since 3.8, commit 0d21b0e3477395).
_STATES = {
    "MODULE_STATE_LIVE": "live",
    "MODULE_STATE_COMING": "loading",
    "MODULE_STATE_GOING": "unloading",
    "MODULE_STATE_UNFORMED": "unformed",
}
_STATE_VALUES = {0: "live", 1: "loading", 2: "unloading", 3: "unformed"}

#: enum mod_mem_type (include/linux/module.h).
_MEMORY_KINDS = {
    "MOD_TEXT": "text",
    "MOD_DATA": "data",
    "MOD_RODATA": "rodata",
    "MOD_RO_AFTER_INIT": "ro_after_init",
    "MOD_INIT_TEXT": "init text",
    "MOD_INIT_DATA": "init data",
    "MOD_INIT_RODATA": "init rodata",
}

#: A module, or a piece of it, that is larger than this has a damaged size.
_MAX_SIZE = 1 << 31
#: More users than this is a damaged list.
_MAX_USERS = 4096
_MAX_NOTES = 64


@dataclass
class Loaded:
    """One entry of the list: its ``struct module`` and what was decoded from it."""

    address: int
    module: Module
    record: Optional[Record] = None  # None when the structure could not be read whole
    users: list[int] = field(default_factory=list)  # struct module addresses
    depends: list[int] = field(default_factory=list)

    def whole(self) -> Record:
        """Raises Unknown when ``struct module`` could not be read."""
        if self.record is None:
            raise Unknown(f"struct module of {self.module.name} cannot be read whole")
        return self.record


@dataclass
class Walk:
    """The list as walked, in the kernel's order: the newest module first."""

    loaded: list[Loaded]
    damage: list[str] = field(default_factory=list)

    def table(self) -> ModuleTable:
        return ModuleTable([entry.module for entry in self.loaded], self.damage)

    def find(self, name: str) -> Loaded:
        """Raises Unknown when no module has that name."""
        for entry in self.loaded:
            if entry.module.name == name:
                return entry
        raise Unknown(f"no module {name} in the kernel's list")

    def names(self, addresses: list[int]) -> list[str]:
        """``struct module`` addresses as names; one that is not in the list by its address."""
        known = {entry.address: entry.module.name for entry in self.loaded}
        return [known.get(address, f"0x{address:x} (not in the list)") for address in addresses]


def walk_modules(kernel: Port) -> Walk:
    """All modules of the kernel. Raises Unknown when the list's head or type is not there."""
    head = kernel.symbol("modules")
    if head is None:
        raise Unknown("the kernel has no symbol modules: it was built without CONFIG_MODULES")
    link = kernel.member(MODULE, "list")
    if link is None:
        raise Unknown("the debug info has no struct module")
    listed = walk_list(kernel, head)
    walk = Walk([read_module(kernel, node - link.offset) for node in listed.nodes])
    walk.damage += [_break_text(found, walk, link.offset) for found in listed.breaks]
    if listed.recovered:
        walk.damage.append(
            f"{listed.recovered} modules behind the damage were reached backward from the list's "
            "head; others between may be missing"
        )
    _compare_with_sysfs(kernel, walk)
    for entry in walk.loaded:
        entry.module.used_by = walk.names(entry.users)
    _same_names(walk)
    return walk


def _compare_with_sysfs(kernel: Port, walk: Walk) -> None:
    """Modules that are in one of the kernel's two books and not in the other.

    /sys/module (``module_kset``) lists modules too. A module that is only there was lost to a
    damaged list, or takes itself off the list to hide (rootkits do); one that is only in the
    list hides from /sys. While a module is loading or unloading, it can be in one of them.
    """
    try:
        known = in_sysfs(kernel)
    except Unknown:  # no sysfs, or its list is not in the dump: nothing to compare with
        return
    listed = {entry.address for entry in walk.loaded}
    for address in known:
        if address not in listed:
            found = read_module(kernel, address)
            found.module.damage.append(
                "it is in /sys/module and not in the module list: hidden, or cut off by damage"
            )
            walk.loaded.append(found)
    for entry in walk.loaded:
        if entry.address not in known and entry.module.state == "live":
            entry.module.damage.append("it is in the module list and not in /sys/module: hidden")


def in_sysfs(kernel: Port) -> list[int]:
    """``struct module`` addresses of the loadable modules that /sys/module shows."""
    kset, kind = kernel.symbol("module_kset"), "struct module_kobject"
    head = kernel.member("struct kset", "list")
    link, owner = kernel.member(kind, "kobj.entry"), kernel.member(kind, "mod")
    if kset is None or head is None or link is None or owner is None:
        raise Unknown("the kernel has no module_kset")
    found = []
    for node in walk_list(kernel, read_pointer(kernel, kset) + head.offset).nodes:
        # Built-in code has a directory there too, without a module.
        module = read_unsigned(kernel, node - link.offset + owner.offset, owner.size)
        if module:
            found.append(module)
    return found


def _break_text(found: Break, walk: Walk, link: int) -> str:
    names = {entry.address + link: entry.module.name for entry in walk.loaded}
    after = "its head" if found.after is None else names.get(found.after, f"0x{found.after:x}")
    following = names.get(found.next)
    target = f"0x{found.next:x}" + (f" ({following})" if following else "")
    return f"the module list is damaged after {after}: the entry {target} {found.reason}"


def _same_names(walk: Walk) -> None:
    seen: dict[str, int] = {}
    for entry in walk.loaded:
        other = seen.setdefault(entry.module.name, entry.address)
        if other != entry.address:
            entry.module.damage.append(f"another module (0x{other:x}) has the same name")


def read_module(kernel: Port, address: int) -> Loaded:
    """Decodes one ``struct module``. Never raises: what fails is in ``module.damage``."""
    try:
        record = read_record(kernel, MODULE, address)
    except Unknown as reason:
        loaded = Loaded(address, Module(_name_alone(kernel, address)))
        loaded.module.damage.append(f"its struct module at 0x{address:x} is not whole: {reason}")
        return loaded
    module = Module("")
    loaded = Loaded(address, module, record)
    module.name = _name(record, module)
    module.state = _state(record, module)
    module.regions = regions(record, module)
    if module.regions:
        core = [r for r in module.regions if not r.kind.startswith(("init", "percpu"))]
        module.address = core[0].address if core else None
        module.size = sum(r.size for r in module.regions if r.kind != "percpu")
    module.taints = taint.from_mask(record.unsigned("taints")).letters
    module.refcount = _refcount(record)
    module.version = _string(record, "version", module)
    module.srcversion = _string(record, "srcversion", module)
    module.build_id = build_id(record)
    loaded.users = _uses(record, "source_list", "source", module)
    loaded.depends = _uses(record, "target_list", "target", module)
    return loaded


def _name_alone(kernel: Port, address: int) -> str:
    member = kernel.member(MODULE, "name")
    try:
        if member is not None:
            raw = kernel.read(address + member.offset, member.size)
            return text_of(raw.partition(b"\0")[0]) or f"?{address:x}"
    except Unknown:
        pass
    return f"?{address:x}"


def _name(record: Record, module: Module) -> str:
    """``char name[MODULE_NAME_LEN]``; the kernel always ends it with a NUL."""
    raw = record.bytes("name")
    name, end, _ = raw.partition(b"\0")
    if not end:
        module.damage.append(f"its name has no end within {len(raw)} bytes")
    if not name:
        module.damage.append("its name is empty")
        return f"?{record.address:x}"
    if not all(0x20 < byte < 0x7F for byte in name):
        module.damage.append("its name holds bytes that no module name has")
    return text_of(name)


def _state(record: Record, module: Module) -> Optional[str]:
    value = record.unsigned("state")
    values = {
        number: _STATES[name]
        for name, number in record.kernel.enumerators("enum module_state").items()
        if name in _STATES
    }
    state = (values or _STATE_VALUES).get(value)
    if state is None:
        module.damage.append(f"its state {value} is none that the kernel has")
    return state


def regions(record: Record, module: Module) -> list[ModuleRegion]:
    """The module's memory; ``module.damage`` gets what cannot be so."""
    if record.has("mem"):
        found = _regions_mem(record)
    elif record.has("core_layout"):
        found = _regions_layout(record)
    elif record.has("module_core"):
        found = _regions_members(record)
    else:
        module.damage.append("its memory is unknown: this kernel's struct module has none of "
                             "mem, core_layout and module_core")  # fmt: skip
        return []
    if record.has("percpu") and record.has("percpu_size"):
        found.append(
            ModuleRegion("percpu", record.unsigned("percpu"), record.unsigned("percpu_size"))
        )
    good = []
    for region in found:
        if not region.address or not region.size:
            continue
        if region.size > _MAX_SIZE:
            module.damage.append(f"its {region.kind} claims {region.size} bytes")
            continue
        good.append(region)
    if not good:
        module.damage.append("no memory is recorded for it")
    return good


def _regions_mem(record: Record) -> list[ModuleRegion]:
    kernel = record.kernel
    step = kernel.sizeof("struct module_memory") or 0
    base = kernel.member("struct module_memory", "base")
    size = kernel.member("struct module_memory", "size")
    if not step or base is None or size is None:
        raise Unknown("the debug info has no whole struct module_memory")
    raw = record.bytes("mem")
    kinds = {value: name for name, value in kernel.enumerators("enum mod_mem_type").items()}
    order = "little" if kernel.little else "big"
    found = []
    for index in range(len(raw) // step):
        piece = raw[index * step : (index + 1) * step]
        name = kinds.get(index, "")
        found.append(
            ModuleRegion(
                _MEMORY_KINDS.get(name, name.lower() or f"memory {index}"),
                int.from_bytes(piece[base.offset : base.offset + base.size], order),  # type: ignore[arg-type]
                int.from_bytes(piece[size.offset : size.offset + size.size], order),  # type: ignore[arg-type]
            )
        )
    return found


def _regions_layout(record: Record) -> list[ModuleRegion]:
    found = []
    for layout, prefix in (("core_layout", ""), ("init_layout", "init ")):
        base = record.unsigned(f"{layout}.base")
        # ro_after_init_size since 4.8, commit 444d13ff10fb.
        marks = [
            (kind, record.unsigned(f"{layout}.{member}"))
            for kind, member in (
                ("text", "text_size"),
                ("rodata", "ro_size"),
                ("ro_after_init", "ro_after_init_size"),
                ("data", "size"),
            )
            if record.has(f"{layout}.{member}")
        ]
        found += _pieces(base, marks, prefix)
    # 5.18 to 6.3, CONFIG_ARCH_WANTS_MODULES_DATA_IN_VMALLOC (commit 01dc0386efb769): the data of
    # some 32-bit architectures lie apart from the text.
    if record.has("data_layout"):
        found.append(
            ModuleRegion(
                "data", record.unsigned("data_layout.base"), record.unsigned("data_layout.size")
            )
        )
    return found


def _regions_members(record: Record) -> list[ModuleRegion]:
    found = []
    for part, prefix in (("core", ""), ("init", "init ")):
        base = record.unsigned(f"module_{part}")
        marks = [
            (kind, record.unsigned(member))
            for kind, member in (
                ("text", f"{part}_text_size"),
                ("rodata", f"{part}_ro_size"),
                ("data", f"{part}_size"),
            )
            if record.has(member)
        ]
        found += _pieces(base, marks, prefix)
    return found


def _pieces(base: int, marks: list[tuple[str, int]], prefix: str) -> list[ModuleRegion]:
    """One block split at ascending end offsets: text, then rodata, then data.

    Marks that do not ascend within the block (a damaged size) leave the block in one piece.
    """
    whole = marks[-1][1]
    ends = [end for _kind, end in marks]
    # Without strict module memory the inner marks may be 0.
    if ends != sorted(ends) and any(end > whole for end in ends):
        return [ModuleRegion(f"{prefix}memory", base, whole)]
    found, start = [], 0
    for kind, end in marks:
        if end > start:
            found.append(ModuleRegion(prefix + kind, base + start, end - start))
            start = end
    return found


def _refcount(record: Record) -> Optional[int]:
    """What lsmod shows; 0 also once unloading has taken away the base reference.

    ``refcnt`` counts one (MODULE_REF_BASE) for the module itself (3.19, commit 2f35c41f58a9
    "module: Replace module_ref with atomic_t refcnt"); before, ``refptr`` had per-CPU counters.
    """
    if record.has("refcnt.counter"):
        return max(record.signed("refcnt.counter") - 1, 0)
    if record.has("refptr"):
        return _percpu_refcount(record)
    return None


def _percpu_refcount(record: Record) -> Optional[int]:
    kernel = record.kernel
    offsets = kernel.symbol("__per_cpu_offset")
    ids = kernel.symbol("nr_cpu_ids")
    incs = kernel.member("struct module_ref", "incs")
    decs = kernel.member("struct module_ref", "decs")
    if offsets is None or ids is None or incs is None or decs is None:
        return None
    try:
        cpus = min(read_unsigned(kernel, ids, 4), 8192)
        total = 0
        for offset in read_pointers(kernel, offsets, cpus):
            base = (record.unsigned("refptr") + offset) & ((1 << 8 * kernel.word) - 1)
            total += read_unsigned(kernel, base + incs.offset, incs.size)
            total -= read_unsigned(kernel, base + decs.offset, decs.size)
    except Unknown:
        return None
    return max(total, 0)


def _string(record: Record, member: str, module: Module) -> Optional[str]:
    """A ``char *`` that may be NULL."""
    if not record.has(member):
        return None
    pointer = record.unsigned(member)
    if not pointer:
        return None
    try:
        return read_string(record.kernel, pointer)
    except Unknown as reason:
        module.damage.append(f"its {member} cannot be read: {reason}")
        return None


def _uses(record: Record, head: str, other: str, module: Module) -> list[int]:
    """``struct module`` addresses over ``struct module_use`` (CONFIG_MODULE_UNLOAD)."""
    kernel = record.kernel
    link = kernel.member("struct module_use", head)
    partner = kernel.member("struct module_use", other)
    if not record.has(head) or link is None or partner is None:
        return []
    member = kernel.member(MODULE, head)
    assert member is not None
    first = int.from_bytes(record.bytes(head)[: kernel.word], "little" if kernel.little else "big")
    if first == record.address + member.offset:  # empty: no need to read on
        return []
    try:
        walk = walk_list(kernel, record.address + member.offset, _MAX_USERS)
        found = [
            read_unsigned(kernel, node - link.offset + partner.offset, partner.size)
            for node in walk.nodes
        ]
    except Unknown as reason:
        module.damage.append(f"its {head} cannot be read: {reason}")
        return []
    for problem in walk.breaks:
        module.damage.append(f"its {head}: the entry 0x{problem.next:x} {problem.reason}")
    return found


def build_id(record: Record) -> Optional[str]:
    """The build-id as hex digits: from ``module.build_id``, else from the loaded notes.

    ``build_id`` exists with CONFIG_STACKTRACE_BUILD_ID (5.14, commit 9294523e3768); the notes
    are kept for /sys/module/NAME/notes (CONFIG_SYSFS and CONFIG_KALLSYMS).
    """
    if record.has("build_id"):
        raw = record.bytes("build_id")
        if any(raw):
            return raw.hex()
    try:
        for address, size in _notes(record):
            for note in parse_notes(record.kernel.read(address, min(size, 4096))):
                if note.type == NT_GNU_BUILD_ID and note.name == b"GNU":
                    return note.data.hex()
    except Unknown:  # the build-id is extra; the module is whole without it
        pass
    return None


def _notes(record: Record) -> list[tuple[int, int]]:
    """Address and size of the loaded note sections, from ``struct module_notes_attrs``."""
    kernel, kind = record.kernel, "struct bin_attribute"
    if not record.has("notes_attrs") or not record.unsigned("notes_attrs"):
        return []
    found = []
    for entry in sysfs.entries(
        kernel, "struct module_notes_attrs", record.unsigned("notes_attrs"), "notes", kind
    )[:_MAX_NOTES]:
        address, size = (sysfs.value(kernel, kind, entry, path) for path in ("private", "size"))
        if address and size:
            found.append((address, size))
    return found
