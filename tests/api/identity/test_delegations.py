import json
from typing import Any

import pytest

from skyloom.clock import VirtualClock
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud

SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def application_credential(cloud: Cloud, token: str, **more: Any) -> dict[str, Any]:
    path = f"/users/{cloud.ids['demo']}/application_credentials"
    body = {"application_credential": {"name": "robot", **more}}
    found: dict[str, Any] = cloud.ok("POST", path, token, body)["application_credential"]
    return found


def come_by(cloud: Cloud, credential: dict[str, Any]) -> Answer:
    method = {"id": credential["id"], "secret": credential["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": method}
    return cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}})


# -- application credentials


def test_an_application_credential_gives_a_token_of_its_project_and_roles(cloud: Cloud) -> None:
    made = application_credential(cloud, cloud.token("demo"), roles=[{"name": "reader"}])
    token = come_by(cloud, made).json["token"]
    assert token["project"]["name"] == "demo"
    assert [role["name"] for role in token["roles"]] == ["reader"]
    assert token["application_credential"] == {"id": made["id"], "name": "robot", "restricted": True}


def test_its_secret_is_shown_once(cloud: Cloud) -> None:
    owner = cloud.token("demo")
    made = application_credential(cloud, owner)
    shown = cloud.ok("GET", f"/users/{cloud.ids['demo']}/application_credentials/{made['id']}", owner)
    assert "secret" not in shown["application_credential"] and "secret_hash" not in json.dumps(shown)


def test_a_role_that_is_not_held_cannot_be_handed_on(cloud: Cloud) -> None:
    body = {"application_credential": {"name": "robot", "roles": [{"name": "admin"}]}}
    answer = cloud.v3("POST", f"/users/{cloud.ids['demo']}/application_credentials", cloud.token("demo"), body)
    assert answer.status == 400


def test_its_token_cannot_be_exchanged_nor_make_credentials_or_trusts(cloud: Cloud) -> None:
    text = come_by(cloud, application_credential(cloud, cloud.token("demo"))).headers["X-Subject-Token"]
    user = cloud.ids["demo"]
    assert cloud.exchange(text).status == 403
    another = {"application_credential": {"name": "other"}}
    assert cloud.v3("POST", f"/users/{user}/application_credentials", text, another).status == 403
    pair = {"tenant_id": cloud.ids["project:demo"]}
    assert cloud.v3("POST", f"/users/{user}/credentials/OS-EC2", text, pair).status == 403
    blob = {"credential": {"user_id": user, "type": "cert", "blob": "x"}}
    assert cloud.v3("POST", "/credentials", text, blob).status == 403
    assert cloud.v3("GET", f"/OS-TRUST/trusts?trustor_user_id={user}", text).status == 403


def test_an_unrestricted_one_may_make_others(cloud: Cloud) -> None:
    text = come_by(cloud, application_credential(cloud, cloud.token("demo"), unrestricted=True)).headers[
        "X-Subject-Token"
    ]
    another = {"application_credential": {"name": "other"}}
    assert cloud.v3("POST", f"/users/{cloud.ids['demo']}/application_credentials", text, another).status == 201
    assert cloud.exchange(text).status == 403


def test_when_it_is_deleted_its_tokens_end(cloud: Cloud) -> None:
    owner = cloud.token("demo")
    made = application_credential(cloud, owner)
    text = come_by(cloud, made).headers["X-Subject-Token"]
    cloud.ok("DELETE", f"/users/{cloud.ids['demo']}/application_credentials/{made['id']}", owner)
    assert cloud.v3("GET", "/auth/projects", text).status == 401
    assert come_by(cloud, made).status == 401


def test_an_expired_one_gives_no_token(cloud: Cloud, clock: VirtualClock) -> None:
    made = application_credential(cloud, cloud.token("demo"), expires_at="2026-01-01T00:10:00")
    token = come_by(cloud, made).json["token"]
    assert token["expires_at"] == "2026-01-01T00:10:00.000000Z"
    clock.advance(600)
    assert come_by(cloud, made).status == 401


