# SPDX-License-Identifier: GPL-2.0-or-later
"""A function's own name, without what compilers and the kernel's build add to it."""

from __future__ import annotations

import re

#: What compilers and the kernel's build add to names: .isra.0 .part.1 .constprop.0 .cold .cold.3
#: .llvm.123 .lto_priv.0 .localalias .0; a GCC clone can carry several.
_SUFFIX = re.compile(
    r"(?:\.(?:isra|part|constprop|cold|llvm|lto_priv|localalias|ipa_ra|sdir|warm|hot|clone"
    r"|unlikely|constprop_isra)(?:\.\w+)*|\.\d+|\.[0-9a-f]{16,})+$"
)
_PREFIX = re.compile(r"^(?:__pfx_|__cfi_|__SCT__|\.)+")


def normalise(name: str) -> str:
    """A function's name without what the compiler or the build added.

    ``fault_recurse.isra.0`` → ``fault_recurse``; ``__pfx_foo`` → ``foo``; ``foo.cold`` → ``foo``;
    also ``foo+0x12/0x34 [bar]`` → ``foo``. A mangled name of Rust becomes the path that it is of.
    Done twice it changes nothing more.
    """
    if "::" in name:
        return name  # Rust's, without its mangling already
    words = name.split("+", 1)[0].split()
    name = words[0] if words else ""
    if name.startswith("_R"):
        from crashext.engine.blame.rustnames import demangled

        return demangled(name.split(".", 1)[0]) or name
    if "." not in name and not name.startswith("__"):  # nearly all: nothing to take off
        return name
    stem = _PREFIX.sub("", name)
    return _SUFFIX.sub("", stem) or stem or name


def without_noprof(name: str) -> str:
    """``alloc_pages_mpol_noprof`` → ``alloc_pages_mpol`` (allocation profiling, 6.10)."""
    return name[: -len("_noprof")] if name.endswith("_noprof") else name
