# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash target without drgn: by PyKdump's names alone it says what drgn says.

(With drgn in its Python the answers of crash and drgn are compared whole in test_main_job.)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

import crashext
from crashext.lab.store import Dump
from tests.lab import doors

PYKDUMP_PROGRAMS = Path(crashext.__file__).parent / "pykdump" / "programs"

PROGRAM = Path(__file__).parent / "programs" / "explain_without_drgn.py"
FAULTS = ("null-write-unload", "null-timer", "general-protection", "panic")


def without_drgn(dump: Dump, load_module: bool = False) -> dict[str, Any]:
    commands = f"extend {doors.EXTENSION}\n"
    if load_module:
        commands += f"mod -s hello {dump.module}\n"
    commands += f"epython -v {PROGRAM}\nquit\n"
    arguments = ["crash", "-s", str(dump.vmlinux), str(dump.vmcore)]
    output = doors._output(arguments, commands)
    return doors._json(output[: output.rindex("}") + 1])


@pytest.fixture(scope="module", params=FAULTS)
def pair(
    request: pytest.FixtureRequest, dump: Callable[..., Dump]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(without drgn, drgn's own)"""
    crashed = dump(request.param)
    return without_drgn(crashed), doors.by_drgn(crashed)


@pytest.mark.parametrize(
    "key", ["kind", "title", "bucket", "error_code", "fault_address", "task", "kernel", "taint"]
)
def test_same_verdict(pair: tuple[dict[str, Any], dict[str, Any]], key: str) -> None:
    ours, theirs = pair
    assert ours[key] == theirs[key]


def test_same_registers(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, theirs = ({k: v["value"] for k, v in (x["registers"] or {}).items()} for x in pair)
    assert ours == theirs


def test_same_place(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    keys = ("address", "symbol", "offset")
    # A panic() has no interrupted instruction: both say so.
    ours, theirs = (x["rip"] and {key: x["rip"][key] for key in keys} for x in pair)
    assert ours == theirs


def test_reliable_frames_are_true_ones(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, theirs = pair
    real = [frame["address"] for frame in theirs["stack"] if not frame["inlined"]]
    reliable = [frame["address"] for frame in ours["stack"] if frame["reliable"]]
    assert len(reliable) >= 3
    assert [address for address in real if address in reliable] == reliable


def test_lines_of_kernel_frames_come_from_gdb(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    lines: list[dict[str, Any]] = []
    for answer in pair:
        # The innermost inlined function at an address has the line that gdb tells.
        first: dict[str, Any] = {}
        for frame in answer["stack"]:
            if frame["reliable"] and not frame["module"]:
                first.setdefault(frame["address"], (frame["file"], frame["line"]))
        lines.append(first)
    ours, theirs = lines
    shared = {address for address in ours if ours[address][1] and address in theirs}
    assert len(shared) >= 3
    assert {a: ours[a][1] for a in shared} == {a: theirs[a][1] for a in shared}


def test_modules_by_memory(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    keys = ("name", "address", "size", "state", "refcount", "taints", "build_id")
    ours, theirs = ([[m[k] for k in keys] for m in x["modules"]] for x in pair)
    assert ours == theirs


def test_what_is_missing_says_how_to_get_it(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    ours, _theirs = pair
    needs = "needs drgn inside crash (pip install drgn for "
    assert needs in ours["unknown"]["variables"]
    assert needs in ours["unknown"]["findings.locks"]


def test_findings_that_need_no_drgn(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, theirs = (
        {f["topic"]: f["text"] for f in x["findings"] if f["topic"] in ("cpus", "preemption")}
        for x in pair
    )
    assert ours == theirs


def test_line_from_gdb_after_mod(dump: Callable[..., Dump]) -> None:
    crashed = dump("null-write-unload")
    answer = without_drgn(crashed, load_module=True)
    truth = doors.by_drgn(crashed)
    assert (answer["rip"]["file"], answer["rip"]["line"]) == (
        truth["rip"]["file"],
        truth["rip"]["line"],
    )
    assert answer["rip"]["source_text"] == truth["rip"]["source_text"]


def test_the_programs_for_pykdump_are_the_commands(dump: Callable[..., Dump]) -> None:
    crashed = dump("null-write-unload")
    program = PYKDUMP_PROGRAMS / "explain.py"
    commands = f"extend {doors.EXTENSION}\nepython {program} --json\nquit\n"
    output = doors._output(["crash", "-s", str(crashed.vmlinux), str(crashed.vmcore)], commands)
    assert doors._json(output[: output.rindex("}") + 1]) == doors.by_crash(crashed)


def test_mods_is_the_same_as_in_drgn(dump: Callable[..., Dump]) -> None:
    crashed = dump("null-write-unload")
    commands = f"extend {doors.EXTENSION}\nmods hello --json\nquit\n"
    in_crash = doors._json(
        doors._output(["crash", "-s", str(crashed.vmlinux), str(crashed.vmcore)], commands)
    )
    shell = doors._json(
        doors._output([str(doors.BIN / "crashext"), "mods", "--json", str(crashed.vmcore), "hello"])
    )
    assert (in_crash.pop("target"), shell.pop("target")) == ("crash", "drgn")
    assert in_crash == shell
    assert in_crash["modules"][0]["name"] == "hello"
