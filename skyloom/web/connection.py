"""One client connection: TLS, requests in, replies out; served by whichever thread the server hands it to.

What must stay true: `serve` waits for nobody. A client that is slow with its head, a small body or reading a reply
costs a file descriptor; only the two long transfers (a large body, a streamed reply) keep their thread waiting, and
that thread first steps out of the crew so that another takes its place.
"""

import contextlib
import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from skyloom.errors import Unavailable
from skyloom.web.http import Application, Body, BodyCut, Reply, Request
from skyloom.web.parser import Incoming, Parser, Refusal

log = logging.getLogger(__name__)

RECEIVE_BYTES = 64 * 1024
LINGER_S = 2.0
FAILED = "The server failed to answer; its log says why."
CLOSED, READ, WRITE = 0, select.EPOLLIN, select.EPOLLOUT
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
WANTS_READ = (BlockingIOError, ssl.SSLWantReadError)
WANTS_WRITE = (BlockingIOError, ssl.SSLWantWriteError)


class ClientGone(Exception):
    """Nobody is there to read the reply."""


class Crew(Protocol):
    """What a connection needs of the server's threads."""

    @property
    def is_stopping(self) -> bool: ...

    def step_out(self) -> None:
        """The calling thread is about to wait for a client. Raises Unavailable when too many do already."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client is waited for, and the pace (bytes/s) that a large body has to keep after `body_s`."""

    keep_alive_s: float = 75.0
    head_s: float = 30.0
    body_s: float = 30.0
    reply_s: float = 60.0
    body_pace: int = 1024


