# SPDX-License-Identifier: GPL-2.0-or-later
"""Every kind of module builds without a word, loads, unloads and passes its suite."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from crashext.lab.cache import Cache
from crashext.lab.kernels import Kernel
from crashext.lab.template import generate, template_directory
from crashext.lab.trial import ROUNDS, run_trial

KINDS = json.loads((template_directory() / "cookiecutter.json").read_text())["kind"]
#: The oldest and the newest kernel that the template promises, and the one in between.
KERNELS = ("5.10", "6.1", "6.12")
#: How many cases the suite of each kind has.
CASES = {
    "hello": 2, "chardev": 4, "debugfs": 2, "procfs": 3, "kthread": 2, "platform": 2, "netdev": 2,
    "kprobe": 2,
}  # fmt: skip


@pytest.fixture(scope="session")
def modules(lab_cache: Cache) -> dict[str, Path]:
    """One module of every kind, each of another name, so that a guest can load them all."""
    return {kind: generate(lab_cache, kind=kind, module_name=f"lkm_{kind}") for kind in KINDS}


@pytest.mark.parametrize("release", KERNELS)
def test_every_kind_loads_unloads_and_passes_its_suite(
    modules: dict[str, Path], kernel: Callable[..., Kernel], release: str
) -> None:
    trial = run_trial(list(modules.values()), kernel(release), ["LKM_KUNIT=1"])
    assert trial.problems == []
    assert [name for name, passed in trial.cases if not passed] == []
    assert len(trial.cases) == sum(CASES.values())
    assert trial.rounds == (ROUNDS + 1) * len(KINDS)


@pytest.mark.parametrize(
    ("kind", "fault_menu"), [("hello", "true"), *((kind, "false") for kind in KINDS)]
)
def test_kind_passes_all_checks(
    lab_cache: Cache, kernel: Callable[..., Kernel], kind: str, fault_menu: str, tmp_path: Path
) -> None:
    """``make check``: W=1 and sparse without a warning; checkpatch where it is found."""
    module = tmp_path / "module"
    subprocess.run(
        ["cp", "-r", str(generate(lab_cache, kind=kind, fault_menu=fault_menu)), str(module)],
        check=True,
    )
    words = [f"KDIR={kernel('6.1').headers}", "CC=gcc"]
    # checkpatch.pl is in no package of Debian's; a kernel's source tree has it.
    checkpatch = os.environ.get("CHECKPATCH")
    if checkpatch:
        words.append(f"CHECKPATCH={checkpatch}")
    result = subprocess.run(
        ["make", "-s", "check", *words], cwd=module, capture_output=True, text=True, check=False
    )
    noise = ("not checked: ", "Skipping BTF", "make[")
    said = (result.stdout + result.stderr).splitlines()
    assert [line for line in said if line.strip() and not line.startswith(noise)] == []
    assert result.returncode == 0


def test_proprietary_module_links_against_what_is_open_to_it(
    lab_cache: Cache, kernel: Callable[..., Kernel]
) -> None:
    """modpost refuses a GPL-only symbol; the kinds that remain use none."""
    answers = {"license": "LicenseRef-Proprietary", "fault_menu": "false", "kunit": "false"}
    allowed = ["hello", "chardev", "procfs", "kthread", "netdev"]
    trial = run_trial(
        [generate(lab_cache, kind=k, module_name=f"prop_{k}", **answers) for k in allowed],
        kernel("6.1"),
    )
    # P: proprietary, bit 0, is the taint that such a module brings.
    assert trial.problems == ["the kernel is tainted beyond O and E: 0x1"]
    assert trial.rounds == ROUNDS * len(allowed)


def test_kbuild_builds_several_objects_into_one_module(
    lab_cache: Cache, kernel: Callable[..., Kernel], tmp_path: Path
) -> None:
    module = tmp_path / "module"
    subprocess.run(["cp", "-r", str(generate(lab_cache)), str(module)], check=True)
    words = [f"KDIR={kernel('6.1').headers}", "CC=gcc"]
    subprocess.run(["make", "compile_commands.json", *words], cwd=module, check=True)
    commands = json.loads((module / "compile_commands.json").read_text())
    assert [Path(command["file"]).name for command in commands] == [
        "main.c", "fault_menu.c", "faults.c",
    ]  # fmt: skip
    assert [path.name for path in module.glob("*.ko")] == ["hello.ko"]
    assert """-DKBUILD_MODNAME='"hello"'""" in commands[0]["command"]


def test_signature(lab_cache: Cache, kernel: Callable[..., Kernel], tmp_path: Path) -> None:
    module = tmp_path / "module"
    subprocess.run(["cp", "-r", str(generate(lab_cache)), str(module)], check=True)
    words = [f"KDIR={kernel('6.1').headers}", "CC=gcc", "KEY=signing_key.priv"]
    subprocess.run(["make", "key"], cwd=module, check=True)
    subprocess.run(["make", "sign", *words], cwd=module, check=True)
    signed = (module / "hello.ko").read_bytes()
    assert signed.endswith(b"~Module signature appended~\n")
    assert (module / "signing_key.priv").stat().st_mode & 0o77 == 0
    again = subprocess.run(
        ["make", "-s", "sign", *words], cwd=module, capture_output=True, text=True, check=True
    )
    assert "hello.ko is signed already" in again.stdout
    assert (module / "hello.ko").read_bytes() == signed
