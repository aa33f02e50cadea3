# SPDX-License-Identifier: GPL-2.0-or-later
"""The accuracy table: kept as JSON, shown as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

from crashext.lab.compare import Cell

#: The kernels' and formats' order in the table; others follow.
_ORDER = ("5.10", "6.1", "6.12", "newest", "kdump", "kdump-real", "elf")


@dataclass(frozen=True)
class Answer:
    """What one door said about one crash, compared. ``key``: kernel|dump|fault|door."""

    key: str
    cells: dict[str, Cell] = field(default_factory=dict)
    error: Optional[str] = None  # the door gave no answer

    @property
    def parts(self) -> tuple[str, str, str, str]:
        kernel, dump, fault, door = self.key.split("|")
        return kernel, dump, fault, door

    @property
    def right(self) -> int:
        return sum(cell.right for cell in self.cells.values())

    @property
    def perfect(self) -> bool:
        return self.error is None and self.right == len(self.cells)

    def wrong(self) -> dict[str, Cell]:
        return {name: cell for name, cell in self.cells.items() if not cell.right}

    def line(self) -> str:
        """For the progress: the key and the verdict."""
        if self.error is not None:
            return f"{self.key}: no answer: {self.error}"
        wrong = "; ".join(f"{name} is {cell.expected}, not {cell.got}"
                          for name, cell in self.wrong().items())  # fmt: skip
        return f"{self.key}: {self.right}/{len(self.cells)}" + (f"  {wrong}" if wrong else "")

    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = {
            "key": self.key,
            "right": [name for name, cell in self.cells.items() if cell.right],
            "wrong": {name: asdict(cell) for name, cell in self.wrong().items()},
        }
        if self.error is not None:
            value["error"] = self.error
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Answer:
        cells = {name: Cell(True, "", "") for name in value["right"]}
        cells.update({name: Cell(**cell) for name, cell in value["wrong"].items()})
        return cls(value["key"], cells, value.get("error"))


@dataclass
class Table:
    """All answers, with what they were made with."""

    answers: dict[str, Answer]
    versions: dict[str, str]
    date: str

    @classmethod
    def read(cls, path: Path) -> Table:
        """A table that was written before; an empty one where there is none."""
        try:
            value = json.loads(path.read_text())
        except FileNotFoundError:
            return cls({}, {}, "")
        answers = [Answer.from_json(entry) for entry in value["answers"]]
        return cls({answer.key: answer for answer in answers}, value["versions"], value["date"])

    def write(self, path: Path) -> None:
        value = {
            "date": self.date,
            "versions": dict(sorted(self.versions.items())),
            "answers": [answer.json() for answer in self.sorted()],
        }
        path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def sorted(self) -> list[Answer]:
        def rank(word: str) -> tuple[int, str]:
            return (_ORDER.index(word) if word in _ORDER else len(_ORDER), word)

        return sorted(self.answers.values(), key=lambda a: tuple(rank(part) for part in a.parts))

    def regressions(self, now: Table) -> list[str]:
        """What was right here and is wrong in ``now``; only what both have asked."""
        lines = []
        for key, answer in now.answers.items():
            old = self.answers.get(key)
            if old is None:
                continue
            for name, cell in old.cells.items():
                if not cell.right:
                    continue
                if answer.error is not None:
                    lines.append(f"{key} {name}: {answer.error}")
                elif name in answer.cells and not answer.cells[name].right:
                    lines.append(f"{key} {name}: {answer.cells[name].got}")
        return lines

    def updated(self, now: Table, keep: set[str]) -> Table:
        """This table with the answers of ``now``; keys that are in no matrix any more go."""
        merged = {key: answer for key, answer in self.answers.items() if key in keep}
        return Table({**merged, **now.answers}, dict(self.versions), self.date)

    def groups(self) -> dict[tuple[str, str], dict[str, list[Answer]]]:
        """(kernel, dump) -> door -> answers, in the order of the table."""
        found: dict[tuple[str, str], dict[str, list[Answer]]] = {}
        for answer in self.sorted():
            kernel, dump, _, door = answer.parts
            found.setdefault((kernel, dump), {}).setdefault(door, []).append(answer)
        return found

    def door_name(self, door: str) -> str:
        """``drgn`` and ``crash:sid`` with their versions, as far as they are known."""
        version = self.versions.get(door, "").split("+")[0].split("-")[0]
        return f"{door.split(':')[0]} {version}".strip()

    def summary(self) -> list[str]:
        """A line for each kernel, format and door."""
        return [
            f"{kernel:7} {dump:10} {self.door_name(door):12} {score(answers)}"
            for (kernel, dump), by_door in self.groups().items()
            for door, answers in sorted(by_door.items(), key=lambda item: _door_rank(item[0]))
        ]


def score(answers: Iterable[Answer]) -> str:
    """``388/390 (99.5 %), 45 of 46 faults``; a door without an answer counts as a fault lost."""
    answers = list(answers)
    right = sum(answer.right for answer in answers)
    total = sum(len(answer.cells) for answer in answers)
    perfect = sum(answer.perfect for answer in answers)
    if not total:
        percent = "no answer"
    elif right == total:
        percent = "100 %"
    else:
        percent = f"{1000 * right // total / 10} %"  # rounded down: only all is 100 %
    return f"{right}/{total} ({percent}), {perfect} of {len(answers)} faults"


def _text(value: str) -> str:
    """A value inside a Markdown table."""
    return value.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")[:160]


def markdown(
    table: Table, unknowable: Mapping[str, tuple[Iterable[str], str]], not_shown: Mapping[str, str]
) -> str:
    """The whole document."""
    lines = [
        "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->",
        "<!-- generated by python -m crashext.lab.accuracy; do not edit -->",
        "# How often is the explanation right?",
        "",
        f"Made {table.date} with real crashes: every fault of the template's menu happens in a "
        "Debian kernel in QEMU, every door explains the dump, and each field is compared with the "
        "truth that the module carries in `faults.json` and in its sources. A field counts where "
        "the door can know it: a bare log has no line numbers and no variables.",
        "",
        "`kdump` is the dump of all memory filtered by `makedumpfile -l -d 31`; `kdump-real` the "
        "same by a capture kernel inside the guest; `elf` all memory.",
        "",
    ]
    groups = table.groups()
    lines += _overview(table, groups)
    lines += _made_with(table)
    lines += _wrong(table)
    lines += _faults(table, groups)
    lines += ["", "## What is not asked", ""]
    for fault, (fields, why) in unknowable.items():
        lines.append(f"* `{fault}`: {', '.join(sorted(fields))}: {why}.")
    lines += [f"* `{fault}` is not in the matrix: {why}." for fault, why in not_shown.items()]
    return "\n".join(lines) + "\n"


_Groups = Mapping[tuple[str, str], Mapping[str, "list[Answer]"]]


def _overview(table: Table, groups: _Groups) -> list[str]:
    doors = sorted({door for by_door in groups.values() for door in by_door}, key=_door_rank)
    lines = ["| kernel | dump | " + " | ".join(table.door_name(door) for door in doors) + " |"]
    lines.append("|---|---|" + "---|" * len(doors))
    for (kernel, dump), by_door in groups.items():
        cells = [score(by_door[door]) if door in by_door else "" for door in doors]
        lines.append(f"| {kernel} | {dump} | " + " | ".join(cells) + " |")
    return lines


def _door_rank(door: str) -> tuple[int, str]:
    ranks = {"log": 0, "drgn": 1, "crash:sid": 2, "crash:trixie": 3, "crash:bookworm": 4}
    return (ranks.get(door, len(ranks)), door)


def _made_with(table: Table) -> list[str]:
    lines = ["", "## Made with", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_text(value)} |" for name, value in sorted(table.versions.items())]
    return lines


def _wrong(table: Table) -> list[str]:
    rows = []
    for answer in table.sorted():
        kernel, dump, fault, door = answer.parts
        head = f"| {kernel} | {dump} | {fault} | {table.door_name(door)} |"
        if answer.error is not None:
            rows.append(f"{head} (all) | | {_text(answer.error)} |")
        rows += [
            f"{head} {name} | {_text(cell.expected)} | {_text(cell.got)} |"
            for name, cell in answer.wrong().items()
        ]
    if not rows:
        return ["", "## Wrong", "", "Nothing."]
    head = "| kernel | dump | fault | door | field | truth | said |"
    return ["", "## Wrong", "", head, "|---|---|---|---|---|---|---|", *rows]


def _faults(table: Table, groups: _Groups) -> list[str]:
    """Fault by fault: right fields of those that the door can know, in the servers' format."""
    lines = ["", "## Fault by fault", "", "Right fields of those the door can know (kdump)."]
    columns = [
        (kernel, door) for (kernel, dump), by_door in groups.items() if dump == "kdump"
        for door in sorted(by_door, key=_door_rank) if door in ("log", "drgn", "crash:sid")
    ]  # fmt: skip
    if not columns:
        return []
    lines += ["", "| fault | " + " | ".join(f"{k} {table.door_name(d)}" for k, d in columns) + " |"]
    lines.append("|---|" + "---|" * len(columns))
    faults = dict.fromkeys(answer.parts[2] for answer in table.sorted())
    for fault in faults:
        cells = []
        for kernel, door in columns:
            answer = table.answers.get(f"{kernel}|kdump|{fault}|{door}")
            cells.append("" if answer is None else _mark(answer))
        if any(cells):
            lines.append(f"| {fault} | " + " | ".join(cells) + " |")
    return lines


def _mark(answer: Answer) -> str:
    if answer.error is not None:
        return "no answer"
    text = f"{answer.right}/{len(answer.cells)}"
    return text if answer.perfect else f"**{text}**"
