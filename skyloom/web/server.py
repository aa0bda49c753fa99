"""The server: sockets, and the threads that serve them.

One epoll holds all connections, each armed for one event (EPOLLONESHOT). The thread that takes the event owns the
connection until it arms it again, and calls the application itself: no hop from a loop to a worker and back.

One thread at a time has the seat at the epoll, because several that run Python at once only fight for the
interpreter's lock (twice the CPU a request). It loses the seat to another as soon as it waits: at once when it waits
for a slow client (`step_out`) or leaves the interpreter to hash a password (`step_aside`), and by the watch when the
application waits (a tick) or works for long. Why this and not an async server: docs/decisions/http-edge.md.

What must stay true: arming a connection is the last thing its owner does with it; nothing depends on the seat being
held by one thread only (a thread that lost it may take one more event before it notices).
"""

import contextlib
import logging
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from skyloom.aside import on_step_aside
from skyloom.errors import BadRequest, Unavailable
from skyloom.web.connection import CLOSED, READ, Connection, Patience
from skyloom.web.http import Application

log = logging.getLogger(__name__)

SWEEP_S = 0.5
TICK_S = 0.002
QUIET_TICKS = 50
LONG_TICKS = 10
LONG_LIMIT = 3
BATCH = 64
RESERVE = 16
"""Threads that slow transfers may never take."""
CONNECTIONS_LIMIT = 4096


