# SPDX-License-Identifier: GPL-2.0-or-later
"""``mods`` on real crashes of three kernels with modules whose every fact is known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

import pytest

from crashext.commands.mods import gather
from crashext.engine.modules import CodePointer, ModsReport, ModuleDetail
from crashext.engine.verdict import explain, read_log
from crashext.errors import Unknown
from crashext.lab.cache import Cache
from crashext.lab.kernels import Kernel
from crashext.opening import open_target
from crashext.render import json as json_form
from crashext.targets.drgn import DrgnTarget
from crashext.targets.log import LogTarget
from tests.lab.crash_session import CrashSession
from tests.lab.planted_dump import Planted, planted

RELEASES = ("5.10", "6.1", "6.12")


@pytest.fixture(scope="module", params=RELEASES)
def crash(
    request: pytest.FixtureRequest, kernel: Callable[..., Kernel], lab_cache: Cache
) -> Planted:
    return planted(kernel(request.param), lab_cache)


@pytest.fixture(scope="module")
def crash61(kernel: Callable[..., Kernel], lab_cache: Cache) -> Planted:
    return planted(kernel("6.1"), lab_cache)


def opened(crash: Planted) -> DrgnTarget:
    target = open_target(str(crash.vmcore))
    assert isinstance(target, DrgnTarget)
    return target


@pytest.fixture(scope="module")
def target(crash: Planted) -> DrgnTarget:
    return opened(crash)


@pytest.fixture(scope="module")
def report(target: DrgnTarget) -> ModsReport:
    return gather(target, read_log(target))


@pytest.fixture(scope="module")
def detail(target: DrgnTarget) -> ModuleDetail:
    return target.module_detail("planted")


# The table


def test_the_faulting_module_comes_first(report: ModsReport) -> None:
    assert [m.name for m in report.modules if m.suspect] == ["planted"]
    assert report.modules[0].why[0] == "RIP is in it"


def test_the_fault_address_is_placed_in_its_constants(report: ModsReport) -> None:
    places = [why for why in report.modules[0].why if why.startswith("fault address")]
    assert len(places) == 1
    assert re.fullmatch(r"fault address lies in its \.rodata, \d+ bytes from its start", places[0])


def test_it_was_loaded_moments_before(report: ModsReport) -> None:
    assert any(re.fullmatch(r"loaded \d\.\d s before", why) for why in report.modules[0].why)


def test_counts(report: ModsReport) -> None:
    summary = report.summary
    assert (summary.total, summary.in_tree, summary.out_of_tree, summary.unsigned) == (4, 1, 3, 3)


def test_last_unloaded(report: ModsReport) -> None:
    assert report.last_unloaded == "planted_gone"


def test_sound_lists_have_no_damage(report: ModsReport) -> None:
    assert report.damage == []
    assert [module.damage for module in report.modules] == [[], [], [], []]


def test_code_agrees_with_the_file(report: ModsReport, crash: Planted) -> None:
    result = report.integrity["planted"]
    assert result.differences == []
    assert result.file == str(crash.out / "planted.ko")
    assert result.patched["kprobes"] == 1


def test_log_alone_gives_names_letters_and_states(crash: Planted) -> None:
    target = LogTarget(crash.log.read_text())
    found = gather(target, read_log(target))
    assert [(m.name, m.taints, m.state) for m in found.modules] == [
        ("planted", "OE", "live"),
        ("planted_stays", "OE", "live"),
        ("planted_user", "OE", "live"),
        ("qemu_fw_cfg", "", "live"),
    ]
    assert found.modules[0].why[0] == "RIP is in it"
    assert found.last_unloaded == "planted_gone"
    assert "vmcore" in found.unknown["modules.address"]


# One module


def test_parameters(detail: ModuleDetail) -> None:
    assert detail.parameters is not None
    assert {p.name: p.value for p in detail.parameters} == {
        "big": "18364758544493064720",
        "copied": '"copied"',
        "nothing": "(null)",
        "number": "-7",
        "some": "1,-2,3",
        "text": '"planted text"',
        "yes": "Y",
    }


def test_parameter_description_is_the_files(detail: ModuleDetail) -> None:
    assert detail.parameters is not None
    assert {p.name: p.description for p in detail.parameters if p.description} == {
        "number": "a number"
    }


def test_exports_and_who_uses_them(detail: ModuleDetail) -> None:
    assert detail.exports is not None
    assert {e.name: e.users for e in detail.exports} == {
        "planted_hello": ["planted_user"],
        "planted_secret": [],
        "planted_callback": [],
    }


def test_init_and_exit_have_the_sources_names(detail: ModuleDetail) -> None:
    assert detail.init is not None
    assert detail.exit is not None
    assert (detail.init.symbol, detail.init.note) == (
        "planted_init",
        "its code was freed after init",
    )
    assert (detail.exit.symbol, detail.permanent) == ("planted_exit", False)


def test_init_sections_are_marked_freed(detail: ModuleDetail) -> None:
    assert detail.sections is not None
    freed = {section.name for section in detail.sections if section.freed}
    assert ".init.text" in freed
    assert not freed & {".text", ".data", ".bss", ".exit.text", ".data..percpu"}


def test_section_sizes_are_the_files(detail: ModuleDetail) -> None:
    assert detail.sections is not None
    sizes = {section.name: section.size for section in detail.sections}
    assert sizes[".data..percpu"] == 8


def test_module_without_exit_is_permanent(target: DrgnTarget) -> None:
    found = target.module_detail("planted_stays")
    assert found.permanent is True
    assert found.exit is not None
    assert found.exit.address is None


def test_dependency_is_known_from_the_user(target: DrgnTarget) -> None:
    assert target.module_detail("planted_user").depends == ["planted"]


def pointers(detail: ModuleDetail, kind: str) -> list[CodePointer]:
    assert detail.pointers is not None
    return [pointer for pointer in detail.pointers if pointer.kind == kind]


@pytest.mark.parametrize(
    ("kind", "symbol", "words"),
    [
        ("timer", "planted_timer_fn", "due in"),
        ("hrtimer", "planted_hrtimer_fn", "on CPU"),
        ("work", "planted_work_fn", "delayed work"),
        ("work", "planted_running_fn", "running in kworker"),
        ("thread", "planted_thread_fn", "kernel thread planted_thread"),
        ("char device", "planted_fops", "char device planted_char"),
        ("char device", "planted_fops", "misc device planted_misc 10:"),
        ("notifier", "planted_reboot", "on reboot_notifier_list"),
        ("kprobe", "planted_pre", "planted_secret"),
        ("netdev", "planted_netdev_ops", "network device planted0"),
        ("proc file", "planted_proc_ops", "/proc/planted"),
    ],
)
def test_what_the_kernel_calls(detail: ModuleDetail, kind: str, symbol: str, words: str) -> None:
    found = [p for p in pointers(detail, kind) if p.symbol == f"{symbol} [planted]"]
    assert any(words in pointer.text for pointer in found)


def test_driver(detail: ModuleDetail) -> None:
    (driver,) = pointers(detail, "driver")
    assert driver.text.startswith("driver platform:planted_driver (not bound)")


def test_threads_inside_it_by_their_stacks(detail: ModuleDetail) -> None:
    assert {
        re.sub(r" \(pid \d+\)|\+0x[0-9a-f]+", "", pointer.text)
        for pointer in pointers(detail, "stack")
    } == {
        "planted_thread is in planted_thread_fn [planted]",
        "sh is in planted_write [planted]",
    }


def test_every_kind_could_be_looked_at(detail: ModuleDetail) -> None:
    assert detail.unknown == {}


# What is gone


def test_what_the_unloaded_module_left_behind(report: ModsReport) -> None:
    assert report.unloaded is not None
    kinds = sorted(pointer.kind for pointer in report.unloaded.left_behind)
    assert kinds == ["notifier", "timer"]


def test_call_into_the_unloaded_module(kernel: Callable[..., Kernel], lab_cache: Cache) -> None:
    target = opened(planted(kernel("6.1"), lab_cache, "wild"))
    found = gather(target, read_log(target))
    assert len(found.stray) == 1
    assert re.fullmatch(
        r"RIP 0x[0-9a-f]+ lies in module space and in no loaded module; "
        r"the last module unloaded was planted_gone",
        found.stray[0],
    )
    assert [m.name for m in found.modules if m.suspect] == ["planted"]  # it is on the stack


def test_call_of_freed_init_code(kernel: Callable[..., Kernel], lab_cache: Cache) -> None:
    """The freed memory belongs to planted_stays by then: RIP is in that one's constants."""
    target = opened(planted(kernel("6.1"), lab_cache, "init"))
    found = gather(target, read_log(target))
    assert [(m.name, m.why[0]) for m in found.modules if m.suspect] == [
        ("planted", "RIP lies where its .init.text+0x0 was, freed after init"),
        ("planted_stays", "RIP is in it (in its rodata, which is no code)"),
    ]
    explanation = explain(target, read_log(target))
    assert explanation.culprit is not None
    assert explanation.culprit.module == "planted"
    assert explanation.headline is not None
    assert "where the init code of planted was until freed" in explanation.headline


