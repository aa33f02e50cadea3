# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has the memory: what the kernel prints when it runs out (mm/oom_kill.c, mm/show_mem.c,
mm/memcontrol.c, mm/page_alloc.c: warn_alloc()), read into one answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Optional, Union

from crashext.engine.lazy import Lazy
from crashext.engine.model import Asked, Holder, MemoryState

#: Bytes of a page where the text does not tell: that of x86, and of most arm64 kernels.
PAGE = 4096
_TOP = 5

_CONSTRAINT = Lazy(
    r"oom-kill:constraint=CONSTRAINT_(?P<what>\w+)(?:,nodemask=(?P<nodes>[^,]*))?"
    r"(?:.*?,oom_memcg=(?P<memcg>[^,]*))?.*?,task=(?P<task>.{0,24}),pid=(?P<pid>\d+)"
)
_USAGE = Lazy(r"memory: usage (?P<usage>\d+)kB, limit (?P<limit>\d+)kB, failcnt (?P<failed>\d+)")
_GROUP = Lazy(r"Memory cgroup stats(?: for (?P<path>/\S*?))?:(?P<rest>.*)")
_OLD_GROUP = Lazy(r"Task in (?P<task>\S+) killed as a result of limit of (?P<path>\S+)")
_STAT = Lazy(r"(?P<name>[a-z_]{2,40}) (?P<bytes>\d{1,20})$")
_OLD_STAT = Lazy(r"(?P<name>[a-z_]{2,40}):(?P<kib>\d{1,20})KB")
_COUNT = Lazy(r"\b(?P<name>[a-z_]{2,40}):(?P<pages>\d{1,20})(?!\d|kB)")
_ZONE = Lazy(
    r"Node (?P<node>\d+) (?P<zone>\w+) free:(?P<free>\d+)kB (?:boost:\d+kB )?min:(?P<min>\d+)kB "
    r"low:(?P<low>\d+)kB(?:.*?managed:(?P<managed>\d+)kB)?"
)
_BUDDY = Lazy(r"Node (?P<node>\d+) (?P<zone>\w+): (?P<blocks>(?:\d+\*\d+kB.{0,12}? ?){2,})")
_BLOCK = Lazy(r"(\d+)\*(\d+)kB")
_RAM = Lazy(r"(?P<pages>\d+) pages RAM")
_RESERVED = Lazy(r"(?P<pages>\d+) pages reserved")
_SWAP = Lazy(r"(?P<which>Free|Total) swap *= (?P<kib>\d+)kB")
_TASK_HEAD = Lazy(r"\[ *pid *\] +(?P<columns>uid .*name)")
_TASK = Lazy(r"\[ *(?P<pid>\d+)\] +(?P<rest>\d.*)")
_SLAB = Lazy(r"(?P<name>[\w.:/-]+) +(?P<used>\d+)KB +(?P<total>\d+)KB$")
_KILLED = Lazy(
    r"(?:Memory cgroup out of memory|Out of memory(?: \([\w -]{1,60}\))?): Kill(?:ed)? process "
    r"(?P<pid>\d+),? (?:UID \d+,? )?\((?P<comm>.{0,24}?)\)(?:.*?total-vm:(?P<vm>\d+)kB)?"
    r"(?:.*?anon-rss:(?P<anon>\d+)kB)?(?:.*?file-rss:(?P<file>\d+)kB)?(?:.*?shmem-rss:(?P<shmem>\d+)kB)?"
)

#: Counters of Mem-Info (pages) and of a control group's stats (bytes), in words.
_WORDS = {
    "anon": "anonymous memory of tasks", "file": "page cache (file)",
    "shmem": "shared memory (shmem)",
    "slab_unreclaimable": "slab, not reclaimable", "slab_reclaimable": "slab, reclaimable",
    "kernel_stack": "kernel stacks", "pagetables": "page tables", "sock": "socket buffers",
    "vmalloc": "vmalloc", "percpu": "per-CPU memory", "file_dirty": "dirty page cache",
    "cache": "page cache (file)", "rss": "anonymous memory of tasks",
}  # fmt: skip


@dataclass
class _Task:
    comm: str
    pid: int
    rss: int


@dataclass
class Reading:
    """What the lines said, before it is put into words. Sizes in bytes."""

    constraint: Optional[str] = None
    group: Optional[str] = None
    limit: Optional[int] = None
    usage: Optional[int] = None
    stats: dict[str, int] = field(default_factory=dict)  # of the control group
    counts: dict[str, int] = field(default_factory=dict)  # of the machine
    ram: Optional[int] = None
    swap_free: Optional[int] = None
    swap_total: Optional[int] = None
    zones: list[dict[str, Union[int, str]]] = field(default_factory=list)
    #: (node, zone) → size of a block in bytes → how many are free.
    blocks: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    tasks: list[_Task] = field(default_factory=list)
    slabs: dict[str, int] = field(default_factory=dict)
    killed: Optional[str] = None
    killed_bytes: int = 0


