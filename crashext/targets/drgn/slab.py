# SPDX-License-Identifier: GPL-2.0-or-later
"""Slab objects: which cache, allocated or free, who allocated and freed them."""

from __future__ import annotations

from typing import Callable, Optional

from drgn import NULL, Object, Program, container_of, offsetof
from drgn.helpers.linux.list import hlist_for_each_entry
from drgn.helpers.linux.slab import slab_object_info

from crashext.errors import Unknown
from crashext.targets.base import Owner
from crashext.targets.drgn.asking import NO_ANSWER
from crashext.targets.drgn.symbols import Symbols
from crashext.targets.drgn.variables import quoted

#: Frames shown of an allocation's or a free's stack.
MAX_TRACK_FRAMES = 8


def owner(prog: Program, symbols: Symbols, address: int) -> Optional[Owner]:
    """The slab object at an address, None when its page is not slab memory."""
    info = slab_object_info(prog, address)
    if info is None or not info.address:
        return None
    cache = info.slab_cache
    name = cache.name.string_().decode(errors="replace")
    state = {True: "allocated", False: "freed", None: "state unknown (damaged free list)"}[
        info.allocated
    ]
    offset = address - info.address
    size = int(cache.object_size.value_())
    text = f"slab object of {name} ({size} bytes), {state}, offset {offset}"
    detail = [f"object at {info.address:#x}"]
    if offset < 0:
        text = f"red zone before a slab object of {name} ({state})"
    elif offset >= size:
        text = f"behind the {size} bytes of a slab object of {name} ({state}), offset {offset}"
    if info.allocated:
        what = contents(prog, name, info.address)
        if what:
            detail.append(what)
    detail += tracks(prog, symbols, cache, info.address)
    return Owner("slab", text, detail)


def contents(prog: Program, cache: str, address: int) -> Optional[str]:
    """What an allocated object of a well-known cache is, in words."""
    try:
        if cache.endswith("_inode_cache"):
            return _embedded_inode(prog, cache, address)
        describe = _CONTENTS.get(cache)
        return describe(prog, address) if describe is not None else None
    except NO_ANSWER:
        return None


def _task(prog: Program, address: int) -> str:
    task = Object(prog, "struct task_struct *", address)
    comm = task.comm.string_().decode(errors="replace")
    return f"task {quoted(comm)}, pid {int(task.pid.value_())}"


def _file(prog: Program, address: int) -> str:
    file = Object(prog, "struct file *", address)
    return f"open file {quoted(path_text(file.f_path.dentry, file.f_path.mnt))}"


#: Directories on the way to a root: a damaged parent pointer must not lead around for ever.
MAX_DEPTH = 64


def path_text(dentry: Object, mnt: Object) -> str:
    """The path of a dentry in its mount, mounts crossed up to the root of the namespace."""
    names: list[str] = []
    mount = container_of(mnt, "struct mount", "mnt") if mnt else None
    for _ in range(MAX_DEPTH):
        if mount is not None and dentry == mount.mnt.mnt_root:
            if mount.mnt_parent == mount:
                break
            dentry, mount = mount.mnt_mountpoint.read_(), mount.mnt_parent.read_()
            continue
        parent = dentry.d_parent.read_()
        if parent == dentry:
            break
        names.append(dentry.d_name.name.string_().decode(errors="replace"))
        dentry = parent
    else:
        names.append("…")
    return "/" + "/".join(reversed(names))


def _dentry(prog: Program, address: int) -> str:
    entry = Object(prog, "struct dentry *", address)
    return f"dentry {quoted(entry.d_name.name.string_().decode(errors='replace'))}"


def _inode(prog: Program, address: int) -> str:
    inode = Object(prog, "struct inode *", address)
    number = int(inode.i_ino.value_())
    # In a union named d_u until the union lost its name in the 7.x series.
    alias = "d_u.d_alias" if prog.type("struct dentry").has_member("d_u") else "d_alias"
    for dentry in hlist_for_each_entry("struct dentry", inode.i_dentry.address_of_(), alias):
        path = path_text(dentry, NULL(prog, "struct vfsmount *"))
        return f"inode {number}, {quoted(path)} in its file system"
    return f"inode {number}"


