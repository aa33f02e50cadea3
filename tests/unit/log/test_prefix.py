# SPDX-License-Identifier: GPL-2.0-or-later
"""One line of each carrier, as the tool in question writes it, and what must be left of it."""

from __future__ import annotations

import pytest

from crashext.engine.forms.prefix import MAX_LINE, Line, strip

TEXT = "BUG: kernel NULL pointer dereference, address: 0000000000000008"

CARRIERS = {
    "printk": (f"[   12.345678] {TEXT}", Line(1, TEXT, 12.345678)),
    "printk caller task": (f"[   12.345678][ T1234] {TEXT}", Line(1, TEXT, 12.345678, "T1234")),
    "printk caller cpu": (f"[   12.345678][    C1] {TEXT}", Line(1, TEXT, 12.345678, "C1")),
    "dmesg caller": (f"[   12.345678] [     T93] {TEXT}", Line(1, TEXT, 12.345678, "T93")),
    "no stamp": (TEXT, Line(1, TEXT)),
    "no stamp, caller": (f"[  T12] {TEXT}", Line(1, TEXT, None, "T12")),
    "level": (f"<1>[   12.345678] {TEXT}", Line(1, TEXT, 12.345678)),
    "level, no stamp": (f"<1>{TEXT}", Line(1, TEXT)),
    "crash log -m": (f"[   12.345678] <1>{TEXT}", Line(1, TEXT, 12.345678)),
    "dmesg -d": (f"[   12.345678 <    0.000012>] {TEXT}", Line(1, TEXT, 12.345678)),
    "dmesg -T": (f"[Tue Jan  2 10:00:00 2024] {TEXT}", Line(1, TEXT)),
    "crash log -T": (f"[Tue Jan  2 10:00:00 UTC 2024] {TEXT}", Line(1, TEXT)),
    "dmesg -e": (f"[Jan 2 10:00] {TEXT}", Line(1, TEXT)),
    "dmesg -e, delta": (f"[  +0.000012] {TEXT}", Line(1, TEXT)),
    "dmesg -x": (f"kern  :alert : [   12.345678] {TEXT}", Line(1, TEXT, 12.345678)),
    "dmesg iso": (f"2024-01-02T10:00:00,123456+01:00 {TEXT}", Line(1, TEXT)),
    "dmesg --color": (
        f"\x1b[32m[   12.345678] \x1b[0m\x1b[31m{TEXT}\x1b[0m",
        Line(1, TEXT, 12.345678),
    ),
    "syslog": (f"Dec 12 09:50:01 clu_1 kernel: {TEXT}", Line(1, TEXT, None, "", "clu_1", "kernel")),
    "syslog and printk": (
        f"Dec  2 09:50:01 clu_1 kernel: [   12.345678] {TEXT}",
        Line(1, TEXT, 12.345678, "", "clu_1", "kernel"),
    ),
    "rsyslog iso": (
        f"2024-01-02T10:00:00.123456+01:00 web.example kernel: [   12.345678][  T77] {TEXT}",
        Line(1, TEXT, 12.345678, "T77", "web.example", "kernel"),
    ),
    "rfc 5424": (
        f"<1>1 2024-01-02T10:00:00Z web kernel - - - {TEXT}",
        Line(1, TEXT, None, "", "web", "kernel"),
    ),
    "busybox syslogd": (
        f"Jan  1 00:00:20 router kern.alert kernel: [   12.345678] {TEXT}",
        Line(1, TEXT, 12.345678, "", "router", "kernel"),
    ),
    "openwrt logread": (
        f"Tue Jan  2 10:00:00 2024 kern.alert kernel: [   12.345678] {TEXT}",
        Line(1, TEXT, 12.345678, "", "", "kernel"),
    ),
    "journald short": (
        f"Jan 02 10:00:00 web kernel: {TEXT}",
        Line(1, TEXT, None, "", "web", "kernel"),
    ),
    "journald, another language": (
        f"июл 27 14:08:04 laptop kernel: {TEXT}",
        Line(1, TEXT, None, "", "laptop", "kernel"),
    ),
    "journald short-full": (
        f"Tue 2024-01-02 10:00:00 UTC web kernel: {TEXT}",
        Line(1, TEXT, None, "", "web", "kernel"),
    ),
    "journald short-unix": (
        f"1704189600.123456 web kernel: {TEXT}",
        Line(1, TEXT, None, "", "web", "kernel"),
    ),
    "journald short-monotonic": (
        f"[   12.345678] web kernel: {TEXT}",
        Line(1, TEXT, 12.345678, "", "web", "kernel"),
    ),
    "another program": (
        f"Dec 12 09:50:01 clu_1 abrt-server[44]: {TEXT}",
        Line(1, TEXT, None, "", "clu_1", "abrt-server"),
    ),
    "/dev/kmsg": (f"1,812,12345678,-;{TEXT}", Line(1, TEXT, 12.345678)),
    "/dev/kmsg, caller": (
        f"1,812,12345678,-,caller=T855;{TEXT}",
        Line(1, TEXT, 12.345678, "T855"),
    ),
    "netconsole, extended": (f"6.4.0,1,812,12345678,c;{TEXT}", Line(1, TEXT, 12.345678)),
    "netconsole, fragment": (
        f"1,812,12345678,-,ncfrag=0/63;{TEXT}",
        Line(1, TEXT, 12.345678),
    ),
    "serial": (f"[   12.345678] {TEXT}\r\r", Line(1, TEXT, 12.345678)),
    "serial, after a prompt": (f"debian login: [   12.345678] {TEXT}", Line(1, TEXT, 12.345678)),
    "after an unfinished record": (
        f"[   12.000000] nic0: link[   12.345678] {TEXT}",
        Line(1, TEXT, 12.345678),
    ),
    "before another record": (
        f"[   12.345678] {TEXT}[   12.400000] audit: type=1326",
        Line(1, TEXT, 12.345678),
    ),
    "after dropped messages": (
        f"** 93 printk messages dropped ** [   12.345678] {TEXT}",
        Line(1, TEXT, 12.345678),
    ),
    "console logger": (f"[2024-01-02 10:00:00] [   12.345678] {TEXT}", Line(1, TEXT, 12.345678)),
    "ci log": (f"2024-01-02T10:00:00.1234567Z [   12.345678] {TEXT}", Line(1, TEXT, 12.345678)),
    "mail quote": (f"> > [   12.345678] {TEXT}", Line(1, TEXT, 12.345678)),
    "android": (
        f"<1>[   12.345678]  (2)[1234:surfaceflinger]{TEXT}",
        Line(1, TEXT, 12.345678, "T1234"),
    ),
    "android, other vendor": (
        f"[   12.345678] [2:  kworker/2:1:  123] {TEXT}",
        Line(1, TEXT, 12.345678, "T123"),
    ),
    "lost blocks": (f"\0\0\0\0[   12.345678] {TEXT}", Line(1, TEXT, 12.345678)),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), CARRIERS.values(), ids=CARRIERS)
def test_prefix_is_taken_off(raw: str, expected: Line) -> None:
    assert strip(raw, 1) == expected


@pytest.mark.parametrize(
    "text",
    [
        "divide error: 0000 [#1] SMP",
        "Internal error: Oops: 96000004 [#1] SMP",
        "invalid opcode: 0000 [#1] SMP",
    ],
)
def test_a_header_behind_a_bare_stamp_is_no_syslog_line(text: str) -> None:
    assert strip(f"2024-01-02T10:00:00Z {text}", 1) == Line(1, text)


@pytest.mark.parametrize(
    "text",
    [
        " [<ffffffff810fdd4b>] SyS_delete_module+0x16b/0x2d0",
        " <TASK>",
        "<TASK>",
        "[ INFO: suspicious RCU usage. ]",
        "[    375]     0   375    14010     2008   102400      256          -250 systemd-journal",
        "[0000000000000008] pgd=0000000000000000",
    ],
)
def test_what_looks_like_a_prefix_stays(text: str) -> None:
    assert strip(f"[   12.345678] {text}", 1).text == text


def test_a_line_of_a_megabyte_is_cut() -> None:
    assert len(strip("[   12.345678] " + "x" * 1_000_000, 1).text) == MAX_LINE - 15
