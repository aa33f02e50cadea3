# SPDX-License-Identifier: GPL-2.0-or-later
"""An old cookiecutter is told so."""

from __future__ import annotations

import pytest
from needs_cookiecutter_2_5_or_newer import (  # type: ignore[import-not-found,unused-ignore]
    too_old,
)


@pytest.mark.parametrize("version", ["2.5.0", "2.6.0", "2.10", "3.0", "unknown"])
def test_new_enough(version: str) -> None:
    assert too_old(version) is None


@pytest.mark.parametrize("version", ["1.7.3", "2.4.0"])
def test_too_old(version: str) -> None:
    assert too_old(version) == (
        f"this is cookiecutter {version}, 2.5 or newer is needed: pipx install cookiecutter"
    )
