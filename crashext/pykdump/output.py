# SPDX-License-Identifier: GPL-2.0-or-later
"""``sys.stdout.buffer`` for programs that write bytes: crash's output takes text."""

from __future__ import annotations

from typing import Any, Union


class ByteOutput:
    """Writes UTF-8 bytes to a text stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, data: Union[bytes, bytearray, memoryview]) -> int:
        self._stream.write(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)

    def flush(self) -> None:
        self._stream.flush()


def offer_bytes(stream: Any) -> None:
    """Gives a text stream without ``buffer`` one."""
    if not hasattr(stream, "buffer"):
        stream.buffer = ByteOutput(stream)
