# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- a table that is searched by line
"""Lines that may stand in any report and that no field has room for."""

from __future__ import annotations

import re

from crashext.engine.lazy import Lazy

#: Lines that any report may hold and that say nothing a field has room for.
PADDING = re.compile(
    r"(?:PGD |\*pdpt? |\*pde |\[[0-9a-f]{8,16}\] |pgd = |user pgtable: |swapper pgtable: |Mem abort info:"
    r"|Data abort info:|  (?:EC|SET|EA|FSC|ISV|CM|GCS) |task: |Process |Stack ?:|Thread |Flags: |Control: "
    r"|Faulting instruction address|DR[0-9]: |Dumping ftrace|\(ftrace buffer empty\)|[-=]{20,}"
    r"|Disabling lock debugging|Kernel Offset: |PHYS_OFFSET: |CPU features: |Memory Limit: |SMP: stopping"
    r"|Shutting down cpus|Rebooting in|Fixing recursive fault|note: |INFO: lockdep is turned off"
    r"|Memory state around|page:|flags: |raw: |page dumped because|irq event stamp|(?:hard|soft)irqs last "
    r"|other info that might|the existing dependency|(?:but|which lock) |\"echo 0 >|Tainted: \[)"
)
#: Rows of a hex dump: old stack dumps, KASAN's shadow, a page's raw words.
HEX_ROW = Lazy(
    r"[ >\t]*(?:[0-9a-f]{4,16}: ?)?(?:(?:[0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{2}|\?{2})[ \[\]<>]{1,40}){2,}"
    r"(?:[0-9a-f]{1,16}\]?)?(?:  .{0,40})?\s*$"
)
