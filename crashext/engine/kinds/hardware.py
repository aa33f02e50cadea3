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
# Before 2.6.34 without "[Hardware Error]: " (arch/x86/kernel/cpu/mce: print_mce()).
_MCE = r"(?:mce: )?(?:\[Hardware Error\]: )?"
_MACHINE_CHECK_LINES = (
    Section(rf"{_MCE}RIP ?(?:!INEXACT! )?[0-9a-f]{{2}}:<(?P<instruction>[0-9a-f]{{8,16}})>(?: \{{(?P<at>[^}}]{{1,200}})\}})?"),
    Section(rf"{_MCE}TSC (?P<stamp>[0-9a-f]{{1,16}})(?: ADDR (?P<address>[0-9a-f]{{1,16}}))?(?: MISC (?:[0-9a-f]{{1,16}}))?", source="mce"),
    Section(rf"{_MCE}PROCESSOR (?P<vendor>\d{{1,3}}):[0-9a-f]{{1,8}} "),
    Section(rf"{_MCE}Machine check: (?P<message>.{{1,200}})"),
    Section(r"(?:\{\d{1,9}\})?\[Hardware Error\]: +section_type: (?P<section_type>.{1,80})"),
    Section(r"(?:mce: |\{\d{1,9}\})?\[Hardware Error\]: "),
)
_HEADERS = (
    # --- hardware
    Header("machine-check", Role.START, "Machine Check Exception", rf"{_MCE}CPU (?P<cpu>\d{{1,6}}): Machine Check Exception: +(?:[0-9a-f]{{1,16}}) Bank (?P<bank>\d{{1,4}}): (?P<status>[0-9a-f]{{1,16}})", trap="#MC"),
    # Without "Exception" it was found by polling and the machine goes on; bit 63 of the bank's
    # status says that it is valid.
    Header("machine-check", Role.START, "Machine Check: ", rf"{_MCE}CPU (?P<cpu>\d{{1,6}}): (?P<polled>Machine Check): (?:[0-9a-f]{{1,16}}) Bank (?P<bank>\d{{1,4}}): (?P<status>[89a-f][0-9a-f]{{15}})\b"),
    # ACPI's platform error interface (drivers/firmware/efi/cper.c); all but fatal ones are survived.
    Header("machine-check", Role.START, "event severity: ", r"(?:\{\d{1,9}\})?\[Hardware Error\]: event severity: (?P<severity>fatal)"),
    Header("machine-check", Role.START, "event severity: ", r"(?:\{\d{1,9}\})?\[Hardware Error\]: event severity: (?P<polled>recoverable|corrected)"),
)
_PANICS = (
    Panic(r"(?:Fatal [Mm]achine check|Fatal local machine check|Machine check|Timeout: Not all CPUs entered broadcast exception handler|Uncorrected hardware memory error|Asynchronous SError Interrupt|Fatal hardware error!)", "machine-check", ("machine-check",)),
)
_NEEDLES = (
    Needle(b"[Hardware Error]: ", b"[HwE]:"),
    Needle(b"Machine Check Exception: ", b"MCkExp:"),
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
    # arch/arm64/mm/fault.c, arch/arm/mm/fsr-*.c: fault_info of do_sea() and of do_bad()
    Remark(
        r"^(?:Internal error|Unhandled fault): (?:synchronous external abort|external abort on "
        r"(?:non-)?linefetch|imprecise external abort|(?:synchronous )?parity(?: or ECC)? error)",
        title="external abort",
        event=(
            "the memory system answered an access with an error: no device or memory is at that "
            "address, or it has no clock or power",
        ),
        advice="see which device or memory the address belongs to, and whether its clock, power and "
        "reset were on; for ordinary memory see the RAS records and the firmware's log",
        doubt="an external abort tells that the hardware refused, not why",
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
