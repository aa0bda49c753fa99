from pathlib import Path

import pytest

from skyloom.errors import TooLarge
from skyloom.web.http import BLOCK_BYTES, Body, BodyCut, FileBody
from skyloom.web.parser import HEAD_LIMIT_BYTES, URL_LIMIT_BYTES, Parser


def test_a_body_is_read_whole() -> None:
    assert Body((b"ab", b"cd"), 4).read(10) == b"abcd"
    assert Body.of(b"").read(0) == b""


def test_a_body_announced_too_large_is_refused_before_a_byte_is_read() -> None:
    source = iter([b"x" * 11])
    with pytest.raises(TooLarge):
        Body(source, 11).read(10)
    assert next(source) == b"x" * 11


def test_a_chunked_body_is_refused_at_the_chunk_that_exceeds_the_limit() -> None:
    source = iter([b"x" * 8, b"x" * 8, b"x" * 8])
    with pytest.raises(TooLarge):
        Body(source, None).read(10)
    assert len(list(source)) == 1


@pytest.mark.parametrize("sent", [b"", b"abc"])
def test_a_body_shorter_than_announced_is_cut(sent: bytes) -> None:
    with pytest.raises(BodyCut) as cut:
        Body((sent,), 4).read(10)
    assert cut.value.code == "request.body_cut"


def test_a_file_body_is_the_asked_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytes(range(256)) * 4096
    path.write_bytes(content)
    part = FileBody(path, 100, BLOCK_BYTES + 1)
    assert b"".join(part) == content[100 : 101 + BLOCK_BYTES]
    assert b"".join(part) == content[100 : 101 + BLOCK_BYTES], "it can be read again"


def test_a_file_that_is_shorter_than_promised_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"short")
    with pytest.raises(EOFError):
        list(FileBody(path, 0, 6))


def parsed(data: bytes, step: int = 1 << 20) -> Parser:
    parser = Parser()
    for at in range(0, len(data), step):
        parser.feed(data[at : at + step])
    return parser


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_a_request_is_the_same_however_it_is_split(step: int) -> None:
    parser = parsed(b"PUT /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc", step)
    incoming = parser.ready()
    assert incoming is not None
    assert (incoming.method, incoming.url, incoming.content_length) == ("PUT", b"/a%20b?x=1", 3)
    assert incoming.headers == {"host": "h", "x-a": "1, 2", "content-length": "3"}
    assert b"".join(incoming.chunks) == b"abc"
    assert incoming.complete and incoming.keep_alive


def test_pipelined_requests_keep_their_order_and_their_bodies() -> None:
    parser = parsed(b"POST /1 HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\naGET /2 HTTP/1.1\r\nhost: h\r\n\r\n")
    first = parser.ready()
    assert first is not None and first.url == b"/1" and list(first.chunks) == [b"a"]
    parser.done()
    second = parser.ready()
    assert second is not None and second.url == b"/2" and not second.chunks
    parser.done()
    assert parser.is_idle


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost : h\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"u" * URL_LIMIT_BYTES + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nhost: h\r\nx: " + b"v" * (2 * HEAD_LIMIT_BYTES), 431),
        (b"GET / HTTP/1.1\r\nhost: h\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: h\r\n" + b"\r\n".join(b"h%d: v" % n for n in range(200)) + b"\r\n\r\n", 431),
    ],
)
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_a_bad_head_is_refused(head: bytes, status: int, step: int) -> None:
    parser = parsed(head, step)
    assert parser.refusal is not None
    assert parser.refusal.status == status
    assert parser.ready() is None


def test_a_trailer_does_not_pass_for_a_header() -> None:
    parser = parsed(
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-auth-token: t\r\n\r\n"
    )
    incoming = parser.ready()
    assert incoming is not None and incoming.complete
    assert "x-auth-token" not in incoming.headers


def test_an_unwanted_upgrade_does_not_eat_the_request_that_follows() -> None:
    parser = parsed(
        b"GET /1 HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n"
    )
    first = parser.ready()
    assert first is not None and first.upgrade
    parser.done()
    second = parser.ready()
    assert second is not None and second.url == b"/2"
