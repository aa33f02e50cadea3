# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds and reads source files that debug info names, below folders that the user named.

DWARF names a file as the compiler saw it: absolute on the build machine (``/build/linux-6.1/…``),
or relative to the kernel tree (``kernel/sched/core.c``). These names are the words of whoever made
the dump and the module file, so they never choose a file by themselves: with ``/etc`` and
``shadow`` an explanation would print lines of it. What is read is:

* below a folder that the user named (``--source-dir``; ``-S``; the folder of a file given with
  ``-s``): the file at its own path if that lies there, else with ever fewer leading parts.
  ``OLD=NEW`` among the words of --source-dir maps a path prefix and names the folder NEW;
* directly in the folder of the dump or of a module's file: the bare name, nothing deeper.

In all of them only regular files with the name of a source file, of a bounded size, which lie in
that folder also after symbolic links are resolved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from crashext.engine.model import SourceLine
from crashext.errors import Unknown
from crashext.files import bounded_lines, open_below

#: A line longer than this is cut: source from a hostile tree must not fill the screen.
MAX_LINE = 400
#: Bytes of a source file. The longest of Linux are register headers of some 25 MB
#: (drivers/gpu/drm/amd/include/asic_reg).
MAX_SOURCE = 64 << 20
#: What sources of a kernel or a module are called. Nothing else is shown, whatever DWARF says.
SUFFIXES = (
    *(".c", ".h", ".s", ".rs", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx"),
    *(".inc", ".inl", ".def", ".i", ".y", ".l", ".asm", ".tbl"),
)


class SourceFiles:
    """Reads lines of source files; ``directories`` is the live list of --source-dir words."""

    def __init__(self, directories: list[str]) -> None:
        self._directories = directories

    def lines(
        self,
        file: str,
        line: int,
        context: int,
        origins: Sequence[str] = (),
        named: Sequence[str] = (),
    ) -> list[SourceLine]:
        """Lines ``line - context … line + context``. Raises Unknown with the way out.

        :param origins: folders in which only the bare name counts.
        :param named: more folders that the user named, besides those of --source-dir.
        """
        if not is_source_name(file):
            raise Unknown(f"{file} has not the name of a source file, so it is not read")
        refused = None
        for folder, path in candidates(file, self._directories, origins, named):
            if not os.path.lexists(path):
                continue
            try:
                return _read(folder, path, line, context)
            except _NoSuchLine as error:
                raise Unknown(str(error)) from None
            except Unknown as error:
                refused = refused or error
        if refused is not None:
            raise refused
        raise Unknown(
            f"no source file {file} below the folders you named: "
            "give its directory with --source-dir DIR"
        )


class _NoSuchLine(Unknown):
    pass


def is_source_name(file: str) -> bool:
    """Whether a path ends like the name of a source file."""
    return os.path.splitext(file)[1].lower() in SUFFIXES


def _read(folder: str, path: str, line: int, context: int) -> list[SourceLine]:
    if not is_source_name(os.path.realpath(path)):
        raise Unknown(f"{path} is a link to what is no source file")
    found: list[SourceLine] = []
    with open_below(folder, path) as source:
        if os.fstat(source.fileno()).st_size > MAX_SOURCE:
            raise Unknown(f"{path} is too long for a source file (over {MAX_SOURCE >> 20} MiB)")
        try:
            # A character of UTF-8 has four bytes at most.
            for number, text in enumerate(bounded_lines(source, 4 * MAX_LINE), 1):
                if number > line + context or source.tell() > MAX_SOURCE:
                    break
                if number >= line - context:
                    found.append(SourceLine(number, text.decode(errors="replace")[:MAX_LINE]))
        except OSError as error:
            raise Unknown(f"{path}: {error.strerror}") from None
    if not any(entry.line == line for entry in found):
        raise _NoSuchLine(f"{path} has no line {line}: is it the source of this build?")
    return found


def candidates(
    file: str, directories: Sequence[str], origins: Sequence[str], named: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """(folder, path in it) at which a DWARF file can be, the surest first."""
    if "\0" in file:
        return
    file = os.path.normpath(file)
    folders = [*(word for word in directories if "=" not in word), *named]
    mappings = [word.partition("=") for word in directories if "=" in word]
    for old, _, new in mappings:
        if file.startswith(old):
            yield new or ".", os.path.normpath(new + "/" + file[len(old) :].lstrip("/"))
    if os.path.isabs(file):
        for folder in [*folders, *(new for _, _, new in mappings)]:
            if file.startswith(os.path.abspath(folder).rstrip("/") + "/"):
                yield folder, file
    parts = [part for part in file.split("/") if part not in ("", "..", ".")]
    for folder in folders:
        for start in range(len(parts)):
            yield folder, os.path.join(folder, *parts[start:])
    for origin in origins:
        # Beside a dump or a .ko only the bare name counts, else /tmp/dump/kernel/… is searched.
        yield origin, os.path.join(origin, parts[-1])
