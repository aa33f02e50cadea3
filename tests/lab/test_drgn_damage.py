# SPDX-License-Identifier: GPL-2.0-or-later
"""Damaged memory: whatever lies in a dump, the answer ends, and no question fails by accident.

The damage is laid over the memory of a real dump; nothing is written to the file.
"""

from __future__ import annotations

import random
from typing import Callable

import pytest
from drgn import Program, offsetof
from drgn.helpers.linux.mm import virt_to_page
from drgn.helpers.linux.module import find_module

from crashext.engine.case import FAILURE
from crashext.engine.model import Explanation
from crashext.engine.verdict import explain, read_log
from crashext.lab.store import Dump
from crashext.opening import open_target
from crashext.render import text
from crashext.targets.drgn import DrgnTarget
from crashext.view import explain as view

PAGE = 4096


def open_dump(dump: Dump) -> DrgnTarget:
    target = open_target(str(dump.vmcore))
    assert isinstance(target, DrgnTarget)
    return target


def overlay(prog: Program, address: int, data: bytes) -> None:
    """Puts ``data`` over the memory at ``address``."""
    prog.add_memory_segment(
        address, len(data), lambda _address, size, offset, _physical: data[offset : offset + size]
    )


def answer(target: DrgnTarget) -> Explanation:
    explanation = explain(target, read_log(target))
    failures = {key: why for key, why in explanation.unknown.items() if why.startswith(FAILURE)}
    assert failures == {}
    assert text.render(view.document(explanation, verbose=True)).endswith("\n")
    return explanation


def places(target: DrgnTarget) -> dict[str, int]:
    """Pages that the answer is made from."""
    prog = target.prog
    summary = read_log(target)
    assert summary.crash is not None
    report = summary.reports[summary.crash]
    frame, session = target.exception_frame(report), target.session
    task = session.task_object(session.kernel.crashed_task(report))
    request = int(session.trace(report, frame)[0]["req"].value_())
    return {
        "the stack's top": int(task.stack.value_()) + 3 * PAGE,
        "the task": int(task.value_()) & -PAGE,
        "the module": int(find_module(prog, "hello").value_()) & -PAGE,
        "the object": request & -PAGE,
        "the object's struct page": int(virt_to_page(prog, request).value_()) & -PAGE,
        "the log's descriptors": int(prog["prb"].desc_ring.descs.value_()) & -PAGE,
        "the list of modules": prog["modules"].address_ & -PAGE,
    }


PLACES = [
    "the stack's top",
    "the task",
    "the module",
    "the object",
    "the object's struct page",
    "the log's descriptors",
    "the list of modules",
]


def noise(data: bytes) -> bytes:
    return random.Random(len(data)).randbytes(len(data))


def flipped(data: bytes) -> bytes:
    generator = random.Random(1)
    damaged = bytearray(data)
    for _ in range(64):
        damaged[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    return bytes(damaged)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "zeros": lambda data: bytes(len(data)),
    "ones": lambda data: b"\xff" * len(data),
    "noise": noise,
    "flipped bits": flipped,
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_page(dump: Callable[..., Dump], place: str, damage: str) -> None:
    crash = dump("null-inline")
    address = places(open_dump(crash))[place]
    target = open_dump(crash)
    overlay(target.prog, address, DAMAGES[damage](target.prog.read(address, PAGE)))
    answer(target)


def test_a_list_of_modules_that_never_ends(dump: Callable[..., Dump]) -> None:
    target = open_dump(dump("null-inline"))
    prog = target.prog
    module = find_module(prog, "hello")
    link = int(module.value_()) + offsetof(prog.type("struct module"), "list.next")
    own = int(module.list.address_of_().value_()).to_bytes(8, "little")
    overlay(prog, link, own)  # its next is itself
    names = [found.name for found in target.modules()]
    assert names.count("hello") == 1


def test_a_chain_of_lock_owners_of_nonsense_ends(dump: Callable[..., Dump]) -> None:
    target = open_dump(dump("hung-task"))
    prog = target.prog
    for name in ("lkm_mutex_a", "lkm_mutex_b"):
        owner = target.address(name) + offsetof(prog.type("struct mutex"), "owner")
        overlay(prog, owner, prog["init_task"].address_.to_bytes(8, "little"))
    explanation = answer(target)
    (locks,) = [finding for finding in explanation.findings if finding.topic == "locks"]
    assert "swapper/0 (pid 0)" in locks.detail[-1]


def test_a_control_sequence_in_a_task_s_name_does_not_reach_the_terminal(
    dump: Callable[..., Dump],
) -> None:
    target = open_dump(dump("null-inline"))
    summary = read_log(target)
    assert summary.crash is not None
    session = target.session
    task = session.task_object(session.kernel.crashed_task(summary.reports[summary.crash]))
    overlay(target.prog, task.comm.address_, b"\x1b[2Jx\x07\0\0\0\0\0\0\0\0\0\0")
    shown = text.render(view.document(explain(target, summary), verbose=True))
    assert "\x1b" not in shown
    assert "\x07" not in shown
