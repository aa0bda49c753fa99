"""Whether a provider's token counts. Each test says what an attacker, or a clock, would bring."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from skyloom.identity.drivers.federation_contract import OidcOptions, may_be_asked
from skyloom.identity.drivers.oidc import claims as checks
from skyloom.identity.drivers.oidc.claims import Key, KeyUnknown
from skyloom.identity.errors import AssertionInvalid

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
ISSUER = "https://idp.test"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
CLAIMS: dict[str, Any] = {"iss": ISSUER, "sub": "anna", "aud": "skyloom", "exp": NOW_S + 300, "iat": NOW_S}


@cache
def private(name: str) -> Any:
    """A key of that name; the first letter says its kind."""
    if name.startswith("e"):
        return ec.generate_private_key(ec.SECP256R1())
    if name.startswith("o"):
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def jwk(name: str, **more: Any) -> dict[str, Any]:
    key = private(name).public_key()
    kind: Any = {"e": jwt.algorithms.ECAlgorithm, "o": jwt.algorithms.OKPAlgorithm}.get(
        name[0], jwt.algorithms.RSAAlgorithm
    )
    return {**json.loads(kind.to_jwk(key)), "kid": name, "use": "sig", **more}


def keys(*found: dict[str, Any]) -> list[Key]:
    return checks.keys_of({"keys": list(found)})


def token(name: str = "r1", algorithm: str = "RS256", claims: Any = CLAIMS, **header: Any) -> str:
    return jwt.encode(claims, private(name), algorithm, headers={"kid": name, **header})


def forged(header: dict[str, Any], secret: bytes, claims: Any = CLAIMS) -> str:
    """Signed by HMAC-SHA256, whatever the header says."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signature = hmac.new(secret, b".".join(parts), hashlib.sha256).digest() if secret else b""
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


# -- signatures


@pytest.mark.parametrize(("name", "algorithm"), [("r1", "RS256"), ("r1", "PS256"), ("e1", "ES256"), ("o1", "EdDSA")])
def test_a_token_of_a_known_key_is_read(name: str, algorithm: str) -> None:
    found = checks.signed(token(name, algorithm), keys(jwk("r2"), jwk(name)), ALGORITHMS)
    assert found == CLAIMS


def test_a_token_of_another_key_under_a_known_name_is_refused() -> None:
    with pytest.raises(AssertionInvalid):
        checks.signed(token("r2", kid="r1"), keys(jwk("r1")), ALGORITHMS)


def test_a_token_of_an_unknown_key_is_told_apart() -> None:
    """So that the keys can be asked for anew."""
    with pytest.raises(KeyUnknown):
        checks.signed(token("r2"), keys(jwk("r1")), ALGORITHMS)
    assert checks.signed(token("r2"), keys(jwk("r1"), jwk("r2")), ALGORITHMS) == CLAIMS


def test_a_token_without_a_key_id_is_tried_with_every_key() -> None:
    text = jwt.encode(CLAIMS, private("r2"), "RS256")
    assert checks.signed(text, keys(jwk("r1"), jwk("r2")), ALGORITHMS) == CLAIMS
    with pytest.raises(AssertionInvalid):
        checks.signed(text, keys(jwk("r1")), ALGORITHMS)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256"])
def test_a_token_that_nobody_signed_is_refused(algorithm: str) -> None:
    for secret in (b"", b"anything"):
        with pytest.raises(AssertionInvalid):
            checks.signed(forged({"alg": algorithm, "kid": "r1"}, secret), keys(jwk("r1")), ALGORITHMS)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
@pytest.mark.parametrize("form", ["PEM", "DER", "JWK"])
def test_a_public_key_is_no_shared_secret(algorithm: str, form: str) -> None:
    public = private("r1").public_key()
    secret = json.dumps(jwk("r1")).encode()
    if form != "JWK":
        encoding = getattr(serialization.Encoding, form)
        secret = public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = forged({"alg": algorithm, "kid": "r1"}, secret)
    with pytest.raises(AssertionInvalid):
        checks.signed(text, keys(jwk("r1")), ALGORITHMS)


