# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kernel source file is for, where its functions are never to blame for their callers.

The first rule that matches a path decides. Whole subsystems that have bugs of their own (the
scheduler's classes, reclaim, the page cache, tracing) are not here: of those only the functions
that others call with what they hold are helpers, and roles.py names them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Optional

from crashext.engine.lazy import Lazy

_RULES: tuple[tuple[str, str], ...] = (
    # What prints a report, or checks for one.
    ("report", r"mm/(?:kasan|kfence|kmsan)/\w*report\w*\.c|kernel/kcsan/report\.c|mm/kmemleak\.c"),
    ("report", r"mm/(?:debug|oom_kill|debug_page_ref|page_poison|debug_vm_pgtable)\.c"),
    ("report", r"lib/(?:dump_stack|bug|ubsan|nmi_backtrace|debugobjects|ref_tracker|fault-inject"
               r"|fault-inject-usercopy|stackdepot|smp_processor_id|buildid|is_single_threaded)\.c"),
    ("report", r"kernel/(?:panic|watchdog\w*|hung_task|stacktrace|crash_core|kexec\w*|kcov)\.c"),
    ("report", r"kernel/printk/.*|kernel/locking/lockdep\w*\.[ch]|kernel/rcu/tree_stall\.h"),
    ("report", r"arch/\w+/kernel/(?:dumpstack\w*|unwind\w*|stacktrace|crash\w*|reboot)\.c"),
    # The processor's way in.
    ("entry", r"arch/\w+/entry/.*|kernel/entry/.*"),
    ("entry", r"arch/x86/kernel/(?:traps|nmi|idt|irq|irq_64|irq_32|irq_work"
              r"|doublefault_\d+|cet|apic/.*)\.c"),
    ("entry", r"arch/x86/mm/(?:fault|extable)\.c|arch/x86/kernel/cpu/mce/.*|mm/memory-failure\.c"),
    ("entry", r"arch/(?:arm|arm64|riscv|powerpc|s390|mips|loongarch)/kernel/"
              r"(?:entry\S*|traps?|syscall|irq|signal|exceptions?\S*|smp)\.[cS]"),
    ("entry", r"arch/(?:arm|arm64|riscv|powerpc|s390|mips|loongarch)/mm/(?:fault|extable)\.c"),
    ("sanitizer", r"mm/(?:kasan|kfence|kmsan)/.*|kernel/kcsan/.*"),
    # Given a pointer and a length, or a string.
    ("copy", r"lib/(?:iov_iter|usercopy|strncpy_from_user|strnlen_user)\.c"
             r"|(?:arch/\w+/)?mm/(?:usercopy|maccess)\.c"),
    ("io", r"lib/iomap\w*\.c|arch/x86/lib/(?:iomem|msr\S*|cache-smp)\.[cS]"),
    ("copy", r"arch/\w+/lib/.*"),
    ("string", r"lib/(?:string\w*|vsprintf|kstrtox|hexdump|bitmap\w*|find_bit\w*|ctype|argv_split"
               r"|cmdline|parser|sort|bsearch|checksum|hweight|siphash|xxhash|uuid|glob|seq_buf"
               r"|crc[\w-]*|libcrc32c|nlattr|cpumask|nodemask|memweight|memcat_p|base64|ucs2_string)\.c"),
    ("string", r"lib/crc/.*|lib/math/.*|lib/raid6/.*"),
    ("crypto", r"lib/crypto/.*|arch/\w+/crypto/.*|arch/\w+/lib/crypto/.*"),
    # Sockets and netlink of crypto/ serve user space; fs/crypto and drivers/crypto are others.
    ("crypto", r"crypto/(?!af_alg|algif_|algboss|crypto_user|user)[\w-]+\.c"),
    # Given an entry, a node or a container.
    ("counter", r"lib/(?:refcount|percpu-refcount|rcuref|lockref)\.c"),
    ("device", r"lib/kobject\w*\.c|lib/klist\.c"),
    ("list", r"lib/(?:rbtree\w*|radix-tree|xarray|maple_tree|idr|list_debug|list_sort|llist|plist"
             r"|timerqueue|interval_tree\w*|btree|assoc_array|percpu_counter|kfifo|genalloc"
             r"|generic-radix-tree|rhashtable|scatterlist|sg_\w+|flex_proportions|lru_cache|sbitmap"
             r"|ratelimit|closure|min_heap|lwq|union_find|bootconfig|textsearch|ts_\w+)\.c"),
    # Given a lock, a wait queue, or another CPU to wait for.
    ("lock", r"kernel/locking/.*|kernel/sched/(?:wait\w*|swait|completion|build_utility)\.c"),
    ("cross-cpu", r"kernel/(?:smp|stop_machine|up|irq_work)\.c"),
    ("allocator", r"mm/(?:slub|slab|slab_common|slob|page_alloc|vmalloc|mempool|dmapool\w*"
                  r"|percpu\w*"
                  r"|page_frag_cache|page_ext|page_owner|page_table_check|util|show_mem|mmu_gather"
                  r"|dmapool_test)\.c"),
    ("skb", r"net/core/(?:skbuff|skb_fault_injection|page_pool)\.c"),
    ("device", r"drivers/base/(?:core|devres|class|driver|bus|dd|component|map|attribute_container"
               r"|transport_class|devtmpfs)\.c|fs/sysfs/\w+\.c|drivers/base/power/(?:sysfs|main|runtime)\.c"),
    ("device", r"drivers/usb/core/(?:urb|message|usb|hcd)\.c|drivers/i2c/i2c-core-\w+\.c"),
    ("plumbing", r"net/socket\.c"),
    ("work", r"kernel/(?:workqueue|kthread|softirq|task_work|notifier|async|smpboot)\.c"),
    ("rcu", r"kernel/rcu/.*"),
    ("timer", r"kernel/time/(?:timer|hrtimer|sleep_timeout|timer_migration)\.c"),
)  # fmt: skip

_COMPILED = tuple((role, Lazy(pattern)) for role, pattern in _RULES)
#: Up to the top of the kernel's tree, in a path that begins somewhere else.
_ABOVE_TREE = Lazy(
    r"/(?:.*?/)??(?=(?:arch|block|crypto|drivers|fs|include|init|io_uring|ipc|kernel|lib|mm|net|rust"
    r"|samples|security|sound|tools|virt)/)"
)


@lru_cache(maxsize=4096)
def role_of(file: str) -> Optional[str]:
    """The role of a source file, or None for one whose functions can be to blame.

    ``file`` as DWARF or a symbolised log names it: relative to the kernel's tree, or below any
    folder.
    """
    path = file[2:] if file.startswith("./") else file
    above = _ABOVE_TREE.match(path)
    if above is not None:
        path = path[above.end() :]
    for role, pattern in _COMPILED:
        if pattern.fullmatch(path):
            return role
    return None
