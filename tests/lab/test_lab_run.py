# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab makes what it says: real dumps with the truth beside them."""

from __future__ import annotations

import json
from typing import Callable

from crashext.lab.store import Dump


def test_dump_is_elf_with_program_headers_where_makedumpfile_looks(
    dump: Callable[..., Dump],
) -> None:
    head = dump("null-write").vmcore.open("rb").read(64)
    assert head[:4] == b"\x7fELF"
    assert int.from_bytes(head[32:40], "little") == 64
    assert int.from_bytes(head[52:54], "little") == 64
