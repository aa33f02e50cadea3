# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from typing import Optional

import pytest

from crashext.engine.kinds import KINDS
from crashext.engine.model import Access, Culprit, Explanation, StackFrame
from crashext.engine.report import Report
from crashext.engine.title import bucket, bucket_of, shorten, stable_words, title, title_of


@pytest.mark.parametrize(
    ("kind", "function", "module", "access", "detail", "text"),
    [
        ("null-deref", "hello_cleanup", "hello_2", "write", None,
         "NULL pointer write in hello_cleanup [hello_2]"),
        ("null-deref", "run.isra.0", None, "execute", None, "NULL pointer call in run"),
        ("null-deref", None, None, None, None, "NULL pointer access"),
        ("use-after-free", "f", None, "read", None, "use after free (read) in f"),
        ("use-after-free", None, "hello", None, None, "use after free in [hello]"),
        ("kasan", "f", None, None, "slab-out-of-bounds", "KASAN report: slab-out-of-bounds in f"),
        ("list-corruption", "f", None, None, "list_del corruption",
         "list corruption (list_del) in f"),
        ("list-corruption", "f", None, None, None, "list corruption in f"),
        ("panic", "f", None, None, "bad id 17 at 0xffff888003c40000",
         "kernel panic: bad id N at N in f"),
    ],
)  # fmt: skip
def test_titles(
    kind: str,
    function: Optional[str],
    module: Optional[str],
    access: Optional[str],
    detail: Optional[str],
    text: str,
) -> None:
    assert title(kind, function=function, module=module, access=access, detail=detail) == text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words(kind: str) -> None:
    text = title(kind, function="f")
    assert text.endswith(" in f")
    assert not text.startswith(f"{kind} in") or kind == "stack-smash"
    assert "{" not in text


@pytest.mark.parametrize(
    ("text", "stable"),
    [
        ("Fatal exception in interrupt", "Fatal exception in interrupt"),
        ("hung_task: blocked tasks", "hung_task: blocked tasks"),
        (
            "VFS: Unable to mount root fs on unknown-block(0,0)",
            "VFS: Unable to mount root fs on unknown-block(N,N)",
        ),
        ("Attempted to kill init! exitcode=0x00000100", "Attempted to kill init! exitcode=N"),
        ("request 1 of ffff888003c40000 failed", "request N of N failed"),
    ],
)
def test_numbers_leave_messages(text: str, stable: str) -> None:
    assert stable_words(text) == stable


def frames(*names: str) -> list[StackFrame]:
    return [StackFrame(name, 1, 2, "hello", address=hash(name) & 0xFFFF) for name in names]


def test_the_bucket_is_the_same_across_builds() -> None:
    one = bucket("null-deref", frames("a.isra.0", "b", "vfs_write"))
    other = bucket("null-deref", frames("a.constprop.1.cold", "b.part.0", "ksys_write"))
    assert one == other
    assert one[1] == "null-deref | a [hello] | b [hello]"
    assert len(one[0]) == 16


def test_different_callers_are_different_buckets() -> None:
    assert bucket("bug", frames("a", "b"))[0] != bucket("bug", frames("a", "c"))[0]


def test_recursion_depth_does_not_matter() -> None:
    assert bucket("stack-overflow", frames(*["r"] * 9, "f")) == bucket(
        "stack-overflow", frames(*["r"] * 200, "f")
    )


def test_the_bucket_begins_at_the_culprit() -> None:
    stack = [StackFrame("fortify_panic"), StackFrame("other"), *frames("a", "b", "c", "d")]
    assert bucket("fortify", stack, culprit="a")[1] == "fortify | a [hello] | b [hello] | c [hello]"


def test_inlined_functions_do_not_count_so_that_log_and_dump_agree() -> None:
    dump = frames("reset", "a", "b")
    dump[0].inlined = True
    assert bucket("bug", dump, culprit="reset") == bucket("bug", frames("a", "b"), culprit="a")


def test_what_an_interrupt_came_into_does_not_count() -> None:
    stack = [*frames("timer_fn"), StackFrame("call_timer_fn"), StackFrame("asm_sysvec_x")]
    assert bucket("bug", [*stack, *frames("interrupted")])[1] == "bug | timer_fn [hello]"


def test_a_culprit_that_is_no_trusted_frame_stands_alone() -> None:
    stack = [*frames("data"), StackFrame("caller", reliable=False)]
    found = bucket("nx-exec", stack, culprit="caller", module="hello")
    assert found[1] == "nx-exec | caller [hello]"


def test_untrusted_frames_do_not_count() -> None:
    stack = [StackFrame("stale", reliable=False), *frames("a")]
    assert bucket("bug", stack)[1] == "bug | a [hello]"


def test_title_and_bucket_of_an_explanation() -> None:
    explanation = Explanation(
        "log",
        kind="null-deref",
        access=Access("write"),
        culprit=Culprit("hello_cleanup.isra.0", module="hello"),
        stack=frames("hello_cleanup.isra.0"),
    )
    assert title_of(explanation) == "NULL pointer write in hello_cleanup [hello]"
    assert bucket_of(explanation)[1] == "null-deref | hello_cleanup [hello]"


def test_the_sub_kind_of_a_report_is_in_the_title() -> None:
    report = Report("kasan", "BUG: KASAN: …", 1, 2, True, details={"bug": "slab-out-of-bounds"})
    explanation = Explanation("log", kind="kasan", culprit=Culprit("f"))
    assert title_of(explanation, report) == "KASAN report: slab-out-of-bounds in f"


@pytest.mark.parametrize(
    ("message", "short"),
    [
        ("Fatal exception in interrupt", "Fatal exception in interrupt"),
        ("An NMI occurred. Depending on your system the reason", "An NMI occurred"),
        ("first\nsecond", "first"),
        ("word " * 20, "word word word word word word word word word word word word word word …"),
    ],
)
def test_long_messages_are_cut_at_a_sentence_or_a_word(message: str, short: str) -> None:
    assert shorten(message) == short
