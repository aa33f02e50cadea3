# SPDX-License-Identifier: GPL-2.0-or-later
"""What the functions of the engine cost, and that none grows faster than its input.

``python -m crashext.lab.bench_engine`` prints microseconds a call (the best of several runs, in a
warm process), and for what takes input of any size the growth when the input doubles: 2 is linear.
"""

from __future__ import annotations

import time
from typing import Callable, NamedTuple

from crashext.engine import blame, codes, kinds, title, values
from crashext.engine.arch.x86 import borders, insn, pagefault
from crashext.engine.arch.x86.names import GENERAL
from crashext.engine.model import Rip, StackFrame

#: 42 bytes before RIP and 22 from it on, as a Code: line has them (a NULL dereference in 5.17).
CODE = bytes.fromhex(
    "488955d0488b58188b87d00000008d48fb83f91f0f878f5b0d004889da41bf45000000498b76304129c7"
    "0fb742204129c74183ff3f0f874c5b0d00b801000000"
)
FAULT_INDEX = 42
REGISTERS = dict(
    zip(GENERAL, (0xC, 0, 0, 0, 0xFFFFB7196E14B9E8, 0, 0xFFFF9E2430566040, 0xFFFF9E2430566100))
)
RIP = 0xFFFFFFFFC0A0004D

#: A best-of run lasts about this long, in seconds.
BUDGET = 0.05


class Cost(NamedTuple):
    """Microseconds a call, and the growth when the input doubles (0: the input has no size)."""

    name: str
    microseconds: float
    growth: float = 0.0


def microseconds(call: Callable[[], object], rounds: int = 5) -> float:
    """The best of ``rounds`` means, in CPU time: other work on the machine only ever adds."""
    start = time.process_time()
    call()
    once = max(time.process_time() - start, 1e-7)
    repeat = max(1, int(BUDGET / once))
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(repeat):
            call()
        best = min(best, (time.process_time() - start) / repeat)
    return best * 1e6


def _stack(depth: int) -> list[StackFrame]:
    """Helpers all the way down: the longest way that blame can have."""
    return [StackFrame("memcpy", 1, 2) for _ in range(depth)]


def _sized(name: str, make: Callable[[int], Callable[[], object]], size: int) -> Cost:
    small = microseconds(make(size))
    return Cost(name, small, microseconds(make(2 * size)) / small)


def measure() -> list[Cost]:
    """The costs of all functions; raises Unknown without iced-x86."""

    def analyse() -> insn.Analysis:
        return insn.analyse(
            CODE, FAULT_INDEX, RIP, REGISTERS, 0, 0x20, trap="#PF", words=values.Words()
        )

    words = (
        0,
        0x18,
        0xDEAD000000000122,
        0xFFFFFFFFFFFFFFFE,
        0x6B6B6B6B6B6B6B6B,
        0x4141414141414141,
    )
    costs = [
        Cost("analyse the faulting instruction", microseconds(analyse)),
        Cost(
            "disassemble a Code: line",
            microseconds(lambda: insn.disassemble(CODE, RIP - FAULT_INDEX, RIP)),
        ),
        Cost(
            "explain a page-fault code",
            microseconds(lambda: pagefault.explain_error_code(2, rip=RIP, address=0)),
        ),
        Cost(
            "describe a value",
            microseconds(lambda: [values.describe(word) for word in words]) / len(words),
        ),
        Cost(
            "classify an address",
            microseconds(lambda: [values.classify(word) for word in words]) / len(words),
        ),
        Cost("read a typed code", microseconds(lambda: codes.explain_code("0x0002"))),
    ]

    def find_borders(size: int) -> Callable[[], object]:
        data = (CODE[:FAULT_INDEX] * (size // FAULT_INDEX + 1))[:size]
        return lambda: borders.borders_before(data, size)

    def choose(depth: int) -> Callable[[], object]:
        frames = _stack(depth)
        return lambda: blame.choose(frames, Rip(symbol="memcpy"), kind=kinds.NULL_DEREF)

    def bucket(depth: int) -> Callable[[], object]:
        frames = _stack(depth)
        return lambda: title.bucket(kinds.NULL_DEREF, frames)

    costs += [
        _sized("find instruction borders in 1,000 bytes", find_borders, 1000),
        _sized("blame one of 1,000 frames", choose, 1000),
        _sized("bucket of 1,000 frames", bucket, 1000),
    ]
    return costs


def main() -> None:
    """Prints the table."""
    for cost in measure():
        growth = f"   × {cost.growth:.2f} when doubled" if cost.growth else ""
        print(f"{cost.name:42s} {cost.microseconds:9.1f} µs{growth}")


if __name__ == "__main__":
    main()
