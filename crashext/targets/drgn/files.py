# SPDX-License-Identifier: GPL-2.0-or-later
"""The debug-info finder that crashext puts before drgn's: files of the very build, or why not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Optional

import drgn
from drgn import Program

from crashext.debugfiles import (
    Choice,
    ModuleIndex,
    by_build_id,
    choose,
    module_name,
    vmlinux_candidates,
)
from crashext.files import is_plain_name
from crashext.packed import packing, unpack_to_memory

NAME = "crashext"
_KEPT = "crashext.finder"  # in Program.cache


def vmcoreinfo(prog: Program) -> dict[str, str]:
    """The ``KEY=value`` lines of the dump's VMCOREINFO note."""
    try:
        text = prog["VMCOREINFO"].string_().decode(errors="replace")
    except LookupError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value for key, _, value in pairs if key}


class DebugFileFinder:
    """Finds files for drgn; ``symbols`` and ``module_dirs`` are the words of -s and -S, live."""

    def __init__(self, prog: Program) -> None:
        self._prog = prog
        self.symbols: list[str] = []
        self.module_dirs: list[str] = []
        #: Module name → why the files that bear its name were not taken.
        self.rejected: dict[str, str] = {}
        #: What the search for vmlinux came to.
        self.kernel: Optional[Choice] = None
        self._indexed: tuple[str, ...] = ()
        self._index = ModuleIndex(())
        info = vmcoreinfo(prog)
        self.release = info.get("OSRELEASE")
        self.build_id = info.get("BUILD-ID")

    @classmethod
    def of(cls, prog: Program) -> DebugFileFinder:
        """The program's finder; made and put first among its finders when there is none yet."""
        kept = prog.cache.get(_KEPT)
        if isinstance(kept, cls):
            return kept
        made = cls(prog)
        prog.cache[_KEPT] = made
        prog.register_debug_info_finder(NAME, made, enable_index=0)
        return made

    def _files(self) -> list[str]:
        return [word for word in self.symbols if not os.path.isdir(word)]

    def directories(self) -> list[str]:
        """The words of -S, and those of -s that are directories."""
        return [*self.module_dirs, *(word for word in self.symbols if os.path.isdir(word))]

    def _beside(self) -> list[str]:
        """The directory of the dump; none for the running kernel or a program without a file."""
        path = self._prog.cache.get("crashext.path", self._prog.core_dump_path)
        if path is None or path.startswith("/proc/"):
            return []
        return [os.path.dirname(path) or "."]

    def __call__(self, modules: Sequence[drgn.Module]) -> None:
        import drgn

        for module in modules:
            if isinstance(module, drgn.MainModule):
                self._find_kernel(module)
            elif isinstance(module, drgn.RelocatableModule):
                self._find_module(module)

    def _find_kernel(self, module: drgn.Module) -> None:
        wanted = module.build_id.hex() if module.build_id else self.build_id
        files = [path for path in self._files() if module_name(os.path.basename(path)) is None]
        places = [*self.directories(), *self._beside()]
        candidates = vmlinux_candidates(self.release, wanted, files, places)
        self.kernel = choose(candidates, wanted, "kernel")
        if self.kernel.file is not None:
            module.try_file(self.kernel.file.path)

    def _find_module(self, module: drgn.Module) -> None:
        wanted = module.build_id.hex() if module.build_id else None
        choice = choose(self.module_files(module.name, wanted), wanted, "module")
        if choice.rejected:
            self.rejected[module.name] = "; ".join(choice.rejected[:2])
        if choice.file is None:
            return
        if packing(choice.file.path) is None:
            module.try_file(choice.file.path)
            return
        # drgn reads plain ELF files; a packed one is handed over as an anonymous file.
        module.try_file(choice.file.path, fd=unpack_to_memory(choice.file.path))

    def module_files(self, name: str, wanted: Optional[str]) -> Sequence[str]:
        """Where a module's file can be, in the order of trial; they may not exist.

        The name is the dump's word: one with a slash in it names no file.
        """
        if not is_plain_name(name):
            return []
        given = [p for p in self._files() if module_name(os.path.basename(p)) == name]
        directories = tuple(self.directories())
        if directories != self._indexed:
            self._indexed, self._index = directories, ModuleIndex(directories)
        beside = [
            os.path.join(directory, variant + suffix)
            for directory in self._beside()
            for variant in sorted({name, name.replace("_", "-")})
            for suffix in (".ko.debug", ".ko", ".ko.xz", ".ko.zst", ".ko.gz")
        ]
        return [*given, *self._index.files(name), *beside, *by_build_id(wanted)]
