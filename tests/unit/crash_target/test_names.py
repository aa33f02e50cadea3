# SPDX-License-Identifier: GPL-2.0-or-later
"""The crash target runs under upstream PyKdump: it may use no other names than PyKdump's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import crashext

PACKAGE = Path(crashext.__file__).parent
#: What ``from pykdump.API import *`` gives in PyKdump of September 2019 (pykdump/API.py).
UPSTREAM = set(
    (Path(__file__).resolve().parents[2] / "data" / "pykdump" / "api-names.txt").read_text().split()
)
TARGET = PACKAGE / "targets" / "crash"
#: The parts that run only where drgn reads crash's memory: inside crashext.so.
NEED_DRGN = {"deep.py", "__init__.py"}


def test_only_pykdump_names_are_asked_for() -> None:
    tree = ast.parse((TARGET / "names.py").read_text())
    asked = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "_any"
    }
    assert asked
    assert asked - UPSTREAM == set()


@pytest.mark.parametrize(
    "path", sorted(p for p in TARGET.glob("*.py") if p.name not in {*NEED_DRGN, "names.py"})
)
def test_nobody_else_asks_crash(path: Path) -> None:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    roots = {name.split(".")[0] for name in modules}
    assert not roots & {"crash", "_crashext", "pykdump", "drgn"}


def test_our_api_has_every_upstream_name() -> None:
    tree = ast.parse((PACKAGE / "pykdump" / "API.py").read_text())
    ours = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            ours |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            ours.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            ours.add(node.id)
    # Scratch variables of upstream's module body, and a helper for Python 2 classes.
    unused = {"CGDIR", "RHDIR", "debuginfo", "inspect", "kernel", "kname"}
    unused |= {"funcToMethod", "old_doSys", "re_apidebug"}
    assert UPSTREAM - ours == unused
