# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds and reads source files that debug info names.

DWARF names a file as the compiler saw it: absolute on the build machine (``/build/linux-6.1/…``),
or relative to the kernel tree (``kernel/sched/core.c``). The file is looked for at that path, then
under each source directory with ever fewer leading parts, then beside the given origins (the
directories of the .ko and of the dump). ``OLD=NEW`` among the directories maps a path prefix.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from crashext.engine.model import SourceLine
from crashext.errors import Unknown

#: A line longer than this is cut: source from a hostile tree must not fill the screen.
MAX_LINE = 400


class SourceFiles:
    """Reads lines of source files; ``directories`` is the live list of --source-dir words."""

    def __init__(self, directories: list[str]) -> None:
        self._directories = directories
        self._found: dict[tuple[str, tuple[str, ...], tuple[str, ...]], str] = {}

    def lines(
        self, file: str, line: int, context: int, origins: Sequence[str] = ()
    ) -> list[SourceLine]:
        """Lines ``line - context … line + context``. Raises Unknown with the way out."""
        path = self.find(file, origins)
        first = max(1, line - context)
        found: list[SourceLine] = []
        try:
            with open(path, encoding="utf-8", errors="replace") as source:
                for number, text in enumerate(source, 1):
                    if number > line + context:
                        break
                    if number >= first:
                        found.append(SourceLine(number, text.rstrip("\r\n")[:MAX_LINE]))
        except OSError as error:
            raise Unknown(f"{path}: {error.strerror}") from None
        if not any(entry.line == line for entry in found):
            raise Unknown(f"{path} has no line {line}: is it the source of this build?")
        return found

    def find(self, file: str, origins: Sequence[str] = ()) -> str:
        """The path of an existing file for a DWARF file name. Raises Unknown."""
        key = (file, tuple(self._directories), tuple(origins))
        if key not in self._found:
            for candidate in candidates(file, self._directories, origins):
                if os.path.isfile(candidate):
                    self._found[key] = candidate
                    break
            else:
                raise Unknown(f"no source file {file}: give its directory with --source-dir DIR")
        return self._found[key]


def candidates(file: str, directories: Sequence[str], origins: Sequence[str]) -> Iterator[str]:
    """Paths at which a DWARF file can be, the surest first."""
    file = os.path.normpath(file)
    for word in directories:
        old, mapped, new = word.partition("=")
        if mapped and file.startswith(old):
            yield os.path.normpath(new + "/" + file[len(old) :].lstrip("/"))
    if os.path.isabs(file):
        yield file
    parts = [part for part in file.split("/") if part not in ("", "..", ".")]
    for word in directories:
        if "=" in word:
            continue
        for start in range(len(parts)):
            yield os.path.join(word, *parts[start:])
    for origin in origins:
        # Beside a dump or a .ko only the bare name counts, else /tmp/dump/kernel/… is searched.
        yield os.path.join(origin, parts[-1])
