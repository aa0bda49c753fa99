"""A domain whose users are in an LDAP directory: they sign in, have roles, and are read; nothing is written there."""

from collections.abc import Iterator
from typing import Any

import ldap
import pytest
from sqlalchemy import select

from skyloom.clock import VirtualClock
from skyloom.identity import IdentitySettings
from skyloom.identity.drivers.ldap.connections import PAUSE_S
from skyloom.identity.tables import domain_option
from tests.api.client import Answer
from tests.api.identity.conftest import Cloud, Document
from tests.parts.directories import MANY, PASSWORDS, SLAPD_SUFFIX, Samba, Slapd
from tests.parts.directory_fixtures import samba, slapd  # noqa: F401

SENTENCE = "The request you have made requires authentication."


class People:
    """The domain, with a project `lab` where the directory's group staff has the role member."""

    def __init__(self, cloud: Cloud, options: Document, driver: str = "ldap"):
        self.cloud = cloud
        self.id: str = cloud.ok("POST", "/domains", cloud.root, {"domain": {"name": "people"}})["domain"]["id"]
        project = {"name": "lab", "domain_id": self.id}
        self.lab: str = cloud.ok("POST", "/projects", cloud.root, {"project": project})["project"]["id"]
        self.configure({"identity": {"driver": driver}, "ldap": options})

    def configure(self, config: Document) -> None:
        self.cloud.ok("PUT", f"/domains/{self.id}/config", self.cloud.root, {"config": config})

    def sign_in(self, name: str, password: str | None = None, **scope: Any) -> Answer:
        who = {
            "name": name,
            "domain": {"id": self.id},
            "password": PASSWORDS.get(name, "") if password is None else password,
        }
        return self.sign_in_as(who, **scope)

    def sign_in_as(self, who: Document, **scope: Any) -> Answer:
        auth: Document = {"identity": {"methods": ["password"], "password": {"user": who}}}
        auth["scope"] = scope or {"project": {"id": self.lab}}
        return self.cloud.v3("POST", "/auth/tokens", body={"auth": auth})

    def token(self, name: str) -> str:
        answer = self.sign_in(name)
        assert answer.status == 201, answer.body
        return answer.headers["X-Subject-Token"]

    def list(self, noun: str, query: str = "") -> list[Document]:
        found: list[Document] = self.cloud.ok("GET", f"/{noun}?domain_id={self.id}{query}", self.cloud.root)[noun]
        return found

    def the(self, noun: str, name: str) -> str:
        """The id of the user or group of that name."""
        found: str = self.list(noun, f"&name={name}")[0]["id"]
        return found

    def grant(self, noun: str, name: str, role: str = "member") -> str:
        """The path of the grant."""
        path = f"/projects/{self.lab}/{noun}/{self.the(noun, name)}/roles/{self.cloud.ids[role]}"
        self.cloud.ok("PUT", path, self.cloud.root)
        return path


@pytest.fixture
def settings() -> IdentitySettings:
    return IdentitySettings(password_cost=4, directory_life_s=30)


@pytest.fixture
def people(cloud: Cloud, slapd: Slapd) -> Iterator[People]:  # noqa: F811
    found = People(cloud, slapd.options(page_size=100, connection_timeout=2, pool_connection_timeout=2))
    found.grant("groups", "staff")
    yield found
    cloud.service.directories.close()


@pytest.fixture
def stopped(slapd: Slapd) -> Iterator[Slapd]:  # noqa: F811
    yield slapd
    slapd.stop()
    slapd.start()


@pytest.fixture
def admin(slapd: Slapd) -> Iterator[Any]:  # noqa: F811
    connection = slapd.admin()
    yield connection
    connection.unbind_s()


pytestmark = pytest.mark.needs("slapd")


# -- signing in


def test_a_user_has_the_roles_of_a_group(people: People) -> None:
    answer = people.sign_in("anna")
    assert answer.status == 201
    token = answer.json["token"]
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}
    assert token["user"]["name"] == "anna" and token["user"]["domain"] == {"id": people.id, "name": "people"}
    assert token["user"]["id"] == people.the("users", "anna") and len(token["user"]["id"]) == 64
    shown = people.cloud.v3("GET", "/auth/tokens", people.cloud.root, x_subject_token=answer.headers["X-Subject-Token"])
    assert shown.json["token"]["roles"] == token["roles"]


