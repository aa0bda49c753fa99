"""Whether a token of a provider counts: who signed it, for whom, until when (OpenID Connect Core 3.1.3.7, RFC 8725).

The signature is PyJWT's to check; the claims are checked here, the same for signed tokens and for those that the
provider was asked about. What the token says of its own algorithm chooses among the allowed ones and nothing more, and
every key is a public one: a token "signed" with a public key taken for a shared secret finds neither.
"""

import hmac
import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
import msgspec

from skyloom.identity.drivers.federation_contract import Attributes
from skyloom.identity.errors import AssertionInvalid

log = logging.getLogger(__name__)
Claims = Mapping[str, Any]
PUBLIC_KINDS = frozenset({"RSA", "EC", "OKP"})
MOST_VALUES = 1000


@dataclass(frozen=True, slots=True)
class Key:
    """A public key. `algorithm`: the only one that it is for; None: any of its kind (RSA, EC, OKP)."""

    id: str | None
    kind: str
    algorithm: str | None
    public: Any


class KeyUnknown(Exception):
    """No key of the set is the one that the token names: the provider may have new ones."""


def keys_of(document: Mapping[str, Any]) -> list[Key]:
    """The public keys for signatures in a JWK set; what is of another kind is left out."""
    found = []
    listed = document.get("keys")
    for key in listed if isinstance(listed, list) else ():
        if isinstance(key, dict) and key.get("kty") in PUBLIC_KINDS and key.get("use", "sig") == "sig":
            try:
                public = jwt.PyJWK({name: value for name, value in key.items() if name != "d"}).key
                found.append(Key(key.get("kid"), key["kty"], key.get("alg"), public))
            except (jwt.PyJWTError, ValueError, TypeError):
                log.info("a key of the provider cannot be used: %r", key.get("kid"))
    return found


def signed(text: str, keys: Sequence[Key], algorithms: Collection[str]) -> Claims:
    """What a signed token says; raises AssertionInvalid, and KeyUnknown."""
    try:
        header = jwt.get_unverified_header(text)
    except jwt.PyJWTError as error:
        raise AssertionInvalid() from error
    algorithm, key_id = str(header.get("alg")), header.get("kid")
    if algorithm not in algorithms:
        raise AssertionInvalid()
    fitting = [key for key in keys if _fits(key, algorithm) and (key_id is None or key.id == key_id)]
    if not fitting:
        raise KeyUnknown()
    for key in fitting if key_id is None else fitting[:1]:
        try:
            return _opened(text, key, algorithm)
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise AssertionInvalid() from error
    raise AssertionInvalid()


def _fits(key: Key, algorithm: str) -> bool:
    kinds = {"R": "RSA", "P": "RSA", "E": "OKP" if algorithm == "EdDSA" else "EC"}
    return key.kind == kinds[algorithm[0]] and key.algorithm in (None, algorithm)


def _opened(text: str, key: Key, algorithm: str) -> Claims:
    """The claims are looked at by `check`, on the cloud's own clock."""
    unchecked = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
    found: Claims = jwt.decode(text, key.public, algorithms=[algorithm], options=unchecked)  # type: ignore[arg-type]
    return found


def check(claims: Claims, issuer: str, now: datetime, leeway_s: int) -> None:
    """Issuer, subject and times; raises AssertionInvalid."""
    subject, now_s = claims.get("sub"), now.timestamp()
    if claims.get("iss") != issuer or not isinstance(subject, str) or not subject:
        raise AssertionInvalid()
    end, start = _seconds(claims, "exp"), _seconds(claims, "nbf")
    if end is None or end + leeway_s <= now_s:
        raise AssertionInvalid()
    if start is not None and start - leeway_s > now_s:
        raise AssertionInvalid()


def _seconds(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise AssertionInvalid()
    return value


def check_audience(claims: Claims, audiences: Collection[str]) -> None:
    """That the token is for one of these; raises AssertionInvalid."""
    if not set(audiences) & set(audiences_of(claims)):
        raise AssertionInvalid()


def audiences_of(claims: Claims) -> Sequence[str]:
    found = claims.get("aud")
    listed = found if isinstance(found, list) else [found]
    return [each for each in listed if isinstance(each, str)]


def check_identity(claims: Claims, client_id: str, nonce: str) -> None:
    """Of an ID token, that it is for this client alone and of this sign-in; raises AssertionInvalid."""
    check_audience(claims, {client_id})
    party = claims.get("azp")
    if party not in (None, client_id) or (party is None and len(audiences_of(claims)) > 1):
        raise AssertionInvalid()
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        raise AssertionInvalid()


def attributes_of(claims: Claims, issuer: str) -> Attributes:
    """The claims by the names that mod_auth_openidc gives them, as Keystone's guide has its mappings: `OIDC-email`,
    and as a header of Apache's `HTTP_OIDC_EMAIL`."""
    found: dict[str, Sequence[str]] = {}
    # a claim in small letters is the standard's, and stands above one that differs in its writing only
    for name in sorted(claims, key=lambda name: (name == name.lower(), name)):
        values = _values(claims[name])
        if values:
            found[f"OIDC-{name}"] = found[_header(name)] = values
    found["OIDC-iss"] = found["HTTP_OIDC_ISS"] = [issuer]
    found["OIDC-sub"] = found["HTTP_OIDC_SUB"] = [claims["sub"]]
    found["REMOTE_USER"] = [f"{claims['sub']}@{issuer}"]
    return found


def _header(name: str) -> str:
    return f"HTTP_OIDC_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"


def _values(value: Any) -> Sequence[str]:
    several: Iterable[Any] = value if isinstance(value, list) else [value]
    return [_text(each) for each in several if each is not None][:MOST_VALUES]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
