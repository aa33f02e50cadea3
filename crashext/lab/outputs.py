# SPDX-License-Identifier: GPL-2.0-or-later
"""The folders that a person names for results (``-o OUT``): nothing in them is lost.

A folder is made, or taken when it is empty. When a run has ended, a list of what it made stays in
the folder (:data:`MARK`), each file with its size and time. The next run into the same folder takes
away exactly these; when one of them was changed since, or another file lies there, it refuses and
removes nothing. A run is never made in, around or over the module that it is about.

Run as a program for scripts: ``python -m crashext.lab.outputs claim|seal|clear OUT``.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Optional

from crashext.errors import CrashextError

#: The list of what we made in a folder.
MARK = ".crashext-made.json"
_ABOUT = "made by crashext; a later run into this folder takes away what is listed here, unchanged"


def keep_apart(out: Path, module: Path) -> None:
    """Refuses an OUT that is the module's folder, lies in it or holds it, by any name.

    Raises CrashextError.
    """
    where, source = Path(os.path.realpath(out)), Path(os.path.realpath(module))
    if where == source or _same_folder(where, source):
        raise CrashextError(f"-o {out} is the module's own folder: name another one")
    if any(_same_folder(parent, source) for parent in where.parents):
        raise CrashextError(f"-o {out} lies in the module's folder {module}: name one outside")
    if any(_same_folder(parent, where) for parent in source.parents):
        raise CrashextError(f"-o {out} holds the module's folder {module}: name another one")


def _same_folder(left: Path, right: Path) -> bool:
    """Also where one folder is mounted at two places."""
    try:
        return left.samefile(right)
    except OSError:
        return left == right


def claim(out: Path) -> None:
    """Makes the folder, or empties it of what an earlier run made there.

    Raises CrashextError, with nothing removed: it is no folder, or something in it is not ours.
    """
    if os.path.lexists(out) and not out.is_dir():
        raise CrashextError(f"-o {out} is a file: name a folder")
    out.mkdir(parents=True, exist_ok=True)
    ours = _made(out)
    present = _entries(out)
    if ours is None and present:
        raise CrashextError(
            f"-o {out} is not empty and was not made by crashext (it has {_some(present)}): "
            "name a new folder"
        )
    strange = [name for name, state in present.items() if (ours or {}).get(name) != state]
    if strange:
        raise CrashextError(
            f"-o {out} has files that crashext did not make or that were changed since "
            f"({_some(strange)}): keep them elsewhere, or name a new folder"
        )
    _remove(out, present)
    _write_mark(out, {})


def seal(out: Path) -> None:
    """Notes what is in the folder now as ours."""
    _write_mark(out, _entries(out))


@contextlib.contextmanager
def output_folder(out: Path, module: Optional[Path] = None) -> Iterator[Path]:
    """The folder, ours for the body; what the body leaves there is sealed, also when it fails."""
    if module is not None:
        keep_apart(out, module)
    claim(out)
    try:
        yield out
    finally:
        seal(out)


def clear(out: Path) -> None:
    """Removes the folder with what we made in it; nothing when it is not there.

    Raises CrashextError, with nothing removed: something in it is not ours.
    """
    if os.path.lexists(out):
        claim(out)
        (out / MARK).unlink()
        with contextlib.suppress(OSError):  # a working directory, a mount point: it stays, empty
            out.rmdir()


#: What identifies a file: "folder", ["link", target], or [size, time of the last change in ns].
_State = object


def _entries(out: Path) -> dict[str, _State]:
    """Everything below a folder, by relative path; links are not followed."""
    found: dict[str, _State] = {}
    for parent, folders, files in os.walk(out):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            key = os.path.relpath(path, out)
            if key != MARK:
                found[os.fsencode(key).decode(errors="surrogateescape")] = _state(path)
    return found


def _state(path: str) -> _State:
    status = os.lstat(path)
    if stat.S_ISDIR(status.st_mode):
        return "folder"
    if stat.S_ISLNK(status.st_mode):
        return ["link", os.readlink(path)]
    return [status.st_size, status.st_mtime_ns]


def _remove(out: Path, entries: dict[str, _State]) -> None:
    """Removes entries one by one, the deepest first: what came in meanwhile stays."""
    for name in sorted(entries, reverse=True):
        path = out / name
        if entries[name] == "folder":
            path.rmdir()
        else:
            path.unlink()


def _made(out: Path) -> Optional[dict[str, _State]]:
    try:
        return dict(json.loads((out / MARK).read_text())["files"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CrashextError(f"{out / MARK} cannot be read ({error}): name a new folder") from None


def _write_mark(out: Path, entries: dict[str, _State]) -> None:
    """Written beside and renamed: a run that is killed leaves the old list or the new one."""
    text = json.dumps({"about": _ABOUT, "files": entries}, indent=1) + "\n"
    with tempfile.NamedTemporaryFile("w", dir=out, prefix=f"{MARK}.", delete=False) as new:
        new.write(text)
    os.replace(new.name, out / MARK)


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    shown = names[:3]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def main(argv: Optional[Sequence[str]] = None) -> int:
    """For scripts: 0, or 1 with one line on standard error."""
    words = list(sys.argv[1:] if argv is None else argv)
    actions = {"claim": claim, "seal": seal, "clear": clear}
    if len(words) != 2 or words[0] not in actions or not words[1]:
        print("usage: python -m crashext.lab.outputs claim|seal|clear OUT", file=sys.stderr)
        return 2
    try:
        actions[words[0]](Path(words[1]))
    except CrashextError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
