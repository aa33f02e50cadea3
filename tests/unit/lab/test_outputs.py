# SPDX-License-Identifier: GPL-2.0-or-later
"""``-o OUT`` loses nothing of a person's: each test tries to hurt a bystander."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crashext.errors import CrashextError
from crashext.lab import build, outputs, run
from crashext.lab.kernels import Kernel
from crashext.lab.outputs import MARK, clear, keep_apart, output_folder


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A person's module, with its history."""
    path = tmp_path / "work" / "src"
    (path / ".git").mkdir(parents=True)
    (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (path / "Kbuild").write_text("obj-m := src.o\n")
    (path / "src.c").write_text("int x;\n")
    return path


def tree(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }


@pytest.mark.parametrize(
    ("out", "words"),
    [
        (".", "holds the module's folder"),  # of work: its "src" was removed by the build
        ("..", "holds the module's folder"),
        ("src", "is the module's own folder"),
        ("src/../src/.", "is the module's own folder"),
        ("src/crash", "lies in the module's folder"),
        ("src/../src/a/b/c", "lies in the module's folder"),
        ("linked", "is the module's own folder"),
        ("linked/crash", "lies in the module's folder"),
    ],
)
def test_a_module_is_not_run_into_itself(
    module: Path, monkeypatch: pytest.MonkeyPatch, out: str, words: str
) -> None:
    work = module.parent
    (work / "linked").symlink_to("src")
    before = tree(work)
    monkeypatch.chdir(work)
    request = run.Request(Path("src"), "any", Path(out))
    kernel = Kernel.__new__(Kernel)
    object.__setattr__(kernel, "arch", "amd64")
    with pytest.raises(CrashextError, match=words):
        run.run(request, kernel)
    assert tree(work) == before


def test_a_module_named_by_a_link_is_not_run_into_itself(module: Path) -> None:
    (module.parent / "linked").symlink_to("src")
    with pytest.raises(CrashextError, match="module's own folder"):
        keep_apart(module, module.parent / "linked")


def test_neighbours_with_a_common_beginning_are_apart(module: Path) -> None:
    keep_apart(module.parent / "src-crash", module)
    keep_apart(module.parent / "sr", module)


def test_a_folder_with_something_in_it_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_text("my own")
    before = tree(tmp_path)
    with pytest.raises(CrashextError, match=r"is not empty .*\(it has vmcore\): name a new"):
        made(tmp_path)
    assert tree(tmp_path) == before


def test_a_file_in_the_place_of_the_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("my own")
    with pytest.raises(CrashextError, match="is a file"):
        made(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "my own"


def made(out: Path) -> None:
    """A run's outputs: files, a folder, a link to something that is not the run's."""
    with output_folder(out):
        (out / "src").mkdir()
        (out / "src" / "a.c").write_text("int a;\n")
        (out / "vmlinux").symlink_to(out.parent / "vmlinux")


def test_a_second_run_takes_away_the_first_and_not_what_its_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_text("the cache's")
    made(tmp_path / "out")
    with output_folder(tmp_path / "out"):
        assert [path.name for path in (tmp_path / "out").iterdir()] == [MARK]
    assert (tmp_path / "vmlinux").read_text() == "the cache's"


@pytest.mark.parametrize("name", ["notes.txt", "src/b.c"])
def test_a_file_that_a_person_put_there_stops_the_next_run(tmp_path: Path, name: str) -> None:
    made(tmp_path / "out")
    (tmp_path / "out" / name).write_text("my own")
    before = tree(tmp_path)
    with pytest.raises(CrashextError, match=rf"did not make or that were changed since \({name}\)"):
        made(tmp_path / "out")
    with pytest.raises(CrashextError, match="did not make"):
        clear(tmp_path / "out")
    assert tree(tmp_path) == before


def test_a_file_that_a_person_changed_stops_the_next_run(tmp_path: Path) -> None:
    made(tmp_path / "out")
    (tmp_path / "out" / "src" / "a.c").write_text("int b;\n")
    with pytest.raises(CrashextError, match=r"src/a\.c"):
        made(tmp_path / "out")
    assert (tmp_path / "out" / "src" / "a.c").read_text() == "int b;\n"


def test_a_run_that_failed_can_be_repeated(tmp_path: Path) -> None:
    def hang() -> None:
        with output_folder(tmp_path / "out"):
            (tmp_path / "out" / "console.log").write_text("…")
            raise RuntimeError("the guest hangs")

    with pytest.raises(RuntimeError, match="the guest"):
        hang()
    made(tmp_path / "out")
    assert not (tmp_path / "out" / "console.log").exists()


def test_after_a_run_that_was_killed_nothing_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = (
        "import os, sys; from pathlib import Path; from crashext.lab.outputs import claim;"
        "out = Path(sys.argv[1]); claim(out); (out / 'vmcore').write_text('half');"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(out)], check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(CrashextError, match="vmcore"):
        made(out)
    assert (out / "vmcore").read_text() == "half"


def test_a_mark_that_is_damaged_or_a_stranger_s_removes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(out)
    for text in ("{", '{"files": 3}', '{"files": {"../work": "folder"}}'):
        (out / MARK).write_text(text)
        before = tree(tmp_path)
        with pytest.raises(CrashextError):
            made(out)
        assert tree(tmp_path) == before


def test_clear_removes_what_is_ours_only(tmp_path: Path) -> None:
    made(tmp_path / "out")
    clear(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis").write_text("my own")
    assert outputs.main(["clear", str(tmp_path / "home")]) == 1
    assert (tmp_path / "home" / "thesis").read_text() == "my own"


def test_a_build_replaces_no_directory(tmp_path: Path, module: Path) -> None:
    into = tmp_path / "into"
    into.mkdir()
    (into / "thesis").write_text("my own")
    kernel = Kernel.__new__(Kernel)
    object.__setattr__(kernel, "arch", "amd64")
    with pytest.raises(CrashextError, match="is there already"):
        build.build(module, kernel, into)
    assert (into / "thesis").read_text() == "my own"


def test_demo_and_make_clean_touch_no_folder_of_a_person(tmp_path: Path) -> None:
    """OUT=~ was "rm -rf ~", and OUT with a folder called dump lost it."""
    root = Path(__file__).parents[3]
    (tmp_path / "dump").mkdir()
    (tmp_path / "dump" / "thesis").write_text("my own")
    before = tree(tmp_path)
    demo = subprocess.run(
        ["bash", str(root / "scripts" / "demo.sh"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 1
    assert "is not empty and was not made by crashext" in demo.stderr
    recipe = subprocess.run(
        ["make", "-n", "-C", str(root), "clean", f"OUT={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MAKEFLAGS": ""},
    ).stdout
    removed = [line for line in recipe.splitlines() if line.startswith("rm ")]
    assert removed
    assert str(tmp_path) not in "".join(removed)
    assert f'crashext.lab.outputs clear "{tmp_path}"' in recipe
    assert tree(tmp_path) == before
