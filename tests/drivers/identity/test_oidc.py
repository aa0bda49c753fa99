"""The OIDC driver and providers that lie, change, lead elsewhere, say too much or nothing at all."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import msgspec
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa

from skyloom.access.vault import Vault
from skyloom.clock import VirtualClock
from skyloom.identity.drivers.federation_contract import Arrival, Challenge, OidcOptions, Proven
from skyloom.identity.drivers.oidc import OidcDriver, web
from skyloom.identity.drivers.oidc.web import Refused, Web
from skyloom.identity.errors import AssertionInvalid, IdentityProviderAway
from tests.parts.odd_provider import OddProvider, Said

URL = "https://cloud.test/identity/v3/auth/OS-FEDERATION/identity_providers/acme/protocols/openid/websso"
CLIENT_URL = "https://cloud.test/identity/v3/OS-FEDERATION/identity_providers/acme/protocols/openid/auth"
VAULT = Vault(Fernet.generate_key())
SECRET = "skyloom's: a + b % c"
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"


@cache
def private(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def jwks(*names: str) -> Any:
    return {
        "keys": [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private(n).public_key())), "kid": n} for n in names]
    }


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def provider() -> Iterator[OddProvider]:
    found = OddProvider()
    found.says = {
        DISCOVERY: Said(
            {
                "issuer": found.url,
                "jwks_uri": f"{found.url}{KEYS}",
                "authorization_endpoint": f"{found.url}/authorize?tenant=x",
                "token_endpoint": f"{found.url}/token",
                "userinfo_endpoint": f"{found.url}/me",
                "introspection_endpoint": f"{found.url}/introspect",
            }
        ),
        KEYS: Said(jwks("k1")),
        "/me": Said({"sub": "anna", "email": "anna@example.org"}),
    }
    yield found
    found.close()


@pytest.fixture
def driver(provider: OddProvider, clock: VirtualClock) -> OidcDriver:
    return opened(provider, clock)


def opened(provider: OddProvider, clock: VirtualClock, **more: Any) -> OidcDriver:
    options = {"issuer": provider.url, "client_id": "skyloom", "client_secret": SECRET, **more}
    return OidcDriver(msgspec.convert(options, OidcOptions), VAULT, clock)


def signed(provider: OddProvider, clock: VirtualClock, key: str = "k1", **changed: Any) -> str:
    end = int(clock.now().timestamp()) + 300
    claims = {"iss": provider.url, "sub": "anna", "aud": "skyloom", "exp": end, **changed}
    return jwt.encode(claims, private(key), "RS256", {"kid": key})


def bearer(token: str) -> Arrival:
    return Arrival("acme", "openid", "POST", URL, CLIENT_URL, headers={"authorization": f"Bearer {token}"})


def begun(driver: OidcDriver, origin: str = "https://dashboard.test") -> tuple[dict[str, str], str]:
    """What the provider is asked, and the browser's cookie."""
    found = driver.answer(Arrival("acme", "openid", "GET", URL, CLIENT_URL, origin=origin, is_browser=True))
    assert isinstance(found, Challenge) and found.status == 302
    headers = dict(found.headers)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(headers["Location"]).query).items()}
    return asked, headers["Set-Cookie"].partition(";")[0]


def back(driver: OidcDriver, state: str, cookie: str, idp_id: str = "acme", **query: str) -> Proven:
    asked = {"state": [state], "code": ["a-code"], **{name: [value] for name, value in query.items()}}
    found = driver.answer(
        Arrival(idp_id, "openid", "GET", URL, CLIENT_URL, asked, headers={"cookie": cookie}, is_browser=True)
    )
    assert isinstance(found, Proven)
    return found


def way(driver: OidcDriver, provider: OddProvider, clock: VirtualClock, **changed: Any) -> Proven:
    """A whole way; `changed` are claims of the ID token, whose nonce is right unless it is among them."""
    asked, cookie = begun(driver)
    token = signed(provider, clock, **{"nonce": asked["nonce"], **changed})
    provider.says["/token"] = Said({"id_token": token, "access_token": "opaque"})
    return back(driver, asked["state"], cookie)


# -- keys


def test_keys_are_fetched_once_and_anew_for_a_new_name(
    driver: OidcDriver, provider: OddProvider, clock: VirtualClock
) -> None:
    def fetched() -> int:
        return [asked.path for asked in provider.asked].count(KEYS)

    for _ in range(3):
        assert isinstance(driver.answer(bearer(signed(provider, clock))), Proven)
    assert fetched() == 1
    provider.says[KEYS] = Said(jwks("k1", "k2"))
    with pytest.raises(AssertionInvalid):
        driver.answer(bearer(signed(provider, clock, "k2")))
    assert fetched() == 1, "not more often than every ten seconds, whoever asks"
    clock.advance(11)
    assert isinstance(driver.answer(bearer(signed(provider, clock, "k2"))), Proven)
    assert fetched() == 2


