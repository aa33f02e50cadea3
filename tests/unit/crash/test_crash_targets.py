# SPDX-License-Identifier: GPL-2.0-or-later
"""The pure parts of what runs inside crash, tested with stand-ins for its built-in modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import drgn
import pytest

from crashext.errors import Unknown

MOD = """\
     MODULE       NAME               BASE         SIZE  OBJECT FILE
ffffffffc02ff2c0  qemu_fw_cfg  ffffffffc02fc000  20480  (not loaded)  [CONFIG_KALLSYMS]
ffffffffc030c0c0  hello        ffffffffc0307000  28672  /srv/build/hello.ko
ffffffffc0410000  e1000        ffffffffc0400000  81920  /usr/lib/debug/e1000.ko.debug
"""

#: The modules that import what only crash's Python has.
INSIDE = ("crashext.pykdump.drgn_over_crash", "crashext.targets.crash_lines")


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    fake = ModuleType("crash")
    fake.error = type("error", (Exception,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "crash", fake)
    monkeypatch.setitem(sys.modules, "_crashext", ModuleType("_crashext"))
    before = {
        name: sys.modules.pop(name, None) for name in (*INSIDE, "crashext.pykdump.crash_files")
    }
    import crashext.pykdump.drgn_over_crash as over
    import crashext.targets.crash_lines as lines

    yield {"lines": lines, "over": over, "crash": fake}
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module


def test_files_that_mod_has_loaded(inside: dict[str, Any]) -> None:
    assert inside["over"].module_files(MOD) == [
        "/srv/build/hello.ko",
        "/usr/lib/debug/e1000.ko.debug",
    ]


def elf(machine: int, data: int = 1) -> bytes:
    order = "little" if data == 1 else "big"
    return b"\x7fELF" + bytes([2, data]) + bytes(12) + machine.to_bytes(2, order)


@pytest.mark.parametrize(
    ("header", "arch", "little"),
    [
        (elf(62), drgn.Architecture.X86_64, True),
        (elf(183), drgn.Architecture.AARCH64, True),
        (elf(22, 2), drgn.Architecture.S390X, False),
    ],
)
def test_platform_of_the_kernel_file(
    inside: dict[str, Any], header: bytes, arch: drgn.Architecture, little: bool
) -> None:
    platform = inside["over"].platform_of(header)
    assert platform.arch == arch
    assert bool(platform.flags & drgn.PlatformFlags.IS_LITTLE_ENDIAN) is little
    assert platform.flags & drgn.PlatformFlags.IS_64_BIT


@pytest.mark.parametrize("header", [b"", b"\x7fELF", elf(9999), b"not an ELF file at all"])
def test_no_kernel_file(inside: dict[str, Any], header: bytes) -> None:
    with pytest.raises(Unknown):
        inside["over"].platform_of(header)


@pytest.mark.parametrize(
    ("memory", "reason"),
    [
        ({}, "built without vmcoreinfo"),
        ({"vmcoreinfo_data": 8, "vmcoreinfo_size": 16}, "damaged: it has no OSRELEASE"),
    ],
)
def test_no_vmcoreinfo_says_why(
    inside: dict[str, Any], memory: dict[str, int], reason: str
) -> None:
    fake = inside["crash"]
    fake.sym2addr = lambda name: memory.get(name, 0)
    fake.readPtr = lambda address: 0x1000
    fake.readInt = lambda address, size: 32
    fake.readmem = lambda address, size: bytes(size)
    with pytest.raises(Unknown, match=reason):
        inside["over"].vmcoreinfo()


SECTIONS = {".init.text": 0x9000, ".text": 0x1000, ".exit.text": 0x2000, ".bss": 0x3000}


def test_gdb_gets_every_section_but_freed_ones(inside: dict[str, Any]) -> None:
    assert inside["lines"].gdb_command("/a/hello.ko", 0x1000, SECTIONS, False) == (
        "add-symbol-file /a/hello.ko 0x1000 -s .exit.text 0x2000 -s .bss 0x3000"
    )


def test_gdb_gets_init_sections_while_they_run(inside: dict[str, Any]) -> None:
    assert "-s .init.text 0x9000" in inside["lines"].gdb_command("/a.ko", 0x1000, SECTIONS, True)


def test_a_module_without_text_is_placed_by_its_base(inside: dict[str, Any]) -> None:
    assert inside["lines"].gdb_command("/a.ko", 0x5000, {".exit.text": 0x6000}, False) == (
        "add-symbol-file /a.ko 0x5000 -s .exit.text 0x6000"
    )


@pytest.mark.parametrize(
    ("word", "quoted"),
    [("/a/b-c_1.ko", "/a/b-c_1.ko"), ("/a b.ko", "'/a b.ko'"), ("/it's", "'/it\\'s'")],
)
def test_words_for_gdb_are_quoted(inside: dict[str, Any], word: str, quoted: str) -> None:
    assert inside["lines"].quoted(word) == quoted


def test_a_path_too_long_for_crash_becomes_a_descriptor(
    inside: dict[str, Any], tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 200) / ("e" * 100)
    deep.mkdir(parents=True)
    (deep / "a.ko").write_bytes(b"module")
    short = inside["lines"].short_path(str(deep / "a.ko"))
    assert short.startswith("/proc/self/fd/")
    assert Path(short).read_bytes() == b"module"


def test_gdb_looks_for_sources_where_explain_does(inside: dict[str, Any]) -> None:
    words, origins = ["/src/linux", "/build/x=/home/y"], ["/dump", "/ko", "/dump", "/with:colon"]
    assert inside["lines"].source_commands(words, origins) == [
        "set substitute-path /build/x /home/y",
        "directory /src/linux /dump /ko",
    ]
