"""HTTP answered on many listening sockets by one loop and a few threads.

It serves guests, who are strangers: a request has little room and little time, one network's guests cannot take all the
threads, and no answer keeps a connection.
"""

import logging
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from skyloom.errors import Unavailable

REQUEST_BYTES = 16 * 1024
REQUEST_S = 10.0
THREADS = 16
THREADS_A_NETWORK = 6
LOG = logging.getLogger(__name__)

Answer = tuple[int, str, bytes]
Source = Callable[[str, str, str, Mapping[str, str]], Answer]
"""(network id, source address, path, headers by lower-case name) -> (status, content type, body)."""


class Refused(Exception):
    """The request is not one that is answered; the status says why."""

    def __init__(self, status: HTTPStatus):
        super().__init__(status)
        self.status = status


class Answering:
    def __init__(self, source: Source):
        self._source = source
        self._sockets: dict[str, socket.socket] = {}
        self._busy: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._selector.register(self._wake_out, selectors.EVENT_READ, None)
        self._closing = False
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="metadata")
        self._loop = threading.Thread(target=self._accept, name="metadata", daemon=True)
        self._loop.start()

    def serve(self, network_id: str, listening: socket.socket) -> None:
        """Takes the socket over; the loop closes it."""
        listening.setblocking(False)
        with self._lock:
            old = self._sockets.get(network_id)
            self._sockets[network_id] = listening
            self._forget(old)
            self._selector.register(listening, selectors.EVENT_READ, network_id)
        self._wake_in.send(b".")

    def serves(self, network_id: str) -> bool:
        with self._lock:
            return network_id in self._sockets

    def leave(self, network_id: str) -> None:
        with self._lock:
            self._forget(self._sockets.pop(network_id, None))

    def close(self) -> None:
        with self._lock:
            self._closing = True
        self._wake_in.send(b".")
        self._loop.join()
        self._pool.shutdown(wait=True)
        for network_id in list(self._sockets):
            self.leave(network_id)
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()

    def _forget(self, listening: socket.socket | None) -> None:
        if listening is not None:
            self._selector.unregister(listening)
            listening.close()

    def _accept(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._wake_out.recv(4096)
                else:
                    self._take(key.data)

    def _take(self, network_id: str) -> None:
        with self._lock:
            listening = self._sockets.get(network_id)
            try:
                connection, address = listening.accept() if listening else (None, None)
            except OSError:
                # The guest gave up before its turn, or the network is just being left.
                return
            if connection is None or address is None:
                return
            if self._busy[network_id] >= THREADS_A_NETWORK:
                connection.close()
                return
            self._busy[network_id] += 1
        self._pool.submit(self._serve, network_id, connection, address[0])

    def _serve(self, network_id: str, connection: socket.socket, source_ip: str) -> None:
        try:
            with connection:
                self._reply(network_id, connection, source_ip)
        except OSError as error:
            LOG.info("A guest of network %s at %s went away: %s", network_id, source_ip, error)
        except Exception:
            LOG.exception("A request of network %s from %s failed", network_id, source_ip)
        finally:
            with self._lock:
                self._busy[network_id] -= 1

    def _reply(self, network_id: str, connection: socket.socket, source_ip: str) -> None:
        wants_body, more = True, ""
        try:
            method, path, headers = parse(_read(connection))
            wants_body = method != "HEAD"
            status, kind, body = self._source(network_id, source_ip, path, headers)
        except Refused as refused:
            status, kind, body = refused.status, "text/plain", refused.status.phrase.encode()
        except Unavailable as away:
            status, kind, body = 503, "text/plain", away.sentence.encode()
            more = f"Retry-After: {away.retry_after_s}\r\n"
        except OSError:
            raise
        except Exception:
            LOG.exception("Metadata for %s in network %s failed", source_ip, network_id)
            status, kind, body = 500, "text/plain", b"Internal error"
        head = (
            f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
        )
        connection.sendall(head.encode("ascii") + (body if wants_body else b""))


def _read(connection: socket.socket) -> bytes:
    """The request's head, within its room and time."""
    deadline = time.monotonic() + REQUEST_S
    received = b""
    while b"\r\n\r\n" not in received:
        if len(received) > REQUEST_BYTES:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT)
        connection.settimeout(remaining_s)
        try:
            piece = connection.recv(4096)
        except TimeoutError as error:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT) from error
        if not piece:
            raise Refused(HTTPStatus.BAD_REQUEST)
        received += piece
    connection.settimeout(REQUEST_S)
    return received.partition(b"\r\n\r\n")[0]


def parse(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, path with its query, headers by lower-case name. Raises Refused."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        raise Refused(HTTPStatus.BAD_REQUEST)
    if words[0] not in ("GET", "HEAD"):
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Refused(HTTPStatus.BAD_REQUEST)
        headers[name.lower()] = value.strip()
    return words[0], words[1], headers
