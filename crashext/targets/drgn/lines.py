# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of the line table, from the file that drgn took the debug info from."""

from __future__ import annotations

import drgn
from drgn import Program

from crashext.debugfiles import read_elf_file
from crashext.engine.elf import Elf
from crashext.engine.linetable import Row, rows_in
from crashext.errors import Unknown
from crashext.targets.drgn.asking import asking


def rows(prog: Program, start: int, address: int) -> list[Row]:
    """The rows from ``start``, of the function, to ``address``; their addresses are the file's.

    Raises Unknown when the file cannot be read again.
    """
    with asking(f"the module that holds {address:#x}"):
        module = prog.module(address)
    path = module.debug_file_path
    if path is None:
        raise Unknown(f"no debug info for {module.name}")
    elf = read_elf_file(path)
    if isinstance(module, drgn.RelocatableModule):
        section, base = _section(module, elf, address)
        return rows_in(elf, max(start - base, 0), address - base, section)
    bias = module.debug_file_bias or 0
    return rows_in(elf, start - bias, address - bias)


def _section(module: drgn.RelocatableModule, elf: Elf, address: int) -> tuple[str, int]:
    """Name and start of the module's section that holds the address."""
    for name, start in module.section_addresses.items():
        section = elf.section(name)
        if section is not None and start <= address < start + section.size:
            return name, start
    raise Unknown(f"no section of {module.name} holds {address:#x}")