def test_another_user_can_neither_make_nor_see_them(cloud: Cloud) -> None:
    path = f"/users/{cloud.ids['demo']}/application_credentials"
    made = application_credential(cloud, cloud.token("demo"))
    stranger = cloud.token("stranger")
    assert cloud.v3("POST", path, stranger, {"application_credential": {"name": "x"}}).status == 403
    assert cloud.v3("GET", path, stranger).status == 403
    assert cloud.v3("DELETE", f"{path}/{made['id']}", stranger).status == 403
    # an administrator may see and delete them, but not act as the user
    assert cloud.v3("GET", f"{path}/{made['id']}", cloud.root).status == 200
    assert cloud.v3("POST", path, cloud.root, {"application_credential": {"name": "x"}}).status == 403


def test_access_rules_bound_what_its_token_may_ask_for(cloud: Cloud) -> None:
    owner, user = cloud.token("demo"), cloud.ids["demo"]
    rules = [{"service": "identity", "method": "GET", "path": "/v3/auth/projects"}]
    made = application_credential(cloud, owner, access_rules=rules)
    text = come_by(cloud, made).headers["X-Subject-Token"]
    assert cloud.v3("GET", "/auth/projects", text).status == 200
    assert cloud.v3("GET", "/auth/domains", text).status == 401
    assert cloud.v3("GET", f"/users/{user}", text).status == 401
    rule_id = made["access_rules"][0]["id"]
    assert cloud.v3("DELETE", f"/users/{user}/access_rules/{rule_id}", owner).status == 403
    cloud.ok("DELETE", f"/users/{user}/application_credentials/{made['id']}", owner)
    assert cloud.v3("DELETE", f"/users/{user}/access_rules/{rule_id}", owner).status == 204


# -- trusts


def trust(cloud: Cloud, token: str, trustee: str = "stranger", **more: Any) -> Answer:
    body = {
        "trustor_user_id": cloud.ids["demo"],
        "trustee_user_id": cloud.ids[trustee],
        "project_id": cloud.ids["project:demo"],
        "impersonation": False,
        "roles": [{"name": "reader"}],
    }
    return cloud.v3("POST", "/OS-TRUST/trusts", token, {"trust": {**body, **more}})


def by_trust(cloud: Cloud, trust_id: str, name: str = "stranger") -> Answer:
    return cloud.sign_in(name, scope={"OS-TRUST:trust": {"id": trust_id}})


@pytest.mark.parametrize("impersonation", [True, False])
def test_a_trustee_acts_in_the_trustors_project(cloud: Cloud, impersonation: bool) -> None:
    made = trust(cloud, cloud.token("demo"), impersonation=impersonation).json["trust"]
    token = by_trust(cloud, made["id"]).json["token"]
    assert token["user"]["name"] == ("demo" if impersonation else "stranger")
    assert token["project"]["name"] == "demo" and [role["name"] for role in token["roles"]] == ["reader"]
    assert token["OS-TRUST:trust"]["trustee_user"] == {"id": cloud.ids["stranger"]}


def test_a_trust_is_for_its_trustee_only(cloud: Cloud) -> None:
    made = trust(cloud, cloud.token("demo")).json["trust"]
    assert by_trust(cloud, made["id"], "looker").status == 403
    assert cloud.v3("GET", f"/OS-TRUST/trusts/{made['id']}", cloud.token("looker")).status == 403
    assert cloud.v3("GET", f"/OS-TRUST/trusts/{made['id']}", cloud.token("stranger")).status == 200
    assert cloud.v3("DELETE", f"/OS-TRUST/trusts/{made['id']}", cloud.token("stranger")).status == 403


