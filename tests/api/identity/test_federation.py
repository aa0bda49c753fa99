"""Signing in by an identity provider: whose token it is, what it may, and when it ends."""

from typing import Any

import pytest
from sqlalchemy import select

from skyloom.clock import VirtualClock
from skyloom.db.audit import audit_entry
from tests.api.identity.conftest import Cloud
from tests.api.identity.federated import ANNA, PREFIX, Federated


def test_whoever_is_mapped_gets_an_unscoped_token(cloud: Cloud, federated: Federated) -> None:
    token = federated.shown(federated.token())
    assert token["methods"] == ["mapped"]
    assert token["user"] == {
        "id": token["user"]["id"],
        "name": "Anna",
        "domain": {"id": federated.provider["domain_id"], "name": federated.provider["domain_id"]},
        "OS-FEDERATION": {
            "groups": [{"id": federated.groups["staff"]}],
            "identity_provider": {"id": "acme"},
            "protocol": {"id": "oidc"},
        },
    }
    assert "project" not in token and "roles" not in token


def test_the_same_person_is_the_same_user_whose_name_follows(cloud: Cloud, federated: Federated) -> None:
    first = federated.accept()
    second = federated.accept({**ANNA, "name": ["Anne"], "email": ["anne@example.org"]})
    assert first.user.id == second.user.id
    assert second.user.name == "Anne"
    shown = cloud.ok("GET", f"/users/{first.user.id}", cloud.root)["user"]
    assert (shown["name"], shown["email"]) == ("Anne", "anne@example.org")
    other = federated.accept({**ANNA, "sub": ["b-2"]})
    assert other.user.id != first.user.id
    assert other.user.name == first.user.name


def test_a_scope_keeps_chain_and_end(cloud: Cloud, federated: Federated, clock: VirtualClock) -> None:
    unscoped = federated.token()
    first = federated.shown(unscoped)
    clock.advance(600)
    answer = federated.scoped(unscoped)
    assert answer.status == 201, answer.body
    token = answer.json["token"]
    assert sorted(token["methods"]) == ["mapped", "token"]
    assert token["audit_ids"][-1] == first["audit_ids"][0]
    assert token["expires_at"] == first["expires_at"]
    assert token["user"]["OS-FEDERATION"] == first["user"]["OS-FEDERATION"]
    assert "member" in [role["name"] for role in token["roles"]]


def test_no_chain_of_scopes_outlives_the_first_token(cloud: Cloud, federated: Federated, clock: VirtualClock) -> None:
    """One of Keystone's faults of 2026: each new scope began the hour anew."""
    federated.change("identity_providers/acme", {"identity_provider": {"authorization_ttl": 600}})
    token = federated.token()
    end = federated.shown(token)["expires_at"]
    for _ in range(5):
        clock.advance(700)
        answer = federated.scoped(token)
        assert answer.status == 201, answer.body
        assert answer.json["token"]["expires_at"] == end
        token = answer.headers["X-Subject-Token"]
    clock.advance(200)
    assert federated.scoped(token).status == 404
    assert cloud.v3("GET", "/auth/projects", token).status == 401


@pytest.mark.parametrize("methods", [["token", "application_credential"], ["application_credential", "token"]])
def test_a_second_method_makes_no_token_longer(cloud: Cloud, clock: VirtualClock, methods: list[str]) -> None:
    scope = {"project": {"id": cloud.ids["project:demo"]}}
    token = cloud.token("demo", scope=scope)
    end = cloud.v3("GET", "/auth/tokens", cloud.root, x_subject_token=token).json["token"]["expires_at"]
    made = cloud.ok(
        "POST", f"/users/{cloud.ids['demo']}/application_credentials", token, {"application_credential": {"name": "a"}}
    )["application_credential"]
    clock.advance(1800)
    proof = {"token": {"id": token}, "application_credential": {"id": made["id"], "secret": made["secret"]}}
    answer = cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": {"methods": methods, **proof}}})
    assert answer.status == 201, answer.body
    assert answer.json["token"]["expires_at"] == end


@pytest.mark.parametrize("end", ["disable", "delete", "protocol", "domain"])
def test_a_provider_takes_its_tokens_along(cloud: Cloud, federated: Federated, end: str) -> None:
    unscoped = federated.token()
    scoped = federated.scoped(unscoped).headers["X-Subject-Token"]
    assert cloud.v3("GET", "/auth/projects", scoped).status == 200
    provider = f"{PREFIX}/identity_providers/acme"
    if end == "disable":
        cloud.ok("PATCH", provider, cloud.root, {"identity_provider": {"enabled": False}})
    elif end == "delete":
        cloud.ok("DELETE", provider, cloud.root)
    elif end == "protocol":
        cloud.ok("DELETE", f"{provider}/protocols/oidc", cloud.root)
    else:
        domain = f"/domains/{federated.provider['domain_id']}"
        cloud.ok("PATCH", domain, cloud.root, {"domain": {"enabled": False}})
    for token in (unscoped, scoped):
        assert cloud.v3("GET", "/auth/projects", token).status == 401
        assert federated.scoped(token).status == 404


