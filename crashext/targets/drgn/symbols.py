# SPDX-License-Identifier: GPL-2.0-or-later
"""Names and source lines for addresses, with debug info of modules brought in when asked for.

A dump of a big machine has hundreds of modules; only those that an answer touches are loaded, so
the cost grows with the crash and not with the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

import drgn
from drgn import Object, Program
from drgn.helpers.linux.kallsyms import module_kallsyms
from drgn.helpers.linux.module import address_to_module, find_module, for_each_module

from crashext.engine.blame.names import normalise
from crashext.engine.model import SourceLocation
from crashext.errors import Unknown
from crashext.kernel import pagetable
from crashext.targets.base import Symbol
from crashext.targets.drgn.architecture import of_program
from crashext.targets.drgn.asking import NO_ANSWER, asking, reason
from crashext.targets.drgn.files import DebugFileFinder
from crashext.targets.drgn.port import DrgnPort

#: Lowest address of the kernel's half on every 64-bit machine that drgn knows.
KERNEL_HALF = 1 << 63

#: Labels inside an assembler function that kallsyms (and so the log and crash) names instead of
#: the function (SYM_INNER_LABEL in arch/x86/entry/entry_64.S). They have no size in the ELF.
_INNER_LABELS = {
    "entry_SYSCALL_64": ("entry_SYSCALL_64_after_hwframe", "entry_SYSCALL_64_safe_stack"),
    "entry_SYSENTER_compat": ("entry_SYSENTER_compat_after_hwframe",),
    "entry_SYSCALL_compat": ("entry_SYSCALL_compat_after_hwframe",),
}

#: More modules than this is a list gone wrong.
MAX_MODULES = 4096

#: Names that module_init() and module_exit() give to functions with names of their own.
_ALIASES = ("init_module", "cleanup_module")


def choose_name(candidates: Iterable[str], function: Optional[str]) -> Optional[str]:
    """The symbol of several at one address that the source calls ``function``.

    A module's exit function has two names, ``hello_cleanup`` and the alias ``cleanup_module``;
    DWARF knows the one in the source. A clone keeps its suffix, as in the log. When no symbol
    bears the DWARF name, the DWARF name itself is the answer.
    """
    names = list(candidates)
    if function is None:
        return names[0] if names else None
    if function in names:
        return function
    for name in names:
        if normalise(name) == function:
            return name
    return function


class Symbols:
    """Symbol and source look-up in one program."""

    def __init__(self, prog: Program, port: DrgnPort) -> None:
        self._prog = prog
        self._port = port
        self._text: Optional[tuple[int, int]] = None
        self._code_ranges: Optional[list[tuple[int, int]]] = None
        self._code: dict[int, bool] = {}  # page of a module → executable
        self._modules: dict[int, Optional[str]] = {}  # page → module name
        self._ensured: set[str] = set()
        self._kallsyms: dict[str, list[drgn.Symbol]] = {}

    def in_kernel_image(self, address: int) -> bool:
        """Whether the address lies in vmlinux (text, data, bss, init)."""
        if self._text is None:
            start = self._symbol_address("_text") or self._symbol_address("_stext")
            # On arm64 _end lies behind the last section, where drgn does not relocate it.
            ends = [self._symbol_address(name) for name in ("_end", "__bss_stop", "_edata")]
            end = next((end for end in ends if start and end > start), start)
            self._text = (start, end)
        return self._text[0] <= address < self._text[1]

    def _symbol_address(self, name: str) -> int:
        try:
            return int(self._prog.symbol(name).address)
        except LookupError:
            return 0

    def is_code(self, address: int) -> bool:
        """Whether the processor can execute what lies at an address of the kernel's half.

        The kernel image has its bounds; for modules the page tables tell, by the NX bit: a
        module's data is no code, nor is its init text once it was freed.
        """
        if address < KERNEL_HALF:
            return False
        if self.in_kernel_image(address):
            return any(start <= address < end for start, end in self._image_code())
        page = address >> 12
        if page not in self._code:
            self._code[page] = self.module_name(address) is not None and self._executable(address)
        return self._code[page]

    def _image_code(self) -> list[tuple[int, int]]:
        if self._code_ranges is None:
            self._code_ranges = []
            for first, last in (("_stext", "_etext"), ("_sinittext", "_einittext")):
                try:
                    bounds = self._prog.symbol(first).address, self._prog.symbol(last).address
                except LookupError:
                    continue
                self._code_ranges.append(bounds)
        return self._code_ranges

    def _executable(self, address: int) -> bool:
        try:
            levels = pagetable.walk(self._port, of_program(self._prog).name, address)
        except (Unknown, *NO_ANSWER):
            return True  # the tables are not in the dump: inside a module is all that is known
        return all(level.present and level.executable for level in levels)

    def module_object(self, address: int) -> Optional[Object]:
        """``struct module *`` whose memory holds the address."""
        if self.in_kernel_image(address) or address < KERNEL_HALF:
            return None
        try:
            module = address_to_module(self._prog, address)
            return module if module else None
        except NO_ANSWER:
            return None

    def module_name(self, address: int) -> Optional[str]:
        """Name of the module whose memory holds the address; its debug info is loaded."""
        page = address >> 12
        if page not in self._modules:
            module = self.module_object(address)
            name = None
            if module is not None:
                try:
                    name = module.name.string_().decode(errors="replace")
                except NO_ANSWER:
                    name = None
                if name is not None:
                    self._ensure(module, name)
            self._modules[page] = name
        return self._modules[page]

    def _ensure(self, module: Object, name: str) -> None:
        """Loads the module's debug info with the program's finders, once."""
        if name in self._ensured:
            return
        self._ensured.add(name)
        try:
            loaded, _ = _get_or_create(self._prog, module)
            if loaded.wants_debug_file():
                self._prog.load_module_debug_info(loaded)
        except NO_ANSWER:
            pass  # debug_info_reason() tells what is missing, when someone asks

    def logged(self, name: str, size: Optional[int], module: Optional[str]) -> Optional[int]:
        """The start of the function that the log calls ``name+…/size [module]``.

        None when there is none or several: static functions of one name differ in size mostly.
        """
        if module is not None:
            try:
                found = find_module(self._prog, module)
                if found:
                    self._ensure(found, module)
            except NO_ANSWER:
                return None
        starts = {
            symbol.address
            for symbol in self._prog.symbols(name)
            if (module is None) == self.in_kernel_image(symbol.address)
            and (size is None or module is not None or symbol.size in (0, size))
        }
        return starts.pop() if len(starts) == 1 else None

    def debug_info_reason(self, name: str) -> Optional[str]:
        """Why there is no debug info for a module; None when there is some."""
        try:
            module = self._prog.module(name)
        except NO_ANSWER as error:
            return f"module {name}: {reason(error)}"
        if not module.wants_debug_file():
            return None
        rejected = DebugFileFinder.of(self._prog).rejected.get(name)
        wanted = f" with build-id {module.build_id.hex()}" if module.build_id else ""
        if rejected:
            return f"no debug info for {name}: {rejected}"
        return f"no debug info for {name}: give its .ko{wanted} with -s FILE or -S DIR"

    def symbol(self, address: int) -> Symbol:
        """The symbol that holds the address; the source's name wins over an alias.

        Raises Unknown, also where a damaged table gives a name that is no text.
        """
        with asking(f"the symbol at {address:#x}"):
            return self._symbol(address)

    def _symbol(self, address: int) -> Symbol:
        module = self.module_name(address)
        found: Sequence[drgn.Symbol] = self._prog.symbols(address)
        if not found and module is not None:
            found = self._module_kallsyms(module, address)
        if not found:
            try:
                found = [self._prog.symbol(address)]
            except LookupError:
                raise Unknown(f"no symbol holds {address:#x}") from None
        found = sorted(found, key=lambda s: (-s.address, s.size))
        nearest = [s for s in found if s.address == found[0].address]
        start = nearest[0]
        name = start.name
        if len(nearest) > 1 or name in _ALIASES:
            name = choose_name((s.name for s in nearest), self.function(address)) or name
        inner = self._inner_label(start.name, address)
        if inner is not None:
            size = start.address + start.size - inner.address if start.size else None
            return Symbol(inner.name, inner.address, address - inner.address, size, module)
        return Symbol(name, start.address, address - start.address, start.size or None, module)

    def _inner_label(self, name: str, address: int) -> Optional[drgn.Symbol]:
        best: Optional[drgn.Symbol] = None
        for label in _INNER_LABELS.get(name, ()):
            try:
                symbol = self._prog.symbol(label)
            except LookupError:
                continue
            if symbol.address <= address and (best is None or symbol.address > best.address):
                best = symbol
        return best

    def addresses(self, name: str) -> set[int]:
        """The addresses of the symbols of a name: those of vmlinux, else those of all modules.

        drgn knows the symbols of the modules whose files are loaded; the kernel's own tables have
        the others, so that a name of several modules is not taken for a name of one.
        """
        found = {symbol.address for symbol in self._prog.symbols(name)}
        if any(self.in_kernel_image(address) for address in found):
            return found
        for count, module in enumerate(for_each_module(self._prog)):
            if count >= MAX_MODULES:
                break
            own = module.name.string_().decode(errors="replace")
            found |= {s.address for s in self._kallsyms_of(module, own) if s.name == name}
        return found

    def _module_kallsyms(self, name: str, address: int) -> list[drgn.Symbol]:
        """The kernel's own symbol at an address of a module: for one without its .ko file."""
        module = self.module_object(address)
        symbols = self._kallsyms_of(module, name) if module is not None else []
        starts = [s for s in symbols if 0 < s.address <= address and s.name]
        if not starts:
            return []
        start = max(s.address for s in starts)
        nearest = [s for s in starts if s.address == start]
        return [s for s in nearest if not s.size or address < start + s.size]

    def _kallsyms_of(self, module: Object, name: str) -> list[drgn.Symbol]:
        if name not in self._kallsyms:
            self._kallsyms[name] = []
            try:
                self._kallsyms[name] = module_kallsyms(module)
            except (*NO_ANSWER, UnicodeDecodeError):
                pass
        return self._kallsyms[name]

    def function(self, address: int) -> Optional[str]:
        """DWARF's name of the (outermost, not inlined) function at an address."""
        try:
            chain = self._prog.source_location(address)
            name: Optional[str] = chain[len(chain) - 1].name()
            return name
        except NO_ANSWER:
            return None

    def source(self, address: int, is_return_address: bool) -> list[SourceLocation]:
        """The inline chain, innermost first; a return address is looked up at its call."""
        module = self.module_name(address)
        where = address - 1 if is_return_address else address
        try:
            chain = self._prog.source_location(where)
        except NO_ANSWER:
            why = self.debug_info_reason(module) if module else None
            raise Unknown(why or f"no source line for {address:#x} in the debug info") from None
        return [
            SourceLocation(
                location.name(),
                location.filename or None,
                location.line or None,
                location.column or None,
            )
            for location in chain
        ]


def _get_or_create(prog: Program, module: Object) -> tuple[drgn.Module, bool]:
    try:
        return prog.linux_kernel_loadable_module(module), False
    except LookupError:
        return prog.linux_kernel_loadable_module(module, create=True), True