def test_a_user_signs_in_by_id_and_by_the_domains_name(people: People) -> None:
    anna = people.the("users", "anna")
    assert people.sign_in_as({"id": anna, "password": PASSWORDS["anna"]}).status == 201
    assert people.sign_in_as({"id": anna, "password": PASSWORDS["bert"]}).status == 401
    named = {"name": "anna", "domain": {"name": "people"}, "password": PASSWORDS["anna"]}
    assert people.sign_in_as(named).status == 201


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", "wrong"), ("anna", ""), ("nobody", "wrong"), ("carl", PASSWORDS["carl"]), ("*", PASSWORDS["anna"])],
)
def test_who_is_wrong_unknown_or_disabled_is_refused_alike(people: People, name: str, password: str) -> None:
    answer = people.sign_in(name, password)
    assert (answer.status, answer.json["error"]["message"]) == (401, SENTENCE)


def test_without_a_role_there_is_no_scope(people: People) -> None:
    other = {"project": {"id": people.cloud.ids["project:demo"]}}
    assert people.sign_in("anna", **other).status == 401


def test_the_database_knows_no_password_of_a_directorys_user(people: People) -> None:
    people.token("anna")
    people.configure({"identity": {"driver": "sql"}})
    assert people.sign_in("anna").status == 401


# -- what changes there


def test_a_change_in_the_directory_counts_after_a_while(people: People, clock: VirtualClock, admin: Any) -> None:
    token, lab = people.token("anna"), f"/projects/{people.lab}"
    group, anna = f"cn=staff,ou=groups,{SLAPD_SUFFIX}", f"uid=anna,ou=people,{SLAPD_SUFFIX}".encode()
    assert people.cloud.v3("GET", lab, token).status == 200
    admin.modify_s(group, [(ldap.MOD_DELETE, "member", anna)])
    try:
        assert people.cloud.v3("GET", lab, token).status == 200
        clock.advance(31)
        assert people.cloud.v3("GET", lab, token).status == 401
        assert people.sign_in("anna").status == 401
    finally:
        admin.modify_s(group, [(ldap.MOD_ADD, "member", anna)])
    assert people.sign_in("anna").status == 201


def test_who_is_disabled_there_loses_the_token(people: People, clock: VirtualClock, admin: Any) -> None:
    token, bert = people.token("bert"), f"uid=bert,ou=people,{SLAPD_SUFFIX}"
    admin.modify_s(bert, [(ldap.MOD_REPLACE, "accountEnabled", b"FALSE")])
    try:
        assert people.sign_in("bert").status == 401
        assert people.cloud.v3("GET", f"/projects/{people.lab}", token).status == 401
    finally:
        admin.modify_s(bert, [(ldap.MOD_REPLACE, "accountEnabled", b"TRUE")])
    clock.advance(31)
    assert people.cloud.v3("GET", f"/projects/{people.lab}", token).status == 200


def test_who_has_left_is_gone_and_a_namesake_is_somebody_else(
    people: People,
    clock: VirtualClock,
    admin: Any,
) -> None:
    dn = f"cn=dora,ou=people,{SLAPD_SUFFIX}"
    entry = [("objectClass", [b"inetOrgPerson"]), ("cn", b"dora"), ("sn", b"x"), ("userPassword", b"dora-word")]
    admin.add_s(dn, [*entry, ("uid", b"dora"), ("employeeNumber", b"1")])
    try:
        people.cloud.ok(
            "PATCH",
            f"/domains/{people.id}/config/ldap",
            people.cloud.root,
            {"config": {"ldap": {"user_id_attribute": "employeeNumber"}}},
        )
        first = people.the("users", "dora")
        people.grant("users", "dora")
        token = people.sign_in("dora", "dora-word").headers["X-Subject-Token"]
        admin.modify_s(dn, [(ldap.MOD_REPLACE, "employeeNumber", b"2")])
        second = people.the("users", "dora")
        assert second != first
        assert people.sign_in("dora", "dora-word").status == 401, "the role was another one's"
        unscoped = {"name": "dora", "domain": {"id": people.id}, "password": "dora-word"}
        auth = {"identity": {"methods": ["password"], "password": {"user": unscoped}}, "scope": "unscoped"}
        shown = people.cloud.v3("POST", "/auth/tokens", body={"auth": auth})
        assert shown.json["token"]["user"]["id"] == second
        clock.advance(31)
        assert people.cloud.v3("GET", f"/projects/{people.lab}", token).status == 401
        assert people.cloud.v3("GET", f"/users/{first}", people.cloud.root).status == 404
    finally:
        admin.delete_s(dn)


# -- away and back


