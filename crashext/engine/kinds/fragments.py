# SPDX-License-Identifier: GPL-2.0-or-later
"""Pieces of expressions that several families share."""

from __future__ import annotations

#: __die_header() prints the low 16 bits: always four digits.
DIE = r"(?P<error_code>[0-9a-f]{4}) \[#(?P<die_count>\d{1,9})\]"
#: arm and arm64: the syndrome register
ESR = r"(?P<error_code>[0-9a-f]{1,16}) \[#(?P<die_count>\d{1,9})\]"
#: arch/x86/mm/extable.c: early_fixup_exception(), before there is a die()
EARLY = (
    r"(?:rip|IP) [0-9a-f]{1,4}:(?P<instruction>[0-9a-f]{8,16}) error (?P<error_code>[0-9a-f]{1,16})"
    r" cr2 (?:0x)?(?P<address>[0-9a-f]{1,16})"
)
#: ``FILE:LINE``
SITE = r"(?P<bug_file>[^:\s]{1,200}):(?P<bug_line>\d{1,8})"
#: ``comm:pid`` or ``comm/pid``
TASK = r"(?P<comm>.{0,24})[:/](?P<pid>\d{1,10})"
#: ``comm/pid`` inside a report
TASK_SLASH = r"(?P<comm>.{0,24})/(?P<pid>\d{1,10})"
#: An address, or "(____ptrval____)"
POINTER = r"0x(?:[0-9a-f]{1,16}|\(\w{1,20}\))"