def test_a_shared_secret_among_the_keys_counts_for_nothing() -> None:
    secret = base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")
    found = keys({"kty": "oct", "k": secret, "kid": "r1", "alg": "HS256"})
    assert found == []
    with pytest.raises(AssertionInvalid):
        checks.signed(forged({"alg": "HS256", "kid": "r1"}, b"k" * 32), found, ALGORITHMS)


def test_a_key_in_the_tokens_own_header_is_not_looked_at() -> None:
    for header in ({"jwk": jwk("r2")}, {"jku": "https://evil.test/keys"}, {"x5u": "https://evil.test/cert"}):
        with pytest.raises((AssertionInvalid, KeyUnknown)):
            checks.signed(token("r2", **header), keys(jwk("r1")), ALGORITHMS)
        with pytest.raises(AssertionInvalid):
            checks.signed(token("r2", **{**header, "kid": "r1"}), keys(jwk("r1")), ALGORITHMS)


def test_an_algorithm_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(AssertionInvalid):
        checks.signed(token("r1", "RS512"), keys(jwk("r1")), ALGORITHMS)
    with pytest.raises(AssertionInvalid):
        checks.signed(token("r1"), keys(jwk("r1")), ("ES256",))


def test_a_key_for_one_algorithm_is_not_used_for_another() -> None:
    with pytest.raises(KeyUnknown):
        checks.signed(token("r1", "PS256"), keys(jwk("r1", alg="RS256")), ALGORITHMS)
    with pytest.raises(KeyUnknown):
        checks.signed(token("e1", "ES256", kid="r1"), keys(jwk("r1")), ALGORITHMS)


def test_keys_for_encryption_and_broken_ones_are_left_out() -> None:
    broken = [{"kty": "RSA", "n": "x"}, {"kty": "EC", "crv": "none"}, {"kty": "new"}, {}, 7, None]
    found = checks.keys_of({"keys": [jwk("r1", use="enc"), *broken, jwk("r2")]})
    assert [key.id for key in found] == ["r2"]
    assert checks.keys_of({}) == checks.keys_of({"keys": "x"}) == []


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}\.[A-Za-z0-9_-]{0,30}"))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises((AssertionInvalid, KeyUnknown)):
        checks.signed(text, keys(jwk("r1")), ALGORITHMS)


def test_a_changed_token_is_refused() -> None:
    head, body, signature = token().split(".")
    other = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "sub": "root"}).encode()).decode().rstrip("=")
    for text in (f"{head}.{other}.{signature}", f"{head}.{body}.", f"{head}.{body}.{signature[:-8]}"):
        with pytest.raises(AssertionInvalid):
            checks.signed(text, keys(jwk("r1")), ALGORITHMS)


# -- claims


def check(leeway_s: int = 30, **changed: Any) -> None:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not ...}
    checks.check(claims, ISSUER, NOW, leeway_s)


def test_a_sound_token_passes() -> None:
    check()
    check(nbf=NOW_S)


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW_S - 31},
        {"exp": NOW_S - 30},
        {"exp": ...},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": None},
        {"nbf": NOW_S + 31},
        {"nbf": "now"},
        {"iss": "https://idp.test/"},
        {"iss": "https://evil.test"},
        {"iss": ...},
        {"iss": [ISSUER]},
        {"sub": ...},
        {"sub": ""},
        {"sub": 7},
        {"sub": ["anna"]},
    ],
)
def test_an_unsound_token_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(AssertionInvalid):
        check(**changed)


def test_clocks_may_differ_as_far_as_is_said() -> None:
    check(exp=NOW_S - 29)
    check(nbf=NOW_S + 30)
    with pytest.raises(AssertionInvalid):
        check(0, exp=NOW_S)


@pytest.mark.parametrize("audience", ["skyloom", ["skyloom"], ["other", "skyloom", 7]])
def test_a_token_for_us_is_for_us(audience: Any) -> None:
    checks.check_audience({"aud": audience}, {"skyloom", "more"})


