"""Signing in by a provider on both engines: what rows say, and what holds though several come in the same moment."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from skyloom.access import SYSTEM, Caller, Policy
from skyloom.access.vault import Vault
from skyloom.clock import VirtualClock
from skyloom.db import Database
from skyloom.errors import Conflict, Unauthorized
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.drivers.federation_contract import Once
from skyloom.identity.model import Grant
from skyloom.identity.service.bootstrap import Bootstrap, FirstUser
from skyloom.identity.service.federation.protocols import ProtocolBody
from skyloom.identity.service.registry import Query
from skyloom.identity.store.federation import FederationStore, Link
from tests.parts.databases import Open
from tests.parts.together import together

ADMIN = Caller(user_id="root", system=True, roles=frozenset({"admin", "manager", "member", "reader"}))
NOBODY = Caller(user_id="", request_id="req-test")
SEED = Bootstrap("RegionOne", ("admin", "demo"), (FirstUser("admin", "secret", "admin", "admin"),), ())
RULES_OF_ACME: list[dict[str, Any]] = [
    {
        "local": [
            {"user": {"name": "{0}"}},
            {"projects": [{"name": "shared", "roles": [{"name": "member"}]}]},
            {"groups": "{1}", "domain": {"id": "default"}},
        ],
        "remote": [{"type": "name"}, {"type": "groups"}],
    }
]
store = FederationStore()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def identity(databases: Open, clock: VirtualClock, tmp_path: Path) -> IdentityService:
    database = databases(clock)
    settings = IdentitySettings(password_cost=4)
    found = IdentityService(database, Policy([RULES]), Vault.at(tmp_path / "key"), settings, "http://127.0.0.1")
    found.bootstrap(SEED)
    found.identity_providers.create(ADMIN, {"id": "acme", "enabled": True, "authorization_ttl": 60})
    found.mappings.create(ADMIN, {"id": "acme", "rules": RULES_OF_ACME})
    found.protocols.create(ADMIN, "acme", "oidc", ProtocolBody("acme"))
    for name in ("staff", "crew"):
        found.groups.create(ADMIN, {"name": name, "domain_id": "default"})
    return found


def attributes(name: str, *groups: str) -> Mapping[str, Sequence[str]]:
    return {"name": [name], "groups": groups or ("staff",)}


def user_ids(identity: IdentityService, **filters: Any) -> list[str]:
    return [user["id"] for user in identity.users.list(ADMIN, Query(filters)).records]


def test_a_person_who_comes_several_times_at_once_is_one_user(identity: IdentityService) -> None:
    granted, refused = together(4, lambda n: identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna")))
    assert refused == []
    assert len({each.user.id for each in granted}) == 1
    assert len(user_ids(identity, name="anna")) == 1


def test_a_project_that_several_bring_at_once_is_one(identity: IdentityService) -> None:
    granted, refused = together(
        4, lambda n: identity.federation.accept(NOBODY, "acme", "oidc", attributes(f"person {n}"))
    )
    assert refused == []
    projects = identity.projects.list(ADMIN, Query({"name": "shared"})).records
    assert len(projects) == 1
    sql = identity.db.read()
    for each in granted:
        roles = identity.principals.roles_on_project(sql, each.user.id, projects[0]["id"])
        assert "member" in [role.name for role in roles]


def test_what_counts_once_counts_once(identity: IdentityService, clock: VirtualClock) -> None:
    once = [Once("an assertion", clock.now() + timedelta(seconds=60))]
    granted, refused = together(
        4, lambda n: identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna"), once)
    )
    assert len(granted) == 1
    assert all(isinstance(error, Unauthorized) for error in refused)
    clock.advance(30)
    with pytest.raises(Unauthorized):
        identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna"), once)


def test_a_response_is_shown_to_enabled_providers_of_saml_and_to_those_of_this_cloud_itself(
    identity: IdentityService,
) -> None:
    own = "http://127.0.0.1/idp"
    saml: Mapping[str, Any] = {"driver": "saml2", "options": {}}
    with identity.db.begin(SYSTEM) as tx:
        store.change_protocol(tx, "acme", "oidc", driver="oidc", options={})
    for idp_id, remote_ids, enabled, values in (
        ("school", ["https://school.test", "https://old.school.test"], True, saml),
        ("closed", [], False, saml),
        ("itself", [own, "https://other.test"], True, {}),
        ("unconfigured", ["https://else.test"], True, {}),
    ):
        identity.identity_providers.create(ADMIN, {"id": idp_id, "enabled": enabled, "remote_ids": remote_ids})
        identity.protocols.create(ADMIN, idp_id, "mapped", ProtocolBody("acme"))
        with identity.db.begin(SYSTEM) as tx:
            if values:
                store.change_protocol(tx, idp_id, "mapped", **values)
    found = store.of_saml(identity.db.read(), own)
    assert [(protocol.idp_id, protocol.id) for protocol in found] == [("itself", "mapped"), ("school", "mapped")]


def test_what_was_used_is_forgotten_when_it_is_over(identity: IdentityService, clock: VirtualClock) -> None:
    end = clock.now() + timedelta(seconds=60)
    with identity.db.begin(SYSTEM) as tx:
        assert store.use(tx, "a", end, clock.now())
        assert not store.use(tx, "a", end, clock.now())
    clock.advance(61)
    with identity.db.begin(SYSTEM) as tx:
        assert store.use(tx, "b", end, clock.now())
        assert store.use(tx, "a", end + timedelta(seconds=60), clock.now())


def test_a_sign_in_that_changes_nothing_leaves_what_is_cached(identity: IdentityService, clock: VirtualClock) -> None:
    def generation() -> int:
        return identity.principals.generation(identity.db.read())

    first = identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna"))
    before = generation()
    clock.advance(600)
    identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna"))
    assert generation() == before
    user = identity.principals.user(identity.db.read(), first.user.id)
    assert user is not None and user.groups_until == clock.now() + timedelta(minutes=60)
    identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna", "crew"))
    assert generation() > before


def test_a_cached_token_ends_with_the_membership_it_stands_on(identity: IdentityService, clock: VirtualClock) -> None:
    (staff,) = identity.groups.list(ADMIN, Query({"name": "staff"})).records
    (demo,) = identity.projects.list(ADMIN, Query({"name": "demo"})).records
    (role,) = identity.roles.list(ADMIN, Query({"name": "reader"})).records
    identity.grants.create(ADMIN, Grant("group", staff["id"], "project", demo["id"], role["id"]))
    identity.identity_providers.update(ADMIN, "acme", {"authorization_ttl": 10})
    granted = identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna"))
    sql = identity.db.read()

    def groups() -> list[str]:
        federated = identity.sessions.granted(granted.text).federated
        assert federated is not None
        return list(federated.group_ids)

    assert identity.principals.roles_on_project(sql, granted.user.id, demo["id"])
    assert groups() == [staff["id"]]
    clock.advance(599)
    assert groups() == [staff["id"]]
    assert identity.principals.roles_on_project(sql, granted.user.id, demo["id"])
    clock.advance(1)
    assert groups() == []
    assert not identity.principals.roles_on_project(sql, granted.user.id, demo["id"])
    assert not identity.principals.projects_of(sql, granted.user.id)[1:]


def test_remote_ids_are_one_providers(identity: IdentityService) -> None:
    def act(number: int) -> Any:
        return identity.identity_providers.create(ADMIN, {"id": f"p{number}", "remote_ids": ["shared", f"own{number}"]})

    made, refused = together(4, act)
    assert len(made) == 1
    assert all(isinstance(error, Conflict) for error in refused)
    assert len(identity.domains.list(ADMIN, Query()).records) == 3


def test_names_of_local_users_are_unique_and_those_of_federated_ones_need_not_be(identity: IdentityService) -> None:
    domain_id = identity.identity_providers.show("acme")["domain_id"]
    identity.users.create(ADMIN, {"name": "anna", "domain_id": domain_id})
    identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna"))
    assert len(user_ids(identity, name="anna", domain_id=domain_id)) == 2
    with pytest.raises(Conflict):
        identity.users.create(ADMIN, {"name": "anna", "domain_id": domain_id})


def test_only_shadows_without_another_way_in_go_with_a_protocol(identity: IdentityService) -> None:
    identity.protocols.create(ADMIN, "acme", "saml2", ProtocolBody("acme"))
    anna = identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna")).user.id
    bert = identity.federation.accept(NOBODY, "acme", "oidc", attributes("bert")).user.id
    local = identity.users.create(ADMIN, {"name": "local", "domain_id": "default"})["id"]
    with identity.db.begin(SYSTEM) as tx:
        store.set_links(tx, bert, [Link("acme", "oidc", "bert"), Link("acme", "saml2", "bert")])
        store.set_links(tx, local, [Link("acme", "oidc", "local")])
        assert store.only_by(tx, "acme", "oidc") == [anna]
        assert store.only_by(tx, "acme") == sorted([anna, bert])
    identity.protocols.delete(ADMIN, "acme", "oidc")
    sql = identity.db.read()
    assert identity.principals.user(sql, anna) is None
    assert store.links(sql, [bert, local]) == {bert: [Link("acme", "saml2", "bert")]}
    identity.identity_providers.delete(ADMIN, "acme")
    assert identity.principals.user(sql, bert) is None
    assert identity.principals.user(sql, local) is not None


def test_a_disabled_provider_takes_its_groups_back(identity: IdentityService, database: Database) -> None:
    user_id = identity.federation.accept(NOBODY, "acme", "oidc", attributes("anna", "staff", "crew")).user.id
    assert len(identity.users.grants.groups(identity.db.read(), user_id)) == 2
    identity.identity_providers.update(ADMIN, "acme", {"enabled": False})
    identity.identity_providers.update(ADMIN, "acme", {"enabled": True})
    assert identity.users.grants.groups(identity.db.read(), user_id) == []