# Integrity


def test_whole_kernel_agrees_with_vmlinux(target: DrgnTarget) -> None:
    result = target.kernel_integrity()
    assert result.differences == []
    assert result.compared > 10_000_000


def overlay(target: DrgnTarget, address: int, change: Callable[[bytes], bytes], size: int) -> None:
    """Lets the program read other bytes than the dump has."""
    changed = change(target.prog.read(address, size))

    def read(start: int, count: int, offset: int, physical: bool) -> bytes:
        return changed[start - address : start - address + count]

    target.prog.add_memory_segment(address, size, read)


def test_flipped_bit_in_the_module(crash61: Planted) -> None:
    target = opened(crash61)
    target.find_debug_info("planted")
    address = target.address("planted_write") + 9
    overlay(target, address, lambda old: bytes([old[0] ^ 4]), 1)
    found = gather(target, read_log(target))
    (difference,) = found.integrity["planted"].differences
    assert difference.address == address
    assert difference.symbol == "planted_write+0x9"
    assert "its code in memory differs from its file" in found.modules[0].why


def test_hook_in_the_kernel(crash61: Planted) -> None:
    """A jump over the beginning of a system call, as a rootkit puts it there."""
    target = opened(crash61)
    address = target.address("__x64_sys_kill")
    overlay(target, address, lambda old: b"\xe9\x11\x22\x33\x44", 5)
    (difference,) = target.text_integrity(address + 8).differences
    assert (difference.address, difference.symbol) == (address, "__x64_sys_kill")
    assert difference.note == "in a ftrace site, but not what the kernel puts there"


