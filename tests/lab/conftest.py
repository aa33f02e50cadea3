# SPDX-License-Identifier: GPL-2.0-or-later
"""Real crashes for the tests. What was made once is taken from the cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest

from crashext.lab.cache import Cache
from crashext.lab.kernels import Kernel, Kernels
from crashext.lab.store import Dump, Store
from crashext.lab.template import generate

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below tests/lab needs a kernel; ``-m "not lab"`` leaves it out."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def lab_cache() -> Cache:
    """The downloads and dumps that stay from run to run ($XDG_CACHE_HOME/crashext)."""
    return Cache()


@pytest.fixture(scope="session")
def template_module(lab_cache: Cache) -> Path:
    """The directory of the module that the template generates without questions."""
    return generate(lab_cache)


@pytest.fixture(scope="session")
def kernel(lab_cache: Cache) -> Callable[..., Kernel]:
    """``kernel("6.1")``: a kernel by the beginning of its release."""
    kernels = Kernels(lab_cache)

    def get(wanted: str = "6.1", arch: str = "amd64") -> Kernel:
        return kernels.get(wanted, arch)

    return get


@pytest.fixture(scope="session")
def dump(
    lab_cache: Cache, template_module: Path, kernel: Callable[..., Kernel]
) -> Callable[..., Dump]:
    """``dump("null-write", kernel="6.12", dump="kdump")``: a crash of the template's module."""
    store = Store(lab_cache)
    wanted_kernel = kernel

    def get(
        fault: str, kernel: str = "6.1", dump: str = "elf", arch: str = "amd64",
        module: Path = template_module, boot: tuple[str, ...] = (),
    ) -> Dump:  # fmt: skip
        return store.get(module, fault, wanted_kernel(kernel, arch), dump, boot)

    return get


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """crashext.so, built from the sources as they are, for the installed crash."""
    from crashext import build

    output = tmp_path_factory.mktemp("extension") / "crashext.so"
    words = ["--sanitize"] if os.environ.get("CRASHEXT_SANITIZE") else []
    assert build.main(["--strict", *words, "-o", str(output)]) == 0
    return output
