# SPDX-License-Identifier: GPL-2.0-or-later
"""The module table and the code check on a kernel with many real modules."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crashext.commands.mods import gather
from crashext.engine.verdict import read_log
from crashext.errors import Unknown
from crashext.lab.cache import Cache
from crashext.lab.kernels import Kernel
from crashext.opening import open_target
from crashext.targets.drgn import DrgnTarget
from tests.lab.crowd_dump import crowd

#: Loaded in every one of the kernels.
EXPECTED = {"btrfs", "xfs", "nf_tables", "openvswitch", "tun", "dm_era", "wireguard"}


@pytest.fixture(scope="module", params=("5.10", "6.1", "6.12"))
def target(
    request: pytest.FixtureRequest, kernel: Callable[..., Kernel], lab_cache: Cache
) -> DrgnTarget:
    out = crowd(kernel(request.param), lab_cache)
    opened = open_target(str(out / "vmcore"), module_dirs=[str(out / "modules")])
    assert isinstance(opened, DrgnTarget)
    return opened


def names(target: DrgnTarget) -> set[str]:
    return {module.name for module in target.module_table().modules}


def test_all_are_listed_and_sound(target: DrgnTarget) -> None:
    table = target.module_table()
    assert names(target) >= EXPECTED
    assert len(table.modules) > 50
    assert table.damage == []
    assert [module.name for module in table.modules if module.damage] == []


def test_code_of_every_module_agrees_with_its_file(target: DrgnTarget) -> None:
    compared, unknown = 0, set()
    for name in names(target):
        try:
            result = target.module_integrity(name)
        except Unknown:
            unknown.add(name)
            continue
        assert result.differences == [], name
        assert [text for text in result.skipped if "freed after init" not in text] == [], name
        compared += result.compared
    assert unknown <= {"qemu_fw_cfg"}  # the lab's own, from elsewhere
    assert compared > 2_000_000


def test_users_are_dependencies_the_other_way(target: DrgnTarget) -> None:
    users = {module.name: module.used_by for module in target.module_table().modules}
    for name in sorted(EXPECTED):
        for needed in target.module_detail(name).depends or ():
            assert name in users[needed]


def test_no_module_is_suspect_of_a_sysrq_crash(target: DrgnTarget) -> None:
    report = gather(target, read_log(target))
    assert [module.name for module in report.modules if module.suspect] == []


def test_broken_list_loses_no_module(target: DrgnTarget) -> None:
    """A wild pointer in the middle of the list, laid over the dump."""
    whole = [module.name for module in target.module_table().modules]
    out = target.prog.core_dump_path
    damaged = open_target(out)
    assert isinstance(damaged, DrgnTarget)
    victim = damaged.prog.symbol("modules").address
    for _ in range(10):
        victim = damaged.prog.read_u64(victim)

    def read(address: int, count: int, offset: int, physical: bool) -> bytes:
        return (0x4141414141414141).to_bytes(8, "little")[offset : offset + count]

    damaged.prog.add_memory_segment(victim, 8, read)
    table = damaged.module_table()
    assert [module.name for module in table.modules] == whole
    assert f"after {whole[9]}: the entry 0x4141414141414141 cannot be read" in table.damage[0]
