# SPDX-License-Identifier: GPL-2.0-or-later
"""What cookiecutter may take for an answer, and what goes together: pure functions on answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from platform import release
from typing import Any, Optional

#: SPDX identifier -> the string of MODULE_LICENSE (Documentation/process/license-rules.rst).
MODULE_LICENSES = {
    "GPL-2.0-only": "GPL",
    "GPL-2.0-or-later": "GPL",
    "GPL-2.0-only OR BSD-2-Clause": "Dual BSD/GPL",
    "GPL-2.0-only OR MIT": "Dual MIT/GPL",
    "GPL-2.0-only OR MPL-1.1": "Dual MPL/GPL",
    "LicenseRef-Proprietary": "Proprietary",
}

#: Kind -> what a module of that kind is called until somebody finds a better title.
TITLES = {
    "hello": "A simple hello world module",
    "chardev": "A character device that keeps what is written",
    "debugfs": "Files in debugfs that sum samples up",
    "procfs": "A file in /proc that keeps a message",
    "kthread": "A kernel thread that works items off",
    "platform": "A platform driver for a thermometer",
    "netdev": "A network interface without a wire",
    "kprobe": "Counts the calls of a kernel function",
}

#: MODULE_NAME_LEN of include/linux/moduleparam.h on 64 bits, without the NUL, and "_test".
LONGEST_NAME = 55 - len("_test")

#: Files of the project that become objects of the module.
OBJECTS = ("main", "core", "faults", "fault_menu", "test")

#: Kinds that call a function exported to GPL modules only (EXPORT_SYMBOL_GPL): which.
GPL_ONLY = {
    "debugfs": "debugfs_create_dir()",
    "platform": "__platform_driver_register()",
    "kprobe": "register_kprobe()",
}


def words(name: str) -> set[str]:
    """The words of a file in ``names``, one a line, without its comments."""
    text = (Path(__file__).parent / "names" / name).read_text(encoding="utf-8")
    return {line for line in text.splitlines() if not line.startswith("#")}


def running_builtin() -> set[str]:
    """Names of the modules that are built into the running kernel; empty where it does not say."""
    try:
        text = Path("/lib/modules", release(), "modules.builtin").read_text(encoding="utf-8")
    except OSError:
        return set()
    return {line.rpartition("/")[2].partition(".")[0].replace("-", "_") for line in text.split()}


def wrong_name(name: str) -> Optional[str]:
    """What is wrong with a module's name, in words; None when nothing is."""
    identifier = r"[A-Za-z_][A-Za-z0-9_]*"
    if not re.fullmatch(identifier, name):
        better = re.sub(r"\W+", "_", name.strip(), flags=re.ASCII)
        hint = f" (perhaps {better}?)" if re.fullmatch(identifier, better) else ""
        return f"module_name {name!r} is no C identifier{hint}"
    if len(name) > LONGEST_NAME:
        return f"module_name {name!r} has {len(name)} characters, {LONGEST_NAME} are allowed"
    if name in words("c_words.txt"):
        return f"module_name {name!r} has a meaning in C or in the kernel's headers"
    if name in OBJECTS:
        return f"module_name {name!r} is the name of one of the module's own objects"
    if name in words("builtin_modules.txt") | running_builtin():
        return f"module_name {name!r} is built into kernels already, so it could not be loaded"
    if name in words("kernel_functions.txt"):
        return f"module_name {name!r} clashes with {name}_init() or {name}_exit() of the kernel"
    return None


def wrong_text(key: str, text: str) -> Optional[str]:
    """What is wrong with a line of text for C strings and comments; None when nothing is."""
    if not text.strip():
        return f"{key} is empty"
    if not text.isprintable():
        return f"{key} {text!r} has a control character in it"
    if "*/" in text or "/*" in text:
        return f"{key} {text!r} has /* or */ in it, but becomes part of a C comment"
    return None


def wrong_combination(answers: Mapping[str, Any]) -> Optional[str]:
    """What does not go together; None when everything does."""
    if answers["license"] != "LicenseRef-Proprietary":
        return None
    closed = "is closed to a proprietary module"
    if answers["kind"] in GPL_ONLY:
        needed = GPL_ONLY[answers["kind"]]
        return f"kind {answers['kind']} needs {needed}, which {closed}: change license or kind"
    if answers["fault_menu"]:
        return f"the fault menu needs debugfs, which {closed}: change license or fault_menu"
    if answers["kunit"]:
        return f"KUnit {closed}: change license or kunit"
    return None


def problems(answers: Mapping[str, Any]) -> Iterator[str]:
    """Everything that is wrong with the answers, one line each, the most basic first."""
    found = [wrong_name(answers["module_name"])]
    found += [wrong_text(key, answers[key]) for key in ("title", "author", "email")]
    if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", answers["email"]):
        found.append(f"email {answers['email']!r} is no address")
    found.append(wrong_combination(answers))
    return (problem for problem in found if problem)


def c_string(text: str) -> str:
    """Text as it stands between the quotes of a string literal in C."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
