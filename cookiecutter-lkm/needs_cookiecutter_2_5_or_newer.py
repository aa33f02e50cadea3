# SPDX-License-Identifier: GPL-2.0-or-later
"""The template's Jinja extension: refuses bad answers in one line, before anything is written.

Why not a pre_gen hook: when a hook fails, cookiecutter (2.7) logs a traceback around it. An
exception that its command line knows is printed as it is.

Why the name: cookiecutter before 2.1 (Debian 12 has 1.7.3) cannot load extensions from a template
and says "Unable to load extension: No module named ...", which so becomes a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

from cookiecutter import __version__  # type: ignore[import-untyped]
from cookiecutter.exceptions import (  # type: ignore[import-untyped]
    FailedHookException,
    UnknownExtension,
)
from jinja2 import Environment
from jinja2.ext import Extension
from lkm_answers import MODULE_LICENSES, TITLES, c_string, problems

OLDEST = (2, 5)


def too_old(version: str) -> Optional[str]:
    """What to tell the user of a cookiecutter of this version; None when it is new enough."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) >= OLDEST:
        return None
    return f"this is cookiecutter {version}, 2.5 or newer is needed: pipx install cookiecutter"


def checked(answers: Mapping[str, Any]) -> str:
    """An empty string. Raises FailedHookException with one line when the answers are no good."""
    for problem in problems(answers):
        raise FailedHookException(problem)
    return ""


class Answers(Extension):
    """The filters ``checked``, ``module_license``, ``usual_title`` and ``c_string``."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        message = too_old(__version__)
        if message:
            raise UnknownExtension(message)
        environment.filters["checked"] = checked
        environment.filters["module_license"] = MODULE_LICENSES.__getitem__
        environment.filters["usual_title"] = TITLES.__getitem__
        environment.filters["c_string"] = c_string