class Connection:
    def __init__(
        self, sock: socket.socket, client: str, application: Application, crew: Crew, patience: Patience
    ) -> None:
        self._socket = sock
        self._client = client
        self._application = application
        self._crew = crew
        self._patience = patience
        self._parser = Parser()
        self._handshaking = isinstance(sock, ssl.SSLSocket)
        self._certificate: bytes | None = None
        self._outgoing: memoryview | None = None
        self._ends = False
        self._lingers = False
        self._closing = threading.Lock()
        self._message_deadline: float | None = time.monotonic() + patience.head_s
        self._waited_s = 0.0
        self.deadline = self._message_deadline
        self.is_idle = False

    # The server's side.

    def serve(self) -> int:
        """Do all that can be done without waiting; returns what to wait for (READ, WRITE), or CLOSED."""
        self.deadline = float("inf")
        self.is_idle = False
        try:
            if self._handshaking:
                return self._shake_hands()
            return self._linger() if self._lingers else self._converse()
        except (OSError, ClientGone):
            return CLOSED

    def abort(self) -> None:
        """End it from any thread; whoever serves it sees the end of the stream."""
        with self._closing, contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        if isinstance(self._socket, ssl.SSLSocket) and not self._lingers and not self._handshaking:
            self._say_goodbye(self._socket)
        with self._closing:
            self._socket.close()

    # Turns of one thread.

    def _shake_hands(self) -> int:
        assert isinstance(self._socket, ssl.SSLSocket)
        self.deadline = self._message_deadline or self.deadline
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            return READ
        except ssl.SSLWantWriteError:
            return WRITE
        self._handshaking = False
        if self._socket.context.verify_mode is not ssl.CERT_NONE:
            self._certificate = self._socket.getpeercert(binary_form=True)
        return self._converse() if self._has_more() else READ

    def _converse(self) -> int:
        answered = False
        while True:
            if self._outgoing is not None and not self._flush():
                self.deadline = time.monotonic() + self._patience.reply_s
                return WRITE
            if self._ends:
                return self._finish()
            incoming = self._parser.ready()
            if incoming is not None:
                self._answer(incoming)
                answered = True
            elif self._parser.refusal is not None:
                self._refuse(self._parser.refusal)
            else:
                # A client that is quick with its next request waits for its turn like the others.
                data = None if answered and not self._has_more() else self._receive()
                if data is None:
                    return self._rest()
                if not data:
                    return CLOSED
                self._parser.feed(data)

    def _has_more(self) -> bool:
        """Whether bytes wait inside TLS, where the epoll does not see them."""
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _rest(self) -> int:
        now = time.monotonic()
        if self._parser.is_idle and self._message_deadline is None:
            self.deadline = now + self._patience.keep_alive_s
            self.is_idle = True
        else:
            self._message_deadline = self._message_deadline or now + self._patience.head_s
            self.deadline = self._message_deadline
        return READ

    def _answer(self, incoming: Incoming) -> None:
        self._message_deadline = None
        self._waited_s = 0.0
        try:
            reply = self._application(self._request(incoming))
        except Refusal as refusal:
            reply = plain(refusal.status, refusal.sentence)
        except BodyCut as cut:
            reply = plain(400, cut.sentence)
        except Exception:
            log.exception("%s %s failed", incoming.method, incoming.url.partition(b"?")[0].decode("latin-1"))
            reply = plain(500, FAILED)
        try:
            self._send_reply(incoming, reply)
        finally:
            if not isinstance(reply.body, bytes):
                close_body(reply.body)
        self._parser.done()

    def _request(self, incoming: Incoming) -> Request:
        url = incoming.url.decode("latin-1")
        if not url.startswith("/") and url != "*":
            parts = urlsplit(url)
            url = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        raw_path, _, query = url.partition("?")
        try:
            path = unquote(raw_path, errors="strict")
        except UnicodeDecodeError as e:
            raise Refusal(400, "The path is not UTF-8; percent-encode it as UTF-8.") from e
        body = Body(self._body(incoming), incoming.content_length)
        return Request(incoming.method, path, raw_path, query, incoming.headers, self._client, self._certificate, body)

    def _refuse(self, refusal: Refusal) -> None:
        reply = plain(refusal.status, refusal.sentence)
        content = bytes(reply.body)  # type: ignore[arg-type]
        self._outgoing = memoryview(head(reply, closes=True, length=len(content)) + content)
        self._ends = True
        self._lingers = True

    # Bodies in.

    def _body(self, incoming: Incoming) -> Iterator[bytes]:
        if incoming.awaits_continue and not incoming.complete:
            incoming.awaits_continue = False
            try:
                self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
            except ClientGone as e:
                raise BodyCut("The connection ended before the body was sent; send the request again.") from e
        while True:
            while incoming.chunks:
                yield incoming.chunks.popleft()
            if incoming.complete:
                return
            self._receive_more(incoming)

    def _receive_more(self, incoming: Incoming) -> None:
        if self._parser.refusal is not None:
            raise BodyCut(f"The body is malformed after {incoming.received} bytes; send the request again.")
        try:
            data = self._receive()
            while data is None:
                self._wait_for_body(incoming)
                data = self._receive()
        except OSError as e:
            raise BodyCut(f"The connection broke after {incoming.received} bytes; send the request again.") from e
        if not data:
            raise BodyCut(f"The connection ended after {incoming.received} bytes of the body; send the request again.")
        self._parser.feed(data)

    def _wait_for_body(self, incoming: Incoming) -> None:
        patience = self._patience
        left_s = patience.body_s + incoming.received / patience.body_pace - self._waited_s
        began = time.monotonic()
        arrived = self._wait(select.POLLIN, min(left_s, patience.body_s))
        self._waited_s += time.monotonic() - began
        if not arrived:
            raise BodyCut(f"The body came too slowly after {incoming.received} bytes; send the request again.")

    # Replies out.

    def _send_reply(self, incoming: Incoming, reply: Reply) -> None:
        self._lingers = not incoming.complete
        self._ends = self._lingers or not incoming.keep_alive or self._crew.is_stopping
        bodiless = reply.status < 200 or reply.status in (204, 304)
        headed = bodiless or incoming.method == "HEAD"
        if not headed and not isinstance(reply.body, bytes):
            self._stream(incoming, reply, reply.body)
            return
        content = reply.body if isinstance(reply.body, bytes) else None
        try:
            start = head(reply, self._ends, None if bodiless or content is None else len(content))
        except ValueError:
            log.exception("%s: the reply cannot be sent", incoming.method)
            reply = plain(500, FAILED)
            content = bytes(reply.body)  # type: ignore[arg-type]
            start = head(reply, self._ends, len(content))
        self._outgoing = memoryview(start if headed or not content else start + content)

    def _stream(self, incoming: Incoming, reply: Reply, body: Iterable[bytes]) -> None:
        announced = next((int(value) for name, value in reply.headers if name.lower() == "content-length"), None)
        chunked = announced is None and not incoming.is_http_10
        self._ends = self._ends or (announced is None and not chunked)
        chunks = iter(body)
        sent = 0
        start: bytes | None = None
        try:
            chunk = next(chunks, b"")
            start = head(reply, self._ends, None, chunked)
            self._send(start + framed(chunk, chunked))
            sent += len(chunk)
            for chunk in chunks:
                self._send(framed(chunk, chunked))
                sent += len(chunk)
            if announced is not None and sent != announced:
                raise ValueError(f"a streamed reply of {sent} bytes announced {announced}")
            if chunked:
                self._send(b"0\r\n\r\n")
        except ClientGone:
            raise
        except Exception as e:
            log.exception("%s: the reply broke off after %d bytes", incoming.method, sent)
            if start is not None:
                raise ClientGone from e  # cutting the connection is the one way left to tell the client
            self._send_reply(incoming, plain(500, FAILED))
        finally:
            close_body(chunks)

    def _flush(self) -> bool:
        while self._outgoing:
            try:
                self._outgoing = self._outgoing[self._socket.send(self._outgoing) :]
            except WANTS_WRITE:
                return False
        self._outgoing = None
        return True

    def _send(self, data: bytes) -> None:
        """Send all, after what is still to go, and wait for the client where it is slow."""
        earlier = self._outgoing
        self._outgoing = memoryview(data if earlier is None else bytes(earlier) + data)
        try:
            while not self._flush():
                if not self._wait(select.POLLOUT, self._patience.reply_s):
                    raise ClientGone
        except (OSError, Unavailable) as e:
            raise ClientGone from e

    def _finish(self) -> int:
        if not self._lingers:
            return CLOSED
        if isinstance(self._socket, ssl.SSLSocket):
            self._say_goodbye(self._socket)
        socket.socket.shutdown(self._socket, socket.SHUT_WR)
        self._message_deadline = time.monotonic() + LINGER_S
        return self._linger()

    def _linger(self) -> int:
        """Read on what the client still sends: closing at once would reset the connection and lose the reply."""
        self.deadline = self._message_deadline or time.monotonic()
        for _ in range(16):
            try:
                if not socket.socket.recv(self._socket, RECEIVE_BYTES):
                    return CLOSED
            except BlockingIOError:
                break
        return READ

    # The socket.

    def _receive(self) -> bytes | None:
        """What is there; None when nothing is yet, b"" at the end of the stream."""
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except WANTS_READ:
            return None

    def _wait(self, event: int, timeout_s: float) -> bool:
        self._crew.step_out()
        if timeout_s <= 0:
            return False
        poll = select.poll()
        poll.register(self._socket.fileno(), event)
        return bool(poll.poll(timeout_s * 1000))

    @staticmethod
    def _say_goodbye(sock: ssl.SSLSocket) -> None:
        # The peer's answer is not waited for, which unwrap() reports as an error.
        with contextlib.suppress(OSError, ValueError):
            sock.unwrap()


