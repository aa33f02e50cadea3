# SPDX-License-Identifier: GPL-2.0-or-later
"""``sys_info``, the common options, and the alias under which programs import the package."""

from __future__ import annotations

import importlib
import io
import sys

import pytest

from tests.unit.pykdump.conftest import FakeCrash

# crash 8.0.2 on a dump of Debian's kernel 6.1
SYS = """\
      KERNEL: /boot/vmlinux-6.1.0-56-cloud-amd64  [TAINTED]
    DUMPFILE: vmcore  [PARTIAL DUMP]
        CPUS: 2 [OFFLINE: 1]
        DATE: Tue Nov 24 08:02:29 UTC 2026
      UPTIME: 00:00:01
LOAD AVERAGE: 0.00, 0.00, 0.00
     RELEASE: 6.1.0-56-cloud-amd64
     MACHINE: x86_64  (2596 Mhz)
       PANIC: "Oops: 0002 [#1] PREEMPT SMP NOPTI" (check log for details)
"""


def test_sys_info() -> None:
    from crashext.pykdump.session import sys_info_from

    info = sys_info_from(SYS)
    assert (info.CPUS, info.machine, info.RELEASE) == (2, "x86_64", "6.1.0-56-cloud-amd64")
    assert info["LOAD AVERAGE"] == "0.00, 0.00, 0.00"
    assert info.PANIC == '"Oops: 0002 [#1] PREEMPT SMP NOPTI" (check log for details)'
    assert (info.kernel > "5.10", info.kernel < "6.2") == (True, True)
    assert (info.livedump, info.DebugDir) == (False, "/boot")
    assert info.debuginfo[0] == "/usr/lib/debug/lib/modules/6.1.0-56-cloud-amd64"


def test_several_dump_files() -> None:
    from crashext.pykdump.session import sys_info_from

    info = sys_info_from("   DUMPFILES: vmcore1 [PARTIAL DUMP]\n              vmcore2\n")
    assert info.DUMPFILE == "vmcore1,vmcore2"


def test_common_options_are_taken_out() -> None:
    from crashext.pykdump.options import split_common_options

    words = ["-v", "--timeout", "30", "--maxel=5", "file", "--own", "--debug", "1"]
    assert split_common_options(words) == (
        ["--timeout", "30", "--maxel=5", "--debug", "1"],
        ["-v", "file", "--own"],
    )


def test_common_options_take_effect(crash: FakeCrash) -> None:
    from crashext.pykdump import lists, options

    argv = ["prog", "--maxel", "7", "--timeout=9", "x"]
    options.take_common_options(argv)
    try:
        assert (argv, lists.default_maxel(), crash.default_timeout) == (["prog", "x"], 7, 9)
    finally:
        options.take_common_options(["prog"])


def test_alias_gives_the_same_module(monkeypatch: pytest.MonkeyPatch) -> None:
    import crashext.pykdump as package

    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "pykdump"]:
        monkeypatch.delitem(sys.modules, name)
    package.install_alias()
    alias = importlib.import_module("pykdump")
    declarations = importlib.import_module("pykdump.declarations")
    from crashext.pykdump import declarations as real

    assert alias is package
    assert declarations is real
    assert real.__spec__ is not None
    assert real.__spec__.name == "crashext.pykdump.declarations"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("pykdump.nosuch")
    for name in [name for name in sys.modules if name.split(".")[0] == "pykdump"]:
        monkeypatch.delitem(sys.modules, name)


def test_alias_stays_away_inside_upstream_pykdump(
    crash: FakeCrash, monkeypatch: pytest.MonkeyPatch
) -> None:
    import crashext.pykdump as package

    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(crash, "gdb_typeinfo", object(), raising=False)
    before = list(sys.meta_path)
    package.install_alias()
    assert sys.meta_path == before


def test_too_old_a_runtime_is_refused() -> None:
    from crashext.pykdump import __version__, require_cmod_version

    require_cmod_version(__version__)
    with pytest.raises(ImportError, match=r"needs PyKdump 99\.0"):
        require_cmod_version("99.0")


def test_pylog_sums_up_once(capsys: pytest.CaptureFixture[str]) -> None:
    from crashext.pykdump.pylog import PyLog

    log = PyLog()
    log.warning("bad list", 5)
    log.warning("bad list", 5)
    log.info("a note")
    capsys.readouterr()
    log.onexit()
    out = capsys.readouterr().out
    assert out.count("bad list 5") == 1
    assert "A Summary Of Problems Found" in out
    assert "a note" in out
    log.cleanup()
    log.onexit()
    assert capsys.readouterr().out == ""


def test_bytes_go_to_a_text_stream() -> None:
    from crashext.pykdump.output import offer_bytes

    class Text(io.TextIOBase):
        written = ""

        def write(self, text: str) -> int:
            self.written += text
            return len(text)

    stream = Text()
    offer_bytes(stream)
    assert stream.buffer.write("└┬┘ ".encode() + b"\xff") == 11  # type: ignore[attr-defined]
    assert stream.written == "└┬┘ \\xff"


def test_frames_of_text() -> None:
    from crashext.pykdump.Misc import AA_Node, EmbeddedFrames

    frame = EmbeddedFrames("ns")
    frame.addText("one\ntwo")
    assert str(frame) == " +---ns---+\n | one    |\n | two    |\n +--------+"
    root = AA_Node(1)
    AA_Node(2, root)
    branch = AA_Node(3)
    AA_Node(4, branch)
    assert not branch.glue(root)
    AA_Node(3, root)
    assert branch.glue(root)
    assert str(root.HorTree()) == (
        "┌─┐\n│1│\n└┬┘\n │  ┌─┐\n ├──┤2│\n │  └─┘\n │  ┌─┐\n └──┤3│\n    └┬┘\n"
        "     │  ┌─┐\n     └──┤4│\n        └─┘"
    )
