#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the tree to the house that docs/design.md draws. Fails on

(a) an import from a lower room to a higher one (:data:`ROOMS`, the lowest first);
(b) a circle of imports between modules. An import under ``TYPE_CHECKING`` counts as any other: who
    must know another's type knows the other. An import inside of a function counts too;
(c) a word for a kind of crash as a bare string outside of crashext/engine/kinds;
(d) the name of a register as a bare string outside of crashext/engine/arch and crashext/native.

Docstrings do not count, nor do tests. The ``…_YET`` tables list what is still to be mended, each
with how many there are now: a number may only shrink, and an entry that is no longer needed fails.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

#: The packages that are looked at.
PACKAGES = ("crashext", "drgn_scripts", "pykdump")

#: (name, prefixes of modules), the lowest first. A module belongs to the room with its longest
#: prefix. It may import from its own room and from those before it.
ROOMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("words", ("crashext.errors", "crashext.engine", "crashext.engine.words",
               "crashext.engine.escape", "crashext.engine.lazy",
               "crashext.engine.errno", "crashext.engine.exitcode",
               "crashext.engine.template", "crashext.engine.elf",
               "crashext.engine.arch.names", "crashext.engine.arch.addresses")),
    ("kinds", ("crashext.engine.kinds",)),
    ("model", ("crashext.engine.model", "crashext.engine.report")),
    ("arch", ("crashext.engine.arch",)),
    ("values", ("crashext.engine.values",)),
    ("forms", ("crashext.engine.forms",)),
    ("blame", ("crashext.engine.blame",)),
    ("decide", ("crashext.engine.decide",)),
    ("cause", ("crashext.engine.cause",)),
    ("log", ("crashext.engine.log",)),
    ("facts", ("crashext.engine.codes", "crashext.engine.taint", "crashext.engine.modules",
               "crashext.engine.integrity", "crashext.engine.memory", "crashext.engine.waits",
               "crashext.engine.mce", "crashext.engine.pages",
               "crashext.engine.patching", "crashext.engine.relocate",
               "crashext.engine.linetable")),
    ("files", ("crashext.files", "crashext.packed", "crashext.source_text",
               "crashext.debugfiles", "crashext.dumpformat")),
    ("question", ("crashext.targets.base",)),
    ("verdict", ("crashext.engine.case", "crashext.engine.queues",
                 "crashext.engine.stuck", "crashext.engine.reading", "crashext.engine.fault",
                 "crashext.engine.hardware",
                 "crashext.engine.place",
                 "crashext.engine.setting", "crashext.engine.title", "crashext.engine.story",
                 "crashext.engine.advice", "crashext.engine.particulars",
                 "crashext.engine.verdict", "crashext.engine.checks")),
    ("kernel", ("crashext.kernel",)),
    ("pykdump", ("crashext.pykdump",)),
    ("targets", ("crashext.targets",)),
    ("opening", ("crashext.opening",)),
    ("interface", ("crashext", "crashext.api")),
    ("view", ("crashext.view",)),
    ("render", ("crashext.render", "crashext.terminal")),
    ("commands", ("crashext.commands",)),
    ("doors", ("crashext.doors", "crashext.cli", "crashext.__main__", "crashext.build",
               "crashext.doctor", "crashext.pykdump.programs", "drgn_scripts", "pykdump")),
    ("lab", ("crashext.lab",)),
)  # fmt: skip

#: Imports upwards that are still to be mended: (from, to).
UPWARDS_YET: frozenset[tuple[str, str]] = frozenset()

#: Modules that still import each other in a circle.
CIRCLES_YET: tuple[frozenset[str], ...] = ()

#: file → how many bare kind words it may still have.
KIND_WORDS_YET: dict[str, int] = {}

