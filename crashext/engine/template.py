# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences with names in them that are left out when a name is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional


def fill(template: Optional[str], names: Mapping[str, str]) -> Optional[str]:
    """``template`` with its ``{names}`` filled in, or None when one of them is not known."""
    if template is None:
        return None
    try:
        return template.format_map(names)
    except KeyError:
        return None
