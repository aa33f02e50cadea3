# SPDX-License-Identifier: GPL-2.0-or-later
"""Around the crash: kernel, task, taint, modules, variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from crashext.engine.model.fields import hexadecimal
from crashext.engine.words import TaskContext


@dataclass
class Task:
    comm: Optional[str] = None
    pid: Optional[int] = None
    cpu: Optional[int] = None
    context: Optional[TaskContext] = None


@dataclass
class Variable:
    """A parameter or local; ``value`` is None when optimised out (``why`` then says so)."""

    name: str
    type: str
    value: Optional[str] = None
    frame: Optional[str] = None  # function name
    parameter: bool = False
    why: Optional[str] = None


@dataclass
class TaintMeaning:
    letter: str
    meaning: str


@dataclass
class Taint:
    letters: str = ""
    meanings: list[TaintMeaning] = field(default_factory=list)


@dataclass
class ModuleRegion:
    """One piece of a module's memory, ``size`` in bytes. ``freed``: init memory after init ran."""

    kind: str  # "text", "data", "rodata", "ro_after_init", "init text", "init data", "percpu", …
    address: int = hexadecimal(0)
    size: int = 0
    freed: bool = False


@dataclass
class Module:
    name: str
    address: Optional[int] = hexadecimal()
    size: Optional[int] = None
    state: Optional[str] = None  # "live", "loading", "unloading"
    refcount: Optional[int] = None
    used_by: list[str] = field(default_factory=list)
    taints: Optional[str] = None  # letters, e.g. "OE"
    version: Optional[str] = None
    srcversion: Optional[str] = None
    build_id: Optional[str] = None
    debug_info: Optional[str] = None  # path of the debug file, None when not found
    suspect: bool = False
    why: list[str] = field(default_factory=list)
    debug_info_why: Optional[str] = None  # why debug_info is None
    regions: list[ModuleRegion] = field(default_factory=list)
    #: What is wrong with this module's own data, in words.
    damage: list[str] = field(default_factory=list)


@dataclass
class Kernel:
    release: Optional[str] = None
    version: Optional[str] = None
    machine: Optional[str] = None
    cpus: Optional[int] = None
    panic_message: Optional[str] = None
