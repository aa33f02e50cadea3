# SPDX-License-Identifier: GPL-2.0-or-later
"""Opens what a person hands over: a vmcore of any format, /proc/kcore, or a log.

Every way in which that can go wrong ends in one line that names the file and what to do. The
running kernel is opened only when /proc/kcore is asked for by name.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional, Union

from crashext.dumpformat import HEAD, Extent, extent, flattened_damage, kind_of
from crashext.engine.forms.packed import PACKINGS, plain
from crashext.errors import CrashextError, Unknown
from crashext.files import is_plain_name

if TYPE_CHECKING:
    import drgn

    from crashext.targets.base import Target
    from crashext.targets.drgn.files import DebugFileFinder

KCORE = "/proc/kcore"

_UNPACKERS = {
    "gzip": "gunzip",
    "xz": "unxz",
    "zstd": "unzstd",
    "bzip2": "bunzip2",
    "lz4": "unlz4",
}


def read_head(path: str) -> bytes:
    """The first bytes of a file. Raises CrashextError when it cannot be read."""
    try:
        if os.path.isdir(path):
            raise CrashextError(f"{path} is a directory; name the vmcore or log in it")
        with open(path, "rb") as file:
            return file.read(HEAD)
    except FileNotFoundError:
        raise CrashextError(f"{path}: no such file") from None
    except PermissionError:
        raise CrashextError(f"{path}: permission denied; run as root or copy the file") from None
    except OSError as error:
        raise CrashextError(f"{path}: {error.strerror}") from None


def open_target(
    path: str, *, symbols: Sequence[str] = (), module_dirs: Sequence[str] = ()
) -> Target:
    """The target for a file: a LogTarget for text (``-`` is standard input), else a DrgnTarget.

    :param symbols: files (vmlinux, .ko) given with -s; a directory is taken as one of -S.
    :param module_dirs: directories given with -S.
    :raises CrashextError: one line that names the file and the way out.
    """
    if path == "-":
        from crashext.targets.log import LogTarget

        return LogTarget(sys.stdin.buffer)
    if _is_stream(path):
        return _open_stream(path)
    kind = "kcore" if os.path.abspath(path) == KCORE else kind_of(read_head(path))
    if kind == "log" or (kind in PACKINGS and _packed_log(path)):
        from crashext.targets.log import LogTarget

        return LogTarget(open(path, "rb"), path)
    prog = open_dump(path, symbols=symbols, module_dirs=module_dirs)
    from crashext.targets.drgn import DrgnTarget

    target = DrgnTarget(prog, notes=list(prog.cache.get("crashext.notes", [])))
    if target.notes:
        try:
            target.log()
        except Unknown:
            raise CrashextError(f"{target.notes[0]} (not even its log can be read)") from None
    return target


def _is_stream(path: str) -> bool:
    """A pipe as of the shell's ``<(…)``, or a terminal: what is read of it is gone."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def _open_stream(path: str) -> Target:
    """A log from a pipe, opened once. Only a log can be read so."""
    from crashext.targets.log import LogTarget

    try:
        stream = open(path, "rb")  # noqa: SIM115 -- the target reads it later
    except OSError as error:
        raise CrashextError(f"{path}: {error.strerror}") from None
    head = stream.peek(1)
    kind = kind_of(head)
    if kind not in ("log", "empty") and kind not in PACKINGS:
        stream.close()
        raise CrashextError(f"{path} is a pipe that holds no text; a dump must be a file")
    return LogTarget(stream, path)


def _packed_log(path: str) -> bool:
    """Whether a packed file holds text. Raises CrashextError for zstd without a library."""
    with open(path, "rb") as file:
        head = next(plain(iter(lambda: file.read(HEAD), b"")), b"")
    return kind_of(head[:HEAD]) == "log"


