# SPDX-License-Identifier: GPL-2.0-or-later
"""``crashext lab``: makes real vmcores."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Optional

from crashext.errors import CrashextError
from crashext.lab import dump, qemu, tools, trial
from crashext.lab.archive import SUITES, Archive
from crashext.lab.cache import Cache, damage, tree_size
from crashext.lab.kernels import NEWEST, Kernels, available
from crashext.lab.outputs import seal
from crashext.lab.run import Request, Result, run, shell
from crashext.lab.truth import menu_of

_KERNEL_HELP = "beginning of a release (6.1, 6.12, 6.1.0-56-cloud-amd64) or 'newest'; default 6.1"
DEFAULT_KERNEL = "6.1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the lab's subcommands to a parser."""
    parser.description = (
        "Boots a Debian kernel in QEMU, loads a module, makes it fault, brings back the vmcore."
    )
    commands = parser.add_subparsers(dest="lab_command", metavar="COMMAND", required=True)

    run_parser = commands.add_parser(
        "run", help="make one crash", description="Builds the module, boots, faults, dumps."
    )
    _add_module(run_parser)
    run_parser.add_argument("--fault", required=True, metavar="NAME", help="one of 'lab faults'")
    run_parser.add_argument("-o", "--out", required=True, type=Path, metavar="OUT",
                            help="a new directory, for vmcore, log, module, truth")  # fmt: skip
    run_parser.add_argument("--dump", choices=dump.FORMATS, default="elf",
                            help="elf: all memory; kdump: filtered by makedumpfile; kdump-real: "
                            "by a capture kernel in the guest (default: elf)")  # fmt: skip
    run_parser.add_argument("--boot", action="append", default=[], metavar="WORD",
                            help="one more word for the kernel's command line")  # fmt: skip
    run_parser.add_argument("--memory", type=int, default=256, metavar="MIB",
                            help="guest memory (default: 256)")  # fmt: skip
    run_parser.add_argument("--explain", action="store_true",
                            help="explain it too, also in OUT/explanation.txt")  # fmt: skip
    run_parser.set_defaults(lab_function=_run)

    shell_parser = commands.add_parser("shell", help="a shell in a guest with the module loaded")
    _add_module(shell_parser)
    shell_parser.set_defaults(lab_function=_shell)

    test_parser = commands.add_parser(
        "test",
        help="load and unload a module in a guest, run its KUnit suites",
        description="Modules whose name ends in _test are suites; the others are loaded and "
        "unloaded three times and must leave the kernel as it was.",
    )
    _add_module(test_parser)
    test_parser.add_argument("--make", action="append", default=[], metavar="VARIABLE=VALUE",
                             help="one more word for make")  # fmt: skip
    test_parser.set_defaults(lab_function=_test)

    faults = commands.add_parser("faults", help="the faults a module's directory offers")
    faults.add_argument("module", type=Path, metavar="DIR")
    faults.set_defaults(lab_function=_faults)

    kernels = commands.add_parser("kernels", help="list, fetch and remove kernels")
    actions = kernels.add_subparsers(dest="action", metavar="ACTION")
    kernels.set_defaults(lab_function=_list_kernels, all=False, verify=False, arch="amd64")
    listing = actions.add_parser("list", help="the kernels in the cache")
    listing.add_argument("--all", action="store_true", help="those of Debian's archive as well")
    listing.add_argument("--verify", action="store_true", help="read all files and compare sums")
    _add_arch(listing)
    listing.set_defaults(lab_function=_list_kernels)
    fetching = actions.add_parser("fetch", help="fetch kernels and their debug symbols")
    fetching.add_argument("kernel", nargs="+", help=_KERNEL_HELP)
    _add_arch(fetching)
    fetching.set_defaults(lab_function=_fetch_kernels)
    removing = actions.add_parser("remove", help="remove kernels from the cache")
    removing.add_argument("kernel", nargs="+", help=_KERNEL_HELP)
    removing.set_defaults(lab_function=_remove_kernels)

    fetch_tool = commands.add_parser(
        "tool",
        help="fetch a newer crash or makedumpfile, unpacked beside the system",
        description="Prints the path of a script that runs the program of another Debian suite.",
    )
    fetch_tool.add_argument("name", choices=("crash", "makedumpfile"))
    fetch_tool.add_argument("--suite", choices=SUITES, help="default: the one with the newest")
    fetch_tool.add_argument("--refresh", action="store_true", help="fetch it anew")
    fetch_tool.add_argument("--json", action="store_true",
                            help="path, version, and where crash's defs.h is")  # fmt: skip
    fetch_tool.set_defaults(lab_function=_tool)


def _add_arch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--arch", choices=tuple(qemu.PLATFORMS), default="amd64")


