# SPDX-License-Identifier: GPL-2.0-or-later
"""The context that a call path tells."""

from __future__ import annotations

from typing import Optional

import pytest

from crashext.kernel.context import from_functions


@pytest.mark.parametrize(
    ("path", "context"),
    [
        (["hello_cleanup", "__do_sys_delete_module", "do_syscall_64"], None),
        (["timer_fn", "call_timer_fn", "__do_softirq", "sysvec_apic_timer_interrupt"], "softirq"),
        (["fn", "handle_softirqs", "irq_exit_rcu"], "softirq"),
        (["e1000_intr", "__handle_irq_event_percpu", "common_interrupt"], "hardirq"),
        (["handler", "gic_handle_irq", "el1_interrupt", "el1h_64_irq_handler"], "hardirq"),
        (["ixgbe_poll", "do_IRQ", "ret_from_intr"], "hardirq"),
        (["perf_event_nmi_handler", "default_do_nmi", "exc_nmi", "asm_exc_nmi"], "nmi"),
        ([], None),
    ],
)  # fmt: skip
def test_context(path: list[str], context: Optional[str]) -> None:
    assert from_functions(path) == context
