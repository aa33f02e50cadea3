# SPDX-License-Identifier: GPL-2.0-or-later
"""Small containers and caches that PyKdump programs expect: Bunch, DCache, memoisers, …"""

from __future__ import annotations

import inspect
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import wraps
from itertools import islice, zip_longest
from types import CodeType, ModuleType
from typing import Any, Callable, Optional

CU_LIVE = 1  # not cached on a live kernel
CU_LOAD = 2  # dropped when crash loads a module's debug info
CU_PYMOD = 4  # dropped when Python modules are reloaded
CU_TIMEOUT = 8  # dropped when the command timeout grows

#: True when crash looks at a running kernel: results marked CU_LIVE are then never kept.
livedump = False


def hexl(number: int) -> str:
    """``0x…`` of an int."""
    return f"0x{int(number):x}"


def unsigned16(number: int) -> int:
    return number & 0xFFFF


def unsigned32(number: int) -> int:
    return number & 0xFFFFFFFF


def unsigned64(number: int) -> int:
    return number & 0xFFFFFFFFFFFFFFFF


class Bunch(dict[str, Any]):
    """A dict whose keys are attributes too."""

    def __init__(self, values: Optional[dict[str, Any]] = None) -> None:
        super().__init__(values or {})
        self.__dict__.update(values or {})

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        object.__setattr__(self, name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        object.__delattr__(self, name)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no {name} here; there are: {', '.join(map(str, self))}")

    def copy(self) -> Bunch:
        return Bunch(dict(self))

    def __str__(self) -> str:
        return "".join(f"   {key:<12} {self[key]}\n" for key in sorted(self))


class _CacheBunch(Bunch):
    """A Bunch whose missing names read as None and that tells registered owners of a change."""

    _owners: dict[str, list[tuple[Callable[[Any], Any], Any, ModuleType]]]

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "_owners", defaultdict(list))

    def __getattr__(self, name: str) -> Any:
        return None

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        for changed, _owner, _module in self._owners.get(name, ()):
            changed(value)

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def _register(
        self, name: str, changed: Callable[[Any], Any], owner: Any, module: ModuleType
    ) -> None:
        self._owners[name].append((changed, owner, module))

    def _delmodentries(self, module: ModuleType) -> None:
        for name, entries in self._owners.items():
            self._owners[name] = [entry for entry in entries if entry[2] is not module]

    def Dump(self) -> None:
        if not self._owners:
            return
        print(" -- Listing registered options --")
        for name, entries in self._owners.items():
            for _changed, owner, module in entries:
                if isinstance(owner, ModuleType):
                    where = f" in {owner.__name__}"
                else:
                    where = f"{type(owner).__name__} in {module.__name__}"
                print(f"     <{name}={self[name]}>  {where}")


class DataCache:
    """``DCache``: ``perm`` lives as long as the session, ``tmp`` as long as one program."""

    def __init__(self) -> None:
        self.tmp = _CacheBunch()
        self.perm = _CacheBunch()

    def cleartmp(self) -> None:
        self.tmp.clear()

    def clearperm(self) -> None:
        self.perm.clear()

    def __str__(self) -> str:
        return f"{len(self.tmp)} in tmp, {len(self.perm)} in perm"

    def dump(self) -> None:
        for title, cache in (("tmp", self.tmp), ("perm", self.perm)):
            if cache:
                print(f"   ** DCache.{title} **")
                print(cache)


DCache = DataCache()


def getCurrentModule(depth: int = 1) -> ModuleType:
    """The module of the caller ``depth`` levels up."""
    frame = inspect.stack(context=0)[depth].frame
    return sys.modules[frame.f_globals["__name__"]]


def registerObjAttrHandler(
    owner: Any, attribute: str, pyctlname: Optional[str] = None, default: Any = None
) -> None:
    """Ties ``DCache.perm[pyctlname]`` to an attribute of ``owner`` (a module or an object)."""
    _register(owner, attribute, pyctlname, default, getCurrentModule(2))


def registerModuleAttr(
    attribute: str, pyctlname: Optional[str] = None, default: Any = None
) -> None:
    """:func:`registerObjAttrHandler` for the calling module."""
    module = getCurrentModule(2)
    _register(module, attribute, pyctlname, default, module)


def _register(
    owner: Any, attribute: str, pyctlname: Optional[str], default: Any, module: ModuleType
) -> None:
    name = pyctlname or attribute

    def changed(value: Any) -> None:
        setattr(owner, attribute, value)

    if default is None:
        default = getattr(owner, attribute, None)
    if name not in DCache.perm:
        DCache.perm[name] = default
    changed(default)
    DCache.perm._register(name, changed, owner, module)


