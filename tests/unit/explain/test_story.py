# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences that are computed, not only filled in."""

from __future__ import annotations

import pytest

from crashext.engine.story import exit_reason


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0x0B, "killed by signal 11 (SIGSEGV)"),
        (0x8B, "killed by signal 11 (SIGSEGV)"),
        (0x1F, "killed by signal 31 (SIGSYS)"),
        (0x7F00, "it exited with status 127"),
        (0x0, "it exited with status 0"),
    ],
)
def test_exit_reason(code: int, text: str) -> None:
    assert exit_reason(code) == text
