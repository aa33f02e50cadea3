# SPDX-License-Identifier: GPL-2.0-or-later
"""What the template makes of every kind and switch, without a kernel."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import lkm_answers  # type: ignore[import-not-found,unused-ignore]
import pytest
from cookiecutter.exceptions import FailedHookException  # type: ignore[import-untyped]
from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]

from crashext.engine.kinds import KINDS
from tests.unit.template.conftest import TEMPLATE, Generate

MODULE_KINDS = json.loads((TEMPLATE / "cookiecutter.json").read_text())["kind"]
ALWAYS = {
    ".clang-format", ".editorconfig", ".gitignore", "Kbuild", "Makefile", "README.md", "core.h",
    "install.sh", "main.c", "uninstall.sh",
}  # fmt: skip
BY_SWITCH = {
    "fault_menu": {
        ".checkpatch.conf", "fault.sh", "fault_menu.c", "faults.c", "faults.h", "faults.json",
    },
    "dkms": {"dkms.conf"},
    "kunit": {"test.c", "kunit_lite.h"},
}  # fmt: skip
BY_CI = {"none": set(), "github": {".github/workflows/build.yml"}, "gitlab": {".gitlab-ci.yml"}}

#: The faults that a course on crashes cannot do without.
WANTED = {
    "null-write-unload", "null-write", "null-read", "null-call", "struct-member-of-null",
    "err-ptr", "non-canonical", "use-after-free", "double-free", "out-of-bounds",
    "write-to-rodata", "exec-data", "user-pointer", "stack-overflow", "stack-smash",
    "divide-by-zero", "bug", "warn", "list-corruption", "usercopy", "fortify", "refcount",
    "atomic-sleep", "soft-lockup", "hard-lockup", "rcu-stall", "hung-task",
    "spinlock-recursion", "null-timer", "null-work", "null-kthread", "oom", "panic",
    "sysrq",
}  # fmt: skip


def files(directory: Path) -> set[str]:
    return {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}


def faults(directory: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((directory / "faults.json").read_text())
    return found


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("kind", MODULE_KINDS)
def test_every_kind_with_every_switch_has_its_files(
    generate: Generate, kind: str, number: int
) -> None:
    switches = {name: bool(number >> bit & 1) for bit, name in enumerate(BY_SWITCH)}
    wanted = set(ALWAYS).union(*(BY_SWITCH[name] for name, on in switches.items() if on))
    assert files(generate(kind=kind, **switches)) == wanted


@pytest.mark.parametrize("ci", BY_CI)
def test_ci(generate: Generate, ci: str) -> None:
    made = files(generate(ci=ci))
    assert made & set().union(*BY_CI.values()) == BY_CI[ci]


@pytest.mark.parametrize("kind", MODULE_KINDS)
def test_kind_without_switches_has_no_trace_of_them(generate: Generate, kind: str) -> None:
    made = generate(kind=kind, fault_menu=False, dkms=False, kunit=False, signing=False)
    text = "\n".join((made / name).read_text() for name in sorted(files(made)))
    assert re.findall(r"(?i)fault_menu|fault\.sh|faults\.|dkms\.conf|kunit|make key", text) == []


@pytest.mark.parametrize("kind", MODULE_KINDS)
def test_nothing_is_left_unrendered(generate: Generate, kind: str) -> None:
    made = generate(kind=kind, ci="gitlab")
    left = [n for n in files(made) if re.search(r"cookiecutter\.|\{%|\{\{", (made / n).read_text())]
    assert left == []


def test_github_keeps_its_own_braces(generate: Generate) -> None:
    workflow = (generate(ci="github") / ".github/workflows/build.yml").read_text()
    assert "container: debian:${{ matrix.release }}\n" in workflow


@pytest.mark.parametrize("kind", MODULE_KINDS)
def test_every_source_names_its_licence(generate: Generate, kind: str) -> None:
    made = generate(kind=kind, license="GPL-2.0-or-later", ci="github")
    without = [
        name
        for name in files(made)
        if name not in ("README.md", "faults.json", ".gitignore", ".checkpatch.conf")
        and "SPDX-License-Identifier: GPL-2.0-or-later"
        not in "".join((made / name).read_text().splitlines(keepends=True)[:2])
    ]
    assert without == []


@pytest.mark.parametrize(
    ("license", "string"),
    [
        ("GPL-2.0-only", "GPL"),
        ("GPL-2.0-or-later", "GPL"),
        ("GPL-2.0-only OR BSD-2-Clause", "Dual BSD/GPL"),
        ("GPL-2.0-only OR MIT", "Dual MIT/GPL"),
        ("GPL-2.0-only OR MPL-1.1", "Dual MPL/GPL"),
    ],
)
def test_module_license(generate: Generate, license: str, string: str) -> None:
    assert f'MODULE_LICENSE("{string}");' in (generate(license=license) / "main.c").read_text()


def test_quotes_in_the_title_stay_inside_the_c_string(generate: Generate) -> None:
    main = (generate(title='Says "hi" \\o/') / "main.c").read_text()
    assert 'MODULE_DESCRIPTION("Says \\"hi\\" \\\\o/");' in main


@pytest.mark.parametrize("kind", MODULE_KINDS)
def test_every_kind_has_a_title_of_its_own(generate: Generate, kind: str) -> None:
    title = lkm_answers.TITLES[kind]
    assert f'MODULE_DESCRIPTION("{title}");' in (generate(kind=kind) / "main.c").read_text()


def test_seed_module(generate: Generate) -> None:
    main = (generate(module_name="hello_2") / "main.c").read_text()
    assert "\t\t*p = 1; /* FAULT: null-write-unload */\n" in main
    assert "module_exit(hello_2_exit);" in main


def test_interface_name_has_room_for_a_number(generate: Generate) -> None:
    main = (generate(kind="netdev", module_name="a_very_long_name") / "main.c").read_text()
    assert '#define LKM_INTERFACE "a_very_long_%d"' in main


# --- the fault menu -------------------------------------------------------------------------


def test_menu_and_json_name_the_same_faults_with_the_same_sentences(generate: Generate) -> None:
    made = generate()
    table = re.findall(r'\{ "([a-z-]+)",\s+"([^"]+)"', (made / "faults.c").read_text())
    assert [(fault["name"], fault["sentence"]) for fault in faults(made)] == table


def test_every_fault_is_marked_once_in_the_function_to_blame(generate: Generate) -> None:
    made = generate()
    marked: dict[str, list[str]] = {}
    for path in made.glob("*.c"):
        function = ""
        for line in path.read_text().splitlines():
            start = re.match(r"^(?:\w+ )+\*?(\w+)\(", line)
            function = start[1] if start else function
            for name in re.findall(r"/\* FAULT: ([a-z-]+) \*/", line):
                marked.setdefault(name, []).append(function)
    assert marked == {fault["name"]: [fault["function"]] for fault in faults(made)}


def test_faults_of_the_issue_are_all_there(generate: Generate) -> None:
    assert WANTED - {fault["name"] for fault in faults(generate())} == set()


def test_faults_json_speaks_the_words_of_the_contract(generate: Generate) -> None:
    allowed: dict[str, set[Any]] = {
        "kind": set(KINDS),
        "access": {"read", "write", "execute", None},
        "context": {"process", "softirq", "hardirq", "work", "kthread"},
        "trigger": {"write", "unload"},
        "ends": {"panic", "report", "hang"},
    }
    strange = [
        (fault["name"], key, fault[key])
        for fault in faults(generate())
        for key, words in allowed.items()
        if fault[key] not in words
    ]
    assert strange == []


def test_setup_of_a_fault_is_words_and_settings(generate: Generate) -> None:
    setups = {fault["name"]: fault["setup"] for fault in faults(generate())}
    assert setups["rcu-stall"] == {
        "boot": ["rcupdate.rcu_cpu_stall_timeout=5"],
        "sysctl": {"kernel.panic_on_rcu_stall": "1"},
    }
    assert all(set(setup) == {"boot", "sysctl"} for setup in setups.values())


def test_every_fault_function_stays_a_function(generate: Generate) -> None:
    source = (generate() / "faults.c").read_text()
    inlinable = re.findall(r"^static (?!noinline)[\w ]*\*?(fault_\w+)\(", source, re.MULTILINE)
    assert inlinable == []


# --- the shell ------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not here")
@pytest.mark.parametrize("dkms", [True, False])
@pytest.mark.parametrize("signing", [True, False])
def test_scripts_pass_shellcheck(generate: Generate, dkms: bool, signing: bool) -> None:
    scripts = sorted(generate(dkms=dkms, signing=signing).glob("*.sh"))
    result = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert result.stdout == ""


def test_scripts_can_be_run(generate: Generate) -> None:
    modes = {path.name: path.stat().st_mode & 0o111 for path in generate().glob("*.sh")}
    assert modes == {"fault.sh": 0o111, "install.sh": 0o111, "uninstall.sh": 0o111}


def test_make_help_lists_every_target(generate: Generate) -> None:
    result = subprocess.run(
        ["make", "-s", "help"], cwd=generate(), capture_output=True, text=True, check=True
    )
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == [
        "modules", "clean", "install", "uninstall", "sign", "key", "compile_commands.json", "check",
        "format", "vm", "vm-test", "help",
    ]  # fmt: skip


def test_ksrc_is_another_name_for_kdir(generate: Generate) -> None:
    result = subprocess.run(
        ["make", "-n", "KSRC=/somewhere", "all"],
        cwd=generate(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "-C /somewhere M=" in result.stdout


def test_make_vm_without_crashext_says_where_it_is_explained(generate: Generate) -> None:
    result = subprocess.run(
        ["make", "-s", "vm", "CRASHEXT=no-such-program"],
        cwd=generate(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode != 0
    assert result.stderr.splitlines()[0] == (
        "no-such-program is not here: see 'The virtual machine' in README.md"
    )


# --- the command line -----------------------------------------------------------------------


def run_cookiecutter(out: Path, *answers: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "--default-config",
         "-o", str(out), *answers],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_bad_answer_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    result = run_cookiecutter(tmp_path, "module_name=my-module")
    assert result.returncode == 1
    assert result.stdout + result.stderr == (
        "module_name 'my-module' is no C identifier (perhaps my_module?)\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_bad_answer_through_the_api(tmp_path: Path) -> None:
    with pytest.raises(FailedHookException, match=r"^title is empty$"):
        cookiecutter(
            str(TEMPLATE), no_input=True, default_config=True, output_dir=str(tmp_path),
            extra_context={"title": ""},
        )  # fmt: skip


def test_whole_repository_is_a_template_too(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cookiecutter", str(TEMPLATE.parent), "--no-input",
         "--default-config", "-o", str(tmp_path), "module_name=from_the_root"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    assert (tmp_path / "from_the_root" / "Kbuild").is_file()


def test_questions_are_readable() -> None:
    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text())
    asked = [key for key in questions if not key.startswith("_")]
    assert sorted(questions["__prompts__"]) == sorted(asked)


@pytest.mark.parametrize("key", ["license", "kind", "ci"])
def test_every_choice_is_explained(key: str) -> None:
    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text())
    assert list(questions["__prompts__"][key]) == ["__prompt__", *questions[key]]
