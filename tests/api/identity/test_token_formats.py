"""Tokens of both formats through the whole API, and keys that change below them."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from skyloom.access import Policy
from skyloom.access.vault import Vault
from skyloom.clock import VirtualClock
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.api import api
from skyloom.identity.service.tokens.keys import BELIEVED_S
from skyloom.web.app import Application
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> IdentitySettings:
    return IdentitySettings(password_cost=4, token_format=getattr(request, "param", "jws"))


def is_good(cloud: Cloud, text: str) -> bool:
    return validated(cloud, text).status == 200


def validated(cloud: Cloud, text: str) -> Answer:
    return cloud.v3("GET", "/auth/tokens", cloud.root, x_subject_token=text)


def with_format(cloud: Cloud, folder: Path, form: Any) -> None:
    """The cloud goes on as a process with another setting."""
    settings = replace(cloud.service.settings, token_format=form)
    service = IdentityService(cloud.database, Policy([RULES]), Vault.at(folder / "key"), settings, "https://cloud.test")
    service.sessions.keys.ensure()
    cloud.service = service
    cloud.application = Application(
        [api(service)],
        lambda token, request: service.authenticate(token, request.method, request.path),
        "https",
        "Skyloom",
    )


@pytest.mark.parametrize(
    "scope",
    ["unscoped", {"system": {"all": True}}, {"domain": {"id": "default"}}, {"project": {"name": "admin"}}],
    ids=["unscoped", "system", "domain", "project"],
)
def test_a_signed_token_is_as_good_as_a_sealed_one(cloud: Cloud, scope: Any) -> None:
    if isinstance(scope, dict) and "project" in scope:
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    issued = cloud.sign_in("root", scope=scope)
    text = issued.headers["X-Subject-Token"]
    assert text.count(".") == 2
    shown = validated(cloud, text)
    assert shown.json["token"] == issued.json["token"]
    assert cloud.v3("GET", "/auth/projects", text).status == 200
    assert cloud.v3("GET", "/auth/projects", text + "A").status == 401


def test_a_signed_token_is_revoked_and_ends(cloud: Cloud, clock: VirtualClock) -> None:
    first, second = cloud.token("demo"), cloud.token("demo")
    assert cloud.v3("DELETE", "/auth/tokens", first, x_subject_token=first).status == 204
    assert cloud.v3("GET", "/auth/projects", first).status == 401
    assert cloud.v3("GET", "/auth/projects", second).status == 200
    clock.advance(cloud.service.settings.token_life_s)
    assert cloud.v3("GET", "/auth/projects", second).status == 401


def test_a_token_issued_after_a_password_change_of_the_same_second_counts(cloud: Cloud, clock: VirtualClock) -> None:
    """iat has whole seconds; the token does not."""
    clock.advance(0.25)
    before = cloud.token("demo")
    clock.advance(0.25)
    body = {"user": {"original_password": "demo's word", "password": "another word"}}
    assert cloud.v3("POST", f"/users/{cloud.ids['demo']}/password", None, body).status == 204
    clock.advance(0.25)
    after = cloud.token("demo", "another word")
    assert cloud.v3("GET", "/auth/projects", before).status == 401
    assert cloud.v3("GET", "/auth/projects", after).status == 200


def test_delegations_stand_in_signed_tokens(cloud: Cloud) -> None:
    owner, user = cloud.token("demo"), cloud.ids["demo"]
    body = {"application_credential": {"name": "robot", "secret": "s"}}
    made = cloud.ok("POST", f"/users/{user}/application_credentials", owner, body)["application_credential"]
    method = {"id": made["id"], "secret": "s"}
    identity = {"methods": ["application_credential"], "application_credential": method}
    robot = cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}})
    text = robot.headers["X-Subject-Token"]
    assert validated(cloud, text).json["token"]["application_credential"]["id"] == made["id"]
    assert cloud.exchange(text).status == 403
    trust = {
        "trustor_user_id": user,
        "trustee_user_id": cloud.ids["stranger"],
        "project_id": cloud.ids["project:demo"],
        "impersonation": True,
        "roles": [{"name": "reader"}],
    }
    trust_id = cloud.ok("POST", "/OS-TRUST/trusts", owner, {"trust": trust})["trust"]["id"]
    text = cloud.token("stranger", scope={"OS-TRUST:trust": {"id": trust_id}})
    assert validated(cloud, text).json["token"]["OS-TRUST:trust"]["id"] == trust_id


@pytest.mark.parametrize("settings", ["fernet", "jws"], indirect=True)
def test_a_change_of_the_setting_loses_no_token(cloud: Cloud, tmp_path: Path, settings: IdentitySettings) -> None:
    old = cloud.token("demo")
    other = "jws" if settings.token_format == "fernet" else "fernet"
    with_format(cloud, tmp_path, other)
    new = cloud.token("demo")
    assert ("." in old) != ("." in new)
    assert is_good(cloud, old)
    assert is_good(cloud, new)
    assert ("." in cloud.exchange(old).headers["X-Subject-Token"]) == ("." in new)
    with_format(cloud, tmp_path, settings.token_format)
    assert is_good(cloud, old)
    assert is_good(cloud, new)


@pytest.mark.parametrize("settings", ["fernet", "jws"], indirect=True)
def test_tokens_outlive_their_key(cloud: Cloud, clock: VirtualClock, settings: IdentitySettings) -> None:
    keys, root = cloud.service.sessions.keys, cloud.root
    text = cloud.token("demo")
    for _ in range(5):
        keys.rotate()
        clock.advance(BELIEVED_S + 1)
        cloud.root = cloud.token("root")
        assert is_good(cloud, text)
        assert is_good(cloud, root)
    clock.advance(settings.token_life_s)
    cloud.root = cloud.token("root")
    assert not is_good(cloud, text)
    found = cloud.v3("GET", "/auth/tokens?allow_expired=1", cloud.root, x_subject_token=text)
    assert found.status == 200
    clock.advance(settings.expired_window_s + 2 * 3600 + settings.token_life_s)
    assert len(keys.rotate()) == 2
    cloud.root = cloud.token("root")
    assert cloud.v3("GET", "/auth/tokens?allow_expired=1", cloud.root, x_subject_token=text).status == 404
