"""Where Apache's Shibboleth module stands before a Keystone: a cloud bursts to itself, and to another, by way of it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from skyloom.clock import VirtualClock
from skyloom.db import Database, metadata
from skyloom.identity import IdentitySettings
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud
from tests.api.identity.test_bursting import PAOS, RULES, burst, configure, trust

pytestmark = pytest.mark.needs("xmlsec1")
ECP = "/Shibboleth.sso/SAML2/ECP"
ECP_URL = f"https://cloud.test{ECP}"
OWN_ID = "https://cloud.test/identity/v3/OS-FEDERATION/saml2/idp"
PROVIDERS = "/OS-FEDERATION/identity_providers"
AUTH = f"{PROVIDERS}/keystone/protocols/mapped/auth"
AUTH_URL = f"https://cloud.test/identity/v3{AUTH}"
HOME_AUTH = f"{PROVIDERS}/home/protocols/saml2/auth"


def provider(cloud: Cloud, name: str, remote_ids: list[str], protocol: str = "mapped") -> None:
    body = {"identity_provider": {"enabled": True, "remote_ids": remote_ids}}
    cloud.ok("PUT", f"{PROVIDERS}/{name}", cloud.root, body)
    path = f"{PROVIDERS}/{name}/protocols/{protocol}"
    cloud.ok("PUT", path, cloud.root, {"protocol": {"mapping_id": "keystone"}})


def to(cloud: Cloud, name: str, auth_url: str = AUTH_URL, sp_url: str = ECP_URL) -> None:
    body = {"service_provider": {"auth_url": auth_url, "sp_url": sp_url, "enabled": True}}
    cloud.ok("PUT", f"/OS-FEDERATION/service_providers/{name}", cloud.root, body)


@pytest.fixture
def own(cloud: Cloud) -> Cloud:
    """It is known to itself, as Keystone's own tests make it."""
    cloud.ok("PUT", "/OS-FEDERATION/mappings/keystone", cloud.root, {"mapping": {"rules": RULES}})
    provider(cloud, "keystone", [OWN_ID])
    to(cloud, "keystone")
    return cloud


@contextmanager
def another(folder: Path, clock: VirtualClock, settings: IdentitySettings, public_url: str) -> Iterator[Cloud]:
    folder.mkdir()
    database = Database(f"sqlite:///{folder}/skyloom.db", clock)
    metadata.create_all(database.engine)
    yield Cloud(database, folder, settings, public_url)
    database.close()


@pytest.fixture
def impostor(tmp_path: Path, clock: VirtualClock, settings: IdentitySettings) -> Iterator[Cloud]:
    """It says to be where `own` is; its key is another."""
    with another(tmp_path / "impostor", clock, settings, "https://cloud.test") as cloud:
        yield cloud


@pytest.fixture
def home(tmp_path: Path, clock: VirtualClock, settings: IdentitySettings, own: Cloud) -> Iterator[Cloud]:
    """Another cloud, which does not know who is at the address of `own`, and so names no audience."""
    with another(tmp_path / "home", clock, settings, "https://home.test") as cloud:
        trust(own, cloud)
        configure(own, cloud, needs_audience=False)
        to(cloud, "own")
        yield cloud


def envelope(cloud: Cloud, name: str = "keystone") -> bytes:
    made = burst(cloud, cloud.token("demo"), provider=name)
    assert made.status == 200, made.body
    return made.body


def post(cloud: Cloud, body: bytes, content_type: str = PAOS) -> Answer:
    return cloud("POST", ECP, None, body, {"content-type": content_type})


def cookie(answer: Answer) -> str:
    assert answer.status == 303, answer.body
    return answer.headers["Set-Cookie"].partition(";")[0]


def go_on(cloud: Cloud, sent: str, path: str = AUTH, **headers: str) -> Answer:
    return cloud.v3("GET", path, None, content_type=PAOS, cookie=sent, **headers)


def writes(cloud: Cloud) -> list[Any]:
    """Whatever an arrival could have written."""
    with cloud.database.engine.connect() as sql:
        return [
            sql.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() for name in ("used_once", "user", "project")
        ]


def test_a_cloud_bursts_to_itself(own):
    answer = post(own, envelope(own))
    assert answer.status == 303
    assert answer.headers["Location"] == AUTH_URL
    said = answer.headers["Set-Cookie"].split("; ")[1:]
    path = AUTH_URL.removeprefix("https://cloud.test")
    assert said == [f"Path={path}", "Max-Age=120", "HttpOnly", "SameSite=Strict", "Secure"]
    token = go_on(own, cookie(answer))
    assert token.status == 201, token.body
    assert token.json["token"]["user"]["name"] == "demo"
    assert token.json["token"]["user"]["OS-FEDERATION"]["identity_provider"] == {"id": "keystone"}
    assert "Max-Age=0" in token.headers["Set-Cookie"]
    projects = own.ok("GET", "/auth/projects", token.headers["X-Subject-Token"])["projects"]
    assert [project["name"] for project in projects] == ["burst of demo"]


