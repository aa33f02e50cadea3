# SPDX-License-Identifier: GPL-2.0-or-later
"""``pylog``: a program's warnings and errors, printed at once and summed up at its end."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, ClassVar, Optional

WARNING = "+++WARNING+++"
ERROR = "+++ERROR+++"
INFO = "...INFO..."


class PyLog:
    """Keeps each distinct message once."""

    def __init__(self) -> None:
        self._messages: defaultdict[str, list[Any]] = defaultdict(list)
        self._silent = ""

    def _keep(self, name: str, message: Any) -> None:
        if message not in self._messages[name]:
            self._messages[name].append(message)

    def _show(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._keep(name, (args, kwargs))
        print(name, end=" ")
        print(*args, **kwargs)

    def timeout(self, message: str) -> None:
        print(WARNING, message)
        self._keep("timeout", message)

    def warning(self, *args: Any, **kwargs: Any) -> None:
        self._show(WARNING, args, kwargs)

    def warning_onexit(self, *args: Any, **kwargs: Any) -> None:
        """A warning that is printed in the summary only."""
        self._keep(WARNING, (args, kwargs))

    def info(self, *args: Any, **kwargs: Any) -> None:
        """A note that is printed in the summary only."""
        self._keep(INFO, (args, kwargs))

    def error(self, *args: Any, **kwargs: Any) -> None:
        self._show(ERROR, args, kwargs)

    def silent(self, message: str) -> None:
        """Holds a message back until :meth:`silenterror` makes it an error."""
        self._silent = message

    def getsilent(self) -> str:
        message, self._silent = self._silent, ""
        return message

    def silenterror(self, extra: str) -> None:
        message = self.getsilent()
        if message:
            self._keep(ERROR, ((extra, message), {}))

    def cleanup(self) -> None:
        self._messages.clear()
        self._silent = ""

    def onexit(self) -> None:
        """Prints the summary; nothing when there was no message."""
        if any(self._messages[name] for name in ("timeout", WARNING, ERROR)):
            print("")
            print("*" * 78)
            print(" A Summary Of Problems Found ".center(78, "*"))
            print("*" * 78)
            if self._messages["timeout"]:
                print(" Some crash commands did not complete in time ".center(78, "-"))
                for message in self._messages["timeout"]:
                    print("   ", message)
                print("    Run again with a longer limit: --timeout=SECONDS")
            for name in (WARNING, ERROR):
                if self._messages[name]:
                    print(f" A list of all {name} messages ".center(78, "-"))
                    self._print_all(name)
            print("-" * 78)
        if self._messages[INFO]:
            print("")
            print(" Additional Info ".center(78, "~"))
            self._print_all(INFO)
            print("~" * 78)

    def _print_all(self, name: str) -> None:
        for args, kwargs in self._messages[name]:
            print(end="    ")
            print(*args, **kwargs)


pylog = PyLog()


class MsgExtra:
    """``with MsgExtra("while walking X"):`` adds that text to errors from within."""

    _stack: ClassVar[list[Optional[str]]] = [None]

    def __init__(self, msg: Optional[str] = None) -> None:
        self.msg = msg

    def __enter__(self) -> None:
        self._stack.append(self.msg)

    def __exit__(self, *exc: object) -> None:
        self._stack.pop()

    @classmethod
    def current(cls) -> Optional[str]:
        return cls._stack[-1]

    def __str__(self) -> str:
        return str(self._stack[-1])