def test_a_key_that_was_taken_back_counts_for_an_hour_at_most(
    driver: OidcDriver, provider: OddProvider, clock: VirtualClock
) -> None:
    driver.answer(bearer(signed(provider, clock)))
    provider.says[KEYS] = Said(jwks("k2"))
    clock.advance(3601)
    with pytest.raises(AssertionInvalid):
        driver.answer(bearer(signed(provider, clock)))


def test_a_provider_by_another_name_is_not_believed(
    driver: OidcDriver, provider: OddProvider, clock: VirtualClock
) -> None:
    provider.says[DISCOVERY].body["issuer"] = "https://another.test"
    with pytest.raises(IdentityProviderAway):
        driver.answer(bearer(signed(provider, clock)))


def test_an_unsafe_address_is_not_asked(driver: OidcDriver, provider: OddProvider, clock: VirtualClock) -> None:
    provider.says[DISCOVERY].body["jwks_uri"] = "http://keys.example.test/"
    with pytest.raises(IdentityProviderAway, match="no HTTPS"):
        driver.answer(bearer(signed(provider, clock)))


def test_nobody_asks_twice_at_once_while_it_is_away(
    driver: OidcDriver, provider: OddProvider, clock: VirtualClock
) -> None:
    provider.says[DISCOVERY] = Said({}, 500)
    for _ in range(3):
        with pytest.raises(IdentityProviderAway):
            driver.answer(bearer(signed(provider, clock)))
    assert len(provider.asked) == 1
    clock.advance(3)
    with pytest.raises(IdentityProviderAway):
        driver.answer(bearer(signed(provider, clock)))
    assert len(provider.asked) == 2


# -- access tokens


@pytest.mark.parametrize(
    "changed",
    [{"aud": "other"}, {"iss": "https://evil.test"}, {"exp": 1}, {"nbf": 9_999_999_999}, {"sub": ""}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_token_that_is_not_for_us_or_not_now_is_refused(
    driver: OidcDriver, provider: OddProvider, clock: VirtualClock, changed: Any
) -> None:
    with pytest.raises(AssertionInvalid):
        driver.answer(bearer(signed(provider, clock, **changed)))


def introspect(provider: OddProvider, clock: VirtualClock, said: Any, status: int = 200, **more: Any) -> Proven:
    provider.says["/introspect"] = Said(said, status)
    found = opened(provider, clock, has_opaque_tokens=True, **more).answer(bearer("opaque"))
    assert isinstance(found, Proven)
    return found


def test_an_opaque_token_is_asked_about_in_the_clients_name(provider: OddProvider, clock: VirtualClock) -> None:
    end = int(clock.now().timestamp()) + 60
    said = {"active": True, "sub": "anna", "client_id": "skyloom", "exp": end, "groups": ["staff"]}
    assert introspect(provider, clock, said).attributes["OIDC-groups"] == ["staff"]
    asked = provider.asked[-1]
    assert parse_qs(asked.body.decode()) == {"token": ["opaque"], "token_type_hint": ["access_token"]}
    assert asked.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "changed",
    [
        {"active": False},
        {"active": "true"},
        {"active": 1},
        {"sub": None},
        {"exp": 1},
        {"exp": None},
        {"iss": "https://evil.test"},
        {"client_id": "another"},
        {"aud": "another"},
        {"aud": []},
    ],
    ids=str,
)
def test_an_opaque_token_for_another_is_refused(provider: OddProvider, clock: VirtualClock, changed: Any) -> None:
    end = int(clock.now().timestamp()) + 60
    sound = {"active": True, "sub": "anna", "client_id": "skyloom", "exp": end}
    assert introspect(provider, clock, sound)
    with pytest.raises(AssertionInvalid):
        introspect(provider, clock, {**sound, **changed})


def test_a_provider_that_does_not_know_us_is_told_as_away(provider: OddProvider, clock: VirtualClock) -> None:
    with pytest.raises(IdentityProviderAway):
        introspect(provider, clock, {"error": "invalid_client"}, 401)


# -- browsers


def test_a_whole_way(driver: OidcDriver, provider: OddProvider, clock: VirtualClock) -> None:
    found = way(driver, provider, clock, email="other@example.org", name="Anna")
    assert found.origin == "https://dashboard.test"
    assert found.attributes["OIDC-name"] == ["Anna"]
    assert found.attributes["OIDC-email"] == ["other@example.org"], "what is signed stands above what is told"
    assert len(found.once) == 1
    token = next(asked for asked in provider.asked if asked.path == "/token")
    sent = parse_qs(token.body.decode())
    assert sent["redirect_uri"] == [URL]
    assert len(sent["code_verifier"][0]) >= 43
    assert "client_secret" not in sent
    me = next(asked for asked in provider.asked if asked.path == "/me")
    assert me.headers["authorization"] == "Bearer opaque"


def test_a_query_of_the_provider_is_kept(driver: OidcDriver) -> None:
    assert begun(driver)[0]["tenant"] == "x"


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": None},
        {"nonce": "another"},
        {"aud": "another"},
        {"aud": ["skyloom", "another"]},
        {"azp": "another"},
        {"iss": "https://evil.test"},
        {"exp": 1},
        {"sub": "bert"},
    ],
    ids=str,
)
def test_an_id_token_of_another_sign_in_is_refused(
    driver: OidcDriver, provider: OddProvider, clock: VirtualClock, changed: Any
) -> None:
    """The last one is another user than the access token's."""
    with pytest.raises(AssertionInvalid):
        way(driver, provider, clock, **changed)


