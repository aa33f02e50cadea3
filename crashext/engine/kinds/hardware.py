# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Errors that the hardware reports."""

from __future__ import annotations

from crashext.engine.kinds.family import (
    Anchor,
    Family,
    Header,
    KindInfo,
    Needle,
    Panic,
    Remark,
    Role,
    Section,
    Step,
)

# fmt: off
_MACHINE_CHECK_LINES = (
    Section(r"(?:mce: )?\[Hardware Error\]: RIP (?:!INEXACT! )?[0-9a-f]{2}:<(?P<instruction>[0-9a-f]{8,16})>(?: \{(?P<at>[^}]{1,200})\})?"),
    Section(r"(?:mce: )?\[Hardware Error\]: TSC [0-9a-f]{1,16}(?: ADDR (?P<address>[0-9a-f]{1,16}))?(?: MISC (?:[0-9a-f]{1,16}))?", source="mce"),
    Section(r"(?:mce: )?\[Hardware Error\]: Machine check: (?P<message>.{1,200})"),
    Section(r"(?:\{\d{1,9}\})?\[Hardware Error\]: +section_type: (?P<section_type>.{1,80})"),
    Section(r"(?:mce: |\{\d{1,9}\})?\[Hardware Error\]: "),
)
_HEADERS = (
    # --- hardware
    Header("machine-check", Role.START, "Machine Check Exception", r"(?:mce: )?\[Hardware Error\]: CPU (?P<cpu>\d{1,6}): Machine Check Exception: (?:[0-9a-f]{1,16}) Bank (?P<bank>\d{1,4}): (?P<status>[0-9a-f]{1,16})", trap="#MC"),
    # Bit 61 of the bank's status is UC, an error that was not corrected; corrected ones are no report.
    Header("machine-check", Role.START, "Machine Check: ", r"(?:mce: )?\[Hardware Error\]: CPU (?P<cpu>\d{1,6}): Machine Check: (?:[0-9a-f]{1,16}) Bank (?P<bank>\d{1,4}): (?P<status>[0-9a-f]?[2367abef][0-9a-f]{14})\b"),
    # ACPI's platform error interface; corrected and recoverable events are no report.
    Header("machine-check", Role.START, "event severity: fatal", r"(?:\{\d{1,9}\})?\[Hardware Error\]: event severity: (?P<severity>fatal)"),
)
_PANICS = (
    Panic(r"(?:Fatal [Mm]achine check|Fatal local machine check|Machine check|Timeout: Not all CPUs entered broadcast exception handler|Uncorrected hardware memory error|Asynchronous SError Interrupt|Fatal hardware error!)", "machine-check", ("machine-check",)),
)
_NEEDLES = (
    Needle(b"[Hardware Error]: "),
)
# fmt: on

_REMARKS = (
    Remark(
        r"SError",
        title="SError (asynchronous external abort)",
        event=(
            "the hardware reported an error that came late (SError is asynchronous, imprecise): the code "
            "at pc ran when it arrived, an access before it caused it",
        ),
        advice="look at the device accesses before that code: a register of a device without clock or "
        "power, a wrong bus address, or a fault of memory or bus (RAS records, firmware's log)",
    ),
)

FAMILY = Family(
    name="hardware",
    meaning="Errors that the hardware reports.",
    kinds=(
        KindInfo(
            "machine-check",
            meaning="The hardware reported an error that cannot be corrected.",
            title="machine check",
            event="the hardware reported an error that cannot be corrected",
            advice=(
                Step(
                    "this is hardware: run the vendor's diagnostics; decode the banks with mcelog or "
                    "rasdaemon"
                ),
            ),
            sections=_MACHINE_CHECK_LINES,
            facts=(
                "{severity} {section_type}",
                ("bank {bank}, status 0x{status}: {message}", "bank {bank}, status 0x{status}"),
            ),
            anchors=(Anchor.NONE,),
        ),
    ),
    headers=_HEADERS,
    panics=_PANICS,
    remarks=_REMARKS,
    needles=_NEEDLES,
)
