# SPDX-License-Identifier: GPL-2.0-or-later
"""Reports whose own words say more than their kind: ``tests/data/texts``."""

from __future__ import annotations

import contextlib
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from crashext import cli

DATA = Path(__file__).parents[2] / "data" / "texts"


@cache
def explained(name: str) -> dict[str, Any]:
    """The answer to a file of ``tests/data/texts``, as ``explain --json`` gives it."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        cli.main(["explain", "--json", str(DATA / f"{name}.txt")])
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def shown(name: str) -> str:
    """The same as text."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        cli.main(["explain", str(DATA / f"{name}.txt")])
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("odebug-free-active-timer", "object debugging (ODEBUG) in demo_dev_release [demo]"),
        (
            "workqueue-leaked-lock",
            "work function that leaked a lock or atomic context in demo_refresh_work [demo]",
        ),
        ("unwinder-bad-bp", "stack that could not be unwound"),
        ("mce-without-prefix", "machine check: memory controller error"),
        ("ghes-fatal-pcie", "hardware error: PCIe error"),
        ("netdevice-waits", "leaked reference to a network device"),
        ("sysfs-duplicate", "duplicate sysfs name in demo_add_port [demo]"),
        ("kobject-initialised-twice", "kobject initialised twice in demo_add_port [demo]"),
        (
            "refcount-underflow",
            "reference given back once too often in demo_put_buffer [demo]",
        ),
    ],
)
def test_title_says_what_the_report_says(name: str, title: str) -> None:
    assert explained(name)["title"] == title


def test_odebug_names_the_callback_of_the_object() -> None:
    assert "demo_poll_timer+0x0/0x40 [demo]" in explained("odebug-free-active-timer")["headline"]


def test_leaked_lock_blames_the_work_function_not_the_worker() -> None:
    culprit = explained("workqueue-leaked-lock")["culprit"]
    assert (culprit["function"], culprit["module"]) == ("demo_refresh_work", "demo")


@pytest.mark.parametrize("name", ["unwinder-bad-bp", "mce-without-prefix", "ghes-fatal-pcie"])
def test_nobody_is_blamed(name: str) -> None:
    answer = explained(name)
    assert answer["culprit"] is None
    assert answer["unknown"]["culprit"]


def test_bad_page_map_is_damage_done_earlier() -> None:
    answer = explained("bad-page-map")
    assert answer["title"].startswith("bad page map")
    assert answer["confidence"] == "medium"
    assert answer["task"]["pid"] == 2201


def test_machine_check_is_read_for_hardware() -> None:
    sign = explained("mce-without-prefix")["hardware"]["signs"][0]
    assert sign["what"] == (
        "CPU 1, bank 8: memory controller error, read, channel 2, uncorrected, the processor's "
        "state is lost, and earlier errors of the bank were overwritten, at physical address "
        "0x3fbd1c0"
    )


def test_errors_that_the_machine_survived_are_no_crash() -> None:
    answer = explained("mce-corrected-and-boot")
    assert answer["crashed"] is False
    whats = [(sign["what"], sign["why"]) for sign in answer["hardware"]["signs"]]
    assert whats == [
        (
            "CPU 2, bank 5: generic I/O error, uncorrected, the processor's state is lost",
            "found without a time stamp (TSC 0), as at boot: left over from before this boot",
        ),
        (
            "CPU 0, bank 7: memory controller error, read, channel 0, corrected, at physical "
            "address 0x1f3a8c0c0",
            "found by polling the banks",
        ),
    ]


def test_string_function_emitted_in_a_module_is_still_a_helper() -> None:
    culprit = explained("kasan-memcpy-in-module")["culprit"]
    assert (culprit["function"], culprit["module"]) == ("demo_show", "demo")


def test_waiting_for_a_device_is_told_from_its_first_line() -> None:
    answer = explained("netdevice-waits")
    assert answer["culprit"] is None
    assert answer["headline"].startswith("the network device veth3 cannot be freed: 2 references")


def test_kmemleak_with_its_prefix_before_every_line() -> None:
    answer = explained("kmemleak-prefix")
    culprit = answer["culprit"]
    assert (culprit["function"], culprit["module"]) == ("demo_setup_queue", "demo")
    assert answer["task"]["pid"] == 512


def test_path_ends_once_in_the_function_that_kasan_names() -> None:
    assert shown("kasan-double-free").count("demo_close\n") == 1
    assert "path    __fput → demo_close\n" in shown("kasan-double-free")


def test_the_head_of_a_firmware_record_is_not_what_came_before_it() -> None:
    assert explained("ghes-fatal-pcie")["cause"] is None
