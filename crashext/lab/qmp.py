# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU's machine protocol (docs/interop/qmp-spec): one JSON object a line over a socket."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any, Optional

from crashext.errors import CrashextError


class QmpError(CrashextError):
    """QEMU refused a command, or hung up."""


class Qmp:
    """A connection after the greeting. Events that arrive meanwhile are kept in ``events``."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        self.events: list[dict[str, Any]] = []
        greeting = self._message()
        if "QMP" not in greeting:
            raise QmpError("what answers on the QMP socket is not QEMU")
        self.command("qmp_capabilities")

    @classmethod
    def connect(cls, path: Path, limit: float = 10.0) -> Qmp:
        """Connects to a unix socket that QEMU may not have made yet; ``limit`` in seconds."""
        deadline = time.monotonic() + limit
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(str(path))
                return cls(connection)
            except (FileNotFoundError, ConnectionRefusedError) as error:
                connection.close()
                if time.monotonic() > deadline:
                    raise QmpError(f"QEMU did not open its control socket in {limit:.0f} s") from (
                        error
                    )
                time.sleep(0.05)

    def _message(self) -> dict[str, Any]:
        try:
            line = self._stream.readline()
        except (TimeoutError, socket.timeout) as error:  # two classes before Python 3.10
            raise QmpError("QEMU does not answer on its control socket") from error
        except OSError as error:
            raise QmpError(f"QEMU's control socket broke: {error}") from error
        if not line.endswith(b"\n"):
            raise QmpError("QEMU ended while it was asked")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise QmpError("QEMU sent a line that is no QMP message")
        return message

    def command(self, name: str, limit: Optional[float] = 60.0, **arguments: Any) -> Any:
        """Executes a command and returns its value. ``limit``: seconds to wait.

        Raises QmpError when QEMU says no or hangs up.
        """
        request: dict[str, Any] = {"execute": name}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): arguments[key] for key in arguments}
        self._connection.settimeout(limit)
        try:
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise QmpError(f"QEMU ended before {name}") from error
        while True:
            answer = self._message()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise QmpError(f"QEMU: {name}: {answer['error'].get('desc', 'failed')}")
            if "event" in answer:
                self.events.append(answer)

    def close(self) -> None:
        self._stream.close()
        self._connection.close()