def test_without_tls_the_cookie_comes_back_too(tmp_path, clock, settings):
    with another(tmp_path / "plain", clock, settings, "http://plain.test") as cloud:
        cloud.ok("PUT", "/OS-FEDERATION/mappings/keystone", cloud.root, {"mapping": {"rules": RULES}})
        provider(cloud, "keystone", ["http://plain.test/identity/v3/OS-FEDERATION/saml2/idp"])
        to(cloud, "keystone", f"http://plain.test/identity/v3{AUTH}", f"http://plain.test{ECP}")
        answer = post(cloud, envelope(cloud))
        assert "Secure" not in answer.headers["Set-Cookie"]
        assert go_on(cloud, cookie(answer)).status == 201


def test_the_token_ends_with_the_one_that_it_came_from(own, clock):
    token = own.token("demo")
    ends = own.v3("GET", "/auth/tokens", own.root, x_subject_token=token).json["token"]["expires_at"]
    clock.advance(3600 - 60)
    sent = cookie(post(own, burst(own, token, provider="keystone").body))
    made = go_on(own, sent).json["token"]
    assert made["expires_at"] <= ends
    sent = cookie(post(own, burst(own, token, provider="keystone").body))
    clock.advance(60)
    assert go_on(own, sent).status == 401


def test_nothing_is_written_before_the_token_is_asked_for(own):
    body, before = envelope(own), writes(own)
    assert post(own, body).status == 303
    assert writes(own) == before


def test_a_cookie_counts_once_and_so_does_its_assertion(own):
    body = envelope(own)
    first, second = cookie(post(own, body)), cookie(post(own, body))
    assert go_on(own, first).status == 201
    for again in (first, second, cookie(post(own, body))):
        refused = go_on(own, again)
        assert refused.status == 401
        assert "used already" in refused.json["error"]["message"]


def test_a_cookie_ends_soon_and_an_assertion_too(own, clock):
    body = envelope(own)
    sent = cookie(post(own, body))
    clock.advance(120)
    assert go_on(own, sent).status == 401
    clock.advance(300)
    assert post(own, body).status == 401


@pytest.mark.parametrize("sent", ["", "skyloom-federation=", "skyloom-federation=gAAAAABnothing", "other=1"])
def test_without_a_cookie_of_ours_nobody_comes_in(own, sent):
    assert go_on(own, sent).status == 401


def test_what_else_this_cloud_sealed_is_no_cookie(own):
    other_text = own.service.protocols.vault.seal(b"something").decode()
    assert go_on(own, f"skyloom-federation={other_text}").status == 401
    assert go_on(own, f"skyloom-federation={own.token('demo')}").status == 401


def test_a_cookie_is_for_the_protocol_that_believed_it(own):
    sent = cookie(post(own, envelope(own)))
    provider(own, "acme", ["https://acme.test"])
    own.ok("PUT", f"{PROVIDERS}/keystone/protocols/second", own.root, {"protocol": {"mapping_id": "keystone"}})
    assert go_on(own, sent, f"{PROVIDERS}/acme/protocols/mapped/auth").status == 404
    assert go_on(own, sent, f"{PROVIDERS}/keystone/protocols/second/auth").status == 401
    assert go_on(own, sent).status == 201


def test_who_is_no_more_believed_has_no_use_of_a_cookie(own):
    sent = cookie(post(own, envelope(own)))
    own.ok("PATCH", f"{PROVIDERS}/keystone", own.root, {"identity_provider": {"remote_ids": []}})
    before = writes(own)
    assert go_on(own, sent).status == 404
    assert writes(own) == before


def test_a_provider_that_is_disabled_takes_nobody(own):
    body = envelope(own)
    sent = cookie(post(own, body))
    own.ok("PATCH", f"{PROVIDERS}/keystone", own.root, {"identity_provider": {"enabled": False}})
    assert go_on(own, sent).status == 403
    assert post(own, body).status == 401


def test_without_this_clouds_name_among_the_remote_ids_nobody_takes_its_word(own):
    body = envelope(own)
    change = {"identity_provider": {"remote_ids": ["https://acme.test"]}}
    own.ok("PATCH", f"{PROVIDERS}/keystone", own.root, change)
    assert post(own, body).status == 401


def test_another_cloud_of_the_same_name_is_not_this_one(own, impostor):
    to(impostor, "keystone")
    before = writes(own)
    assert post(own, envelope(impostor)).status == 401
    assert writes(own) == before


@pytest.mark.parametrize(
    ("old", "new"), [(b">demo<", b">root<"), (b">member<", b">admin<"), (OWN_ID.encode(), b"https://else.test/idp")]
)
def test_an_assertion_that_was_altered_is_refused(own, old, new):
    body = envelope(own)
    assert old in body
    assert post(own, body.replace(old, new)).status == 401


def test_an_assertion_for_another_address_is_refused(own):
    to(own, "elsewhere", sp_url="https://else.test/Shibboleth.sso/SAML2/ECP")
    to(own, "direct", sp_url=AUTH_URL)
    for name in ("elsewhere", "direct"):
        assert post(own, envelope(own, name)).status == 401


