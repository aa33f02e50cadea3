# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds an out-of-tree module against a cached kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from crashext.errors import CrashextError
from crashext.lab.kernels import Kernel, host_architecture
from crashext.lab.progress import step

_LEFT_BEHIND = ("*.o", "*.ko", "*.mod", "*.mod.c", ".*.cmd", "modules.order", "Module.symvers",
                "vm-*", ".tmp_versions", ".git", "__pycache__")  # fmt: skip
#: Debian architecture -> what the kernel's make calls it, and the cross compiler's prefix.
_MAKE_ARCH = {"amd64": ("x86", "x86_64-linux-gnu-"), "arm64": ("arm64", "aarch64-linux-gnu-")}


def module_directory(given: Path) -> Path:
    """Checks that a directory holds an out-of-tree module (a Kbuild file, or a Makefile)."""
    if not given.is_dir():
        raise CrashextError(f"{given} is no directory: give the one with the module's Kbuild")
    if not any((given / name).is_file() for name in ("Kbuild", "Makefile")):
        raise CrashextError(f"{given} has no Kbuild: it is no module's directory")
    return given


#: Compiler options that a kernel may have been configured for and an older compiler lacks:
#: configuration symbol -> the option. With the symbol empty the kernel's Makefile does without.
_OPTIONS = {"CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT": "-fmin-function-alignment=16"}


def make_command(kernel: Kernel, source: Path) -> list[str]:
    """The command that builds the module; a person can run it as well."""
    arch, prefix = _MAKE_ARCH[kernel.arch]
    cross = prefix if kernel.arch != host_architecture() else ""
    # Debian's headers name the compiler of their own release (gcc-10); the host's does as well.
    compiler = f"{cross}gcc"
    words = ["make", "-C", str(kernel.headers), f"M={source}", f"ARCH={arch}"]
    words += [f"CROSS_COMPILE={cross}", f"CC={compiler}"]
    words += [
        f"{symbol}=" for symbol, option in _OPTIONS.items()
        if kernel.configured(symbol) and not _understands(compiler, option)
    ]  # fmt: skip
    return [*words, "modules"]


def _understands(compiler: str, option: str) -> bool:
    command = [compiler, option, "-E", "-x", "c", "/dev/null"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _ignored(module: Path, into: Path) -> Callable[[str, list[str]], set[str]]:
    """What is not copied: what a build has left, and the target where it lies in the module."""
    left_behind = shutil.ignore_patterns(*_LEFT_BEHIND)
    source, target = module.resolve(), into.resolve()

    def ignore(directory: str, names: list[str]) -> set[str]:
        ignored = set(left_behind(directory, names))
        if Path(directory).resolve() == source and source in target.parents:
            ignored.add(target.relative_to(source).parts[0])
        return ignored

    return ignore


def build(module: Path, kernel: Kernel, into: Path, words: Sequence[str] = ()) -> list[Path]:
    """Copies a module's sources to ``into`` and builds there; the .ko files, sorted by name.

    ``words`` are more words for make. The person's own directory stays as it is, and the debug
    information names the copy, which stays with the dump. Raises CrashextError with the
    compiler's first error.
    """
    module_directory(module)
    for program, package in (("make", "make"), ("gcc", "gcc")):
        if shutil.which(program) is None:
            raise CrashextError(f"{program} is not here: apt install {package}")
    cross = _MAKE_ARCH[kernel.arch][1]
    if kernel.arch != host_architecture() and shutil.which(f"{cross}gcc") is None:
        raise CrashextError(f"{cross}gcc is not here: apt install gcc-{cross.rstrip('-')}")
    if os.path.lexists(into):
        raise CrashextError(f"{into} is there already: the sources are copied to a new directory")
    shutil.copytree(module, into, ignore=_ignored(module, into))
    command = [*make_command(kernel, into), *words]
    # The person's own MAKEFLAGS, ARCH … are about another make.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name
        not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "ARCH", "CROSS_COMPILE", "KBUILD_OUTPUT")
    }
    environment["LC_ALL"] = "C.UTF-8"
    with step(f"Building {module.resolve().name} for {kernel.release}"):
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=environment, check=False
        )
        modules = sorted(into.glob("*.ko"))
        if result.returncode != 0 or not modules:
            log = into / "build.log"
            log.write_text(result.stdout + result.stderr)
            raise CrashextError(
                f"{module} does not build for {kernel.release}: "
                f"{first_error(result.stdout + result.stderr)}; all of it: {log}"
            )
    return modules


def first_error(output: str) -> str:
    """The line of a build's output that says why it failed."""
    lines = output.splitlines()
    for mark in (" error: ", "ERROR: ", "Error ", "not found"):
        for line in lines:
            if mark in line:
                return line.strip()
    return lines[-1].strip() if lines else "make said nothing"
