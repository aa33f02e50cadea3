# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds crashext.so for an installed crash and the Python that runs this (``crashext build``).

What differs between versions of crash is found by compiling, never by comparing versions. The
version is recorded all the same: crash's structures have no stable layout, so the result loads in
the very crash it was built for and says so elsewhere (crashext/native/loader.c).
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import os
import platform
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Optional

from crashext import __version__
from crashext.doors.pages import all_pages
from crashext.errors import CrashextError, UsageError

NATIVE = Path(__file__).with_name("native")
PACKAGE_ROOT = NATIVE.parent.parent
LOADER_SOURCE = "loader.c"
#: Everything else in crashext/native is the core.
CORE_SOURCES = tuple(
    sorted(
        path.name
        for path in NATIVE.iterdir()
        if path.suffix in (".c", ".cc") and path.name != LOADER_SOURCE
    )
)

#: crash looks for "extend crashext.so" in ./extensions too (in_extensions_library() in crash's
#: extensions.c), and there no Python looks for modules.
DEFAULT_OUTPUT = "extensions/crashext.so"

#: Where crash looks for "extend NAME" (in_extensions_library() in crash's extensions.c).
EXTENSION_DIRS = ("/usr/lib64/crash/extensions", "/usr/lib/crash/extensions")

#: What crash's own Makefile defines for a machine; defs.h has no default for most.
MACHINE_MACROS = {
    "x86_64": "X86_64",
    "aarch64": "ARM64",
    "ppc64le": "PPC64",
    "ppc64": "PPC64",
    "s390x": "S390X",
    "riscv64": "RISCV64",
    "loongarch64": "LOONGARCH64",
    "i686": "X86",
}

#: C that compiles when the feature is there: macro, statement.
PROBES = (
    ("HAVE_ERROR_PATH", "return pc->error_path != 0 && pc->error_fp != 0;"),
    (
        "HAVE_LAST_P4D_READ",
        "return machdep->machspec->last_upml_read != machdep->machspec->last_p4d_read;",
    ),
)

#: For "X is missing": the package that has it on Debian/Ubuntu, Fedora/RHEL, SUSE.
PACKAGES = {
    "defs.h": ("crash", "crash-devel", "crash-devel"),
    "crash": ("crash", "crash", "crash"),
    "Python.h": ("libpython3-dev", "python3-devel", "python3-devel"),
    "libpython": ("libpython3-dev", "python3-libs", "libpython3"),
    "cc": ("gcc", "gcc", "gcc"),
    "c++": ("g++", "gcc-c++", "gcc-c++"),
    "zlib.h": ("zlib1g-dev", "zlib-devel", "zlib-devel"),
    "lzo/lzo1x.h": ("liblzo2-dev", "lzo-devel", "lzo-devel"),
    "snappy-c.h": ("libsnappy-dev", "snappy-devel", "snappy-devel"),
    "zstd.h": ("libzstd-dev", "libzstd-devel", "libzstd-devel"),
}


class BuildError(CrashextError):
    """One line that names what is missing and the package that has it."""


def missing(thing: str, what: str) -> BuildError:
    """The error for a missing ``thing`` (a key of PACKAGES), described by ``what``."""
    debian, fedora, suse = PACKAGES[thing]
    return BuildError(
        f"{what}: install {debian} (Debian, Ubuntu), {fedora} (Fedora, RHEL) or {suse} (SUSE)"
    )


@dataclass(frozen=True)
class Crash:
    """The crash to build for."""

    headers: Path  # the directory of defs.h
    version: str  # as "crash -v" and its build_version have it


@dataclass(frozen=True)
class Python:
    """The interpreter to embed: the one that runs this, with its virtual environment."""

    executable: str
    home: str  # prefix, or prefix:exec_prefix
    include: Path
    library: Path
    user_site: bool


def parse_version(text: str) -> str:
    """The version in the output of ``crash -v`` ("crash 8.0.6++" gives "8.0.6++")."""
    match = re.search(r"^crash (\S+)$", text, re.MULTILINE)
    if not match:
        raise BuildError("crash -v prints no version; give it with --crash-version")
    return match.group(1)