#: Strings that are spelled like a kind and mean something else: (file, word) → what.
NO_KINDS: dict[tuple[str, str], str] = {
    ("crashext/commands/mods.py", "refcount"): "a key of the JSON contract",
    ("crashext/commands/oops.py", "unknown"): "a key of the JSON contract",
    ("crashext/commands/rip.py", "unknown"): "a key of the JSON contract",
    ("crashext/dumpformat.py", "unknown"): "a format of dumps",
    ("crashext/engine/arch/x86/insn.py", "bug"): "what an instruction is",
    ("crashext/engine/arch/x86/operand.py", "bug"): "what an instruction is",
    ("crashext/engine/arch/x86/origin.py", "unknown"): "where a value came from",
    ("crashext/engine/blame/choose.py", "panic"): "a function",
    ("crashext/engine/fault.py", "bug"): "what an instruction is",
    ("crashext/engine/log/builder.py", "kasan"): "the source of an address",
    ("crashext/engine/log/builder.py", "panic"): "the name of a stack",
    ("crashext/engine/taint.py", "unknown"): "the name of a taint",
    ("crashext/kernel/modules/facts.py", "unknown"): "a parameter without operations",
    ("crashext/lab/accuracy.py", "hard-lockup"): "a fault of the menu",
    ("crashext/lab/accuracy.py", "hung-task"): "a fault of the menu",
    ("crashext/lab/accuracy.py", "stack-overflow"): "a fault of the menu",
    ("crashext/lab/accuracy.py", "use-after-free"): "a fault of the menu",
    ("crashext/lab/compare.py", "init-killed"): "a fault of the menu",
    ("crashext/lab/compare.py", "stack-overflow"): "a fault of the menu",
    ("crashext/lab/compare.py", "stack-smash"): "a fault of the menu",
    ("crashext/lab/run.py", "panic"): "how a fault ends",
    ("crashext/lab/truth.py", "panic"): "how a fault ends",
    ("crashext/opening.py", "unknown"): "a format of dumps",
    ("crashext/pykdump/API.py", "refcount"): "a member of a struct",
    ("crashext/targets/crash/path.py", "panic"): "a function",
    ("crashext/targets/crash/target.py", "unknown"): "a machine",
    ("crashext/targets/drgn/owner.py", "non-canonical"): "what an address is",
    ("crashext/targets/drgn/places.py", "non-canonical"): "what an address is",
    ("crashext/targets/drgn/stack.py", "panic"): "a function",
    ("crashext/targets/drgn/target.py", "panic"): "a function",
    ("crashext/engine/report.py", "unknown"): "a symbol without a name",
    ("crashext/engine/forms/session.py", "panic"): "the function",
    ("crashext/engine/arch/addresses.py", "non-canonical"): "a region of the address map",
    ("crashext/view/explain.py", "unknown"): "the label of what could not be told",
    ("crashext/view/mods.py", "unknown"): "the label of what could not be told",
}

#: file → how many bare register names it may still have.
REGISTERS_YET: dict[str, int] = {}

#: Strings that are spelled like a register and mean something else: (file, word) → what.
NO_REGISTERS: dict[tuple[str, str], str] = {
    ("crashext/commands/table.py", "rip"): "the command",
    ("crashext/commands/rip.py", "rip"): "the command, and its key of the JSON contract",
    ("crashext/engine/advice.py", "rip"): "a name that next steps are filled with",
    ("crashext/engine/kinds/family.py", "rip"): "an anchor of the blame",
    ("crashext/engine/modules.py", "rip"): "an argument of suspects()",
    ("crashext/engine/place.py", "rip"): "a key of the JSON contract",
    ("crashext/engine/story.py", "rip"): "a key of the JSON contract",
    ("crashext/engine/verdict.py", "rip"): "a key of the JSON contract",
    ("crashext/lab/bench.py", "rip"): "the command",
    ("crashext/view/rip.py", "rip"): "a key of the JSON contract",
}

#: Names that only a register has. Words such as "pc", "sp", "lr" and "x1" are registers as well,
#: but also labels, variables and columns; the names of x86 are never anything else.
REGISTERS = frozenset(
    [f"{first}{name}" for first in "re" for name in ("ax", "bx", "cx", "dx", "si", "di", "bp",
                                                     "sp", "ip", "flags")]
    + [f"r{number}" for number in range(8, 16)]
    + [f"cr{number}" for number in (0, 2, 3, 4, 8)]
)  # fmt: skip


