"""Signed tokens: what was signed is read, nothing else is, and no header talks the reader into another algorithm."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from skyloom.identity.errors import TokenInvalid
from skyloom.identity.jws import ALGORITHM, CLAIMED, ORDER, OTHERS, JwsFormat, KeyPair, new_key
from skyloom.identity.tokens import METHODS, ScopeKind, Token, TokenFormat, methods_mask

OLD, NEW, FOREIGN = (KeyPair.read(name, new_key()) for name in ("1", "2", "2"))
FORMAT = JwsFormat([NEW, OLD])
SEALED = TokenFormat([Fernet.generate_key()])
ids = st.text("0123456789abcdef", min_size=1, max_size=64)
scopes = st.one_of(
    st.just((ScopeKind.UNSCOPED, "")),
    st.just((ScopeKind.SYSTEM, "all")),
    ids.map(lambda found: (ScopeKind.PROJECT, found)),
    ids.map(lambda found: (ScopeKind.DOMAIN, found)),
)
OPTIONAL = {name: st.none() | ids for name in Token.__struct_fields__ if name not in CLAIMED}
tokens = st.builds(
    lambda scope, **fields: Token(format=1, scope=scope[0], scope_id=scope[1], **fields),
    scope=scopes,
    user_id=ids,
    methods=st.sets(st.sampled_from(METHODS), min_size=1).map(lambda names: methods_mask(sorted(names))),
    issued_us=st.integers(0, 2**52),
    expires_us=st.integers(0, 2**52),
    audit_ids=st.lists(ids, min_size=1, max_size=2).map(tuple),
    **OPTIONAL,
)
TOKEN = Token(1, "u", 1, ScopeKind.PROJECT, "p", 1_700_000_000_000_001, 1_700_003_600_000_001, ("own", "first"))


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def raw(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def part(document: Mapping[str, Any]) -> str:
    return text(json.dumps(document, separators=(",", ":")).encode())


def refused(sent: str) -> bool:
    with pytest.raises(TokenInvalid):
        FORMAT.unpack(sent)
    return True


@given(tokens)
def test_what_was_signed_is_read(token: Token) -> None:
    assert FORMAT.unpack(FORMAT.pack(token)) == token


@given(tokens)
def test_an_older_key_still_reads_and_no_longer_signs(token: Token) -> None:
    assert FORMAT.unpack(JwsFormat([OLD]).pack(token)) == token
    with pytest.raises(TokenInvalid):
        JwsFormat([OLD]).unpack(FORMAT.pack(token))


@settings(max_examples=400)
@given(tokens, st.data())
def test_any_changed_byte_makes_it_void(token: Token, data: st.DataObject) -> None:
    signed = FORMAT.pack(token)
    at = data.draw(st.integers(0, len(signed) - 1))
    other = chr(data.draw(st.integers(0, 255).filter(lambda code: code != ord(signed[at]))))
    assert refused(signed[:at] + other + signed[at + 1 :])


@given(tokens, st.integers(0, 900), st.text(max_size=3))
def test_nothing_can_be_put_in_or_left_out(token: Token, at: int, added: str) -> None:
    signed = FORMAT.pack(token)
    if added:
        assert refused(signed[:at] + added + signed[at:])
    assert refused(signed[: min(at, len(signed) - 1)])


@given(st.text(max_size=2500) | st.lists(st.binary(max_size=200).map(text), min_size=1, max_size=5).map(".".join))
def test_rubbish_is_no_token(sent: str) -> None:
    assert refused(sent)


@given(tokens)
def test_neither_form_is_read_as_the_other(token: Token) -> None:
    assert refused(SEALED.pack(token))
    with pytest.raises(TokenInvalid):
        SEALED.unpack(FORMAT.pack(token))


def test_a_foreign_key_of_the_same_name_signs_nothing() -> None:
    assert refused(JwsFormat([FOREIGN]).pack(TOKEN))


def test_it_has_the_claims_of_keystones_tokens() -> None:
    header, claims, _ = FORMAT.pack(TOKEN).split(".")
    assert json.loads(raw(header)) == {"alg": "ES256", "kid": "2", "typ": "JWT"}
    assert json.loads(raw(claims)) == {
        "sub": "u",
        "iat": 1_700_000_000,
        "exp": 1_700_003_600,
        "openstack_methods": ["password"],
        "openstack_audit_ids": ["own", "first"],
        "openstack_project_id": "p",
        "skyloom_us": [1_700_000_000_000_001, 1_700_003_600_000_001],
    }
    assert OTHERS["application_credential_id"] == "openstack_app_cred_id"
    assert OTHERS["trust_id"] == "openstack_trust_id"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": "2", "typ": "JWT"},
        {"alg": "None", "kid": "2", "typ": "JWT"},
        {"alg": "HS256", "kid": "2", "typ": "JWT"},
        {"alg": "ES384", "kid": "2", "typ": "JWT"},
        {"alg": "RS256", "kid": "2", "typ": "JWT"},
        {"alg": "ES256", "typ": "JWT"},
        {"alg": "ES256", "kid": "3", "typ": "JWT"},
        {"alg": "ES256", "kid": "../2", "typ": "JWT"},
        {"alg": "ES256", "kid": "2", "typ": "JWT", "crit": ["b64"], "b64": False},
        {"alg": "ES256", "kid": "2", "typ": "JWT", "jwk": {"kty": "EC"}},
        {"alg": "ES256", "kid": "2", "typ": "JWT", "jku": "https://evil.test/keys"},
    ],
)
def test_no_header_but_our_own_is_read(header: dict[str, Any]) -> None:
    """Though signed in the right way by the right key, and by every key that an attacker may know."""
    claims = FORMAT.pack(TOKEN).split(".")[1]
    signed = f"{part(header)}.{claims}"
    public = NEW.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digests = [b"", hmac.new(public, signed.encode(), hashlib.sha256).digest()]
    der = NEW.private.sign(signed.encode(), ALGORITHM)
    for signature in (*digests, der):
        assert refused(f"{signed}.{text(signature)}")
    assert refused(f"{signed}.{FORMAT.pack(TOKEN).split('.')[2]}")


def test_no_signature_counts_but_the_one_that_was_made() -> None:
    head, _, signature = FORMAT.pack(TOKEN).rpartition(".")
    r, s = (int.from_bytes(raw(signature)[at : at + 32], "big") for at in (0, 32))
    NEW.private.public_key().verify(encode_dss_signature(r, ORDER - s), head.encode(), ALGORITHM)
    for twin in (
        r.to_bytes(32, "big") + (ORDER - s).to_bytes(32, "big"),
        encode_dss_signature(r, s),
        bytes(64),
        (0).to_bytes(32, "big") + s.to_bytes(32, "big"),
        raw(signature) + b"\0",
    ):
        assert refused(f"{head}.{text(twin)}")


@pytest.mark.parametrize("claims", [[], "x", {}, {"sub": "u"}, {"sub": 1, "openstack_methods": ["password"]}])
def test_what_is_signed_and_no_token_is_none(claims: Any) -> None:
    header = FORMAT.pack(TOKEN).split(".")[0]
    signed = f"{header}.{text(json.dumps(claims).encode())}"
    r, s = decode_dss_signature(NEW.private.sign(signed.encode(), ALGORITHM))
    assert refused(f"{signed}.{text(r.to_bytes(32, 'big') + min(s, ORDER - s).to_bytes(32, 'big'))}")


def test_a_token_of_the_longest_names_fits_into_a_header() -> None:
    widest = Token(
        1, "f" * 64, 2 ** len(METHODS) - 1, ScopeKind.PROJECT, "f" * 64, 2**52, 2**52, ("a" * 22,) * 2,
        *("f" * 64 for _ in OPTIONAL),
    )  # fmt: skip
    assert FORMAT.unpack(FORMAT.pack(widest)) == widest
