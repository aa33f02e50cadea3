# SPDX-License-Identifier: GPL-2.0-or-later
"""A log says the same after a mail client, a tracker or a terminal had it in hand.

Every good log of tests/data/logs goes through what carriers do, alone and composed at random, and
must then say what the clean log says.
"""

from __future__ import annotations

import functools
import io
import re
from typing import Any

import pytest
from damage import BYTES, MILD, WRAPS, Lines, quoted, without_stamps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_cases import LOGS

from crashext.engine.log import scan

#: What these logs are about is damage of another sort, or lines of other programs.
_OTHERS = frozenset(
    (
        "quiet-syslog-of-programs",  # without its prefixes the programs' lines are the kernel's
        "other-machines",  # six excerpts that are no whole lines of any report
        "two-records-in-one-line",
    )
)
LOGS_BY_NAME = {
    log.stem: lines
    for log in LOGS
    if log.stem not in _OTHERS
    and len(lines := log.read_bytes().decode("utf-8", "replace").rstrip("\n").split("\n")) < 160
}
#: Begins with printk's stamp; a second prefix of another carrier is not what anyone has.
_STAMPED = [name for name, lines in LOGS_BY_NAME.items() if re.match(r"\[ *\d+\.\d", lines[0])]


def said(data: bytes) -> list[dict[str, Any]]:
    """What a log's reports say, without where they say it."""
    return [
        {
            "kind": report.kind,
            "rip": report.rip and (report.rip.name, report.rip.offset, report.rip.module),
            "registers": report.registers,
            "code": report.code and (report.code.data, report.code.fault_index),
            "addresses": [address.value for address in report.addresses],
            "release": report.release,
            "taint": report.taint,
            "comm": report.comm,
            "pid": report.pid,
            "frames": [(f.name, f.offset, f.module, f.reliable) for f in report.frames],
            "modules": report.modules and [module.name for module in report.modules],
        }
        for report in scan(io.BytesIO(data)).reports
    ]


@functools.cache
def clean(name: str, stamps: bool = True) -> list[dict[str, Any]]:
    """What the undamaged log says."""
    lines = LOGS_BY_NAME[name]
    return said(joined(lines if stamps else without_stamps(lines)))


def joined(lines: Lines) -> bytes:
    return "\n".join(lines).encode("utf-8", "replace")


@pytest.mark.parametrize("carrier", sorted(set(MILD) - {"no stamps"}))
def test_a_carrier_alone(carrier: str) -> None:
    changed = []
    for name in _STAMPED if carrier == "syslog" else LOGS_BY_NAME:
        if said(joined(MILD[carrier](LOGS_BY_NAME[name]))) != clean(name):
            changed.append(name)
    assert changed == []


@settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    name=st.sampled_from(sorted(LOGS_BY_NAME)),
    carriers=st.lists(
        st.sampled_from(["quoted", "html escaped", "no-break spaces", "coloured", "between words"]),
        max_size=3,
        unique=True,
    ),
    last=st.sampled_from(["quoted-printable", "base64", "json", "double spaced", "fenced"]),
    form=st.sampled_from(sorted(BYTES)),
)
def test_carriers_composed(name: str, carriers: list[str], last: str, form: str) -> None:
    lines = LOGS_BY_NAME[name]
    for carrier in (*carriers, last):
        lines = MILD[carrier](lines)
    assert said(BYTES[form]("\n".join(lines))) == clean(name)


#: Share of the logs that must say all that they said when clean; the rest says less, see below.
_WHOLE = 0.94


@pytest.mark.parametrize("stamps", [True, False], ids=["stamps", "bare"])
@pytest.mark.parametrize("width", [72, 80, 100])
@pytest.mark.parametrize("wrap", sorted(WRAPS))
def test_wrapped(wrap: str, width: int, stamps: bool) -> None:
    lost = []
    for name, lines in LOGS_BY_NAME.items():
        damaged = WRAPS[wrap](lines if stamps else without_stamps(lines), width)
        if said(joined(quoted(damaged) if width == 72 else damaged)) != clean(name, stamps):
            lost.append(name)
    assert len(lost) <= (1 - _WHOLE) * len(LOGS_BY_NAME), lost
