# SPDX-License-Identifier: GPL-2.0-or-later
"""The low-level exception entries of x86-64 (arch/x86/entry/entry_64.S, asm/idtentry.h)."""

from __future__ import annotations

from crashext.engine.arch.names import Trap

#: Entry symbol → trap mnemonic. ``asm_exc_*`` since 5.8; the bare names before.
TRAPS: dict[str, Trap] = {
    "asm_exc_divide_error": "#DE",
    "asm_exc_debug": "#DB",
    "asm_exc_nmi": "NMI",
    "asm_exc_nmi_noist": "NMI",
    "asm_exc_nmi_kvm_vmx": "NMI",
    "asm_exc_int3": "#BP",
    "asm_exc_overflow": "#OF",
    "asm_exc_bounds": "#BR",
    "asm_exc_invalid_op": "#UD",
    "asm_exc_device_not_available": "#NM",
    "asm_exc_double_fault": "#DF",
    "asm_exc_coproc_segment_overrun": "#MF9",
    "asm_exc_invalid_tss": "#TS",
    "asm_exc_segment_not_present": "#NP",
    "asm_exc_stack_segment": "#SS",
    "asm_exc_general_protection": "#GP",
    "asm_exc_page_fault": "#PF",
    "asm_exc_coprocessor_error": "#MF",
    "asm_exc_alignment_check": "#AC",
    "asm_exc_machine_check": "#MC",
    "asm_exc_simd_coprocessor_error": "#XF",
    "asm_exc_virtualization_exception": "#VE",
    "asm_exc_control_protection": "#CP",
    "asm_exc_vmm_communication": "#VC",
    "divide_error": "#DE",
    "debug": "#DB",
    "nmi": "NMI",
    "end_repeat_nmi": "NMI",
    "int3": "#BP",
    "overflow": "#OF",
    "bounds": "#BR",
    "invalid_op": "#UD",
    "device_not_available": "#NM",
    "double_fault": "#DF",
    "invalid_TSS": "#TS",
    "segment_not_present": "#NP",
    "stack_segment": "#SS",
    "general_protection": "#GP",
    "page_fault": "#PF",
    "async_page_fault": "#PF",
    "coprocessor_error": "#MF",
    "alignment_check": "#AC",
    "machine_check": "#MC",
    "simd_coprocessor_error": "#XF",
}
