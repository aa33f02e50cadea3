# SPDX-License-Identifier: GPL-2.0-or-later
"""Next steps that several kinds share."""

from __future__ import annotations

from crashext.engine.kinds.family import Step

READ_FUNCTION = Step(
    "read {function} up to the faulting line: who should have set the pointer, and on which path "
    "is it not set?",
    "dis -s {rip}",
    "prog.source_location({rip})",
)
LOOK_AT_OBJECT = Step(
    "ask what lives at the bad address and who frees it",
    "kmem {address}",
    "identify_address({address})",
)
SLUB_DEBUG = Step(
    "boot with slub_debug=FZPU (or a KASAN kernel) and reproduce: the report then names the "
    "places that allocated and freed the object"
)
ALL_TASKS = Step(
    "see what every blocked task waits for",
    "foreach UN bt",
    "[t for t in for_each_task(prog) if t.__state.value_() & 2]",
)
ALL_CPUS = Step("see what the CPUs were doing", "bt -a", "[prog.crashed_thread(), *prog.threads()]")
LOG_BEFORE = Step("read the log just before the crash for the first sign of trouble", "log | tail")
