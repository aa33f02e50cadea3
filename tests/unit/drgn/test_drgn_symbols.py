# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of several names of one address is the one in the source."""

from __future__ import annotations

from typing import Optional

import pytest

from crashext.targets.drgn.symbols import choose_name


@pytest.mark.parametrize(
    ("candidates", "function", "name"),
    [
        (["cleanup_module", "hello_cleanup"], "hello_cleanup", "hello_cleanup"),
        (["device_add.constprop.0"], "device_add", "device_add.constprop.0"),
        (["cleanup_module"], "hello_cleanup", "hello_cleanup"),
        (["cleanup_module", "hello_cleanup"], None, "cleanup_module"),
        ([], None, None),
    ],
)
def test_choose_name(candidates: list[str], function: Optional[str], name: str | None) -> None:
    assert choose_name(candidates, function) == name
