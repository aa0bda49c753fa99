"""JSON from the database server read by the standard library's scanner.

The ovs package reads JSON a character at a time in Python unless a C extension was built into it, which its wheels
lack: half of all the time of a write here, and seconds for a replica of ten thousand ports after a reconnect. Its
sessions are left as they are but for the reading.
"""

import errno
import json
from collections import deque
from typing import Any

import ovs.jsonrpc
import ovs.stream

CHUNK = 65536
_DECODER = json.JSONDecoder()


class Connection(ovs.jsonrpc.Connection):
    """Reads until the socket is empty, then takes all whole messages; tries only where one may have ended."""

    def begin(self) -> None:
        self._buffer = bytearray()
        self._messages: deque[Any] = deque()

    def recv(self) -> tuple[int, Any]:
        while not self.status and not self._messages:
            problem, data = self.stream.recv(CHUNK)
            if problem == errno.EAGAIN:
                return problem, None
            if problem or not data:
                self.error(problem or ovs.jsonrpc.EOF)
                break
            self.received_bytes += len(data)
            self._buffer += data
            if self._buffer.endswith(b"}"):
                self._take_whole()
        return (self.status, None) if self.status else (0, self._messages.popleft())

    def recv_wait(self, poller: Any) -> None:
        if self.status or self._messages:
            poller.immediate_wake()
        else:
            self.stream.recv_wait(poller)

    def _take_whole(self) -> None:
        text = self._buffer.decode()
        start = 0
        while start < len(text):
            try:
                value, start = _DECODER.raw_decode(text, start)
            except json.JSONDecodeError:
                break
            message = ovs.jsonrpc.Message.from_json(value)
            if not isinstance(message, ovs.jsonrpc.Message):
                self.error(errno.EPROTO)
                return
            self._messages.append(message)
        self._buffer = bytearray(text[start:].encode())


class Session(ovs.jsonrpc.Session):
    """Gives each new connection this way of reading."""

    def run(self) -> None:
        super().run()
        if self.rpc is not None and not isinstance(self.rpc, Connection):
            self.rpc.__class__ = Connection
            self.rpc.begin()


def hasten(session: ovs.jsonrpc.Session) -> None:
    """The library makes the session itself, so its class is changed before its first use."""
    session.__class__ = Session
