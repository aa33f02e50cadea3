# SPDX-License-Identifier: GPL-2.0-or-later
"""The PyKdump-compatible API of crashext.so.

Inside crash it is importable as ``pykdump``: :func:`install_alias` makes ``import pykdump.API``
give the modules of this package, one copy under both names. The names and their meaning are
those of PyKdump (https://sourceforge.net/projects/pykdump/); the code is not.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Optional

#: The version of PyKdump's C module whose API this package follows.
__version__ = "3.1.0"
#: What PyKdump programs ask for with require_cmod_version().
minimal_cmod_version = "3.0.2"

_ALIAS = "pykdump"


def _version_number(text: str) -> int:
    parts = [int(part) for part in text.split(".")[:3]] + [0, 0]
    return parts[0] * 10000 + parts[1] * 100 + parts[2]


def require_cmod_version(vers: str, c_mod_version: Optional[str] = None) -> None:
    """Raises ImportError when this runtime follows an older PyKdump than ``vers``."""
    if c_mod_version is None:
        c_mod_version = __version__
    if _version_number(c_mod_version) < _version_number(vers):
        raise ImportError(
            f"this program needs PyKdump {vers} and this runtime follows {c_mod_version}"
        )


class _AliasFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``pykdump`` and ``pykdump.x`` as this package's modules."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        if fullname != _ALIAS and not fullname.startswith(_ALIAS + "."):
            return None
        real = __name__ + fullname[len(_ALIAS) :]
        spec = sys.modules[real].__spec__ if real in sys.modules else _find(real)
        if spec is None:
            return None
        is_package = spec.submodule_search_locations is not None
        return importlib.machinery.ModuleSpec(
            fullname, self, origin=spec.origin, is_package=is_package
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = importlib.import_module(__name__ + spec.name[len(_ALIAS) :])
        # The import system will overwrite __spec__ with the alias's; exec_module puts it back.
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        alias_spec = module.__spec__
        if alias_spec is not None:
            module.__spec__ = alias_spec.loader_state


def _find(name: str) -> Optional[importlib.machinery.ModuleSpec]:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None


def install_alias() -> None:
    """Makes ``import pykdump`` find this package.

    Does nothing inside upstream PyKdump, whose C module alone has ``gdb_typeinfo``: its own
    ``pykdump`` goes with that module.
    """
    if hasattr(sys.modules.get("crash"), "gdb_typeinfo"):
        return
    if any(isinstance(finder, _AliasFinder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _AliasFinder())