class TlsFiles(NamedTuple):
    """With `client_ca`, CA certificates in PEM, clients are asked for a certificate and need not have one; one that
    those CAs have not signed ends the handshake."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class ClientCaInvalid(BadRequest):
    code = "server.client_ca_invalid"


class Server:
    """`start` returns when it listens; `port` is then known. `threads` is the most requests at work at once; they
    are made when needed, and few are."""

    def __init__(
        self,
        application: Application,
        host: str,
        port: int,
        tls: TlsFiles | None = None,
        threads: int = 128,
        patience: Patience | None = None,
    ) -> None:
        self._application = application
        self._address = (host, port)
        self._tls = tls_context(tls) if tls else None
        self._threads = threads
        self._patience = patience or Patience()
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._crew: list[threading.Thread] = []
        self._ready: deque[int] = deque()
        self._parked: list[threading.Lock] = []
        self._holder: threading.Thread | None = None
        self._transfers: set[threading.Thread] = set()
        self._serving = False
        self._turn = 0
        self._awake = threading.Event()
        self._change = threading.Condition()
        self._stopped = threading.Event()
        self.is_stopping = False
        self.port = port

    def start(self) -> None:
        self._listener = socket.create_server(
            self._address, family=socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET, backlog=1024
        )
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._bell, READ)
        self._epoll.register(self._listener.fileno(), READ | select.EPOLLONESHOT)
        self._helpers = [
            threading.Thread(target=self._sweep, name="http-sweep", daemon=True),
            threading.Thread(target=self._watch, name="http-watch", daemon=True),
        ]
        for helper in self._helpers:
            helper.start()
        with self._change:
            self._pass_seat()

    def stop(self, grace_s: float = 10.0) -> None:
        """Refuse new connections, let requests in flight end for `grace_s`, then cut what is left."""
        deadline = time.monotonic() + grace_s
        with self._change:
            if self.is_stopping:
                return
            self.is_stopping = True
            self._listener.close()
        while self._connections and time.monotonic() < deadline:
            self._abort(idle_only=True)
            with self._change:
                self._change.wait(0.05)
        self._abort(idle_only=False)
        with self._change:
            self._stopped.set()
            for gate in self._parked:
                gate.release()
            self._parked.clear()
        os.eventfd_write(self._bell, 1)
        self._awake.set()
        for thread in [*self._crew, *self._helpers]:
            thread.join(max(1.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._crew):
            log.warning("requests were still at work when the server stopped")
            return  # their sockets and the epoll are theirs until they end with the process
        for connection in list(self._connections.values()):
            connection.close()
        self._connections.clear()
        self._epoll.close()
        os.close(self._bell)

    def is_busy(self) -> bool:
        """Whether a request is being computed, or has come and waits for that."""
        return self._serving or bool(self._ready)

    def step_out(self) -> None:
        me = threading.current_thread()
        if me in self._transfers:
            return
        with self._change:
            if len(self._transfers) >= self._threads - RESERVE:
                raise Unavailable("Too many slow transfers are under way; try again.")
            self._transfers.add(me)
            if self._holder is me:
                self._pass_seat()

    def _step_aside(self) -> None:
        """The holder goes on without the interpreter, as when it hashes a password; the next requests need not wait."""
        with self._change:
            if self._holder is threading.current_thread():
                self._pass_seat()

    # Threads.

    def _hire(self) -> None:
        """Each thread parks at a gate of its own. That is a plain lock: nothing wakes a thread for less."""
        gate = threading.Lock()
        gate.acquire()
        thread = threading.Thread(target=self._work, args=(gate,), name=f"http-{len(self._crew)}", daemon=True)
        self._crew.append(thread)
        self._parked.append(gate)
        thread.start()

    def _pass_seat(self) -> None:
        """With `_change` held: let the thread that parked last have the seat (its memory is in the processor's caches
        still); keep it when no other can be had."""
        if not self._parked:
            if len(self._crew) >= self._threads:
                return
            self._hire()
        self._holder = None
        self._parked.pop().release()

    def _work(self, gate: threading.Lock) -> None:
        me = threading.current_thread()
        on_step_aside(self._step_aside)
        self._await_seat(gate, me)
        while not self._stopped.is_set():
            fd = self._next_ready(me)
            self._turn += 1
            self._serving = True
            if not self._awake.is_set():
                self._awake.set()
            self._serve(fd)
            self._transfers.discard(me)
            if self._holder is me:
                self._serving = False
            elif self._park(gate):
                self._await_seat(gate, me)

    def _park(self, gate: threading.Lock) -> bool:
        with self._change:
            if self._stopped.is_set():
                return False
            self._parked.append(gate)
            return True

    def _await_seat(self, gate: threading.Lock, me: threading.Thread) -> None:
        gate.acquire()
        self._serving = False
        self._holder = me

    def _next_ready(self, me: threading.Thread) -> int:
        """The next connection in the order of arrival, whoever of the crew took it from the epoll."""
        while True:
            try:
                return self._ready.popleft()
            except IndexError:
                self._ready.extend(fd for fd, _ in self._epoll.poll(maxevents=BATCH))
                if self._holder is not me:
                    os.eventfd_write(self._bell, 1)  # the holder waits at the epoll and would not see these

    def _watch(self) -> None:
        """Pass the seat on when its holder waits in the middle of a request, or is at it for many ticks."""
        while not self._stopped.is_set():
            self._awake.wait()
            seen, same, quiet = -1, 0, 0
            busy_s, now_s = time.process_time(), time.monotonic()
            while quiet < QUIET_TICKS and not self._stopped.wait(TICK_S):
                before_s, then_s = busy_s, now_s
                busy_s, now_s = time.process_time(), time.monotonic()
                is_computing = busy_s - before_s > (now_s - then_s) / 3
                same = same + 1 if self._turn == seen else 0
                quiet = 0 if self._serving or not same else quiet + 1
                seen = self._turn
                if same and self._serving:
                    self._relieve(seen, is_computing, same >= LONG_TICKS)
            self._awake.clear()
            if self._serving:
                self._awake.set()  # it began just before the clear, and did not ask to be watched

    def _relieve(self, turn: int, is_computing: bool, is_long: bool) -> None:
        """While the process computes, one more thread would only wait for the interpreter's lock with the others:
        that would make each of them look slow, and call for more. So a few at most get a seat for being long."""
        with self._change:
            holder = self._holder
            if holder is None or not self._serving or self._turn != turn:
                return
            at_work = len(self._crew) - len(self._parked) - len(self._transfers)
            if (not is_computing and is_asleep(holder)) or (is_long and at_work <= LONG_LIMIT):
                self._pass_seat()

    def _serve(self, fd: int) -> None:
        connection = self._connections.get(fd)
        if connection is None:
            if fd == self._bell and not self._stopped.is_set():
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(fd)
            elif not self.is_stopping and fd == self._listener.fileno():
                self._accept()
            return
        try:
            wanted = connection.serve()
        except Exception:
            log.exception("a connection failed")
            wanted = CLOSED
        if wanted == CLOSED:
            self._forget(fd, connection)
        else:
            self._epoll.modify(fd, wanted | select.EPOLLONESHOT)

    def _forget(self, fd: int, connection: Connection) -> None:
        # Before the close: the next accepted socket may get this number at once.
        del self._connections[fd]
        connection.close()
        if self.is_stopping:
            with self._change:
                self._change.notify_all()

    def _accept(self) -> None:
        try:
            for _ in range(16):
                if len(self._connections) >= CONNECTIONS_LIMIT:
                    return  # the sweep listens again when there is room
                self._take(*self._listener.accept())
        except BlockingIOError:
            self._listen_again()
        except OSError as e:
            if not self.is_stopping:
                log.warning("cannot accept connections for a moment: %s", e)
        else:
            self._listen_again()

    def _take(self, sock: socket.socket, address: tuple[str, int]) -> None:
        sock.setblocking(False)
        if self._tls:
            try:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            except OSError:
                sock.close()
                return
        fd = sock.fileno()
        self._connections[fd] = Connection(sock, address[0], self._application, self, self._patience)
        self._epoll.register(fd, READ | select.EPOLLONESHOT)

    def _listen_again(self) -> None:
        with self._change, contextlib.suppress(FileNotFoundError):
            if not self.is_stopping:
                self._epoll.modify(self._listener.fileno(), READ | select.EPOLLONESHOT)

    # Time.

    def _sweep(self) -> None:
        while not self._stopped.wait(SWEEP_S):
            now = time.monotonic()
            for connection in list(self._connections.values()):
                if connection.deadline < now:
                    connection.abort()
            if len(self._connections) < CONNECTIONS_LIMIT:
                self._listen_again()

    def _abort(self, idle_only: bool) -> None:
        for connection in list(self._connections.values()):
            if connection.is_idle or not idle_only:
                connection.abort()


def is_asleep(thread: threading.Thread) -> bool:
    try:
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_bytes()
    except FileNotFoundError:
        return True
    return stat.rpartition(b") ")[2][:1] != b"R"


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.certificate, files.key)
    if files.client_ca is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        try:
            context.load_verify_locations(files.client_ca)
        except OSError as error:
            raise ClientCaInvalid(f"client_ca: {files.client_ca} holds no CA certificates in PEM.") from error
    return context
