# SPDX-License-Identifier: GPL-2.0-or-later
"""How a field is written in JSON."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def hexadecimal(default: Any = None) -> Any:
    """A dataclass field whose int value is an address or register: hex in JSON."""
    return field(default=default, metadata={"hex": True})
