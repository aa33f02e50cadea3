# SPDX-License-Identifier: GPL-2.0-or-later
"""A fixed part of the accuracy matrix: every field that a door can know is right.

The whole matrix is ``make accuracy``; here is one fault of each way to die.
"""

from __future__ import annotations

from typing import Callable

import pytest

from crashext.lab import doors
from crashext.lab.accuracy import symbols_of
from crashext.lab.cache import Cache
from crashext.lab.compare import compare
from crashext.lab.store import Dump

FAULTS = (
    "null-inline",  # the fault is in an inlined function
    "err-ptr",
    "write-to-rodata",
    "use-after-free",
    "list-corruption",  # RIP is in the kernel's own check
    "stack-overflow",
    "hung-task",  # nobody faults: two tasks wait
    "null-hardirq",
)


@pytest.fixture(params=["log", "drgn", "crash"])
def ask(request: pytest.FixtureRequest, lab_cache: Cache) -> Callable[[Dump], dict[str, object]]:
    """One door. crash is the newest of the archive, which reads every kernel."""
    if request.param == "log":
        return lambda dump: doors.ask(doors.log_words(dump))
    if request.param == "drgn":
        return lambda dump: doors.ask(doors.drgn_words(dump))
    return doors.crash_of("sid", lab_cache).ask


@pytest.mark.parametrize("fault", FAULTS)
def test_every_field_is_right(
    dump: Callable[..., Dump], fault: str, ask: Callable[[Dump], dict[str, object]],
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    crash = dump(fault, dump="kdump")
    door = request.node.callspec.params["ask"]
    log = crash.dmesg.read_text(errors="replace")
    cells = compare(ask(crash), crash.truth, log, door, symbols_of(crash.module))
    assert len(cells) >= 3
    wrong = {name: (cell.expected, cell.got) for name, cell in cells.items() if not cell.right}
    assert wrong == {}
