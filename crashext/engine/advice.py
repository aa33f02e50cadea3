# SPDX-License-Identifier: GPL-2.0-or-later
"""What to do next, by kind of crash: a sentence, and where they help the commands for it.

Templates are filled with what the verdict knows ({rip}, {address}, {function}, {module}, {pid},
{culprit}); a step whose names are not known is left out rather than printed half.
"""

from __future__ import annotations

from typing import Optional

from crashext.engine.kinds import registry
from crashext.engine.model import Explanation, NextStep
from crashext.engine.template import fill
from crashext.engine.values.meaning import Classification


def next_steps(
    explanation: Explanation, reading: Optional[Classification] = None
) -> list[NextStep]:
    """The steps for the explanation's kind whose names are all known.

    ``reading``, how the pointer of a fault was read, may have a step of its own, which comes first,
    and may know that the kind's steps would mislead.
    """
    names: dict[str, str] = {}
    rip, culprit, access = explanation.rip, explanation.culprit, explanation.access
    if rip is not None and rip.address:
        names["rip"] = f"0x{rip.address:x}"
    if rip is not None and rip.symbol:
        names["function"] = rip.symbol
    if culprit is not None and culprit.function:
        names["culprit"] = names["function"] = culprit.function  # never a helper to read
    if access is not None and access.address is not None:
        names["address"] = f"0x{access.address:x}"
    if explanation.task is not None and explanation.task.pid is not None:
        names["pid"] = str(explanation.task.pid)
    steps: list[NextStep] = []
    if reading is not None and reading.advice:
        steps.append(NextStep(reading.advice))
    usual = registry.info(explanation.kind).advice
    for step in usual if reading is None or not reading.instead else ():
        text = fill(step.text, names)
        if text is not None:
            crash = fill(step.crash, names) if step.crash else None
            drgn = fill(step.drgn, names) if step.drgn else None
            steps.append(NextStep(text, crash, drgn))
    if rip is not None and rip.module:
        steps.append(NextStep(f"look at the module: mods {rip.module}", f"mods {rip.module}", None))
    return steps
