# SPDX-License-Identifier: GPL-2.0-or-later
"""Mends the ELF header of QEMU's memory dumps, so that makedumpfile takes them.

QEMU from 7.1 on (dump/dump.c, commit "dump: Reorder struct DumpState" and those around it) puts
section headers at offset 64, where makedumpfile expects the program headers (it reads them at
``sizeof(Elf64_Ehdr)`` whatever ``e_phoff`` says), and an ``e_ehsize`` of 8. makedumpfile then ends
with "Can't get the number of PT_LOAD". There is room: the program headers move to offset 64, the
section headers (which only name ``.shstrtab``) go.
"""

from __future__ import annotations

import struct
from pathlib import Path

from crashext.errors import CrashextError

_EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
_ET_CORE = 4
#: Bytes read to find the program headers: 64 of the header, and room for 1000 of them.
_ENOUGH = 64 + 1000 * 56


def mended(head: bytes) -> bytes:
    """The beginning of an ELF64 core file, mended; the same bytes where nothing is to do.

    ``head`` must reach to the end of the program headers. The result has the same length, so it
    can be written over the old one. Raises ValueError for what is no ELF64 little-endian core.
    """
    if len(head) < _EHDR.size or head[:6] != b"\x7fELF\x02\x01":
        raise ValueError("not a 64-bit little-endian ELF file")
    (ident, kind, machine, version, entry, phoff, _shoff, flags,
     ehsize, phentsize, phnum, _shentsize, _shnum, _shstrndx) = _EHDR.unpack_from(head)  # fmt: skip
    if kind != _ET_CORE:
        raise ValueError("not a core file")
    if phoff == _EHDR.size and ehsize == _EHDR.size:
        return head
    end = phoff + phnum * phentsize
    if phoff < _EHDR.size or end > len(head):
        raise ValueError("program headers out of reach")
    header = _EHDR.pack(
        ident, kind, machine, version, entry, _EHDR.size, 0, flags,
        _EHDR.size, phentsize, phnum, 0, 0, 0,
    )  # fmt: skip
    moved: bytes = header + head[phoff:end]
    return moved + bytes(end - len(moved)) + head[end:]


def mend(vmcore: Path) -> None:
    """Mends a dump in place. Raises CrashextError where it is no dump of QEMU's."""
    with vmcore.open("r+b") as stream:
        head = stream.read(_ENOUGH)
        try:
            new = mended(head)
        except ValueError as error:
            raise CrashextError(f"{vmcore}: {error}: QEMU wrote no usable dump") from error
        if new != head:
            stream.seek(0)
            stream.write(new)
