# SPDX-License-Identifier: GPL-2.0-or-later
"""arm64 as :class:`crashext.engine.arch.base.Architecture`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Optional

from crashext.engine.arch.base import Plain, Registers, SystemCall
from crashext.engine.arch.names import Machine, Trap
from crashext.engine.words import AccessType

if TYPE_CHECKING:
    from crashext.engine.model import ErrorCode

_PRINTED = re.compile(
    # All sixteen digits, or the line was cut: what is left of an address is none.
    r"\b(?!(?:x\d{1,2}|sp) ?: [0-9a-f]{8,15}\b)"
    r"(x\d{1,2}|sp|pstate) ?: ([0-9a-f]{8,16})\b|\b(pc|lr) : \[<([0-9a-f]{16})>\]"
)
_GENERAL = tuple(f"x{number}" for number in range(31))


class _Arm64(Plain):
    name: Machine = "arm64"
    registers = Registers(
        pc="pc",
        sp="sp",
        link="lr",
        frame="x29",
        flags="pstate",
        control=frozenset(("pstate",)),
        general=_GENERAL,
        # Procedure Call Standard for the Arm 64-bit Architecture, 6.1.1.
        arguments=_GENERAL[:8],
        result="x0",
        caller_saved=frozenset((*_GENERAL[:19], "x30")),
        # arch/arm64/include/asm/ptrace.h; more members follow.
        pt_regs=(*_GENERAL, "sp", "pc", "pstate"),
        pt_regs_whole=False,
    )
    #: x0 is overwritten by the result but kept in orig_x0.
    system_call = SystemCall(
        "syscallno",
        ("orig_x0", *(f"regs[{number}]" for number in range(1, 6))),
        ("invoke_syscall", "el0_svc_common", "do_el0_svc", "el0_svc"),
    )
    trace_has_pc = True
    #: CONFIG_ILLEGAL_POINTER_VALUE in arch/arm64/Kconfig.
    poison_delta = 0xDEAD_0000_0000_0000
    #: With 52-bit addresses, the widest; where the parts of the kernel lie depends on the
    #: configuration (arch/arm64/include/asm/memory.h).
    user_end = 1 << 52
    kernel_start = 0xFFF0_0000_0000_0000

    def parse_registers(self, line: str, known: Mapping[str, int]) -> dict[str, int]:
        return {
            match[1] or match[3]: int(match[2] or match[4], 16) for match in _PRINTED.finditer(line)
        }

    def explain_error(
        self,
        code: Optional[int],
        trap: Optional[Trap],
        *,
        pc: Optional[int] = None,
        address: Optional[int] = None,
        pointer: Optional[int] = None,
    ) -> ErrorCode:
        """The exception syndrome; ``address`` is that of FAR. 0: old kernels gave die() none."""
        if not code:
            return super().explain_error(code, trap)
        from crashext.engine.arch.arm64 import esr

        found = esr.explain_esr(code, address=address)
        found.trap = "ESR"
        return found

    def error_text(self, code: int) -> str:
        return f"ESR {code:08x}"

    def access_type(self, code: int, trap: Optional[Trap]) -> Optional[AccessType]:
        from crashext.engine.arch.arm64 import esr

        return esr.access_type(code)

    def denies(self, code: int, trap: Optional[Trap]) -> bool:
        from crashext.engine.arch.arm64 import esr

        return esr.is_permission_fault(code)


ARM64 = _Arm64()
