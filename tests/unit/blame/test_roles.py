# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

from collections import Counter
from typing import Optional

import pytest

from crashext.engine.blame import roles
from crashext.engine.blame.files import role_of
from crashext.engine.blame.names import normalise


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("hello_cleanup", "hello_cleanup"),
        ("fault_recurse.isra.0", "fault_recurse"),
        ("foo.constprop.0.isra.3", "foo"),
        ("foo.part.12.cold.5", "foo"),
        ("foo.cold", "foo"),
        ("foo.llvm.1234567890123456789", "foo"),
        ("foo.lto_priv.0", "foo"),
        ("foo.bar", "foo.bar"),
        ("__pfx_foo", "foo"),
        ("__cfi_foo", "foo"),
        ("foo+0x12/0x34", "foo"),
        ("foo.0", "foo"),
        ("__x86_indirect_thunk_rax", "__x86_indirect_thunk_rax"),
        ("init.text", "init.text"),
        (".foo", "foo"),
    ],
)
def test_what_compilers_add_is_taken_off(name: str, plain: str) -> None:
    assert normalise(name) == plain


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("memcpy_erms", "copy"),
        ("__get_user_4", "copy"),
        ("__put_user_nocheck_8", "copy"),
        ("copy_user_generic_string", "copy"),
        ("__get_user_pages", None),
        ("__put_user_ns", None),
        ("copy_user_huge_page", None),
        ("copy_mc_fragile", "copy"),
        ("strlen", "string"),
        ("vsnprintf", "string"),
        ("__list_add_valid.cold", "list"),
        ("_raw_spin_lock_irqsave", "lock"),
        ("native_queued_spin_lock_slowpath.part.0", "lock"),
        ("__mutex_lock.constprop.0", "lock"),
        ("__schedule", "scheduler"),
        ("refcount_warn_saturate", "counter"),
        ("kfree", "allocator"),
        ("__slab_free", "allocator"),
        ("kmem_cache_alloc_lru_noprof", "allocator"),
        ("__asan_report_load8_noabort", "report"),
        ("__asan_load8", "sanitizer"),
        ("__ubsan_handle_shift_out_of_bounds.cold", "report"),
        ("asm_exc_page_fault", "entry"),
        ("asm_sysvec_apic_timer_interrupt", "entry"),
        ("page_fault_oops", "report"),
        ("__x86_indirect_thunk_rax", "thunk"),
        ("__x86_return_thunk", "thunk"),
        ("__x64_sys_delete_module", "plumbing"),
        ("__do_sys_delete_module.constprop.0", "plumbing"),
        ("SyS_delete_module", "plumbing"),
        ("worker_thread", "plumbing"),
        ("entry_SYSCALL_64_after_hwframe", "plumbing"),
        ("ioread32", "io"),
        ("die_kernel_fault", "report"),
        ("do_mem_abort", "entry"),
        ("el1h_64_sync_handler", "entry"),
        ("el0t_64_sync", "plumbing"),
        ("el0_svc_common.constprop.0", "plumbing"),
        ("invoke_syscall", "plumbing"),
        ("elf_load", None),
        ("hello_cleanup", None),
        ("ext4_writepages", None),
        ("sysrq_handle_crash", None),
        ("system_heap_allocate", None),
        ("strange_driver_write", None),
    ],
)
def test_categories(name: str, key: Optional[str]) -> None:
    found = roles.category(name)
    assert (found.key if found else None) == key


def test_no_function_is_in_two_categories() -> None:
    counts = Counter(name for entry in roles.CATEGORIES for name in entry.names)
    assert [name for name, count in counts.items() if count > 1] == []


def test_category_keys_are_unique() -> None:
    keys = [entry.key for entry in roles.CATEGORIES]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("file", "role"),
    [
        ("lib/string.c", "string"),
        ("./lib/string.c", "string"),
        ("/build/linux-6.1.90/lib/string.c", "string"),
        ("/usr/src/linux/arch/x86/lib/getuser.S", "copy"),
        # of the same names, but a driver's and a file system's own
        ("drivers/net/wireless/lib/string.c", None),
        ("/usr/src/linux/drivers/net/wireless/lib/string.c", None),
        ("fs/crypto/crypto.c", None),
        ("drivers/crypto/engine.c", None),
        ("crypto/aead.c", "crypto"),
        # sockets of user space, no ciphers
        ("crypto/af_alg.c", None),
        ("crypto/algif_hash.c", None),
    ],
)
def test_a_rule_is_of_the_kernels_own_folder(file: str, role: Optional[str]) -> None:
    assert role_of(file) == role
