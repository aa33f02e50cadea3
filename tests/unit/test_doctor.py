# SPDX-License-Identifier: GPL-2.0-or-later
"""What doctor reads and how it judges; the probes themselves run on real dumps in tests/lab."""

from __future__ import annotations

import pytest

from crashext import doctor


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("\ncrash 8.0.2\nCopyright (C) 2002-2022  Red Hat, Inc.\n", (8, 0, 2)),
        ("crash 9.0.2++\nCopyright\n", (9, 0, 2)),
        ("crash 7.2.9\n", (7, 2, 9)),
        ("bash: crash: command not found\n", None),
    ],
)
def test_parse_crash_version(text: str, version: object) -> None:
    assert doctor.parse_crash_version(text) == version


def test_without_a_dump_the_tools_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.main(["--crash", "/no/such/crash"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:2]] == ["Python", "drgn"]
    assert lines[2:] == [
        "note no /no/such/crash here; drgn alone does",
        "     → apt install crash",
    ]


def test_a_dump_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["/no/such/vmcore"]) == 1
    assert "BAD  /no/such/vmcore: no such file" in capsys.readouterr().out.splitlines()
