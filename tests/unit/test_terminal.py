# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a dump says, a terminal only shows it."""

from __future__ import annotations

import io
import json

import pytest

from crashext.commands.base import Context
from crashext.errors import CrashextError, UsageError
from crashext.render import json as render_json
from crashext.render.style import Style
from crashext.terminal import SafeOutput, complain, safe

#: Sets the title, clears the screen, C1's CSI, reads from right to left, NUL, a byte that is no
#: UTF-8, a line taken back.
HOSTILE = "\x1b]0;t\x07 \x1b[2J \x9b2J \u202eabc\u2066 \0 \udcff \rOK \x08"


def acts(text: str) -> bool:
    """Whether a character of it could do more than show itself."""
    return any(not c.isprintable() and c not in "\n\t" for c in text)


def test_a_command_s_output_is_safe() -> None:
    out = io.StringIO()
    context = Context(out, lambda: pytest.fail("no target is asked for"))
    context.out.write(f"mods: no module {HOSTILE}\n")
    assert not acts(out.getvalue())
    assert out.getvalue().startswith("mods: no module \\x1b]0;t\\x07 \\x1b[2J \\x9b2J \\u202eabc")


def test_colours_pass_where_colour_is_on_and_nothing_else_does() -> None:
    painted = Style(True).paint("bad", "wrong")
    assert safe(painted, color=True) == painted == "\x1b[31mwrong\x1b[0m"
    assert safe(painted) == "\\x1b[31mwrong\\x1b[0m"
    assert not acts(safe(painted + HOSTILE, color=True).replace(painted, ""))


@pytest.mark.parametrize("kind", [CrashextError, UsageError])
def test_the_text_of_an_error_is_safe_wherever_it_is_printed(kind: type[CrashextError]) -> None:
    text = str(kind(f"the dump is of {HOSTILE}\nall is well"))
    assert not acts(text)
    assert "\n" not in text


def test_errors_on_standard_error_are_safe() -> None:
    stream = io.StringIO()
    complain(f"crashext: {HOSTILE}", stream)
    assert not acts(stream.getvalue())


def test_json_stays_json_behind_the_filter() -> None:
    out = io.StringIO()
    hostile = HOSTILE + "\x7f"
    SafeOutput(out).write(render_json.render({"name": hostile}))
    assert json.loads(out.getvalue()) == {"name": hostile}
