# SPDX-License-Identifier: GPL-2.0-or-later
"""Which module is suspect, and why."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from crashext.engine import modules as engine
from crashext.engine.model import (
    Explanation,
    FaultAddress,
    Module,
    ModuleRegion,
    RegisterValue,
    Rip,
    StackFrame,
)
from crashext.engine.modules import FreedRange, LoadTime, ModuleSection, Unloaded
from crashext.engine.report import LogModule, Report

BASE = 0xFFFFFFFFC0000000


def module(name: str = "mod", base: int = BASE, **fields: Any) -> Module:
    """16 KiB: text, rodata, and two pages of data."""
    fields.setdefault("taints", "")
    fields.setdefault("state", "live")
    return Module(
        name,
        address=base,
        size=0x4000,
        regions=[
            ModuleRegion("text", base, 0x1000),
            ModuleRegion("rodata", base + 0x1000, 0x1000),
            ModuleRegion("data", base + 0x2000, 0x2000),
        ],
        **fields,
    )


def why(subject: Optional[Module] = None, **facts: Any) -> list[str]:
    (judged,) = engine.suspects([subject or module()], **facts)
    return judged.why


def suspect(subject: Optional[Module] = None, **facts: Any) -> bool:
    (judged,) = engine.suspects([subject or module()], **facts)
    return judged.suspect


def frame(**fields: Any) -> StackFrame:
    return StackFrame(**fields)


def test_rip_by_address() -> None:
    assert why(rip=BASE + 0x123) == ["RIP is in it"]
    assert suspect(rip=BASE + 0x123)


def test_rip_in_data_is_said() -> None:
    assert why(rip=BASE + 0x2010) == ["RIP is in it (in its data, which is no code)"]


def freed(name: str) -> list[ModuleSection]:
    start = {"late": BASE + 0x12000, "owner": BASE + 0x90000}[name]
    return [ModuleSection(".init.text", start, 0x100, freed=True)]


def test_rip_in_freed_init_code_that_another_module_took_over() -> None:
    judged = engine.suspects(
        [module("owner", BASE + 0x10000), module("late", BASE)], rip=BASE + 0x12010, sections=freed
    )
    assert [(m.name, m.why) for m in judged] == [
        ("late", ["RIP lies where its .init.text+0x10 was, freed after init"]),
        ("owner", ["RIP is in it (in its data, which is no code)"]),
    ]


def test_rip_in_code_is_not_looked_for_in_freed_memory() -> None:
    def ask(name: str) -> list[ModuleSection]:
        raise AssertionError(f"asked for {name}")

    assert why(rip=BASE + 8, sections=ask) == ["RIP is in it"]


def test_rip_by_the_logs_name() -> None:
    assert why(Module("mod"), rip_module="mod") == ["RIP is in it"]


def test_rip_elsewhere() -> None:
    assert why(rip=BASE + 0x4000) == []
    assert not suspect(rip=BASE + 0x4000)


def test_frames_of_the_stack() -> None:
    stack = [frame(function="a", module="mod"), frame(function="b"), frame(address=BASE + 8)]
    assert why(stack=stack) == ["2 frames of the stack"]


def test_frame_of_rip_is_not_counted_again() -> None:
    stack = [frame(address=BASE + 1, module="mod"), frame(address=BASE + 9, module="mod")]
    assert why(rip=BASE + 1, stack=stack) == ["RIP is in it", "1 frame of the stack"]


def test_logs_own_frame_of_rip_is_not_counted() -> None:
    stack = [frame(function="f", module="mod")]
    assert why(rip_module="mod", stack=stack) == ["RIP is in it"]


def test_inlined_frames_are_no_frames() -> None:
    assert why(stack=[frame(module="mod", inlined=True)]) == []


def test_unreliable_frames_do_not_make_a_suspect() -> None:
    stack = [frame(module="mod", reliable=False)]
    assert why(stack=stack) == ["1 stale or unreliable frame (?) of the stack name it"]
    assert not suspect(stack=stack)


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (0x2010, "in its data, 16 bytes from its start"),
        (0x4000, "just past the end of its data"),
        (0x4010, "16 bytes past its data"),
        (0x4FFF, "4095 bytes past its data"),
        (-1, "1 byte before its text"),
        (-4096, "4096 bytes before its text"),
    ],
)
def test_fault_address_near_the_module(offset: int, words: str) -> None:
    assert why(fault_address=BASE + offset) == [f"fault address lies {words}"]


@pytest.mark.parametrize("offset", [0x5000, -4097])
def test_fault_address_too_far_away(offset: int) -> None:
    assert why(fault_address=BASE + offset) == []


def sections(name: str) -> list[ModuleSection]:
    assert name == "mod"
    return [
        ModuleSection(".text", BASE, 0x800),
        ModuleSection(".data", BASE + 0x2000, 0x100),
        ModuleSection(".bss", BASE + 0x2100, 0x80),
    ]


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (0x2010, "in its .data, 16 bytes from its start"),
        (0x2110, "in its .bss, 16 bytes from its start"),
        (0x2190, "16 bytes past its .bss"),
        (0x810, "16 bytes past its .text"),
    ],
)
def test_sections_name_the_place_better(offset: int, words: str) -> None:
    assert why(fault_address=BASE + offset, sections=sections) == [f"fault address lies {words}"]


def test_sections_of_far_modules_are_not_asked_for() -> None:
    def ask(name: str) -> list[ModuleSection]:
        raise AssertionError(f"asked for {name}")

    assert why(fault_address=0x10, rip=0x20, sections=ask) == []


def test_fault_address_that_is_rip_is_said_once() -> None:
    assert why(rip=BASE + 4, fault_address=BASE + 4) == ["RIP is in it"]


def test_registers_into_it_are_a_hint_only() -> None:
    registers = {"rdi": BASE + 0x2000, "rsi": BASE + 0x2008, "rip": BASE, "rax": 5}
    assert why(registers=registers) == ["rdi, rsi point into it"]
    assert not suspect(registers=registers)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("unloading", "unloading when the crash came"),
        ("loading", "loading when the crash came (its init had not returned)"),
    ],
)
def test_state_makes_a_suspect(state: str, words: str) -> None:
    assert why(module(state=state)) == [words]
    assert suspect(module(state=state))


def test_taint_letters_in_words() -> None:
    assert why(module(taints="POE")) == ["proprietary, out-of-tree, unsigned"]


def test_taint_alone_makes_no_suspect() -> None:
    assert not suspect(module(taints="OE"))


def test_unknown_taint_letter_is_named() -> None:
    assert engine.taint_words("OZ") == ["out-of-tree", "taint Z"]


@pytest.mark.parametrize(
    ("time", "exact", "words"),
    [
        (97.9, True, ["loaded 2.1 s before"]),
        (97.9, False, ["first heard of in the log 2.1 s before"]),
        (80.0, True, []),
        (101.0, True, []),
    ],
)
def test_loaded_shortly_before(time: float, exact: bool, words: list[str]) -> None:
    times = {"mod": LoadTime(time, exact, 1)}
    assert why(load_times=times, crash_time=100.0) == words


def test_order_is_by_suspicion() -> None:
    judged = engine.suspects(
        [
            module("plain", BASE),
            module("tainted", BASE + 0x10000, taints="OE"),
            module("going", BASE + 0x20000, state="unloading"),
            module("framed", BASE + 0x30000),
            module("guilty", BASE + 0x40000),
        ],
        rip=BASE + 0x40010,
        stack=[frame(module="framed")],
    )
    assert [m.name for m in judged] == ["guilty", "framed", "going", "tainted", "plain"]


def test_nearer_frame_comes_first() -> None:
    stack = [frame(module="near"), frame(module="far"), frame(module="far")]
    judged = engine.suspects([module("far", BASE), module("near", BASE + 0x10000)], stack=stack)
    assert [m.name for m in judged] == ["near", "far"]


def test_reason_that_a_module_has_already_stays_and_counts() -> None:
    judged = engine.suspects([module("a"), module("b", BASE + 0x10000, why=["text differs"])])
    assert [(m.name, m.suspect, m.why) for m in judged] == [
        ("b", True, ["text differs"]),
        ("a", False, []),
    ]


def test_judging_twice_changes_nothing() -> None:
    once = engine.suspects([module(state="unloading")], rip=BASE)
    assert engine.suspects(once, rip=BASE) == once


def test_the_given_modules_are_not_changed() -> None:
    given = module()
    engine.suspects([given], rip=BASE)
    assert (given.suspect, given.why) == (False, [])


def test_facts_come_from_an_explanation() -> None:
    explanation = Explanation(
        "log",
        rip=Rip(address=1, module="m"),
        fault_address=FaultAddress(2),
        registers={"rax": RegisterValue(3)},
        stack=[frame(function="f")],
    )
    report = Report("null-deref", "", 1, 2, True, time=4.5)
    assert engine.crash_facts(explanation, report) == {
        "rip": 1,
        "rip_module": "m",
        "stack": [frame(function="f")],
        "fault_address": 2,
        "registers": {"rax": 3},
        "crash_time": 4.5,
    }


# The log's line and memory's list


def test_log_line_gives_names_letters_states() -> None:
    found = engine.from_log([LogModule("a", "OE", "unloading"), LogModule("b")])
    assert [(m.name, m.taints, m.state, m.address) for m in found] == [
        ("a", "OE", "unloading", None),
        ("b", "", "live", None),
    ]


def test_join_keeps_memory_and_adds_what_only_the_log_has() -> None:
    joined, notes = engine.join([LogModule("mod"), LogModule("gone", "P")], [module()])
    assert [m.name for m in joined] == ["mod", "gone"]
    assert notes == [
        "gone is in the log's module line and not in memory: it was unloaded since, or the "
        "kernel's module list is damaged"
    ]


def test_join_says_where_states_differ() -> None:
    _joined, notes = engine.join([LogModule("mod", "", "unloading")], [module()])
    assert notes == ["mod is unloading in the log and live in memory"]


def test_join_without_a_line() -> None:
    assert engine.join(None, [module()]) == ([module()], [])


# When a module was loaded


LOG = """\
[    1.000000] hello_2: loading out-of-tree module taints kernel.
[    1.000100] hello_2: module verification failed: signature and/or required key missing
[    2.500000] e1000 0000:00:03.0: registered
[    3.000000][  T12] nf-tables: ready
<6>[    4.000000] hello_2: something it said
no stamp: nothing
[    9.000000] late: after the crash
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hello_2", LoadTime(1.0, True, 1)),
        ("e1000", LoadTime(2.5, False, 3)),
        ("nf_tables", LoadTime(3.0, False, 4)),
        ("late", None),
        ("no", None),
    ],
)
def test_load_times(name: str, expected: Optional[LoadTime]) -> None:
    assert engine.load_times(LOG, [name], until=5.0).get(name) == expected