def find_crash(program: Optional[str], headers: Optional[str], version: Optional[str]) -> Crash:
    """Finds defs.h and the version of the crash to build for.

    ``program`` is a crash binary (its version, and its ``../include/crash``), ``headers`` a
    directory with ``defs.h`` or with ``crash/defs.h``.
    """
    found = shutil.which(program or "crash")
    candidates = [Path(headers), Path(headers, "crash")] if headers else []
    if not headers:
        if program and found:
            candidates.append(Path(found).resolve().parent.parent / "include" / "crash")
        else:
            candidates += [Path("/usr/include/crash"), Path("/usr/local/include/crash")]
    directory = next((path for path in candidates if (path / "defs.h").is_file()), None)
    if directory is None:
        where = headers or (str(candidates[0]) if program and found else "/usr/include/crash")
        raise missing("defs.h", f"no crash header defs.h in {where}")
    if version is None:
        if not found:
            raise missing("crash", f"{program or 'crash'} is not there to tell its version")
        done = subprocess.run([found, "-v"], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()[:1]
            raise BuildError(
                f"{found} does not run ({' '.join(reason)}); give its version with --crash-version"
            )
        version = parse_version(done.stdout)
    return Crash(directory.resolve(), version)


def find_python() -> Python:
    """What it takes to embed the Python that runs this."""
    include = Path(sysconfig.get_paths()["include"])
    if not (include / "Python.h").is_file():
        raise missing("Python.h", f"no header {include}/Python.h for {sys.executable}")
    names = [sysconfig.get_config_var(key) for key in ("INSTSONAME", "LDLIBRARY")]
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        # A distribution may link its python3 statically and ship the library beside it.
        names = [f"libpython{sysconfig.get_config_var('LDVERSION')}.so.1.0"]
    directory = Path(sysconfig.get_config_var("LIBDIR") or "")
    multiarch = sysconfig.get_config_var("MULTIARCH")
    directories = [directory] + ([directory / multiarch] if multiarch else [])
    for name in names:
        for path in directories:
            if name and ".so" in name and (path / name).is_file():
                prefixes = (sys.base_prefix, sys.base_exec_prefix)
                return Python(
                    executable=sys.executable,
                    home=prefixes[0] if prefixes[0] == prefixes[1] else ":".join(prefixes),
                    include=include,
                    library=path / name,
                    user_site=bool(site.ENABLE_USER_SITE),
                )
    raise missing(
        "libpython",
        f"{sys.executable} cannot be embedded: it has no shared library {names[0]};"
        " use the distribution's python3, or a Python configured with --enable-shared",
    )


#: For our own tests: a fault ends the session, which :func:`sanitizer_runtime` is preloaded into.
SANITIZERS = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
    "-DCRASHEXT_SANITIZED",
)

#: Both shared objects: no part of what the dynamic linker fills in stays writable.
LINK_HARDENING = ("-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack")


