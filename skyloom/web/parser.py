"""From bytes to requests: llhttp (through httptools) does the grammar, this keeps the limits and the order.

What must stay true: at most one read of the socket is ahead of what is being answered, so a client cannot make the
server buffer more than that; what llhttp finds ambiguous (both lengths, two lengths) is refused, never guessed.
"""

from collections import deque

import httptools

URL_LIMIT_BYTES = 16 * 1024
HEAD_LIMIT_BYTES = 64 * 1024
HEADERS_LIMIT = 128
READY_BYTES = 64 * 1024
"""A body up to this size is gathered before its handler is called, so that slow clients hold no thread."""


class Refusal(Exception):
    """The bytes are not a request that can be answered otherwise than by `status` and the end of the connection."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Incoming:
    """A request while it arrives."""

    __slots__ = (
        "awaits_continue",
        "chunks",
        "complete",
        "content_length",
        "head_complete",
        "headers",
        "is_http_10",
        "keep_alive",
        "method",
        "received",
        "upgrade",
        "url",
    )

    def __init__(self) -> None:
        self.method = ""
        self.url = b""
        self.headers: dict[str, str] = {}
        self.content_length: int | None = 0
        self.keep_alive = False
        self.is_http_10 = False
        self.awaits_continue = False
        self.upgrade = False
        self.head_complete = False
        self.complete = False
        self.chunks: deque[bytes] = deque()
        self.received = 0

    @property
    def is_ready(self) -> bool:
        """Whether its handler can be called: it is whole, or too large to gather, or waits for our word."""
        if self.complete:
            return True
        if not self.head_complete:
            return False
        return self.awaits_continue or max(self.received, self.content_length or 0) > READY_BYTES


class Parser:
    def __init__(self) -> None:
        self._llhttp = httptools.HttpRequestParser(self)
        self._requests: deque[Incoming] = deque()
        self._current: Incoming | None = None
        self._overhead = 0  # bytes fed since the last that a request or a body was made of
        self._headers = 0
        self._after_upgrade = b""
        self.refusal: Refusal | None = None

    @property
    def is_idle(self) -> bool:
        return not self._requests and self._current is None

    def ready(self) -> Incoming | None:
        """The oldest request, once it can be answered; it stays until `done`."""
        if self._requests and self._requests[0].is_ready:
            return self._requests[0]
        return None

    def done(self) -> None:
        self._requests.popleft()
        if self._after_upgrade:
            rest, self._after_upgrade = self._after_upgrade, b""
            self.feed(rest)

    def feed(self, data: bytes) -> None:
        """Take in what was read; requests and a refusal, if any, show in `ready` and `refusal`."""
        if self.refusal:
            return
        self._overhead += len(data)
        try:
            self._llhttp.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # llhttp would take what follows for the other protocol; whether it is, the reply decides.
            self._after_upgrade = data[upgrade.args[0] :]
            self._llhttp = httptools.HttpRequestParser(self)
        except httptools.HttpParserError:
            # Set already when one of the callbacks below refused.
            self.refusal = self.refusal or Refusal(400, "The request is not valid HTTP/1.1.")
        if self._current and self._overhead > HEAD_LIMIT_BYTES:
            self.refusal = self.refusal or Refusal(431, f"The head is larger than {HEAD_LIMIT_BYTES} bytes.")

    # What llhttp calls. An exception here surfaces as HttpParserCallbackError in feed.

    def on_message_begin(self) -> None:
        self._current = Incoming()
        self._headers = 0

    def on_url(self, part: bytes) -> None:
        current = self._receiving()
        current.url += part
        if len(current.url) > URL_LIMIT_BYTES:
            self._refuse(414, f"The URL is longer than {URL_LIMIT_BYTES} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        current = self._receiving()
        self._headers += 1
        if self._headers > HEADERS_LIMIT:
            self._refuse(431, f"There are more than {HEADERS_LIMIT} headers.")
        if current.head_complete:
            return  # a trailer: nothing here reads them, and they must not pass for headers
        key = name.decode("latin-1").lower()
        text = value.decode("utf-8", "replace")
        known = current.headers.get(key)
        current.headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        current = self._receiving()
        current.method = self._llhttp.get_method().decode("latin-1")
        current.is_http_10 = self._llhttp.get_http_version() == "1.0"
        current.keep_alive = self._llhttp.should_keep_alive()
        current.upgrade = "upgrade" in current.headers
        self._read_length(current)
        expect = current.headers.get("expect")
        current.awaits_continue = expect is not None and expect.lower() == "100-continue" and not current.is_http_10
        current.head_complete = True
        self._overhead = 0
        self._requests.append(current)

    def on_body(self, part: bytes) -> None:
        current = self._receiving()
        current.chunks.append(part)
        current.received += len(part)
        self._overhead = 0

    def on_message_complete(self) -> None:
        self._receiving().complete = True
        self._current = None
        self._overhead = 0

    def _read_length(self, current: Incoming) -> None:
        encoding = current.headers.get("transfer-encoding")
        if encoding is not None:
            if encoding.lower() != "chunked":
                self._refuse(501, "The only transfer encoding that is read is chunked.")
            current.content_length = None
            return
        current.content_length = int(current.headers.get("content-length", "0"))

    def _receiving(self) -> Incoming:
        if self._current is None:
            raise RuntimeError("llhttp reported a part of a request outside of any")
        return self._current

    def _refuse(self, status: int, sentence: str) -> None:
        self.refusal = Refusal(status, sentence)
        raise self.refusal
