# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that check a claim, for every debugger that we know."""

from __future__ import annotations

import pytest

from crashext.engine import checks
from crashext.engine.model import Check


@pytest.mark.parametrize(
    ("check", "crash", "drgn", "gdb"),
    [
        (checks.symbol(0xFFC0), "sym ffc0", "prog.symbol(0xffc0)", "info symbol 0xffc0"),
        (
            checks.source_line(0xFFC0),
            "dis -s ffc0",
            "prog.source_location(0xffc0)",
            "list *0xffc0",
        ),
        (checks.instruction(0xFFC0), "dis ffc0", "prog.read(0xffc0, 15).hex()", "x/i 0xffc0"),
        (checks.memory(0xFFC0, 8), "rd -8 ffc0 8", "prog.read(0xffc0, 8).hex()", "x/8xb 0xffc0"),
        (
            checks.structure("module", 0xFFC0),
            "struct module ffc0",
            "Object(prog, 'struct module', address=0xffc0)",
            "print *(struct module *)0xffc0",
        ),
        (checks.log(), "log", "print(get_dmesg(prog).decode())", "lx-dmesg"),
    ],
)
def test_one_question_three_commands(check: Check, crash: str, drgn: str, gdb: str) -> None:
    assert check.commands() == {"crash": crash, "drgn": drgn, "gdb": gdb}


def test_a_debugger_that_cannot_is_left_out() -> None:
    assert Check(crash="bt -a").commands() == {"crash": "bt -a"}
