# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the file with the code that a module (or the kernel) was loaded from.

Unlike debug info, a stripped file is good enough, and a file with debug info only is not. A file
of another build is never taken, and is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from drgn import Program

from crashext.debugfiles import ModuleIndex, read_elf_file
from crashext.engine.elf import SHT_NOBITS, Elf
from crashext.errors import Unknown
from crashext.files import is_plain_name
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.files import DebugFileFinder


@dataclass(frozen=True)
class CodeFile:
    path: str
    elf: Elf


class CodeFiles:
    """The code files of one program; each is looked for once."""

    def __init__(self, prog: Program) -> None:
        self._prog = prog
        self._found: dict[str, CodeFile] = {}
        self._missing: dict[str, str] = {}
        self._installed: Optional[ModuleIndex] = None

    def module(self, name: str, build_id: Optional[str]) -> CodeFile:
        """The module's .ko of the very build. Raises Unknown: none found, or why none fits."""
        if name in self._missing:
            raise Unknown(self._missing[name])
        if name not in self._found:
            rejected: list[str] = []
            for path in self._candidates(name, build_id):
                file = _fits(path, build_id, rejected)
                if file is not None:
                    self._found[name] = file
                    return file
            why = f"no .ko of {name} found"
            if rejected:
                why = f"no .ko of {name} fits: {'; '.join(rejected[:3])}"
            self._missing[name] = f"{why}; give its directory with -S"
            raise Unknown(self._missing[name])
        return self._found[name]

    def _candidates(self, name: str, build_id: Optional[str]) -> Iterator[str]:
        try:
            known = self._prog.module(name)
        except NO_ANSWER:
            pass
        else:
            for path in (known.loaded_file_path, known.debug_file_path):
                if path:
                    yield path
        finder = DebugFileFinder.of(self._prog)
        yield from finder.module_files(name, build_id)
        if self._installed is None:
            release = finder.release
            places = [f"/lib/modules/{release}"] if release and is_plain_name(release) else []
            self._installed = ModuleIndex(places)
        yield from self._installed.files(name)

    def kernel(self) -> CodeFile:
        """vmlinux. Raises Unknown when the file in use has no code."""
        if "vmlinux" not in self._found:
            try:
                path = self._prog.main_module().debug_file_path
            except NO_ANSWER:
                path = None
            if not path:
                raise Unknown("no vmlinux is loaded")
            self._found["vmlinux"] = CodeFile(path, read_elf_file(path))
        return self._found["vmlinux"]


def _fits(path: str, wanted: Optional[str], rejected: list[str]) -> Optional[CodeFile]:
    if not os.path.exists(path):
        return None
    try:
        elf = read_elf_file(path)
    except Unknown as reason:
        rejected.append(str(reason))
        return None
    has = elf.build_id()
    if wanted is not None and has != wanted:
        rejected.append(f"{path} has build-id {has or 'none'}, the dump wants {wanted}")
        return None
    if not any(s.executable and s.type != SHT_NOBITS for s in elf.sections):
        rejected.append(f"{path} has debug info only")
        return None
    return CodeFile(path, elf)
