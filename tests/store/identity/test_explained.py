"""May a user do that, and why: the answer of the policy with the roles and how they come, on both engines."""

from pathlib import Path

import pytest

from skyloom.access import Caller, Policy
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.model import SYSTEM_ID, Grant
from skyloom.identity.service.bootstrap import Bootstrap, FirstUser
from skyloom.identity.service.registry import Query
from skyloom.wire.explained import Explained, NothingToExplain, Question, explained

ADMIN = Caller(user_id="root", system=True, roles=frozenset({"admin", "manager", "member", "reader"}))
SEED = Bootstrap("RegionOne", ("admin",), (FirstUser("admin", "secret", "admin", "admin"),), ())


class Office:
    """A domain with a project below another one, a user in it and a group that the user is in."""

    def __init__(self, database: Database, folder: Path):
        self.db = database
        self.policy = Policy([RULES])
        settings = IdentitySettings(password_cost=4)
        self.identity = IdentityService(database, self.policy, Vault.at(folder / "key"), settings, "http://127.0.0.1")
        self.identity.bootstrap(SEED)
        identity = self.identity
        self.domain = identity.domains.create(ADMIN, {"name": "ours"})["id"]
        self.above = identity.projects.create(ADMIN, {"name": "above", "domain_id": self.domain})["id"]
        below = {"name": "below", "domain_id": self.domain, "parent_id": self.above}
        self.project = identity.projects.create(ADMIN, below)["id"]
        self.user = identity.users.create(ADMIN, {"name": "ann", "domain_id": self.domain})["id"]
        self.group = identity.groups.create(ADMIN, {"name": "ops", "domain_id": self.domain})["id"]
        identity.grants.join(ADMIN, self.user, self.group)

    def role(self, name: str) -> str:
        (found,) = self.identity.roles.list(ADMIN, Query({"name": name})).records
        return str(found["id"])

    def grant(self, role: str, kind: str, target: str, group: bool = False, inherited: bool = False) -> None:
        actor = ("group", self.group) if group else ("user", self.user)
        self.identity.grants.create(ADMIN, Grant(*actor, kind, target, self.role(role), inherited))

    def ask(self, action: str, of: str = "ann", **more: object) -> Explained:
        question = Question(user=of, action=action, of_domain="ours", **more)  # type: ignore[arg-type]
        return explained(self.db, self.policy, question)

    def ways(self, **scope: object) -> dict[str, list[str]]:
        return {role.name: list(role.ways) for role in self.ask("identity:get_role", **scope).roles}


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return Office(database, tmp_path)


def test_roles_are_told_with_the_way_that_they_come(office: Office) -> None:
    office.grant("manager", "domain", office.domain, inherited=True)
    office.grant("member", "project", office.above, group=True, inherited=True)
    office.grant("reader", "project", office.project)
    assert office.ways(project="below") == {
        "manager": ["direct, inherited from domain ours"],
        "member": [
            "by group ops, inherited from project above",
            "implied by manager (direct, inherited from domain ours)",
        ],
        "reader": [
            "direct",
            "implied by member (by group ops, inherited from project above)",
            "implied by member by manager (direct, inherited from domain ours)",
        ],
    }
    assert sorted(office.ways(project=office.above)) == ["manager", "member", "reader"]
    assert office.ways(domain="ours") == {}, "what is inherited does not count where it is said"
    assert office.ways(system=True) == office.ways() == {}


def test_on_the_system_and_on_a_domain(office: Office) -> None:
    office.grant("reader", "system", SYSTEM_ID, group=True)
    office.grant("admin", "domain", office.domain)
    assert office.ways(system=True) == {"reader": ["by group ops"]}
    assert set(office.ways(domain=office.domain)) == {"admin", "manager", "member", "reader"}


@pytest.mark.parametrize("kind", ["project", "domain", "system"])
def test_the_roles_are_those_of_a_token(office: Office, kind: str) -> None:
    private = office.identity.roles.create(ADMIN, {"name": "private", "domain_id": office.domain})["id"]
    office.identity.grants.imply(ADMIN, private, office.role("reader"))
    for role in ("manager", "service"):
        office.grant(role, "domain", office.domain, inherited=True, group=True)
    office.identity.grants.create(ADMIN, Grant("user", office.user, "project", office.project, private))
    office.grant("member", "project", office.project)
    office.grant("member", "project", office.project, inherited=True)
    office.grant("admin", "domain", office.domain)
    office.grant("reader", "system", SYSTEM_ID)
    sql, principals = office.db.read(), office.identity.principals
    held = {
        "project": lambda: principals.roles_on_project(sql, office.user, office.project),
        "domain": lambda: principals.roles_on_domain(sql, office.user, office.domain),
        "system": lambda: principals.roles_on_system(sql, office.user),
    }[kind]()
    scope = {"project": {"project": "below"}, "domain": {"domain": "ours"}, "system": {"system": True}}[kind]
    assert sorted(office.ways(**scope)) == sorted(role.name for role in held)
    assert held


def test_it_says_what_the_policy_would(office: Office) -> None:
    office.grant("manager", "domain", office.domain)
    inside, outside = ({"target.user.domain_id": place} for place in (office.domain, "default"))
    allowed = office.ask("identity:update_user", domain="ours", target=inside)
    assert allowed.allowed
    assert allowed.missing == []
    refused = office.ask("identity:update_user", domain="ours", target=outside)
    assert not refused.allowed
    assert ["token.domain.id:%(target.user.domain_id)s"] in refused.missing
    assert ["role:admin"] in refused.missing
    assert refused.origin == "default"
    assert any("the caller has" in line and "the target default" in line for line in refused.checks.lines())
    assert any("no such attribute" in line for line in office.ask("identity:update_user", domain="ours").checks.lines())


def test_a_rule_of_a_file_is_told_with_its_place(office: Office) -> None:
    office.policy.override({"identity:create_role": "rule:admin_required"}, {"identity:create_role": "a.yaml:3"})
    found = office.ask("identity:create_role", project="below")
    assert (found.origin, found.rule) == ("a.yaml:3", "rule:admin_required")
    assert found.checks.note == "default"


@pytest.mark.parametrize(
    ("action", "more", "said"),
    [
        ("identity:create_rol", {}, "identity:create_role is like it"),
        ("identity:get_role", {"of": "nobody"}, "no user nobody"),
        ("identity:get_role", {"project": "ours"}, "no project ours"),
        ("identity:get_role", {"domain": "below"}, "no domain below"),
    ],
)
def test_what_is_not_there_is_said(office: Office, action: str, more: dict[str, str], said: str) -> None:
    with pytest.raises(NothingToExplain, match=said):
        office.ask(action, **more)
