# SPDX-License-Identifier: GPL-2.0-or-later
"""The mods command on logs, and its text and JSON."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest

from crashext.commands.base import Context
from crashext.commands.mods import COMMAND
from crashext.engine.integrity import Difference, Integrity
from crashext.engine.model import Module, ModuleRegion
from crashext.engine.modules import (
    CodePointer,
    FunctionPointer,
    ModsReport,
    ModuleDetail,
    ModuleSection,
    ModuleSummary,
    Parameter,
    Unloaded,
)
from crashext.errors import UsageError
from crashext.render import text
from crashext.targets.log import LogTarget
from crashext.view import mods as view

SEED = (Path(__file__).parents[2] / "data" / "logs" / "seed-3.10.log").read_text()

WRAPPED = """\
[   10.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000
[   10.000000] #PF: supervisor write access in kernel mode
[   10.000000] #PF: error_code(0x0002) - not-present page
[   10.000000] Oops: 0002 [#1] PREEMPT SMP NOPTI
[   10.000000] CPU: 1 PID: 91 Comm: rmmod Tainted: G           OE      6.1.0 #1
[   10.000000] RIP: 0010:hello_cleanup+0x13/0x1000 [hello_2]
[   10.000000] Call Trace:
[   10.000000]  <TASK>
[   10.000000]  helper_call+0x9/0x20 [helper]
[   10.000000]  __do_sys_delete_module+0x1b9/0x330
[   10.000000]  </TASK>
[   10.000000] Modules linked in: hello_2(OE-) helper(PO) nf_tables xt_conntrack nf_nat
[   10.000000]  e1000 [last unloaded: victim]
[   10.000000] CR2: 0000000000000000
[   10.000000] ---[ end trace 0000000000000000 ]---
"""


def run(log: str, *words: str, width: int = 100) -> tuple[int, str]:
    out = io.StringIO()
    context = Context(out, lambda: LogTarget(log), width=width)
    code = COMMAND.run(context, COMMAND.parser().parse_args(words))
    return code, out.getvalue()


def tree(log: str, *words: str) -> Any:
    return json.loads(run(log, "--json", *words)[1])


def test_wrapped_line_with_marks() -> None:
    assert [m["name"] for m in tree(WRAPPED)["modules"]] == [
        "hello_2", "helper", "nf_tables", "xt_conntrack", "nf_nat", "e1000",
    ]  # fmt: skip


def test_suspects_of_a_log() -> None:
    found = {m["name"]: m["why"] for m in tree(WRAPPED)["modules"] if m["suspect"]}
    assert found == {
        "hello_2": ["RIP is in it", "unloading when the crash came", "out-of-tree, unsigned"],
        "helper": ["1 frame of the stack", "proprietary, out-of-tree"],
    }


def test_last_unloaded_of_a_log() -> None:
    assert tree(WRAPPED)["last_unloaded"] == "victim"


def test_what_a_log_cannot_tell_has_a_reason() -> None:
    assert tree(WRAPPED)["unknown"]["modules.size"].startswith("a log has no memory")


def test_summary_line() -> None:
    first = run(WRAPPED)[1].splitlines()[0]
    assert first == (
        "6 modules: 4 in-tree, 2 out-of-tree, 1 unsigned, 1 proprietary; 1 unloading; 2 suspect"
    )


def test_row_of_a_suspect() -> None:
    lines = run(WRAPPED)[1].splitlines()
    row = next(line for line in lines if line.startswith("! hello_2"))
    assert row.split() == ["!", "hello_2", "?", "?", "unloading", "?", "OE", "-"]


def test_report_without_a_module_line_has_the_modules_of_its_frames() -> None:
    code, _output = run(SEED)
    found = tree(SEED)
    assert code == 0
    assert [(m["name"], m["taints"]) for m in found["modules"]] == [("hello_2", None)]
    assert found["summary"]["unknown_taints"] == 1
    assert found["unknown"]["modules"].startswith('the report has no "Modules linked in:" line')


def test_only() -> None:
    assert [m["name"] for m in tree(WRAPPED, "--only", "nf_*")["modules"]] == [
        "nf_tables",
        "nf_nat",
    ]


def test_summary_counts_all_whatever_is_shown() -> None:
    assert tree(WRAPPED, "--only", "suspect")["summary"]["total"] == 6


def test_only_that_fits_nothing() -> None:
    assert "no module fits" in run(WRAPPED, "--only", "zz*")[1]


def test_sort_by_name() -> None:
    assert tree(WRAPPED, "--sort", "name")["modules"][0]["name"] == "e1000"


def test_unknown_sort_key() -> None:
    with pytest.raises(UsageError, match="invalid choice: 'colour'"):
        run(WRAPPED, "--sort", "colour")


def test_page_of_a_module_in_a_log() -> None:
    output = run(WRAPPED, "hello_2")[1]
    assert output.startswith("hello_2: unloading, out-of-tree, unsigned")
    assert "only drgn's types tell more about a module" in " ".join(output.split())


def test_name_with_dashes_and_suffix() -> None:
    assert tree(WRAPPED, "xt-conntrack.ko")["details"][0]["module"]["name"] == "xt_conntrack"


def test_name_pattern() -> None:
    details = tree(WRAPPED, "nf_*")["details"]
    assert [d["module"]["name"] for d in details] == ["nf_tables", "nf_nat"]


def test_unknown_name() -> None:
    with pytest.raises(UsageError) as caught:
        run(WRAPPED, "victim")
    assert str(caught.value) == (
        "mods: no module victim among the 6 in the log's module line; the last one unloaded was "
        "victim; list them with mods"
    )


def test_hostile_name_in_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        run(WRAPPED, "\x1b[2Jx")
    assert "\x1b" not in str(caught.value)


def test_log_without_modules() -> None:
    code, output = run("[    1.000000] hello\n")
    assert code == 1
    assert output.startswith("no modules\n")
    assert "it holds no crash report" in output


def test_hostile_module_name_does_not_reach_the_terminal() -> None:
    log = WRAPPED.replace("nf_tables", "nf\x1b]0;x\x07tables")
    assert "\x1b" not in run(log)[1]
    assert "\x07" not in run(log)[1]


def test_no_line_is_wider_than_asked() -> None:
    assert max(len(line) for line in run(WRAPPED, width=80)[1].splitlines()) <= 80


# The renderer on what memory tells


def report(**fields: Any) -> ModsReport:
    return ModsReport("crashext/1", "drgn", ModuleSummary(total=1, in_tree=1), **fields)


def shown(given: ModsReport, **options: Any) -> list[str]:
    return text.render(view.document(given, **options)).splitlines()


def test_difference_with_address_and_bytes() -> None:
    difference = Difference(0xFFFFFFFFC0001012, ".text", 0x12, "c7", "c6", "f+0x2")
    given = report(integrity={"m": Integrity("/m.ko", 100, {}, [difference])})
    lines = shown(given)
    assert "  code    m: memory differs in 1 place with /m.ko (100 bytes compared)" in lines
    assert "          ffffffffc0001012 f+0x2 (.text+0x12): c7 in the file, c6 in memory" in lines


def test_many_differences_are_cut_and_counted() -> None:
    differences = [Difference(i, ".text", i, "00", "01") for i in range(30)]
    given = report(integrity={"m": Integrity("/m.ko", 100, {}, differences, more=5)})
    assert "  code    m: memory differs in 35 places with /m.ko (100 bytes compared)" in shown(
        given
    )
    assert "          … and 27 more (-v shows them)" in shown(given)
    assert "          … and 5 more" in shown(given, verbose=True)


def test_nothing_compared() -> None:
    given = report(integrity={"m": Integrity("/m.ko", skipped=["no code"])})
    assert "  code    m: nothing compared with /m.ko" in shown(given)
    assert "          not compared: no code" in shown(given)


def test_damage_is_said() -> None:
    assert "  damage  the list ends early" in shown(report(damage=["the list ends early"]))


def test_damage_of_one_module_stands_below_it() -> None:
    lines = shown(report(modules=[Module("m", damage=["its name has no end"])]))
    assert lines[lines.index(next(line for line in lines if line.startswith("  m "))) + 1] == (
        "      its name has no end"
    )


def page(**fields: Any) -> list[str]:
    given = Module("m", state="live", taints="", regions=[ModuleRegion("text", 0x1000, 0x100)])
    return shown(report(details=[ModuleDetail(given, **fields)]))


def test_freed_section_is_marked() -> None:
    lines = page(sections=[ModuleSection(".init.text", 0x5000, 0x20, freed=True)])
    assert "  section 0000000000005000       32  .init.text  freed after init" in lines


def test_parameter_row() -> None:
    lines = page(parameters=[Parameter("count", "int", "7", 0o644, description="how many")])
    assert "  param   count = 7  int 0644  how many" in lines


def test_parameter_without_a_value_has_its_reason() -> None:
    assert "  param   p = ? (freed)" in page(parameters=[Parameter("p", why="freed")])


def test_permanent_module() -> None:
    lines = page(exit=FunctionPointer(None, None, "none"), permanent=True)
    assert "          it has no exit function: it cannot be unloaded (permanent)" in lines


def test_pointers_are_grouped_and_cut() -> None:
    found = [CodePointer("timer", f"timer {i}") for i in range(20)]
    lines = page(pointers=found)
    assert "  points  timer: timer 11" in lines
    assert "          … and 8 more of this kind (-v)" in lines


def test_no_pointers() -> None:
    assert "  points  nothing that was looked at in the kernel points into it" in page(pointers=[])


def test_left_behind() -> None:
    unloaded = Unloaded(left_behind=[CodePointer("timer", "timer 0x10 cannot be read")])
    lines = shown(report(last_unloaded="gone", unloaded=unloaded))
    assert "  gone    last unloaded: gone" in lines
    assert "  left    timer: timer 0x10 cannot be read" in lines


def test_help_names_every_option() -> None:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    text = parser.format_help()
    assert all(option in text for option in ("--json", "--sort", "--only", "--check", "NAME"))
