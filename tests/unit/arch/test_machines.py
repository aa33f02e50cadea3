# SPDX-License-Identifier: GPL-2.0-or-later
"""Each architecture answers the Protocol, and reads its own register dump.

The lines are in the form of each arch's show_regs(); whole reports are in tests/data/logs.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Optional, get_args

import pytest

from crashext.engine import arch, values
from crashext.errors import Unknown

MACHINES: tuple[arch.Machine, ...] = get_args(arch.Machine)
DECODED = ("x86_64", "i386")


@pytest.mark.parametrize("machine", MACHINES)
def test_every_machine_has_an_architecture_of_its_name(machine: arch.Machine) -> None:
    assert arch.of(machine).name == machine


@pytest.mark.parametrize("machine", MACHINES)
def test_the_document_says_what_is_known_of_it(machine: arch.Machine) -> None:
    document = Path(__file__).parents[3] / "docs" / "architectures.md"
    rows = [line for line in document.read_text().splitlines() if line.startswith("| `")]
    assert any(f"`{machine}`" in row.split("|")[1] for row in rows)


def test_a_word_that_is_no_machine_is_refused() -> None:
    with pytest.raises(KeyError):
        arch.of("vax")  # type: ignore[arg-type]


@pytest.mark.parametrize("machine", MACHINES)
def test_pt_regs_hold_pc_and_sp_where_they_are_known(machine: arch.Machine) -> None:
    names = arch.of(machine).registers
    if names.pt_regs:
        assert {names.pc, names.sp} <= set(names.pt_regs)
        assert names.entry_changes <= set(names.pt_regs)


@pytest.mark.parametrize("machine", MACHINES)
def test_arguments_and_result_are_general_and_lost_in_a_call(machine: arch.Machine) -> None:
    names = arch.of(machine).registers
    assert {*names.arguments, names.result} <= set(names.general)
    assert {*names.arguments, names.result} <= names.caller_saved | {"r6"}  # s390's fifth survives
    assert names.sp not in names.caller_saved


@pytest.mark.parametrize("machine", [m for m in MACHINES if m not in DECODED])
def test_what_is_not_decoded_says_so(machine: arch.Machine) -> None:
    with pytest.raises(Unknown, match=f"instructions of {machine} are not decoded"):
        arch.of(machine).decode(bytes(4), 0)


@pytest.mark.parametrize(
    ("line", "machine", "found"),
    [
        ("RAX: 0000000000000000 RBX: ffff888012345678 RCX: 0000000000000001",
         "x86_64", {"rax": 0, "rbx": 0xFFFF888012345678, "rcx": 1}),
        ("EAX: 00000000 EBX: c1234567 ECX: 00000001 EDX: 00000002",
         "i386", {"eax": 0, "ebx": 0xC1234567, "ecx": 1, "edx": 2}),
        ("x29: ffff80000824bb50 x28: ffff0000c3a10000 x27: 0000000000000000",
         "arm64", {"x29": 0xFFFF80000824BB50, "x28": 0xFFFF0000C3A10000, "x27": 0}),
        ("r10: 00000000  r9 : c2c00000  r8 : 00000001",
         "arm", {"r10": 0, "r9": 0xC2C00000, "r8": 1}),
        ("epc : ffffffff01f4a01e ra : ffffffff01f50022 sp : ffffffc800b2bb80",
         "riscv", {"epc": 0xFFFFFFFF01F4A01E, "ra": 0xFFFFFFFF01F50022, "sp": 0xFFFFFFC800B2BB80}),
        ("sepc: ffffffe00020abcd ra : ffffffe00020ab00 sp : ffffffe0fa000000",
         "riscv", {"epc": 0xFFFFFFE00020ABCD, "ra": 0xFFFFFFE00020AB00, "sp": 0xFFFFFFE0FA000000}),
        ("s8 : 00000000 s9 : 00000001 s10: 00000002",
         "riscv32", {"s8": 0, "s9": 1, "s10": 2}),
        ("status: 0000000200000120 badaddr: 00000000deadbef7 cause: 000000000000000d",
         "riscv", {"status": 0x200000120, "badaddr": 0xDEADBEF7, "cause": 13}),
        ("NIP:  c00000000062b8c0 LR: c0000000006b9f44 CTR: c000000000680c20",
         "powerpc", {"nip": 0xC00000000062B8C0, "lr": 0xC0000000006B9F44,
                     "ctr": 0xC000000000680C20}),
        ("GPR04: c00000000062b8c0 0000000000000001 0000000000000002 0000000000000003 ",
         "powerpc", {"r4": 0xC00000000062B8C0, "r5": 1, "r6": 2, "r7": 3}),
        ("MSR:  00009032 <EE,ME,IR,DR,RI>  CR: 24002222  XER: 00000000",
         "powerpc32", {"msr": 0x9032, "cr": 0x24002222, "xer": 0}),
        ("Krnl PSW : 0704c00180000000 000003ff8042a0ba (tape_attach+0x3a/0x90 [tapemon])",
         "s390", {"psw_mask": 0x0704C00180000000, "psw": 0x3FF8042A0BA}),
        ("$24   : 00000000 c0a4c1a0                  ", "mips", {"$24": 0, "$25": 0xC0A4C1A0}),
        ("$28   : ffffffff83a1e000 ffffffff83a1fe08 0000000000000000 ffffffffc0a4c1b4",
         "mips64", {"$28": 0xFFFFFFFF83A1E000, "$29": 0xFFFFFFFF83A1FE08, "$30": 0,
                    "$31": 0xFFFFFFFFC0A4C1B4}),
        ("pc ffff800002345a1c ra ffff8000023459f8 tp 9000000108a3c000 sp 9000000108a3fc90",
         "loongarch", {"pc": 0xFFFF800002345A1C, "ra": 0xFFFF8000023459F8,
                       "tp": 0x9000000108A3C000, "sp": 0x9000000108A3FC90}),
    ],
)  # fmt: skip
def test_a_line_of_a_dump(line: str, machine: arch.Machine, found: dict[str, int]) -> None:
    assert arch.machine_of_dump(line) == machine
    assert arch.of(machine).parse_registers(line, {}) == found


def test_s390_counts_the_registers_of_lines_without_a_label() -> None:
    s390 = arch.of("s390")
    known = s390.parse_registers("Krnl GPRS: " + " ".join(f"{n:016x}" for n in range(4)), {})
    line = " ".join(f"{n:016x}" for n in range(4, 8))
    assert s390.continues_dump(line)
    assert s390.parse_registers(line, known) == {"r4": 4, "r5": 5, "r6": 6, "r7": 7}


@pytest.mark.parametrize(
    "line",
    [
        "epc : poke+0x12/0x20",
        "ra : poke_store+0x18/0x2a",
        "NIP [c00000000022d79c] part_sched+0x5c/0x560",
        "a0 file was not found",
        "Status: ok",
    ],
)
def test_what_only_looks_like_a_dump(line: str) -> None:
    assert arch.machine_of_dump(line) is None


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("x86_64", "x86_64"), ("i686", "i386"), ("aarch64", "arm64"), ("armv7l", "arm"),
        ("riscv64", "riscv"), ("ppc64le", "powerpc"), ("ppc", "powerpc32"), ("s390x", "s390"),
        ("mips64", "mips64"), ("loongarch64", "loongarch"), ("sparc64", None),
    ],
)  # fmt: skip
def test_uname(text: str, machine: Optional[arch.Machine]) -> None:
    assert arch.machine_of_uname(text) == machine


@pytest.mark.parametrize(
    ("machine", "value", "name", "certain"),
    [
        ("riscv", 0xFFFFFFFF01F4A01E, "kernel memory", True),
        ("riscv", 0x00007FFFF0000000, "user", True),
        ("riscv", 0x8000000000000000, "non-canonical", True),
        ("riscv32", 0x90000000, "kernel memory", False),
        ("powerpc", 0xC00000000022D79C, "kernel memory", True),
        ("powerpc", 0x00007FFFFFFF0000, "user", True),
        ("s390", 0x14, "kernel memory", False),
        ("mips", 0x80123456, "kernel memory", True),
        ("mips", 0x7FFF0000, "user", True),
        ("mips64", 0x9800000001000000, "kernel memory", True),
        ("loongarch", 0x9000000108A3FC90, "kernel memory", True),
        ("loongarch", 0x00007FFFFB9E8B50, "user", True),
    ],
)
def test_the_halves_of_the_map(machine: arch.Machine, value: int, name: str, certain: bool) -> None:
    architecture = arch.of(machine)
    region = architecture.region_of(value, architecture.layout(lambda name, size: None))
    assert (region.name, region.certain) == (name, certain)


@pytest.mark.parametrize(
    ("machine", "value"),
    [
        ("x86_64", 0xDEAD000000000108), ("arm64", 0xDEAD000000000108),
        ("powerpc", 0x5DEADBEEF0000108),
    ],
)  # fmt: skip
def test_list_poison_has_the_delta_of_its_machine(machine: arch.Machine, value: int) -> None:
    layout = arch.of(machine).layout(lambda name, size: None)
    assert values.describe(value, layout=layout).startswith("LIST_POISON1 + 0x8: ")


def test_a_list_poison_of_powerpc_is_a_number_elsewhere() -> None:
    assert "POISON" not in values.describe(0x5DEADBEEF0000108)


def test_a_machine_that_is_not_met_is_not_imported() -> None:
    program = (
        "import sys; from crashext.engine import arch; arch.of('x86_64'); "
        "print(sorted(m for m in sys.modules if m.startswith('crashext.engine.arch.') "
        "and m.endswith('.machine')), 'iced_x86' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split("\n")[0] == "['crashext.engine.arch.x86.machine'] False"
