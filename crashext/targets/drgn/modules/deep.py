# SPDX-License-Identifier: GPL-2.0-or-later
"""Deep module facts over a drgn Program: :class:`crashext.targets.base.DeepModules`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional

from drgn import Program
from drgn.helpers.linux.mm import find_vmap_area

from crashext.engine.elf import SHN_UNDEF, STT_FUNC
from crashext.engine.integrity import Integrity, compare_kernel, compare_module
from crashext.engine.model import Module
from crashext.engine.modules import (
    FunctionPointer,
    ModuleDetail,
    ModuleSection,
    ModuleTable,
    Unloaded,
    contains,
)
from crashext.engine.patching import Site, probe_site
from crashext.errors import Unknown
from crashext.kernel.modules import facts, records
from crashext.kernel.modules.table import Loaded, Walk, walk_modules
from crashext.targets.drgn.asking import NO_ANSWER, asking, reason
from crashext.targets.drgn.modules import pointers, unloaded
from crashext.targets.drgn.modules.codefiles import CodeFile, CodeFiles
from crashext.targets.drgn.port import DrgnPort

if TYPE_CHECKING:
    from crashext.targets.drgn.symbols import Symbols

#: A function that seems longer than this is compared with vmlinux only around the address.
_MAX_FUNCTION = 1 << 20
_AROUND = 4096


class DrgnModules:
    """The deep module facts of one program. What was read is kept: a dump does not change."""

    def __init__(
        self,
        prog: Program,
        port: DrgnPort,
        symbols: Symbols,
        traces: Callable[[], dict[int, list[int]]],
    ) -> None:
        """:param traces: program counters of the tasks that only the caller can unwind, by the
        address of their ``task_struct``."""
        self._prog = prog
        self._symbols = symbols
        self._traces = traces
        self._memory = port
        self._files = CodeFiles(prog)
        self._walked: Optional[Walk] = None
        self._kallsyms: dict[str, list[facts.ModuleSymbol]] = {}
        self._pointers: Optional[pointers.Pointers] = None
        self._looked_for: set[str] = set()
        self._kernel_names: Optional[dict[int, list[str]]] = None

    def walk(self) -> Walk:
        if self._walked is None:
            with asking("the module list"):
                self._walked = walk_modules(self._memory)
        return self._walked

    def module_table(self) -> ModuleTable:
        for entry in self.walk().loaded:
            self._note_debug_info(entry.module)
        return self.walk().table()

    def find_debug_info(self, name: str) -> None:
        """Looks for the module's debug info; its Module then tells where, or why there is none."""
        module = self.walk().find(name).module
        if module.address is not None:
            self._symbols.module_name(module.address)  # loads it
            self._looked_for.add(name)
        self._note_debug_info(module)
        if module.address is None:
            module.debug_info_why = "no debug info: its memory is not known"

    def _note_debug_info(self, module: Module) -> None:
        """What drgn has found; nothing is looked for here (500 files would take their time)."""
        try:
            module.debug_info = self._prog.module(module.name).debug_file_path
        except NO_ANSWER:
            module.debug_info = None
        if module.debug_info is not None:
            module.debug_info_why = None
        elif module.name in self._looked_for:
            module.debug_info_why = self._symbols.debug_info_reason(module.name)
        else:
            module.debug_info_why = f"debug info not looked for (mods {module.name} looks)"

    # Sections and symbols

    def module_sections(self, name: str) -> list[ModuleSection]:
        entry = self.walk().find(name)
        with asking(f"the sections of {name}"):
            found = facts.sections(entry.whole())
        for section in found:
            # Init memory is given back after init; the table of addresses stays as it was.
            section.freed = not contains(entry.module, section.address)
        try:
            elf = self._code_file(entry).elf
        except Unknown:  # sizes stay unknown; the page of the module tells that no file fits
            return found
        sizes: dict[str, list[int]] = {}
        for header in elf.sections:
            if header.allocated:
                sizes.setdefault(header.name, []).append(header.size)
        for section in found:
            if sizes.get(section.name):
                section.size = sizes[section.name].pop(0)
        return found

    def _code_file(self, entry: Loaded) -> CodeFile:
        return self._files.module(entry.module.name, entry.module.build_id)

    def _symbols_of(self, entry: Loaded) -> list[facts.ModuleSymbol]:
        name = entry.module.name
        if name not in self._kallsyms:
            try:
                self._kallsyms[name] = facts.symbols(entry.whole())
            except Unknown:  # its addresses then show without a function's name
                self._kallsyms[name] = []
        return self._kallsyms[name]

    def _holder(self, address: int) -> Optional[Loaded]:
        for entry in self.walk().loaded:
            if contains(entry.module, address):
                return entry
        return None

    def name_of(self, address: int) -> Optional[str]:
        """``function+0x12`` and, in a module, ``[module]``; None when nothing is known there."""
        entry = self._holder(address)
        if entry is not None:
            symbol = facts.symbol_at(self._symbols_of(entry), address)
            return f"{symbol} [{entry.module.name}]" if symbol else f"[{entry.module.name}]"
        try:
            found = self._prog.symbol(address)
        except NO_ANSWER:
            return None
        offset = address - int(found.address)
        return f"{found.name}+0x{offset:x}" if offset else str(found.name)

    def _names_at(self, address: int) -> Sequence[str]:
        """The names of the symbols that begin at an address."""
        entry = self._holder(address)
        if entry is not None:
            return [s.name for s in self._symbols_of(entry) if s.address == address]
        if self._kernel_names is not None:
            return self._kernel_names.get(address, ())
        return [s.name for s in self._prog.symbols(address) if s.address == address]

    def _index_kernel_names(self) -> None:
        """For thousands of look-ups: one by one drgn searches the whole table for each."""
        if self._kernel_names is None:
            slide = self._slide()
            names: dict[int, list[str]] = {}
            for symbol in self._files.kernel().elf.symbols():
                names.setdefault(symbol.value + slide, []).append(symbol.name)
            self._kernel_names = names

    def _slide(self) -> int:
        """Run-time address minus link address of the kernel (KASLR)."""
        return int(self._prog.main_module().debug_file_bias or 0)

    def _resolver(self, entry: Loaded) -> Callable[[str], Sequence[int]]:
        """Finds the addresses of a symbol in the kernel and in the modules that a module needs."""
        providers = [e for e in self.walk().loaded if e.address in entry.depends]

        def resolve(name: str) -> Sequence[int]:
            found = {int(symbol.address) for symbol in self._prog.symbols(name)}
            for provider in providers:
                found |= {s.address for s in self._symbols_of(provider) if s.name == name}
            return sorted(found)

        return resolve

    # One module

    def module_detail(self, name: str) -> ModuleDetail:
        entry = self.walk().find(name)
        self.find_debug_info(name)
        detail = ModuleDetail(entry.module, entry.address)
        detail.depends = self.walk().names(entry.depends)
        detail.sysfs = [f"/sys/module/{name}"]
        try:
            record = entry.whole()
        except Unknown as why:
            detail.unknown["detail"] = str(why)
            return detail
        if record.has("mkobj.kobj"):
            detail.kobject = record.at("mkobj.kobj")
            if record.has("mkobj.mp") and record.unsigned("mkobj.mp"):
                detail.sysfs.append(f"/sys/module/{name}/parameters")
        _fill(detail, "sections", lambda: self.module_sections(name))
        _fill(detail, "parameters", lambda: facts.parameters(record, self._kernel_name))
        _fill(detail, "exports", lambda: facts.exports(record))
        detail.init = self._function(entry, "init", "its code was freed after init")
        detail.exit = self._function(entry, "exit", "it lies outside the module's memory")
        if detail.init is not None and detail.exit is not None:
            detail.permanent = bool(detail.init.address) and not detail.exit.address
        self._descriptions(entry, detail)
        self._export_users(entry, detail)
        self._pointers_into(entry, detail)
        return detail

    def _kernel_name(self, address: int) -> Optional[str]:
        name = self.name_of(address)
        return name.partition(" [")[0] if name else None

    def _function(self, entry: Loaded, member: str, freed: str) -> Optional[FunctionPointer]:
        record = entry.whole()
        if not record.has(member):
            return None
        address = record.unsigned(member)
        if not address:
            return FunctionPointer(None, None, "none")
        if contains(entry.module, address):
            return FunctionPointer(address, self._source_name(address))
        return FunctionPointer(address, self._file_name(entry, address), freed)

    def _source_name(self, address: int) -> Optional[str]:
        """The source's name (hello_cleanup) rather than the alias (cleanup_module)."""
        try:
            return self._symbols.symbol(address).name
        except Unknown:
            return self.name_of(address)

    def _file_name(self, entry: Loaded, address: int) -> Optional[str]:
        """A function in freed init memory: only the file still knows its name."""
        try:
            elf = self._code_file(entry).elf
            loaded = {s.name: s.address for s in facts.sections(entry.whole())}
        except Unknown:
            return None
        names = [
            symbol.name
            for symbol in elf.symbols()
            if symbol.type == STT_FUNC
            and 0 < symbol.section < len(elf.sections)
            and loaded.get(elf.sections[symbol.section].name, 0) + symbol.value == address
        ]
        return next((name for name in names if name != "init_module"), names[0] if names else None)

    def _descriptions(self, entry: Loaded, detail: ModuleDetail) -> None:
        """MODULE_PARM_DESC texts (``parm=NAME:TEXT`` in .modinfo), which only the file has."""
        if not detail.parameters:
            return
        try:
            texts = self._code_file(entry).elf.modinfo().get("parm", [])
        except Unknown:
            return
        known = {name: text for name, colon, text in (t.partition(":") for t in texts) if colon}
        for parameter in detail.parameters:
            parameter.description = known.get(parameter.name)

    def _export_users(self, entry: Loaded, detail: ModuleDetail) -> None:
        """Which user of the module refers to which exported symbol: from its file, else its code.

        The kernel records that a module uses another, not through which symbol.
        """
        if not detail.exports:
            return
        for user in self.walk().loaded:
            if user.address not in entry.users:
                continue
            try:
                elf = self._code_file(user).elf
            except Unknown:
                used = self._referred(user, {export.address for export in detail.exports})
                found = [export for export in detail.exports if export.address in used]
            else:
                wanted = {s.name for s in elf.symbols() if s.section == SHN_UNDEF}
                found = [export for export in detail.exports if export.name in wanted]
            for export in found:
                export.users.append(user.module.name)

    def _referred(self, user: Loaded, wanted: set[int]) -> set[int]:
        found: set[int] = set()
        for region in user.module.regions:
            if region.kind == "text":
                try:
                    code = self._memory.read(region.address, region.size)
                except Unknown:
                    continue
                found |= facts.references(code, region.address, wanted)
        return found

    # Pointers into modules

    def _all_pointers(self) -> pointers.Pointers:
        if self._pointers is None:
            self._pointers = pointers.collect(self._prog, self.name_of)
        return self._pointers

    def _pointers_into(self, entry: Loaded, detail: ModuleDetail) -> None:
        everything = self._all_pointers()
        detail.pointers = everything.into(lambda address: contains(entry.module, address))
        for kind, why in everything.unknown.items():
            detail.unknown[f"pointers.{kind}"] = why
        spans = [(r.address, r.address + r.size) for r in entry.module.regions if "text" in r.kind]
        try:
            detail.pointers += pointers.stack_users(
                self._prog, self._memory, self.name_of, spans, self._traces()
            )
        except NO_ANSWER as error:
            detail.unknown["pointers.stacks"] = reason(error)

    def last_unloaded(self) -> Optional[str]:
        with asking("the name of the last unloaded module"):
            return records.last_name(self._memory)

    def unloaded_modules(self) -> Unloaded:
        found = unloaded.read(self._prog, self._memory)
        start, end = found.space_start, found.space_end
        if start is None or end is None:
            return found
        if not found.last and not found.tainted:
            return found  # nothing was unloaded: a sweep would take its time for nothing
        loaded = [entry.module for entry in self.walk().loaded]

        def dangling(address: int) -> bool:
            assert start is not None
            assert end is not None
            if not start <= address < end or any(contains(m, address) for m in loaded):
                return False
            # BPF programs and trampolines live between modules: they own their memory.
            return not find_vmap_area(self._prog, address)

        everything = self._all_pointers()
        found.unknown.update({f"left_behind.{k}": why for k, why in everything.unknown.items()})
        try:
            with asking("what unloaded modules left behind"):
                found.left_behind = everything.into(dangling)
        except Unknown as why:
            found.unknown["left_behind"] = str(why)
        return found

    # Integrity

    def module_integrity(self, name: str) -> Integrity:
        entry = self.walk().find(name)
        file = self._code_file(entry)
        with asking(f"the sections of {name}"):
            addresses = [(s.name, s.address) for s in facts.sections(entry.whole())]
        result = compare_module(
            file.elf,
            addresses,
            self._memory.read,
            self._resolver(entry),
            names=self._names_at,
            freed=lambda address: not contains(entry.module, address),
            probes=self._probes(),
        )
        result.file = file.path
        return result

    def text_integrity(self, address: int) -> Integrity:
        try:
            symbol = self._prog.symbol(address)
        except NO_ANSWER as error:
            raise Unknown(f"no function of the kernel at 0x{address:x}: {reason(error)}") from None
        start, size = int(symbol.address), int(symbol.size)
        if not size or size > _MAX_FUNCTION:
            start, size = address - _AROUND // 2, _AROUND
        result = self._compare_kernel(start, start + size)
        for difference in result.differences:
            difference.symbol = self.name_of(difference.address)
        return result

    def kernel_integrity(self) -> Integrity:
        """All code of the kernel proper against vmlinux; takes some seconds."""
        start, end = self._memory.symbol("_stext"), self._memory.symbol("_etext")
        if start is None or end is None:
            raise Unknown("vmlinux has no symbols _stext and _etext")
        self._index_kernel_names()
        result = self._compare_kernel(start, end)
        for difference in result.differences:
            difference.symbol = self.name_of(difference.address)
        return result

    def _compare_kernel(self, start: int, end: int) -> Integrity:
        file = self._files.kernel()
        sizes = {
            section: size
            for section, kind in (
                (".altinstructions", "struct alt_instr"),
                ("__jump_table", "struct jump_entry"),
                (".parainstructions", "struct paravirt_patch_site"),
            )
            for size in [self._memory.sizeof(kind)]
            if size
        }
        result = compare_kernel(
            file.elf,
            start,
            end,
            self._slide(),
            self._memory.read,
            self._memory.symbol,
            names=self._names_at,
            sizes=sizes,
            probes=self._probes(),
        )
        result.file = file.path
        return result

    def _probes(self) -> list[Site]:
        """The code that kprobes have changed."""
        sites = []
        try:
            for probe in pointers.kprobes(self._prog):
                # An optimised probe has a jump of five bytes; both are judged by what is there.
                sites.append(probe_site(int(probe.addr.value_()), 5, "kprobes"))
                sites.append(probe_site(int(probe.addr.value_()), 1, "kprobes"))
        except NO_ANSWER:  # no CONFIG_KPROBES
            pass
        return sites


def _fill(detail: ModuleDetail, key: str, question: Callable[[], Any]) -> None:
    try:
        with asking(f"the {key} of {detail.module.name}"):
            setattr(detail, key, question())
    except Unknown as why:
        detail.unknown[key] = str(why)


class ModuleQuestions:
    """A mix-in: a target over a drgn Program that answers DeepModules' questions."""

    deep_modules: DrgnModules

    def module_table(self) -> ModuleTable:
        return self.deep_modules.module_table()

    def find_debug_info(self, name: str) -> None:
        self.deep_modules.find_debug_info(name)

    def module_sections(self, name: str) -> list[ModuleSection]:
        return self.deep_modules.module_sections(name)

    def module_detail(self, name: str) -> ModuleDetail:
        return self.deep_modules.module_detail(name)

    def module_integrity(self, name: str) -> Integrity:
        return self.deep_modules.module_integrity(name)

    def text_integrity(self, address: int) -> Integrity:
        return self.deep_modules.text_integrity(address)

    def kernel_integrity(self) -> Integrity:
        return self.deep_modules.kernel_integrity()

    def unloaded_modules(self) -> Unloaded:
        return self.deep_modules.unloaded_modules()
