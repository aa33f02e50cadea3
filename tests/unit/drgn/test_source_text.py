# SPDX-License-Identifier: GPL-2.0-or-later
"""Source files are found where debug info and --source-dir say, and nowhere else."""

from __future__ import annotations

import os
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
    assert list(candidates("drivers/net/a.c", [], ["/dump"])) == [("/dump", "/dump/a.c")]


def test_the_order_of_candidates() -> None:
    found = list(candidates("/b/k/a.c", ["/b=/src", "/other"], ["/dump"], ["/b"]))
    assert found == [
        ("/src", "/src/k/a.c"),
        ("/b", "/b/k/a.c"),
        ("/other", "/other/b/k/a.c"),
        ("/other", "/other/k/a.c"),
        ("/other", "/other/a.c"),
        ("/b", "/b/b/k/a.c"),
        ("/b", "/b/k/a.c"),
        ("/b", "/b/a.c"),
        ("/dump", "/dump/a.c"),
    ]


# What a stranger's debug info can name


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that the user can read and did not name."""
    file = tmp_path / "home" / "secret.c"
    file.parent.mkdir()
    file.write_text("the password\n")
    return file


def test_an_absolute_name_is_not_read_where_nobody_named_its_folder(secret: Path) -> None:
    with pytest.raises(Unknown, match="--source-dir"):
        SourceFiles([]).lines(str(secret), 1, 0)


def test_dots_do_not_lead_out_of_a_named_folder(tree: Path, secret: Path) -> None:
    up = "../home/secret.c"
    for name in (up, f"{tree}/linux/{up}", f"kernel/../{up}"):
        with pytest.raises(Unknown, match="no source file"):
            SourceFiles([str(tree / "linux")]).lines(name, 1, 0)


def test_a_file_below_a_folder_of_s_is_read_at_its_own_path(tree: Path) -> None:
    file = tree / "linux" / "kernel" / "sched" / "core.c"
    (entry,) = SourceFiles([]).lines(str(file), 4, 0, named=[str(tree / "linux")])
    assert entry.text == "line 4"


@pytest.mark.parametrize("name", ["/etc/shadow", "/proc/self/maps", "/proc/kmsg", "passwd"])
def test_what_is_not_called_like_a_source_file_is_not_read(name: str) -> None:
    with pytest.raises(Unknown, match="name of a source file"):
        SourceFiles(["/"]).lines(name, 1, 0, ["/etc"], ["/"])


def test_a_link_beside_the_dump_does_not_lead_out(tmp_path: Path, secret: Path) -> None:
    dump = tmp_path / "dump"
    dump.mkdir()
    (dump / "main.c").symlink_to(secret)
    with pytest.raises(Unknown, match="does not lie below"):
        SourceFiles([]).lines("main.c", 1, 0, [str(dump)])


def test_a_link_to_what_is_no_source_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the password\n")
    (tmp_path / "main.c").symlink_to("token")
    with pytest.raises(Unknown, match="link to what is no source file"):
        SourceFiles([str(tmp_path)]).lines("main.c", 1, 0)


def test_a_linked_folder_that_the_user_named_counts(tree: Path) -> None:
    (tree / "src").symlink_to("linux")
    (entry,) = SourceFiles([str(tree / "src")]).lines("kernel/sched/core.c", 5, 0)
    assert entry.text == "line 5"


def test_a_pipe_with_the_name_of_a_source_file_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "main.c")
    with pytest.raises(Unknown, match="is a pipe"):
        SourceFiles([]).lines("main.c", 1, 0, [str(tmp_path)])


def test_a_huge_file_of_one_line_costs_no_memory(tmp_path: Path) -> None:
    with open(tmp_path / "main.c", "wb") as file:
        file.truncate(20 << 30)
    with pytest.raises(Unknown, match="too long for a source file"):
        SourceFiles([str(tmp_path)]).lines("main.c", 1, 0)


def test_lines_after_a_very_long_one_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_bytes(b"x" * 1_000_000 + b"\r\nsecond\nthird")
    found = SourceFiles([str(tmp_path)]).lines("a.c", 2, 1)
    assert [(entry.line, len(entry.text)) for entry in found] == [(1, MAX_LINE), (2, 6), (3, 5)]
