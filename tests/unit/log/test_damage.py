# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever happens to a log on its way: nothing raises, and nothing is invented."""

from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_cases import LOGS
from log_truth import invented

from crashext.engine.log import parse, scan

#: Whole boots make the examples slow and add only lines that no report has.
TEXTS = [
    text
    for log in LOGS
    if len(text := log.read_bytes().decode("utf-8", "replace")) < 12_000
]  # fmt: skip
LINES = [line for text in TEXTS for line in text.split("\n")]
BOUNDED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip


def test_a_whole_log_invents_nothing() -> None:
    assert {text[:60]: found for text in TEXTS if (found := invented(parse(text), text))} == {}


def test_an_invented_value_is_seen() -> None:
    text = TEXTS[0]
    summary = parse(text)
    summary.reports[0].comm = "not in the text"
    assert invented(summary, text) == ["comm not in the text"]


@BOUNDED
@given(st.data())
def test_truncated_at_both_ends(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    start = data.draw(st.integers(0, len(text)))
    cut = text[start : data.draw(st.integers(start, len(text)))]
    assert invented(parse(cut), cut) == []


@BOUNDED
@given(st.data())
def test_lines_shuffled(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    lines = text.split("\n")
    start = data.draw(st.integers(0, len(lines)))
    part = lines[start : start + 60]
    mixed = "\n".join(data.draw(st.permutations(part)))
    assert invented(parse(mixed), mixed) == []


@BOUNDED
@given(st.data())
def test_two_logs_interleaved(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(TEXTS)).split("\n")[:60]
    two = data.draw(st.sampled_from(TEXTS)).split("\n")[:60]
    order = data.draw(st.lists(st.booleans(), min_size=20, max_size=120))
    mixed = "\n".join(source.pop(0) for first in order if (source := one if first else two))
    assert invented(parse(mixed), mixed) == []


@BOUNDED
@given(st.data())
def test_bytes_changed(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(TEXTS)).encode())
    for _ in range(data.draw(st.integers(1, 40))):
        where = data.draw(st.integers(0, len(damaged) - 1))
        damaged[where] = data.draw(st.integers(0, 255))
    summary = scan(io.BytesIO(bytes(damaged)))
    assert summary == parse(bytes(damaged).decode("utf-8", "replace"))


@BOUNDED
@given(
    st.lists(st.sampled_from([line for text in TEXTS for line in text.split("\n")]), max_size=80)
)
def test_lines_of_all_logs_at_random(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert invented(parse(text), text) == []


@pytest.mark.parametrize("size", [200, 2000])
def test_work_grows_with_the_text_and_not_faster(size: int) -> None:
    """Each line is looked at a bounded number of times, however the reports nest."""
    from crashext.engine.forms import prefix
    from crashext.engine.log import assemble

    calls = 0
    whole = prefix.Line

    class Counted(whole):  # type: ignore[misc, valid-type]
        @property
        def text(self) -> str:
            nonlocal calls
            calls += 1
            return str(tuple.__getitem__(self, 1))

    assembler = assemble.Assembler()
    for number in range(1, size + 1):
        assembler.feed(Counted(number, "divide error: 0000 [#1] SMP", None, "", "", ""))
    assert calls <= 6 * size
