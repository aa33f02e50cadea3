# SPDX-License-Identifier: GPL-2.0-or-later
"""The drgn plugin registers its commands and costs a session nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest
from drgn import Program
from drgn.commands import DEFAULT_COMMAND_NAMESPACE, run_command

from crashext.commands import table
from crashext.errors import CrashextError, UsageError
from drgn_scripts import plugin


def test_opening_a_program_imports_no_more_than_the_table_of_commands() -> None:
    code = (
        "import sys, drgn; prog = drgn.Program();"
        "from drgn_scripts import plugin; plugin.drgn_prog_set(prog);"
        "print([name for name in sys.modules if name.split('.')[0] == 'crashext'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['crashext', 'crashext.commands', 'crashext.commands.table']\n"


@pytest.mark.parametrize("name", table.names("drgn"))
def test_a_command_describes_itself_as_the_suite_does(name: str) -> None:
    prog = Program()
    plugin.drgn_prog_set(prog)
    command = DEFAULT_COMMAND_NAMESPACE.lookup(prog, name)
    assert command.description() == table.summary(name)
    assert command.format_usage().startswith(f"usage: %{name}")


def test_help_is_printed_without_opening_a_target(capsys: pytest.CaptureFixture[str]) -> None:
    prog = Program()
    plugin.drgn_prog_set(prog)
    assert run_command(prog, "rip -h") == 0
    assert capsys.readouterr().out.startswith("usage: rip")


def test_options_may_stand_between_the_words() -> None:
    prog = Program()
    plugin.drgn_prog_set(prog)
    with pytest.raises(CrashextError, match="not a kernel"):  # … and not "unrecognized arguments"
        run_command(prog, "mods a -v b")


def test_wrong_words_are_an_error_and_not_an_exit() -> None:
    prog = Program()
    plugin.drgn_prog_set(prog)
    with pytest.raises(UsageError, match="--bogus"):
        run_command(prog, "explain --bogus")


def test_a_program_that_is_no_kernel_is_refused() -> None:
    prog = Program()
    plugin.drgn_prog_set(prog)
    with pytest.raises(CrashextError, match="not a kernel"):
        run_command(prog, "explain")
