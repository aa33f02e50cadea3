# SPDX-License-Identifier: GPL-2.0-or-later
"""What a report's own lines tell beyond the fault: the object, its history, the locks, the victim.

The parser keeps them as strings (``Report.details``, docs/logs.md); here they become findings.
"""

from __future__ import annotations

from typing import Optional, Union

from crashext.engine import blame
from crashext.engine.model import Check, Finding
from crashext.engine.report import LogFrame, Report
from crashext.engine.template import fill

#: Rows by kind. The first that can be filled is the finding's text, the others are its detail. Of
#: a tuple of alternatives the first that can be filled counts.
Row = Union[str, tuple[str, ...]]

_ROWS: dict[str, tuple[Row, ...]] = {
    "list-corruption": ("{operation}: {message}",),
    "refcount": ("refcount_t: {message}",),
    "usercopy": (("{operation} of kernel memory: {message}", "{operation} of kernel memory"),),
    "fortify": (("{function}(): {message}", "caught in {function}()"),),
    "kasan": (
        ("KASAN: {bug}, {access} of {access_size} bytes", "KASAN: {bug}"),
        "the address is {located}",
        "object {object} of cache {cache}, {object_size} bytes",
        "pointer tag {pointer_tag}, memory tag {memory_tag}",
    ),
    "kfence": (
        ("KFENCE: {problem}, {located}", "KFENCE: {problem}"),
        "object of cache {cache}, {object_size} bytes, at {region}",
    ),
    "kmsan": (
        ("KMSAN: {bug}, bytes {bytes} of {access_size} were never set", "KMSAN: {bug}"),
        "the variable is {variable}",
    ),
    "kcsan": (
        ("KCSAN: {functions}: {access_text}", "KCSAN: {bug}"),
        "the value went {value_changed}",
    ),
    "ubsan": (("UBSAN: {bug}: {message}", "UBSAN: {bug}"),),
    "lockdep": ("lockdep: {bug}", "{acting} {wanted_lock}", "it holds {held_lock}"),
    "rcu-stall": (
        "{flavour}: {detected}, CPU {cpus}, {jiffies} jiffies without a quiescent state",
        "the grace-period kthread was starved for {starved} jiffies",
    ),
    "oom-kill": (
        "{scope}: {victim} (pid {victim_pid}) was killed",
        "the allocation that failed: order {order}, {gfp_mask}",
    ),
    "oom-panic": ("the allocation that failed: order {order}, {gfp_mask}",),
    "hung-task": ("it waits for a {lock_type} that {owner} (pid {owner_pid}) holds",),
    "workqueue-stall": ("in flight: {in_flight}", "pool {pool}"),
    "machine-check": (
        "{severity} {section_type}",
        ("bank {bank}, status 0x{status}: {message}", "bank {bank}, status 0x{status}"),
    ),
    "atomic-sleep": (
        "preempt_count is {preempt_count}",
        "in_atomic {in_atomic}, irqs_disabled {irqs_disabled}",
    ),
    "stack-smash": ("the canary was found destroyed in {function}",),
    "panic": ("the root device is {root}",),
    "leak": ("object {object} of {object_size} bytes",),
    "split-lock": ("#{exception}: {bug} at user address {user_address}",),
    "bug": (
        "kCFI: the target is {cfi_target}, the call expects type {cfi_type}",
        "{rust_panic}",
        "{bug}",
        "{message}",
    ),
    "warning": ("the condition: {condition}", "{message}"),
}

#: SLUB's own checks report in one form whatever they found (mm/slub.c: slab_bug()).
_SLUB: tuple[Row, ...] = (
    (
        "SLUB: {problem}, an object of cache {cache}",
        "SLUB: {bug}, an object of cache {cache}",
    ),
    "the first wrong byte is {first_byte}, {expected_byte} was expected",
    "allocated in {allocated_in}",
    "freed in {freed_in}",
)
_SLUB_KINDS = frozenset({"slab-corruption", "use-after-free", "double-free"})

#: KASAN's reading of an address in its shadow, which comes with a #GP (mm/kasan/report.c).
_ANY: tuple[Row, ...] = ("KASAN: {kasan_hint} in range {kasan_range}",)

#: Stacks of the object's past and of the other party, in the words of the row.
_STACKS = {
    "allocated": "allocated by",
    "freed": "freed by",
    "stored": "the uninitialised value was stored by",
    "created": "the uninitialised memory was made by",
    "work creation": "queued by",
    "owner": "the lock's owner is in",
    "other access": "the other access is by",
}
#: Functions shown of such a stack.
_SHOWN = 5


def findings(report: Report) -> list[Finding]:
    """The report's particulars; empty for a plain oops."""
    rows = _ROWS.get(report.kind, ())
    if report.kind in _SLUB_KINDS and "cache" in report.details:
        rows = _SLUB
    found: list[Finding] = []
    for group in (rows, _ANY):
        texts = [text for row in group if (text := _text(row, report)) is not None]
        if texts:
            found.append(Finding("report", texts[0], texts[1:], Check(crash="log")))
    for name, words in _STACKS.items():
        path = _path(report.other_stacks.get(name, []))
        if path and f"{name}_in" not in report.details:
            found.append(Finding("stack", f"{words} {path}"))
    return found


def _text(row: Row, report: Report) -> Optional[str]:
    alternatives = (row,) if isinstance(row, str) else row
    filled = (fill(template, report.details) for template in alternatives)
    return next((text for text in filled if text is not None), None)


def _path(frames: list[LogFrame]) -> str:
    names = [
        frame.name + (f" [{frame.module}]" if frame.module else "")
        for frame in frames
        if frame.name is not None and frame.reliable and not blame.is_helper(frame.name)
    ]
    return " ← ".join(names[:_SHOWN])