def test_a_deleted_provider_takes_its_users_along(cloud: Cloud, federated: Federated) -> None:
    user = federated.accept().user
    cloud.ok("PUT", f"/projects/{cloud.ids['project:demo']}/users/{user.id}/roles/{cloud.ids['reader']}", cloud.root)
    cloud.ok("DELETE", f"{PREFIX}/identity_providers/acme", cloud.root)
    assert cloud.v3("GET", f"/users/{user.id}", cloud.root).status == 404
    listed = cloud.ok("GET", f"/role_assignments?user.id={user.id}", cloud.root)["role_assignments"]
    assert listed == []


def test_a_deleted_group_ends_what_it_gave(cloud: Cloud, federated: Federated) -> None:
    unscoped = federated.token()
    scoped = federated.scoped(unscoped).headers["X-Subject-Token"]
    cloud.ok("DELETE", f"/groups/{federated.groups['staff']}", cloud.root)
    assert cloud.v3("GET", "/auth/projects", scoped).status == 401
    assert federated.scoped(unscoped).status == 401
    assert federated.shown(unscoped)["user"]["OS-FEDERATION"]["groups"] == []
    assert cloud.ok("GET", "/OS-FEDERATION/projects", unscoped)["projects"] == []


def test_the_newest_assertion_says_which_groups_there_are(cloud: Cloud, federated: Federated) -> None:
    first = federated.token()
    scoped = federated.scoped(first).headers["X-Subject-Token"]
    federated.accept({**ANNA, "groups": ["crew", "ghosts"]})
    assert federated.validate(scoped).status == 404
    assert federated.shown(first)["user"]["OS-FEDERATION"]["groups"] == [{"id": federated.groups["crew"]}]


def test_a_membership_ends_when_the_provider_says(cloud: Cloud, federated: Federated, clock: VirtualClock) -> None:
    federated.change("identity_providers/acme", {"identity_provider": {"authorization_ttl": 10}})
    granted = federated.accept()
    scoped = federated.scoped(granted.text).headers["X-Subject-Token"]
    (group,) = cloud.ok("GET", f"/users/{granted.user.id}/groups", cloud.root)["groups"]
    assert group["id"] == federated.groups["staff"]
    assert group["membership_expires_at"] == "2026-01-01T00:10:00.000000Z"
    assert cloud.v3("GET", "/auth/projects", scoped).status == 200
    clock.advance(601)
    assert cloud.v3("GET", "/auth/projects", scoped).status == 401
    assert cloud.ok("GET", f"/users/{granted.user.id}/groups", cloud.root)["groups"] == []
    assert federated.shown(granted.text)["user"]["OS-FEDERATION"]["groups"] == []


def test_groups_that_last_serve_what_the_user_hands_on(cloud: Cloud, federated: Federated, clock: VirtualClock) -> None:
    federated.change("identity_providers/acme", {"identity_provider": {"authorization_ttl": 120}})
    granted = federated.accept()
    scoped = federated.scoped(granted.text).headers["X-Subject-Token"]
    body = {"application_credential": {"name": "robot"}}
    made = cloud.ok("POST", f"/users/{granted.user.id}/application_credentials", scoped, body)["application_credential"]
    proof = {
        "methods": ["application_credential"],
        "application_credential": {"id": made["id"], "secret": made["secret"]},
    }
    clock.advance(5000)
    answer = cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": proof}})
    assert answer.status == 201
    clock.advance(2300)
    assert cloud.v3("GET", "/auth/projects", answer.headers["X-Subject-Token"]).status == 401
    assert cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": proof}}).status == 401


def test_effective_assignments_name_the_group_by_which_they_came(cloud: Cloud, federated: Federated) -> None:
    user_id = federated.accept().user.id
    query = f"?effective&user.id={user_id}&role.id={cloud.ids['member']}"
    (found,) = cloud.ok("GET", f"/role_assignments{query}", cloud.root)["role_assignments"]
    assert found["user"] == {"id": user_id}
    assert found["links"]["membership"].endswith(f"/groups/{federated.groups['staff']}/users/{user_id}")
    everybody = cloud.ok("GET", f"/role_assignments?effective&role.id={cloud.ids['member']}", cloud.root)
    assert user_id in [each["user"]["id"] for each in everybody["role_assignments"]]
    members = cloud.ok("GET", f"/groups/{federated.groups['staff']}/users", cloud.root)["users"]
    assert [each["id"] for each in members] == [user_id]


def test_a_local_user_is_one_that_is_here(cloud: Cloud, federated: Federated) -> None:
    local = {"name": "{0}", "type": "local", "domain": {"id": "default"}}
    federated.map([{"local": [{"user": local}], "remote": [{"type": "name"}]}])
    assert federated.accept({"name": ["demo"]}).user.id == cloud.ids["demo"]
    answer = federated.scoped(federated.token({"name": ["demo"]}))
    assert answer.status == 201
    with pytest.raises(Exception, match="no local user"):
        federated.accept({"name": ["Nobody of that name"]})
    cloud.ok("PATCH", f"/users/{cloud.ids['demo']}", cloud.root, {"user": {"enabled": False}})
    with pytest.raises(Exception, match="requires authentication"):
        federated.accept({"name": ["demo"]})


