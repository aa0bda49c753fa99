from collections.abc import Callable
from typing import Any

import pytest

from skyloom.clock import VirtualClock
from tests.api.identity.conftest import Cloud


def events(cloud: Cloud, since: str = "") -> list[dict[str, Any]]:
    found = cloud.ok("GET", f"/OS-REVOKE/events{since}", cloud.root)["events"]
    return [
        {name: value for name, value in event.items() if name not in ("issued_before", "revoked_at")} for event in found
    ]


def test_a_revoked_token_is_told_by_its_audit_ids(cloud: Cloud) -> None:
    first = cloud.token("demo")
    project = {"project": {"id": cloud.ids["project:demo"]}}
    second, third = (cloud.exchange(first, project).headers["X-Subject-Token"] for _ in range(2))
    ids = {text: cloud.service.authenticate(text).audit_ids for text in (first, second)}
    assert cloud.v3("DELETE", "/auth/tokens", second, x_subject_token=second).status == 204
    assert events(cloud) == [{"audit_id": ids[second][0]}]
    assert [cloud.v3("GET", "/auth/projects", text).status for text in (first, second, third)] == [200, 401, 200]
    assert cloud.v3("DELETE", "/auth/tokens", first, x_subject_token=first).status == 204
    assert events(cloud)[1:] == [{"audit_chain_id": ids[first][0]}]
    assert [cloud.v3("GET", "/auth/projects", text).status for text in (first, second, third)] == [401, 401, 401]


Change = Callable[[Cloud, dict[str, str]], None]


def patch(path: str, noun: str, **change: Any) -> Change:
    return lambda cloud, ids: cloud.ok("PATCH", path.format_map(ids), cloud.root, {noun: change}) and None


def delete(*paths: str) -> Change:
    def run(cloud: Cloud, ids: dict[str, str]) -> None:
        for path in paths:
            cloud.ok("DELETE", path.format_map(ids), cloud.root)

    return run


def new_password(cloud: Cloud, ids: dict[str, str]) -> None:
    change = {"user": {"original_password": "somebody's word", "password": "another word"}}
    cloud.ok("POST", f"/users/{ids['user']}/password", None, change)


USER = [{"user_id": "user"}]
CHANGES: dict[str, tuple[Change, list[dict[str, str]]]] = {
    "a password is changed": (new_password, USER),
    "a password is set": (patch("/users/{user}", "user", password="set anew"), USER),
    "a user is disabled": (patch("/users/{user}", "user", enabled=False), USER),
    "a user is deleted": (delete("/users/{user}"), USER),
    "a user leaves a group": (delete("/groups/{group}/users/{user}"), USER),
    "a group with grants is deleted": (delete("/groups/{group}"), USER),
    "a grant is revoked": (
        delete("/projects/{project}/users/{user}/roles/{role}"),
        [{"user_id": "user", "role_id": "role", "project_id": "project"}],
    ),
    "a grant of a group is revoked": (
        delete("/domains/{domain}/groups/{group}/roles/{role}"),
        [{"user_id": "user", "role_id": "role", "domain_id": "domain"}],
    ),
    "a project is disabled": (patch("/projects/{project}", "project", enabled=False), [{"project_id": "project"}]),
    "a project is deleted": (delete("/projects/{project}"), [{"project_id": "project"}]),
    "a domain is disabled": (patch("/domains/{domain}", "domain", enabled=False), [{"domain_id": "domain"}]),
    "a consumer is deleted": (delete("/OS-OAUTH1/consumers/{consumer}"), [{"OS-OAUTH1:consumer_id": "consumer"}]),
    "a user is renamed": (patch("/users/{user}", "user", name="renamed"), []),
    "a domain is described": (patch("/domains/{domain}", "domain", description="of tests"), []),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_ends_tokens_is_told(cloud: Cloud, name: str) -> None:
    ids = _made(cloud)
    change, expected = CHANGES[name]
    change(cloud, ids)
    assert events(cloud) == [{key: ids[what] for key, what in event.items()} for event in expected]


def _made(cloud: Cloud) -> dict[str, str]:
    """A domain with a user in a group and a project, both with the role member."""

    def made(plural: str, noun: str, document: dict[str, Any]) -> str:
        found: str = cloud.ok("POST", f"/{plural}", cloud.root, {noun: document})[noun]["id"]
        return found

    domain = made("domains", "domain", {"name": "of tests"})
    ids = {
        "domain": domain,
        "user": cloud.user("somebody", domain)["id"],
        "group": made("groups", "group", {"name": "some", "domain_id": domain}),
        "project": made("projects", "project", {"name": "a project", "domain_id": domain}),
        "role": cloud.ids["member"],
        "consumer": made("OS-OAUTH1/consumers", "consumer", {}),
    }
    for path in (
        "groups/{group}/users/{user}",
        "projects/{project}/users/{user}/roles/{role}",
        "domains/{domain}/groups/{group}/roles/{role}",
    ):
        cloud.ok("PUT", f"/{path.format_map(ids)}", cloud.root)
    return ids


def test_only_later_events_are_told_with_since(cloud: Cloud, clock: VirtualClock) -> None:
    for name in ("demo", "stranger"):
        text = cloud.token(name)
        cloud.v3("DELETE", "/auth/tokens", text, x_subject_token=text)
        clock.advance(60)
    everything = cloud.ok("GET", "/OS-REVOKE/events", cloud.root)["events"]
    first = everything[0]["revoked_at"]
    later = cloud.ok("GET", f"/OS-REVOKE/events?since={first}", cloud.root)["events"]
    assert later == everything[1:] and first == everything[0]["issued_before"] == "2026-01-01T00:00:00.000000Z"
    assert cloud.v3("GET", "/OS-REVOKE/events?since=yesterday", cloud.root).status == 400


def test_events_are_told_to_services_and_administrators(cloud: Cloud) -> None:
    assert cloud.v3("GET", "/OS-REVOKE/events", cloud.token("nova")).status == 200
    assert cloud.v3("GET", "/OS-REVOKE/events", cloud.token("demo")).status == 403


def test_events_are_forgotten_when_their_tokens_have_ended(cloud: Cloud, clock: VirtualClock) -> None:
    text = cloud.token("demo")
    cloud.v3("DELETE", "/auth/tokens", text, x_subject_token=text)
    clock.advance(3600 + 172_800 + 1)
    cloud.root = cloud.token("root")
    text = cloud.token("demo")
    cloud.v3("DELETE", "/auth/tokens", text, x_subject_token=text)
    assert len(events(cloud)) == 1