def open_dump(
    path: str, *, symbols: Sequence[str] = (), module_dirs: Sequence[str] = ()
) -> drgn.Program:
    """A drgn program for a vmcore (or /proc/kcore) with the kernel's debug info loaded.

    Debug info of modules is loaded when an answer needs it, by the same finder.

    :raises CrashextError: the file is no dump, is cut, or there is no vmlinux that fits.
    """
    import logging

    import drgn

    from crashext.targets.drgn.files import DebugFileFinder

    # libdrgn's own warnings would come between the lines of an answer; each that matters is said
    # by an Unknown or an error of ours.
    logging.getLogger("drgn").addHandler(logging.NullHandler())
    logging.getLogger("drgn").propagate = False
    for word in symbols:
        if not os.path.exists(word):
            raise CrashextError(f"{word}: no such file (given with -s)")
    for word in module_dirs:
        if not os.path.isdir(word):
            raise CrashextError(f"{word}: no such directory (given with -S)")
    if os.path.abspath(path) == KCORE:
        prog = _open_running()
    else:
        head = read_head(path)
        _refuse(path, kind_of(head))
        prog = _open_core(path, head)
    finder = DebugFileFinder.of(prog)
    _enable_debuginfod(prog)
    distrust_names(prog, finder.release)
    finder.symbols += symbols
    finder.module_dirs += module_dirs
    try:
        prog.load_debug_info(main=True)
    except drgn.MissingDebugInfoError:
        pass  # said below, better
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise CrashextError(f"{path}: {_one_line(error)}") from None
    try:
        _require_kernel(prog, path, finder)
    except CrashextError as error:
        notes = prog.cache.get("crashext.notes")
        raise CrashextError(f"{notes[0]}; {error}" if notes else str(error)) from None
    return prog


def _enable_debuginfod(prog: drgn.Program) -> None:
    """Asks debuginfod last when the person configured it; for kernels drgn itself does not."""
    enabled = prog.enabled_debug_info_finders()
    known = "debuginfod" in prog.registered_debug_info_finders()
    if os.environ.get("DEBUGINFOD_URLS") and known and "debuginfod" not in enabled:
        prog.set_enabled_debug_info_finders([*enabled, "debuginfod"])


def distrust_names(prog: drgn.Program, release: Optional[str]) -> None:
    """Keeps drgn's own finder from opening paths that the dump or a module file names.

    A module can be called /dev/zero, a .ko can name any file as its supplement (.gnu_debugaltlink;
    kernels are not built with one), and a release can lead out of /lib/modules.
    """
    import drgn

    options = prog.debug_info_options
    options.try_module_name = False
    options.try_supplementary = False
    if release is not None and not is_plain_name(release):
        options.try_kmod = drgn.KmodSearchMethod.NONE
        options.kernel_directories = ()


def _refuse(path: str, kind: str) -> None:
    """Ends with a line for what can be no dump."""
    if kind in _UNPACKERS:
        raise CrashextError(
            f"{path} is packed ({kind}); unpack it first: {_UNPACKERS[kind]} {path}"
        )
    refusal = {
        "empty": "is empty: the dump was not written",
        "log": "is text, not a dump",
        "unknown": "is no dump that is known (ELF core, kdump, makedumpfile flattened)",
        "elf-relocatable": "is an object file or module, not a dump; give it with -s",
        "elf-executable": "is an executable (a vmlinux?), not a dump; give it with -s",
        "elf-shared": "is an executable or library, not a dump",
        "diskdump": "is a diskdump of an old kernel, which drgn does not read; use crash",
        "lime": "is a LiME memory image: it has no register notes; convert it to ELF first",
        "qemu-savevm": "is a QEMU snapshot; use QEMU's dump-guest-memory for a dump",
    }.get(kind)
    if refusal is not None:
        raise CrashextError(f"{path} {refusal}")


def _open_running() -> drgn.Program:
    import drgn

    prog = drgn.Program()
    try:
        prog.set_kernel()
    except FileNotFoundError:
        raise CrashextError(f"{KCORE}: this kernel has none (CONFIG_PROC_KCORE)") from None
    except PermissionError:
        raise CrashextError(f"{KCORE}: permission denied; run as root") from None
    except Exception as error:
        raise CrashextError(f"{KCORE}: {_one_line(error)}") from None
    return prog