def test_nobody_gives_a_trust_in_anothers_name_or_with_roles_not_held(cloud: Cloud) -> None:
    assert trust(cloud, cloud.token("looker")).status == 403
    assert trust(cloud, cloud.root).status == 403
    assert trust(cloud, cloud.token("demo"), roles=[{"name": "admin"}]).status == 404
    assert trust(cloud, cloud.token("demo"), roles=[]).status == 403
    assert trust(cloud, cloud.token("demo"), expires_at="bad.123Z").status == 400


def test_a_trust_ends_with_the_trustors_role_and_with_itself(cloud: Cloud) -> None:
    owner = cloud.token("demo")
    made = trust(cloud, owner).json["trust"]
    text = by_trust(cloud, made["id"]).headers["X-Subject-Token"]
    assert cloud.v3("GET", "/auth/catalog", text).status == 200
    cloud.ok("DELETE", f"/OS-TRUST/trusts/{made['id']}", owner)
    assert cloud.v3("GET", "/auth/catalog", text).status == 401
    made = trust(cloud, owner).json["trust"]
    role = f"/projects/{cloud.ids['project:demo']}/users/{cloud.ids['demo']}/roles/{cloud.ids['member']}"
    cloud.ok("DELETE", role, cloud.root)
    assert by_trust(cloud, made["id"]).status == 403


def test_uses_are_counted(cloud: Cloud) -> None:
    made = trust(cloud, cloud.token("demo"), remaining_uses=2).json["trust"]
    assert [by_trust(cloud, made["id"]).status for _ in range(3)] == [201, 201, 403]
    assert cloud.v3("GET", f"/OS-TRUST/trusts/{made['id']}", cloud.root).status == 404


def test_a_trusts_token_cannot_be_exchanged_nor_make_credentials(cloud: Cloud) -> None:
    made = trust(cloud, cloud.token("demo"), impersonation=True, roles=[{"name": "member"}]).json["trust"]
    text = by_trust(cloud, made["id"]).headers["X-Subject-Token"]
    assert cloud.exchange(text).status == 403
    path = f"/users/{cloud.ids['demo']}/application_credentials"
    assert cloud.v3("POST", path, text, {"application_credential": {"name": "x"}}).status == 403


def test_a_trust_can_be_handed_on_as_far_as_it_says(cloud: Cloud) -> None:
    first = trust(cloud, cloud.token("demo"), impersonation=True, allow_redelegation=True, redelegation_count=1).json[
        "trust"
    ]
    text = by_trust(cloud, first["id"]).headers["X-Subject-Token"]
    second = trust(cloud, text, "looker", impersonation=True, allow_redelegation=True)
    assert second.status == 201
    made = second.json["trust"]
    assert (made["redelegated_trust_id"], made["redelegation_count"]) == (first["id"], 0)
    text = by_trust(cloud, made["id"], "looker").headers["X-Subject-Token"]
    assert trust(cloud, text, "stranger", impersonation=True).status == 403
    cloud.ok("DELETE", f"/OS-TRUST/trusts/{first['id']}", cloud.token("demo"))
    assert cloud.v3("GET", "/auth/catalog", text).status == 401


def test_lists_of_trusts_are_for_those_concerned(cloud: Cloud) -> None:
    trust(cloud, cloud.token("demo"))
    stranger, looker = cloud.token("stranger"), cloud.token("looker")
    own = f"/OS-TRUST/trusts?trustee_user_id={cloud.ids['stranger']}"
    assert len(cloud.ok("GET", own, stranger)["trusts"]) == 1
    assert "roles" not in cloud.ok("GET", own, stranger)["trusts"][0]
    assert cloud.v3("GET", own, looker).status == 403
    assert cloud.v3("GET", "/OS-TRUST/trusts", stranger).status == 403
    assert len(cloud.ok("GET", "/OS-TRUST/trusts", cloud.root)["trusts"]) == 1


# -- credentials of whatever kind


