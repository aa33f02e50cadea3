# SPDX-License-Identifier: GPL-2.0-or-later
"""The module that the lab's own tests crash: generated from the template beside the package."""

from __future__ import annotations

import filecmp
import hashlib
import shutil
import tempfile
from pathlib import Path

import crashext
from crashext.errors import CrashextError
from crashext.lab.cache import Cache, no_space_named

TEMPLATE = "cookiecutter-lkm"


def template_directory() -> Path:
    """The template of this source tree. Raises CrashextError in an installation without it."""
    found = Path(crashext.__file__).resolve().parent.parent / TEMPLATE
    if not (found / "cookiecutter.json").is_file():
        raise CrashextError(
            f"no {TEMPLATE} beside the crashext package: run this from a clone of the project"
        )
    return found


def generate(cache: Cache, **answers: str) -> Path:
    """Generates the module without questions; its directory, the same for the same answers.

    Raises CrashextError when the template cannot be rendered.
    """
    from cookiecutter.exceptions import CookiecutterException  # type: ignore[import-untyped]
    from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]

    label = hashlib.sha256(repr(sorted(answers.items())).encode()).hexdigest()[:8]
    parent = cache.path("modules", label)
    with cache.lock(f"module-{label}"), no_space_named(parent):
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=".new-") as scratch:
            try:
                made = cookiecutter(
                    str(template_directory()), no_input=True, output_dir=scratch,
                    extra_context=answers, accept_hooks=True, default_config=True,
                )  # fmt: skip
            except CookiecutterException as error:
                raise CrashextError(f"cannot generate a module from {TEMPLATE}: {error}") from error
            new = Path(made)
            final = parent / new.name
            if final.exists() and _same(final, new):
                return final
            if final.exists():
                shutil.rmtree(final)
            new.rename(final)
    return final


def _same(left: Path, right: Path) -> bool:
    comparison = filecmp.dircmp(left, right)
    if comparison.left_only or comparison.right_only or comparison.funny_files:
        return False
    _, different, failed = filecmp.cmpfiles(left, right, comparison.common_files, shallow=False)
    return not (different or failed) and all(
        _same(left / name, right / name) for name in comparison.common_dirs
    )
