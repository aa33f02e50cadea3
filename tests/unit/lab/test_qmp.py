# SPDX-License-Identifier: GPL-2.0-or-later
"""QMP framing against the other end of a socket pair."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from crashext.lab.qmp import Qmp, QmpError

GREETING = b'{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}}}\r\n'


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def connected(ends: tuple[socket.socket, socket.socket]) -> Qmp:
    ours, theirs = ends
    theirs.sendall(GREETING + b'{"return": {}}\r\n')
    return Qmp(ours)


def test_capabilities_are_negotiated_first(ends: tuple[socket.socket, socket.socket]) -> None:
    connected(ends)
    assert json.loads(ends[1].recv(1000)) == {"execute": "qmp_capabilities"}


def test_arguments_are_sent_with_hyphens(ends: tuple[socket.socket, socket.socket]) -> None:
    qmp = connected(ends)
    ends[1].recv(1000)
    ends[1].sendall(b'{"return": {"status": "running"}}\r\n')
    assert qmp.command("query", some_thing=1) == {"status": "running"}
    assert json.loads(ends[1].recv(1000)) == {"execute": "query", "arguments": {"some-thing": 1}}


def test_events_before_the_answer_are_kept(ends: tuple[socket.socket, socket.socket]) -> None:
    qmp = connected(ends)
    ends[1].sendall(b'{"event": "STOP"}\r\n{"return": 1}\r\n')
    assert qmp.command("stop") == 1
    assert [event["event"] for event in qmp.events] == ["STOP"]


def test_answer_in_pieces_is_put_together(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(GREETING[:20])
    theirs.sendall(GREETING[20:] + b'{"ret')
    theirs.sendall(b'urn": {}}\r\n')
    assert Qmp(ours).events == []


def test_refusal_carries_qemus_words(ends: tuple[socket.socket, socket.socket]) -> None:
    qmp = connected(ends)
    ends[1].sendall(b'{"error": {"class": "GenericError", "desc": "No space left"}}\r\n')
    with pytest.raises(QmpError, match=r"^QEMU: dump-guest-memory: No space left$"):
        qmp.command("dump-guest-memory")


def test_hang_up_is_an_error(ends: tuple[socket.socket, socket.socket]) -> None:
    qmp = connected(ends)
    ends[1].close()
    with pytest.raises(QmpError, match="QEMU ended"):
        qmp.command("stop")


def test_silence_is_an_error(ends: tuple[socket.socket, socket.socket]) -> None:
    qmp = connected(ends)
    with pytest.raises(QmpError, match="does not answer"):
        qmp.command("stop", limit=0.01)


def test_what_is_not_qemu_is_refused(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(b'{"hello": 1}\r\n')
    with pytest.raises(QmpError, match="is not QEMU"):
        Qmp(ours)
