# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- lines of a log
"""What carriers write, and the logical lines that it is: text and the number in the file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma

import pytest

from crashext.engine.forms.disassembly import code_line
from crashext.engine.forms.packed import plain
from crashext.engine.forms.prefix import strip
from crashext.engine.log import scan
from crashext.engine.log.reader import logical_lines
from crashext.errors import CrashextError

OOPS = "BUG: kernel NULL pointer dereference, address: 0000000000000008"


def lines_of(text: str) -> list[tuple[int, str]]:
    """Number and text of the lines that are not empty."""
    return [(x.number, x.text.strip()) for x in logical_lines(text.encode()) if x.text.strip()]


@pytest.mark.parametrize(
    "raw",
    [
        "12월 12 09:50:01 host kernel: {}",
        "12月 12 09:50:01 kernel: {}",
        "Dez 12 09:50:01 host kernel: {}",
        "joulu 12 09:50:01 host kernel: {}",
        "Tue 2023-12-12 09:50:01 CEST host kernel: {}",
        "2023-12-12T09:50:01+0100 host kernel: {}",
        "[36853.462029] kernel: {}",
        "2023-12-12T09:50:01.123456789Z stdout F {}",
        "2023-12-12T09:50:01.123456789Z stderr F [   12.345678] {}",
        "01-02 03:04:05.678     0     0 W KERNEL  : {}",
        "[09:50:01.123] {}",
        "[2.345678 0.000012] [   12.345678] {}",
        "00515 {}",
        "00: {}",
        "root@demo:~# {}",
        "[root@host log]# {}",
        "crash> {}",
        "1702374601123 {}",
        "> > | {}",
        "AB> {}",
        "6,1234,12345678,-;{}",
        "    <1>[   12.345678] {}",
        "\x1b]0;title\x07\x1b[31m{}\x1b[0m",
        "^[[31m{}^[[0m",
        "<code>{}</code>",
    ],
)
def test_a_prefix_or_frame_is_taken_off(raw: str) -> None:
    assert strip(raw.format(OOPS), 1).text.strip() == OOPS


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        (["[    1.000000]  [<ffffffffc116e500>] ?", "f.isra.2+0x260/0x260 [m]"],
         "[<ffffffffc116e500>] ? f.isra.2+0x260/0x260 [m]"),
        (["[    1.000000]  checkpoint_of_the_log+0x149/0x300 [demolog",
          "fe085bf250f00c1909bc8f60167717c81ef52839]"],
         "checkpoint_of_the_log+0x149/0x300 [demolog fe085bf250f00c1909bc8f60167717c81ef52839]"),
        (["RAX: 0000000000000000 RBX: ffff9a41c2b43400 RCX: 00000000", "00000001"],
         "RAX: 0000000000000000 RBX: ffff9a41c2b43400 RCX: 0000000000000001"),
        (["RAX: 0000000000000000 RBX: ffff9a41c2b43400 RC", "X: 0000000000000001"],
         "RAX: 0000000000000000 RBX: ffff9a41c2b43400 RCX: 0000000000000001"),
        (["[    1.000000] Code: 48 8b 45 10 48 85 c0 74 1e <8", "b> 50 18 89 53"],
         "Code: 48 8b 45 10 48 85 c0 74 1e <8b> 50 18 89 53"),
        (["[    1.000000] Code: 48 8b 45 10 48 85 c0 74 1e", "<50> 18 89 53"],
         "Code: 48 8b 45 10 48 85 c0 74 1e <50> 18 89 53"),
        (["BUG: kernel NULL pointer dereference, address: 00000000", "00000008"], OOPS),
        (["BUG: kernel NULL pointer dereference, address:", "0000000000000008"], OOPS),
        (["general protection fault, probably for non-canonical",
          "address 0xdead000000000100: 0000 [#1] SMP"],
         "general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP"),
        (["INFO: task jbd2/demo0p2-8:127 blocked for more than 122", "seconds."],
         "INFO: task jbd2/demo0p2-8:127 blocked for more than 122 seconds."),
        (["RIP: 0010:native_queued_spin_lock_slowpath+0x19d/0x1e0", "[wgt]"],
         "RIP: 0010:native_queued_spin_lock_slowpath+0x19d/0x1e0 [wgt]"),
        (["[<c0109a30>] (unwind_backtrace_of_it) from", "[<c0105f90>] (show_stack+0x10/0x14)"],
         "[<c0109a30>] (unwind_backtrace_of_it) from [<c0105f90>] (show_stack+0x10/0x14)"),
    ],
)  # fmt: skip
def test_a_wrapped_line_is_whole(lines: list[str], whole: str) -> None:
    assert lines_of("\n".join(lines)) == [(1, whole)]


@pytest.mark.parametrize(
    "lines",
    [
        ["Oops: 0000 [#1] PREEMPT SMP NOPTI with a long tail", "CPU: 1 PID: 2 Comm: a Not tainted"],
        [" some_function_with_a_name+0x10/0x20 [module]", " other_function+0x1/0x2"],
        ["RAX: 0000000000000000 RBX: 0000000000000000 RCX: 0000000000000000", "CR2: 0000000000000008"],
        ["Modules linked in: one two three four five six seven", "CR2: 0000000000000008"],
        ["[    1.000000] ---[ end trace 0000000000000000 ]---", "Thanks for looking at it"],
        ["> [    1.000000] RIP: 0010:some_function_with_a_name+0x1/0x2", "That one looks wrong."],
    ],
)  # fmt: skip
def test_two_lines_stay_two(lines: list[str]) -> None:
    assert [number for number, _ in lines_of("\n".join(lines))] == [1, 2]


def test_a_report_names_the_lines_of_the_file() -> None:
    text = (
        "Hello,\n\n[    1.0] BUG: kernel NULL pointer dereference, address:\n0000000000000008\n"
        "[    1.0] Oops: 0000 [#1] SMP\n[    1.0] CPU: 1 PID: 2 Comm: a Not tainted\n6.1.0 #1\n"
    )
    report = scan(io.BytesIO(text.encode())).reports[0]
    assert (report.first_line, report.last_line, report.release) == (3, 7, "6.1.0")


VERBOSE = """\
Tue 2023-12-12 09:50:01.123456 CET [s=ab;i=1;b=cd;m=1;t=1;x=1]
    _TRANSPORT=kernel
    _SOURCE_MONOTONIC_TIMESTAMP=12345678
    SYSLOG_IDENTIFIER=kernel
    MESSAGE={}
