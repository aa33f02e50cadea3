# SPDX-License-Identifier: GPL-2.0-or-later
"""The one-line title of a crash, and the bucket that groups the same bug.

Both hold no address, pid, CPU, count, time or compiler suffix, so that the same bug has the same
title on every boot, build and machine. The bucket is finer: kind and the first frames after the
helpers, so that two different callers of one function stay apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Optional

from crashext.engine import kinds
from crashext.engine.blame import roles
from crashext.engine.blame.names import normalise
from crashext.engine.kinds import registry
from crashext.engine.kinds.family import Anchor
from crashext.engine.lazy import Lazy
from crashext.engine.model import Explanation, StackFrame
from crashext.engine.report import Report
from crashext.engine.values.meaning import Classification

#: Frames after the culprit that go into the bucket.
BUCKET_FRAMES = 3

_VERB = {"read": "read", "write": "write", "execute": "call"}

_UNSTABLE = Lazy(
    r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,16}\b|(?<=[:#/ =(,])\d+(?=\b)|\bCPU ?#?\d+\b|\bpid[: ]\d+"
)


def stable_words(text: str) -> str:
    """A message without what changes from boot to boot: numbers and addresses become ``N``."""
    return re.sub(r"\s+", " ", _UNSTABLE.sub("N", text)).strip()


def shorten(message: str, limit: int = 70) -> str:
    """The first sentence of a message, cut at a word when it is longer than ``limit``."""
    sentence = re.split(r"\n|\. ", message, maxsplit=1)[0].strip()
    if len(sentence) <= limit:
        return sentence
    return sentence[:limit].rsplit(" ", 1)[0] + " …"


def title(
    kind: str,
    *,
    function: Optional[str] = None,
    module: Optional[str] = None,
    access: Optional[str] = None,
    detail: Optional[str] = None,
) -> str:
    """``NULL pointer write in hello_cleanup [hello_2]``.

    ``detail`` is a stable word or two that the report gives ("slab-out-of-bounds", the panic
    message); ``access`` "read", "write" or "execute".
    """
    phrase = registry.info(kind).title
    if "{access}" in phrase:
        phrase = phrase.format(access=_VERB.get(access or "", "access"))
    elif "{in_access}" in phrase:
        phrase = phrase.format(in_access=f" ({_VERB[access]})" if access in _VERB else "")
    if kind == kinds.LIST_CORRUPTION and detail:
        operation = re.match(r"list_(?:add|del)", detail)
        phrase, detail = phrase + (f" ({operation.group()})" if operation else ""), None
    if detail:
        phrase = f"{phrase}: {stable_words(detail)}"
    if function is None:
        return phrase + (f" in [{module}]" if module else "")
    return f"{phrase} in {normalise(function)}" + (f" [{module}]" if module else "")


def _detail(kind: str, report: Optional[Report]) -> Optional[str]:
    if report is None:
        return None
    for key in registry.info(kind).title_details:
        value = report.details.get(key)
        if value:
            return value
    if kind == kinds.PANIC and report.panic_message:
        return shorten(report.panic_message)
    return None


def title_of(
    explanation: Explanation,
    report: Optional[Report] = None,
    reading: Optional[Classification] = None,
) -> str:
    """The title of an explanation whose kind, access and culprit are filled in.

    ``reading``, how a fault's pointer was read, may have words of its own for it.
    """
    culprit = explanation.culprit
    rip = explanation.rip
    kind = explanation.kind or kinds.UNKNOWN
    function = culprit.function if culprit is not None else None
    module = culprit.module if culprit is not None else None
    if culprit is None and rip is not None:
        function, module = rip.symbol, rip.module
    if registry.info(kind).anchors == (Anchor.NONE,):
        function = module = None  # what ran when the hardware failed is chance
    if reading is not None and reading.title:
        where = f" in {normalise(function)}" if function else ""
        return reading.title + where + (f" [{module}]" if module else "")
    return title(
        kind,
        function=function,
        module=module,
        access=explanation.access.type if explanation.access is not None else None,
        detail=_detail(kind, report),
    )


def bucket(
    kind: str,
    frames: Sequence[StackFrame],
    *,
    culprit: Optional[str] = None,
    module: Optional[str] = None,
) -> tuple[str, str]:
    """(hash, the same in words): kind, and the culprit with its next callers.

    Only trusted frames count; helpers and calling machinery do not; a function that is there twice
    counts once. Inlined functions do not count either: a log does not show them, and compilers
    inline as they like; an inlined culprit stands for the function that it was inlined into. The
    hash is 16 hex digits of SHA-256 over the words.
    """
    names: list[str] = []
    seen: set[str] = set()
    begin: Optional[int] = None
    for frame in frames:
        if not frame.reliable or frame.function is None:
            continue
        name = normalise(frame.function)
        if culprit is not None and begin is None and name == culprit:
            begin = len(names)
        category = roles.category(name)
        if names and category is not None and category.key == "entry":
            break  # what an interrupt or exception came into is chance
        if frame.inlined or (category is not None and name != culprit):
            continue
        if name not in seen:
            seen.add(name)
            names.append(name + (f" [{frame.module}]" if frame.module else ""))
    if culprit is not None and begin is None:
        # It is in no trusted frame, so its callers are not either.
        names = [culprit + (f" [{module}]" if module else "")]
    text = " | ".join([kind, *names[begin or 0 :][:BUCKET_FRAMES]])
    return hashlib.sha256(text.encode()).hexdigest()[:16], text


def bucket_of(explanation: Explanation) -> tuple[str, str]:
    """The bucket of an explanation whose kind, stack and culprit are filled in."""
    culprit = explanation.culprit
    name = normalise(culprit.function) if culprit is not None and culprit.function else None
    module = culprit.module if culprit is not None else None
    return bucket(
        explanation.kind or kinds.UNKNOWN, explanation.stack or [], culprit=name, module=module
    )
