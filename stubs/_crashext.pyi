# SPDX-License-Identifier: GPL-2.0-or-later
"""The built-in module ``_crashext``: what the crash door needs of its host (crashext/native)."""

from typing import Optional, TypedDict

class Session(TypedDict):
    """What crash holds open; strings are None when crash has none."""

    directory: str  #: the working directory when crashext.so was first loaded
    namelist: Optional[str]
    namelist_debug: Optional[str]
    debuginfo_file: Optional[str]
    dumpfile: Optional[str]
    live: bool
    tty: bool
    extension: str
    program: Optional[str]

#: For sys.setdlopenflags(): how libraries of extension modules are kept apart from crash's.
DLOPEN_FLAGS: int

def write(text: bytes, /) -> None:
    """To crash's current output. BrokenPipeError when its reader has gone."""

def flush() -> None: ...
def output_is_tty() -> bool: ...
def output_is_pager() -> bool:
    """True when crash has put its pager before the terminal."""

def close_pager() -> None:
    """Ends the pager of this command: a prompt needs the terminal."""

def readline(prompt: str, /) -> Optional[str]:
    """One line edited with crash's own readline; None at end of input."""

def vmcoreinfo(key: str, /) -> Optional[str]: ...
def load_module(name: str, file: str, command: str, /) -> bool:
    """``mod -s NAME FILE``, with gdb's add-symbol-file command given. crash.error when refused."""

def module_file(name: str, /) -> Optional[str]:
    """The debug file that crash has loaded for a module, None when none is."""

def session() -> Session: ...
