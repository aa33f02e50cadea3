# SPDX-License-Identifier: GPL-2.0-or-later
"""The ``--json`` form of the model: stable keys, addresses as ``"0x…"`` strings.

JSON has one number type, and jq before 1.7 and JavaScript read it as a double: a kernel address
would lose its low bits without a word. So 64-bit addresses and register values are strings.
"""

from __future__ import annotations

import dataclasses
from typing import Any


def jsonable(value: Any) -> Any:
    """A model object as dicts, lists, strings, ints; dataclass fields keep their order."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        out: dict[str, Any] = {}
        for spec in dataclasses.fields(value):
            item = getattr(value, spec.name)
            if spec.metadata.get("hex") and isinstance(item, int):
                item = f"0x{item:x}"
            out[spec.metadata.get("json", spec.name)] = jsonable(item)
        return out
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return value


def render(value: Any) -> str:
    """JSON text, two spaces of indent, ASCII only (escape sequences in names stay escaped)."""
    import json  # only answers for a program need it

    text = json.dumps(jsonable(value), indent=2, ensure_ascii=True)
    return text.replace("\x7f", "\\u007f") + "\n"  # DEL is ASCII to json, and no character
