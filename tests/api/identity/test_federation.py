"""Identity providers, protocols, mappings, service providers; and who signs in by them, with a driver that believes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from skyloom.access import Caller
from skyloom.clock import VirtualClock
from skyloom.identity.service.sessions import Granted
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud

PREFIX = "/OS-FEDERATION"
RULES: list[dict[str, Any]] = [
    {
        "local": [{"user": {"name": "{0}", "id": "{1}", "email": "{2}"}}],
        "remote": [{"type": "name"}, {"type": "sub"}, {"type": "email"}],
    },
    {
        "local": [{"groups": "{0}", "domain": {"id": "default"}}],
        "remote": [{"type": "groups", "whitelist": ["staff", "crew", "ghosts"]}],
    },
]
ANNA = {"name": ["Anna"], "sub": ["a-1"], "email": ["anna@example.org"], "groups": ["staff"]}
NOBODY = Caller(user_id="", request_id="req-test")


class Federated:
    """An identity provider `acme` with a protocol `oidc`, and groups `staff` (a member of demo) and `crew`."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.groups = {name: self._group(name) for name in ("staff", "crew")}
        role = f"/projects/{cloud.ids['project:demo']}/groups/{self.groups['staff']}/roles/{cloud.ids['member']}"
        cloud.ok("PUT", role, cloud.root)
        self.provider = self.put("identity_providers/acme", {"identity_provider": {"enabled": True}})[
            "identity_provider"
        ]
        self.put("mappings/acme", {"mapping": {"rules": RULES}})
        self.put("identity_providers/acme/protocols/oidc", {"protocol": {"mapping_id": "acme"}})

    def _group(self, name: str) -> str:
        body = {"group": {"name": name, "domain_id": "default"}}
        found: str = self.cloud.ok("POST", "/groups", self.cloud.root, body)["group"]["id"]
        return found

    def put(self, path: str, body: Any) -> Any:
        return self.cloud.ok("PUT", f"{PREFIX}/{path}", self.cloud.root, body)

    def change(self, path: str, body: Any) -> Any:
        return self.cloud.ok("PATCH", f"{PREFIX}/{path}", self.cloud.root, body)

    def map(self, rules: Any, version: str = "1.0") -> None:
        self.change("mappings/acme", {"mapping": {"rules": rules, "schema_version": version}})

    def accept(self, attributes: Mapping[str, Sequence[str]] = ANNA, protocol: str = "oidc") -> Granted:
        return self.cloud.service.federation.accept(NOBODY, "acme", protocol, attributes)

    def token(self, attributes: Mapping[str, Sequence[str]] = ANNA) -> str:
        return self.accept(attributes).text

    def shown(self, token: str) -> Any:
        return self.validate(token).json["token"]

    def validate(self, token: str) -> Answer:
        return self.cloud.v3("GET", "/auth/tokens", self.cloud.root, x_subject_token=token)

    def scoped(self, token: str, project: str = "demo") -> Answer:
        return self.cloud.exchange(token, {"project": {"id": self.cloud.ids[f"project:{project}"]}})


@pytest.fixture
def federated(cloud: Cloud) -> Federated:
    return Federated(cloud)


# -- the resources


def test_an_identity_provider_gets_a_domain_of_its_own(cloud: Cloud, federated: Federated) -> None:
    provider = federated.provider
    assert provider == {
        "id": "acme",
        "enabled": True,
        "description": None,
        "authorization_ttl": None,
        "remote_ids": [],
        "domain_id": provider["domain_id"],
        "links": {
            "self": "https://cloud.test/identity/v3/OS-FEDERATION/identity_providers/acme",
            "protocols": "https://cloud.test/identity/v3/OS-FEDERATION/identity_providers/acme/protocols",
        },
    }
    domain = cloud.ok("GET", f"/domains/{provider['domain_id']}", cloud.root)["domain"]
    assert domain["description"] == "Auto generated federated domain for Identity Provider: acme"


def test_an_identity_provider_is_disabled_unless_one_says_otherwise(cloud: Cloud) -> None:
    body = {"identity_provider": {"remote_ids": ["b", "a"], "domain_id": "default", "authorization_ttl": 5}}
    made = cloud.ok("PUT", f"{PREFIX}/identity_providers/x", cloud.root, body)["identity_provider"]
    assert (made["enabled"], made["remote_ids"], made["domain_id"]) == (False, ["a", "b"], "default")
    assert made["authorization_ttl"] == 5


