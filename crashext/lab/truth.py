# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known about a fault before it happens: the truth that explanations are measured by.

A module says it in two places: ``faults.json`` beside its sources (name, kind, access, function,
variable, member, context, trigger, setup, ends), and a comment ``/* FAULT: name */`` on the line
that is wrong.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

from crashext.errors import CrashextError

MENU = "faults.json"
#: How a fault is set off: by writing its name to the debugfs file, or by unloading the module.
TRIGGERS = ("write", "unload")
#: How it ends: in a panic, in a report after which the kernel goes on, or in silence.
ENDS = ("panic", "report", "hang")


@dataclass(frozen=True)
class Fault:
    """One entry of a module's menu. Keys that ``faults.json`` lacks have the defaults below."""

    name: str
    sentence: str = ""
    kind: Optional[str] = None
    access: Optional[str] = None
    function: Optional[str] = None
    variable: Optional[str] = None
    member: Optional[str] = None
    context: Optional[str] = None
    trigger: str = "write"
    boot: tuple[str, ...] = ()
    sysctl: dict[str, str] = field(default_factory=dict)
    ends: str = "panic"
    note: str = ""


@dataclass(frozen=True)
class Truth:
    """The content of ``truth.json``. ``file`` is relative to the module's directory."""

    fault: str
    kind: Optional[str]
    access: Optional[str]
    function: Optional[str]
    file: Optional[str]
    line: Optional[int]
    variable: Optional[str]
    member: Optional[str]
    module: str
    context: Optional[str]
    ends: str
    note: str
    kernel: str
    dump: str

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def parse_menu(text: str) -> dict[str, Fault]:
    """The faults of a ``faults.json``, by name.

    Raises ValueError for JSON that is no list of faults, or a trigger or end of unknown name.
    """
    entries = json.loads(text)
    if isinstance(entries, dict):
        entries = entries.get("faults")
    if not isinstance(entries, list):
        raise ValueError("is no list of faults")
    menu = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ValueError("has an entry without a name")
        fault = _fault(entry)
        if fault.trigger not in TRIGGERS or fault.ends not in ENDS:
            raise ValueError(f"fault {fault.name}: unknown trigger or end")
        menu[fault.name] = fault
    return menu


def _fault(entry: dict[str, Any]) -> Fault:
    setup = entry.get("setup") or {}
    known = ("sentence", "kind", "access", "function", "variable", "member", "context",
             "trigger", "ends", "note")  # fmt: skip
    given = {key: entry[key] for key in known if entry.get(key) is not None}
    return Fault(
        name=entry["name"],
        boot=tuple(setup.get("boot") or ()),
        sysctl={key: str(value) for key, value in (setup.get("sysctl") or {}).items()},
        **given,
    )


def menu_of(directory: Path) -> dict[str, Fault]:
    """The menu of a module's directory; empty where it has no ``faults.json``."""
    path = directory / MENU
    if not path.is_file():
        return {}
    try:
        return parse_menu(path.read_text())
    except ValueError as error:
        raise CrashextError(f"{path} cannot be used: {error}") from error


_MARKER = re.compile(r"/\*\s*FAULT:\s*([A-Za-z0-9_-]+)\s*\*/|//\s*FAULT:\s*([A-Za-z0-9_-]+)\s*$")


def markers(text: str) -> dict[str, int]:
    """Fault name -> 1-based number of the line that carries its marker comment."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _MARKER.search(line)
        if match:
            found.setdefault(match[1] or match[2], number)
    return found


def place(directory: Path, fault: str) -> tuple[Optional[str], Optional[int]]:
    """File (relative) and line of a fault's marker, or two Nones."""
    for path in sorted(directory.rglob("*.[ch]")):
        line = markers(path.read_text(errors="replace")).get(fault)
        if line is not None:
            return str(path.relative_to(directory)), line
    return None, None


def truth_of(directory: Path, fault: Fault, module: str, kernel: str, dump: str) -> Truth:
    """What is true of a crash by ``fault`` of the module whose sources lie in ``directory``."""
    file, line = place(directory, fault.name)
    return Truth(
        fault=fault.name,
        kind=fault.kind,
        access=fault.access,
        function=fault.function,
        file=file,
        line=line,
        variable=fault.variable,
        member=fault.member,
        module=module,
        context=fault.context,
        ends=fault.ends,
        note=fault.note,
        kernel=kernel,
        dump=dump,
    )
