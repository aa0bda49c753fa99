"""Requests signed by an EC2 or S3 secret key: AWS signature versions 2 and 4, and one-time passwords (RFC 6238).

Pure: what was sent goes in, whether it is signed by that secret comes out. Every comparison takes constant time.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

ALGORITHM = "AWS4-HMAC-SHA256"
TOTP_STEP_S = 30


class SignedRequest(msgspec.Struct, frozen=True):
    """As clients and gateways describe it to POST /v3/ec2tokens."""

    access: str
    signature: str
    host: str = ""
    verb: str = ""
    path: str = "/"
    params: dict[str, str] = {}
    headers: dict[str, str] = {}
    body_hash: str = ""


def is_signed(request: SignedRequest, secret: str) -> bool:
    headers = {name.lower(): value for name, value in request.headers.items()}
    authorization = headers.get("authorization", "")
    if authorization.startswith(ALGORITHM) or request.params.get("X-Amz-Algorithm") == ALGORITHM:
        expected = _version_4(request, headers, authorization, secret)
    elif request.params.get("SignatureVersion") == "2":
        expected = _version_2(request, secret)
    else:
        return False
    return expected is not None and _is_same(expected, request.signature)


def is_signed_text(text_base64: str, signature: str, secret: str) -> bool:
    """Of S3: `text_base64` is the string to sign. Version 2 signatures are base64 of SHA1, those of version 4 hex."""
    try:
        text = base64.urlsafe_b64decode(text_base64)
    except (binascii.Error, ValueError):
        return False
    if not text.startswith(ALGORITHM.encode()):
        expected = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha1).digest()).decode()
        return _is_same(expected, signature)
    lines = text.decode(errors="replace").split("\n")
    if len(lines) != 4:
        return False
    key = _key_of(secret, lines[2])
    return key is not None and _is_same(hmac.new(key, text, hashlib.sha256).hexdigest(), signature)


def seed_bytes(seed_base32: str) -> bytes:
    """Raises ValueError for what is no base32."""
    return base64.b32decode(seed_base32 + "=" * (-len(seed_base32) % 8), casefold=True)


def totp(seed_base32: str, at_s: float) -> str:
    """The six digits of the time step that `at_s` (seconds since 1970) lies in."""
    digest = hmac.new(seed_bytes(seed_base32), int(at_s // TOTP_STEP_S).to_bytes(8, "big"), hashlib.sha1).digest()
    start = digest[-1] & 0xF
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def _version_2(request: SignedRequest, secret: str) -> str:
    params = {name: value for name, value in request.params.items() if name != "Signature"}
    text = "\n".join([request.verb.upper(), request.host.lower(), request.path, _query(params)])
    kind = hashlib.sha256 if params.get("SignatureMethod", "HmacSHA256") == "HmacSHA256" else hashlib.sha1
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), kind).digest()).decode()


def _version_4(request: SignedRequest, headers: Mapping[str, str], authorization: str, secret: str) -> str | None:
    parts = dict(part.strip().partition("=")[::2] for part in authorization.removeprefix(ALGORITHM).split(","))
    signed = request.params.get("X-Amz-SignedHeaders") or parts.get("SignedHeaders", "")
    credential = request.params.get("X-Amz-Credential") or parts.get("Credential", "")
    at = request.params.get("X-Amz-Date") or headers.get("x-amz-date", "")
    scope = credential.partition("/")[2]
    params = {name: value for name, value in request.params.items() if name != "X-Amz-Signature"}
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed.split(";")]
    canonical = "\n".join(
        [request.verb.upper(), request.path, _query(params), *lines, "", signed, request.body_hash or _sha256(b"")]
    )
    text = "\n".join([ALGORITHM, at, scope, _sha256(canonical.encode())])
    key = _key_of(secret, scope)
    return None if key is None else hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _key_of(secret: str, scope: str) -> bytes | None:
    """The key of a scope DATE/REGION/SERVICE/aws4_request."""
    words = scope.split("/")
    if len(words) != 4:
        return None
    key = f"AWS4{secret}".encode()
    for word in words:
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key


def _query(params: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='-_.~')}={quote(params[name], safe='-_.~')}" for name in sorted(params))


def _is_same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