class TrueOnce:
    """True for the first ``v`` tests, then False."""

    def __init__(self, v: int = 1) -> None:
        self.v = v

    def __bool__(self) -> bool:
        if self.v > 0:
            self.v -= 1
            return True
        return False


_memoized: dict[tuple[Any, ...], Any] = {}


def memoize_cond(condition: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Caches results by positional arguments until one of the CU_… conditions purges them.

    ``MEMOIZE=False`` in a call passes the cache by; the function's attribute ``__memoize`` tells
    during a call which it is, for functions that it calls in turn.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def cached(*args: Any, MEMOIZE: bool = True, **kwargs: Any) -> Any:
            cached.__dict__["__memoize"] = MEMOIZE
            if not MEMOIZE or (condition & CU_LIVE and livedump):
                return function(*args, **kwargs)
            key = (condition, function, args, tuple(sorted(kwargs.items())))
            if key not in _memoized:
                _memoized[key] = function(*args, **kwargs)
            return _memoized[key]

        return cached

    return decorate


def purge_memoize_cache(flags: int) -> None:
    """Drops every result cached under a condition that shares a bit with ``flags``."""
    for key in [key for key in _memoized if key[0] & flags]:
        del _memoized[key]


def print_memoize_cache() -> None:
    for key, value in _memoized.items():
        print(key[1].__name__, key[2], value)


_typeinfo: dict[tuple[Any, ...], Any] = {}


def memoize_typeinfo(function: Callable[..., Any]) -> Callable[..., Any]:
    """Caches facts about types until :func:`purge_typeinfo`; the first argument is the name."""

    @wraps(function)
    def cached(*args: Any) -> Any:
        key = (args[0], function, args[1:])
        if key not in _typeinfo:
            _typeinfo[key] = function(*args)
        return _typeinfo[key]

    return cached


def purge_typeinfo(name: Optional[str] = None) -> None:
    """Forgets what is known of the type ``name``, or of all types."""
    if name is None:
        _typeinfo.clear()
        return
    for key in [key for key in _typeinfo if key[0] == name]:
        del _typeinfo[key]


def forget_missing() -> None:
    """Drops the answers "no such type" and "no such member" (-1): debug info may have come."""
    for key in [key for key, value in _typeinfo.items() if value == -1]:
        del _typeinfo[key]


_selected: dict[tuple[Any, ...], tuple[CodeType, str]] = {}


def PY_select(*expressions: str) -> Any:
    """The value of the first expression that evaluates in the caller's scope, else None.

    Programs use it for members that moved between kernels; the choice is remembered for the
    calling line.
    """
    frame = sys._getframe(1)
    key = (frame.f_code.co_filename, frame.f_lineno, expressions)
    if key in _selected:
        return eval(_selected[key][0], frame.f_globals, frame.f_locals)
    for expression in expressions:
        code = compile(expression, "<PY_select>", "eval")
        try:
            value = eval(code, frame.f_globals, frame.f_locals)
        except (KeyError, NameError, TypeError, AttributeError):
            continue
        _selected[key] = (code, expression)
        return value
    return None


def PY_select_stats() -> None:
    for key in sorted(_selected, key=lambda k: (k[0], k[1])):
        print(f"{key[:2]} -> {_selected[key][1]}")


def PY_select_purge() -> None:
    _selected.clear()


def iterN(sequence: Iterable[Any], count: int) -> Iterator[Any]:
    """The first ``count`` elements."""
    return islice(sequence, count)


def dbits2str(flags: int, names: dict[str, int], offset: int = 0) -> str:
    """``A|B`` for the single-bit values of ``names`` that are set; drops ``offset`` characters."""
    return "|".join(
        name[offset:]
        for name, value in names.items()
        if value and value & (value - 1) == 0 and flags & value
    )


def print2columns(left: str, right: str) -> None:
    for one, two in zip_longest(left.split("\n"), right.split("\n"), fillvalue=""):
        print(one.ljust(38), two)


class KernelRev(str):
    """A kernel version that compares by number: ``KernelRev("3.10.0") < "4.4"``."""

    ov: int

    def __new__(cls, text: str) -> KernelRev:
        result = super().__new__(cls, text)
        result.ov = cls.conv(text)
        return result

    @staticmethod
    def conv(text: str) -> int:
        parts = [int(part) for part in text.split(".")[:3]] + [0, 0, 0]
        return parts[0] * 100000 + parts[1] * 1000 + parts[2]

    def __lt__(self, other: str) -> bool:
        return self.ov < self.conv(other)

    def __le__(self, other: str) -> bool:
        return self.ov <= self.conv(other)

    def __gt__(self, other: str) -> bool:
        return self.ov > self.conv(other)

    def __ge__(self, other: str) -> bool:
        return self.ov >= self.conv(other)
