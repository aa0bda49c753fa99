"""Assertions for tokens, and what another cloud makes of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skyloom.clock import VirtualClock
from skyloom.db import Database
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud

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


def trust(there: Cloud, home: Cloud, **options: Any) -> None:
    """`there` knows `home` as an identity provider by its metadata; `home` knows `there` as a service provider."""
    metadata = home.v3("GET", "/OS-FEDERATION/saml2/metadata").body.decode()
    prefix = "/OS-FEDERATION/identity_providers/home"
    there.ok("PUT", prefix, there.root, {"identity_provider": {"enabled": True}})
    there.ok("PUT", "/OS-FEDERATION/mappings/home", there.root, {"mapping": {"rules": RULES}})
    there.ok("PUT", f"{prefix}/protocols/saml2", there.root, {"protocol": {"mapping_id": "home"}})
    config = {"driver": "saml2", "options": {"metadata": metadata, "accepts_unasked": True, **options}}
    there.ok("PUT", f"{prefix}/protocols/saml2/config", there.root, {"config": config})
    provider = {"service_provider": {"auth_url": AUTH_URL, "sp_url": AUTH_URL, "enabled": True}}
    home.ok("PUT", "/OS-FEDERATION/service_providers/there", home.root, provider)


@pytest.fixture
def there(tmp_path: Path, clock: VirtualClock, settings: Any) -> Iterator[Cloud]:
    from skyloom.db import metadata

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


def test_the_token_there_ends_with_the_token_here(home, there, clock):
    token = home.token("demo")
    clock.advance(3000)
    made = arrive(there, burst(home, token).body).json["token"]
    assert (
        made["expires_at"]
        <= home.v3("GET", "/auth/tokens", home.root, x_subject_token=token).json["token"]["expires_at"]
    )
