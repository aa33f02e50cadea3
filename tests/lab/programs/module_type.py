# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: F403, F405 (PyKdump programs import everything)
# mypy: ignore-errors
"""Prints the size of a module's struct, and makes itself a crash command at the first run."""

from pykdump.API import *

if "module_type" not in crash.get_epython_cmds():
    register_epython_prog(
        "module_type", "size of struct lkm_request", "[--maxel N]", "Prints one number.\n"
    )
print("SIZE", getSizeOf("struct lkm_request"), sys.argv[1:])