def test_last_load_counts() -> None:
    again = LOG + "[   20.000000] hello_2: loading out-of-tree module taints kernel.\n"
    assert engine.load_times(again, ["hello_2"])["hello_2"].time == 20.0


# Counting, sorting, choosing


def test_summary() -> None:
    summary = engine.summarize(
        [
            module("a"),
            module("b", taints="OE", state="unloading", suspect=True),
            module("c", taints="POF"),
            module("d", taints="K", state="loading"),
            module("e", taints="C"),
            Module("f"),
        ]
    )
    assert summary == engine.ModuleSummary(
        total=6, in_tree=3, out_of_tree=2, unsigned=1, proprietary=1, forced=1, livepatch=1,
        staging=1, loading=1, unloading=1, suspect=1, unknown_taints=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("suspicion", ["b", "a", "c"]),
        ("name", ["a", "b", "c"]),
        ("size", ["a", "b", "c"]),
        ("address", ["b", "a", "c"]),
        ("refs", ["b", "a", "c"]),
    ],
)
def test_sort(key: str, order: list[str]) -> None:
    given = [
        Module("b", address=1, size=10, refcount=3),
        Module("a", address=2, size=20, refcount=1),
        Module("c"),
    ]
    assert [m.name for m in engine.sort_modules(given, key)] == order