def modules() -> dict[str, Path]:
    """Dotted name → file, of every module that is looked at."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
            found[".".join(parts)] = path
    return found


def imports(name: str, path: Path, tree: ast.Module, known: Iterable[str]) -> set[str]:
    """The modules of ours that a module imports. ``from package import module`` is the module."""
    names = set(known)
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if inner in names:
                    found.add(inner)
                elif base in names:
                    found.add(base)
    return found - {name}


def room(name: str) -> int:
    """The number of the room of a module; raises LookupError for one that has none."""
    best, length = -1, -1
    for number, (_, prefixes) in enumerate(ROOMS):
        for prefix in prefixes:
            if (name == prefix or name.startswith(prefix + ".")) and len(prefix) > length:
                best, length = number, len(prefix)
    bare = ("crashext", "crashext.engine")
    if best < 0 or (
        name not in bare and any(length == len(b) and name.startswith(b) for b in bare)
    ):
        raise LookupError(name)
    return best


def circles(graph: dict[str, set[str]]) -> list[frozenset[str]]:
    """The strongly connected parts of more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = set()
            while True:
                member = stack.pop()
                part.add(member)
                if member == node:
                    break
            if len(part) > 1:
                found.append(frozenset(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def strings(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every string constant with its line, without docstrings and other bare strings."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value, node.lineno


def words(
    trees: dict[Path, ast.Module],
    forbidden: frozenset[str],
    home: tuple[str, ...],
    yet: dict[str, int],
    other: dict[tuple[str, str], str],
    what: str,
) -> list[str]:
    """Complaints about ``forbidden`` strings outside of the folders ``home``."""
    problems = []
    counts: dict[str, list[str]] = defaultdict(list)
    met = set()
    for path, tree in trees.items():
        file = path.relative_to(ROOT).as_posix()
        if file.startswith(home):
            continue
        for text, line in strings(tree):
            if text not in forbidden:
                continue
            if (file, text) in other:
                met.add((file, text))
            else:
                counts[file].append(f'{file}:{line}: {what} "{text}"')
    for file, found in sorted(counts.items()):
        if len(found) > yet.get(file, 0):
            problems += found
    for file, allowed in sorted(yet.items()):
        if allowed and not counts[file]:
            problems.append(f"{file} is clean ({what}): take it out of scripts/architecture.py")
    problems += [
        f'{file}: no "{word}" there any more: take it out of scripts/architecture.py'
        for file, word in sorted(set(other) - met)
    ]
    return problems


def main() -> int:
    from crashext.engine.kinds import KINDS

    files = modules()
    trees = {path: ast.parse(path.read_text(), str(path)) for path in files.values()}
    graph = {name: imports(name, path, trees[path], files) for name, path in files.items()}
    problems = []
    upwards = set()
    for name, targets in sorted(graph.items()):
        try:
            own = room(name)
        except LookupError:
            problems.append(f"{name} belongs to no room: name one in scripts/architecture.py")
            continue
        for target in sorted(targets):
            try:
                other = room(target)
            except LookupError:
                continue
            if other > own:
                upwards.add((name, target))
                if (name, target) not in UPWARDS_YET:
                    problems.append(
                        f"{name} ({ROOMS[own][0]}) imports {target} ({ROOMS[other][0]}), a higher "
                        "room"
                    )
    problems += [
        f"{name} imports {target} no more: take it out of UPWARDS_YET"
        for name, target in sorted(UPWARDS_YET - upwards)
    ]
    found = circles(graph)
    for part in found:
        if not any(part <= known for known in CIRCLES_YET):
            problems.append("a circle of imports: " + ", ".join(sorted(part)))
    for known in CIRCLES_YET:
        if not any(part <= known for part in found):
            problems.append("no circle any more: " + ", ".join(sorted(known)))
    problems += words(
        trees, frozenset(KINDS), ("crashext/engine/kinds/",), KIND_WORDS_YET, NO_KINDS,
        "a kind's word",
    )  # fmt: skip
    problems += words(
        trees, REGISTERS, ("crashext/engine/arch/", "crashext/native/"), REGISTERS_YET,
        NO_REGISTERS, "a register",
    )  # fmt: skip
    for problem in problems:
        print(problem)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