def _add_module(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("module", type=Path, metavar="DIR", help="the module's directory (Kbuild)")
    parser.add_argument("--kernel", default=DEFAULT_KERNEL, metavar="K", help=_KERNEL_HELP)
    _add_arch(parser)


def _run(options: argparse.Namespace) -> int:
    cache = Cache()
    qemu.platform(options.arch)
    request = Request(options.module, options.fault, options.out, options.dump,
                      tuple(options.boot), options.memory)  # fmt: skip
    kernel = Kernels(cache).get(options.kernel, options.arch)
    result = run(request, kernel, cache)
    record = json.loads((result.out / "lab.json").read_text())
    print(f"{result.out}: vmcore, vmcore-dmesg.txt, {result.module.name}, vmlinux, truth.json")
    for command in record["open"].values():
        print(f"  {command}")
    return _explain(result) if options.explain else 0


def _explain(result: Result) -> int:
    """``crashext explain`` of the dump, printed and kept beside it; its exit code."""
    files = [str(file) for file in (result.vmcore, result.vmlinux, result.module)]
    words = [files[0], "-s", files[1], "-s", files[2]]
    done = subprocess.run(
        [sys.executable, "-m", "crashext", "explain", *words], stdout=subprocess.PIPE, check=False
    )
    (result.out / "explanation.txt").write_bytes(done.stdout)
    seal(result.out)
    sys.stdout.write("\n" + done.stdout.decode())
    return done.returncode


def _shell(options: argparse.Namespace) -> int:
    cache = Cache()
    qemu.platform(options.arch)
    return shell(options.module, Kernels(cache).get(options.kernel, options.arch), cache)


def _test(options: argparse.Namespace) -> int:
    cache = Cache()
    qemu.platform(options.arch)
    kernel = Kernels(cache).get(options.kernel, options.arch)
    return trial.main([options.module], kernel, options.make)


def _faults(options: argparse.Namespace) -> int:
    menu = menu_of(options.module)
    if not menu:
        raise CrashextError(f"{options.module} has no faults.json: it offers no menu")
    width = max(len(name) for name in menu)
    for fault in menu.values():
        print(f"{fault.name:{width}}  {fault.sentence}")
    return 0


def _list_kernels(options: argparse.Namespace) -> int:
    cache = Cache()
    kernels = Kernels(cache)
    here = kernels.cached()
    for kernel in here:
        wrong = damage(kernel.root, options.verify)
        state = f"damaged: {wrong}" if wrong else f"{tree_size(kernel.root) / 1e6:.0f} MB"
        print(f"{kernel.release:36} {kernel.version:24} {kernel.suite:20} {state}")
    if not here:
        print(f"no kernels in {cache.root}: crashext lab kernels fetch 6.1", file=sys.stderr)
    if options.all:
        known = {kernel.release for kernel in here}
        for suite in SUITES:
            for candidate in available(Archive(suite, options.arch, cache)):
                if candidate.release not in known:
                    size = f"not here, {candidate.size / 1e6:.0f} MB to fetch"
                    print(f"{candidate.release:36} {candidate.version:24} {suite:20} {size}")
    return 0


def _fetch_kernels(options: argparse.Namespace) -> int:
    for wanted in options.kernel:
        kernel = Kernels().get(wanted, options.arch, refresh=True)
        print(f"{kernel.release}: {kernel.root}")
    return 0


def _remove_kernels(options: argparse.Namespace) -> int:
    for wanted in options.kernel:
        if wanted == NEWEST:
            raise CrashextError("say which kernel to remove: crashext lab kernels list")
        for kernel, size in Kernels().remove(wanted):
            print(f"{kernel.release}: removed, {size / 1e6:.0f} MB")
    return 0


def _tool(options: argparse.Namespace) -> int:
    cache = Cache()
    suite = options.suite or tools.newest_suite(options.name, cache)
    tool = tools.get(options.name, suite, cache, refresh=options.refresh)
    if options.json:
        fields: dict[str, Any] = {
            "name": tool.name, "version": tool.version, "suite": suite, "path": str(tool.path),
            "headers": str(tool.headers) if tool.headers.is_dir() else None,
        }  # fmt: skip
        print(json.dumps(fields, indent=2))
    else:
        print(tool.path)
    return 0


def _terminated(number: int, frame: Optional[FrameType]) -> None:
    raise SystemExit(128 + number)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs ``crashext lab``; the exit status. Errors of ours become one line on stderr."""
    parser = argparse.ArgumentParser(prog="crashext lab")
    configure(parser)
    options = parser.parse_args(argv)
    # A plain SIGTERM would leave a guest behind; as an exception it unwinds the with blocks.
    signal.signal(signal.SIGTERM, _terminated)
    try:
        status: int = options.lab_function(options)
        return status
    except CrashextError as error:
        print(f"crashext lab: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"crashext lab: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("crashext lab: interrupted", file=sys.stderr)
        return 130
