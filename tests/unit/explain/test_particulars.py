# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lines of real reports add beyond the fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashext.engine import log
from crashext.engine.particulars import findings

DATA = Path(__file__).parents[2] / "data" / "logs"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "kfence-oob",
            [
                ("KFENCE: Out-of-bounds read, 1B left of kfence-#72", [
                    "object of cache kmalloc-32, 32 bytes, at "
                    "0xffff8c3f2e292000-0xffff8c3f2e29201f"
                ]),
                ("allocated by buf_alloc [buf] ← buf_init [buf]", []),
            ],
        ),
        (
            "lab-use-after-free-write",
            [
                ("SLUB: Poison overwritten, an object of cache hello_request", [
                    "the first wrong byte is 0x1, 0x6b was expected",
                    "allocated in fault_use_after_free_write+0xf/0x50 [hello]",
                    "freed in fault_use_after_free_write+0x26/0x50 [hello]",
                ])
            ],
        ),
        (
            "hung-task-blocked-on-mutex",
            [
                ("it waits for a mutex that kworker/4:1 (pid 16648) holds", []),
                ("the lock's owner is in store_flush [store]", []),
            ],
        ),
        (
            "gp-non-canonical-kasan",
            [
                ("KASAN: null-ptr-deref in range 0x0000000000000020-0x0000000000000027", []),
            ],
        ),
        ("seed-3.10", []),
    ],
)  # fmt: skip
def test_findings(name: str, expected: list[tuple[str, list[str]]]) -> None:
    summary = log.parse((DATA / f"{name}.log").read_text(errors="replace"))
    assert summary.crash is not None
    found = findings(summary.reports[summary.crash])
    assert [(finding.text, finding.detail) for finding in found] == expected