def test_a_directory_that_is_away_hurts_its_own_users_only(people: People, clock: VirtualClock, stopped: Slapd) -> None:
    token = people.token("anna")
    stopped.stop()
    for answer in (
        people.sign_in("anna"),
        people.cloud.v3("GET", f"/users?domain_id={people.id}", people.cloud.root),
    ):
        assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
        assert "does not answer" in answer.json["error"]["message"]
    assert people.cloud.v3("GET", f"/projects/{people.lab}", token).status == 200
    clock.advance(31)
    answer = people.cloud.v3("GET", f"/projects/{people.lab}", token)
    assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
    assert people.cloud.sign_in("demo").status == 201
    assert people.cloud.v3("GET", "/users", people.cloud.root).status == 200
    stopped.start()
    clock.advance(PAUSE_S)
    assert people.sign_in("anna").status == 201
    assert people.cloud.v3("GET", f"/projects/{people.lab}", token).status == 200


def test_a_role_can_be_taken_away_while_the_directory_is_away(people: People, stopped: Slapd) -> None:
    path = people.grant("users", "bert")
    stopped.stop()
    assert people.cloud.v3("DELETE", path, people.cloud.root).status == 204


# -- reading


def test_users_and_groups_are_shown(people: People) -> None:
    anna, staff = people.the("users", "anna"), people.the("groups", "staff")
    user = people.cloud.ok("GET", f"/users/{anna}", people.cloud.root)["user"]
    assert user["name"] == "anna" and user["domain_id"] == people.id and user["email"] == "anna@example.test"
    assert user["enabled"] is True and user["options"] == {} and user["password_expires_at"] is None
    group = people.cloud.ok("GET", f"/groups/{staff}", people.cloud.root)["group"]
    assert (group["name"], group["description"], group["domain_id"]) == ("staff", "a group", people.id)
    assert people.cloud.v3("GET", f"/groups/{anna}", people.cloud.root).status == 404
    assert people.cloud.v3("GET", f"/users/{staff}", people.cloud.root).status == 404


def test_memberships_are_shown(people: People) -> None:
    root, anna, staff = people.cloud.root, people.the("users", "anna"), people.the("groups", "staff")
    members = people.cloud.ok("GET", f"/groups/{staff}/users", root)["users"]
    assert [user["name"] for user in members] == ["anna", "bert"]
    for asked in ("name=bert", "name__icontains=ER", "name__startswith=be", "name__endswith=rt", "name__iexact=BERT"):
        members = people.cloud.ok("GET", f"/groups/{staff}/users?{asked}", root)["users"]
        assert [user["name"] for user in members] == ["bert"], asked
    groups = people.cloud.ok("GET", f"/users/{anna}/groups", root)["groups"]
    assert [group["name"] for group in groups] == ["admins", "staff"]
    assert people.cloud.v3("GET", f"/groups/{staff}/users/{anna}", root).status == 204
    carl = people.the("users", "carl")
    assert people.cloud.v3("GET", f"/groups/{staff}/users/{carl}", root).status == 404


def test_a_list_names_its_domain_or_shows_the_database(people: People) -> None:
    people.token("anna")
    everybody = people.cloud.ok("GET", "/users", people.cloud.root)["users"]
    assert "anna" not in {user["name"] for user in everybody} and "demo" in {user["name"] for user in everybody}
    assert "staff" not in {group["name"] for group in people.cloud.ok("GET", "/groups", people.cloud.root)["groups"]}
    assert {"anna", "bert", "carl"} <= {user["name"] for user in people.list("users")}
    assert [user["name"] for user in people.list("users", "&name__contains=ann")] == ["anna"]
    assert [user["name"] for user in people.list("users", "&enabled=false")] == ["carl"]
    assert people.list("users", "&name=*") == []


def test_two_thousand_users_come_in_pages(people: People) -> None:
    config = {"config": {"ldap": {"user_tree_dn": f"ou=crowd,{SLAPD_SUFFIX}"}}}
    people.cloud.ok("PATCH", f"/domains/{people.id}/config", people.cloud.root, config)
    names: list[str] = []
    marker = ""
    while page := people.list("users", f"&limit=700{marker}"):
        assert len(page) <= 700
        names += [user["name"] for user in page]
        marker = f"&marker={page[-1]['id']}"
    assert names == [f"crowd-{number:04}" for number in range(MANY)]


def test_a_stranger_sees_nobody(people: People) -> None:
    anna = people.the("users", "anna")
    for path in (f"/users/{anna}", f"/users?domain_id={people.id}", f"/groups?domain_id={people.id}"):
        assert people.cloud.v3("GET", path, people.cloud.token("stranger")).status == 403
        assert people.cloud.v3("GET", path).status == 401