def test_an_assertion_for_another_protocol_is_refused(own):
    to(own, "nobody", auth_url=AUTH_URL.replace("/mapped/", "/second/"))
    assert post(own, envelope(own, "nobody")).status == 401


def test_an_assertion_names_the_one_protocol_that_takes_it(own):
    own.ok("PUT", f"{PROVIDERS}/keystone/protocols/amapped", own.root, {"protocol": {"mapping_id": "keystone"}})
    answer = post(own, envelope(own))
    assert (answer.status, answer.headers["Location"]) == (303, AUTH_URL)


def test_this_cloud_is_believed_at_the_protocols_own_address_too(own):
    to(own, "direct", sp_url=AUTH_URL)
    assert own.v3("POST", AUTH, None, envelope(own, "direct"), content_type=PAOS).status == 201
    assert own.v3("POST", AUTH, None, envelope(own), content_type=PAOS).status == 401


def test_a_mapping_that_does_not_fit_refuses_and_writes_nothing(own):
    remote = [{"type": "openstack_user"}, {"type": "openstack_user_domain", "any_one_of": ["nowhere"]}]
    rules = [{"local": [{"user": {"name": "{0}"}}], "remote": remote}]
    own.ok("PATCH", "/OS-FEDERATION/mappings/keystone", own.root, {"mapping": {"rules": rules}})
    sent, before = cookie(post(own, envelope(own))), writes(own)
    refused = go_on(own, sent)
    assert (refused.status, refused.json["error"]["code"]) == (401, 401)
    assert writes(own) == before


def test_users_of_another_cloud_come_by_the_shared_address_too(own, home):
    answer = post(own, envelope(home, "own"))
    assert answer.headers["Location"] == f"https://cloud.test/identity/v3{HOME_AUTH}"
    token = go_on(own, cookie(answer), HOME_AUTH)
    assert token.status == 201, token.body
    assert token.json["token"]["user"]["OS-FEDERATION"]["identity_provider"] == {"id": "home"}


def test_a_cookie_of_one_issuer_is_none_for_the_provider_of_another(own, home):
    of_own, of_home = cookie(post(own, envelope(own))), cookie(post(own, envelope(home, "own")))
    before = writes(own)
    assert go_on(own, of_own, HOME_AUTH).status == 401
    assert go_on(own, of_home).status == 401
    assert writes(own) == before


def test_a_protocol_that_is_configured_anew_takes_no_cookie_from_before(own, home):
    sent = cookie(post(own, envelope(home, "own")))
    configure(own, home, needs_audience=True)
    assert go_on(own, sent, HOME_AUTH).status == 401


@pytest.mark.parametrize("options", [{"needs_audience": True}, {"needs_audience": False, "accepts_unasked": False}])
def test_a_protocol_is_as_strict_here_as_at_its_own_address(own, home, options):
    configure(own, home, **options)
    assert post(own, envelope(home, "own")).status == 401


def test_an_issuer_that_is_not_among_the_remote_ids_is_refused(own, home):
    """By the config it is believed, by the remote ids of the provider it is not."""
    own.ok("PATCH", f"{PROVIDERS}/home", own.root, {"identity_provider": {"remote_ids": ["https://acme.test"]}})
    path = f"{PROVIDERS}/home/protocols/saml2"
    own.ok("PATCH", path, own.root, {"protocol": {"remote_id_attribute": "MELLON_IDP"}})
    sent, before = cookie(post(own, envelope(home, "own"))), writes(own)
    assert go_on(own, sent, HOME_AUTH).status == 403
    assert writes(own) == before


def test_of_whom_more_is_said_than_a_cookie_holds_is_told_where_to_go(own):
    for _ in range(80):
        body = {"group": {"name": secrets.token_urlsafe(45), "domain_id": "default"}}
        group = own.ok("POST", "/groups", own.root, body)["group"]
        own.ok("PUT", f"/groups/{group['id']}/users/{own.ids['demo']}", own.root)
    answer = post(own, envelope(own))
    assert answer.status == 400
    assert "auth address" in answer.json["error"]["message"]


def test_a_cookie_does_not_stand_in_the_way_of_other_questions(own, home):
    """Its client asks for metadata, or brings another response."""
    sent = cookie(post(own, envelope(home, "own")))
    assert own.v3("GET", f"{HOME_AUTH}?metadata", None, cookie=sent).status == 200


@pytest.mark.parametrize("body", [b"", b"<a/>", b"not xml", b'<!DOCTYPE a><a xmlns="b"/>'])
def test_what_is_no_envelope_is_refused(own, body):
    answer = post(own, body)
    assert (answer.status, answer.json["error"]["code"]) == (401, 401)


def test_a_page_of_another_site_cannot_post(own):
    """A browser sends this content type to another site only if that allows it."""
    body = envelope(own)
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "text/xml"):
        answer = post(own, body, content_type)
        assert answer.status == 400
        assert PAOS in answer.json["error"]["message"]


def test_the_address_takes_nothing_else_and_is_not_listed(own):
    assert own("GET", ECP).status == 405
    assert own("POST", "/Shibboleth.sso/Logout").status == 404
    assert sorted(own("GET", "/").json["apis"]) == ["identity"]