def test_a_federated_name_is_nobody_elses(cloud: Cloud, federated: Federated) -> None:
    """A provider may call somebody as a local user is called: that one keeps the password, this one its id."""
    user = {"name": "{0}", "domain": {"id": "default"}}
    federated.map([{"local": [{"user": user}], "remote": [{"type": "name"}]}])
    granted = federated.accept({"name": ["demo"]})
    assert granted.user.id != cloud.ids["demo"]
    assert cloud.sign_in("demo").json["token"]["user"]["id"] == cloud.ids["demo"]
    assert cloud.v3("GET", "/auth/projects", granted.text).json["projects"] == []
    cloud.user("made later", "default")
    federated.accept({"name": ["made later"]})


def test_projects_are_made_with_their_roles(cloud: Cloud, federated: Federated) -> None:
    projects = [{"name": "Home of {0}", "roles": [{"name": "member"}, {"name": "reader"}]}]
    federated.map([{"local": [{"user": {"name": "{0}"}}, {"projects": projects}], "remote": [{"type": "name"}]}])
    token = federated.token()
    (found,) = cloud.ok("GET", "/OS-FEDERATION/projects", token)["projects"]
    assert found["name"] == "Home of Anna"
    assert found["domain_id"] == federated.provider["domain_id"]
    answer = cloud.exchange(token, {"project": {"id": found["id"]}})
    assert {role["name"] for role in answer.json["token"]["roles"]} == {"member", "reader"}
    again = cloud.ok("GET", "/OS-FEDERATION/projects", federated.token())["projects"]
    assert [each["id"] for each in again] == [found["id"]]


def test_a_project_in_another_domain_and_roles_that_go(cloud: Cloud, federated: Federated) -> None:
    def rules(*roles: str) -> Any:
        projects = [{"name": "shared", "domain": {"name": "Default"}, "roles": [{"name": role} for role in roles]}]
        return [{"local": [{"user": {"name": "{0}"}}, {"projects": projects}], "remote": [{"type": "name"}]}]

    def roles_now() -> set[str]:
        shared = [
            each
            for each in cloud.ok("GET", "/auth/projects", federated.token())["projects"]
            if each["name"] == "shared" and each["domain_id"] == "default"
        ]
        token = federated.token()
        answer = cloud.exchange(token, {"project": {"id": shared[0]["id"]}})
        return {role["name"] for role in answer.json["token"]["roles"]}

    federated.map(rules("member", "service"), "2.0")
    assert roles_now() == {"member", "reader", "service"}
    federated.map(rules("service"), "2.0")
    assert roles_now() == {"member", "reader", "service"}
    federated.map(rules("service"), "3.0")
    assert roles_now() == {"service"}


def test_a_role_or_domain_that_is_not_there_writes_nothing(cloud: Cloud, federated: Federated) -> None:
    users = len(cloud.ok("GET", "/users", cloud.root)["users"])
    for project in (
        {"name": "p", "roles": [{"name": "no such role"}]},
        {"name": "p", "roles": [], "domain": {"name": "no such domain"}},
    ):
        local = [{"user": {"name": "{0}"}}, {"projects": [project]}]
        federated.map([{"local": local, "remote": [{"type": "name"}]}], "2.0")
        with pytest.raises(Exception, match="there is no"):
            federated.accept()
    assert len(cloud.ok("GET", "/users", cloud.root)["users"]) == users


def test_only_issuers_among_the_remote_ids_speak_for_the_provider(cloud: Cloud, federated: Federated) -> None:
    federated.change("identity_providers/acme", {"identity_provider": {"remote_ids": ["https://one.test"]}})
    federated.change("identity_providers/acme/protocols/oidc", {"protocol": {"remote_id_attribute": "iss"}})
    assert federated.accept({**ANNA, "iss": ["https://one.test"]}).user.name == "Anna"
    for issuer in ([], ["https://two.test"], ["https://one.test", "https://two.test"]):
        with pytest.raises(Exception, match="remote_ids"):
            federated.accept({**ANNA, "iss": issuer})


def test_an_unknown_or_disabled_provider_accepts_nobody(cloud: Cloud, federated: Federated) -> None:
    path = f"{PREFIX}/identity_providers/acme/protocols"
    assert cloud.v3("GET", f"{path}/none/auth").status == 404
    assert cloud.v3("GET", f"{PREFIX}/identity_providers/none/protocols/oidc/auth").status == 404
    assert cloud.v3("GET", f"{path}/oidc/auth").status == 404
    federated.change("identity_providers/acme", {"identity_provider": {"enabled": False}})
    assert cloud.v3("POST", f"{path}/oidc/auth").status == 403


def test_a_sign_in_leaves_an_audit_entry(cloud: Cloud, federated: Federated) -> None:
    user = federated.accept().user
    rows = cloud.database.read().execute(select(audit_entry).where(audit_entry.c.request_id == "req-test")).all()
    assert [(row.action, row.noun_id) for row in rows] == [("identity:authenticate", user.id)]