def read(lines: Iterable[str]) -> Reading:
    """The numbers of the lines of a report, prefixes stripped. Linear in their length."""
    found = Reading()
    columns: list[str] = []
    in_group = False
    for line in lines:
        text = line.strip()
        if match := _TASK_HEAD.match(text):
            columns = match["columns"].split()
        elif columns and (match := _TASK.match(text)):
            _task(found, columns, match)
        elif match := _CONSTRAINT.match(text):
            found.constraint = match["what"]
            found.group = match["memcg"] or found.group
        elif match := _USAGE.match(text):
            found.usage, found.limit = int(match["usage"]) << 10, int(match["limit"]) << 10
        elif match := _OLD_GROUP.match(text):
            found.group = match["path"]
            found.constraint = found.constraint or "MEMCG"
        elif match := _GROUP.match(text):
            in_group = True
            found.group = match["path"] or found.group
            for stat in _OLD_STAT.finditer(match["rest"]):
                found.stats[stat["name"]] = int(stat["kib"]) << 10
        elif in_group and (match := _STAT.match(text)):
            found.stats[match["name"]] = int(match["bytes"])
        elif match := _ZONE.match(text):
            found.zones.append(
                {
                    name: int(value) << 10 if name not in ("node", "zone") else value
                    for name, value in match.groupdict().items()
                    if value is not None
                }
            )
        elif match := _BUDDY.match(text):
            found.blocks[match["node"], match["zone"]] = {
                int(size) << 10: int(count) for count, size in _BLOCK.findall(match["blocks"])
            }
        elif match := _SWAP.match(text):
            size = int(match["kib"]) << 10
            if match["which"] == "Free":
                found.swap_free = size
            else:
                found.swap_total = size
        elif match := _RAM.match(text):
            found.ram = int(match["pages"]) * PAGE
        elif match := _KILLED.match(text):
            found.killed = f"{match['comm']} (pid {match['pid']})"
            found.killed_bytes = sum(int(match[n] or 0) << 10 for n in ("anon", "file", "shmem"))
        elif match := _SLAB.match(text):
            found.slabs[match["name"]] = int(match["total"]) << 10
        elif not text.startswith("Node "):
            for count in _COUNT.finditer(text):
                found.counts.setdefault(count["name"], int(count["pages"]) * PAGE)
    return found


def _task(found: Reading, columns: list[str], match: re.Match[str]) -> None:
    values = match["rest"].split(None, len(columns) - 1)
    row = dict(zip(columns, values))
    if row.get("rss", "").isdigit() and "name" in row:
        found.tasks.append(_Task(row["name"].strip(), int(match["pid"]), int(row["rss"]) * PAGE))


def size_text(size: int) -> str:
    """``32 MiB``, ``4.7 GiB``: three digits at most."""
    value, unit = float(size), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.1f} {unit}"


def state_of(lines: Iterable[str], details: Mapping[str, str]) -> Optional[MemoryState]:
    """The answer for a report whose ``details`` hold ``gfp_mask``, ``order``, ``comm``; or None."""
    found = read(lines)
    order = int(details["order"]) if re.fullmatch(r"-?\d{1,3}", details.get("order", "")) else None
    asked = Asked(order, details.get("gfp_mask"), details.get("comm"))
    of_group = found.constraint == "MEMCG" or "Memory cgroup" in details.get("scope", "")
    state = MemoryState(
        scope=(found.group or "a control group") if of_group else "machine",
        limit=found.limit if of_group else found.ram,
        free=None if of_group else found.counts.get("free"),
        asked=asked if asked != Asked() else None,
        killed=found.killed,
    )
    state.holders = _holders(found, of_group)
    failed = "victim" not in details and found.killed is None and order is not None
    if of_group:
        state.why = _of_group(found, state)
    elif failed and (why := _fragmented(found, order or 0)):
        state.scope, state.why = why
    else:
        state.why = _of_machine(found, state)
    if not (state.holders or found.zones or found.killed or of_group or found.counts):
        return None
    return state


