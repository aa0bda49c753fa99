"""Signing in at a real SAML identity provider, by browser and by enhanced client, and what is refused on the way."""

import base64
import html
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT

from skyloom.db import Database, metadata
from skyloom.identity import IdentitySettings
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud
from tests.parts.saml_provider import PASSWORD_OF_ALL, RealProvider, real_provider

pytestmark = [
    pytest.mark.needs("xmlsec1"),
    # pysaml2's own server, which only the tests use, leaves its files to the garbage collector
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ORIGIN = "https://dashboard.test/auth/websso/"
PROVIDER = "/OS-FEDERATION/identity_providers/school"
PROTOCOL = f"{PROVIDER}/protocols/saml2"
AUTH = f"{PROTOCOL}/auth"
WEBSSO = "/auth/OS-FEDERATION/identity_providers/school/protocols/saml2/websso"
FORM = "application/x-www-form-urlencoded"
PAOS = "application/vnd.paos+xml"
ASKS = {
    "accept": f"text/html, {PAOS}",
    "paos": 'ver="urn:liberty:paos:2003-08";"urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"',
}
RULES: list[dict[str, Any]] = [
    {"local": [{"user": {"name": "{0}", "email": "{1}"}}], "remote": [{"type": "uid"}, {"type": "mail"}]},
]


@pytest.fixture
def settings() -> IdentitySettings:
    return IdentitySettings(password_cost=4, trusted_dashboards=(ORIGIN,))


@pytest.fixture
def cloud(tmp_path: Path, settings: IdentitySettings) -> Iterator[Cloud]:
    """By the real time, as the provider is."""
    database = Database(f"sqlite:///{tmp_path}/skyloom.db")
    metadata.create_all(database.engine)
    yield Cloud(database, tmp_path, settings)
    database.close()


@pytest.fixture
def school(cloud: Cloud, tmp_path: Path) -> Iterator[RealProvider]:
    with real_provider(tmp_path / "school") as provider:
        cloud.ok("PUT", PROVIDER, cloud.root, {"identity_provider": {"enabled": True}})
        cloud.ok("PUT", "/OS-FEDERATION/mappings/school", cloud.root, {"mapping": {"rules": RULES}})
        cloud.ok("PUT", PROTOCOL, cloud.root, {"protocol": {"mapping_id": "school"}})
        configure(cloud, provider)
        provider.trust(own_metadata(cloud))
        yield provider


def configure(cloud: Cloud, provider: RealProvider, *bindings: str, **options: Any) -> None:
    config = {"driver": "saml2", "options": {"metadata": provider.metadata(*bindings), **options}}
    cloud.ok("PUT", f"{PROTOCOL}/config", cloud.root, {"config": config})


def own_metadata(cloud: Cloud) -> str:
    answer = cloud.v3("GET", f"{AUTH}?metadata")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/samlmetadata+xml")
    return answer.body.decode()


# -- a browser


def begin(cloud: Cloud) -> Answer:
    return cloud.v3("GET", f"{WEBSSO}?{urlencode({'origin': ORIGIN})}")


def to_provider(answer: Answer) -> str:
    """What the provider's page brings back: the field SAMLResponse."""
    if answer.status == 302:
        request = urllib.request.Request(answer.headers["Location"])
    else:
        page = answer.body.decode()
        url, value = re.search(r'action="([^"]*)"', page), re.search(r'name="SAMLRequest" value="([^"]*)"', page)
        assert url is not None and value is not None
        request = urllib.request.Request(
            html.unescape(url[1]), urlencode({"SAMLRequest": html.unescape(value[1])}).encode()
        )
    with urllib.request.urlopen(request, timeout=60) as reply:
        found = re.search(r'name="SAMLResponse" value="([^"]*)"', reply.read().decode())
    assert found is not None
    return html.unescape(found[1])


def cookie_of(answer: Answer) -> str:
    return answer.headers["Set-Cookie"].partition(";")[0]


def come_back(cloud: Cloud, response: str, cookie: str) -> Answer:
    return cloud.v3(
        "POST", WEBSSO, None, urlencode({"SAMLResponse": response}).encode(), content_type=FORM, cookie=cookie
    )


@pytest.mark.parametrize("binding", [BINDING_HTTP_REDIRECT, BINDING_HTTP_POST])
def test_a_browser_signs_in_and_ends_at_its_dashboard_with_a_token(cloud, school, binding):
    configure(cloud, school, binding)
    sent = begin(cloud)
    assert sent.status == (302 if binding == BINDING_HTTP_REDIRECT else 200)
    back = come_back(cloud, to_provider(sent), cookie_of(sent))
    assert back.status == 200, back.body
    page = back.body.decode()
    assert f'action="{ORIGIN}"' in page
    token = re.search(r'name="token" id="token" value="([^"]*)"', page)
    assert token is not None
    shown = cloud.v3("GET", "/auth/tokens", cloud.root, x_subject_token=token[1]).json["token"]
    assert shown["user"]["name"] == "anna"
    assert shown["user"]["OS-FEDERATION"]["identity_provider"] == {"id": "school"}
    user = cloud.ok("GET", f"/users/{shown['user']['id']}", cloud.root)["user"]
    assert user["email"] == "anna@provider.test"
    assert "Max-Age=0" in back.headers["Set-Cookie"]


def test_the_cookie_goes_along_from_another_site_and_to_nobody_else(cloud, school):
    words = begin(cloud).headers["Set-Cookie"]
    for word in ("; Secure", "; HttpOnly", "; SameSite=None", f"; Path=/identity/v3{WEBSSO};"):
        assert word in words


def test_an_answer_counts_once(cloud, school):
    sent = begin(cloud)
    response = to_provider(sent)
    assert come_back(cloud, response, cookie_of(sent)).status == 200
    again = come_back(cloud, response, cookie_of(sent))
    assert again.status == 401
    assert "used already" in again.json["error"]["message"]


def test_another_answer_to_the_same_request_does_not_count_either(cloud, school):
    sent = begin(cloud)
    assert come_back(cloud, to_provider(sent), cookie_of(sent)).status == 200
    assert come_back(cloud, to_provider(sent), cookie_of(sent)).status == 401


def test_an_answer_in_another_browser_is_refused(cloud, school):
    """Or somebody could sign his victim in as himself."""
    mine, others = begin(cloud), begin(cloud)
    response = to_provider(mine)
    renamed = f"{cookie_of(mine).partition('=')[0]}={cookie_of(others).partition('=')[2]}"
    for cookie in ("", cookie_of(others), renamed, cookie_of(mine)[:-20]):
        assert come_back(cloud, response, cookie).status == 401
    assert come_back(cloud, response, cookie_of(mine)).status == 200


def test_what_was_sealed_for_something_else_is_no_request(cloud, school):
    sent = begin(cloud)
    response = to_provider(sent)
    name = cookie_of(sent).partition("=")[0]
    ends = "2036-01-01T00:00:00Z"
    plain = [school.requests[-1], "school", "saml2", ORIGIN, ends]
    for sealed in (plain, ["oidc", *plain], {"request_id": plain[0]}, "word"):
        text = cloud.service.protocols.vault.seal(msgspec.json.encode(sealed)).decode()
        assert come_back(cloud, response, f"{name}={text}").status == 401
    assert come_back(cloud, response, cookie_of(sent)).status == 200


def test_an_answer_of_another_provider_is_refused(cloud, school, tmp_path):
    sent = begin(cloud)
    right = to_provider(sent)
    with real_provider(tmp_path / "other") as other:
        other.trust(own_metadata(cloud))
        url = f"https://cloud.test/identity/v3{WEBSSO}"
        own_id = f"https://cloud.test/identity/v3{AUTH}"
        stray = other.issue("otto", in_response_to=school.requests[-1], destination=url, sp_entity_id=own_id)
    assert come_back(cloud, base64.b64encode(str(stray).encode()).decode(), cookie_of(sent)).status == 401
    assert come_back(cloud, right, cookie_of(sent)).status == 200


def test_a_changed_answer_is_refused_without_a_word_of_why(cloud, school):
    sent = begin(cloud)
    text = base64.b64decode(to_provider(sent)).replace(b">anna<", b">otto<")
    refused = come_back(cloud, base64.b64encode(text).decode(), cookie_of(sent))
    assert refused.status == 401
    assert (
        refused.json["error"]["message"]
        == "What was sent as proof of the identity provider is not valid; sign in there again."
    )


def test_a_disabled_provider_lets_nobody_in(cloud, school):
    sent = begin(cloud)
    response = to_provider(sent)
    cloud.ok("PATCH", PROVIDER, cloud.root, {"identity_provider": {"enabled": False}})
    assert come_back(cloud, response, cookie_of(sent)).status == 403
    assert begin(cloud).status == 403


# -- an enhanced client


def ask(cloud: Cloud) -> Answer:
    return cloud.v3("GET", AUTH, None, None, **ASKS)


def by_ecp(provider: RealProvider, envelope: bytes, user: str = "otto") -> bytes:
    """The way of keystoneauth1's plugin: the header is taken off, and the relay state put into the answer."""
    from lxml import etree

    soap = {"S": "http://schemas.xmlsoap.org/soap/envelope/", "ecp": "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp"}
    asked = etree.XML(envelope)
    (relay_state,) = asked.xpath("//ecp:RelayState", namespaces=soap)
    asked.remove(asked[0])
    words = base64.b64encode(f"{user}:{PASSWORD_OF_ALL}".encode()).decode()
    request = urllib.request.Request(
        provider.ecp_url, etree.tostring(asked), {"authorization": f"Basic {words}", "content-type": "text/xml"}
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        answered = etree.XML(reply.read())
    answered.find("S:Header", soap).append(relay_state)
    found: bytes = etree.tostring(answered)
    return found


def bring(cloud: Cloud, envelope: bytes) -> Answer:
    return cloud.v3("POST", AUTH, None, envelope, content_type=PAOS)


def test_an_enhanced_client_signs_in(cloud, school):
    asked = ask(cloud)
    assert (asked.status, asked.headers["Content-Type"]) == (200, PAOS)
    token = bring(cloud, by_ecp(school, asked.body))
    assert token.status == 201, token.body
    assert token.json["token"]["user"]["name"] == "otto"
    assert token.headers["X-Subject-Token"]


def test_an_enhanced_client_s_answer_counts_once(cloud, school):
    envelope = by_ecp(school, ask(cloud).body)
    assert bring(cloud, envelope).status == 201
    assert bring(cloud, envelope).status == 401


def test_an_enhanced_client_brings_back_what_it_was_sent_with(cloud, school):
    one, other = ask(cloud).body, ask(cloud).body
    state = re.compile(rb"(<ecp:RelayState[^>]*>)([^<]*)")
    found = state.search(other)
    assert found is not None
    envelope = by_ecp(school, one)
    swapped = re.sub(rb"(RelayState[^>]*>)[^<]*", rb"\g<1>" + found[2], envelope)
    assert swapped != envelope
    assert bring(cloud, swapped).status == 401
    assert bring(cloud, re.sub(rb"(RelayState[^>]*>)[^<]*", rb"\g<1>none", envelope)).status == 401
    assert bring(cloud, envelope).status == 201


def test_who_brings_nothing_and_asks_for_nothing_is_refused(cloud, school):
    assert cloud.v3("GET", AUTH).status == 401
    assert cloud.v3("POST", AUTH, None, b"{}").status == 401
    for body in (b"", b"<a/>", b"\xff", b"<!DOCTYPE a><a/>"):
        assert bring(cloud, body).status == 401


# -- the config


@pytest.mark.parametrize("text", ["<a/>", "nothing", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", ""])
def test_metadata_that_cannot_be_used_are_refused_when_they_are_written(cloud, school, text):
    config = {"driver": "saml2", "options": {"metadata": text}}
    answer = cloud.v3("PUT", f"{PROTOCOL}/config", cloud.root, {"config": config})
    assert answer.status == 400
    assert "metadata" in answer.json["error"]["message"]
    assert begin(cloud).status == 302