def test_a_remote_id_is_one_providers_only(cloud: Cloud, federated: Federated) -> None:
    federated.change("identity_providers/acme", {"identity_provider": {"remote_ids": ["r1", "r2"]}})
    body = {"identity_provider": {"remote_ids": ["r2"]}}
    assert cloud.v3("PUT", f"{PREFIX}/identity_providers/other", cloud.root, body).status == 409
    assert cloud.v3("GET", f"{PREFIX}/identity_providers/other", cloud.root).status == 404
    federated.change("identity_providers/acme", {"identity_provider": {"remote_ids": ["r1"]}})
    assert cloud.v3("PUT", f"{PREFIX}/identity_providers/other", cloud.root, body).status == 201


@pytest.mark.parametrize(
    "body",
    [
        {"domain_id": "no-such-domain"},
        {"enabled": "maybe"},
        {"unknown": 1},
        {"remote_ids": "r1"},
        {"authorization_ttl": -1},
    ],
)
def test_a_provider_that_cannot_be_leaves_no_domain(cloud: Cloud, body: Any) -> None:
    before = len(cloud.ok("GET", "/domains", cloud.root)["domains"])
    answer = cloud.v3("PUT", f"{PREFIX}/identity_providers/x", cloud.root, {"identity_provider": body})
    assert answer.status in (400, 404), answer.body
    assert len(cloud.ok("GET", "/domains", cloud.root)["domains"]) == before


def test_two_providers_of_one_id_are_a_conflict_and_leave_no_domain(cloud: Cloud, federated: Federated) -> None:
    before = len(cloud.ok("GET", "/domains", cloud.root)["domains"])
    assert cloud.v3("PUT", f"{PREFIX}/identity_providers/acme", cloud.root, {"identity_provider": {}}).status == 409
    assert len(cloud.ok("GET", "/domains", cloud.root)["domains"]) == before


def test_the_domain_of_a_provider_cannot_be_changed(cloud: Cloud, federated: Federated) -> None:
    body = {"identity_provider": {"domain_id": "default"}}
    assert cloud.v3("PATCH", f"{PREFIX}/identity_providers/acme", cloud.root, body).status == 400


def test_providers_are_listed_by_id_and_by_state(cloud: Cloud, federated: Federated) -> None:
    federated.put("identity_providers/b", {"identity_provider": {}})

    def ids(query: str) -> list[str]:
        found = cloud.ok("GET", f"{PREFIX}/identity_providers{query}", cloud.root)["identity_providers"]
        return [each["id"] for each in found]

    assert ids("") == ["acme", "b"]
    assert ids("?id=b") == ["b"]
    assert ids("?enabled=true") == ["acme"]


def test_a_domain_takes_its_providers_along(cloud: Cloud, federated: Federated) -> None:
    domain = f"/domains/{federated.provider['domain_id']}"
    token = federated.token()
    cloud.ok("PATCH", domain, cloud.root, {"domain": {"enabled": False}})
    assert federated.validate(token).status == 404
    cloud.ok("DELETE", domain, cloud.root)
    assert cloud.v3("GET", f"{PREFIX}/identity_providers/acme", cloud.root).status == 404


def test_a_protocol_is_made_shown_changed_and_deleted(cloud: Cloud, federated: Federated) -> None:
    path = f"{PREFIX}/identity_providers/acme/protocols/oidc"
    shown = cloud.ok("GET", path, cloud.root)["protocol"]
    assert shown == {
        "id": "oidc",
        "mapping_id": "acme",
        "remote_id_attribute": None,
        "links": {
            "self": f"https://cloud.test/identity/v3{path}",
            "identity_provider": "https://cloud.test/identity/v3/OS-FEDERATION/identity_providers/acme",
        },
    }
    body = {"protocol": {"mapping_id": "acme", "remote_id_attribute": "HTTP_OIDC_ISS"}}
    assert cloud.ok("PATCH", path, cloud.root, body)["protocol"]["remote_id_attribute"] == "HTTP_OIDC_ISS"
    listed = cloud.ok("GET", f"{PREFIX}/identity_providers/acme/protocols", cloud.root)["protocols"]
    assert [each["id"] for each in listed] == ["oidc"]
    cloud.ok("DELETE", path, cloud.root)
    assert cloud.v3("GET", path, cloud.root).status == 404


def test_a_protocol_takes_a_mapping_that_is_there(cloud: Cloud, federated: Federated) -> None:
    path = f"{PREFIX}/identity_providers/acme/protocols/x"
    assert cloud.v3("PUT", path, cloud.root, {"protocol": {"mapping_id": "none"}}).status == 400
    assert cloud.v3("PUT", path, cloud.root, {"protocol": {}}).status == 400
    assert cloud.v3("PUT", path, cloud.root, {"protocol": {"mapping_id": "acme", "x": 1}}).status == 400
    nowhere = f"{PREFIX}/identity_providers/none/protocols/x"
    assert cloud.v3("PUT", nowhere, cloud.root, {"protocol": {"mapping_id": "acme"}}).status == 404