@pytest.mark.parametrize("audience", [None, "", "skyloo", "skyloom2", [], ["other"], {"skyloom": 1}, 7])
def test_a_token_for_another_is_refused(audience: Any) -> None:
    with pytest.raises(AssertionInvalid):
        checks.check_audience({"aud": audience}, {"skyloom"})
    with pytest.raises(AssertionInvalid):
        checks.check_audience({}, {"skyloom"})


def test_an_id_token_is_of_this_sign_in_and_this_client() -> None:
    checks.check_identity({**CLAIMS, "nonce": "n"}, "skyloom", "n")
    checks.check_identity({**CLAIMS, "nonce": "n", "azp": "skyloom"}, "skyloom", "n")
    checks.check_identity({**CLAIMS, "nonce": "n", "aud": ["skyloom", "x"], "azp": "skyloom"}, "skyloom", "n")
    for wrong in (
        {},
        {"nonce": "m"},
        {"nonce": ""},
        {"nonce": None},
        {"nonce": ["n"]},
        {"nonce": "n", "aud": "other"},
        {"nonce": "n", "azp": "other"},
        {"nonce": "n", "aud": ["skyloom", "x"]},
    ):
        with pytest.raises(AssertionInvalid):
            checks.check_identity({**CLAIMS, **wrong}, "skyloom", "n")


# -- attributes


def test_claims_have_the_names_of_both_of_apaches_forms() -> None:
    claims = {**CLAIMS, "groups": ["a", "b;c"], "email_verified": True, "n": 3, "gone": None, "address": {"x": 1}}
    found = checks.attributes_of(claims, ISSUER)
    assert found["OIDC-groups"] == found["HTTP_OIDC_GROUPS"] == ["a", "b;c"]
    assert found["HTTP_OIDC_EMAIL_VERIFIED"] == ["true"]
    assert found["OIDC-n"] == ["3"]
    assert found["OIDC-address"] == ['{"x":1}']
    assert found["HTTP_OIDC_ISS"] == found["OIDC-iss"] == [ISSUER]
    assert found["REMOTE_USER"] == [f"anna@{ISSUER}"]
    assert "OIDC-gone" not in found


def test_no_claim_takes_the_place_of_what_was_checked() -> None:
    others = {"ISS": "evil", "Iss": "evil", "SUB": "root", "Email": "evil"}
    found = checks.attributes_of({**others, **CLAIMS, "email": "a@b"}, ISSUER)
    assert found["HTTP_OIDC_ISS"] == [ISSUER]
    assert found["HTTP_OIDC_SUB"] == ["anna"]
    assert found["HTTP_OIDC_EMAIL"] == ["a@b"]


@given(
    st.dictionaries(st.text(max_size=5), st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5))
)
def test_any_claims_become_lists_of_texts(claims: dict[str, Any]) -> None:
    found = checks.attributes_of({**claims, "sub": "anna"}, ISSUER)
    assert all(values and all(isinstance(value, str) for value in values) for values in found.values())
    assert found["HTTP_OIDC_SUB"] == ["anna"]


# -- options


@pytest.mark.parametrize(
    "more",
    [
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"issuer": "http://idp.test"},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"issuer": "https://user@idp.test"},
        {"leeway_s": 3600},
    ],
)
def test_options_that_open_a_door_are_refused(more: dict[str, Any]) -> None:
    sound = {"issuer": ISSUER, "client_id": "skyloom"}
    msgspec.convert(sound, OidcOptions)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**sound, **more}, OidcOptions)


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://idp.test/x", True),
        ("http://127.0.0.1:80/", True),
        ("http://localhost/", True),
        ("http://[::1]:1/", True),
        ("http://127.0.0.1.evil.test/", False),
        ("http://idp.test", False),
        ("ftp://localhost/", False),
    ],
)
def test_a_provider_is_asked_where_nobody_can_listen(url: str, may: bool) -> None:
    assert may_be_asked(url) is may
