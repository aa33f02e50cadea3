# SPDX-License-Identifier: GPL-2.0-or-later
"""The one pipeline that decides a kind, step by step."""

from __future__ import annotations

from typing import Optional

import pytest

from crashext.engine import decide, kinds, log
from crashext.engine.decide import Fault
from crashext.engine.kinds import KINDS, Kind, registry


def row(text: str) -> registry.Header:
    found = registry.header(text)
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("known", "line", "kind"),
    [
        # a page fault's die() header names nothing
        ("null-deref", "Oops: 0002 [#1] SMP", "null-deref"),
        # it names something where the first line did not
        ("unknown", "divide error: 0000 [#1] SMP", "divide-error"),
        # the check before the trap says more than the trap
        ("bug", "invalid opcode: 0000 [#1] SMP", "bug"),
        # the trap says more than the line before
        ("bad-pointer", "kernel stack overflow (page fault): 0000 [#1] SMP", "stack-overflow"),
        # the second line before die() says the same fault less precisely
        ("nx-exec", "BUG: unable to handle page fault for address: ffffc90000004000", "nx-exec"),
        (
            "null-deref",
            "BUG: unable to handle page fault for address: ffff888000004000",
            "bad-pointer",
        ),
    ],
)
def test_a_further_header(known: Kind, line: str, kind: Kind) -> None:
    assert decide.joined(known, row(line)) == kind


def test_a_panic_renames_only_an_oom() -> None:
    assert [kind for kind in KINDS if decide.panicked(kind) != kind] == [kinds.OOM_KILL]
    assert decide.panicked(kinds.OOM_KILL) == kinds.OOM_PANIC


@pytest.mark.parametrize(
    ("file", "function", "kind"),
    [
        ("lib/list_debug.c", "__list_add_valid.cold", "list-corruption"),
        ("/build/linux-6.1/lib/list_debug.c", "__list_del_entry_valid", "list-corruption"),
        ("lib/refcount.c", "refcount_warn_saturate", "refcount"),
        ("mm/usercopy.c", "usercopy_abort", "usercopy"),
        ("lib/string_helpers.c", "fortify_panic", "fortify"),
        ("lib/string_helpers.c", "__fortify_report", "fortify"),
        ("lib/string.c", "fortify_panic", "fortify"),
        ("lib/string_helpers.c", "string_escape_mem", None),
        ("mm/slub.c", "__kmem_cache_free", "double-free"),
        ("mm/slub.c", "kmem_cache_free.part.0", "double-free"),
        ("mm/slub.c", "__slab_free", "double-free"),
        ("mm/slub.c", "kfree", "bug"),  # two checks can be there
        ("mm/slab.c", "kfree", "bug"),
        ("mm/slab.c", "slab_put_obj", "double-free"),
        ("mm/slub.c", "___slab_alloc", "slab-corruption"),
        ("mm/slub.c", None, "slab-corruption"),
        ("drivers/x/mylib/list_debug.c.inc", "f", None),
        ("drivers/xlib/list_debug.c", "f", None),
        ("fs/ext4/inode.c", "ext4_writepages", None),
        (None, "__list_add_valid", "list-corruption"),  # a function that is one check's own
        (None, "kfree", None),
    ],
)
def test_sites(file: Optional[str], function: Optional[str], kind: Optional[Kind]) -> None:
    found = decide.site(file, function)
    assert (found.kind if found else None) == kind


def test_a_warning_of_the_allocator_is_no_double_free() -> None:
    found = decide.site("mm/slub.c", "__slab_free", fatal=False)
    assert found is not None
    assert found.kind == kinds.SLAB_CORRUPTION


#: kfree() of a pointer into the middle of nowhere, kernel 4.x: BUG_ON(!PageCompound(page)).
KFREE = """\
[  101.100000] kernel BUG at mm/slub.c:{line}!
[  101.100001] invalid opcode: 0000 [#1] SMP PTI
[  101.100002] CPU: 2 PID: 700 Comm: modprobe Tainted: G           O      4.19.0-9-amd64 #1 Debian
[  101.100003] RIP: 0010:kfree+0x175/0x1a0
[  101.100004] RSP: 0018:ffffa3c500abfd10 EFLAGS: 00010246
[  101.100005] RAX: {rax:016x} RBX: ffffa3c500abfd80 RCX: 0000000000000000
[  101.100006] RDX: 0000000000000000 RSI: ffffffffc05a1e10 RDI: ffffa3c500abfd80
[  101.100007] Call Trace:
[  101.100008]  conf_release+0x2c/0x40 [conf]
[  101.100009] ---[ end trace 8b1a9953c4611297 ]---
"""


@pytest.mark.parametrize("line", [305, 3934])
def test_kfree_alone_does_not_tell_which_check_fired(line: int) -> None:
    (report,) = log.parse(KFREE.format(line=line, rax=0xFFFFEA0004)).reports
    site = decide.site_of(report)
    assert report.kind == kinds.BUG
    assert site is not None
    assert len(site.readings) == 2


@pytest.mark.parametrize("line", [305, 3934])
def test_the_object_in_three_registers_is_the_head_of_its_free_list(line: int) -> None:
    (report,) = log.parse(KFREE.format(line=line, rax=0xFFFFA3C500ABFD80)).reports
    assert report.kind == kinds.DOUBLE_FREE


@pytest.mark.parametrize(
    ("first", "fault", "kind"),
    [
        ("hung-task", Fault("#PF", address=0), "hung-task"),
        ("unknown", Fault("#DE"), "divide-error"),
        ("unknown", Fault("#UD", is_bug=True), "bug"),
        ("unknown", Fault("#UD"), "invalid-opcode"),
        ("unknown", Fault("#BP", is_freed_code=True), "bad-pointer"),
        ("unknown", Fault("#BP"), "unknown"),
        (None, Fault("#GP"), "general-protection"),
        (None, Fault(), "unknown"),
        ("bad-pointer", Fault("#PF", address=0x10, base=0), "null-deref"),
        ("bad-pointer", Fault("#PF", address=0xFFFFFFFFFFFFFFF4), "err-ptr"),
    ],
)
def test_the_fault(first: Optional[Kind], fault: Fault, kind: Kind) -> None:
    assert decide.of_fault(first, fault).kind == kind
