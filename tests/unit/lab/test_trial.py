# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest's console says about a module that was tried in it."""

from __future__ import annotations

from crashext.lab.trial import Trial, read, report, script

GOOD = """\
[    2.131] hello: loading out-of-tree module taints kernel.
[    2.133] hello: Hello world!
[    2.250] hello: Cleaning up module.
crashext-lab: round 1 hello
[    2.301] KTAP version 1
[    2.301] 1..1
[    2.302]     KTAP version 1
[    2.302]     # Subtest: hello
[    2.302]     1..2
[    2.303]     ok 1 greets_by_name
[    2.303]     ok 2 long_name_is_cut
[    2.304] ok 1 hello
crashext-lab: round 1 hello_test
crashext-lab: taint 12288
crashext-lab: returned 0
"""


def test_good_trial() -> None:
    trial = read(GOOD)
    assert trial == Trial([("greets_by_name", True), ("long_name_is_cut", True)], 2, [])
    assert trial.passed


def test_case_that_failed() -> None:
    trial = read(GOOD.replace("ok 2 long", "not ok 2 long"))
    assert trial.cases == [("greets_by_name", True), ("long_name_is_cut", False)]
    assert not trial.passed


def test_case_of_the_kernels_own_kunit_with_a_dash() -> None:
    assert read("[    2.303]     ok 1 - greets_by_name\n").cases == [("greets_by_name", True)]


def test_warning_of_the_kernel_is_a_problem() -> None:
    warning = "WARNING: CPU: 1 PID: 94 at fs/proc/generic.c:715 remove_proc_entry+0x1b2/0x1c0"
    trial = read(f"{GOOD}[    3.000] {warning}\n")
    assert trial.problems == [f"the kernel says: {warning}"]
    assert not trial.passed


def test_taint_beyond_out_of_tree_and_unsigned() -> None:
    trial = read(GOOD.replace("taint 12288", "taint 12800"))
    assert trial.problems == ["the kernel is tainted beyond O and E: 0x200"]


def test_module_that_does_not_load() -> None:
    console = "crashext-lab: failed insmod hello\ncrashext-lab: returned 1\n"
    assert read(console).problems == ["failed insmod hello", "the trial did not reach its end"]


def test_panic_is_a_problem() -> None:
    assert read("[    2.1] Kernel panic - not syncing: Fatal exception\n").problems == [
        "the kernel says: Kernel panic - not syncing: Fatal exception",
        "the trial did not reach its end",
    ]


def test_suites_run_once_and_modules_three_times() -> None:
    lines = script(["my-module", "my-module_test"]).splitlines()
    assert [line for line in lines if line.startswith("for ")] == [
        "for round in 1 2 3; do",
        "for round in 1; do",
    ]
    assert "insmod /lab/my-module.ko" in lines[1]
    assert "rmmod my_module " in lines[2]


def test_report_names_what_failed() -> None:
    assert report(Trial([("a", True), ("b", False)], 4, ["the kernel says: BUG: x"])) == (
        "ok      a\nFAILED  b\nFAILED  the kernel says: BUG: x\n        loaded and unloaded 4 times"
    )
