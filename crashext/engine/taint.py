# SPDX-License-Identifier: GPL-2.0-or-later
"""Taint letters and masks.

kernel/panic.c taint_flags[]; Documentation/admin-guide/tainted-kernels.rst.

The letters in a log are positional and padded with blanks; only the letters are read here.
``G`` is the absence of ``P`` and no taint.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from crashext.engine.model import Taint, TaintMeaning


class TaintFlag(NamedTuple):
    """One flag: its bit in /proc/sys/kernel/tainted, its letter, the kernel's name, a sentence."""

    bit: int
    letter: str
    name: str
    meaning: str
    #: What it is worth when a crash is read; "" when nothing.
    weight: str = ""


FLAGS = (
    TaintFlag(
        0, "P", "PROPRIETARY_MODULE", "a module with a proprietary licence was loaded",
        "its source cannot be read; reproduce without it before reporting upstream",
    ),
    TaintFlag(
        1, "F", "FORCED_MODULE", "a module was force-loaded",
        "it may have been built for another kernel: structures can differ",
    ),
    TaintFlag(
        2, "S", "CPU_OUT_OF_SPEC", "the system is out of specification "
        "(an unsupported CPU or combination; before 3.15 or so: an SMP-unsafe CPU)",
    ),
    TaintFlag(
        3, "R", "FORCED_RMMOD", "a module was force-unloaded",
        "code or data of it may still have been in use",
    ),
    TaintFlag(
        4, "M", "MACHINE_CHECK", "the CPU reported a machine check",
        "suspect the hardware before the software",
    ),
    TaintFlag(
        5, "B", "BAD_PAGE", "a bad page was found, or page flags were wrong",
        "memory was already corrupted: the earlier report is closer to the cause",
    ),
    TaintFlag(6, "U", "USER", "a user asked for the taint"),
    TaintFlag(
        7, "D", "DIE", "the kernel died before: an earlier oops or BUG",
        "read the first report, not this one",
    ),
    TaintFlag(8, "A", "OVERRIDDEN_ACPI_TABLE", "an ACPI table was overridden"),
    TaintFlag(
        9, "W", "WARN", "a warning was issued before",
        "the earlier warning may be the cause",
    ),
    TaintFlag(10, "C", "CRAP", "a staging driver was loaded"),
    TaintFlag(11, "I", "FIRMWARE_WORKAROUND", "a severe firmware bug is worked around"),
    TaintFlag(12, "O", "OOT_MODULE", "an out-of-tree module was loaded"),
    TaintFlag(13, "E", "UNSIGNED_MODULE", "an unsigned module was loaded"),
    TaintFlag(
        14, "L", "SOFTLOCKUP", "a soft lockup happened before",
        "the earlier lockup may be the cause",
    ),
    TaintFlag(15, "K", "LIVEPATCH", "the kernel was live-patched"),
    TaintFlag(16, "X", "AUX", "auxiliary taint, defined by the distribution"),
    TaintFlag(
        17, "T", "RANDSTRUCT", "built with randomised structure layout",
        "structure offsets differ from those of an ordinary build",
    ),
    TaintFlag(18, "N", "TEST", "an in-kernel test was run"),
    TaintFlag(19, "J", "FWCTL", "user space used a mutating debug operation of fwctl"),
)  # fmt: skip

BY_LETTER = {flag.letter: flag for flag in FLAGS}
BY_BIT = {flag.bit: flag for flag in FLAGS}

_NO_PROPRIETARY = "G"
_UNKNOWN_LETTER = "a taint that this version of crashext does not know"


def name_of(letter: str) -> str:
    """The kernel's own word for a letter, in lower case: ``O`` → ``oot_module``."""
    flag = BY_LETTER.get(letter)
    return flag.name.lower() if flag is not None else "unknown"


def _clean(letters: str) -> str:
    """The letters alone, in the order of the bits, each once; unknown ones last."""
    text = letters.strip()
    if re.match(r"(?i)not tainted", text):
        return ""
    text = re.sub(r"(?i)^.*?tainted:", "", text)
    seen = {letter for letter in text if letter.isalpha() and letter.isascii()}
    seen.discard(_NO_PROPRIETARY)
    known = [flag.letter for flag in FLAGS if flag.letter in seen]
    return "".join(known) + "".join(sorted(seen - set(known)))


def explain(letters: str) -> Taint:
    """Taint letters as a log has them (``"P           OE"``, ``"G        W"``, ``"OE"``).

    ``"Not tainted"`` and the empty string give an empty Taint. A letter that is not in the table
    is kept and named as unknown: newer kernels add letters.
    """
    clean = _clean(letters)
    return Taint(
        letters=clean,
        meanings=[
            TaintMeaning(
                letter, BY_LETTER[letter].meaning if letter in BY_LETTER else _UNKNOWN_LETTER
            )
            for letter in clean
        ],
    )


def from_mask(mask: int) -> Taint:
    """The taint of a mask, as /proc/sys/kernel/tainted and ``tainted_mask`` hold it.

    A bit without a known letter appears as ``bit N``. Raises ValueError for a negative mask.
    """
    if mask < 0:
        raise ValueError(f"a taint mask is not negative: {mask}")
    letters = ""
    meanings = []
    bit = 0
    while mask >> bit:
        if mask >> bit & 1:
            flag = BY_BIT.get(bit)
            if flag is None:
                meanings.append(TaintMeaning(f"bit {bit}", _UNKNOWN_LETTER))
            else:
                letters += flag.letter
                meanings.append(TaintMeaning(flag.letter, flag.meaning))
        bit += 1
    return Taint(letters=letters, meanings=meanings)


def to_mask(letters: str) -> int:
    """The mask of taint letters; letters without a known bit count nothing."""
    return sum(1 << BY_LETTER[letter].bit for letter in _clean(letters) if letter in BY_LETTER)


def weight(letter: str) -> Optional[str]:
    """What a letter is worth when a crash is read ("read the first report …"), or None."""
    flag = BY_LETTER.get(letter)
    return flag.weight or None if flag else None


def module_letters(marks: str) -> tuple[str, Optional[str]]:
    """The marks behind a module's name, ``OE+`` → (``"OE"``, ``"loading"``).

    kernel/module print_modules(): ``+`` the module is coming, ``-`` it is going; else state None.
    """
    state = "loading" if "+" in marks else "unloading" if "-" in marks else None
    return "".join(letter for letter in marks if letter.isalpha()), state
