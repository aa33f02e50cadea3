# SPDX-License-Identifier: GPL-2.0-or-later
"""Debug files from a debuginfod server, when one is configured and nothing else has them."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable

import pytest

from crashext.debugfiles import read_file
from crashext.lab.store import Dump
from tests.lab.doors import BIN


@pytest.fixture
def server(dump: Callable[..., Dump], tmp_path: Path) -> Iterator[str]:
    """The URL of a server that has vmlinux and the module of the crash."""
    for file in dump("null-write").symbols:
        directory = tmp_path / "served" / "buildid" / str(read_file(str(file)).build_id)
        directory.mkdir(parents=True)
        (directory / "debuginfo").symlink_to(file.resolve())
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_a_lone_dump_is_explained_with_its_files(
    server: str, dump: Callable[..., Dump], tmp_path: Path
) -> None:
    crash = dump("null-write")
    lone = tmp_path / "alone" / "vmcore"
    lone.parent.mkdir()
    lone.symlink_to(crash.vmcore)
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [str(BIN / "crashext"), "explain", "--json", str(lone)],
        env={**os.environ, **home, "DEBUGINFOD_URLS": server, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stderr == ""
    rip = json.loads(done.stdout)["rip"]
    assert (rip["file"].rpartition("/")[2], rip["line"]) == ("faults.c", crash.truth.line)
