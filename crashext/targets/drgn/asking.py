# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns drgn's ways of saying no into the one that the engine knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import drgn
from drgn.helpers import ValidationError

from crashext.errors import Unknown

#: What drgn raises for a question that this kernel, dump or debug info cannot answer: memory not
#: in the dump, a name or member that does not exist, a value that the compiler dropped, a scheme
#: that drgn does not know. (A cut kdump file raises a bare Exception: see :func:`read_error`.)
NO_ANSWER = (
    drgn.FaultError,
    LookupError,
    AttributeError,
    ValueError,
    NotImplementedError,
    OverflowError,
    drgn.ObjectAbsentError,
    drgn.OutOfBoundsError,
    drgn.MissingDebugInfoError,
    ValidationError,  # a list or free list whose links do not fit
    MemoryError,  # a count in damaged memory: so many notes of a module
    RecursionError,  # a ring of links
    drgn.BadDataError,  # damaged or dishonest DWARF: "division by zero in DWARF expression"
)


def reason(error: BaseException) -> str:
    """The error in words, one line."""
    if isinstance(error, KeyError) and error.args:
        text = str(error.args[0])
    elif isinstance(error, drgn.FaultError):
        text = f"{error.message} at {error.address:#x}"
    else:
        text = str(error)
    return " ".join(text.split()) or type(error).__name__


@contextmanager
def asking(what: str) -> Iterator[None]:
    """``with asking("the kernel log"):`` – a drgn "no" becomes Unknown("the kernel log: …")."""
    try:
        yield
    except NO_ANSWER as error:
        raise Unknown(f"{what}: {reason(error)}") from error
    except Exception as error:
        # libdrgn raises a plain Exception, and only that, for errors of libkdumpfile and libelf.
        if type(error) is not Exception:
            raise
        raise Unknown(f"{what}: {reason(error)}") from error
