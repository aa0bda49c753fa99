"""The server on real sockets: what clients do to it that no handler should have to know of."""

import hashlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests

from skyloom.aside import step_aside
from skyloom.errors import TooLarge
from skyloom.web.connection import Patience
from skyloom.web.http import BodyCut, FileBody, Reply, Request
from skyloom.web.server import LONG_LIMIT, Server, TlsFiles
from skyloom.web.tls import ensure_keyring

LIMIT_S = 10.0
HURRIED = Patience(keep_alive_s=0.5, head_s=0.5, body_s=0.5, reply_s=0.5)


class Application:
    """What the tests call; it notes what its handlers saw."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.seen: list[object] = []
        self.server: Server | None = None
        self.entered = threading.Event()
        self.go_on = threading.Event()
        self.closed = threading.Event()

    def __call__(self, request: Request) -> Reply:
        answer = getattr(self, request.path.strip("/").split("/")[0])
        return answer(request)  # type: ignore[no-any-return]

    def echo(self, request: Request) -> Reply:
        facts = {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "client": request.client,
            "body": request.body.read(1 << 20).decode(),
            "headers": dict(request.headers),
        }
        return Reply(200, [("content-type", "application/json")], json.dumps(facts).encode())

    def count(self, request: Request) -> Reply:
        try:
            size = sum(len(chunk) for chunk in request.body.chunks())
        except BodyCut as cut:
            self.seen.append(cut)
            raise
        self.seen.append(size)
        return Reply(200, [], str(size).encode())

    def small(self, request: Request) -> Reply:
        try:
            request.body.read(1000)
        except TooLarge as e:
            return Reply(413, [], e.sentence.encode())
        return Reply(204)

    def stream(self, request: Request) -> Reply:
        return Reply(200, [], self._endless() if request.query == "endless" else iter([b"one ", b"", b"two"]))

    def _endless(self) -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            self.closed.set()

    def file(self, request: Request) -> Reply:
        return Reply(200, [("content-length", "5")], FileBody(self.folder / "file", 2, 5))

    def hash(self, request: Request) -> Reply:
        """Busy, but without the interpreter."""
        step_aside()
        self.seen.append("hash")
        while not self.go_on.is_set():
            hashlib.scrypt(b"word", salt=b"salt", n=1 << 14, r=8, p=1, maxmem=1 << 26)
        return Reply(204)

    def busy(self, request: Request) -> Reply:
        """Whether the server says that it is."""
        assert self.server is not None
        self.seen.append(self.server.is_busy())
        return Reply(204)

    def fail(self, request: Request) -> Reply:
        raise RuntimeError("a secret")

    def fail_late(self, request: Request) -> Reply:
        def chunks() -> Iterator[bytes]:
            yield b"begun"
            raise RuntimeError("a secret")

        return Reply(200, [], chunks())

    def split(self, request: Request) -> Reply:
        return Reply(200, [("location", "x\r\nset-cookie: evil")])

    def wait(self, request: Request) -> Reply:
        self.entered.set()
        self.go_on.wait(LIMIT_S)
        return Reply(200, [], b"waited")


Start = Callable[..., Server]


@pytest.fixture
def application(tmp_path: Path) -> Application:
    return Application(tmp_path)


@pytest.fixture
def start(application: Application) -> Iterator[Start]:
    servers: list[Server] = []

    def started(**options: object) -> Server:
        server = Server(application, "127.0.0.1", 0, **options)  # type: ignore[arg-type]
        servers.append(server)
        server.start()
        return server

    yield started
    application.go_on.set()
    for server in servers:
        server.stop(0)


@pytest.fixture
def server(start: Start) -> Server:
    return start()


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S)


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def answers(sock: socket.socket, count: int = 1) -> list[tuple[int, bytes]]:
    """That many replies with a content-length, in order."""
    found = []
    with sock.makefile("rb") as file:
        for _ in range(count):
            status = int(file.readline().split()[1])
            length = 0
            while (line := file.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            found.append((status, file.read(length)))
    return found


def rest(sock: socket.socket) -> bytes:
    with sock.makefile("rb") as file:
        return file.read()


def test_a_request_arrives_whole(server: Server) -> None:
    reply = requests.post(f"http://127.0.0.1:{server.port}/echo/a%20%C3%A4?b=%20c", data=b"body", timeout=LIMIT_S)
    facts = reply.json()
    assert (facts["method"], facts["path"], facts["query"]) == ("POST", "/echo/a ä", "b=%20c")
    assert (facts["client"], facts["body"]) == ("127.0.0.1", "body")
    assert facts["headers"]["content-length"] == "4"
    assert "date" in reply.headers


def test_a_connection_serves_many_requests(server: Server) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)) as client:
        client.connect()
        sock = client.sock
        for number in range(20):
            client.request("GET", f"/echo/{number}")
            assert json.loads(client.getresponse().read())["path"] == f"/echo/{number}"
        assert client.sock is sock


def test_http_1_0_is_answered_and_closed(server: Server) -> None:
    with connect(server) as sock:
        sock.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
        head, _, body = rest(sock).partition(b"\r\n\r\n")
        assert body == b"one two"
        assert b"chunked" not in head


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    with connect(server) as sock:
        one = b"POST /echo/%d HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n%02d"
        sock.sendall(b"".join(one % (number, number) for number in range(50)))
        found = [json.loads(body) for _, body in answers(sock, 50)]
    assert [(each["path"], each["body"]) for each in found] == [(f"/echo/{n}", f"{n:02}") for n in range(50)]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_head_is_get_without_the_body(server: Server, method: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_S)) as client:
        for path in ("/stream", "/echo"):
            client.request(method, path)
            reply = client.getresponse()
            assert reply.status == 200
            assert bool(reply.read()) == (method == "GET")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"content-length: 1000000\r\n\r\n" + b"x" * 70_000,
        b"transfer-encoding: chunked\r\n\r\n" + b"8000\r\n" + b"x" * 0x8000 + b"\r\n" + b"20000\r\n" + b"x" * 0x10000,
        b"transfer-encoding: chunked\r\n\r\n" + b"18000\r\n" + b"x" * 0x18000 + b"\r\n",
    ],
    ids=["content-length", "inside a chunk", "between chunks"],
)
def test_a_handler_learns_that_an_upload_was_cut(
    server: Server, application: Application, request_bytes: bytes
) -> None:
    with connect(server) as sock:
        sock.sendall(b"PUT /count HTTP/1.1\r\nhost: h\r\n" + request_bytes)
    eventually(lambda: bool(application.seen))
    assert isinstance(application.seen[0], BodyCut)


@pytest.mark.parametrize(
    "framing", [b"content-length: 10\r\n\r\nabc", b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"]
)
def test_a_small_body_that_is_cut_reaches_no_handler(server: Server, application: Application, framing: bytes) -> None:
    with connect(server) as sock:
        sock.sendall(b"PUT /count HTTP/1.1\r\nhost: h\r\n" + framing)
        sock.shutdown(socket.SHUT_WR)
        assert rest(sock) == b""
    assert application.seen == []


def test_large_bodies_arrive_whole_with_both_framings(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}/count"
    assert requests.put(url, data=b"x" * 5_000_000, timeout=LIMIT_S).text == "5000000"
    assert requests.put(url, data=iter([b"x" * 70_000] * 50), timeout=LIMIT_S).text == "3500000"


def test_a_body_too_large_is_refused_without_being_read(server: Server) -> None:
    with connect(server) as sock:
        sock.sendall(b"POST /small HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000000\r\n\r\n" + b"x" * 1000)
        reply = rest(sock)
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in reply


def test_a_refusal_is_readable_by_a_client_that_goes_on_sending(server: Server) -> None:
    with connect(server) as sock:
        sock.sendall(b"POST /small HTTP/1.1\r\nhost: h\r\ncontent-length: 3000000\r\n\r\n" + b"x" * 3_000_000)
        assert rest(sock).startswith(b"HTTP/1.1 413 ")


def test_100_continue_is_sent_when_the_handler_reads(server: Server) -> None:
    with connect(server) as sock:
        sock.sendall(b"PUT /count HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        assert answers(sock) == [(100, b"")]
        sock.sendall(b"abc")
        assert answers(sock) == [(200, b"3")]


def test_100_continue_is_not_sent_for_a_refused_body(server: Server) -> None:
    with connect(server) as sock:
        sock.sendall(b"PUT /small HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 3000\r\n\r\n")
        assert rest(sock).startswith(b"HTTP/1.1 413 ")


def test_a_streamed_reply_arrives_and_keeps_the_connection(server: Server) -> None:
    with requests.Session() as session:
        for _ in range(2):
            reply = session.get(f"http://127.0.0.1:{server.port}/stream", timeout=LIMIT_S)
            assert reply.text == "one two"
            assert reply.headers["transfer-encoding"] == "chunked"


def test_a_part_of_a_file_is_sent(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    assert requests.get(f"http://127.0.0.1:{server.port}/file", timeout=LIMIT_S).content == b"23456"


def test_a_file_that_is_gone_is_a_plain_500(server: Server) -> None:
    assert requests.get(f"http://127.0.0.1:{server.port}/file", timeout=LIMIT_S).status_code == 500


def test_a_stream_is_closed_when_its_client_leaves(server: Server, application: Application) -> None:
    with connect(server) as sock:
        sock.sendall(b"GET /stream?endless HTTP/1.1\r\nhost: h\r\n\r\n")
        assert sock.recv(1000)
    assert application.closed.wait(LIMIT_S)


def test_a_stream_is_closed_when_its_client_stops_reading(start: Start, application: Application) -> None:
    with connect(start(patience=HURRIED)) as sock:
        sock.sendall(b"GET /stream?endless HTTP/1.1\r\nhost: h\r\n\r\n")
        assert application.closed.wait(LIMIT_S)


def test_an_error_that_escapes_is_a_500_without_its_trace(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("fail", "split"):
        reply = requests.get(f"http://127.0.0.1:{server.port}/{path}", timeout=LIMIT_S)
        assert reply.status_code == 500
        assert reply.json()["error"]["code"] == 500
        assert "secret" not in reply.text and "evil" not in str(reply.headers)
    assert "a secret" in caplog.text


def test_a_stream_that_fails_does_not_look_complete(server: Server) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"http://127.0.0.1:{server.port}/fail_late", timeout=LIMIT_S)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: h\r\nx: " + b"v" * 200_000, 431),
        (b"GET /" + b"u" * 20_000 + b" HTTP/1.1\r\nhost: h\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00 tls spoken to a plain port", 400),
        (b"GET /%ff HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n", 400),
    ],
)
def test_a_head_that_cannot_be_served_is_refused(server: Server, head: bytes, status: int) -> None:
    with connect(server) as sock:
        sock.sendall(head)
        assert rest(sock).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    "opening",
    [
        b"PUT /count HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n",
        b"PUT /count HTTP/1.1\r\nhost: h\r\ncontent-length: 1000\r\n\r\n",
        b"PUT /count HTTP/1.1\r\nhos",
        b"GET /stream?endless HTTP/1.1\r\nhost: h\r\n\r\n",
    ],
    ids=["large bodies", "small bodies", "heads", "downloads"],
)
def test_64_slow_clients_block_nobody(server: Server, opening: bytes) -> None:
    slow = [connect(server) for _ in range(64)]
    try:
        for sock in slow:
            sock.sendall(opening)
        for sock in slow:
            sock.sendall(b"x")
        url = f"http://127.0.0.1:{server.port}/echo"
        assert all(requests.get(url, timeout=LIMIT_S).status_code == 200 for _ in range(5))
    finally:
        for sock in slow:
            sock.close()


def test_handlers_that_wait_block_nobody(server: Server, application: Application) -> None:
    waiting = [connect(server) for _ in range(20)]
    try:
        for sock in waiting:
            sock.sendall(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n")
        assert application.entered.wait(LIMIT_S)
        assert requests.get(f"http://127.0.0.1:{server.port}/echo", timeout=LIMIT_S).status_code == 200
        application.go_on.set()
        assert [answers(sock) for sock in waiting] == [[(200, b"waited")]] * 20
    finally:
        for sock in waiting:
            sock.close()


def test_handlers_that_hash_block_nobody(server: Server, application: Application) -> None:
    """More of them than may have a seat for being long at work."""
    hashing = [connect(server) for _ in range(LONG_LIMIT + 3)]
    try:
        for sock in hashing:
            sock.sendall(b"GET /hash HTTP/1.1\r\nhost: h\r\n\r\n")
        eventually(lambda: len(application.seen) == len(hashing))
        assert requests.get(f"http://127.0.0.1:{server.port}/echo", timeout=LIMIT_S).status_code == 200
        application.go_on.set()
        assert [answers(sock)[0][0] for sock in hashing] == [204] * len(hashing)
    finally:
        for sock in hashing:
            sock.close()


def test_it_is_busy_while_it_computes_and_for_no_longer(server: Server, application: Application) -> None:
    """One that hashes or waits needs the interpreter for nothing, so who gives way to requests may go on."""
    application.server = server
    assert requests.get(f"http://127.0.0.1:{server.port}/busy", timeout=LIMIT_S).status_code == 204
    assert application.seen == [True]
    eventually(lambda: not server.is_busy())
    with connect(server) as hashing, connect(server) as waiting:
        hashing.sendall(b"GET /hash HTTP/1.1\r\nhost: h\r\n\r\n")
        eventually(lambda: "hash" in application.seen)
        waiting.sendall(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n")
        assert application.entered.wait(LIMIT_S)
        eventually(lambda: not server.is_busy())
        application.go_on.set()
        assert [answers(hashing)[0][0], answers(waiting)[0][0]] == [204, 200]


def test_idle_and_slow_connections_end_in_time(start: Start, application: Application) -> None:
    server = start(patience=HURRIED)
    openings = [b"", b"GET /ec", b"PUT /count HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n"]
    openings += [b"GET /echo HTTP/1.1\r\nhost: h\r\n\r\n"]
    for opening in openings:
        with connect(server) as sock:
            sock.sendall(opening)
            rest(sock)
    with connect(server) as sock:
        sock.sendall(b"PUT /count HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\nx")
        assert rest(sock).startswith(b"HTTP/1.1 400 ")
    assert isinstance(application.seen[0], BodyCut)


def test_stopping_lets_requests_in_flight_end_and_refuses_new_ones(start: Start, application: Application) -> None:
    server = start()
    with connect(server) as idle, connect(server) as busy:
        idle.sendall(b"GET /echo HTTP/1.1\r\nhost: h\r\n\r\n")
        assert answers(idle)[0][0] == 200
        busy.sendall(b"GET /wait HTTP/1.1\r\nhost: h\r\n\r\n")
        assert application.entered.wait(LIMIT_S)
        stopping = threading.Thread(target=server.stop, args=(LIMIT_S,))
        stopping.start()
        assert rest(idle) == b""
        with pytest.raises(ConnectionRefusedError):
            connect(server)
        application.go_on.set()
        reply = rest(busy)
        assert reply.endswith(b"waited") and b"connection: close" in reply
        stopping.join(LIMIT_S)
        assert not stopping.is_alive()


def test_stopping_cuts_what_outlasts_its_grace(start: Start, application: Application) -> None:
    server = start()
    with connect(server) as sock:
        sock.sendall(b"GET /stream?endless HTTP/1.1\r\nhost: h\r\n\r\n")
        assert sock.recv(10)
        server.stop(0.1)
    assert application.closed.is_set()


def test_tls_is_verified_with_the_own_ca(start: Start, tmp_path: Path) -> None:
    keyring = ensure_keyring(tmp_path / "tls")
    server = start(tls=TlsFiles(keyring.certificate, keyring.key))
    for host in ("localhost", "127.0.0.1"):
        url, ca = f"https://{host}:{server.port}", str(keyring.ca)
        assert requests.get(f"{url}/echo", verify=ca, timeout=LIMIT_S).status_code == 200
        assert requests.put(f"{url}/count", data=b"x" * 3_000_000, verify=ca, timeout=LIMIT_S).text == "3000000"
        assert requests.get(f"{url}/stream", verify=ca, timeout=LIMIT_S).text == "one two"
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://127.0.0.1:{server.port}/echo", timeout=LIMIT_S)


def test_a_tls_upload_that_is_cut_is_noticed(start: Start, application: Application, tmp_path: Path) -> None:
    keyring = ensure_keyring(tmp_path / "tls")
    server = start(tls=TlsFiles(keyring.certificate, keyring.key))
    context = ssl.create_default_context(cafile=keyring.ca)
    for ends_cleanly in (True, False):
        with connect(server) as raw, context.wrap_socket(raw, server_hostname="localhost") as sock:
            sock.sendall(b"PUT /count HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 70_000)
            if ends_cleanly:
                with suppress(ssl.SSLError):  # the reply may come before the answer to our goodbye
                    sock.unwrap()
    eventually(lambda: len(application.seen) == 2)
    assert all(isinstance(each, BodyCut) for each in application.seen)