# -- nothing is written


def test_writes_are_refused_with_a_reason(people: People) -> None:
    root = people.cloud.root
    anna, staff, carl = people.the("users", "anna"), people.the("groups", "staff"), people.the("users", "carl")
    new = {"name": "new", "domain_id": people.id}
    ours = people.cloud.ok("POST", "/groups", root, {"group": {"name": "ours"}})["group"]["id"]
    change = {"user": {"original_password": PASSWORDS["anna"], "password": "another one"}}
    people.token("anna")
    tried = [
        people.cloud.v3("POST", "/users", root, {"user": new}),
        people.cloud.v3("POST", "/groups", root, {"group": new}),
        people.cloud.v3("PATCH", f"/users/{anna}", root, {"user": {"name": "other"}}),
        people.cloud.v3("PATCH", f"/groups/{staff}", root, {"group": {"name": "other"}}),
        people.cloud.v3("DELETE", f"/users/{anna}", root),
        people.cloud.v3("DELETE", f"/groups/{staff}", root),
        people.cloud.v3("PUT", f"/groups/{staff}/users/{carl}", root),
        people.cloud.v3("PUT", f"/groups/{ours}/users/{anna}", root),
        people.cloud.v3("DELETE", f"/groups/{staff}/users/{anna}", root),
        people.cloud.v3("POST", f"/users/{anna}/password", root, change),
    ]
    for answer in tried:
        assert answer.status == 403 and "only reads" in answer.json["error"]["message"], answer.body
    assert people.sign_in("anna").status == 201


# -- what hangs on a user


def test_a_role_of_ones_own_counts_and_is_listed(people: People) -> None:
    carl, bert = people.the("users", "carl"), people.the("users", "bert")
    people.grant("users", "bert", "manager")
    roles = people.sign_in("bert").json["token"]["roles"]
    assert {role["name"] for role in roles} == {"manager", "member", "reader"}
    listed = people.cloud.ok(
        "GET", f"/role_assignments?scope.project.id={people.lab}&include_names", people.cloud.root
    )["role_assignments"]
    assert {each["user"]["name"] for each in listed if "user" in each} == {"bert"}
    assert {each["group"]["name"] for each in listed if "group" in each} == {"staff"}
    effective = people.cloud.ok("GET", f"/role_assignments?scope.project.id={people.lab}&effective", people.cloud.root)[
        "role_assignments"
    ]
    users = {each["user"]["id"] for each in effective}
    assert users == {people.the("users", "anna"), bert} and carl not in users


def test_nobody_gets_a_role_who_is_not_there(people: People) -> None:
    path = f"/projects/{people.lab}/users/{'0' * 64}/roles/{people.cloud.ids['member']}"
    assert people.cloud.v3("PUT", path, people.cloud.root).status == 404


def test_application_credentials_and_trusts_work(people: People, clock: VirtualClock, admin: Any) -> None:
    anna, token, cloud = people.the("users", "anna"), people.token("anna"), people.cloud
    wanted = {"application_credential": {"name": "robot"}}
    made = cloud.ok("POST", f"/users/{anna}/application_credentials", token, wanted)["application_credential"]
    identity = {
        "methods": ["application_credential"],
        "application_credential": {"id": made["id"], "secret": made["secret"]},
    }
    answer = cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}})
    assert answer.status == 201
    trust = {"trustor_user_id": anna, "trustee_user_id": cloud.ids["demo"], "project_id": people.lab}
    trust |= {"impersonation": False, "roles": [{"name": "member"}]}
    trust_id = cloud.ok("POST", "/OS-TRUST/trusts", token, {"trust": trust})["trust"]["id"]
    trusted = cloud.token("demo", scope={"OS-TRUST:trust": {"id": trust_id}})
    assert cloud.v3("GET", f"/projects/{people.lab}", trusted).status == 200
    dn = f"uid=anna,ou=people,{SLAPD_SUFFIX}"
    admin.modify_s(dn, [(ldap.MOD_REPLACE, "accountEnabled", b"FALSE")])
    try:
        clock.advance(31)
        assert cloud.v3("GET", f"/projects/{people.lab}", trusted).status == 401
        assert cloud.v3("GET", f"/projects/{people.lab}", answer.headers["X-Subject-Token"]).status == 401
        assert cloud.v3("POST", "/auth/tokens", body={"auth": {"identity": identity}}).status == 401
    finally:
        admin.modify_s(dn, [(ldap.MOD_REPLACE, "accountEnabled", b"TRUE")])


