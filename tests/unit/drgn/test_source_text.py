# SPDX-License-Identifier: GPL-2.0-or-later
"""Source files are found where debug info and --source-dir say, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashext.errors import Unknown
from crashext.source_text import MAX_LINE, SourceFiles, candidates


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    file = tmp_path / "linux" / "kernel" / "sched" / "core.c"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"line {number}\n" for number in range(1, 11)))
    return tmp_path


def numbers(files: SourceFiles, name: str, line: int, context: int = 2) -> list[int]:
    return [entry.line for entry in files.lines(name, line, context)]


def test_a_relative_path_is_found_under_a_source_directory(tree: Path) -> None:
    files = SourceFiles([str(tree / "linux")])
    assert numbers(files, "kernel/sched/core.c", 5) == [3, 4, 5, 6, 7]


def test_a_build_path_is_found_with_fewer_leading_parts(tree: Path) -> None:
    files = SourceFiles([str(tree / "linux")])
    assert numbers(files, "/build/linux-6.1/kernel/sched/core.c", 5, 0) == [5]


def test_a_prefix_can_be_mapped(tree: Path) -> None:
    files = SourceFiles([f"/build/x={tree}/linux"])
    assert numbers(files, "/build/x/kernel/sched/core.c", 1, 1) == [1, 2]


def test_directories_added_later_count(tree: Path) -> None:
    directories: list[str] = []
    files = SourceFiles(directories)
    with pytest.raises(Unknown, match="--source-dir"):
        files.lines("kernel/sched/core.c", 5, 0)
    directories.append(str(tree / "linux"))
    assert numbers(files, "kernel/sched/core.c", 5, 0) == [5]


def test_a_line_past_the_end_says_that_the_source_may_be_another(tree: Path) -> None:
    files = SourceFiles([str(tree / "linux")])
    with pytest.raises(Unknown, match=r"core\.c has no line 11"):
        files.lines("kernel/sched/core.c", 11, 2)


def test_a_long_line_is_cut(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("x" * 5000)
    (line,) = SourceFiles([str(tmp_path)]).lines("a.c", 1, 0)
    assert len(line.text) == MAX_LINE


def test_beside_a_dump_only_the_bare_name_counts() -> None:
    assert list(candidates("drivers/net/a.c", [], ["/dump"])) == ["/dump/a.c"]


def test_the_order_of_candidates() -> None:
    found = list(candidates("/b/k/a.c", ["/b=/src", "/other"], ["/dump"]))
    assert found == [
        "/src/k/a.c",
        "/b/k/a.c",
        "/other/b/k/a.c",
        "/other/k/a.c",
        "/other/a.c",
        "/dump/a.c",
    ]