def test_sort_by_what_is_no_key() -> None:
    with pytest.raises(ValueError, match="colour"):
        engine.sort_modules([], "colour")


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ([], ["nf_tables", "nf_nat", "hello"]),
        (["nf_*"], ["nf_tables", "nf_nat"]),
        (["nf-*"], ["nf_tables", "nf_nat"]),
        (["tainted"], ["hello"]),
        (["suspect"], ["nf_nat"]),
        (["suspect", "hello"], ["nf_nat", "hello"]),
        (["nothing"], []),
    ],
)
def test_select(only: list[str], names: list[str]) -> None:
    given = [
        Module("nf_tables", taints=""),
        Module("nf_nat", suspect=True),
        Module("hello", taints="OE"),
    ]
    assert [m.name for m in engine.select(given, only)] == names


# Where an unloaded module was

SPACE = Unloaded(space_start=BASE, space_end=BASE + 0x1000000, last="gone")


def stray(unloaded: Unloaded = SPACE, **fields: Any) -> list[str]:
    return engine.stray_addresses(Explanation("drgn", **fields), [module()], unloaded)


def test_rip_where_no_module_is() -> None:
    assert stray(rip=Rip(address=BASE + 0x8000)) == [
        "RIP 0xffffffffc0008000 lies in module space and in no loaded module; the last module "
        "unloaded was gone"
    ]


def test_return_address_where_no_module_is() -> None:
    (text,) = stray(stack=[frame(address=BASE), frame(address=BASE + 0x9000)])
    assert text.startswith("the return address of frame 1 0xffffffffc0009000 lies in module space")


def test_freed_range_is_named() -> None:
    ranges = [FreedRange(BASE + 0x8000, 0x3000, "module memory, freed and not yet flushed")]
    unloaded = Unloaded(BASE, BASE + 0x1000000, ranges=ranges)
    assert stray(unloaded, rip=Rip(address=BASE + 0x8010)) == [
        "RIP 0xffffffffc0008010 lies in module space and in no loaded module: module memory, freed "
        "and not yet flushed (0xffffffffc0008000, 12288 bytes)"
    ]


def test_rip_in_freed_init_code_is_no_unloaded_module() -> None:
    explanation = Explanation("drgn", rip=Rip(address=BASE + 0x12010))
    assert engine.stray_addresses(explanation, [module("late")], SPACE, freed) == [
        "RIP 0xffffffffc0012010 lies in module space and in no loaded module: late's "
        ".init.text+0x10, which was freed after init"
    ]


@pytest.mark.parametrize("address", [BASE + 8, 0xFFFFFFFF81000000, 0])
def test_other_addresses_are_not_stray(address: int) -> None:
    assert stray(rip=Rip(address=address)) == []


def test_one_address_is_told_once() -> None:
    there = BASE + 0x8000
    assert len(stray(rip=Rip(address=there), fault_address=FaultAddress(there))) == 1
