"""A refused request explains itself to who was refused, and to nobody else, and tells nothing of its target."""

from typing import Any

import pytest

from skyloom.access import refusals
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud


def refused(cloud: Cloud, who: str, method: str = "POST", path: str = "/roles", body: Any = None) -> str:
    """The id of a request that was answered by 403."""
    answer = cloud.v3(method, path, who, body if body is not None else {"role": {"name": "x"}})
    assert answer.status == 403, answer.body
    return answer.headers["X-Openstack-Request-Id"]


def asked(cloud: Cloud, who: str, request_id: str) -> Answer:
    return cloud.v3("GET", f"/skyloom/refusals/{request_id}", who)


def test_it_names_the_action_the_rule_and_what_was_missing(cloud: Cloud) -> None:
    member = cloud.token("demo")
    request_id = refused(cloud, member)
    refusal = asked(cloud, member, request_id).json["refusal"]
    assert refusal["request_id"] == request_id
    assert refusal["action"] == "identity:create_role"
    assert refusal["rule"] == "(rule:admin_required) and domain_id:None"
    assert refusal["is_default"] is True
    assert refusal["roles"] == ["member", "reader"]
    assert refusal["scope"]["project_id"] == cloud.ids["project:demo"]
    assert ["role:admin"] in refusal["missing"]
    assert refusal["checks"]["holds"] is False
    assert [part["check"] for part in refusal["checks"]["parts"]] == ["rule:admin_required", "domain_id:None"]
    assert [part["holds"] for part in refusal["checks"]["parts"]] == [False, True]


def test_nobody_else_learns_of_it(cloud: Cloud) -> None:
    member = cloud.token("demo")
    request_id = refused(cloud, member)
    unknown = "req-00000000-0000-0000-0000-000000000000"
    for other in (cloud.token("stranger"), cloud.token("looker"), cloud.root):
        answer, none = asked(cloud, other, request_id), asked(cloud, other, unknown)
        assert (answer.status, none.status) == (404, 404)
        assert answer.json["error"]["message"].replace(request_id, unknown) == none.json["error"]["message"]
    assert cloud.v3("GET", f"/skyloom/refusals/{request_id}").status == 401
    assert asked(cloud, member, request_id).status == 200


def test_it_can_be_asked_with_another_token_of_the_same_user(cloud: Cloud) -> None:
    request_id = refused(cloud, cloud.token("demo"))
    assert asked(cloud, cloud.token("demo", scope="unscoped"), request_id).status == 200


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("noun", ["users", "projects"])
def test_it_is_the_same_for_what_is_hidden_and_for_what_is_not_there(cloud: Cloud, noun: str, method: str) -> None:
    _, manager = cloud.domain_with("reader")
    singular = noun.removesuffix("s")
    hidden = cloud.ok("POST", f"/{noun}", cloud.root, {singular: {"name": "hidden", "domain_id": "default"}})[singular]
    told = []
    for target in (hidden["id"], "f" * 32):
        answer = cloud.v3(method, f"/{noun}/{target}", manager, {singular: {"description": "x"}})
        found = asked(cloud, manager, answer.headers["X-Openstack-Request-Id"])
        refusal = found.json.get("refusal", {})
        refusal.pop("request_id", None)
        told.append((answer.status, found.status, refusal))
    assert told[0] == told[1]


def test_what_the_target_decides_stays_open(cloud: Cloud) -> None:
    """Whether the user that it asked for is in its domain, in another one, or nowhere."""
    domain, reader = cloud.domain_with("reader")
    user = cloud.user("of the domain", domain["id"])
    told = []
    for target in (user["id"], cloud.ids["demo"], "f" * 32):
        refusal = asked(cloud, reader, refused(cloud, reader, "PATCH", f"/users/{target}", {"user": {"name": "y"}}))
        found = refusal.json["refusal"]
        del found["request_id"]
        assert target not in str(found)
        told.append(found)
    assert told[0] == told[1] == told[2]
    assert ["role:manager", "token.domain.id:%(target.user.domain_id)s"] in told[0]["missing"]
    assert told[0]["checks"]["parts"][1]["parts"][1]["holds"] is None


def test_what_was_said_to_be_nowhere_left_no_trace(cloud: Cloud) -> None:
    member = cloud.token("demo")
    answer = cloud.v3("GET", f"/auth/nowhere/{'f' * 32}", member)
    assert answer.status == 404
    assert asked(cloud, member, answer.headers["X-Openstack-Request-Id"]).status == 404


def test_the_last_ones_of_each_user_are_kept(cloud: Cloud) -> None:
    member, stranger = cloud.token("demo"), cloud.token("stranger")
    first = refused(cloud, member)
    other = refused(cloud, stranger)
    later = [refused(cloud, member) for _ in range(refusals.OF_EACH)]
    assert asked(cloud, member, first).status == 404
    assert {asked(cloud, member, request_id).status for request_id in later} == {200}
    assert asked(cloud, stranger, other).status == 200


def test_a_delegation_learns_of_its_own_requests_only(cloud: Cloud) -> None:
    member = cloud.token("demo")
    credential = cloud.ok(
        "POST",
        f"/users/{cloud.ids['demo']}/application_credentials",
        member,
        {"application_credential": {"name": "robot", "secret": "s"}},
    )["application_credential"]
    identity = {
        "methods": ["application_credential"],
        "application_credential": {"id": credential["id"], "secret": "s"},
    }
    robot = cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}}).headers["X-Subject-Token"]
    of_user, of_robot = refused(cloud, member), refused(cloud, robot)
    assert asked(cloud, robot, of_user).status == 404
    assert asked(cloud, robot, of_robot).status == 200
    assert asked(cloud, member, of_robot).status == 200, "the user answers for its robots"