def test_the_secrets_of_a_config_are_sealed_and_not_shown(cloud: Cloud, federated: Federated, tmp_path: Path) -> None:
    path = f"{PREFIX}/identity_providers/acme/protocols/oidc/config"
    assert cloud.v3("GET", path, cloud.root).status == 404
    options = {"issuer": "https://idp.test", "client_id": "sky", "client_secret": "very-secret-word"}
    made = cloud.ok("PUT", path, cloud.root, {"config": {"driver": "oidc", "options": options}})["config"]
    assert made["driver"] == "oidc"
    assert made["options"]["issuer"] == "https://idp.test"
    assert "client_secret" not in made["options"]
    assert cloud.ok("GET", path, cloud.root)["config"] == made
    del options["client_secret"]
    cloud.ok("PUT", path, cloud.root, {"config": {"driver": "oidc", "options": options}})
    protocol = cloud.service.protocols.show("acme", "oidc")
    assert cloud.service.protocols.options(protocol).client_secret == "very-secret-word"
    files = [file.read_bytes() for file in tmp_path.iterdir() if file.is_file()]
    assert not [True for content in files if b"very-secret-word" in content]
    cloud.ok("DELETE", path, cloud.root)
    assert cloud.v3("GET", path, cloud.root).status == 404


@pytest.mark.parametrize(
    "config",
    [
        {"driver": "nonsense", "options": {}},
        {"driver": "oidc", "options": {}},
        {"driver": "oidc", "options": {"issuer": "ftp://x", "client_id": "a"}},
        {"driver": "oidc", "options": {"issuer": "https://x", "client_id": "a", "more": 1}},
    ],
)
def test_a_config_that_cannot_be_is_refused(cloud: Cloud, federated: Federated, config: Any) -> None:
    path = f"{PREFIX}/identity_providers/acme/protocols/oidc/config"
    answer = cloud.v3("PUT", path, cloud.root, {"config": config})
    assert answer.status == 400, answer.body
    assert b"driver" in answer.body or b"config.options" in answer.body


def test_a_mapping_is_checked_whole(cloud: Cloud, federated: Federated) -> None:
    for rules in (
        [],
        [{"local": [], "remote": []}],
        [{"local": [{"user": {"name": "{9}"}}], "remote": [{"type": "a"}]}],
    ):
        for method, path in (("PUT", "mappings/new"), ("PATCH", "mappings/acme")):
            answer = cloud.v3(method, f"{PREFIX}/{path}", cloud.root, {"mapping": {"rules": rules}})
            assert answer.status == 400, answer.body
            assert b"rules" in answer.body
    shown = cloud.ok("GET", f"{PREFIX}/mappings/acme", cloud.root)["mapping"]
    assert shown["rules"] == RULES
    assert shown["schema_version"] == "1.0"


def test_service_providers_stand_in_tokens_while_they_are_enabled(cloud: Cloud) -> None:
    body = {"auth_url": "https://far.test/v3/auth", "sp_url": "https://far.test/sp", "enabled": True}
    path = f"{PREFIX}/service_providers/far"
    made = cloud.ok("PUT", path, cloud.root, {"service_provider": body})["service_provider"]
    assert made["relay_state_prefix"] == "ss:mem:"
    shown = {"id": "far", "auth_url": "https://far.test/v3/auth", "sp_url": "https://far.test/sp"}
    scope = {"project": {"id": cloud.ids["project:demo"]}}
    for answer in (cloud.sign_in("demo"), cloud.sign_in("demo", scope=scope)):
        assert answer.json["token"]["service_providers"] == [shown]
    cloud.ok("PATCH", path, cloud.root, {"service_provider": {"enabled": False}})
    assert "service_providers" not in cloud.sign_in("demo").json["token"]
    assert cloud.v3("PUT", f"{PREFIX}/service_providers/x", cloud.root, {"service_provider": {}}).status == 400


# -- signing in


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
    assert federated.scoped(token).status == 401
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
        assert federated.scoped(token).status == 401


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
    from sqlalchemy import select

    from skyloom.db.audit import audit_entry

    user = federated.accept().user
    rows = cloud.database.read().execute(select(audit_entry).where(audit_entry.c.request_id == "req-test")).all()
    assert [(row.action, row.noun_id) for row in rows] == [("identity:authenticate", user.id)]


# -- users as the API shows them


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
    assert cloud.v3("POST", "/auth/tokens", body=body).status == 401


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
