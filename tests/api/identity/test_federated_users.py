"""Users whom identity providers know: as the API shows them, and who comes again or may not."""

from typing import Any

import pytest

from tests.api.client import Answer
from tests.api.identity.conftest import Cloud
from tests.api.identity.federated import ANNA, Federated


def test_a_user_shows_by_whom_it_is_known(cloud: Cloud, federated: Federated) -> None:
    user = federated.accept().user
    known = [{"idp_id": "acme", "protocols": [{"protocol_id": "oidc", "unique_id": "a-1"}]}]
    assert cloud.ok("GET", f"/users/{user.id}", cloud.root)["user"]["federated"] == known
    assert "federated" not in cloud.ok("GET", f"/users/{cloud.ids['demo']}", cloud.root)["user"]


def test_users_are_found_by_what_a_provider_calls_them(cloud: Cloud, federated: Federated) -> None:
    anna, bert = federated.accept().user, federated.accept({**ANNA, "sub": ["b/2"]}).user

    def found(query: str) -> set[str]:
        return {user["id"] for user in cloud.ok("GET", f"/users?{query}", cloud.root)["users"]}

    assert found("unique_id=a-1") == {anna.id}
    assert found("unique_id=b/2") == {bert.id}
    assert found("idp_id=acme") == found("protocol_id=oidc") == {anna.id, bert.id}
    assert found("idp_id=acme&unique_id=a-1") == {anna.id}
    assert found("idp_id=none") == set()


def test_a_local_user_can_be_known_to_a_provider(cloud: Cloud, federated: Federated) -> None:
    known = [{"idp_id": "acme", "protocols": [{"protocol_id": "oidc", "unique_id": "a-1"}]}]
    made = cloud.user("local anna", federated=known)
    assert made["federated"] == known
    granted = federated.accept()
    assert granted.user.id == made["id"]
    assert granted.user.name == "local anna"
    assert cloud.sign_in("local anna").status == 201
    assert len(cloud.ok("GET", f"/users/{made['id']}/groups", cloud.root)["groups"]) == 1
    changed = [{"idp_id": "acme", "protocols": [{"protocol_id": "oidc", "unique_id": "other"}]}]
    body = {"user": {"federated": changed}}
    assert cloud.ok("PATCH", f"/users/{made['id']}", cloud.root, body)["user"]["federated"] == changed
    assert federated.accept().user.id != made["id"]
    cloud.ok("PATCH", f"/users/{made['id']}", cloud.root, {"user": {"email": "a@b"}})
    assert cloud.ok("GET", f"/users/{made['id']}", cloud.root)["user"]["federated"] == changed
    body = {"user": {"federated": []}}
    assert "federated" not in cloud.ok("PATCH", f"/users/{made['id']}", cloud.root, body)["user"]


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ([{"idp_id": "none", "protocols": [{"protocol_id": "oidc", "unique_id": "u"}]}], 400),
        ([{"idp_id": "acme", "protocols": [{"protocol_id": "none", "unique_id": "u"}]}], 400),
        ([{"idp_id": "acme", "protocols": []}], 400),
        ([{"idp_id": "acme"}], 400),
        ("acme", 400),
        ([{"idp_id": "acme", "protocols": [{"protocol_id": "oidc", "unique_id": "a-1"}]}], 409),
    ],
)
def test_what_no_provider_knows_or_another_is_known_by_is_refused(
    cloud: Cloud, federated: Federated, known: Any, status: int
) -> None:
    federated.accept()
    body = {"user": {"name": "new", "domain_id": "default", "federated": known}}
    assert cloud.v3("POST", "/users", cloud.root, body).status == status
    assert cloud.ok("GET", "/users?name=new", cloud.root)["users"] == []


def test_the_older_way_to_a_scope_takes_federated_tokens_only(cloud: Cloud, federated: Federated) -> None:
    def scoped(token: str) -> Answer:
        identity = {"methods": ["mapped"], "mapped": {"id": token}}
        scope = {"project": {"id": cloud.ids["project:demo"]}}
        return cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity, "scope": scope}})

    token = federated.token()
    answer = scoped(token)
    assert answer.status == 201
    assert answer.json["token"]["methods"] == ["mapped"]
    assert answer.json["token"]["expires_at"] == federated.shown(token)["expires_at"]
    assert scoped(cloud.token("demo")).status == 401
    body = {"auth": {"identity": {"methods": ["mapped"]}}}
    assert cloud.v3("POST", "/auth/tokens", body=body).status == 400


def test_a_user_who_is_disabled_here_is_not_let_in(cloud: Cloud, federated: Federated) -> None:
    granted = federated.accept()
    cloud.ok("PATCH", f"/users/{granted.user.id}", cloud.root, {"user": {"enabled": False}})
    assert federated.validate(granted.text).status == 404
    with pytest.raises(Exception, match="requires authentication"):
        federated.accept()
    assert not cloud.ok("GET", f"/users/{granted.user.id}", cloud.root)["user"]["enabled"]


def test_somebody_whose_link_was_taken_away_comes_again(cloud: Cloud, federated: Federated) -> None:
    user = federated.accept().user
    cloud.ok("PATCH", f"/users/{user.id}", cloud.root, {"user": {"federated": []}})
    assert federated.accept({**ANNA, "name": ["Anne"]}).user.id == user.id
    shown = cloud.ok("GET", f"/users/{user.id}", cloud.root)["user"]
    assert shown["federated"] == [{"idp_id": "acme", "protocols": [{"protocol_id": "oidc", "unique_id": "a-1"}]}]
    assert shown["name"] == "Anne"


def test_a_role_of_the_projects_own_domain_can_be_mapped(cloud: Cloud, federated: Federated) -> None:
    own = {"role": {"name": "pilot", "domain_id": "default"}}
    pilot = cloud.ok("POST", "/roles", cloud.root, own)["role"]
    cloud.ok("PUT", f"/roles/{pilot['id']}/implies/{cloud.ids['reader']}", cloud.root)

    def rules(domain: str) -> Any:
        projects = [{"name": "p", "domain": {"id": domain}, "roles": [{"name": "pilot"}]}]
        return [{"local": [{"user": {"name": "{0}"}}, {"projects": projects}], "remote": [{"type": "name"}]}]

    federated.map(rules("default"), "2.0")
    assert [each["name"] for each in cloud.ok("GET", "/auth/projects", federated.token())["projects"]] == ["p"]
    federated.map(rules(federated.provider["domain_id"]), "2.0")
    with pytest.raises(Exception, match="no role pilot"):
        federated.accept()


@pytest.mark.parametrize("user", [{"type": "local"}, {"type": "local", "id": "none"}, {"type": "ephemeral"}])
def test_a_mapping_that_names_nobody_lets_nobody_in(cloud: Cloud, federated: Federated, user: Any) -> None:
    federated.map([{"local": [{"user": user}], "remote": [{"type": "name"}]}])
    with pytest.raises(Exception, match="mapped to no user"):
        federated.accept()
    if user["type"] == "ephemeral":
        assert federated.accept({**ANNA, "REMOTE_USER": ["a@b"]}).user.name == "a@b"