Tue 2023-12-12 09:50:02.123456 CET [s=ab;i=2;b=cd;m=2;t=2;x=2]
    SYSLOG_IDENTIFIER=sshd
    MESSAGE=BUG: unable to handle a login
"""
EXPORT = (
    "__CURSOR=s=ab\n_TRANSPORT=kernel\nMESSAGE={}\n_SOURCE_MONOTONIC_TIMESTAMP=12345678\n\n"
    "__CURSOR=s=cd\n_TRANSPORT=syslog\nSYSLOG_IDENTIFIER=sshd\nMESSAGE=hello\n"
)
PRETTY = (
    '{{\n\t"__CURSOR" : "s=ab",\n\t"MESSAGE" : "{}",\n\t"_TRANSPORT" : "kernel",\n'
    '\t"_SOURCE_MONOTONIC_TIMESTAMP" : "12345678"\n}}\n'
)
DMESG_JSON = (
    '{{\n   "dmesg": [\n      {{\n         "pri": 1,\n         "time":   12.345678,\n'
    '         "msg": "{}"\n      }}\n   ]\n}}\n'
)


@pytest.mark.parametrize(
    ("text", "number"), [(VERBOSE, 5), (EXPORT, 3), (PRETTY, 3), (DMESG_JSON, 6)]
)
def test_records_become_lines_of_the_kernel(text: str, number: int) -> None:
    line = next(x for x in logical_lines(text.format(OOPS).encode()) if x.text == OOPS)
    assert (line.number, line.time) == (number, 12.345678)


def test_parts_of_pstore_are_put_in_order() -> None:
    text = "Oops#1 Part1\n<4>[    3.0] c\nOops#1 Part2\n<4>[    1.0] a\n<4>[    2.0] b\n"
    assert lines_of(text) == [(4, "a"), (5, "b"), (2, "c")]


def test_mail_with_the_report_in_a_base64_part_beside_a_page() -> None:
    text = (
        "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=xx\n\n--xx\n"
        "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n"
        "BUG: kernel NULL pointer dereference, addre=\nss: 0000000000000008\n--xx\n"
        "Content-Type: text/html\n\n<pre>BUG: kernel NULL pointer dereference</pre>\n--xx--\n"
    )
    assert lines_of(text) == [(8, OOPS)]


PACKERS = [
    pytest.param(pack, id=name)
    for name, pack in (("gzip", gzip.compress), ("xz", lzma.compress), ("bzip2", bz2.compress))
]


@pytest.mark.parametrize("pack", PACKERS)
def test_packed_text(pack) -> None:  # type: ignore[no-untyped-def]
    data = OOPS.encode() * 20_000
    assert b"".join(plain(iter((pack(data)[:-40], pack(data)[-40:])))) == data
    assert b"".join(plain(iter((pack(data) + pack(b"more"),)))) == data + b"more"


@pytest.mark.parametrize("pack", PACKERS)
def test_packed_text_that_is_cut(pack) -> None:  # type: ignore[no-untyped-def]
    data = bytes(range(97, 123)) * 5000
    assert data.startswith(b"".join(plain(iter((pack(data)[:-9],)))))


def test_what_is_unpacked_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashext.engine.forms.packed.MAX_UNPACKED", 1 << 20)
    size = sum(map(len, plain(iter((gzip.compress(bytes(1 << 26)),)))))
    assert size < 2 << 20


def test_zstd_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(CrashextError, match="packed with zstd"):
        list(plain(iter((b"\x28\xb5\x2f\xfd" + bytes(20),))))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_encodings(encoding: str) -> None:
    assert b"".join(plain(iter(((OOPS + "\n").encode(encoding),)))) == (OOPS + "\n").encode()


def test_a_disassembly_is_a_code_line() -> None:
    lines = [
        "All code", "========", "   0:\t48 85 c0             \ttest   %rax,%rax",
        "   3:*\t8b 50 18             \tmov    0x18(%rax),%edx\t\t<-- trapping instruction", "",
        "Code starting with the faulting instruction", "   0:\t8b 50 18 \tmov    0x18(%rax),%edx",
    ]  # fmt: skip
    assert code_line(lines) == "Code: 48 85 c0 <8b> 50 18"
    assert code_line(lines[:2] + lines[3:]) is None


def test_a_lone_carriage_return_ends_a_line() -> None:
    assert lines_of(f"one\r{OOPS}\rthree") == [(1, "one"), (2, OOPS), (3, "three")]


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("RAX: ffffa3c1407d5000 RBX: ffff9a41c2>", "RAX: ffffa3c1407d5000 RBX:"),
        ("[    1.000000]  demo_ioctl+0x6c/0x1>", "demo_ioctl"),
        ("[    1.000000]  demo_ioctl+0x6c/0x110 [dem>", "demo_ioctl+0x6c/0x110"),
        ("[    1.000000]  <TASK>", "<TASK>"),
        ("Code: 48 8b 45 10 <8b>", "Code: 48 8b 45 10 <8b>"),
        ("[    1.000000]  RSP <ffff880135183d60>", "RSP <ffff880135183d60>"),
    ],
)
def test_a_line_that_was_cut_at_a_column(raw: str, kept: str) -> None:
    assert lines_of(raw) == [(1, kept)]


def test_half_a_register_is_none() -> None:
    text = (
        "divide error: 0000 [#1] SMP\nRIP: 0010:f+0x1/0x2\n"
        "RAX: ffffa3c1407d5000 RBX: ffff9a41c2b4 RCX: 0000000000000001\n"
    )
    registers = scan(io.BytesIO(text.encode())).reports[0].registers
    assert registers == {"rax": 0xFFFFA3C1407D5000, "rcx": 1}
