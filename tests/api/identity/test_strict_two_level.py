"""Unified limits where no limit is above the one of the domain or project above."""

from pathlib import Path
from typing import Any

import pytest

from skyloom.identity import IdentitySettings
from skyloom.identity.errors import TreeTooDeep
from tests.api.client import Answer
from tests.api.identity.conftest import SEED, Cloud


@pytest.fixture
def settings() -> IdentitySettings:
    return IdentitySettings(password_cost=4, enforcement_model="strict_two_level")


class Tree:
    """A domain with a project in it, and a registered limit of 10."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.domain = cloud.ok("POST", "/domains", cloud.root, {"domain": {"name": "tree"}})["domain"]["id"]
        self.project = self.new_project(self.domain).json["project"]["id"]
        service = cloud.ok("POST", "/services", cloud.root, {"service": {"type": "dns"}})["service"]["id"]
        self.place = {"service_id": service, "resource_name": "zones"}
        registered = {"registered_limits": [{**self.place, "default_limit": 10}]}
        cloud.ok("POST", "/registered_limits", cloud.root, registered)

    def new_project(self, parent: str) -> Answer:
        document = {"name": f"below {parent}", "parent_id": parent}
        return self.cloud.v3("POST", "/projects", self.cloud.root, {"project": document})

    def limits(self, **amounts: int) -> Answer:
        """`domain` and `project`: limits of them, made by one request."""
        made: list[dict[str, Any]] = [
            {**self.place, f"{kind}_id": getattr(self, kind), "resource_limit": amount}
            for kind, amount in amounts.items()
        ]
        return self.cloud.v3("POST", "/limits", self.cloud.root, {"limits": made})


@pytest.fixture
def tree(cloud: Cloud) -> Tree:
    return Tree(cloud)


def test_the_model_is_told(cloud: Cloud) -> None:
    assert cloud.ok("GET", "/limits/model", cloud.root)["model"]["name"] == "strict_two_level"


def test_a_project_has_no_more_than_its_domain(tree: Tree) -> None:
    assert tree.limits(domain=20).status == 201
    assert tree.limits(project=21).status == 403
    made = tree.limits(project=20).json["limits"][0]["id"]
    change = {"limit": {"resource_limit": 21}}
    assert tree.cloud.v3("PATCH", f"/limits/{made}", tree.cloud.root, change).status == 403
    assert tree.cloud.ok("GET", f"/limits/{made}", tree.cloud.root)["limit"]["resource_limit"] == 20


def test_without_a_limit_of_the_domain_the_registered_one_counts(tree: Tree) -> None:
    assert tree.limits(project=11).status == 403
    assert tree.limits(project=-1).status == 403
    assert tree.limits(project=10).status == 201


def test_a_domain_has_no_less_than_its_projects(tree: Tree) -> None:
    assert tree.limits(project=9).status == 201
    assert tree.limits(domain=8).status == 403
    made = tree.limits(domain=9).json["limits"][0]["id"]
    for amount, status in ((8, 403), (0, 403), (-1, 200), (9, 200)):
        change = {"limit": {"resource_limit": amount}}
        assert tree.cloud.v3("PATCH", f"/limits/{made}", tree.cloud.root, change).status == status


def test_limits_of_one_request_are_held_against_each_other(tree: Tree) -> None:
    assert tree.limits(project=31, domain=30).status == 403
    assert tree.cloud.ok("GET", "/limits", tree.cloud.root)["limits"] == []
    assert tree.limits(project=30, domain=30).status == 201


def test_a_project_that_is_a_domain_has_the_limit_of_a_domain(tree: Tree) -> None:
    limits = {"limits": [{**tree.place, "project_id": tree.domain, "resource_limit": 30}]}
    made = tree.cloud.ok("POST", "/limits", tree.cloud.root, limits)["limits"][0]
    assert made["project_id"] is None and made["domain_id"] == tree.domain
    assert tree.limits(project=30).status == 201


def test_projects_have_two_levels(tree: Tree) -> None:
    below = tree.new_project(tree.project)
    assert below.status == 201
    assert tree.new_project(below.json["project"]["id"]).status == 403


def test_a_cloud_with_a_deeper_tree_does_not_start(cloud: Cloud, tmp_path: Path) -> None:
    """The tree was made while the cloud had another model."""
    tree = Tree(Cloud(cloud.database, tmp_path, IdentitySettings(password_cost=4)))
    at = tree.project
    for _ in range(2):
        at = tree.new_project(at).json["project"]["id"]
    with pytest.raises(TreeTooDeep):
        cloud.service.bootstrap(SEED)
