# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes tests/data/modules: what the module walker asks of real dumps, with the answers.

Run it (``python -m tests.lab.record_modules``) when the walker asks for more than before.
"""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

from crashext.engine.elf import read_elf
from crashext.engine.integrity import compare_module
from crashext.kernel.modules import facts, records, table
from crashext.lab.cache import Cache
from crashext.lab.kernels import Kernels
from crashext.opening import open_target
from crashext.targets.drgn import DrgnTarget
from crashext.targets.drgn.port import DrgnPort
from tests.lab.planted_dump import planted
from tests.unit.modules.recorded import DATA, RELEASES, Recorder

_STRIP = ["strip", "--strip-debug", "-o"]


def record(release: str, cache: Cache) -> None:
    dump = planted(Kernels(cache).get(release, "amd64"), cache)
    target = open_target(str(dump.vmcore))
    assert isinstance(target, DrgnTarget)
    deep = target.deep_modules
    recorder = Recorder(DrgnPort(target.prog))
    names: dict[str, Any] = {}
    resolved: dict[str, Any] = {}

    def kernel_name(address: int) -> Any:
        found = deep.name_of(address)
        names[f"{address:x}"] = [found] if found else []
        return found

    def names_at(address: int) -> Any:
        names[f"{address:x}"] = list(deep._names_at(address))
        return names[f"{address:x}"]

    for entry in table.walk_modules(recorder).loaded:
        record = entry.whole()
        for question in (facts.sections, facts.symbols, facts.exports):
            question(record)
        facts.parameters(record, kernel_name)
        for member in ("init", "exit", "mkobj.kobj", "mkobj.mp", "mkobj.kobj.entry"):
            if record.has(member):
                record.at(member)
    records.last_name(recorder)
    planted_entry = deep.walk().find("planted")
    path = dump.out / "planted.ko"

    def resolve(name: str) -> Any:
        resolved[name] = list(deep._resolver(planted_entry)(name))
        return resolved[name]

    compare_module(
        read_elf(path.read_bytes()),
        [(s.name, s.address) for s in facts.sections(planted_entry.whole())],
        recorder.read,
        resolve,
        names=names_at,
    )
    # The whole module, so that a test may look (and damage) anywhere.
    for region in planted_entry.module.regions:
        if region.kind != "percpu":
            recorder.read(region.address, region.size & ~0xFFF or region.size)
    recording = {**recorder.recording(), "resolve": resolved, "names": names}
    DATA.mkdir(exist_ok=True)
    with gzip.GzipFile(DATA / f"planted-{release}.json.gz", "wb", mtime=0) as file:
        file.write(json.dumps(recording, indent=0).encode())
    stripped = dump.out / "planted.stripped.ko"
    subprocess.run([*_STRIP, str(stripped), str(path)], check=True)
    with gzip.GzipFile(DATA / f"planted-{release}.ko.gz", "wb", mtime=0) as file:
        file.write(stripped.read_bytes())
    stripped.unlink()


def main() -> None:
    cache = Cache()
    for release in RELEASES:
        record(release, cache)
        print(Path(DATA) / f"planted-{release}.json.gz")


if __name__ == "__main__":
    main()
