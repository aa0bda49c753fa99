from typing import Any

import pytest

from tests.api.identity.conftest import Cloud


def project(cloud: Cloud, name: str, **more: Any) -> dict[str, Any]:
    document = {"name": name, "domain_id": "default", **more}
    made: dict[str, Any] = cloud.ok("POST", "/projects", cloud.root, {"project": document})["project"]
    return made


@pytest.fixture
def tree(cloud: Cloud) -> list[dict[str, Any]]:
    """top > middle > leaf"""
    top = project(cloud, "top")
    middle = project(cloud, "middle", parent_id=top["id"])
    return [top, middle, project(cloud, "leaf", parent_id=middle["id"])]


def test_the_tree_is_shown_as_ids_and_as_lists(cloud: Cloud, tree: list[dict[str, Any]]) -> None:
    top, middle, leaf = (one["id"] for one in tree)

    def shown(project_id: str, query: str) -> dict[str, Any]:
        found: dict[str, Any] = cloud.ok("GET", f"/projects/{project_id}?{query}", cloud.root)["project"]
        return found

    assert shown(leaf, "parents_as_ids")["parents"] == {middle: {top: {"default": None}}}
    assert shown(top, "parents_as_ids")["parents"] == {"default": None}
    assert shown("default", "parents_as_ids")["parents"] is None
    assert shown(top, "subtree_as_ids")["subtree"] == {middle: {leaf: None}}
    assert shown(leaf, "subtree_as_ids")["subtree"] is None
    assert shown(leaf, "parents_as_list")["parents"] == shown(top, "subtree_as_list")["subtree"] == []
    grant = f"users/{cloud.ids['root']}/roles/{cloud.ids['reader']}"
    cloud.ok("PUT", f"/projects/{middle}/{grant}", cloud.root)
    assert [one["project"]["id"] for one in shown(leaf, "parents_as_list")["parents"]] == [middle]
    cloud.ok("PUT", f"/OS-INHERIT/domains/default/{grant}/inherited_to_projects", cloud.root)
    assert [one["project"]["id"] for one in shown(leaf, "parents_as_list")["parents"]] == [middle, top]
    assert {one["project"]["id"] for one in shown(top, "subtree_as_list")["subtree"]} == {middle, leaf}
    assert cloud.v3("GET", f"/projects/{top}?subtree_as_list&subtree_as_ids", cloud.root).status == 400


def test_only_a_leaf_is_deleted_and_nothing_is_disabled_above_what_is_enabled(
    cloud: Cloud, tree: list[dict[str, Any]]
) -> None:
    top, _, leaf = (one["id"] for one in tree)
    assert cloud.v3("DELETE", f"/projects/{top}", cloud.root).status == 403
    assert cloud.v3("PATCH", f"/projects/{top}", cloud.root, {"project": {"enabled": False}}).status == 403
    assert cloud.v3("DELETE", f"/projects/{leaf}", cloud.root).status == 204


def test_nothing_is_made_below_what_is_disabled(cloud: Cloud, tree: list[dict[str, Any]]) -> None:
    leaf = tree[2]["id"]
    cloud.ok("PATCH", f"/projects/{leaf}", cloud.root, {"project": {"enabled": False}})
    body = {"project": {"name": "lower", "parent_id": leaf}}
    assert cloud.v3("POST", "/projects", cloud.root, body).status == 400


@pytest.mark.parametrize("noun", ["domain", "project", "user", "group"])
def test_a_name_is_kept_without_the_space_around_it_and_is_not_empty(cloud: Cloud, noun: str) -> None:
    made = cloud.ok("POST", f"/{noun}s", cloud.root, {noun: {"name": "  two words\t"}})[noun]
    assert made["name"] == "two words"
    path = f"/{noun}s/{made['id']}"
    assert cloud.ok("PATCH", path, cloud.root, {noun: {"name": " Zoë "}})[noun]["name"] == "Zoë"
    for name in ("", "   "):
        assert cloud.v3("POST", f"/{noun}s", cloud.root, {noun: {"name": name}}).status == 400
        assert cloud.v3("PATCH", path, cloud.root, {noun: {"name": name}}).status == 400
    assert cloud.v3("PATCH", path, cloud.root, {noun: {}}).status == 400


def test_tags_are_set_added_removed_and_searched_by(cloud: Cloud) -> None:
    red, blue = project(cloud, "red", tags=["r", "both"]), project(cloud, "blue", tags=["b", "both"])

    def found(query: str) -> set[str]:
        names = {one["name"] for one in cloud.ok("GET", f"/projects?{query}", cloud.root)["projects"]}
        return names & {"red", "blue"}

    assert found("tags=both") == {"red", "blue"} and found("tags=r,both") == {"red"}
    assert found("tags-any=r,b") == {"red", "blue"} and found("not-tags=r") == {"blue"}
    assert found("not-tags-any=r,b") == set()
    tags = f"/projects/{blue['id']}/tags"
    assert cloud.v3("PUT", f"{tags}/new", cloud.root).status == 201
    assert cloud.v3("HEAD", f"{tags}/new", cloud.root).status == 204
    assert cloud.v3("DELETE", f"{tags}/b", cloud.root).status == 204
    assert cloud.ok("GET", tags, cloud.root)["tags"] == ["both", "new"]
    assert cloud.v3("GET", f"{tags}/b", cloud.root).status == 404
    assert cloud.v3("PUT", tags, cloud.root, {"tags": ["a,b"]}).status == 400
    assert cloud.v3("PUT", tags, cloud.token("demo"), {"tags": ["a"]}).status == 403
    assert cloud.v3("DELETE", tags, cloud.root).status == 204
    assert cloud.ok("GET", f"/projects/{red['id']}", cloud.root)["project"]["tags"] == ["both", "r"]


