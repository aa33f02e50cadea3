# SPDX-License-Identifier: GPL-2.0-or-later
"""The architecture of a drgn program in the engine's terms."""

from __future__ import annotations

from drgn import Architecture as Platform
from drgn import Program

from crashext.engine import arch
from crashext.errors import Unknown

_MACHINES: dict[Platform, arch.Machine] = {
    Platform.X86_64: "x86_64",
    Platform.I386: "i386",
    Platform.AARCH64: "arm64",
    Platform.ARM: "arm",
    Platform.RISCV64: "riscv",
    Platform.RISCV32: "riscv32",
    Platform.PPC64: "powerpc",
    Platform.S390X: "s390",
}


def of_program(prog: Program) -> arch.Architecture:
    """Raises Unknown when drgn does not know the platform, or crashext does not."""
    platform = prog.platform.arch if prog.platform is not None else None
    machine = _MACHINES.get(platform) if platform is not None else None
    if machine is None:
        raise Unknown(f"this program's architecture is not known: {platform}")
    return arch.of(machine)