def test_module_file_of_another_build(crash61: Planted) -> None:
    """The wrong .ko is told by its build-id, and nothing is compared with it."""
    target = opened(crash61)
    deep = target.deep_modules
    entry = deep.walk().find("planted")
    entry.module.build_id = "00" * 20
    with pytest.raises(Unknown, match=r"has build-id [0-9a-f]{40}, the dump wants 0000"):
        deep.module_integrity("planted")


# Every door


def test_crash_says_what_the_shell_says(
    crash61: Planted, extension: Path, report_json: Callable[[str], dict[str, Any]]
) -> None:
    arguments = ["-s", str(crash61.out / "vmlinux"), str(crash61.vmcore)]
    with CrashSession(arguments, directory=str(crash61.out)) as session:
        session.run(f"extend {extension}")
        by_crash = report_json(session.run("mods planted --json"))
    target = opened(crash61)
    by_drgn = report_json(json_form.render(gather(target, read_log(target), names=["planted"])))
    assert by_crash.pop("target") == "crash"
    assert by_drgn.pop("target") == "drgn"
    for key, value in by_drgn.items():
        if key != "unloaded":  # the words of an unreadable address are each tool's own
            assert by_crash[key] == value, key


@pytest.fixture
def report_json() -> Callable[[str], dict[str, Any]]:
    def parse(text: str) -> dict[str, Any]:
        tree: Optional[dict[str, Any]] = json.loads(text[text.index("{") :])
        assert tree is not None
        return tree

    return parse