def _open_core(path: str, head: bytes) -> drgn.Program:
    import drgn

    kind = kind_of(head)
    size = os.path.getsize(path)
    needed = _extent(path, kind)
    notes = []
    source: Union[str, int] = path
    if needed is not None and needed.index > size:
        raise CrashextError(
            f"{path} is cut short: it has {size} bytes, its index alone needs {needed.index}; "
            "copy it again, or explain vmcore-dmesg.txt"
        )
    if needed is not None and needed.whole > size:
        notes.append(f"{path} is cut short: it has {size} of {needed.whole} bytes; copy it again")
        if kind == "kdump":
            source = _padded(path, needed.whole)
    if needed is not None and needed.incomplete:
        notes.append(f"{path} is marked as incomplete: was the disk full when it was written?")
    # QEMU's kdump leaves the utsname in the header empty, so that the machine is not known; a
    # program whose platform is given does not ask for it.
    platforms: list[Optional[drgn.Platform]] = [None]
    if kind in ("kdump", "flattened"):
        platforms.append(drgn.Platform(drgn.Architecture.X86_64))
    failure: Optional[Exception] = None
    for platform in platforms:
        prog = drgn.Program(platform)
        try:
            prog.set_core_dump(os.dup(source) if isinstance(source, int) else source)
        except OSError as error:
            raise CrashextError(f"{path}: {error.strerror or error}") from None
        except Exception as error:
            failure = error
            continue
        if not prog.flags & drgn.ProgramFlags.IS_LINUX_KERNEL:
            raise CrashextError(f"{path} is the core dump of a process, not of a kernel")
        prog.cache["crashext.notes"] = notes
        prog.cache["crashext.path"] = path
        return prog
    assert failure is not None
    raise CrashextError(notes[0] if notes else explain_failure(path, _one_line(failure)))


def _extent(path: str, kind: str) -> Optional[Extent]:
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size

        def read(offset: int, size: int) -> bytes:
            # Offsets and sizes are the file's own words, of 64 bits.
            size = min(size, length - offset)
            return os.pread(file.fileno(), size, offset) if size > 0 <= offset else b""

        found = extent(kind, read)
        wrong = None
        if kind == "flattened" and (found is None or found.index <= length):
            wrong = flattened_damage(read)
    if wrong is not None:
        raise CrashextError(f"{path} is damaged: {wrong}; copy it again")
    return found


#: A cut dump bigger than this is not copied for a partial answer.
_MAX_PADDED = 8 << 30


def _padded(path: str, size: int) -> int:
    """A descriptor of an unnamed copy of the file, grown to its right size with zeros.

    libkdumpfile maps the file; a page of the mapping behind the end of the file would kill the
    process. In the copy such a page reads as zeros, which do not unpack: an error, as it should.
    """
    import shutil
    import tempfile

    if size > _MAX_PADDED:
        raise CrashextError(f"{path} is cut short and too big to be read in part; copy it again")
    with tempfile.TemporaryFile(prefix="crashext-") as copy, open(path, "rb") as file:
        shutil.copyfileobj(file, copy, 1 << 20)
        copy.truncate(size)
        copy.flush()
        return os.dup(copy.fileno())


def explain_failure(path: str, message: str) -> str:
    """One line for libdrgn's or libkdumpfile's message about a dump that does not open."""
    low = message.lower()
    if "vmcoreinfo" in low and "qemu" in low:
        return f"{path} has no VMCOREINFO; start QEMU with -device vmcoreinfo and dump again"
    if "short" in low or "truncat" in low or "end of file" in low or "unexpected eof" in low:
        return f"{path} is cut short ({message}); copy it again"
    return f"{path} cannot be opened: {message}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _require_kernel(prog: drgn.Program, path: str, finder: DebugFileFinder) -> None:
    """Ends with one line unless the kernel's debug info is loaded and fits."""
    try:
        missing = prog.main_module().wants_debug_file()
    except LookupError:
        missing = True
    release = finder.release or "of unknown release"
    if missing:
        rejected = finder.kernel.rejected if finder.kernel is not None else []
        if rejected:
            raise CrashextError(
                f"{path}: no vmlinux fits: {rejected[0]}; give the right one with -s"
            )
        wanted = f" (build-id {finder.build_id})" if finder.build_id else ""
        raise CrashextError(
            f"{path}: no vmlinux with debug info for kernel {release}{wanted}; install "
            f"its debug package (linux-image-{release}-dbg, kernel-debuginfo) or give it with -s"
        )
    _check_release(prog, path, finder)


def _check_release(prog: drgn.Program, path: str, finder: DebugFileFinder) -> None:
    """Catches a wrong vmlinux where the dump has no build-id (kernels before 5.9).

    Where it has one the file was chosen by it, and a release in memory that differs is damage.
    """
    if finder.release is None or finder.build_id is not None:
        return
    import drgn

    try:
        found = prog["init_uts_ns"].name.release.string_().decode(errors="replace")
    except LookupError:
        found = None
    except drgn.FaultError:
        return  # a dump that is cut: it cannot tell
    if found != finder.release:
        file = prog.main_module().debug_file_path
        raise CrashextError(
            f"{file} is not the vmlinux of {path}: the dump is of {finder.release}; "
            "give the right one with -s"
        )
