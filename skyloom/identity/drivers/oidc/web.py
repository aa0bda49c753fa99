"""Questions to a provider over HTTP: bounded in time and size, and never led elsewhere by a redirect."""

import base64
import http.client
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from skyloom.identity.drivers.federation_contract import may_be_asked
from skyloom.identity.errors import IdentityProviderAway

MOST_BYTES = 1 << 20
BLOCK_BYTES = 65_536


class Refused(Exception):
    """The provider has answered, and says no. Carries its status; nothing of it is for the user."""

    def __init__(self, status: int, content: bytes):
        super().__init__(f"status {status}: {content[:200]!r}")
        self.status = status


class Web:
    """`ca_file`: the authorities that are believed; None: the system's. `silence_s`: the longest wait for any one thing
    (a connection, the next bytes); `limit_s`: the longest that a whole question takes."""

    def __init__(self, ca_file: str | None, silence_s: float = 5.0, limit_s: float = 15.0):
        self.ca_file = ca_file
        self.silence_s = silence_s
        self.limit_s = limit_s
        self._tls: ssl.SSLContext | None = None

    def get(self, url: str, bearer: str | None = None) -> dict[str, Any]:
        """The JSON object at `url`. Raises Refused and IdentityProviderAway."""
        return self._ask("GET", url, {"authorization": f"Bearer {bearer}"} if bearer else {}, None)

    def post(self, url: str, fields: Mapping[str, str], client_id: str, client_secret: str) -> dict[str, Any]:
        """The JSON object that is the answer to a form, sent as the client (RFC 6749, 2.3.1)."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if client_secret:
            pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields = {**fields, "client_id": client_id}
        return self._ask("POST", url, headers, urlencode(fields).encode())

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> dict[str, Any]:
        if not may_be_asked(url):
            raise IdentityProviderAway("The identity provider names an address that is no HTTPS one; it is not asked.")
        deadline = time.monotonic() + self.limit_s
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
            try:
                connection.request(method, path, body, {"accept": "application/json", **headers})
                response = connection.getresponse()
                content = _content(response, deadline)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise IdentityProviderAway("The identity provider does not answer now; try again later.") from error
        if response.status != 200:
            raise Refused(response.status, content)
        try:
            return msgspec.json.decode(content, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as error:
            raise IdentityProviderAway("The identity provider answers what its protocol does not have.") from error

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self.silence_s)
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self.ca_file)
        return http.client.HTTPSConnection(host, port, timeout=self.silence_s, context=self._tls)


def _content(response: http.client.HTTPResponse, deadline: float) -> bytes:
    content = b""
    while block := response.read1(BLOCK_BYTES):
        content += block
        if len(content) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("not whole in time")
    return content
