# SPDX-License-Identifier: GPL-2.0-or-later
"""Machine-check status words, against the tables of the processors' manuals."""

from __future__ import annotations

import pytest

from crashext.engine import mce


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (0xBE00000000800400, "internal timer error (an instruction did not complete in time)"),
        (0xA600000000020408, "internal error of the processor, unclassified"),
        (0xBE00000000000135, "cache error, data, level 1, data read"),
        (0xB200000000000175, "cache error, data, level 1, eviction"),
        (0x9C00000000001012, "TLB error, instruction, level 2"),
        (0x8C000040000100BF, "memory controller error, address or command"),
        (
            0xB200000000000F0F,
            "bus or interconnect error, other transaction, generic error, timed out",
        ),
        (0x8000000000000E0B, "generic I/O error"),
    ],
)
def test_error_code(status: int, error: str) -> None:
    assert mce.read(status).error == error


@pytest.mark.parametrize(
    ("status", "vendor", "severity"),
    [
        (0x8C00004000010090, mce.INTEL, "corrected"),
        (0xB200000000000175, mce.INTEL, "uncorrected, the processor's state is lost"),
        (0xBC00000000000135, mce.INTEL, "uncorrected"),
        (0x9C00100000000011, mce.AMD, "deferred (uncorrected, but not used yet)"),
        (0x9C00100000000011, mce.INTEL, "corrected"),
        (
            0xD000000000000011,
            mce.INTEL,
            "corrected, and earlier errors of the bank were overwritten",
        ),
        (0x0000000000000000, None, "the bank holds nothing valid"),
    ],
)
def test_severity(status: int, vendor: int, severity: str) -> None:
    assert mce.read(status, vendor).severity == severity
