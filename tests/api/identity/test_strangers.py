"""Everybody who may not: each route of the API is tried without a token, and by those who have no right to it."""

import json
import logging
import re

import pytest
from sqlalchemy import select

from skyloom.db import metadata
from skyloom.identity.api import ROUTES
from skyloom.identity.policy import RULES
from skyloom.web.routes import PUBLIC, Route
from tests.api.identity.conftest import Cloud

PRIVATE = [route for route in ROUTES if route.policy != PUBLIC]


def filled(route: Route, project_id: str = "x" * 32) -> str:
    path = route.path.replace("{project_id}", project_id)
    return re.sub(r"\{[^}]*\}", "x" * 32, path).removeprefix("/v3")


def test_every_route_names_a_policy_that_is_there() -> None:
    assert [route.path for route in ROUTES if route.policy not in (PUBLIC, *RULES)] == []


def test_without_a_token_nothing_private_answers(cloud: Cloud) -> None:
    answers = {f"{r.method} {r.path}": cloud.v3(r.method, filled(r), body={}).status for r in PRIVATE}
    assert set(answers.values()) == {401}, answers


def test_a_member_of_a_project_changes_nothing_of_the_cloud(cloud: Cloud) -> None:
    """Its own things aside, every write is refused, and what is not there is not told apart from what is."""
    member = cloud.token("demo")
    writes = [r for r in ROUTES if r.method in ("POST", "PUT", "PATCH", "DELETE") and r.policy != PUBLIC]
    for route in writes:
        body = {word: {"name": "x"} for word in re.findall(r"/([a-z_]+)s(?:/\{|$)", route.path)[-1:]}
        status = cloud.v3(route.method, filled(route), member, body or {}).status
        assert status in (400, 403, 404), (route.method, route.path, status)


@pytest.mark.parametrize("noun", ["users", "groups", "projects", "domains"])
def test_the_reader_of_a_domain_sees_that_domain_only(cloud: Cloud, noun: str) -> None:
    domain, reader = cloud.domain_with("reader")
    key = "id" if noun == "domains" else "domain_id"
    found = cloud.ok("GET", f"/{noun}", reader)[noun]
    assert {record[key] for record in found} <= {domain["id"]}
    assert cloud.ok("GET", f"/{noun}?domain_id=default", reader)[noun] == [] or noun == "domains"
    assert cloud.v3("GET", f"/users/{cloud.ids['demo']}", reader).status == 403


def test_the_manager_of_a_domain_keeps_to_it(cloud: Cloud) -> None:
    domain, manager = cloud.domain_with("manager")
    own = {"user": {"name": "new", "domain_id": domain["id"]}}
    user = cloud.ok("POST", "/users", manager, own)["user"]
    other = {"user": {"name": "new", "domain_id": "default"}}
    assert cloud.v3("POST", "/users", manager, other).status == 403
    assert cloud.v3("DELETE", f"/users/{cloud.ids['demo']}", manager).status == 403
    path = f"/domains/{domain['id']}/users/{user['id']}/roles"
    assert cloud.v3("PUT", f"{path}/{cloud.ids['member']}", manager).status == 204
    assert cloud.v3("PUT", f"{path}/{cloud.ids['admin']}", manager).status == 403
    assert cloud.v3("GET", "/services", manager).status == 403


@pytest.mark.parametrize("noun", ["user", "group", "project"])
def test_the_manager_of_a_domain_names_it(cloud: Cloud, noun: str) -> None:
    """The policy is asked about what was sent; nothing is filled in before."""
    domain, manager = cloud.domain_with("manager")
    assert cloud.v3("POST", f"/{noun}s", manager, {noun: {"name": "new"}}).status == 403
    made = cloud.ok("POST", f"/{noun}s", manager, {noun: {"name": "new", "domain_id": domain["id"]}})[noun]
    assert made["domain_id"] == domain["id"]


def test_who_may_not_create_does_not_learn_what_exists(cloud: Cloud) -> None:
    """A parent that is there and one that is not are refused alike."""
    manager, statuses = cloud.domain_with("manager")[1], set()
    for parent in (cloud.ids["project:demo"], "x" * 32):
        answer = cloud.v3("POST", "/projects", manager, {"project": {"name": "new", "parent_id": parent}})
        statuses.add((answer.status, answer.json["error"]["message"]))
    assert [status for status, _ in statuses] == [403]


def test_a_reader_changes_nothing(cloud: Cloud) -> None:
    _, reader = cloud.domain_with("reader")
    for token in (reader, cloud.token("looker")):
        assert cloud.v3("POST", "/users", token, {"user": {"name": "x"}}).status == 403
        assert cloud.v3("POST", "/projects", token, {"project": {"name": "x"}}).status == 403


def test_credentials_of_others_are_neither_seen_nor_made(cloud: Cloud) -> None:
    owner, stranger = cloud.token("demo"), cloud.token("stranger")
    body = {"credential": {"user_id": cloud.ids["demo"], "type": "cert", "blob": "secret blob"}}
    made = cloud.ok("POST", "/credentials", owner, body)["credential"]
    assert cloud.v3("GET", f"/credentials/{made['id']}", stranger).status == 403
    assert cloud.v3("POST", "/credentials", stranger, body).status == 403
    assert cloud.ok("GET", "/credentials", stranger)["credentials"] == []
    assert cloud.ok("GET", f"/credentials?user_id={cloud.ids['demo']}", stranger)["credentials"] == []
    assert [record["id"] for record in cloud.ok("GET", "/credentials", owner)["credentials"]] == [made["id"]]


def test_no_secret_stands_in_a_reply_a_log_or_a_row(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    user = cloud.user("secretive", default_project_id=None, password="the one password")
    path = f"/users/{user['id']}"
    replies = [json.dumps(user), json.dumps(cloud.ok("GET", path, cloud.root))]
    replies.append(json.dumps(cloud.ok("PATCH", path, cloud.root, {"user": {"password": "the next password"}})))
    change = {"user": {"original_password": "the next password", "password": "the last password"}}
    assert cloud.v3("POST", f"{path}/password", body=change).status == 204
    replies.append(cloud.sign_in("secretive", "the last password").body.decode())
    replies.append(cloud.sign_in("secretive", "the one password").body.decode())
    blob = {"credential": {"user_id": user["id"], "type": "cert", "blob": "the sealed password"}}
    cloud.ok("POST", "/credentials", cloud.root, blob)
    rows = [str(tuple(row)) for table in metadata.sorted_tables for row in cloud.database.read().execute(select(table))]
    for text in (*replies, *rows, caplog.text):
        assert " password" not in text.replace('"password"', "")


def test_a_broken_body_is_told_by_field_and_leaves_nothing(cloud: Cloud) -> None:
    for body in (b"{", b"[]", b'{"user": 1}', b'{"user": {"name": ""}}', b'{"user": {}}', b"\xff", b'{"project": {}}'):
        answer = cloud.v3("POST", "/users", cloud.root, body)
        assert answer.status == 400 and answer.json["error"]["title"] == "Bad Request", body
    assert len(cloud.ok("GET", "/users", cloud.root)["users"]) == 5
