# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab makes what it says: real dumps with the truth beside them, in every format."""

from __future__ import annotations

import concurrent.futures
import json
import re
from pathlib import Path
from typing import Any, Callable

import drgn
import pytest

from crashext.errors import CrashextError
from crashext.lab import tools
from crashext.lab.cache import Cache
from crashext.lab.dump import IncompleteDump, check_filtered, filter_pages, filter_safely
from crashext.lab.kernels import Kernel
from crashext.lab.run import Request, run
from crashext.lab.store import Dump
from crashext.lab.truth import markers

GetDump = Callable[..., Dump]


@pytest.fixture(params=["elf", "kdump", "kdump-real"])
def crash(request: pytest.FixtureRequest, dump: GetDump) -> Dump:
    return dump("null-write", dump=request.param)


def program(crash: Dump) -> drgn.Program:
    prog = drgn.Program()
    prog.set_core_dump(str(crash.vmcore))
    prog.load_debug_info([str(path) for path in crash.symbols])
    return prog


def test_drgn_reads_the_dump_and_finds_the_faulting_line(crash: Dump) -> None:
    prog = program(crash)
    trace = prog.crashed_thread().stack_trace()
    places = [frame.source() for frame in trace if frame.name == "fault_null_write"]
    assert places[0][:2] == (str(crash.source / "faults.c"), crash.truth.line)


def test_log_holds_the_report(crash: Dump) -> None:
    log = crash.dmesg.read_text()
    assert re.search(r"Oops: (Oops: )?0002 \[#1\]", log)
    assert "RIP: 0010:fault_null_write+0x" in log


def test_log_of_a_capture_kernel_ends_before_the_final_panic_line(dump: GetDump) -> None:
    # crash_kexec() comes before panic() says its last line.
    assert "end Kernel panic" not in dump("null-write", dump="kdump-real").dmesg.read_text()
    assert "end Kernel panic" in dump("null-write", dump="elf").dmesg.read_text()


def test_filtered_dump_is_makedumpfiles_and_small(dump: GetDump) -> None:
    vmcore = dump("null-write", dump="kdump").vmcore
    assert vmcore.open("rb").read(8) == b"KDUMP   "
    assert vmcore.stat().st_size < 64 << 20


def test_full_dump_has_its_program_headers_where_makedumpfile_looks(dump: GetDump) -> None:
    head = dump("null-write").vmcore.open("rb").read(64)
    assert int.from_bytes(head[32:40], "little") == 64
    assert int.from_bytes(head[52:54], "little") == 64


def test_truth_names_the_marked_line(dump: GetDump) -> None:
    crash = dump("null-write")
    truth = json.loads((crash.out / "truth.json").read_text())
    assert (truth["kind"], truth["access"], truth["variable"]) == ("null-deref", "write", "p")
    assert truth["file"] == "faults.c"
    assert truth["line"] == markers((crash.source / "faults.c").read_text())["null-write"]


def test_record_says_how_to_open_the_dump(dump: GetDump) -> None:
    crash = dump("null-write")
    record: dict[str, Any] = json.loads((crash.out / "lab.json").read_text())
    assert record["kernel"]["release"].startswith("6.1.")
    assert record["open"]["crash"] == f"crash {crash.vmlinux} {crash.vmcore}"


def test_same_crash_is_not_made_twice(dump: GetDump) -> None:
    assert dump("null-write").vmcore.stat().st_mtime == dump("null-write").vmcore.stat().st_mtime


def test_guests_side_by_side_do_not_clash(
    tmp_path: Path, template_module: Path, kernel: Callable[..., Kernel], lab_cache: Cache
) -> None:
    faults = ("null-write", "bug")
    requests = [Request(template_module, fault, tmp_path / fault) for fault in faults]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda request: run(request, kernel(), lab_cache), requests))
    for fault, result in zip(faults, results):
        log = result.dmesg.read_text()
        assert f"fault_{fault.replace('-', '_')}+0x" in log
        assert json.loads(result.truth.read_text())["fault"] == fault


@pytest.mark.parametrize("release", ["5.10", "6.12", "newest"])
def test_other_kernels_crash_as_well(dump: GetDump, release: str) -> None:
    crash = dump("null-write", kernel=release, dump="kdump")
    trace = program(crash).crashed_thread().stack_trace()
    lines = [frame.source()[1] for frame in trace if frame.name == "fault_null_write"]
    assert lines == [crash.truth.line]


def test_makedumpfile_too_old_for_the_kernel_is_noticed(
    dump: GetDump, lab_cache: Cache, tmp_path: Path
) -> None:
    # 1.7.2 drops slab pages of a 6.12, says nothing and ends with status 0.
    crash = dump("null-write", kernel="6.12")
    old = tools.get("makedumpfile", "bookworm", lab_cache)
    filter_pages(crash.vmcore, tmp_path / "vmcore", old.path)
    with pytest.raises(IncompleteDump, match="pages of the slab caches are missing"):
        check_filtered(tmp_path / "vmcore", crash.vmlinux)


def test_filter_falls_back_to_what_is_safe(dump: GetDump, lab_cache: Cache, tmp_path: Path) -> None:
    crash = dump("null-write", kernel="6.12")
    old = tools.get("makedumpfile", "bookworm", lab_cache)
    vmcore = tmp_path / "vmcore"
    assert filter_safely(crash.vmcore, vmcore, crash.vmlinux, old.path) == 1
    check_filtered(vmcore, crash.vmlinux)


def test_arm64_crashes_as_well(dump: GetDump) -> None:
    crash = dump("null-write", arch="arm64")
    log = crash.dmesg.read_text()
    assert "ESR = 0x0000000096000046" in log
    offset = int(re.findall(r"pc : fault_null_write\+0x([0-9a-f]+)/", log)[0], 16)
    prog = program(crash)
    place = prog.source_location(prog.symbol("fault_null_write").address + offset)[0]
    assert (Path(place.filename).name, place.line) == ("faults.c", crash.truth.line)


def test_arm64_is_not_filtered_by_a_makedumpfile_of_x86(
    tmp_path: Path, template_module: Path
) -> None:
    other = Kernel("6.1", "6.1", "bookworm", "arm64", tmp_path)
    request = Request(template_module, "null-write", tmp_path / "out", "kdump")
    with pytest.raises(CrashextError, match="no --dump kdump for arm64: use --dump elf"):
        run(request, other)