def _holders(found: Reading, of_group: bool) -> list[Holder]:
    holders = []
    if of_group:
        holders = [
            Holder(_WORDS[name], size)
            for name, size in found.stats.items()
            if name in _WORDS and name != "file_dirty" and size
        ]
    else:
        counts = found.counts
        anon = counts.get("active_anon", 0) + counts.get("inactive_anon", 0)
        file = counts.get("active_file", 0) + counts.get("inactive_file", 0)
        for what, size in (("anon", anon), ("file", file)):
            if size:
                holders.append(Holder(_WORDS[what], size))
        for name in ("shmem", "slab_unreclaimable", "slab_reclaimable", "pagetables"):
            if counts.get(name):
                holders.append(Holder(_WORDS[name], counts[name]))
        lost = _unaccounted(found)
        if lost:
            holders.append(
                Holder("pages that no counter has (a driver's, or the kernel's own)", lost)
            )
        for name, size in sorted(found.slabs.items(), key=lambda item: -item[1])[:_TOP]:
            holders.append(Holder(f"slab cache {name}", size))
    tasks = sorted(found.tasks, key=lambda task: -task.rss)[:_TOP]
    holders += [Holder(f"task {task.comm} (pid {task.pid})", task.rss) for task in tasks]
    return sorted(holders, key=lambda holder: -holder.bytes)


def _unaccounted(found: Reading) -> int:
    """Memory that no counter of Mem-Info has, when it is a third of the machine or more."""
    managed = sum(int(zone.get("managed", 0)) for zone in found.zones)
    total = managed or found.ram or 0
    names = ("active_anon", "inactive_anon", "active_file", "inactive_file", "unevictable", "free",
             "slab_reclaimable", "slab_unreclaimable", "pagetables", "free_pcp", "free_cma",
             "isolated_anon", "isolated_file")  # fmt: skip
    if not total or "free" not in found.counts or "slab_unreclaimable" not in found.counts:
        return 0
    lost = total - sum(found.counts.get(name, 0) for name in names)
    return lost if lost > total // 3 and managed else 0


def _of_group(found: Reading, state: MemoryState) -> str:
    limit = f" of {size_text(found.limit)}" if found.limit is not None else ""
    usage = f" (it uses {size_text(found.usage)})" if found.usage is not None else ""
    text = f"the control group {state.scope} reached its limit{limit}{usage}"
    parts = [
        f"{holder.what} {size_text(holder.bytes)}"
        for holder in state.holders
        if not holder.what.startswith("task ")
    ][:3]
    dirty = found.stats.get("file_dirty", 0)
    if dirty and dirty > found.stats.get("file", 0) // 2:
        parts.insert(1, f"{size_text(dirty)} of it dirty, waiting to be written")
    if parts:
        text += ": " + ", ".join(parts)
    return text + _killed(found)


def _of_machine(found: Reading, state: MemoryState) -> str:
    scope = {"CPUSET": "the cpuset's nodes", "MEMORY_POLICY": "the nodes of the memory policy"}.get(
        found.constraint or "", "the machine"
    )
    text = f"{scope} ran out of memory"
    if state.free is not None:
        of = f" of {size_text(state.limit)}" if state.limit else ""
        text += f": {size_text(state.free)}{of} free"
    low = [zone for zone in found.zones if int(zone["free"]) < int(zone["min"])]
    if low:
        text += ", zone " + ", ".join(sorted({str(z["zone"]) for z in low})) + " below its minimum"
    if found.swap_total == 0:
        text += ", and there is no swap"
    elif found.swap_total and found.swap_free is not None:
        used = "is full" if found.swap_free < found.swap_total // 50 else "is not full"
        text += f"; swap ({size_text(found.swap_total)}) {used}"
    if state.holders:
        first = state.holders[0]
        tasks = [holder for holder in state.holders if holder.what.startswith("task ")]
        top = tasks[0] if tasks and tasks[0].bytes * 3 > first.bytes else None
        text += f"; the most is in {first.what}, {size_text(first.bytes)}"
        if top is not None and top is not first:
            text += f", {size_text(top.bytes)} of it in {top.what}"
    return text + _killed(found)


def _killed(found: Reading) -> str:
    if found.killed is None:
        return ""
    size = f", which had {size_text(found.killed_bytes)}" if found.killed_bytes else ""
    return f"; {found.killed} was killed{size}"


def _fragmented(found: Reading, order: int) -> Optional[tuple[str, str]]:
    """(zone, why) when there is memory but no block of the size that was asked for."""
    wanted = PAGE << order
    for (node, zone), blocks in found.blocks.items():
        total = sum(size * count for size, count in blocks.items())
        if total < wanted * 4 or any(count for size, count in blocks.items() if size >= wanted):
            continue
        largest = max((size for size, count in blocks.items() if count), default=0)
        return (
            f"zone {zone}",
            f"{size_text(total)} are free in zone {zone} of node {node}, but no contiguous block "
            f"of {size_text(wanted)} (order {order}): the memory is fragmented, the largest free "
            f"block has {size_text(largest)}",
        )
    return None
