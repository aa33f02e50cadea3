# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table row is one fact; an expression broken over lines cannot be searched for
"""Lines inside the reports of several families."""

from __future__ import annotations

from crashext.engine.kinds.family import Section

# fmt: off
#: nmi_trigger_cpumask_backtrace(): the other CPUs
NMI = (
    Section(r"NMI backtrace for cpu (?P<nmi_cpu>\d{1,6})(?! skipped)", "cpu {nmi_cpu}", first_is_main=True, foreign=True),
)
#: mm/slub.c: print_track(), print_trailer(): the object's past and where it is damaged
SLUB = (
    Section(r"(?:INFO: )?Allocated in (?P<allocated_in>\S{1,200}(?: \[[^\]]{1,80}\])?) age=", "allocated"),
    Section(r"(?:INFO: )?Freed in (?P<freed_in>\S{1,200}(?: \[[^\]]{1,80}\])?) age=", "freed"),
    Section(r"(?:INFO: |\[.{1,40}\] )?(?:0x(?:[0-9a-f]{1,16}|\(\w{1,20}\))-0x(?:[0-9a-f]{1,16}|\(\w{1,20}\)))(?: @offset=(?:\d{1,9}))?\. First byte (?P<first_byte>0x[0-9a-f]{1,2}) instead of (?P<expected_byte>0x[0-9a-f]{1,2})"),
    Section(r"(?:INFO: )?Object (?P<object>0x(?:[0-9a-f]{1,16}|\(\w{1,20}\))) @offset=(?:\d{1,9})"),
    Section(r"(?:INFO: )?Slab (?:0x(?:[0-9a-f]{1,16}|\(\w{1,20}\))) objects=(?:\d{1,9})"),
    Section(r"(?:Redzone|Object|Padding|Bytes b4|\]?[0-9a-f]{8,16}) +(?:[0-9a-f]{8,16}|\(\w{1,20}\)): "),
    Section(r"(?:FIX \S{1,64}: .{1,120})"),
)
# fmt: on
