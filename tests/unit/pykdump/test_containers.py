# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from crashext.pykdump import containers
from crashext.pykdump.containers import (
    CU_LIVE,
    CU_TIMEOUT,
    Bunch,
    DataCache,
    KernelRev,
    PY_select,
    TrueOnce,
    dbits2str,
    memoize_cond,
    purge_memoize_cache,
)


def test_bunch_keys_are_attributes() -> None:
    bunch = Bunch({"a": 1})
    bunch.b = 2
    bunch["c d"] = 3
    assert (bunch.a, bunch["b"], bunch["c d"]) == (1, 2, 3)
    del bunch["a"]
    assert not hasattr(bunch, "a")


def test_bunch_copy_is_a_bunch_of_its_own() -> None:
    bunch = Bunch({"a": 1})
    other = bunch.copy()
    other.a = 2
    assert (bunch.a, other.a) == (1, 2)


def test_dcache_missing_name_is_none() -> None:
    cache = DataCache()
    assert cache.tmp.anything is None
    cache.tmp.anything = 5
    cache.cleartmp()
    assert cache.tmp.anything is None


def test_true_once() -> None:
    once = TrueOnce(2)
    assert [bool(once) for _ in range(3)] == [True, True, False]


def test_bits_to_text() -> None:
    names = {"F_A": 1, "F_B": 2, "F_MASK": 3, "F_NONE": 0}
    assert dbits2str(3, names) == "F_A|F_B"
    assert dbits2str(2, names, 2) == "B"
    assert dbits2str(0, names) == ""


def test_kernel_revision_compares_by_number() -> None:
    assert KernelRev("3.10.0") > "3.9.1"
    assert KernelRev("6.1.0") < "6.12"
    assert KernelRev("5.10.0") >= "5.10.0"


def test_memoize_keeps_until_its_condition_is_purged() -> None:
    calls = []

    @memoize_cond(CU_TIMEOUT)
    def ask(what: str) -> int:
        calls.append(what)
        return len(calls)

    assert (ask("bt"), ask("bt"), ask("bt", MEMOIZE=False)) == (1, 1, 2)
    purge_memoize_cache(CU_LIVE)
    assert ask("bt") == 1
    purge_memoize_cache(CU_TIMEOUT)
    assert ask("bt") == 3


def test_nothing_is_kept_of_a_live_kernel(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    calls = []

    @memoize_cond(CU_LIVE)
    def ask() -> int:
        calls.append(1)
        return len(calls)

    monkeypatch.setattr(containers, "livedump", True)
    assert (ask(), ask()) == (1, 2)


def test_select_takes_the_first_that_works_here() -> None:
    task = Bunch({"new": 7})
    assert PY_select("task.old", "task.new") == 7
    assert PY_select("task.old", "nosuch") is None
    assert task.new == 7
