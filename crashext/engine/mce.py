# SPDX-License-Identifier: GPL-2.0-or-later
"""What the status of a machine-check bank says, in words.

Bits: Intel SDM volume 3B, chapters 16 and 17 ("Machine-Check Architecture", "Interpreting
Machine-Check Error Codes"); AMD64 manual volume 2, chapter 9. The architectural bits and the codes
of TLB, cache and bus errors are the same for both.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

_VALID, _OVERFLOW, _UNCORRECTED, _CONTEXT_LOST = 63, 62, 61, 57
_AMD_DEFERRED = 44

#: Vendor numbers of the kernel's "PROCESSOR v:…" (arch/x86/include/asm/processor.h).
INTEL, AMD = 0, 2

_SIMPLE = {
    0x0001: "unclassified error",
    0x0002: "parity error in the microcode",
    0x0003: "error signalled by an external pin",
    0x0004: "functional redundancy check error",
    0x0005: "internal parity error",
    0x0006: "system management mode handler outside of its memory",
    0x0400: "internal timer error (an instruction did not complete in time)",
    0x0E0B: "generic I/O error",
}
_LEVEL = ("level 0", "level 1", "level 2", "generic level")
_TYPE = ("instruction", "data", "generic", "type 3")
_REQUEST = (
    "generic error", "generic read", "generic write", "data read", "data write",
    "instruction fetch", "prefetch", "eviction", "snoop",
)  # fmt: skip
_MEMORY = ("generic", "read", "write", "address or command", "scrubbing")
_BUS = ("memory access", "reserved", "I/O", "other transaction")


class Status(NamedTuple):
    """One bank's status, read."""

    #: What failed: "bus or interconnect error, memory access, data read".
    error: str
    uncorrected: bool
    #: "corrected", "uncorrected, the processor's state is lost" …
    severity: str


def _error(code: int) -> str:
    code &= 0xEFFF  # bit 12 says that corrected errors are filtered
    if code in _SIMPLE:
        return _SIMPLE[code]
    if code & 0xFC00 == 0x0400:
        return "internal error of the processor, unclassified"
    if code & 0xFFFC == 0x000C:
        return f"cache error, {_LEVEL[code & 3]}"
    if code & 0xFFF0 == 0x0010:
        return f"TLB error, {_TYPE[code >> 2 & 3]}, {_LEVEL[code & 3]}"
    request = _REQUEST[code >> 4 & 15] if code >> 4 & 15 < len(_REQUEST) else "unknown request"
    if code & 0xFF00 == 0x0100:
        return f"cache error, {_TYPE[code >> 2 & 3]}, {_LEVEL[code & 3]}, {request}"
    if code & 0xF800 == 0x0800:
        lost = ", timed out" if code & 0x100 else ""
        return f"bus or interconnect error, {_BUS[code >> 2 & 3]}, {request}{lost}"
    if code & 0xFF80 == 0x0080:
        kind = _MEMORY[code >> 4 & 7] if code >> 4 & 7 < len(_MEMORY) else "command 5 or above"
        channel = f", channel {code & 15}" if code & 15 != 15 else ""
        return f"memory controller error, {kind}{channel}"
    return f"error code 0x{code:04x}"


def read(status: int, vendor: Optional[int] = None) -> Status:
    """MCi_STATUS in words; ``vendor`` is the processor's (:data:`INTEL`, :data:`AMD`), or None."""
    uncorrected = bool(status >> _UNCORRECTED & 1)
    if not status >> _VALID & 1:
        severity = "the bank holds nothing valid"
    elif uncorrected:
        severity = "uncorrected"
        if status >> _CONTEXT_LOST & 1:
            severity += ", the processor's state is lost"
    elif vendor == AMD and status >> _AMD_DEFERRED & 1:
        severity = "deferred (uncorrected, but not used yet)"
    else:
        severity = "corrected"
    if status >> _OVERFLOW & 1:
        severity += ", and earlier errors of the bank were overwritten"
    return Status(_error(status & 0xFFFF), uncorrected, severity)