def test_a_domain_goes_with_what_was_known_of_its_users(people: People) -> None:
    token = people.token("anna")
    people.cloud.ok("PATCH", f"/domains/{people.id}", people.cloud.root, {"domain": {"enabled": False}})
    assert people.cloud.v3("GET", f"/projects/{people.lab}", token).status == 401
    people.cloud.ok("DELETE", f"/domains/{people.id}", people.cloud.root)
    assert people.cloud.v3("GET", "/users", people.cloud.root).status == 200


# -- the configuration


def test_the_password_of_the_configuration_is_never_shown_and_sealed_at_rest(people: People) -> None:
    answer = people.cloud.v3("GET", f"/domains/{people.id}/config", people.cloud.root)
    assert answer.status == 200 and b"reader-word" not in answer.body
    assert "password" not in answer.json["config"]["ldap"]
    rows = people.cloud.database.read().execute(select(domain_option)).all()
    assert not any("reader-word" in str(row) for row in rows)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"identity": {"driver": 5}}, "identity.driver"),
        ({"identity": {"driver": None}}, "identity.driver"),
        ({"unheard_of": {}}, "unheard_of"),
        ({"ldap": {"page_size": -1}}, "page_size"),
        ({"ldap": {"query_scope": "all"}}, "query_scope"),
        ({"ldap": {"use_tls": "perhaps"}}, "use_tls"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_with_its_name(people: People, config: Document, field: str) -> None:
    answer = people.cloud.v3("PATCH", f"/domains/{people.id}/config", people.cloud.root, {"config": config})
    assert answer.status == 400 and field in answer.json["error"]["message"]
    assert people.sign_in("anna").status == 201


def test_a_driver_that_nobody_knows_is_kept_and_lets_nobody_in(people: People) -> None:
    people.configure({"identity": {"driver": "nis"}})
    assert people.cloud.ok("GET", f"/domains/{people.id}/config", people.cloud.root)["config"]["identity"] == {
        "driver": "nis"
    }
    answer = people.sign_in("anna")
    assert answer.status == 503 and "sql, ldap, ad" in answer.json["error"]["message"]
    path = f"/users?domain_id={people.id}"
    assert people.cloud.v3("GET", path, people.cloud.root).status == 503
    assert people.cloud.v3("GET", "/users", people.cloud.root).status == 200


def test_a_domain_with_users_in_the_database_gets_no_directory(cloud: Cloud) -> None:
    config = {"config": {"identity": {"driver": "ldap"}}}
    answer = cloud.v3("PUT", "/domains/default/config", cloud.root, config)
    assert answer.status == 409 and "in the database" in answer.json["error"]["message"]


def test_a_changed_configuration_counts_at_once(people: People) -> None:
    path = f"/domains/{people.id}/config/ldap/user_filter"
    people.cloud.ok("PATCH", path, people.cloud.root, {"config": {"user_filter": "(uid=bert)"}})
    assert people.sign_in("anna").status == 401 and people.sign_in("bert").status == 201
    people.cloud.ok("PATCH", path, people.cloud.root, {"config": {"user_filter": None}})
    assert people.sign_in("anna").status == 201


def test_a_certificate_of_another_ca_is_an_administrators_matter(people: People, slapd: Slapd) -> None:  # noqa: F811
    people.configure({"identity": {"driver": "ldap"}, "ldap": slapd.ldaps()})
    assert people.sign_in("anna").status == 201
    strange = {**slapd.ldaps(), "tls_cacertfile": "/etc/ssl/certs/ca-certificates.crt"}
    people.configure({"identity": {"driver": "ldap"}, "ldap": strange})
    answer = people.sign_in("anna")
    assert answer.status == 503 and "certificate" in answer.json["error"]["message"]


# -- Active Directory


@pytest.mark.needs("samba")
def test_a_group_in_a_group_of_active_directory_counts(cloud: Cloud, samba: Samba) -> None:  # noqa: F811
    people = People(cloud, samba.options(), "ad")
    assert people.sign_in("anna").status == 401
    people.grant("groups", "everybody")
    roles = people.sign_in("anna").json["token"]["roles"]
    assert {role["name"] for role in roles} == {"member", "reader"}
    assert people.sign_in("carl").status == 401 and people.sign_in("anna", "wrong").status == 401
    assert [user["name"] for user in people.list("users", "&name__startswith=ann")] == ["anna"]
    cloud.service.directories.close()
