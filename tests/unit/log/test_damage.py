# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever happens to a log on its way: nothing raises, and nothing is invented."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_cases import LOGS

from crashext.engine.log import parse, scan
from crashext.engine.model import KINDS
from crashext.engine.report import LogFrame, LogSummary, LogSymbol, Report

#: Whole boots make the examples slow and add only lines that no report has.
TEXTS = [
    text
    for log in LOGS
    if len(text := log.read_bytes().decode("utf-8", "replace")) < 12_000
]  # fmt: skip
LINES = [line for text in TEXTS for line in text.split("\n")]
TEXT_FIELDS = (
    "comm",
    "release",
    "version",
    "hardware",
    "workqueue",
    "bug_file",
    "last_unloaded",
    "code_unavailable",
)
BOUNDED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip


def invented(summary: LogSummary, text: str) -> list[str]:
    """Every value of the summary that is not in the text, or not on the line that it names."""
    lines = text.split("\n")
    found = []
    for report in summary.reports:
        found += _of_report(report, text, lines)
    return found


def _of_report(report: Report, text: str, lines: list[str]) -> list[str]:
    found = []
    if report.kind not in KINDS:
        found.append(f"kind {report.kind}")
    if not 1 <= report.first_line <= report.last_line <= len(lines):
        found.append(f"lines {report.first_line}-{report.last_line} of {len(lines)}")
    if report.headline not in text:
        found.append(f"headline {report.headline}")
    for name in (
        "comm",
        "release",
        "version",
        "hardware",
        "workqueue",
        "bug_file",
        "last_unloaded",
    ):
        value = getattr(report, name)
        if value is not None and value not in text:
            found.append(f"{name} {value}")
    for name in ("pid", "cpu", "uid", "bug_line", "die_count"):
        value = getattr(report, name)
        if value is not None and not re.search(rf"0*{value}", text):
            found.append(f"{name} {value}")
    if report.panic_line and (report.panic_message or "") not in lines[report.panic_line - 1]:
        found.append(f"panic {report.panic_message}")
    for name, value in report.registers.items():
        if not _has_hex(text, value):
            found.append(f"register {name} {value:#x}")
    for address in report.addresses:
        if not _has_hex(lines[address.line_no - 1], address.value):
            found.append(f"address {address}")
    symbols: list[LogSymbol] = [report.rip] if report.rip else []
    symbols += report.frames
    for stack in report.other_stacks.values():
        symbols += stack
    for symbol in symbols:
        found += _of_symbol(symbol, lines)
    for module in report.modules or []:
        if module.name not in text:
            found.append(f"module {module.name}")
    if report.code is not None:
        line = re.sub(r"[<>() ]", "", lines[report.code.line_no - 1])
        data = report.code.data
        words = b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4))
        if data.hex() not in line and words.hex() not in line:
            found.append(f"code {data.hex()}")
    return found


def _of_symbol(symbol: LogSymbol, lines: list[str]) -> list[str]:
    line = lines[symbol.line_no - 1]
    if symbol.name is not None and symbol.name not in line:
        return [f"symbol {symbol.name} in line {symbol.line_no}"]
    if symbol.module is not None and symbol.module not in line:
        return [f"module {symbol.module} in line {symbol.line_no}"]
    if symbol.address is not None and not _has_hex(line, symbol.address):
        return [f"address {symbol.address:#x} in line {symbol.line_no}"]
    if isinstance(symbol, LogFrame) and symbol.reliable is ("? " in line or "(unreliable)" in line):
        return [f"reliability of {symbol.name} in line {symbol.line_no}"]
    return []


def _has_hex(text: str, value: int) -> bool:
    return f"{value:x}" in text or (value == 0 and "(null)" in text)


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
    from crashext.engine.log import assemble, prefix

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
