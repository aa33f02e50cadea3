# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad answers are named in one line; good ones pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lkm_answers  # type: ignore[import-not-found,unused-ignore]
import pytest

GOOD = {
    "module_name": "hello_2",
    "title": "A module",
    "author": "Ann O'Nym",
    "email": "ann@example.com",
    "license": "GPL-2.0-only",
    "kind": "hello",
    "fault_menu": True,
    "dkms": True,
    "kunit": True,
    "ci": "none",
    "signing": True,
}


def problems(**changes: Any) -> list[str]:
    return list(lkm_answers.problems({**GOOD, **changes}))


def test_good_answers_have_no_problem() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("my module", "module_name 'my module' is no C identifier (perhaps my_module?)"),
        ("my-module", "module_name 'my-module' is no C identifier (perhaps my_module?)"),
        ("2fast", "module_name '2fast' is no C identifier"),
        ("", "module_name '' is no C identifier"),
        ("módulo", "module_name 'módulo' is no C identifier (perhaps m_dulo?)"),
        ("a\n", "module_name 'a\\n' is no C identifier (perhaps a?)"),
        ("static", "module_name 'static' has a meaning in C or in the kernel's headers"),
        ("linux", "module_name 'linux' has a meaning in C or in the kernel's headers"),
        ("faults", "module_name 'faults' is the name of one of the module's own objects"),
        ("ext4", "module_name 'ext4' is built into kernels already, so it could not be loaded"),
        ("fork", "module_name 'fork' clashes with fork_init() or fork_exit() of the kernel"),
        ("x" * 51, f"module_name '{'x' * 51}' has 51 characters, 50 are allowed"),
    ],
)
def test_bad_name(name: str, problem: str) -> None:
    assert problems(module_name=name) == [problem]


def test_longest_name_is_good() -> None:
    assert problems(module_name="x" * 50) == []


def test_name_that_the_running_kernel_has_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lkm_answers, "running_builtin", lambda: {"my_driver"})
    assert problems(module_name="my_driver") == [
        "module_name 'my_driver' is built into kernels already, so it could not be loaded"
    ]


def test_modules_builtin_is_read_as_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "modules.builtin").write_text("kernel/fs/nls/nls-base.ko\nkernel/lib/crc16.ko\n")
    monkeypatch.setattr(lkm_answers, "release", lambda: str(tmp_path))
    assert lkm_answers.running_builtin() == {"nls_base", "crc16"}


def test_kernel_that_names_nothing_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lkm_answers, "release", lambda: "no such release")
    assert lkm_answers.running_builtin() == set()


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("title", " ", "title is empty"),
        ("title", "a\nb", "title 'a\\nb' has a control character in it"),
        ("title", "ends */ here", "title 'ends */ here' has /* or */ in it, but becomes part of a "
         "C comment"),
        ("author", "\x1b[31m", "author '\\x1b[31m' has a control character in it"),
        ("email", "nobody", "email 'nobody' is no address"),
        ("email", "a@b c", "email 'a@b c' is no address"),
    ],
)  # fmt: skip
def test_bad_text(key: str, text: str, problem: str) -> None:
    assert problems(**{key: text}) == [problem]


PROPRIETARY = {"license": "LicenseRef-Proprietary", "fault_menu": False, "kunit": False}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "kprobe"}, "kind kprobe needs register_kprobe(), which is closed to a "
         "proprietary module: change license or kind"),
        ({"kind": "platform"}, "kind platform needs __platform_driver_register(), which is closed "
         "to a proprietary module: change license or kind"),
        ({"fault_menu": True}, "the fault menu needs debugfs, which is closed to a proprietary "
         "module: change license or fault_menu"),
        ({"kunit": True}, "KUnit is closed to a proprietary module: change license or kunit"),
    ],
)  # fmt: skip
def test_proprietary_module_and_gpl_only_functions(changes: dict[str, Any], problem: str) -> None:
    assert problems(**{**PROPRIETARY, **changes}) == [problem]


@pytest.mark.parametrize("kind", ["hello", "chardev", "procfs", "kthread", "netdev"])
def test_proprietary_module_without_gpl_only_functions(kind: str) -> None:
    assert problems(**PROPRIETARY, kind=kind) == []


def test_several_problems_are_all_found() -> None:
    assert len(problems(module_name="a b", title="", email="x")) == 3


def test_c_string_escapes_quotes_and_backslashes() -> None:
    assert lkm_answers.c_string('say "hi" \\o/') == 'say \\"hi\\" \\\\o/'