@pytest.mark.parametrize(
    "said", [Said({"error": "invalid_grant"}, 400), Said({}), Said({"id_token": 7}), Said({"id_token": "x" * 20_000})]
)
def test_a_code_that_is_worth_nothing_is_refused(driver: OidcDriver, provider: OddProvider, said: Said) -> None:
    asked, cookie = begun(driver)
    provider.says["/token"] = said
    with pytest.raises(AssertionInvalid):
        back(driver, asked["state"], cookie)


def test_a_state_is_for_one_provider_one_browser_and_ten_minutes(
    driver: OidcDriver, provider: OddProvider, clock: VirtualClock
) -> None:
    asked, cookie = begun(driver)
    name = cookie.partition("=")[0]
    for state, own, idp_id in (
        (asked["state"], cookie, "another"),
        (asked["state"], "", "acme"),
        (asked["state"], f"{name}=x", "acme"),
        (asked["state"][:-4], cookie, "acme"),
        ("", cookie, "acme"),
        ("ü", cookie, "acme"),
        (VAULT.seal(b"{}").decode(), cookie, "acme"),
        (Fernet(Fernet.generate_key()).encrypt(b"{}").decode(), cookie, "acme"),
    ):
        with pytest.raises(AssertionInvalid):
            back(driver, state, own, idp_id)
    clock.advance(601)
    with pytest.raises(AssertionInvalid):
        back(driver, asked["state"], cookie)
    assert not [each for each in provider.asked if each.path == "/token"], "nothing was asked for any of them"


def test_a_state_tells_the_browser_nothing(driver: OidcDriver) -> None:
    asked, cookie = begun(driver)
    assert asked["nonce"] not in asked["state"]
    assert cookie.partition("=")[2] not in str(asked)


# -- the web


@pytest.fixture
def quick() -> Web:
    return Web(None, silence_s=0.3, limit_s=1.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_led_elsewhere(provider: OddProvider, quick: Web, status: int) -> None:
    provider.says["/a"] = Said({}, status, {"location": f"{provider.url}/b"})
    provider.says["/b"] = Said({"led": "here"})
    with pytest.raises(Refused):
        quick.get(f"{provider.url}/a")
    assert [asked.path for asked in provider.asked] == ["/a"]


@pytest.mark.parametrize(
    "said",
    [
        Said(b"[1]"),
        Said(b"not JSON"),
        Said(b"[" * 100_000),
        Said(b"{}" + b" " * (web.MOST_BYTES + 1)),
        Said(b'{"cut": ', headers={"content-length": "900"}),
    ],
    ids=["list", "words", "deep", "large", "cut"],
)
def test_an_answer_that_is_none_is_told_as_away(provider: OddProvider, quick: Web, said: Said) -> None:
    provider.says["/a"] = said
    with pytest.raises(IdentityProviderAway):
        quick.get(f"{provider.url}/a")


@pytest.mark.parametrize("pause_s", [30.0, 0.1], ids=["silent", "slow"])
def test_nobody_waits_for_long(provider: OddProvider, quick: Web, pause_s: float) -> None:
    provider.says["/a"] = Said({"a": "b" * 1000}, pause_s=pause_s)
    with pytest.raises(IdentityProviderAway):
        quick.get(f"{provider.url}/a")


def test_nobody_there_is_told_as_away(quick: Web) -> None:
    with pytest.raises(IdentityProviderAway):
        quick.get("http://127.0.0.1:9/")
    with pytest.raises(IdentityProviderAway):
        Web("/no/such/file").get("https://127.0.0.1:9/")


def test_a_certificate_that_nobody_vouches_for_is_not_believed(
    provider: OddProvider, quick: Web, tmp_path: Any
) -> None:
    from tests.parts.certificates import Authority

    Authority(tmp_path)
    with pytest.raises(IdentityProviderAway):
        quick.get(provider.url.replace("http://", "https://"))
