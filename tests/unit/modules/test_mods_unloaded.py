# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own records of modules that are gone."""

from __future__ import annotations

import struct

import pytest
from recorded import Recorded

from crashext.engine.modules import UnloadedModule
from crashext.errors import Unknown
from crashext.kernel.modules import records

HEAD, NODE = 0x1000, 0x2000


def kernel() -> Recorded:
    """One entry of ``unloaded_tainted_modules``: planted_gone, tainting OE, unloaded twice."""
    made = Recorded(
        {
            "memory": {},
            "symbols": {"unloaded_tainted_modules": HEAD, "last_unloaded_module": 0x3000},
            "sizes": {"struct mod_unload_taint": 88},
            "members": {
                "struct mod_unload_taint|list": [0, 16],
                "struct mod_unload_taint|name": [16, 56],
                "struct mod_unload_taint|taints": [72, 8],
                "struct mod_unload_taint|count": [80, 8],
            },
            "enumerators": {},
        }
    )
    made.chunks[HEAD] = bytearray(struct.pack("<QQ", NODE, NODE))
    name = b"planted_gone".ljust(56, b"\0")
    made.chunks[NODE] = bytearray(struct.pack("<QQ56sQQ", HEAD, HEAD, name, 1 << 12 | 1 << 13, 2))
    made.chunks[0x3000] = bytearray(b"planted_gone\0".ljust(64, b"\0"))
    return made


def test_tainting_modules_that_were_unloaded() -> None:
    assert list(records.tainted(kernel())) == [UnloadedModule("planted_gone", "OE", 2)]


def test_kernel_that_keeps_no_such_record() -> None:
    made = kernel()
    made.data["symbols"]["unloaded_tainted_modules"] = None
    with pytest.raises(Unknown, match="CONFIG_MODULE_UNLOAD_TAINT_TRACKING"):
        list(records.tainted(made))


def test_last_name() -> None:
    assert records.last_name(kernel()) == "planted_gone"


def test_nothing_was_unloaded() -> None:
    made = kernel()
    made.patch(0x3000, b"\0")
    assert records.last_name(made) is None


def test_kernel_without_unloading() -> None:
    made = kernel()
    made.data["symbols"]["last_unloaded_module"] = None
    with pytest.raises(Unknown, match="keeps no name"):
        records.last_name(made)
