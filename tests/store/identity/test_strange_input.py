"""What people send by mistake is refused with a word why, on both engines alike, and leaves nothing."""

from pathlib import Path
from typing import Any

import pytest

from skyloom.db import Database
from skyloom.identity import IdentitySettings
from tests.api.identity.conftest import Cloud


@pytest.fixture
def cloud(database: Database, tmp_path: Path) -> Cloud:
    return Cloud(database, tmp_path, IdentitySettings(password_cost=4))


def test_no_text_holds_a_nul_byte(cloud: Cloud) -> None:
    """PostgreSQL keeps none, so it would be an error of the server's there."""
    before = cloud.ok("GET", "/projects", cloud.root)["projects"]
    for document in ({"name": "a\0b"}, {"name": "c", "description": "\0"}, {"name": "d", "tags": ["\0"]}, {"\0": "e"}):
        answer = cloud.v3("POST", "/projects", cloud.root, {"project": document})
        assert answer.status == 400 and "NUL" in answer.json["error"]["message"]
    for path in ("/projects?name=a%00b", "/users?name__contains=%00", "/projects?marker=%00", "/projects/a%00b"):
        assert cloud.v3("GET", path.replace("/a%00", "/a\0"), cloud.root).status == 400
    assert cloud.sign_in("root\0").status == 400
    assert cloud.ok("GET", "/projects", cloud.root)["projects"] == before
    # six letters that only look like one
    assert cloud.v3("POST", "/projects", cloud.root, rb'{"project": {"name": "\\u0000"}}').status == 201


@pytest.mark.parametrize("noun", ["projects", "users", "regions"])
def test_a_page_after_what_is_not_there_is_not_the_first_page(cloud: Cloud, noun: str) -> None:
    """A program that reads page by page would read for ever."""
    assert cloud.v3("GET", f"/{noun}?marker=nothing", cloud.root).status == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/users", {"user": {"name": "x", "default_project_id": "default"}}, "default project"),
        ("/regions", {"region": {"id": "a/b"}}, "id"),
        ("/roles", {"role": {"name": "  "}}, "name"),
    ],
)
def test_what_could_never_be_used_is_refused(cloud: Cloud, path: str, body: Any, field: str) -> None:
    answer = cloud.v3("POST", path, cloud.root, body)
    assert answer.status == 400 and field in answer.json["error"]["message"]


def test_no_role_implies_one_that_counts_as_the_administrators(cloud: Cloud) -> None:
    """Policies do not tell small letters from capitals."""
    role = cloud.ok("POST", "/roles", cloud.root, {"role": {"name": "ADMIN"}})["role"]["id"]
    assert cloud.v3("PUT", f"/roles/{cloud.ids['reader']}/implies/{role}", cloud.root).status == 403


@pytest.mark.parametrize(("scope", "status"), [("unscoped", 201), ({"unscoped": {}}, 201), ("scoped", 400), ({}, 400)])
def test_only_one_word_asks_for_no_scope(cloud: Cloud, scope: Any, status: int) -> None:
    answer = cloud.sign_in("root", scope=scope)
    assert answer.status == status
    assert status != 201 or not {"project", "domain", "system", "roles", "catalog"} & answer.json["token"].keys()