@lru_cache(maxsize=2)
def date_line(now: int) -> str:
    return time.strftime("date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime(now))


def head(reply: Reply, closes: bool, length: int | None, chunked: bool = False) -> bytes:
    """The head of a reply as sent; ValueError for a header that would break out of its line."""
    lines = [STATUS_LINES.get(reply.status) or f"HTTP/1.1 {reply.status} \r\n", date_line(int(time.time()))]
    lines += [f"{name}: {value}\r\n" for name, value in reply.headers]
    if length is not None:
        lines.append(f"content-length: {length}\r\n")
    if chunked:
        lines.append("transfer-encoding: chunked\r\n")
    if closes:
        lines.append("connection: close\r\n")
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
        raise ValueError("a header holds a line break or a NUL")
    return f"{text}\r\n".encode()


def framed(chunk: bytes, chunked: bool) -> bytes:
    if not chunk or not chunked:
        return chunk
    return b"%x\r\n%b\r\n" % (len(chunk), chunk)


def plain(status: int, sentence: str) -> Reply:
    """For the answers that no application gives."""
    title = HTTPStatus(status).phrase
    body = msgspec.json.encode({"error": {"code": status, "title": title, "message": sentence}})
    return Reply(status, [("content-type", "application/json")], body)


def close_body(body: object) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()
