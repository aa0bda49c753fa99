"""Signing in at a real OpenID provider: by a browser, and by access tokens that clients bring."""

import base64
import hashlib
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from skyloom.clock import Clock
from skyloom.identity import IdentitySettings
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud
from tests.parts.oidc import AUDIENCE, OidcProvider, Person, secret_of

pytestmark = pytest.mark.needs("node")
DASHBOARD = "https://dashboard.test/auth/websso/"
OF_PROVIDER = "/auth/OS-FEDERATION/identity_providers/acme/protocols/openid/websso"
REDIRECT_URI = f"https://cloud.test/identity/v3{OF_PROVIDER}"
AUTH = "/OS-FEDERATION/identity_providers/acme/protocols/openid/auth"
RULES: list[dict[str, Any]] = [
    {
        "local": [{"user": {"name": "{0}", "id": "{1}"}}],
        "remote": [{"type": "OIDC-preferred_username"}, {"type": "OIDC-sub"}],
    },
    {"local": [{"groups": "{0}", "domain": {"id": "default"}}], "remote": [{"type": "HTTP_OIDC_GROUPS"}]},
]


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    found = OidcProvider(REDIRECT_URI)
    yield found
    found.close()


@pytest.fixture
def settings() -> IdentitySettings:
    return IdentitySettings(password_cost=4, trusted_dashboards=(DASHBOARD,))


