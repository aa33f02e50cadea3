# SPDX-License-Identifier: GPL-2.0-or-later
"""A drgn Program whose memory is crash's: every dump that crash reads, scriptable with drgn.

drgn gets three things: the kernel's own vmcoreinfo (where the kernel was loaded, and its page
tables), a way to read memory, and the files with debug info that crash itself uses.
Registers of CPUs are not among them: a stack trace of a task that was on a CPU starts from a
``pt_regs`` object (``prog.stack_trace(Object(prog, "struct pt_regs", address=…))``).
"""

from __future__ import annotations

import functools
import re
from typing import Optional

import crash
import drgn

from crashext.errors import CrashextError, Unknown
from crashext.pykdump.crash_files import opened

#: vmcoreinfo has one page, since 2.6.24 (VMCOREINFO_BYTES in include/linux/vmcore_info.h).
MAX_VMCOREINFO = 1 << 16
#: From here up all machines that crash and drgn share have kernel addresses only: x86-64 with
#: five-level page tables is the widest (Documentation/arch/x86/x86_64/mm.rst).
KERNEL_HALF = 0xFF00000000000000
PHYSICAL_SPACE = 1 << 56

#: ``e_machine`` of the kernel → drgn's architecture (values from elf(5)).
_ARCHITECTURES = {
    3: drgn.Architecture.I386,
    21: drgn.Architecture.PPC64,
    22: drgn.Architecture.S390X,
    40: drgn.Architecture.ARM,
    62: drgn.Architecture.X86_64,
    183: drgn.Architecture.AARCH64,
    243: drgn.Architecture.RISCV64,
}


def platform_of(header: bytes) -> drgn.Platform:
    """The platform of an ELF file from its first 20 bytes. Raises Unknown."""
    if header[:4] != b"\x7fELF" or len(header) < 20:
        raise Unknown("the kernel file is no ELF file")
    little = header[5] == 1
    machine = int.from_bytes(header[18:20], "little" if little else "big")
    if machine not in _ARCHITECTURES:
        raise Unknown(f"drgn does not know the machine {machine} of the kernel file")
    flags = drgn.PlatformFlags(0)
    if header[4] == 2:
        flags |= drgn.PlatformFlags.IS_64_BIT
    if little:
        flags |= drgn.PlatformFlags.IS_LITTLE_ENDIAN
    return drgn.Platform(_ARCHITECTURES[machine], flags)


def vmcoreinfo() -> bytes:
    """The note text that the kernel keeps for dumps (kernel/vmcore_info.c, before 6.9
    kernel/crash_core.c). Raises Unknown."""
    pointer, size = (crash.sym2addr(name) for name in ("vmcoreinfo_data", "vmcoreinfo_size"))
    if not pointer or not size:
        raise Unknown("this kernel was built without vmcoreinfo (CONFIG_VMCORE_INFO)")
    try:
        length = min(crash.readInt(size, 8), MAX_VMCOREINFO)
        data = _vmcoreinfo_text(crash.readPtr(pointer), length)
    except (crash.error, IndexError) as error:
        raise Unknown(f"the kernel's vmcoreinfo cannot be read: {error}") from None
    if b"OSRELEASE=" not in data:
        raise Unknown("the kernel's vmcoreinfo is damaged: it has no OSRELEASE")
    return data


def _vmcoreinfo_text(address: int, length: int) -> bytes:
    """The text itself, else its copy in the note.

    A kernel that jumps to its crash kernel switches to a copy of the text in the memory reserved
    for that kernel, which no dump has, and then fills the note from it
    (crash_save_vmcoreinfo(), since 4.13, commit 1229384f5b85).
    """
    try:
        return crash.readmem(address, length)
    except crash.error:
        note = crash.sym2addr("vmcoreinfo_note")
        if not note:
            raise
        # struct elf64_note, then the name and the text, each padded to 4 bytes (elf(5)).
        start = crash.readPtr(note)
        name = -(-crash.readInt(start, 4) // 4) * 4
        return crash.readmem(start + 12 + name, crash.readInt(start + 4, 4))


def _read(address: int, count: int, offset: int, physical: bool) -> bytes:
    try:
        return crash.readmem(address, count, crash.PHYSADDR if physical else crash.KVADDR)
    except (crash.error, IndexError):
        raise drgn.FaultError("crash cannot read memory", address) from None


def module_files(text: str) -> list[str]:
    """The object files in the output of crash's ``mod``: what ``mod -s`` has loaded."""
    files = []
    for line in text.splitlines():
        match = re.match(r"\s*[0-9a-f]+\s+\S+\s.*?(/\S+?)\s*(\[.*)?$", line)
        if match:
            files.append(match.group(1))
    return files


def load(prog: drgn.Program, files: list[str]) -> Optional[str]:
    """Gives drgn these files; the reason when it could not use all of them."""
    try:
        prog.load_debug_info(files, main=True)
    except drgn.MissingDebugInfoError as error:
        return " ".join(str(error).split())
    return None


@functools.cache
def program() -> drgn.Program:
    """The program of this session, made at the first call. Raises CrashextError.

    It knows the vmlinux that crash uses and the module files loaded with ``mod -s`` or ``-S``;
    ``prog.load_debug_info([...])`` adds others.
    """
    kernels = list(opened().kernels)
    try:
        with open(kernels[0], "rb") as file:
            platform = platform_of(file.read(20))
        prog = drgn.Program(platform)
        prog.set_linux_kernel_custom(vmcoreinfo(), opened().live)
    except OSError as error:
        raise CrashextError(f"drgn: {error.filename}: {error.strerror}") from None
    except (Unknown, ValueError) as error:
        raise CrashextError(f"drgn: {error}") from None
    prog.add_memory_segment(0, PHYSICAL_SPACE, _read, physical=True)
    prog.add_memory_segment(KERNEL_HALF, (1 << 64) - KERNEL_HALF, _read)
    # Only files that crash itself has accepted: drgn looks for no others by itself.
    prog.set_enabled_debug_info_finders([])
    load(prog, kernels + module_files(crash.exec_crash_command("mod")))
    if prog.main_module().wants_debug_file():
        raise CrashextError(f"drgn: no debug info for this kernel in {', '.join(kernels)}")
    return prog
