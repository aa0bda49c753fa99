"""What every API sees of HTTP: a request, its body, a reply; synchronous, and independent of the server in use.

What must stay true: a body that did not arrive whole is never taken for a whole one (`BodyCut`), and no reader of a
body keeps more of it in memory than it asked for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from skyloom.errors import BadRequest, TooLarge

BLOCK_BYTES = 256 * 1024


class BodyCut(BadRequest):
    """The connection ended, or stood still too long, before the body was whole."""

    code = "request.body_cut"


class Body:
    """The body of a request, read once, by `read` or by `chunks`.

    `content_length` is what the client announced in bytes; None for a chunked body. `source` yields the bytes as
    they arrive and waits for the client meanwhile; it raises BodyCut when it knows that more should have come.
    """

    __slots__ = ("_source", "content_length")

    def __init__(self, source: Iterable[bytes], content_length: int | None):
        self._source = source
        self.content_length = content_length

    @classmethod
    def of(cls, content: bytes) -> "Body":
        return cls((content,) if content else (), len(content))

    def read(self, limit_bytes: int) -> bytes:
        """The whole body. Raises TooLarge as soon as it is known to exceed the limit, and BodyCut."""
        if self.content_length is not None and self.content_length > limit_bytes:
            raise _too_large(limit_bytes)
        kept: list[bytes] = []
        size = 0
        for chunk in self.chunks():
            size += len(chunk)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            kept.append(chunk)
        return kept[0] if len(kept) == 1 else b"".join(kept)

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives; the client is slowed down to the pace of the reader. Raises BodyCut."""
        size = 0
        for chunk in self._source:
            size += len(chunk)
            yield chunk
        if self.content_length is not None and size != self.content_length:
            raise BodyCut(f"The body ended after {size} of {self.content_length} bytes; send the request again.")


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit_bytes} bytes, the most that this call reads.", limit=limit_bytes)


@dataclass(slots=True)
class Request:
    """`path` is percent-decoded, `raw_path` and `query` are as sent; header names are lower case, repeated headers
    are joined by ", ". `client` is the address of the peer, `certificate` the one that it proved to have and that the
    server's client CA has signed (DER)."""

    method: str
    path: str
    raw_path: str = ""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    certificate: bytes | None = None
    body: Body = field(default_factory=lambda: Body.of(b""))


class FileBody:
    """`length` bytes of the file at `path` from `offset` on; opened when it is sent."""

    __slots__ = ("length", "offset", "path")

    def __init__(self, path: Path, offset: int, length: int):
        self.path = path
        self.offset = offset
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.offset)
            left = self.length
            while left:
                block = file.read(min(left, BLOCK_BYTES))
                if not block:
                    raise EOFError(f"{self.path} ended {left} bytes early while it was sent")
                left -= len(block)
                yield block


@dataclass(slots=True)
class Reply:
    """A body that is not bytes is streamed: chunked unless `headers` say its content-length; its iterator is closed
    when it ends and when the client goes away. An error before its first bytes is still answered by a 500."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Iterable[bytes] = b""


Application = Callable[[Request], Reply]
"""Called from many threads at once."""
