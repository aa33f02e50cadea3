# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines that are no reports and yet signs: hardware errors, timeouts of disks, live patches,
clocks.

Only the lines near a report are looked at (those that the reader brings anyway).
"""

from __future__ import annotations

import re
from typing import Optional

from crashext.engine.lazy import Lazy
from crashext.engine.report import EventKind

#: Words, one of which every such line has: the cheap test before the expressions.
_WORDS = re.compile(
    r"EDAC|Hardware Error|[Ss]oft.?offlin|Memory failure|AER: |DMAR: |AMD-Vi|above threshold"
    r"|timeout|I/O error|EXT4-fs error|XFS \(|BTRFS|hard resetting link|SATA link down|livepatch: "
    r"|out-of-tree module|module verification|locksource|hrtimer: interrupt took|controller is down"
)
_EXPRESSIONS: tuple[tuple[EventKind, Lazy[str]], ...] = (
    (
        "hardware",
        Lazy(
            r"EDAC \w+: .*(?:error|[CU]E )|\[Hardware Error\](?!: Hardware error from APEI)"
            r"|[Ss]oft.?offlin|Memory failure: 0x"
            r"|AER: .*(?:error|Error)|(?:DMAR|AMD-Vi): .*(?:fault|FAULT)"
            r"|temperature above threshold"
        ),
    ),
    (
        "storage",
        Lazy(
            r"nvme.*(?:timeout|controller is down)|blk_update_request|print_req_error"
            r"|critical \w+ error|I/O error|task abort|(?:virtio|hctx).*timeout"
            r"|(?:ata\d|scsi|sd |sr |mmc\d).*(?:timeout|timed out|hard resetting"
            r" link|SATA link down)"
        ),
    ),
    (
        "file-system",
        Lazy(r"EXT4-fs error|XFS \(.*(?:[Cc]orrupt|I/O error|shut)|BTRFS.*(?:error|corrupt)"),
    ),
    (
        "livepatch",
        Lazy(r"livepatch: .{0,80}(?:enabling patch|starting|patching complete)"),
    ),
    ("livepatch", Lazy(r"livepatch: enabling patch")),
    ("module", Lazy(r".{1,64}: (?:loading out-of-tree module|module verification failed)")),
    (
        "clock",
        Lazy(
            r"clocksource: .*(?:unstable|skew|watchdog)|Clocksource \S+ unstable"
            r"|hrtimer: interrupt took"
        ),
    ),
)


def event_of(text: str) -> Optional[EventKind]:
    """What a line is a sign of, or None for nearly all."""
    if _WORDS.search(text) is None:
        return None
    return next((kind for kind, expression in _EXPRESSIONS if expression.search(text)), None)
