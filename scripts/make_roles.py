#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes crashext/engine/blame/generated.py: which kernel functions are helpers, by source file.

usage: scripts/make_roles.py VMLINUX|TABLE… > crashext/engine/blame/generated.py

VMLINUX is an ELF file with DWARF (.debug_aranges); TABLE is what ``--table VMLINUX`` printed, lines
of ``function<TAB>source file``. Several kernels and architectures together give one table: a
function whose definitions lie in files of different roles, or in one without a role, is left out,
unless the role has nearly all of them.

The roles and the rules are those of crashext/engine/blame/files.py, by which frames that carry a
source file (a vmcore's, a symbolised log's) are judged directly.
"""

from __future__ import annotations

import argparse
import bisect
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from crashext.engine.blame.files import role_of
from crashext.engine.blame.names import normalise

_BOOT = re.compile(r"(?:^|_)init(?:_|$)|^setup_|_setup$")
#: Share of a function's definitions that must agree on a role.
_AGREE = 0.9


def functions(vmlinux: Path) -> Iterator[tuple[str, str]]:
    """(function, source file of its compilation unit) of every function symbol of a vmlinux."""
    from elftools.elf.elffile import ELFFile

    with vmlinux.open("rb") as stream:
        elf = ELFFile(stream)
        dwarf = elf.get_dwarf_info(relocate_dwarf_sections=False)
        units: dict[int, str] = {}

        def unit(offset: int) -> str:
            if offset not in units:
                top = dwarf._parse_CU_at_offset(offset).get_top_DIE()
                units[offset] = top.attributes["DW_AT_name"].value.decode("utf-8", "replace")
            return units[offset]

        ranges = sorted(
            (entry.begin_addr, entry.begin_addr + entry.length, entry.info_offset)
            for entry in dwarf.get_aranges().entries
        )
        starts = [start for start, _, _ in ranges]
        for symbol in elf.get_section_by_name(".symtab").iter_symbols():
            kind, address = symbol["st_info"]["type"], symbol["st_value"]
            if kind not in ("STT_FUNC", "STT_NOTYPE") or not symbol.name[:1].isidentifier():
                continue
            at = bisect.bisect_right(starts, address) - 1
            if at >= 0 and address < ranges[at][1]:
                yield symbol.name, unit(ranges[at][2])


def read_table(path: Path) -> Iterator[tuple[str, str]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, tab, file = line.partition("\t")
        if tab:
            yield name, file


def roles(tables: Iterable[Iterator[tuple[str, str]]]) -> dict[str, set[str]]:
    """role → names of functions, of all kernels together."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for table in tables:
        for name, file in set(table):
            role = role_of(file) or ""
            # What sets memory up while booting stands in the allocators' files, and is no helper.
            votes[normalise(name)]["" if role == "allocator" and _BOOT.search(name) else role] += 1
    found: dict[str, set[str]] = defaultdict(set)
    for name, counts in votes.items():
        role, count = counts.most_common(1)[0]
        if name.startswith("__x64_sys_"):
            role = "plumbing"  # that there is such a system call, whatever file it is in
            count = sum(counts.values())
        if role and count >= _AGREE * sum(counts.values()) and name.isidentifier():
            found[role].add(name)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--table", action="store_true", help="print the functions of one VMLINUX")
    parser.add_argument("files", nargs="+", type=Path)
    arguments = parser.parse_args()
    if arguments.table:
        for name, file in sorted(set(functions(arguments.files[0]))):
            print(name, file, sep="\t")
        return 0
    found = roles(
        read_table(path) if path.suffix == ".tsv" else functions(path) for path in arguments.files
    )
    print("# SPDX-License-Identifier: GPL-2.0-or-later")
    print("# ruff: noqa: E501")
    print(
        '"""Made by scripts/make_roles.py from the debug info of Linux kernels: do not edit."""\n'
    )
    print("#: Role → its functions, separated by blanks, in the order of the alphabet.")
    print("NAMES: dict[str, str] = {")
    for role in sorted(found):
        print(f'    "{role}": "{" ".join(sorted(found[role]))}",')
    print("}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
