"""Assertions for tokens, and what another cloud makes of them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skyloom.access.vault import Vault
from skyloom.clock import VirtualClock
from skyloom.db import Database, metadata
from skyloom.identity import IdentitySettings
from skyloom.identity.service.federation.saml_keys import SamlKeys
from tests.api.client import Answer
from tests.api.identity.conftest import SEED, Cloud

pytestmark = pytest.mark.needs("xmlsec1")
AUTH = "/OS-FEDERATION/identity_providers/home/protocols/saml2/auth"
AUTH_URL = f"https://cloud.test/identity/v3{AUTH}"
RULES: list[dict[str, Any]] = [
    {
        "local": [{"user": {"name": "{0}"}}],
        "remote": [{"type": "openstack_user"}, {"type": "openstack_user_domain", "any_one_of": ["Default"]}],
    },
    {
        "local": [{"projects": [{"name": "burst of {0}", "roles": [{"name": "member"}]}]}],
        "remote": [{"type": "openstack_project"}, {"type": "openstack_roles", "any_one_of": ["member"]}],
    },
]
PAOS = "application/vnd.paos+xml"


def trust(there: Cloud, home: Cloud) -> None:
    """`there` knows `home` as an identity provider by its metadata; `home` knows `there` as a service provider."""
    prefix = "/OS-FEDERATION/identity_providers/home"
    there.ok("PUT", prefix, there.root, {"identity_provider": {"enabled": True}})
    there.ok("PUT", "/OS-FEDERATION/mappings/home", there.root, {"mapping": {"rules": RULES}})
    there.ok("PUT", f"{prefix}/protocols/saml2", there.root, {"protocol": {"mapping_id": "home"}})
    configure(there, home)
    provider = {"service_provider": {"auth_url": AUTH_URL, "sp_url": AUTH_URL, "enabled": True}}
    home.ok("PUT", "/OS-FEDERATION/service_providers/there", home.root, provider)


def configure(there: Cloud, home: Cloud, **options: Any) -> None:
    own_words = home.v3("GET", "/OS-FEDERATION/saml2/metadata").body.decode()
    config = {"driver": "saml2", "options": {"metadata": own_words, "accepts_unasked": True, **options}}
    there.ok("PUT", "/OS-FEDERATION/identity_providers/home/protocols/saml2/config", there.root, {"config": config})


@pytest.fixture
def there(tmp_path: Path, clock: VirtualClock, settings: Any) -> Iterator[Cloud]:
    folder = tmp_path / "there"
    folder.mkdir()
    database = Database(f"sqlite:///{folder}/skyloom.db", clock)
    metadata.create_all(database.engine)
    yield Cloud(database, folder, settings)
    database.close()


@pytest.fixture
def home(cloud: Cloud, there: Cloud) -> Cloud:
    trust(there, cloud)
    return cloud


def burst(home: Cloud, token: str, kind: str = "saml2/ecp", provider: str = "there") -> Answer:
    auth = {
        "identity": {"methods": ["token"], "token": {"id": token}},
        "scope": {"service_provider": {"id": provider}},
    }
    return home.v3("POST", f"/auth/OS-FEDERATION/{kind}", None, {"auth": auth})


def arrive(there: Cloud, envelope: bytes) -> Answer:
    return there.v3("POST", AUTH, None, envelope, content_type=PAOS)


def test_a_user_bursts_and_has_a_project_there(home, there):
    made = burst(home, home.token("demo", scope={"project": {"name": "demo", "domain": {"id": "default"}}}))
    assert made.status == 200
    assert (made.headers["X-sp-url"], made.headers["X-auth-url"]) == (AUTH_URL, AUTH_URL)
    assert b"ss:mem:" in made.body
    token = arrive(there, made.body)
    assert token.status == 201, token.body
    user = token.json["token"]["user"]
    assert user["name"] == "demo"
    assert user["OS-FEDERATION"]["identity_provider"] == {"id": "home"}
    projects = there.ok("GET", "/auth/projects", token.headers["X-Subject-Token"])["projects"]
    assert [project["name"] for project in projects] == ["burst of demo"]


def test_what_is_said_of_a_user_is_what_keystone_says(home, there):
    group = home.ok("POST", "/groups", home.root, {"group": {"name": "staff", "domain_id": "default"}})["group"]
    home.ok("PUT", f"/groups/{group['id']}/users/{home.ids['demo']}", home.root)
    message = burst(home, home.token("demo"), "saml2").body.decode()
    said = {
        name: re.findall(r"<[^>]*AttributeValue[^>]*>([^<]*)<", values)
        for name, values in re.findall(r'<[^>]*Attribute Name="([^"]*)"[^>]*>(.*?)</[^>]*Attribute>', message)
    }
    assert said == {
        "openstack_user": ["demo"],
        "openstack_user_domain": ["Default"],
        "openstack_roles": ["member", "reader"],
        "openstack_project": ["demo"],
        "openstack_project_domain": ["Default"],
        "openstack_groups": ['JSON:{"name":"staff","domain":{"name":"Default"}}'],
    }
    assert "Envelope" not in message


def test_an_assertion_counts_once(home, there):
    envelope = burst(home, home.token("demo")).body
    assert arrive(there, envelope).status == 201
    again = arrive(there, envelope)
    assert again.status == 401
    assert "used already" in again.json["error"]["message"]


def test_an_assertion_ends_soon(home, there, clock):
    envelope = burst(home, home.token("demo")).body
    clock.advance(300 + 61)
    assert arrive(there, envelope).status == 401


def test_an_assertion_is_for_one_cloud(home, there):
    """As if a third cloud, which home trusts, handed on what it was brought."""
    url = AUTH_URL.replace("cloud.test", "third.test")
    provider = {"service_provider": {"auth_url": url, "sp_url": url, "enabled": True}}
    home.ok("PUT", "/OS-FEDERATION/service_providers/third", home.root, provider)
    envelope = burst(home, home.token("demo"), provider="third").body
    assert arrive(there, envelope).status == 401
    assert arrive(there, envelope.replace(b"third.test", b"cloud.test")).status == 401


def test_what_nobody_asked_for_counts_only_where_the_config_says_so(home, there):
    configure(there, home, accepts_unasked=False)
    assert arrive(there, burst(home, home.token("demo")).body).status == 401


def test_a_cloud_that_is_not_ours_names_no_audience(home):
    """Its modules of a web server may have any entity id; Keystone names none either."""
    provider = {"service_provider": {"auth_url": AUTH_URL, "sp_url": "https://other.test/saml", "enabled": True}}
    home.ok("PUT", "/OS-FEDERATION/service_providers/other", home.root, provider)
    message = burst(home, home.token("demo"), "saml2", "other").body
    assert b"Audience" not in message
    assert message.count(b"https://other.test/saml") == 2
    assert f"Audience>{AUTH_URL}<".encode() in burst(home, home.token("demo"), "saml2").body


@pytest.mark.parametrize("kind", ["saml2", "saml2/ecp"])
def test_a_token_must_be_good_and_of_a_project(home, clock, kind):
    assert burst(home, "gAAAAA-nothing", kind).status == 401
    home.user("homeless")
    unscoped = home.token("homeless")
    refused = burst(home, unscoped, kind)
    assert refused.status == 403
    assert "project scoped token" in refused.json["error"]["message"]
    token = home.token("demo")
    home.v3("DELETE", "/auth/tokens", home.root, x_subject_token=token)
    assert burst(home, token, kind).status == 401
    old = home.token("demo")
    clock.advance(3601)
    assert burst(home, old, kind).status == 401


def test_what_was_lent_cannot_be_carried_to_another_cloud(home):
    body = {"application_credential": {"name": "robot", "secret": "robot's word"}}
    path = f"/users/{home.ids['demo']}/application_credentials"
    made = home.ok("POST", path, home.token("demo"), body)["application_credential"]
    identity = {
        "methods": ["application_credential"],
        "application_credential": {"id": made["id"], "secret": "robot's word"},
    }
    token = home.v3("POST", "/auth/tokens", None, {"auth": {"identity": identity}}).headers["X-Subject-Token"]
    assert burst(home, token).status == 403


def test_the_other_cloud_must_be_known_and_enabled(home):
    token = home.token("demo")
    assert burst(home, token, provider="nowhere").status == 404
    body = {"service_provider": {"enabled": False}}
    home.ok("PATCH", "/OS-FEDERATION/service_providers/there", home.root, body)
    assert burst(home, token).status == 403


@pytest.mark.parametrize(
    ("auth", "field"),
    [
        ({}, "identity"),
        ({"identity": {"methods": ["token"], "token": {"id": "x"}}}, "scope"),
        (
            {"identity": {"methods": ["password"], "token": {"id": "x"}}, "scope": {"service_provider": {"id": "x"}}},
            "methods",
        ),
        (
            {"identity": {"methods": ["token"], "token": {"id": "x"}}, "scope": {"project": {"id": "x"}}},
            "service_provider",
        ),
    ],
)
def test_a_request_that_lacks_something_is_told_what(home, auth, field):
    answer = home.v3("POST", "/auth/OS-FEDERATION/saml2", None, {"auth": auth})
    assert answer.status == 400
    assert field in answer.json["error"]["message"]


def test_without_the_program_it_is_said_what_is_missing(home, monkeypatch):
    token = home.token("demo")
    monkeypatch.setenv("PATH", "/nowhere")
    answer = burst(home, token)
    assert answer.status == 503
    assert "xmlsec1" in answer.json["error"]["message"]
    assert answer.headers["Retry-After"] == "300"


def test_tokens_tell_to_which_clouds_their_users_may_burst(home):
    token = home.sign_in("demo").json["token"]
    assert token["service_providers"] == [{"id": "there", "auth_url": AUTH_URL, "sp_url": AUTH_URL}]


def test_the_metadata_say_who_we_are(tmp_path, clock):
    settings = IdentitySettings(
        password_cost=4,
        idp_entity_id="https://sky.test/idp",
        idp_organization_name="Sky",
        idp_contact_company="Sky",
        idp_contact_email="sky@cloud.test",
        idp_contact_type="technical",
    )
    database = Database(f"sqlite:///{tmp_path}/skyloom.db", clock)
    metadata.create_all(database.engine)
    answer = Cloud(database, tmp_path, settings).v3("GET", "/OS-FEDERATION/saml2/metadata")
    database.close()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml")
    text = answer.body.decode()
    for word in (
        'entityID="https://sky.test/idp"',
        ">Sky<",
        ">sky@cloud.test<",
        'contactType="technical"',
        "/saml2/sso",
    ):
        assert word in text
    assert "<ns0:TelephoneNumber" not in text


def test_the_key_is_made_at_the_first_start_and_lies_sealed(cloud, tmp_path):
    pair = cloud.service.saml_keys.pair()
    assert b"PRIVATE KEY" in pair.key_pem
    assert "PRIVATE" not in repr(pair)
    for path in tmp_path.glob("skyloom.db*"):
        assert b"PRIVATE KEY" not in path.read_bytes()
        assert pair.key_pem.splitlines()[3] not in path.read_bytes()
    cloud.service.bootstrap(SEED)
    again = SamlKeys(cloud.database, Vault.at(tmp_path / "key"))
    assert again.pair() == pair


def test_the_token_there_ends_with_the_token_here(home, there, clock):
    token = home.token("demo")
    clock.advance(3000)
    made = arrive(there, burst(home, token).body).json["token"]
    assert (
        made["expires_at"]
        <= home.v3("GET", "/auth/tokens", home.root, x_subject_token=token).json["token"]["expires_at"]
    )
