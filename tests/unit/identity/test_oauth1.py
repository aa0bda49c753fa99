"""Signatures, against RFC 5849's own example and against oauthlib."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oauthlib import oauth1

from skyloom.identity.errors import OAuthInvalid
from skyloom.identity.oauth1 import LIFE_S, SignedCall, claims, signature

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
HEADER = (
    'OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", '
    'oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", oauth_signature="{}"'
)
BODY = [("c2", ""), ("a3", "2 q")]
QUERY = [("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a2", "r b")]


def test_the_example_of_the_rfc() -> None:
    """Section 3.4.1; its signature, of errata 2550, is of the secrets of section 3.1."""
    call = SignedCall("post", "http://EXAMPLE.com:80/request", HEADER.format("x"), [*QUERY, *BODY])
    said = claims(call)
    assert signature(call, said.parameters, "j49sk3j29djd", "dh893hdasih9") == "r6/TJjbCOr97/+UU0NsvSne7s5g="
    assert not said.is_signed("j49sk3j29djd", "dh893hdasih9")


@given(TEXT, TEXT, TEXT, TEXT)
def test_what_oauthlib_signs_is_signed(consumer: str, secret: str, token: str, token_secret: str) -> None:
    client = oauth1.Client(consumer, secret, token, token_secret, realm="here")
    url, headers, _ = client.sign("https://cloud.test:8443/identity/v3/auth/tokens?b=2&a=%20x&a=1", "POST")
    said = claims(
        SignedCall("POST", url.partition("?")[0], headers["Authorization"], [("b", "2"), ("a", " x"), ("a", "1")])
    )
    assert said.parameters["oauth_consumer_key"] == consumer and said.parameters["oauth_token"] == token
    assert said.is_signed(secret, token_secret)
    assert not said.is_signed(secret, f"{token_secret}.") and not said.is_signed(f"{secret}.", token_secret)


@pytest.mark.parametrize(
    ("method", "url", "parameters"),
    [
        ("PUT", "https://cloud.test/v3", ()),
        ("POST", "http://cloud.test/v3", ()),
        ("POST", "https://cloud.test:444/v3", ()),
        ("POST", "https://cloud.test/v3/", ()),
        ("POST", "https://cloud.test/v3", (("a", "b"),)),
    ],
)
def test_another_request_is_not_signed(method: str, url: str, parameters: tuple[tuple[str, str], ...]) -> None:
    _, headers, _ = oauth1.Client("key", "secret").sign("https://cloud.test/v3", "POST")
    assert claims(SignedCall("POST", "https://CLOUD.test:443/v3", headers["Authorization"])).is_signed("secret")
    assert not claims(SignedCall(method, url, headers["Authorization"], parameters)).is_signed("secret")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic YTpi",
        "OAuth",
        "OAuth oauth_nonce=1",
        'OAuth oauth_nonce="1", oauth_nonce="2"',
        'OAuth oauth_consumer_key="a"',
        'OAuth oauth_signature_method="PLAINTEXT"',
        'OAuth oauth_signature_method="HMAC-SHA1", oauth_version="2.0"',
    ],
)
def test_a_header_that_is_not_of_oauth_1_is_refused(header: str) -> None:
    with pytest.raises(OAuthInvalid):
        claims(SignedCall("POST", "https://cloud.test/v3", header))


def test_a_timestamp_lies_near_to_now() -> None:
    said = claims(SignedCall("POST", "https://cloud.test/v3", HEADER.format("x")))
    assert said.is_fresh(137131201 + LIFE_S) and said.is_fresh(137131201 - LIFE_S)
    assert not said.is_fresh(137131202 + LIFE_S) and not said.is_fresh(137131200 - LIFE_S)
    for wrong in ("", "now", "-1", "1" * 13, "\u0663"):
        said = claims(SignedCall("POST", "https://cloud.test/v3", HEADER.format("x").replace("137131201", wrong)))
        with pytest.raises(OAuthInvalid):
            said.is_fresh(137131201)
