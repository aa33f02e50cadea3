# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that several commands share, spelled the same everywhere."""

from __future__ import annotations

import argparse

from crashext.targets.base import Target


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """``--json`` and ``-v``."""
    parser.add_argument("--json", action="store_true", help="print JSON (schema crashext/1)")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="registers, evidence, whole stack"
    )


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Where source files and module files are looked for."""
    parser.add_argument(
        "--source-dir",
        metavar="DIR",
        action="append",
        default=[],
        help="directory with the sources, or OLD=NEW to map a path prefix (may be repeated)",
    )
    parser.add_argument(
        "-S",
        dest="module_dir",
        metavar="DIR",
        action="append",
        default=[],
        help="directory with module files (.ko, .ko.debug; may be repeated)",
    )


def apply_source_options(target: Target, args: argparse.Namespace) -> None:
    """Hands ``--source-dir`` and ``-S`` to the target, before its first question."""
    for directory in args.source_dir:
        if directory not in target.source_dirs:
            target.source_dirs.append(directory)
    for directory in args.module_dir:
        if directory not in target.module_dirs:
            target.module_dirs.append(directory)
