# SPDX-License-Identifier: GPL-2.0-or-later
"""PyKdump's module ``pykdump.tparser``: its names, at their homes in this package."""

from __future__ import annotations

from crashext.pykdump.declarations import (  # noqa: F401
    CDefine,
    CEnum,
    parser_header_tabs,
    parseSUDef,
)
