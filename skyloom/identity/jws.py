"""The signed token format: a JWS (RFC 7515) with the claims of Keystone's JWS provider, by ES256 and nothing else.

Its header is not interpreted: a token's must be, letter for letter, the one that we write for one of our keys. So no
token can name another algorithm, another kind of key or an extension. Each token has exactly one text: base64 in its
canonical form, and of the two signatures that are equally good (s and n-s) the lower one.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from skyloom.identity.errors import TokenInvalid
from skyloom.identity.tokens import FORMAT, METHODS, ScopeKind, Token, methods_mask, unpadded

LONGEST = 2048
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of P-256 (SEC 2, 2.4.2)."""
SIZE = 32
ALGORITHM = ec.ECDSA(SHA256())
CLAIMED = ("format", "user_id", "methods", "scope", "scope_id", "issued_us", "expires_us", "audit_ids")
"""Fields of a token that have claims of their own form; each other one is a claim if it has a value."""
OTHERS = {
    name: {
        "application_credential_id": "openstack_app_cred_id",
        "identity_provider_id": "openstack_idp_id",
    }.get(name, f"openstack_{name}")
    for name in Token.__struct_fields__
    if name not in CLAIMED
}
SCOPES = {
    ScopeKind.PROJECT: "openstack_project_id",
    ScopeKind.DOMAIN: "openstack_domain_id",
    ScopeKind.SYSTEM: "openstack_system",
}
MICROSECONDS = "skyloom_us"
"""When the token was issued and when it ends, exactly: iat and exp have whole seconds, as Keystone's."""
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`id` stands in the tokens' headers (kid)."""

    id: str
    private: ec.EllipticCurvePrivateKey

    @classmethod
    def read(cls, key_id: str, pkcs8: bytes) -> "KeyPair":
        """`pkcs8`: as `new_key` made it."""
        private = serialization.load_der_private_key(pkcs8, None)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise ValueError("a key for ES256 is one on the curve P-256")
        return cls(key_id, private)


def new_key() -> bytes:
    """A private key for ES256, PKCS #8 in DER."""
    private = ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class JwsFormat:
    """Signs with the newest key and reads with all of them. `keys`: newest first."""

    def __init__(self, keys: Sequence[KeyPair]):
        self._signer = keys[0].private
        self._header = _header(keys[0].id)
        self._public = {_header(key.id): key.private.public_key() for key in keys}

    def pack(self, token: Token) -> str:
        signed = f"{self._header}.{_text(msgspec.json.encode(_claims(token)))}"
        r, s = decode_dss_signature(self._signer.sign(signed.encode(), ALGORITHM))
        signature = r.to_bytes(SIZE, "big") + min(s, ORDER - s).to_bytes(SIZE, "big")
        return f"{signed}.{_text(signature)}"

    def unpack(self, text: str) -> Token:
        """The token as it was signed; whether it has expired or was revoked is for the caller to see."""
        parts = text.split(".")
        public = self._public.get(parts[0])
        if public is None or len(parts) != 3 or len(text) > LONGEST:
            raise TokenInvalid()
        try:
            signed, signature = text.rpartition(".")[0].encode(), unpadded(parts[2])
            r, s = int.from_bytes(signature[:SIZE], "big"), int.from_bytes(signature[SIZE:], "big")
            if len(signature) != 2 * SIZE or s > ORDER // 2:
                raise TokenInvalid()
            public.verify(encode_dss_signature(r, s), signed, ALGORITHM)
            return _token(msgspec.json.decode(unpadded(parts[1])))
        except (InvalidSignature, KeyError, msgspec.DecodeError, TypeError, ValueError) as error:
            raise TokenInvalid() from error


def is_jws(text: str) -> bool:
    """Whether a token is of this form, if it is one at all: a Fernet token has no dot."""
    return "." in text


def _header(key_id: str) -> str:
    return _text(msgspec.json.encode({"alg": "ES256", "kid": key_id, "typ": "JWT"}))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _claims(token: Token) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "sub": token.user_id,
        "iat": token.issued_us // SECOND_US,
        "exp": token.expires_us // SECOND_US,
        "openstack_methods": token.method_names,
        "openstack_audit_ids": token.audit_ids,
        MICROSECONDS: [token.issued_us, token.expires_us],
    }
    if token.scope is not ScopeKind.UNSCOPED:
        claims[SCOPES[token.scope]] = token.scope_id
    found = {claim: getattr(token, name) for name, claim in OTHERS.items()}
    return claims | {claim: value for claim, value in found.items() if value is not None}


def _token(claims: Mapping[str, Any]) -> Token:
    scope = next((kind for kind, claim in SCOPES.items() if claim in claims), ScopeKind.UNSCOPED)
    methods = methods_mask([name for name in claims["openstack_methods"] if name in METHODS])
    issued_us, expires_us = claims[MICROSECONDS]
    values = [
        FORMAT,
        claims["sub"],
        methods,
        scope,
        claims.get(SCOPES.get(scope, ""), ""),
        issued_us,
        expires_us,
        claims["openstack_audit_ids"],
    ]
    return msgspec.convert([*values, *(claims.get(claim) for claim in OTHERS.values())], Token)
