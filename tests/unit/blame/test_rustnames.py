# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from typing import Optional

import pytest

from crashext.engine.blame.names import normalise
from crashext.engine.blame.rustnames import demangled


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("_RNvMNtCs2kG_4demo4nodeNtB2_4Node10update_ref", "<demo::node::Node>::update_ref"),
        ("_RNvNtCs7gO_4core9panicking9panic_fmt", "core::panicking::panic_fmt"),
        # of RFC 2603 and of rustc's own tests
        ("_RNvC6_123foo3bar", "123foo::bar"),
        ("_RNCNCNgCs6DXkGYLi8lr_2cc5spawn00B5_", "cc::spawn::{closure#0}::{closure#0}"),
        ("_RNvXs_Cs_4testNtB4_3FooNtB4_3Bar3baz", "<test::Foo as test::Bar>::baz"),
        ("_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>"),
        ("_RINvC3foo3barTRLhQLeEKj7b_E", None),  # a lifetime without its end
        ("_RINvC3foo3barAhj7b_SeE", "foo::bar::<[u8; 123], [str]>"),
        ("_RINvC3foo3barFKCPhEuE", 'foo::bar::<extern "C" fn(*const u8)>'),
        ("_RINvC3foo3barKb1_E", "foo::bar::<true>"),
        ("_RNvC3foo", None),  # cut
        ("_RNvB_3foo", None),  # refers to itself
        ("_R", None),
        ("_Rust", None),
        ("ring_read", None),
    ],
)
def test_a_mangled_name_is_its_path(name: str, path: Optional[str]) -> None:
    assert demangled(name) == path


@pytest.mark.parametrize("name", ["_RNvXs_Cs_4testNtB4_3FooNtB4_3Bar3baz", "_RNvC3foo"])
def test_normalising_twice_changes_nothing_more(name: str) -> None:
    assert normalise(normalise(name)) == normalise(name)


@pytest.mark.parametrize(
    "name",
    [
        "_R" + "NvC1a" * 3000,
        "_RINvC1a1bT" + "TB9_B9_E" * 500 + "EE",
        "_R" + "S" * 5000,
        "_RINvC1a1bKj" + "f" * 5000 + "_E",
        "_RNvC9999999999a1b",
    ],
)
def test_a_made_up_name_is_given_up(name: str) -> None:
    assert demangled(name) is None