def hardening(cc: str) -> list[str]:
    """Checks that cost next to nothing; of _FORTIFY_SOURCE the highest level that is here.

    Level 3 needs GCC 12 or clang 9 and glibc 2.34; where it lacks, glibc's features.h warns.
    """
    words = [cc, "-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3", "-Werror", "-fsyntax-only"]
    done = subprocess.run(
        [*words, "-x", "c", "-"], input="#include <stdlib.h>\n", capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    level = 2 if done.returncode else 3
    return ["-fstack-protector-strong", "-U_FORTIFY_SOURCE", f"-D_FORTIFY_SOURCE={level}"]


def sanitizer_runtime() -> str:
    """What LD_PRELOAD must be in a crash that loads a sanitized crashext.so (GCC's runtimes)."""
    cc = os.environ.get("CC") or "gcc"
    found = [
        subprocess.run([cc, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        for name in ("libasan.so", "libubsan.so", "libstdc++.so")
    ]
    return " ".join(done.stdout.strip() for done in found)


@dataclass(frozen=True)
class Compiler:
    cc: str
    cxx: str
    flags: tuple[str, ...]
    verbose: bool

    @classmethod
    def find(cls, crash: Crash, strict: bool, verbose: bool, sanitize: bool = False) -> Compiler:
        cc = shutil.which(os.environ.get("CC") or "gcc") or shutil.which("cc")
        cxx = shutil.which(os.environ.get("CXX") or "g++") or shutil.which("c++")
        if not cc:
            raise missing("cc", "no C compiler")
        if not cxx:
            raise missing("c++", "no C++ compiler (gdb inside crash throws C++ exceptions)")
        machine = platform.machine()
        if machine not in MACHINE_MACROS:
            raise BuildError(f"crash itself does not run on {machine}")
        flags = ["-O2", "-g", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra"]
        flags += [f"-D{MACHINE_MACROS[machine]}", "-isystem", str(crash.headers)]
        if strict:
            flags.append("-Werror")
        flags += SANITIZERS if sanitize else hardening(cc)
        return cls(cc, cxx, tuple(flags), verbose)

    def run(self, words: list[str], text: Optional[str] = None) -> subprocess.CompletedProcess[str]:
        if self.verbose:
            print(" ".join(words), file=sys.stderr)
        return subprocess.run(words, input=text, capture_output=True, text=True, check=False)

    def sanitizers(self) -> tuple[str, ...]:
        """The flags that the linker needs as well."""
        return tuple(flag for flag in self.flags if flag.startswith("-fsanitize"))

    def probe(self, statement: str) -> bool:
        """True when ``statement`` compiles inside a function, after crash's defs.h."""
        source = f"#include <defs.h>\nint probe(void);\nint probe(void)\n{{\n{statement}\n}}\n"
        words = [self.cc, *self.flags, "-w", "-fsyntax-only", "-x", "c", "-"]
        return self.run(words, source).returncode == 0

    def check(self, words: list[str]) -> None:
        """Runs a compiler or linker; its failure is a BuildError of one line where possible."""
        done = self.run(words)
        if self.verbose and done.stderr:
            sys.stderr.write(done.stderr)
        if done.returncode:
            raise explain_failure(done.stderr)


def explain_failure(errors: str) -> BuildError:
    """One line for a compiler's errors: the package of a missing header, else the first error."""
    header = re.search(r"fatal error: (\S+): No such file or directory", errors)
    if header and header.group(1) in PACKAGES:
        return missing(header.group(1), f"no header {header.group(1)}")
    first = next(
        (line for line in errors.splitlines() if "error:" in line or "undefined" in line),
        errors.strip().splitlines()[-1] if errors.strip() else "the compiler failed",
    )
    return BuildError(f"{first} (crashext build -v shows all)")


def c_string(text: str) -> str:
    """A C string literal of the UTF-8 bytes of ``text``."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def config_header(crash: Crash, python: Python, build_id: str, features: list[str]) -> str:
    """The text of config.h: what the C sources know of their surroundings."""
    values = {
        "CRASHEXT_VERSION": __version__,
        "CRASHEXT_BUILD_ID": build_id,
        "CRASHEXT_CRASH_VERSION": crash.version,
        "CRASHEXT_PYTHON": python.executable,
        "CRASHEXT_PYTHON_HOME": python.home,
        "CRASHEXT_PACKAGE_ROOT": str(PACKAGE_ROOT),
    }
    lines = [f"#define {name} {c_string(value)}" for name, value in values.items()]
    lines.append(f"#define CRASHEXT_USER_SITE {int(python.user_site)}")
    lines += [f"#define {name} 1" for name in features]
    return "\n".join(lines) + "\n"


def help_header(pages: list[list[str]]) -> str:
    """The text of help.h: the commands and their help pages."""
    lines = []
    for index, page in enumerate(pages):
        texts = "".join(f"\t{c_string(line)},\n" for line in page)
        lines.append(f"static const char *const page_{index}[] = {{\n{texts}\tNULL\n}};\n")
    names = ", ".join(f"page_{index}" for index in range(len(pages)))
    lines.append(f"static const char *const *const help_pages[] = {{ {names} }};\n")
    return "".join(lines)


def build(output: Path, crash: Crash, python: Python, compiler: Compiler) -> None:
    """Compiles and links crashext.so to ``output``; replaced in one step, so that a session that
    has the old file loaded is not hurt."""
    features = [name for name, statement in PROBES if compiler.probe(statement)]
    pages = help_header(all_pages())
    digest = hashlib.sha256((config_header(crash, python, "", features) + pages).encode())
    for path in sorted(NATIVE.iterdir()):
        if path.suffix in (".c", ".cc", ".h"):
            digest.update(path.read_bytes())
    with tempfile.TemporaryDirectory(prefix="crashext-build-") as name:
        work = Path(name)
        header = config_header(crash, python, digest.hexdigest(), features)
        (work / "config.h").write_text(header)
        (work / "help.h").write_text(pages)
        includes = ["-I", str(NATIVE), "-I", name]

        def compile_one(source: str, extra: tuple[str, ...] = ()) -> str:
            result = str(work / f"{source}.o")
            driver = [compiler.cc, "-std=gnu11"]
            if source.endswith(".cc"):
                driver = [compiler.cxx, "-std=gnu++14"]
            words = [*driver, *compiler.flags, *includes, *extra, "-c", str(NATIVE / source)]
            compiler.check([*words, "-o", result])
            return result

        python_include = ("-isystem", str(python.include))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(lambda s: compile_one(s, python_include), CORE_SOURCES))
        core = work / "core.so"
        link = ["-shared", "-o", str(core), *objects, str(python.library), "-ldl"]
        link += [
            f"-Wl,-rpath,{python.library.parent}",
            "-Wl,-soname,crashext-core.so",
            *LINK_HARDENING,
            *compiler.sanitizers(),
        ]
        compiler.check([compiler.cxx, *link])
        loader = compile_one(LOADER_SOURCE, (f"-DCRASHEXT_CORE={c_string(str(core))}",))
        output.parent.mkdir(parents=True, exist_ok=True)
        new = output.with_name(f".{output.name}.new")
        try:
            words = [*LINK_HARDENING, *compiler.sanitizers(), "-ldl"]
            compiler.check([compiler.cc, "-shared", "-o", str(new), loader, *words])
            new.replace(output)
        finally:
            new.unlink(missing_ok=True)


def refuse_shadow(output: Path) -> None:
    """Refuses a ``crashext.so`` in the current directory. Raises BuildError.

    Python puts the directory that it is started in first on its path (``python -m``, drgn's
    prompt) and takes ``crashext.so`` there for an extension module of that name: "import crashext"
    fails, and with it drgn's %explain. One that an older version left is named, not removed.
    """
    if importable_as_package(output) and output.parent.resolve() == Path.cwd():
        raise BuildError(
            f"{output} would be taken for the Python package crashext by a Python started here "
            f"(drgn's %explain): leave -o out; crash finds {DEFAULT_OUTPUT} as crashext.so"
        )


def importable_as_package(path: Path) -> bool:
    """Whether "import crashext" would try the file when its directory is on Python's path."""
    return any(path.name == f"crashext{suffix}" for suffix in EXTENSION_SUFFIXES)


def install_directory() -> Path:
    """The directory in which crash finds "extend crashext.so"."""
    environment = os.environ.get("CRASH_EXTENSIONS")
    directories = [Path(environment)] if environment else []
    directories += [Path(path) for path in EXTENSION_DIRS]
    return next((path for path in directories if path.is_dir()), directories[0])


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="crashext build",
        description="Build crashext.so for the installed crash and this Python.",
        epilog=(
            "In crash: extend crashext.so. Without --install crash finds it when it is started "
            "in this directory (it looks in ./extensions)."
        ),
    )
    parser.add_argument(
        "-o", "--output", default=DEFAULT_OUTPUT, metavar="FILE", help=f"default: {DEFAULT_OUTPUT}"
    )
    parser.add_argument(
        "--install", action="store_true", help="put it where crash looks for extensions"
    )
    parser.add_argument("--crash", metavar="PROGRAM", help="the crash to build for")
    parser.add_argument("--defs", metavar="DIR", help="directory of its header defs.h")
    parser.add_argument(
        "--crash-version", metavar="VERSION", help="its version, when it cannot run here"
    )
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument(
        "--sanitize", action="store_true", help="with AddressSanitizer and UBSan, for tests"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="show the compiler at work")
    return parser


def main(argv: Optional[list[str]] = None) -> int:
    """``crashext build``. 0 when built; every failure is one line on standard error."""
    args = make_parser().parse_args(argv)
    try:
        crash = find_crash(args.crash, args.defs, args.crash_version)
        python = find_python()
        compiler = Compiler.find(crash, args.strict, args.verbose, args.sanitize)
        output = Path(args.output)
        if args.install:
            output = install_directory() / "crashext.so"
        refuse_shadow(output)
        try:
            build(output.absolute(), crash, python, compiler)
        except OSError as error:
            raise BuildError(f"{error.filename or output}: {error.strerror}") from error
    except UsageError:
        raise
    except CrashextError as error:
        print(f"crashext build: {error}", file=sys.stderr)
        return 1
    print(f"{output}: for crash {crash.version}, Python {platform.python_version()}")
    if output == Path(DEFAULT_OUTPUT):
        print("in crash started here: extend crashext.so")
    if Path("crashext.so").exists() and not Path("crashext/__init__.py").exists():
        print(
            "crashext build: ./crashext.so, of an earlier build, hides the package from a Python "
            "started here: remove it",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