class Ahead(Clock):
    """The machine's own time, which is the provider's too; intervals can be made to have passed."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


@pytest.fixture
def clock() -> Ahead:  # type: ignore[override]
    return Ahead()


@pytest.fixture
def acme(cloud: Cloud, provider: OidcProvider) -> Cloud:
    """The cloud with the provider, whose group `staff` is a member of demo."""
    group = cloud.ok("POST", "/groups", cloud.root, {"group": {"name": "staff", "domain_id": "default"}})["group"]["id"]
    cloud.ok("POST", "/groups", cloud.root, {"group": {"name": "crew", "domain_id": "default"}})
    cloud.ok("PUT", f"/projects/{cloud.ids['project:demo']}/groups/{group}/roles/{cloud.ids['member']}", cloud.root)
    path = "/OS-FEDERATION/identity_providers/acme"
    body = {"identity_provider": {"enabled": True, "remote_ids": [provider.issuer]}}
    cloud.ok("PUT", path, cloud.root, body)
    cloud.ok("PUT", "/OS-FEDERATION/mappings/acme", cloud.root, {"mapping": {"rules": RULES}})
    protocol = {"mapping_id": "acme", "remote_id_attribute": "HTTP_OIDC_ISS"}
    cloud.ok("PUT", f"{path}/protocols/openid", cloud.root, {"protocol": protocol})
    configure(cloud, provider)
    return cloud


def configure(cloud: Cloud, provider: OidcProvider, **more: Any) -> None:
    options = {
        "issuer": provider.issuer,
        "client_id": "skyloom",
        "client_secret": secret_of("skyloom"),
        "audiences": [AUDIENCE],
        **more,
    }
    path = "/OS-FEDERATION/identity_providers/acme/protocols/openid/config"
    cloud.ok("PUT", path, cloud.root, {"config": {"driver": "oidc", "options": options}})


def begin(cloud: Cloud, path: str = OF_PROVIDER, origin: str = DASHBOARD) -> Answer:
    return cloud.v3("GET", f"{path}?{urlencode({'origin': origin})}")


def end(cloud: Cloud, url: str, cookie: str = "") -> Answer:
    """The browser at our address again."""
    assert url.startswith(REDIRECT_URI)
    return cloud.v3("GET", f"{OF_PROVIDER}?{urlsplit(url).query}", cookie=cookie)


def way(cloud: Cloud, provider: OidcProvider, login: str = "anna") -> tuple[str, str]:
    """To the provider and back: (the address that the browser comes back by, its cookie)."""
    begun = begin(cloud)
    assert begun.status == 302, begun.body
    person = Person(login)
    try:
        back = person.sign_in(begun.headers["Location"], provider.issuer)
    finally:
        person.close()
    return back, begun.headers["Set-Cookie"].partition(";")[0]


def token_of(page: Answer) -> str:
    found = re.search(r'name="token"[^>]*value="([^"]+)"', page.body.decode())
    assert found, page.body
    return unescape(found[1])


def bearer(cloud: Cloud, token: str) -> Answer:
    return cloud.v3("POST", AUTH, authorization=f"Bearer {token}")


# -- browsers


def test_a_browser_signs_in_and_is_sent_to_its_dashboard_with_a_token(acme: Cloud, provider: OidcProvider) -> None:
    page = end(acme, *way(acme, provider))
    assert page.status == 200, page.body
    assert page.headers["Content-Type"].startswith("text/html")
    assert f'action="{DASHBOARD}"' in page.body.decode()
    assert page.headers["Cache-Control"] == "no-store"
    assert "Max-Age=0" in page.headers["Set-Cookie"]
    token = token_of(page)
    shown = acme.v3("GET", "/auth/tokens", acme.root, x_subject_token=token).json["token"]
    assert shown["user"]["name"] == "anna"
    assert shown["methods"] == ["mapped"]
    assert len(shown["user"]["OS-FEDERATION"]["groups"]) == 2
    assert acme.exchange(token, {"project": {"id": acme.ids["project:demo"]}}).status == 201


def test_the_way_begins_with_state_nonce_and_pkce(acme: Cloud, provider: OidcProvider) -> None:
    begun = begin(acme)
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    assert asked["redirect_uri"] == [REDIRECT_URI]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["openid profile email"]
    assert all(len(asked[name][0]) >= 43 for name in ("state", "nonce", "code_challenge"))
    cookie = begun.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Secure"))
    assert cookie.partition("=")[2].partition(";")[0] not in begun.headers["Location"]


def test_the_route_without_a_provider_leads_on_or_lets_choose(acme: Cloud, provider: OidcProvider) -> None:
    path = "/auth/OS-FEDERATION/websso/openid"
    one = begin(acme, path)
    assert one.status == 302
    assert one.headers["Location"] == f"{REDIRECT_URI}?{urlencode({'origin': DASHBOARD})}"
    other = "/OS-FEDERATION/identity_providers/other"
    acme.ok("PUT", other, acme.root, {"identity_provider": {"enabled": True}})
    acme.ok("PUT", f"{other}/protocols/openid", acme.root, {"protocol": {"mapping_id": "acme"}})
    assert begin(acme, path).status == 302, "one that is not configured cannot be chosen"
    options = {"issuer": provider.issuer, "client_id": "skyloom"}
    config = {"config": {"driver": "oidc", "options": options}}
    acme.ok("PUT", f"{other}/protocols/openid/config", acme.root, config)
    several = begin(acme, path)
    assert several.status == 200
    assert several.body.count(b"<li>") == 2
    assert begin(acme, "/auth/OS-FEDERATION/websso/none").status == 404


@pytest.mark.parametrize("path", [OF_PROVIDER, "/auth/OS-FEDERATION/websso/openid"])
def test_a_dashboard_that_is_not_trusted_gets_nothing(acme: Cloud, path: str) -> None:
    for origin in ("https://evil.test/", f"{DASHBOARD}x", "", DASHBOARD.replace("https", "http")):
        assert begin(acme, path, origin).status in (400, 401)
    assert acme.v3("GET", path).status == 400
    assert begin(acme, OF_PROVIDER, "HTTPS://DASHBOARD.TEST/auth/websso/").status == 302


def test_a_dashboard_that_is_trusted_no_more_gets_no_token(acme: Cloud, provider: OidcProvider, tmp_path: Path) -> None:
    """The same cloud, started anew with other settings while the browser was away."""
    back, cookie = way(acme, provider)
    answer = end(Cloud(acme.database, tmp_path, IdentitySettings(password_cost=4)), back, cookie)
    assert answer.status == 401
    assert b"not a trusted dashboard" in answer.body


def test_a_way_ends_once(acme: Cloud, provider: OidcProvider) -> None:
    back, cookie = way(acme, provider)
    assert end(acme, back, cookie).status == 200
    assert end(acme, back, cookie).status == 401


def test_a_used_state_with_a_fresh_code_is_refused(acme: Cloud, provider: OidcProvider) -> None:
    first, cookie = way(acme, provider)
    assert end(acme, first, cookie).status == 200
    second, _ = way(acme, provider)
    mixed = {**parse_qs(urlsplit(second).query), "state": parse_qs(urlsplit(first).query)["state"]}
    assert end(acme, f"{REDIRECT_URI}?{urlencode(mixed, doseq=True)}", cookie).status == 401


def test_nobody_ends_the_way_of_another_browser(acme: Cloud, provider: OidcProvider) -> None:
    back, own = way(acme, provider)
    other = begin(acme).headers["Set-Cookie"].partition(";")[0]
    name, word = own.partition("=")[0], other.partition("=")[2]
    for cookie in ("", other, f"{name}=", f"{name}={word}", "nonsense"):
        assert end(acme, back, cookie).status == 401
    assert end(acme, back, own).status == 200


def test_two_windows_of_a_browser_each_find_their_end(acme: Cloud, provider: OidcProvider) -> None:
    first, cookie = way(acme, provider)
    second, other = way(acme, provider)
    for back in (first, second):
        assert end(acme, back, f"{cookie}; {other}").status == 200


def test_a_way_that_came_otherwise_is_refused(acme: Cloud, provider: OidcProvider) -> None:
    back, cookie = way(acme, provider)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    for change in (
        {"state": "nonsense"},
        {"state": acme.service.protocols.vault.seal(b'{"type":"other"}').decode()},
        {"iss": "https://another.test"},
        {"code": "nonsense"},
        {"error": "access_denied"},
    ):
        answer = end(acme, f"{REDIRECT_URI}?{urlencode({**asked, **change})}", cookie)
        assert answer.status == 401, (change, answer.body)


# -- access tokens


def test_a_client_brings_a_signed_access_token(acme: Cloud, provider: OidcProvider) -> None:
    answer = bearer(acme, provider.token())
    assert answer.status == 201, answer.body
    token = answer.json["token"]
    assert token["user"]["name"] == "robot"
    assert answer.headers["X-Subject-Token"]
    assert len(token["user"]["OS-FEDERATION"]["groups"]) == 1


def test_an_access_token_for_another_audience_is_refused(acme: Cloud, provider: OidcProvider) -> None:
    assert bearer(acme, provider.token("elsewhere")).status == 401
    configure(acme, provider, audiences=["another-api"])
    assert bearer(acme, provider.token("elsewhere")).status == 201
    assert bearer(acme, provider.token()).status == 401


def test_a_new_key_of_the_provider_is_found_and_an_old_one_forgotten(
    acme: Cloud, provider: OidcProvider, clock: Ahead
) -> None:
    """Keys are asked for anew at most every ten seconds."""
    old = provider.token()
    assert bearer(acme, old).status == 201
    provider.rotate()
    clock.ahead_s += 11
    assert bearer(acme, provider.token()).status == 201
    assert bearer(acme, old).status == 401


def test_an_opaque_access_token_is_asked_about(acme: Cloud, provider: OidcProvider) -> None:
    token = _opaque(acme, provider)
    assert bearer(acme, token).status == 401
    configure(acme, provider, has_opaque_tokens=True)
    answer = bearer(acme, token)
    assert answer.status == 401, "the provider tells no name of it, so the mapping finds nobody"
    by_subject = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "OIDC-sub"}]}]
    acme.ok("PATCH", "/OS-FEDERATION/mappings/acme", acme.root, {"mapping": {"rules": by_subject}})
    assert bearer(acme, token).json["token"]["user"]["name"] == "anna"
    assert bearer(acme, "no-such-token").status == 401


def test_without_a_proof_nobody_is_let_in(acme: Cloud) -> None:
    for header in ("", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", f"Bearer {'x' * 20_000}"):
        assert acme.v3("GET", AUTH, authorization=header).status == 401
    assert acme.v3("GET", AUTH).status == 401


def test_a_provider_that_is_away_is_told_so(acme: Cloud, provider: OidcProvider) -> None:
    token = provider.token()
    configure(acme, provider, issuer="http://127.0.0.1:9")
    answer = bearer(acme, token)
    assert answer.status == 503
    assert "Retry-After" in answer.headers


def _opaque(cloud: Cloud, provider: OidcProvider) -> str:
    """The access token that a code of Anna's is worth; asked for by us, in the name of the client."""
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": "skyloom",
        "redirect_uri": REDIRECT_URI,
        "scope": "openid",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    person = Person("anna")
    try:
        back = person.sign_in(f"{provider.issuer}/auth?{urlencode(query)}", provider.issuer)
    finally:
        person.close()
    fields = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(back).query)["code"][0],
        "redirect_uri": REDIRECT_URI,
        "code_verifier": verifier,
    }
    token = provider.exchanged("skyloom", fields)["access_token"]
    assert "." not in token
    return str(token)
