"""The metadata service's HTTP: what guests may send, and what they may not."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping

import pytest

from skyloom.errors import Unavailable
from skyloom.network.host.answering import THREADS_A_NETWORK, Answer, Answering


class Core:
    """What the metadata service asks."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.waiting = threading.Semaphore(0)

    def answer(self, network_id: str, source_ip: str, path: str, headers: Mapping[str, str]) -> Answer:
        self.waiting.release()
        assert self.may_answer.wait(10)
        if self.problem is not None:
            raise self.problem
        return 200, "application/json", json.dumps([network_id, source_ip, path, dict(headers)]).encode()


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
def port(core: Core) -> Iterator[int]:
    answering = Answering(core.answer)
    listening = socket.create_server(("127.0.0.1", 0))
    number = listening.getsockname()[1]
    answering.serve("net", listening)
    yield number
    answering.close()


def exchange(port: int, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def test_the_core_is_told_network_address_path_and_headers(port: int):
    head, _, body = exchange(port, b"GET /a?b HTTP/1.1\r\nHost: x\r\nX-Y:  z \r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(body) == ["net", "127.0.0.1", "/a?b", {"host": "x", "x-y": "z"}]


def test_head_is_answered_without_a_body(port: int):
    head, _, body = exchange(port, b"HEAD / HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")
    assert b"Content-Length: 29" in head
    assert body == b""


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"PUT / HTTP/1.1\r\n\r\n", 405),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded: header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 20000, 431),
        (b"\xff\xfe\r\n\r\n", 400),
    ],
)
def test_what_is_no_plain_request_is_refused(port: int, sent: bytes, status: int):
    assert exchange(port, sent).startswith(f"HTTP/1.1 {status} ".encode())


def test_while_the_core_is_away_guests_are_told_when_to_come_back(port: int, core: Core):
    core.problem = Unavailable("The core is away.", retry_after_s=7)
    told = exchange(port, b"GET / HTTP/1.1\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 7\r\n" in told


def test_a_failing_core_is_an_internal_error_and_tells_no_more(port: int, core: Core):
    core.problem = KeyError("a secret")
    told = exchange(port, b"GET / HTTP/1.1\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in told


def test_one_network_cannot_take_all_threads(port: int, core: Core):
    core.may_answer.clear()
    askers = [threading.Thread(target=exchange, args=(port, b"GET / HTTP/1.1\r\n\r\n")) for _ in range(6)]
    assert len(askers) == THREADS_A_NETWORK
    for asker in askers:
        asker.start()
    for _ in askers:
        assert core.waiting.acquire(timeout=10)
    with socket.create_connection(("127.0.0.1", port), 10) as refused:
        assert refused.recv(1) == b""
    core.may_answer.set()
    for asker in askers:
        asker.join()