def credential(cloud: Cloud, token: str, owner: str, **more: Any) -> dict[str, Any]:
    document = {"user_id": cloud.ids[owner], "type": "cert", "blob": "x", **more}
    found: dict[str, Any] = cloud.ok("POST", "/credentials", token, {"credential": document})["credential"]
    return found


def test_a_credential_changes_its_owner_only_to_one_whom_the_caller_may_give_some(cloud: Cloud) -> None:
    owner = cloud.token("demo")
    path = f"/credentials/{credential(cloud, owner, 'demo')['id']}"
    away = {"credential": {"user_id": cloud.ids["stranger"], "type": "totp", "blob": SEED}}
    assert cloud.v3("PATCH", path, owner, away).status == 403
    assert cloud.v3("PATCH", path, cloud.root, {"credential": {"user_id": "x" * 32}}).status == 404
    changed = cloud.ok("PATCH", path, cloud.root, away)["credential"]
    assert (changed["user_id"], changed["type"], changed["blob"]) == (cloud.ids["stranger"], "totp", SEED)
    assert cloud.v3("GET", path, owner).status == 403
    assert cloud.v3("PATCH", path, cloud.root, {"credential": {"type": "ec2"}}).status == 400


def test_a_delegation_reaches_credentials_of_its_project_only(cloud: Cloud) -> None:
    """A stolen one must not read the user's second factor."""
    owner, here = cloud.token("demo"), cloud.ids["project:demo"]
    ours, factor = (
        credential(cloud, owner, "demo", project_id=here),
        credential(cloud, owner, "demo", type="totp", blob="MFRGGZDFMZTWQ2LK"),
    )
    made = application_credential(cloud, owner, unrestricted=True)
    robot = come_by(cloud, made).headers["X-Subject-Token"]
    assert [one["id"] for one in cloud.ok("GET", "/credentials", robot)["credentials"]] == [ours["id"]]
    assert cloud.ok("GET", f"/credentials?project_id={cloud.ids['project:other']}", robot)["credentials"] == []
    path = f"/credentials/{factor['id']}"
    assert cloud.v3("GET", path, robot).status == cloud.v3("DELETE", path, robot).status == 403
    assert cloud.v3("PATCH", path, robot, {"credential": {"project_id": here}}).status == 403
    body = {"credential": {"user_id": cloud.ids["demo"], "type": "totp", "blob": "MFRGGZDFMZTWQ2LK"}}
    assert cloud.v3("POST", "/credentials", robot, body).status == 403
    path = f"/credentials/{ours['id']}"
    assert cloud.v3("PATCH", path, robot, {"credential": {"project_id": None}}).status == 403
    assert cloud.v3("PATCH", path, robot, {"credential": {"blob": "z"}}).status == 200


def test_key_pairs_of_nobody_are_not_an_empty_list(cloud: Cloud) -> None:
    assert cloud.v3("GET", "/users/nobody/credentials/OS-EC2", cloud.root).status == 404
    assert cloud.v3("GET", "/users/nobody/credentials/OS-EC2", cloud.token("demo")).status == 403


def test_access_rules_are_filtered(cloud: Cloud) -> None:
    owner, user = cloud.token("demo"), f"/users/{cloud.ids['demo']}"
    rules = [{"service": "compute", "method": "GET", "path": f"/v2.1/{noun}"} for noun in ("servers", "flavors")]
    document = {"name": "robot", "access_rules": rules}
    cloud.ok("POST", f"{user}/application_credentials", owner, {"application_credential": document})

    def found(query: str) -> set[str]:
        return {rule["path"] for rule in cloud.ok("GET", f"{user}/access_rules?{query}", owner)["access_rules"]}

    assert found("service=compute&method=GET") == {"/v2.1/servers", "/v2.1/flavors"}
    assert found("path=/v2.1/servers") == {"/v2.1/servers"}
    assert found("service=image") == found("method=POST") == found("path=/v2.1") == set()
