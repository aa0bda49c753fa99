"""A token that one process has cached ends when another process changes what it rests on, and only then."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from skyloom.access import SYSTEM, Policy
from skyloom.access.vault import Vault
from skyloom.clock import VirtualClock
from skyloom.db import Database
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.errors import AuthenticationFailed, TokenInvalid
from skyloom.identity.service.auth.request import AuthRequest
from tests.api.identity.conftest import Cloud

Act = Callable[[Cloud], object]
DEMO = {"project": {"name": "demo", "domain": {"id": "default"}}}


@pytest.fixture
def other(cloud: Cloud, tmp_path: Path, clock: VirtualClock, settings: IdentitySettings) -> Iterator[IdentityService]:
    """Another process of the same cloud."""
    database = Database(f"sqlite:///{tmp_path}/skyloom.db", clock)
    yield IdentityService(database, Policy([RULES]), Vault.at(tmp_path / "key"), settings, "https://cloud.test")
    database.close()


def anew(service: IdentityService) -> IdentityService:
    """A process that remembers nothing."""
    policy, vault = service.sessions.ground.policy, service.sessions.keys.vault
    return IdentityService(service.db, policy, vault, service.settings, service.public_url)


def shown(service: IdentityService, token: str) -> Any:
    """What the process knows of the token: user, scope, roles; None when it is not valid."""
    try:
        granted = service.sessions.granted(token)
    except TokenInvalid:
        return None
    return granted.user, granted.project, granted.domain, granted.roles


def tenant(cloud: Cloud) -> str:
    """The token of a user "eve" of a domain "d", by roles that she has as a member of the group "g"."""
    domain = cloud.ok("POST", "/domains", cloud.root, {"domain": {"name": "d"}})["domain"]
    project = cloud.ok("POST", "/projects", cloud.root, {"project": {"name": "p", "domain_id": domain["id"]}})
    eve = cloud.user("eve", domain["id"])
    group = cloud.ok("POST", "/groups", cloud.root, {"group": {"name": "g", "domain_id": domain["id"]}})["group"]
    cloud.ids |= {"d": domain["id"], "p": project["project"]["id"], "eve": eve["id"], "g": group["id"]}
    cloud.ok("PUT", f"/groups/{group['id']}/users/{eve['id']}", cloud.root)
    cloud.ids["auditor"] = cloud.ok("POST", "/roles", cloud.root, {"role": {"name": "auditor"}})["role"]["id"]
    for role in ("member", "auditor"):
        cloud.ok("PUT", f"/projects/{cloud.ids['p']}/groups/{group['id']}/roles/{cloud.ids[role]}", cloud.root)
    auth = {
        "identity": {"methods": ["password"], "password": {"user": {"id": eve["id"], "password": "eve's word"}}},
        "scope": {"project": {"id": cloud.ids["p"]}},
    }
    return cloud.v3("POST", "/auth/tokens", body={"auth": auth}).headers["X-Subject-Token"]


def ask(method: str, path: str, body: Any = None) -> Act:
    """As the administrator; {name} in the path is the id of that name."""
    return lambda cloud: cloud.ok(method, re.sub("{(.*?)}", lambda name: cloud.ids[name[1]], path), cloud.root, body)


MUTABLE = {"immutable": False}
CHANGES: dict[str, Act] = {
    "user disabled": ask("PATCH", "/users/{eve}", {"user": {"enabled": False}}),
    "user renamed": ask("PATCH", "/users/{eve}", {"user": {"name": "eva"}}),
    "user's password": ask("PATCH", "/users/{eve}", {"user": {"password": "another word"}}),
    "user deleted": ask("DELETE", "/users/{eve}"),
    "project disabled": ask("PATCH", "/projects/{p}", {"project": {"enabled": False}}),
    "project renamed": ask("PATCH", "/projects/{p}", {"project": {"name": "q"}}),
    "project deleted": ask("DELETE", "/projects/{p}"),
    "domain disabled": ask("PATCH", "/domains/{d}", {"domain": {"enabled": False}}),
    "domain renamed": ask("PATCH", "/domains/{d}", {"domain": {"name": "e"}}),
    "left the group": ask("DELETE", "/groups/{g}/users/{eve}"),
    "group deleted": ask("DELETE", "/groups/{g}"),
    "grant of the group revoked": ask("DELETE", "/projects/{p}/groups/{g}/roles/{member}"),
    "another grant": ask("PUT", "/projects/{p}/users/{eve}/roles/{service}"),
    "another grant, inherited": ask("PUT", "/OS-INHERIT/domains/{d}/users/{eve}/roles/{service}/inherited_to_projects"),
    "role renamed": ask("PATCH", "/roles/{member}", {"role": {"name": "participant", "options": MUTABLE}}),
    "role deleted": ask("DELETE", "/roles/{auditor}"),
    "role implies more": ask("PUT", "/roles/{member}/implies/{service}"),
}
UNRELATED: dict[str, Act] = {
    "a new user": lambda cloud: cloud.user("mallory"),
    "a new project": ask("POST", "/projects", {"project": {"name": "new"}}),
    "a new role": ask("POST", "/roles", {"role": {"name": "new"}}),
    "another user's password": ask("PATCH", "/users/{looker}", {"user": {"password": "another word"}}),
    "another project": ask("PATCH", "/projects/{project:other}", {"project": {"description": "else"}}),
    "another user's grant": ask("PUT", "/projects/{project:demo}/users/{looker}/roles/{member}"),
    "a new endpoint": lambda cloud: cloud.ok(
        "POST", "/services", cloud.root, {"service": {"type": "dns", "name": "designate"}}
    ),
    "a revoked token": lambda cloud: revoke(cloud, cloud.token("looker", scope=DEMO)),
}


def revoke(cloud: Cloud, token: str) -> None:
    assert cloud.v3("DELETE", "/auth/tokens", cloud.root, x_subject_token=token).status == 204


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_a_token_rests_on_makes_it_be_read_again(cloud: Cloud, other: IdentityService, change: Act) -> None:
    token = tenant(cloud)
    before = shown(other, token)
    assert before is not None and shown(other, token) == before
    change(cloud)
    assert shown(other, token) != before
    assert shown(other, token) == shown(cloud.service, token)


NAMED = {
    "project, id": {"project": {"id": "{p}"}},
    "project, name": {"project": {"name": "p", "domain": {"id": "{d}"}}},
    "project, names": {"project": {"name": "p", "domain": {"name": "d"}}},
    "domain, id": {"domain": {"id": "{d}"}},
    "domain, name": {"domain": {"name": "d"}},
}
REPLACED: dict[str, Act] = {
    "project replaced": lambda cloud: [
        cloud.ok("DELETE", f"/projects/{cloud.ids['p']}", cloud.root),
        cloud.ok("POST", "/projects", cloud.root, {"project": {"name": "p", "domain_id": cloud.ids["d"]}}),
    ],
    "name handed on": lambda cloud: [
        cloud.ok("PATCH", f"/projects/{cloud.ids['p']}", cloud.root, {"project": {"name": "old"}}),
        cloud.ok("POST", "/projects", cloud.root, {"project": {"name": "p", "domain_id": cloud.ids["d"]}}),
    ],
    "domains change names": lambda cloud: [
        cloud.ok("PATCH", f"/domains/{cloud.ids['d']}", cloud.root, {"domain": {"name": "old"}}),
        cloud.ok("POST", "/domains", cloud.root, {"domain": {"name": "d"}}),
    ],
}


def signed_in(cloud: Cloud, service: IdentityService, scope: Any) -> Any:
    """What the process gives eve who asks for the scope; None where it refuses."""
    by_password = {"user": {"id": cloud.ids["eve"], "password": "eve's word"}}
    filled = re.sub("{([a-z]+)}", lambda name: cloud.ids[name[1]], json.dumps(scope))
    auth = {"identity": {"methods": ["password"], "password": by_password}, "scope": json.loads(filled)}
    try:
        granted = service.auth.issue(SYSTEM, msgspec.convert(auth, AuthRequest))
    except AuthenticationFailed:
        return None
    return granted.user, granted.project, granted.domain, granted.roles


@pytest.mark.parametrize("change", [*CHANGES.values(), *REPLACED.values()], ids=[*CHANGES, *REPLACED])
def test_a_sign_in_sees_what_another_process_has_changed(cloud: Cloud, other: IdentityService, change: Act) -> None:
    tenant(cloud)
    cloud.ok("PUT", f"/domains/{cloud.ids['d']}/groups/{cloud.ids['g']}/roles/{cloud.ids['member']}", cloud.root)
    before = {name: signed_in(cloud, other, scope) for name, scope in NAMED.items()}
    assert None not in before.values()
    change(cloud)
    fresh = {name: signed_in(cloud, anew(other), scope) for name, scope in NAMED.items()}
    assert {name: signed_in(cloud, other, scope) for name, scope in NAMED.items()} == fresh != before


@pytest.mark.parametrize("change", UNRELATED.values(), ids=UNRELATED.keys())
def test_what_it_does_not_rest_on_leaves_it_cached(cloud: Cloud, other: IdentityService, change: Act) -> None:
    cached = other.sessions.granted(token := tenant(cloud))
    change(cloud)
    assert other.sessions.granted(token) is cached


def test_a_revoked_token_ends_with_those_made_from_it(cloud: Cloud, other: IdentityService) -> None:
    first = cloud.token("demo")
    second = cloud.exchange(first, DEMO).headers["X-Subject-Token"]
    third = cloud.token("demo", scope=DEMO)
    assert None not in [shown(other, token) for token in (first, second, third)]
    revoke(cloud, first)
    assert [shown(other, token) is None for token in (first, second, third)] == [True, True, False]


def test_a_change_that_names_nothing_makes_everything_stale(cloud: Cloud, other: IdentityService) -> None:
    cached = other.sessions.granted(token := tenant(cloud))
    with cloud.service.sessions.ground.change(cloud.service.authenticate(cloud.root), "identity:x", "thing", "1") as tx:
        tx.record("identity:x", "thing", "1")
    assert other.sessions.granted(token) is not cached


def test_who_slept_through_all_that_is_kept_trusts_nothing(cloud: Cloud, other: IdentityService) -> None:
    cached = other.sessions.granted(token := tenant(cloud))
    path = f"/projects/{cloud.ids['project:other']}/tags/slow"
    principals = cloud.service.principals
    for _ in range(2):
        cloud.ok("PUT", path, cloud.root)
    assert other.sessions.granted(token) is cached
    with cloud.service.sessions.ground.change(cloud.service.authenticate(cloud.root), "identity:x", "x", "1", ()) as tx:
        for _ in range(1001):
            principals.bump(tx, ())
    assert other.sessions.granted(token) is not cached


def test_a_trusts_token_ends_with_its_trustor(cloud: Cloud, other: IdentityService) -> None:
    demo = cloud.token("demo", scope=DEMO)
    want = {
        "trustor_user_id": cloud.ids["demo"],
        "trustee_user_id": cloud.ids["stranger"],
        "project_id": cloud.ids["project:demo"],
        "impersonation": False,
        "roles": [{"name": "member"}],
    }
    trust = cloud.ok("POST", "/OS-TRUST/trusts", demo, {"trust": want})["trust"]
    token = cloud.token("stranger", scope={"OS-TRUST:trust": {"id": trust["id"]}})
    assert shown(other, token) is not None
    cloud.ok(
        "DELETE",
        f"/projects/{cloud.ids['project:demo']}/users/{cloud.ids['demo']}/roles/{cloud.ids['member']}",
        cloud.root,
    )
    assert shown(other, token) is None
    cloud.ok(
        "PUT",
        f"/projects/{cloud.ids['project:demo']}/users/{cloud.ids['demo']}/roles/{cloud.ids['member']}",
        cloud.root,
    )
    assert shown(other, token) is not None
    cloud.ok("DELETE", f"/OS-TRUST/trusts/{trust['id']}", cloud.token("demo", scope=DEMO))
    assert shown(other, token) is None


def test_the_catalog_shows_a_new_endpoint_at_once(cloud: Cloud, other: IdentityService) -> None:
    granted = other.sessions.granted(cloud.token("demo", scope=DEMO))
    before = other.catalog_of(granted)
    service = cloud.ok("POST", "/services", cloud.root, {"service": {"type": "dns", "name": "designate"}})["service"]
    endpoint = {"service_id": service["id"], "interface": "public", "url": "https://dns.test"}
    cloud.ok("POST", "/endpoints", cloud.root, {"endpoint": endpoint})
    after = other.catalog_of(other.sessions.granted(granted.text))[0]
    assert b"dns.test" in after and b"dns.test" not in before
