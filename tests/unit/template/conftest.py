# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules generated from the template, once for each set of answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable

import pytest
from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]

TEMPLATE = Path(__file__).resolve().parents[3] / "cookiecutter-lkm"

# lkm_answers is imported as cookiecutter imports it: from the template's directory.
sys.path.insert(0, str(TEMPLATE))

Generate = Callable[..., Path]


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Generate:
    """``generate(kind="netdev", dkms=False)``: the new module's directory. Not to be changed."""
    made: dict[str, Path] = {}

    def get(**answers: object) -> Path:
        key = repr(sorted(answers.items()))
        if key not in made:
            made[key] = Path(
                cookiecutter(
                    str(TEMPLATE),
                    no_input=True,
                    extra_context=answers,
                    output_dir=str(tmp_path_factory.mktemp("generated")),
                    default_config=True,
                )
            )
        return made[key]

    return get
