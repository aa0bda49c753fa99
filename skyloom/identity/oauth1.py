"""Requests signed as OAuth 1.0 has it (RFC 5849), by HMAC-SHA1.

Pure: what was sent goes in, what it claims and whether it is signed by these secrets comes out. The standard library's
hmac does it in a page; oauthlib would bring its endpoints, which want to do the look-ups too.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from skyloom.identity.errors import OAuthInvalid

LIFE_S = 600
"""How far a timestamp may lie from now; for so long a nonce is remembered."""
MOST = 255
PAIR = re.compile(r'\s*([A-Za-z0-9_.~%-]+)\s*=\s*"([^"]*)"\s*')
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class SignedCall:
    """`url` as the client wrote it, without its query; `parameters` are those of the query and of a form in the body.

    `authorization` is the whole header.
    """

    method: str
    url: str
    authorization: str
    parameters: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Claims:
    """What the Authorization header says; proven by nothing yet."""

    call: SignedCall
    parameters: Mapping[str, str]

    def one(self, name: str) -> str:
        """Raises OAuthInvalid without it."""
        value = self.parameters.get(name, "")
        if not value or len(value) > MOST:
            raise OAuthInvalid(f"The Authorization header has no usable {name}.", field=name)
        return value

    @property
    def timestamp_s(self) -> int:
        """Seconds since 1970."""
        text = self.one("oauth_timestamp")
        if not text.isascii() or not text.isdigit() or len(text) > 12:
            raise OAuthInvalid("oauth_timestamp is a number of seconds since 1970.", field="oauth_timestamp")
        return int(text)

    def is_signed(self, consumer_secret: str, token_secret: str = "") -> bool:
        expected = signature(self.call, self.parameters, consumer_secret, token_secret)
        return hmac.compare_digest(expected.encode(), self.parameters.get("oauth_signature", "").encode())

    def is_fresh(self, now_s: float) -> bool:
        return abs(now_s - self.timestamp_s) <= LIFE_S


def claims(call: SignedCall) -> Claims:
    """Raises OAuthInvalid where the header is not one of OAuth 1.0 with HMAC-SHA1."""
    scheme, _, rest = call.authorization.strip().partition(" ")
    if scheme.lower() != "oauth":
        raise OAuthInvalid("The request has no Authorization header of OAuth; sign it with the consumer's key.")
    found: dict[str, str] = {}
    for part in rest.split(","):
        pair = PAIR.fullmatch(part)
        if pair is None or unquote(pair[1]) in found:
            raise OAuthInvalid('The Authorization header of OAuth is a list of name="value", each name once.')
        found[unquote(pair[1])] = unquote(pair[2])
    found.pop("realm", None)
    said = Claims(call, found)
    if said.one("oauth_signature_method") != "HMAC-SHA1":
        raise OAuthInvalid("The one signature method that is taken is HMAC-SHA1.", field="oauth_signature_method")
    if found.get("oauth_version", "1.0") != "1.0":
        raise OAuthInvalid("oauth_version is 1.0.", field="oauth_version")
    return said


def signature(call: SignedCall, parameters: Mapping[str, str], consumer_secret: str, token_secret: str) -> str:
    """`parameters` are those of the header; its signature, if there, does not count."""
    own = [(name, value) for name, value in parameters.items() if name != "oauth_signature"]
    pairs = sorted((_escaped(name), _escaped(value)) for name, value in (*own, *call.parameters))
    normal = "&".join(f"{name}={value}" for name, value in pairs)
    text = "&".join(_escaped(part) for part in (call.method.upper(), _base(call.url), normal))
    key = f"{_escaped(consumer_secret)}&{_escaped(token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _base(url: str) -> str:
    """Scheme and host in small letters, no port where it is the scheme's own, no query. Raises OAuthInvalid."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise OAuthInvalid("The Host header of the request is none that a URL can have.", field="Host") from error
    host = parts.netloc.lower()
    name, _, port = host.rpartition(":")
    if name and port == str(DEFAULT_PORTS.get(parts.scheme.lower())):
        host = name
    return f"{parts.scheme.lower()}://{host}{parts.path or '/'}"


def _escaped(text: str) -> str:
    return quote(text, safe="-._~")
