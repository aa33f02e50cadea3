# SPDX-License-Identifier: GPL-2.0-or-later
"""Preempt counts as they stood in the lab's dumps."""

from __future__ import annotations

import pytest

from crashext.kernel.preemption import describe


@pytest.mark.parametrize(
    ("count", "eflags", "text"),
    [
        (
            0x80000001,
            0x246,
            "preempt depth 1 (panic() itself adds 1 or 2), interrupts were on at the fault",
        ),
        (
            0x80000102,
            0x202,
            "preempt depth 2 (panic() itself adds 1 or 2), in a softirq, "
            "interrupts were on at the fault",
        ),
        (
            0x80010002,
            0x046,
            "preempt depth 2 (panic() itself adds 1 or 2), in a hard interrupt, "
            "interrupts were off at the fault",
        ),
        (0x80000201, None, "preempt depth 1 (panic() itself adds 1 or 2), softirqs disabled"),
        (0x00110000, None, "preempt depth 0, in a hard interrupt, "
         "in an NMI"),
    ],
)  # fmt: skip
def test_describe(count: int, eflags: int, text: str) -> None:
    assert describe(count, eflags) == text
