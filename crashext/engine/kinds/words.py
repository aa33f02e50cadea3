# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: RUF022 -- sorted by the script
"""The words for kinds of crashes: made by scripts/kinds.py from the families."""

from __future__ import annotations

from typing import Final, Literal

# fmt: off
__all__ = [
    "ATOMIC_SLEEP",
    "BAD_POINTER",
    "BUG",
    "DIVIDE_ERROR",
    "DOUBLE_FAULT",
    "DOUBLE_FREE",
    "ERR_PTR",
    "FORTIFY",
    "GENERAL_PROTECTION",
    "HARD_LOCKUP",
    "HUNG_TASK",
    "INIT_KILLED",
    "INVALID_OPCODE",
    "KASAN",
    "KCSAN",
    "KFENCE",
    "KINDS",
    "KMSAN",
    "Kind",
    "LEAK",
    "LIST_CORRUPTION",
    "LOCKDEP",
    "MACHINE_CHECK",
    "NON_CANONICAL",
    "NULL_DEREF",
    "NX_EXEC",
    "OOM_KILL",
    "OOM_PANIC",
    "PANIC",
    "RCU_STALL",
    "REFCOUNT",
    "SLAB_CORRUPTION",
    "SOFT_LOCKUP",
    "SPLIT_LOCK",
    "STACK_OVERFLOW",
    "STACK_SMASH",
    "SYSRQ",
    "UBSAN",
    "UNKNOWN",
    "USERCOPY",
    "USER_MEMORY_ACCESS",
    "USE_AFTER_FREE",
    "WARNING",
    "WORKQUEUE_STALL",
    "WRITE_TO_READ_ONLY",
]

Kind = Literal[
    "null-deref",
    "err-ptr",
    "bad-pointer",
    "non-canonical",
    "write-to-read-only",
    "nx-exec",
    "user-memory-access",
    "stack-overflow",
    "stack-smash",
    "divide-error",
    "invalid-opcode",
    "general-protection",
    "double-fault",
    "split-lock",
    "kasan",
    "kfence",
    "kmsan",
    "kcsan",
    "ubsan",
    "soft-lockup",
    "hard-lockup",
    "hung-task",
    "rcu-stall",
    "workqueue-stall",
    "oom-kill",
    "oom-panic",
    "leak",
    "use-after-free",
    "double-free",
    "slab-corruption",
    "list-corruption",
    "refcount",
    "usercopy",
    "fortify",
    "lockdep",
    "atomic-sleep",
    "machine-check",
    "panic",
    "init-killed",
    "sysrq",
    "bug",
    "warning",
    "unknown",
]

#: Every kind, in the order of the families.
KINDS: Final[tuple[Kind, ...]] = (
    "null-deref",
    "err-ptr",
    "bad-pointer",
    "non-canonical",
    "write-to-read-only",
    "nx-exec",
    "user-memory-access",
    "stack-overflow",
    "stack-smash",
    "divide-error",
    "invalid-opcode",
    "general-protection",
    "double-fault",
    "split-lock",
    "kasan",
    "kfence",
    "kmsan",
    "kcsan",
    "ubsan",
    "soft-lockup",
    "hard-lockup",
    "hung-task",
    "rcu-stall",
    "workqueue-stall",
    "oom-kill",
    "oom-panic",
    "leak",
    "use-after-free",
    "double-free",
    "slab-corruption",
    "list-corruption",
    "refcount",
    "usercopy",
    "fortify",
    "lockdep",
    "atomic-sleep",
    "machine-check",
    "panic",
    "init-killed",
    "sysrq",
    "bug",
    "warning",
    "unknown",
)

NULL_DEREF: Final = "null-deref"
ERR_PTR: Final = "err-ptr"
BAD_POINTER: Final = "bad-pointer"
NON_CANONICAL: Final = "non-canonical"
WRITE_TO_READ_ONLY: Final = "write-to-read-only"
NX_EXEC: Final = "nx-exec"
USER_MEMORY_ACCESS: Final = "user-memory-access"
STACK_OVERFLOW: Final = "stack-overflow"
STACK_SMASH: Final = "stack-smash"
DIVIDE_ERROR: Final = "divide-error"
INVALID_OPCODE: Final = "invalid-opcode"
GENERAL_PROTECTION: Final = "general-protection"
DOUBLE_FAULT: Final = "double-fault"
SPLIT_LOCK: Final = "split-lock"
KASAN: Final = "kasan"
KFENCE: Final = "kfence"
KMSAN: Final = "kmsan"
KCSAN: Final = "kcsan"
UBSAN: Final = "ubsan"
SOFT_LOCKUP: Final = "soft-lockup"
HARD_LOCKUP: Final = "hard-lockup"
HUNG_TASK: Final = "hung-task"
RCU_STALL: Final = "rcu-stall"
WORKQUEUE_STALL: Final = "workqueue-stall"
OOM_KILL: Final = "oom-kill"
OOM_PANIC: Final = "oom-panic"
LEAK: Final = "leak"
USE_AFTER_FREE: Final = "use-after-free"
DOUBLE_FREE: Final = "double-free"
SLAB_CORRUPTION: Final = "slab-corruption"
LIST_CORRUPTION: Final = "list-corruption"
REFCOUNT: Final = "refcount"
USERCOPY: Final = "usercopy"
FORTIFY: Final = "fortify"
LOCKDEP: Final = "lockdep"
ATOMIC_SLEEP: Final = "atomic-sleep"
MACHINE_CHECK: Final = "machine-check"
PANIC: Final = "panic"
INIT_KILLED: Final = "init-killed"
SYSRQ: Final = "sysrq"
BUG: Final = "bug"
WARNING: Final = "warning"
UNKNOWN: Final = "unknown"
# fmt: on
