# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that crash has open, by absolute path."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Optional

import _crashext


@dataclass(frozen=True)
class Opened:
    """What this session was started with. ``kernels``: the files with the kernel's symbols and
    debug info, the one with debug info first."""

    kernels: tuple[str, ...]
    dump: Optional[str]  # None on a live system
    live: bool


@functools.cache
def opened() -> Opened:
    """Called first when crashext.so is loaded: crash keeps the paths as they were typed, and
    they are relative to the directory it was started in."""
    session = _crashext.session()
    names = (session["debuginfo_file"], session["namelist_debug"], session["namelist"])
    kernels = tuple(dict.fromkeys(os.path.abspath(name) for name in names if name))
    dump = None if session["live"] else session["dumpfile"]
    return Opened(kernels, os.path.abspath(dump) if dump else None, session["live"])