def _embedded_inode(prog: Program, cache: str, address: int) -> Optional[str]:
    """The inode inside a file system's own structure: ``struct ext4_inode_info.vfs_inode``."""
    stem = cache[: -len("_inode_cache")]
    for name in (f"struct {stem}_inode_info", f"struct {stem}_inode"):
        try:
            return _inode(prog, address + offsetof(prog.type(name), "vfs_inode"))
        except NO_ANSWER:
            continue
    return None


def _skb(prog: Program, address: int) -> str:
    skb = Object(prog, "struct sk_buff *", address)
    device = skb.dev.name.string_().decode(errors="replace") if skb.dev else "no device"
    return f"network packet of {int(skb.len.value_())} bytes, {device}"


_CONTENTS: dict[str, Callable[[Program, int], str]] = {
    "task_struct": _task,
    "filp": _file,
    "dentry": _dentry,
    "inode_cache": _inode,
    "skbuff_head_cache": _skb,
    "skbuff_fclone_cache": _skb,
}


#: SLAB_STORE_USER before it became an enum constant (include/linux/slab.h, 4.x … 6.8).
_STORE_USER = 0x00010000


def tracks(prog: Program, symbols: Symbols, cache: Object, address: int) -> list[str]:
    """Who allocated and who freed the object, when slub_debug=U kept it (mm/slub.c get_track())."""
    try:
        if not int(cache.flags.value_()) & _store_user(prog):
            return []
        type_ = prog.type("struct track")
        inuse = int(cache.inuse.value_())
        # get_info_end(): the free pointer lies behind the object when it may not be in it.
        end = inuse + 8 if int(cache.offset.value_()) >= inuse else inuse
        first = address + end
        lines = []
        for number, verb in enumerate(("allocated", "freed")):
            track = Object(prog, type_, address=first + number * (type_.size or 0))
            line = _track(prog, symbols, track, verb)
            if line:
                lines.append(line)
        return lines
    except NO_ANSWER:
        return []


def _store_user(prog: Program) -> int:
    try:
        # Since 6.9 (commit cc61eb851461 "mm, slab: use an enum to define SLAB_ cache creation
        # flags") the bit is an enumerator.
        return 1 << int(prog.constant("_SLAB_STORE_USER").value_())
    except LookupError:
        return _STORE_USER


def _track(prog: Program, symbols: Symbols, track: Object, verb: str) -> Optional[str]:
    where = int(track.addr.value_())
    if not where:
        return None
    # The stack may begin above the caller that addr names, and has inlined frames twice.
    calls = list(dict.fromkeys(_track_stack(track)))
    if where not in calls:
        calls.insert(0, where)
    names = [_call(symbols, address) for address in calls[calls.index(where) :][:MAX_TRACK_FRAMES]]
    pid, cpu = int(track.pid.value_()), int(track.cpu.value_())
    return f"{verb} by {' ← '.join(names)} (pid {pid}, CPU {cpu})"


def _call(symbols: Symbols, address: int) -> str:
    try:
        symbol = symbols.symbol(address - 1)
        return f"{symbol.name}+{symbol.offset + 1:#x}"
    except Unknown:
        return f"{address:#x}"


def _track_stack(track: Object) -> list[int]:
    try:
        # Since 5.19 (commit 5cf909c553e9 "mm/slub: use stackdepot to save stack trace in
        # objects") a handle into the stack depot; before, the addresses themselves.
        handle = track.handle
    except AttributeError:
        try:
            return [int(a.value_()) for a in track.addrs if a]
        except NO_ANSWER:
            return []
    try:
        from drgn.helpers.linux.stackdepot import stack_depot_fetch

        trace = stack_depot_fetch(handle)
        return [frame.pc for frame in trace] if trace is not None else []
    except NO_ANSWER:
        return []