def test_a_domain_has_tags_too(cloud: Cloud) -> None:
    domain = cloud.ok("POST", "/domains", cloud.root, {"domain": {"name": "d", "tags": ["a"]}})["domain"]
    path = f"/domains/{domain['id']}"
    assert domain["tags"] == cloud.ok("GET", path, cloud.root)["domain"]["tags"] == ["a"]
    assert cloud.ok("PATCH", path, cloud.root, {"domain": {"description": "x"}})["domain"]["tags"] == ["a"]
    assert cloud.ok("PATCH", path, cloud.root, {"domain": {"tags": ["b"]}})["domain"]["tags"] == ["b"]
    assert cloud.ok("GET", f"/projects/{domain['id']}/tags", cloud.root)["tags"] == ["b"]
    for tags in ("a", None, [5], ["a,b"]):
        assert cloud.v3("PATCH", path, cloud.root, {"domain": {"tags": tags}}).status == 400
        assert cloud.v3("POST", "/domains", cloud.root, {"domain": {"name": "e", "tags": tags}}).status == 400
    body = {"project": {"name": "f", "is_domain": True, "tags": ["c"]}}
    assert cloud.ok("POST", "/projects", cloud.root, body)["project"]["tags"] == ["c"]


def test_an_immutable_project_stays_as_it_is(cloud: Cloud) -> None:
    made = project(cloud, "stone", options={"immutable": True})
    path = f"/projects/{made['id']}"
    assert cloud.v3("PATCH", path, cloud.root, {"project": {"name": "sand"}}).status == 403
    assert cloud.v3("DELETE", path, cloud.root).status == 403
    assert cloud.v3("PATCH", path, cloud.root, {"project": {"options": {"immutable": False}}}).status == 200
    assert cloud.v3("DELETE", path, cloud.root).status == 204


def test_a_domain_goes_once_it_is_disabled_with_what_it_holds(cloud: Cloud) -> None:
    domain = cloud.ok("POST", "/domains", cloud.root, {"domain": {"name": "d"}})["domain"]
    held, user = project(cloud, "held", domain_id=domain["id"]), cloud.user("held", domain["id"])
    path = f"/domains/{domain['id']}"
    assert cloud.v3("DELETE", path, cloud.root).status == 403
    cloud.ok("PATCH", path, cloud.root, {"domain": {"enabled": False}})
    assert cloud.v3("DELETE", path, cloud.root).status == 204
    assert cloud.v3("GET", f"/projects/{held['id']}", cloud.root).status == 404
    assert cloud.v3("GET", f"/users/{user['id']}", cloud.root).status == 404


# -- lists of assignments


def assignments(cloud: Cloud, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud.ok("GET", f"/role_assignments?{query}", cloud.root)["role_assignments"]
    return found


def test_effective_assignments_name_users_projects_and_implied_roles(cloud: Cloud, tree: list[dict[str, Any]]) -> None:
    group = cloud.ok("POST", "/groups", cloud.root, {"group": {"name": "g", "domain_id": "default"}})["group"]
    cloud.ok("PUT", f"/groups/{group['id']}/users/{cloud.ids['demo']}", cloud.root)
    where = f"/OS-INHERIT/domains/default/groups/{group['id']}/roles/{cloud.ids['member']}/inherited_to_projects"
    cloud.ok("PUT", where, cloud.root)
    leaf = tree[2]["id"]
    assert assignments(cloud, f"scope.project.id={leaf}") == []
    found = assignments(cloud, f"scope.project.id={leaf}&effective&include_names=true")
    assert {(one["user"]["name"], one["role"]["name"]) for one in found} == {("demo", "member"), ("demo", "reader")}
    assert {one["scope"]["project"]["domain"]["name"] for one in found} == {"Default"}
    member = next(one for one in found if one["role"]["name"] == "member")
    assert member["links"]["assignment"].endswith(where) and "/groups/" in member["links"]["membership"]
    only = assignments(cloud, f"scope.project.id={leaf}&effective&role.id={cloud.ids['reader']}")
    assert [one["role"]["id"] for one in only] == [cloud.ids["reader"]]
    below = assignments(cloud, f"scope.project.id={tree[0]['id']}&effective&include_subtree=true")
    assert {one["scope"]["project"]["id"] for one in below} == {one["id"] for one in tree}


@pytest.mark.parametrize(
    "query", ["user.id=a&group.id=b", "scope.project.id=a&scope.domain.id=b", "effective&group.id=a"]
)
def test_filters_that_exclude_each_other_are_refused(cloud: Cloud, query: str) -> None:
    assert cloud.v3("GET", f"/role_assignments?{query}", cloud.root).status == 400


def test_no_role_implies_the_administrator(cloud: Cloud) -> None:
    rule = f"/roles/{cloud.ids['reader']}/implies/{cloud.ids['admin']}"
    assert cloud.v3("PUT", rule, cloud.root).status == 403
    assert len(cloud.ok("GET", "/role_inferences", cloud.root)["role_inferences"]) == 3
