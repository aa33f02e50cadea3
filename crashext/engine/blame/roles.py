# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel functions that are never to blame for what their callers do, by category.

A category names what such a function does, in words that fit "X is a …". Three sources, in this
order: the names written here (old kernels', and what a file's role would get wrong), the generated
table of functions by source file (generated.py, made by scripts/make_roles.py), the patterns. A
frame that has a source file of its own is judged by that (:func:`of_frame`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, Optional

from crashext.engine.blame.files import role_of
from crashext.engine.blame.names import normalise, without_noprof
from crashext.engine.lazy import Lazy


class Category(NamedTuple):
    """A group of helpers. ``what``: "copy helper"; ``reason``: why its caller is to blame."""

    key: str
    what: str
    reason: str
    names: frozenset[str]
    pattern: Optional[Lazy[str]] = None


def _category(key: str, what: str, reason: str, names: str, pattern: str = "") -> Category:
    compiled = Lazy(f"^(?:{pattern})$") if pattern else None
    return Category(key, what, reason, frozenset(names.split()), compiled)


CATEGORIES = (
    _category(
        "report", "report-printing function", "it only reports what another function did",
        """dump_stack dump_stack_lvl show_stack show_regs show_trace_log_lvl __warn
        warn_slowpath_fmt warn_slowpath_common warn_slowpath_null __warn_printk report_bug
        handle_bug die __die __die_body __die_header die_addr oops_end oops_begin panic vpanic
        nmi_panic panic_saved_regs nmi_panic_self_stop crash_kexec __crash_kexec machine_kexec
        native_machine_crash_shutdown no_context bad_area bad_area_nosemaphore __bad_area
        __bad_area_nosemaphore page_fault_oops kernelmode_fixup_or_oops show_fault_oops
        pgtable_bad exc_invalid_op print_address_description print_report kasan_report
        kasan_report_error kasan_report_invalid_free kasan_report_double_free ubsan_epilogue
        report_usercopy usercopy_abort usercopy_warn fortify_panic __fortify_panic
        __fortify_report __stack_chk_fail check_panic_on_warn dump_page bad_page dump_header
        oom_kill_process out_of_memory mark_oom_victim __alloc_pages_slowpath
        __alloc_pages_may_oom debug_print_object slab_err slab_bug slab_fix object_err
        print_trailer print_tracking __slab_err slab_pad_check check_bytes_and_report
        rcu_dump_cpu_stacks print_cpu_stall print_other_cpu_stall watchdog_timer_fn
        watchdog_overflow_callback watchdog_hardlockup_check sched_show_task show_state_filter
        nmi_trigger_cpumask_backtrace nmi_cpu_backtrace nmi_cpu_backtrace_handler spin_bug
        rcu_sched_clock_irq rcu_check_callbacks check_cpu_stall rcu_pending spin_dump
        rwlock_bug lockdep_rcu_suspicious print_circular_bug print_deadlock_bug
        print_usage_bug print_irq_inversion_bug debug_show_held_locks __might_sleep
        ___might_sleep __might_resched __schedule_bug __cant_sleep __cant_migrate
        kfence_report_error kmsan_report kcsan_report mce_panic""",
        r"die_kernel_fault|__do_kernel_fault|do_bad_area|do_tag_check_fault|(?:bug|brk)_handler"
        r"|call_break_hook|__ubsan_handle_\w+|rust_helper_BUG|core::panicking::.{1,200}|core::(?:option|result|slice|cell)::[\w:]{1,80}_fail(?:ed)?|[\w:]{0,80}rust_begin_unwind|__asan_report_\w+|__kasan_report\w*|__msan_\w+|print_bad_\w+"
        r"|list_(?:add|del)_corruption\w*|__warn_\w+|fixup_bug|print_\w+_bug(?:_header)?"
        r"|print_(?:unlock_imbalance|usage|circular|deadlock|irq|lock|held|bad|shortest|kernel)_\w+"
        r"|__?(?:ODEBUG|odebug)\w*|debug_(?:object|check_no_obj|objects|print_object)_\w+"
        r"|debug_check_no_\w+|debug_locks_off|debug_lockdep_\w+|debug_smp_processor_id"
        r"|check_preemption_disabled|__this_cpu_preempt_check|__?_?_might_\w+|__cant_\w+"
        r"|preempt_count_(?:add|sub)|(?:__)?trace_(?:hard|soft)irqs_\w+|(?:__)?trace_preempt_\w+"
        r"|tracer_(?:hard|soft)irqs_\w+|should_fail\w*|fail_dump|__should_fail\w*|\w+_fail_alloc\w*"
        r"|_{0,2}dump_(?:backtrace|stack|trace|header|page|cpu_task)\w*|show_(?:stack|regs|trace|mem)\w*"
        r"|walk_stackframe|unwind_\w+|__unwind_\w+|arch_stack_walk\w*|stack_trace_\w+"
        r"|_{0,2}save_stack\w*|print_context_stack\w*|(?:__)?kernel_text_address"
        r"|is_(?:bpf_text_address|ftrace_trampoline|module_text_address)|_?sched_show_task"
        r"|print_(?:other_)?cpu_stall\w*|rcu_dump_cpu_stacks\w*|check_cpu_stall|__panic"
        r"|rcu_check_gp_kthread\w*|arch_trigger_\w*backtrace|perf_trace_\w+|trace_event_\w+"
        r"|bpf_trace_run\d+|__bpf_trace_\w+|trace_call_bpf|kmemleak_\w+|create_object"
        r"|__create_object|ref_tracker_\w+|warn_alloc\w*|report_\w*bug\w*",
    ),
    _category(
        "entry", "exception entry", "it is the way into the kernel's fault handler",
        """page_fault async_page_fault do_page_fault __do_page_fault exc_page_fault
        asm_exc_page_fault do_user_addr_fault do_kern_addr_fault trace_do_page_fault
        general_protection do_general_protection exc_general_protection
        asm_exc_general_protection double_fault do_double_fault exc_double_fault
        asm_exc_double_fault df_debug invalid_op do_invalid_op do_error_trap
        asm_exc_invalid_op exc_stack_segment asm_exc_stack_segment divide_error
        do_divide_error exc_divide_error asm_exc_divide_error int3 do_int3 exc_int3
        asm_exc_int3 asm_exc_control_protection exc_control_protection exc_alignment_check
        asm_exc_alignment_check nmi end_repeat_nmi exc_nmi asm_exc_nmi nmi_restore
        default_do_nmi do_nmi nmi_handle machine_check do_machine_check exc_machine_check
        asm_exc_machine_check error_entry error_exit error_return paranoid_entry paranoid_exit
        ret_from_intr handle_stack_overflow kernel_stack_overflow do_trap do_trap_no_signal
        notify_die atomic_notifier_call_chain notifier_call_chain xen_hypercall_callback""",
        r"_s?text|_etext|el1\w+|(?:do_)?handle_IPI|ipi_handler|__?(?:irq|dabt|pabt|und|fiq)_(?:svc|usr)|ret_(?:fast|slow)_syscall\w*|retint_\w+"
        r"|restore_regs_and_return_to_\w+|interrupt_entry|idtentry_\w+|irqentry_\w+"
        r"|tick_(?:periodic|handle|sched|nohz|do|receive|irq)_?\w*|handle_percpu_\w+|generic_handle_\w+|_{0,2}handle_domain_irq|gic_handle_irq"
        r"|update_process_times|timer_interrupt|clockevents_\w+|r4k_\w*handler|c0_compare_interrupt"
        r"|(?:arch_timer|twd|gic|bcm\d+|sun\w+|plic|riscv_intc)_handle\w*|call_on_irq_stack"
        r"|do_interrupt_handler|generic_handle_arch_irq|do_DataAbort|do_PrefetchAbort|do_page_fault"
        r"|do_trap_\w+|handle_exception|do_irq|smp_\w+_interrupt\w*|\w+_interrupt_entry\w*"
        r"|do_mem_abort|do_translation_fault|do_debug_exception|do_undefinstr"
        r"|asm_(?:exc|common|sysvec|call)_\w+|exc_\w+|sysvec_\w+|__?sysvec_\w+",
    ),
    _category(
        "thunk", "indirect-call thunk", "it only jumps to the pointer that its caller gave it",
        "", r"__x86_indirect_(?:thunk|call|jump|its)\w*|__x86_(?:indirect_its_)?return_thunk\w*"
        r"|retpoline_\w+|srso_\w+|retbleed_\w+|zen_untrain_ret|its_return_thunk|__?fentry__|mcount"
        r"|ftrace_\w*caller\w*|__traceiter_\w+|arch_ftrace_ops_list_func|klp_ftrace_handler",
    ),
    _category(
        "sanitizer", "sanitizer check", "it checks an access that its caller is about to make",
        """kasan_check_range check_memory_region __kasan_check_read __kasan_check_write
        kasan_byte_accessible kasan_unpoison kasan_poison __kasan_slab_free __kasan_kmalloc
        kasan_save_stack kasan_save_track kasan_save_free_info kfence_handle_page_fault""",
        r"qlist_\w+|qlink_\w+|quarantine_\w+|check_region_inline|bytes_are_valid|_{2,4}kasan_\w+"
        r"|check_memory_region\w*|write_comp_data|kcov_\w+|__virt_addr_valid|__phys_addr\w*"
        r"|kfence_\w+|__kfence_\w+|__kmsan_\w+|kcsan_\w+|find_watchpoint|check_access"
        r"|__asan_\w+|__hwasan_\w+|__tsan_\w+|__kcsan_\w+|kmsan_\w+|__sanitizer_cov_\w+|kasan_\w+",
    ),
    _category(
        "copy", "copy helper", "its caller handed it the bad pointer or length",
        """memcpy __memcpy memcpy_orig memcpy_erms __inline_memcpy memmove __memmove memset
        __memset memset_orig memset_erms clear_page copy_page copy_page_regs clear_page_rep
        clear_page_orig clear_page_erms memcpy_fromio memcpy_toio memset_io memcpy_flushcache
        __memcpy_flushcache copy_user_generic_string copy_user_generic_unrolled
        copy_user_enhanced_fast_string copy_user_short_string rep_movs_alternative
        rep_stos_alternative __copy_user_nocache _copy_from_user _copy_to_user copy_from_user
        copy_to_user __copy_from_user __copy_to_user raw_copy_from_user raw_copy_to_user
        copy_from_kernel_nofault copy_to_kernel_nofault probe_kernel_read probe_kernel_write
        strncpy_from_user strnlen_user __clear_user clear_user __get_user_asm _copy_from_iter
        _copy_to_iter copy_page_from_iter copy_page_to_iter __check_object_size
        check_heap_object check_stack_object __check_heap_object memcpy_mcsafe __memcpy_mcsafe
        copy_mc_fragile copy_mc_to_kernel""",
        r"__(?:get|put)_user_(?:nocheck_|bad_?)?\d*|copy_mc_\w+|clear_user_\w+"
        r"|copy_user_(?:generic|enhanced|short|fast|erms|nocache)\w*",
    ),
    _category(
        "string", "string helper", "its caller handed it the bad pointer",
        """strlen strnlen strcpy strncpy strlcpy strscpy strcat strncat strlcat strcmp strncmp
        strcasecmp strncasecmp strchr strrchr strnchr strchrnul strstr strnstr strsep strspn
        strcspn strpbrk strim skip_spaces memcmp bcmp memchr memchr_inv memscan memweight
        kstrdup kstrndup kmemdup kmemdup_nul kstrdup_const sized_strscpy strscpy_pad
        sysfs_streq match_string __sysfs_match_string hex_to_bin hex2bin bin2hex kstrtoull
        kstrtoll kstrtouint kstrtoint _kstrtoull _parse_integer simple_strtoul simple_strtoull
        sscanf vsscanf vsnprintf snprintf sprintf vsprintf scnprintf vscnprintf kasprintf
        kvasprintf string string_nocheck format_decode pointer number widen_string ptr_to_id
        vprintk vprintk_emit vprintk_default vprintk_func vprintk_store printk _printk
        seq_printf seq_vprintf seq_puts seq_write seq_putc dev_printk_emit crc32_le crc32_be
        crc32c sort sort_r bsearch __bitmap_weight _find_next_bit _find_first_bit
        find_next_bit find_first_bit _find_first_zero_bit _find_next_zero_bit __sw_hweight32
        __sw_hweight64 jhash siphash full_name_hash hashlen_string""",
    ),
    _category(
        "list", "list, tree or container helper", "its caller handed it an entry that is not sound",
        """__list_add_valid __list_add_valid_or_report __list_del_entry_valid
        __list_del_entry_valid_or_report list_sort __list_add __list_del __list_del_entry
        list_del list_add llist_add_batch llist_del_first llist_reverse_order plist_add
        plist_del rb_insert_color rb_erase rb_next rb_prev rb_first rb_last rb_replace_node
        __rb_insert_augmented __rb_erase_color rb_next_postorder rb_first_postorder
        interval_tree_insert interval_tree_remove radix_tree_lookup radix_tree_insert
        radix_tree_delete radix_tree_lookup_slot __radix_tree_lookup radix_tree_tag_set
        radix_tree_next_chunk idr_find idr_alloc idr_remove idr_get_next idr_for_each ida_free
        ida_alloc_range ida_destroy xas_load xas_store xas_find xas_start xas_descend xa_load
        xa_store xa_erase __xa_store __xa_erase xas_create mas_walk mas_store mas_find
        mas_next mas_prev mas_state_walk mtree_load mt_find kfifo_in kfifo_out __kfifo_in
        __kfifo_out klist_next klist_iter_exit klist_put klist_del klist_add_tail kobject_get
        kobject_put kobject_add kobject_del kobject_uevent kobject_release sg_next
        sg_init_table sg_copy_buffer rhashtable_lookup __rhashtable_lookup
        rhashtable_insert_slow rht_key_hashfn percpu_counter_add_batch __percpu_counter_sum""",
        r"xas_\w+|mas_\w+",
    ),
    _category(
        "lock", "lock or wait helper", "its caller handed it the lock, or waits in it",
        """_raw_spin_lock _raw_spin_lock_irq _raw_spin_lock_irqsave _raw_spin_lock_bh
        lock_sock_nested lock_sock_fast __lock_sock __release_sock release_sock
        _atomic_dec_and_lock _atomic_dec_and_lock_irqsave atomic_dec_and_lock
        _raw_spin_trylock _raw_spin_unlock _raw_spin_unlock_irq _raw_spin_unlock_irqrestore
        _raw_spin_unlock_bh _raw_read_lock _raw_read_unlock _raw_write_lock _raw_write_unlock
        _raw_read_lock_irqsave _raw_write_lock_irqsave _raw_write_lock_bh _raw_read_lock_bh
        _raw_write_lock_irq _raw_read_unlock_bh _raw_write_unlock_bh _raw_write_unlock_irq
        _raw_write_unlock_irqrestore native_queued_spin_lock_slowpath
        queued_spin_lock_slowpath __pv_queued_spin_lock_slowpath kvm_wait
        queued_read_lock_slowpath queued_write_lock_slowpath do_raw_spin_lock
        do_raw_spin_unlock do_raw_read_lock do_raw_write_lock do_raw_spin_trylock
        debug_spin_lock_before __lock_text_start mutex_lock __mutex_lock __mutex_lock_slowpath
        __mutex_lock_common mutex_lock_nested mutex_lock_interruptible
        __mutex_lock_interruptible_slowpath mutex_lock_killable __mutex_lock_killable_slowpath
        mutex_unlock __mutex_unlock_slowpath mutex_trylock mutex_spin_on_owner
        mutex_optimistic_spin __ww_mutex_lock ww_mutex_lock down __down __down_common
        down_interruptible __down_interruptible down_killable down_timeout __down_timeout up
        __up down_read down_write down_read_killable down_write_killable down_read_trylock
        up_read up_write __down_read __down_write rwsem_down_read_slowpath
        rwsem_down_write_slowpath rwsem_down_read_failed rwsem_down_write_failed
        call_rwsem_down_read_failed call_rwsem_down_write_failed rwsem_optimistic_spin
        rwsem_spin_on_owner osq_lock osq_unlock rwsem_wake __up_read __up_write rt_spin_lock
        rt_spin_unlock rt_mutex_lock rt_mutex_slowlock __rt_mutex_slowlock
        rt_mutex_slowlock_block rtlock_slowlock_locked lock_acquire lock_release
        __lock_acquire lock_is_held_type check_noncircular validate_chain mark_lock mark_usage
        check_prev_add percpu_down_write __percpu_down_read __percpu_rwsem_trylock
        wait_for_completion wait_for_completion_timeout wait_for_completion_interruptible
        wait_for_completion_killable __wait_for_common wait_for_common do_wait_for_common
        complete complete_all swake_up_locked __wake_up __wake_up_common __wake_up_common_lock
        __wake_up_sync_key wake_up_process try_to_wake_up default_wake_function
        autoremove_wake_function prepare_to_wait prepare_to_wait_event finish_wait
        add_wait_queue remove_wait_queue wake_up_q wake_up_bit __wait_on_bit
        __wait_on_bit_lock out_of_line_wait_on_bit out_of_line_wait_on_bit_lock bit_wait
        bit_wait_io wait_on_page_bit wait_on_page_bit_common folio_wait_bit
        folio_wait_bit_common __lock_page __folio_lock io_schedule io_schedule_timeout
        io_schedule_prepare synchronize_net synchronize_rcu synchronize_sched
        synchronize_rcu_expedited
        __wait_rcu_gp wait_rcu_gp rcu_barrier synchronize_srcu __synchronize_srcu""",
        r"lockdep_\w+|register_lock_class|hlock_class|look_?up_(?:chain|lock)_\w+|assign_lock_key"
        r"|check_(?:noncircular|prev_add\w*|prevs_add|usage\w*|irq_usage|wait_context|redundant)"
        r"|mark_(?:lock|held|usage)\w*|reacquire_held_locks|__lock_\w+|lock_(?:acquire|release)\w*"
        r"|lock_(?:is_held|set|pin|downgrade|unpin|contended|acquired)\w*|do_raw_(?:spin|read|write)_\w+"
        r"|(?:debug|__)_?mutex_\w+|mutex_\w+|rwsem_\w+|rt_mutex_\w+|__?(?:down|up)_(?:read|write)\w*"
        r"|_raw_(?:spin|read|write)_\w+|__raw_(?:spin|read|write)_\w+|__raw_callee_save_\w+",
    ),
    _category(
        "scheduler", "scheduler function", "its caller waits in it",
        """schedule __schedule preempt_schedule preempt_schedule_common preempt_schedule_irq
        preempt_schedule_thunk __cond_resched _cond_resched dynamic_cond_resched
        schedule_timeout schedule_timeout_uninterruptible schedule_timeout_interruptible
        schedule_timeout_idle schedule_hrtimeout schedule_hrtimeout_range
        schedule_hrtimeout_range_clock schedule_preempt_disabled schedule_idle context_switch
        __switch_to __switch_to_asm finish_task_switch do_nanosleep msleep
        msleep_interruptible usleep_range usleep_range_state __const_udelay __udelay __delay
        delay_tsc delay_loop delay_mwaitx ndelay __ndelay cpu_relax native_read_tsc
        rcu_read_lock rcu_read_unlock
        __rcu_read_lock __rcu_read_unlock""",
    ),
    _category(
        "counter", "reference-count helper", "its caller took or dropped a reference wrongly",
        """refcount_warn_saturate refcount_inc refcount_add refcount_dec refcount_inc_checked
        refcount_add_checked refcount_sub_and_test_checked refcount_dec_checked
        refcount_inc_not_zero_checked refcount_error_report ex_handler_refcount
        refcount_dec_and_test refcount_sub_and_test refcount_dec_and_lock
        refcount_dec_and_mutex_lock refcount_inc_not_zero kref_get kref_put
        kref_get_unless_zero refcount_dec_not_one refcount_dec_if_one
        atomic_dec_and_mutex_lock percpu_ref_get percpu_ref_put percpu_ref_kill
        percpu_ref_switch_to_atomic_rcu""",
    ),
    _category(
        "allocator", "memory allocator", "memory that another function damaged, or a bad argument",
        """kmalloc __kmalloc __kmalloc_node kmalloc_trace kmalloc_order __do_kmalloc_node
        kmalloc_node_trace kmalloc_large __kmalloc_large_node __kmalloc_track_caller
        kmalloc_slab kzalloc kcalloc krealloc kvmalloc_node __kvmalloc_node kvfree
        __kmalloc_node_track_caller kfree kfree_const kfree_sensitive kzfree kfree_skbmem
        kmem_cache_alloc kmem_cache_alloc_node kmem_cache_alloc_trace kmem_cache_alloc_lru
        kmem_cache_free kmem_cache_free_bulk kmem_cache_alloc_bulk kmem_cache_destroy
        kmem_cache_create __kmem_cache_alloc_node __kmem_cache_free kmem_cache_close
        __kmem_cache_shutdown kmem_cache_shrink ___slab_alloc __slab_alloc slab_alloc
        slab_alloc_node __slab_free slab_free do_slab_free slab_free_freelist_hook
        free_to_partial_list free_debug_processing alloc_debug_processing check_object
        check_slab init_object on_freelist set_freepointer get_freepointer
        get_freepointer_safe freelist_ptr_decode new_slab allocate_slab get_partial_node
        get_any_partial deactivate_slab flush_cpu_slab unfreeze_partials put_cpu_partial
        cache_free_debugcheck cache_alloc_refill cache_grow cache_flusharray free_block
        kmem_freepages slab_destroy memcg_slab_post_alloc_hook alloc_pages __alloc_pages
        __alloc_pages_nodemask alloc_pages_current alloc_pages_mpol get_page_from_freelist
        rmqueue rmqueue_bulk prep_new_page __free_pages free_pages __free_pages_ok
        free_unref_page free_unref_page_commit free_pcp_prepare free_pcppages_bulk
        free_hot_cold_page __put_page put_page free_pages_check free_one_page page_frag_free
        page_frag_alloc __vmalloc vmalloc vzalloc vfree __vfree __vunmap __vmalloc_node_range
        vm_unmap_aliases remove_vm_area find_vm_area __vmalloc_area_node mempool_alloc
        mempool_free mempool_alloc_slab mempool_free_slab mempool_kmalloc dma_pool_alloc
        dma_pool_free percpu_alloc pcpu_alloc free_percpu pcpu_free_area devm_kmalloc
        devm_kfree kfree_link __kfree_skb kfree_skb consume_skb skb_release_data skb_panic
        skb_over_panic skb_under_panic skb_put skb_push""",
        # mm/mempolicy.c holds policies too; of it only what allocates is a helper.
        r"kmalloc_\w+_noprof|kmem_cache_\w+_noprof|__kmalloc_\w+|alloc_pages?_\w+|alloc_pages_vma"
        r"|(?:vma_)?(?:__)?folio_alloc\w*|kernel_init_(?:free_)?pages|__get_free_pages",
    ),
    _category(
        "io", "register access helper", "its caller handed it the bad address",
        """ioread8 ioread16 ioread32 ioread64 iowrite8 iowrite16 iowrite32 iowrite64 readb readw
        readl readq writeb writew writel writeq ioread32be iowrite32be ioread32_rep
        iowrite32_rep native_read_msr native_write_msr native_read_msr_safe
        native_write_msr_safe ex_handler_msr_mce rdmsr_safe_on_cpu wrmsr_safe_on_cpu
        __rdmsr_on_cpu __wrmsr_on_cpu""",
        # include/asm-generic/io.h, lib/logic_pio.c, lib/iomap.c
        r"(?:__raw_|__)?(?:read|write)s?[bwlq](?:_relaxed)?|logic_(?:in|out)s?[bwl]"
        r"|_?(?:in|out)s?[bwl](?:_p)?|io(?:read|write)(?:8|16|32|64)\w*",
    ),
    _category(
        "device", "driver-core function", "its caller handed it a device or file that is not sound",
        """device_del device_add device_unregister device_register device_initialize put_device
        get_device device_release device_release_driver get_device_parent cleanup_glue_dir
        sysfs_create_group sysfs_remove_group sysfs_create_link sysfs_create_file_ns
        sysfs_remove_file_ns sysfs_create_dir_ns sysfs_remove_dir sysfs_warn_dup kernfs_find_ns
        kernfs_add_one kernfs_remove kernfs_remove_by_name_ns kernfs_name_hash kernfs_get
        kernfs_put internal_create_group dpm_sysfs_remove dpm_sysfs_add devres_release_all
        release_nodes devres_release_group unregister_netdev unregister_netdevice_queue
        unregister_netdevice_many rollback_registered rollback_registered_many
        unregister_netdevice_many_notify cdev_del cdev_add device_create device_create_vargs
        device_destroy device_find_child device_for_each_child tty_register_device
        tty_register_device_attr tty_unregister_device tty_register_driver tty_unregister_driver
        misc_register misc_deregister __unregister_client __unregister_dummy""",
        r"i2c_(?:add|del|register)_\w*adapter|i2c_(?:un)?register_device|i2c_new_\w+|__?i2c_transfer"
        r"|i2c_transfer\w*|i2c_smbus_\w+"
        r"|usb_(?:submit|kill|unlink|poison)_urb\w*|usb_(?:control|bulk|interrupt)_msg\w*"
        r"|usb_start_wait_urb|usb_internal_control_msg|usb_hcd_\w+",
    ),
    _category(
        "work", "workqueue or thread interface", "its caller handed it the work, or waits in it",
        """flush_work __flush_work flush_workqueue __flush_workqueue drain_workqueue
        destroy_workqueue cancel_work_sync cancel_delayed_work_sync __cancel_work_timer
        cancel_delayed_work queue_work_on __queue_work queue_delayed_work_on
        mod_delayed_work_on __queue_delayed_work try_to_grab_pending flush_delayed_work
        work_is_static_object kthread_stop kthread_park kthread_unpark kthread_create_on_node
        __kthread_create_on_node kthread_flush_worker kthread_queue_work check_flush_dependency
        insert_work start_flush_work work_fixup_init""",
    ),
    _category(
        "timer", "timer interface", "its caller handed it the timer",
        """add_timer add_timer_on mod_timer __mod_timer mod_timer_pending del_timer del_timer_sync
        timer_delete timer_delete_sync try_to_del_timer_sync timer_shutdown_sync
        __timer_delete __timer_delete_sync detach_if_pending hrtimer_start_range_ns
        hrtimer_cancel hrtimer_try_to_cancel hrtimer_init timer_fixup_assert_init
        timer_is_static_object hrtimer_active remove_hrtimer __remove_hrtimer""",
    ),
    _category(
        "rcu", "RCU interface", "its caller handed it the object, or waits in it",
        """call_rcu __call_rcu call_rcu_sched call_rcu_bh call_srcu __call_srcu kfree_call_rcu
        kvfree_call_rcu rcu_head_init rcu_is_watching rcu_read_lock_held
        debug_lockdep_rcu_enabled rcuhead_is_static_object""",
    ),
    _category(
        "skb", "socket-buffer helper", "its caller handed it the buffer",
        """skb_release_all skb_release_head_state __alloc_skb alloc_skb_with_frags
        sock_alloc_send_pskb sock_wfree sock_rfree kfree_skb_list kfree_skb_list_reason
        kfree_skb_reason sk_skb_reason_drop skb_dequeue skb_queue_tail skb_queue_purge
        skb_unlink skb_clone skb_copy pskb_expand_head __pskb_pull_tail skb_copy_bits""",
    ),
    _category(
        "crypto", "cipher or hash", "its caller handed it the data",
        "", r"aes\w*_\w+|sha\d+_\w+|md5_\w+|chacha_\w+|crypto_\w+_(?:en|de)crypt|blake2s_\w+",
    ),
    _category(
        "cross-cpu", "call of other CPUs", "it waits for another CPU",
        """smp_call_function_many smp_call_function_many_cond smp_call_function_single
        smp_call_function smp_call_function_any smp_call_function_single_async on_each_cpu
        on_each_cpu_cond_mask on_each_cpu_mask csd_lock_wait __csd_lock_wait
        generic_exec_single stop_machine stop_machine_cpuslocked stop_one_cpu
        multi_cpu_stop stop_cpus smp_call_on_cpu""",
    ),
    _category(
        "library", "library helper", "its caller asked for it",
        "", r"crc\d\w*|crc_\w+|prandom_\w+|get_random_\w+|_?get_random_bytes\w*|kvm_clock_\w+"
        r"|ktime_get\w*|sched_clock\w*|local_clock\w*|read_tsc|read_hpet|pvclock_\w+",
    ),
    _category(
        "page", "page-cache helper", "its caller handed it the page, or waits in it",
        """lock_page unlock_page folio_unlock __lock_page_killable wait_on_page_writeback
        folio_wait_writeback wait_on_page_bit_killable end_page_writeback folio_end_writeback
        set_page_dirty folio_mark_dirty mark_page_accessed folio_mark_accessed page_mapping
        folio_mapping put_pages_list release_pages folios_put get_page get_user_pages
        do_read_cache_page do_read_cache_folio wait_on_page_read
        dget dput fast_dput __dput lockref_get_not_dead iput igrab fput __fput_sync
        inc_nlink drop_nlink set_nlink clear_nlink truncate_inode_pages
        truncate_inode_pages_range truncate_inode_pages_final truncate_pagecache
        invalidate_inode_pages2 invalidate_inode_pages2_range invalidate_mapping_pages
        filemap_fdatawait filemap_fdatawait_range __filemap_fdatawait_range
        filemap_fdatawait_keep_errors filemap_write_and_wait filemap_write_and_wait_range
        filemap_fdatawrite filemap_fdatawrite_range __filemap_fdatawrite_range""",
    ),
    _category(
        "plumbing", "part of the kernel's calling machinery",
        "it only calls what others registered",
        """entry_SYSCALL_64 entry_SYSCALL_64_after_hwframe entry_SYSCALL_64_fastpath
        entry_SYSCALL_64_safe_stack entry_SYSENTER_compat entry_SYSENTER_compat_after_hwframe
        entry_INT80_compat entry_INT80_compat_after_hwframe entry_SYSCALL_compat
        entry_SYSCALL_compat_after_hwframe system_call_fastpath system_call
        system_call_after_swapgs tracesys ia32_sysret sysenter_dispatch stub_clone stub_execve
        do_syscall_64 do_syscall_x64 x64_sys_call do_int80_syscall_32 do_fast_syscall_32
        __do_fast_syscall_32 do_SYSENTER_32 ia32_sys_call int80_emulation
        do_syscall_32_irqs_on return_from_SYSCALL_64 syscall_return_via_sysret
        syscall_exit_to_user_mode syscall_exit_to_user_mode_prepare exit_to_user_mode_prepare
        exit_to_user_mode_loop irqentry_exit irqentry_exit_to_user_mode irqentry_enter
        syscall_enter_from_user_mode syscall_trace_enter kthread kthread_worker_fn
        worker_thread process_one_work process_scheduled_works rescuer_thread ret_from_fork
        ret_from_fork_asm ret_from_kernel_thread kernel_thread_helper child_rip
        smpboot_thread_fn cpuhp_thread_fun cpuhp_invoke_callback run_ksoftirqd
        run_timer_softirq __run_timers call_timer_fn expire_timers run_timer_base
        timer_expire_remote __run_timer_base __run_hrtimer __hrtimer_run_queues
        hrtimer_interrupt hrtimer_run_softirq hrtimer_run_queues tick_sched_timer
        tick_nohz_handler tick_sched_handle update_process_times tick_handle_periodic
        local_apic_timer_interrupt smp_apic_timer_interrupt apic_timer_interrupt __do_softirq
        handle_softirqs do_softirq do_softirq_own_stack call_softirq
        do_softirq_own_stack_irqoff do_softirq_irqoff __local_bh_enable_ip _local_bh_enable
        irq_exit irq_exit_rcu __irq_exit_rcu irq_enter irq_enter_rcu common_interrupt do_IRQ
        handle_irq __common_interrupt handle_irq_event handle_irq_event_percpu
        __handle_irq_event_percpu handle_edge_irq handle_fasteoi_irq handle_level_irq
        handle_simple_irq generic_handle_irq generic_handle_irq_desc handle_percpu_devid_irq
        irq_thread irq_thread_fn irq_forced_thread_fn tasklet_action tasklet_hi_action
        tasklet_action_common rcu_core rcu_core_si rcu_do_batch rcu_process_callbacks
        rcu_cpu_kthread irq_work_run irq_work_run_list irq_work_single
        flush_smp_call_function_queue __flush_smp_call_function_queue
        generic_smp_call_function_single_interrupt flush_smp_call_function_from_idle do_exit
        do_group_exit vfs_write vfs_read ksys_write ksys_read __vfs_write __vfs_read
        new_sync_write new_sync_read SyS_write SyS_read sys_write sys_read __x64_sys_write
        __x64_sys_read __se_sys_write __do_sys_write __se_sys_read __do_sys_read ksys_ioctl
        do_vfs_ioctl vfs_ioctl __x64_sys_ioctl __se_sys_ioctl __do_sys_ioctl SyS_ioctl
        sys_ioctl SYSC_ioctl full_proxy_write full_proxy_read full_proxy_open full_proxy_ioctl
        debugfs_attr_write simple_attr_write simple_attr_write_xsigned simple_attr_read
        debugfs_attr_read proc_reg_write proc_reg_read pde_write pde_read
        proc_sys_call_handler proc_sys_write kernfs_fop_write kernfs_fop_write_iter
        kernfs_fop_read_iter sysfs_kf_write sysfs_kf_seq_show kernfs_seq_show seq_read
        seq_read_iter dev_attr_store dev_attr_show kobj_attr_store kobj_attr_show
        param_attr_store param_attr_show module_attr_store module_attr_show drv_attr_store
        bus_attr_store class_attr_store configfs_write_file do_one_initcall do_initcalls
        do_initcall_level do_basic_setup kernel_init_freeable kernel_init rest_init
        start_kernel do_init_module load_module init_module_from_file idempotent_init_module
        __do_sys_init_module __do_sys_finit_module __se_sys_init_module __se_sys_finit_module
        __x64_sys_init_module __x64_sys_finit_module SyS_init_module SyS_finit_module
        sys_init_module sys_finit_module SYSC_init_module SYSC_finit_module delete_module
        SyS_delete_module sys_delete_module __x64_sys_delete_module __se_sys_delete_module
        __do_sys_delete_module free_module cpu_startup_entry cpu_idle_loop do_idle
        default_idle arch_cpu_idle default_idle_call cpuidle_enter cpuidle_enter_state
        acpi_idle_enter acpi_idle_do_entry intel_idle native_safe_halt pv_native_safe_halt
        cpu_idle start_secondary secondary_startup_64 secondary_startup_64_no_verify
        call_cpuidle cpu_idle_poll really_probe driver_probe_device __driver_probe_device
        __driver_attach driver_attach bus_for_each_dev bus_add_driver driver_register
        __device_attach_driver __device_attach device_initial_probe bus_probe_device
        platform_drv_probe platform_probe local_pci_probe
        pci_device_probe pci_call_probe __pci_register_driver device_release_driver_internal
        driver_detach bus_remove_driver driver_unregister pci_unregister_driver
        pci_device_remove platform_remove blocking_notifier_call_chain raw_notifier_call_chain
        call_netdevice_notifiers call_netdevice_notifiers_info call_netdevice_notifiers_extack
        call_netdevice_notifiers_mtu call_inetaddr_notifiers call_netevent_notifiers
        __blocking_notifier_call_chain srcu_notifier_call_chain task_work_run
        call_usermodehelper_exec_async async_run_entry_fn""",
        r"__(?:x64|ia32|arm64|riscv|s390x?|se|do|x32)_(?:compat_)?sys_\w+|S[yY](?:S|SC)_\w+"
        r"|compat_S[yY]S_\w+|do_compat_\w+"
        r"|el0\w+|invoke_syscall\w*|do_el0_svc|vectors|secondary_startup_\w+|common_startup_\w+",
    ),
)  # fmt: skip

_BY_NAME: dict[str, Category] = {}
for _entry in reversed(CATEGORIES):
    for _name in _entry.names:
        _BY_NAME[_name] = _entry


_BY_KEY: dict[str, Category] = {entry.key: entry for entry in CATEGORIES}


@lru_cache(maxsize=1)
def _generated() -> dict[str, str]:
    """Function → role, of the generated table; read when the first frame is judged."""
    from crashext.engine.blame.generated import NAMES

    return {name: role for role, names in NAMES.items() for name in names.split()}


_SYSTEM_CALL = re.compile(r"(?:compat_|k)?sys_(\w+)")


def _is_system_call(plain: str) -> bool:
    """``sys_read``, ``ksys_read``, ``compat_sys_ioctl``: of a system call that exists."""
    match = _SYSTEM_CALL.fullmatch(plain)
    return match is not None and f"__x64_sys_{match[1]}" in _generated()


def of_frame(name: str, file: Optional[str]) -> Optional[Category]:
    """As :func:`category`, for a frame whose source file may be known: the file then decides.

    Names that are written here are believed before the file: a file of helpers can hold machinery.
    """
    found = category(name)
    if file is None or normalise(name) in _BY_NAME:
        return found
    role = role_of(file)
    if role is not None:
        return _BY_KEY[role]
    # A function of that name in another file than the kernels' that the table was made from.
    return None if normalise(name) in _generated() else found


#: Roles whose functions are emitted in modules too: inline functions of the kernel's headers.
_EMITTED = frozenset({"list", "counter", "lock", "thunk", "report", "entry", "copy", "string"})


def is_emitted(name: str, found: Category) -> bool:
    """Whether a helper that stands in a module is the kernel's all the same.

    ``__list_del_entry [mod]`` is include/linux/list.h's: an inline function that the compiler did
    not inline, or a clone. A module's own function of a generated helper's name is the module's.
    """
    return found.key in _EMITTED and normalise(name) in _BY_NAME


@lru_cache(maxsize=8192)
def category(name: str) -> Optional[Category]:
    """The category of a helper function (any suffixes), or None for an ordinary function."""
    plain = normalise(name)
    # Allocation profiling (6.10) made wrappers of the allocators: kmalloc → kmalloc_noprof.
    found = _BY_NAME.get(plain) or _BY_NAME.get(without_noprof(plain))
    if found is not None:
        return found
    for entry in CATEGORIES:
        if entry.pattern is not None and entry.pattern.match(plain):
            return entry
    if _is_system_call(plain):
        return _BY_KEY["plumbing"]
    role = _generated().get(plain) or _generated().get(without_noprof(plain))
    if role is not None:
        return _BY_KEY[role]
    return None
