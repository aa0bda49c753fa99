"""What a request of identity costs does not grow with what other domains have.

Measured are the calls of the walk through identity (so a new route is measured with its line there) and lists as people
ask for them, while every table of identity gets more rows.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Integer, LargeBinary, Table, insert

from skyloom.access import SYSTEM
from skyloom.db import Json, Timestamp, metadata
from skyloom.identity import tables
from skyloom.identity.service.registry import Query
from skyloom.identity.store.grants import Grant
from tests.api.meter import TRIES, Meter, grown
from tests.api.meter import Call as MeterCall
from tests.cloud import PASSWORD, Cloud
from tests.rules.walk import Asked, Walker
from tests.rules.walks.identity import WALK

A_PAGE, OTHERS = 6, 300
LATER = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
ALIKE: Mapping[str, Any] = {
    "enabled": True,
    "interface": "public",
    "type": "ec2",
    "actor_kind": "user",
    "target_kind": "project",
    "kind": "user",
    "group": "ldap",
    "role_ids": [],
}
"""What stands in all rows that are filled in, where not any value will do."""
VARIED: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "project": ({}, {"is_domain": True, "domain_id": "", "parent_id": ""}),
    "assignment": (
        {},
        {"actor_kind": "group"},
        {"target_kind": "domain"},
        {"target_kind": "system", "target_id": "system"},
        {"inherited": True},
    ),
}
"""Of these tables several rows stand for each number."""
THE_CLOUDS = frozenset({"service", "endpoint", "region", "policy", "service_provider"})
"""As many as a page has, however much others have: each token shows the catalog, whole."""
LEFT_OUT = frozenset({"signing_key", "saml_key", "identity_change", "identity_generation"})
"""What a cloud has some of, whoever is in it."""


READS = (
    "users?limit=5",
    "users?domain_id={domain}",
    "users?name=a001",
    "users?name__startswith=a00",
    "users?idp_id=a001",
    "users?unique_id=a001",
    "users/a001",
    "users/a001/projects",
    "users/a001/groups",
    "users/a001/credentials/OS-EC2",
    "users/a001/application_credentials",
    "users/a001/application_credentials?name=a001",
    "users/a001/OS-OAUTH1/access_tokens",
    "groups?limit=5",
    "groups?domain_id={domain}",
    "groups?name=a001",
    "groups/a001/users",
    "projects?limit=5",
    "projects?domain_id={domain}",
    "projects?parent_id={domain}",
    "projects?name=a001",
    "projects?tags=a001",
    "projects?tags-any=a001,a002",
    "projects?not-tags=a001&limit=5",
    "projects?is_domain=true&limit=5",
    "projects/a001",
    "projects/a001?parents_as_list&subtree_as_list",
    "domains?limit=5",
    "domains?name=a",
    "roles?limit=5",
    "roles?name=member",
    "roles?domain_id={domain}",
    "roles/a001/implies",
    "role_assignments?user.id=a001",
    "role_assignments?user.id=a001&include_names",
    "role_assignments?user.id=a001&effective",
    "role_assignments?user.id=a001&effective&include_names",
    "role_assignments?user.id=a001&scope.project.id=a001",
    "role_assignments?user.id=a001&role.id=a001",
    "role_assignments?user.id=a001&scope.system",
    "role_assignments?user.id=a001&scope.system&effective",
    "role_assignments?group.id=a001",
    "role_assignments?role.id=a001",
    "role_assignments?role.id=a001&effective",
    "role_assignments?scope.project.id=a001",
    "role_assignments?scope.project.id=a001&effective&include_names",
    "role_assignments?scope.project.id=a001&include_subtree",
    "role_assignments?scope.project.id=a001&include_subtree&effective",
    "role_assignments?scope.domain.id={domain}",
    "role_assignments?scope.domain.id={domain}&effective",
    "credentials?limit=5",
    "credentials?user_id=a001",
    "credentials?user_id=a001&type=ec2",
    "OS-TRUST/trusts?trustor_user_id=a001",
    "OS-TRUST/trusts?trustee_user_id=a001",
    "limits?limit=5",
    "limits?project_id=a001",
    "limits?domain_id={domain}",
    "limits?service_id=a001",
    "registered_limits?limit=5",
    "registered_limits?service_id=a001",
    "endpoints?limit=5",
    "endpoints?service_id=a001",
    "services?limit=5",
    "services?type=ec2",
    "regions?parent_region_id=a001",
    "policies?limit=5",
    "OS-EP-FILTER/endpoint_groups?limit=5",
    "OS-FEDERATION/identity_providers?limit=5",
    "OS-FEDERATION/identity_providers?id=a001",
    "OS-FEDERATION/identity_providers/a001/protocols",
    "OS-FEDERATION/mappings?limit=5",
    "OS-FEDERATION/service_providers?limit=5",
    "OS-OAUTH1/consumers?limit=5",
    "OS-REVOKE/events?since=2100-01-01T00:00:00Z",
)
"""By the cloud's administrator."""
OF_A_DOMAIN = (
    "users",
    "users?name=a001",
    "users/a001",
    "users/a001/projects",
    "users/a001/groups",
    "groups",
    "groups/a001/users",
    "projects",
    "projects/a001",
    "domains/{domain}",
    "role_assignments",
    "role_assignments?effective",
    "role_assignments?user.id=a001&effective&include_names",
    "role_assignments?scope.project.id=a001&include_subtree",
    "credentials?user_id=a001",
    "limits?domain_id={domain}",
    "auth/projects",
    "auth/domains",
    "auth/system",
)
"""By the domain's."""
GROWING = frozenset(
    {
        "GET /v3/OS-REVOKE/events",
        "GET /v3/domains",
        "GET /v3/projects",
        "GET /v3/users",
        "GET /v3/groups",
        "GET /v3/credentials",
        "GET /v3/OS-OAUTH1/consumers",
        "GET /v3/OS-EP-FILTER/endpoint_groups",
        "GET /v3/registered_limits",
        "GET /v3/limits",
        "GET /v3/role_assignments",
        "GET /v3/role_inferences",
        "GET /v3/OS-TRUST/trusts",
        "GET /v3/OS-FEDERATION/identity_providers",
        "GET /v3/OS-FEDERATION/mappings",
    }
)
"""Lists of everything, which the walk asks for without a limit: the longer they are, the more they take."""


class Filling:
    """Rows for every table of identity, in a domain of their own. The nth row of a table names the nth of others."""

    def __init__(self, cloud: Cloud, prefix: str, count: int, domain_id: str = ""):
        self.prefix, self.count = prefix, count
        self.domain_id: str = domain_id or cloud.core.identity.domains.create(SYSTEM, {"name": prefix})["id"]
        self.sealed = cloud.core.identity.credentials.vault.seal(b'{"access": "a", "secret": "b"}')
        with cloud.db.begin(SYSTEM) as tx:
            for table in metadata.sorted_tables:
                if getattr(tables, table.name, None) is table and table.name not in LEFT_OUT:
                    tx.execute(insert(table), self._rows(table))

    def _rows(self, table: Table) -> list[dict[str, Any]]:
        rows = []
        for number in range(self._many(table.name)):
            for place, variation in enumerate(VARIED.get(table.name, ({},))):
                own = {"id": f"{self._name(number)}-{place}"} if place and "id" in table.c else {}
                rows.append({**self._row(table, number), **own, **variation})
        return rows

    def _many(self, table: str) -> int:
        return A_PAGE if table in THE_CLOUDS else self.count

    def _row(self, table: Table, number: int) -> dict[str, Any]:
        columns = [column for column in table.c if not (column.primary_key and isinstance(column.type, Integer))]
        return {column.name: self._value(table, column, number) for column in columns}

    def _value(self, table: Table, column: Column[Any], number: int) -> Any:
        if column.name in ("domain_id", "parent_id"):
            return self.domain_id
        named = next((key.column.table.name for key in column.foreign_keys), column.name.removesuffix("_id"))
        if named == table.name and column.foreign_keys:
            return None
        if column.name.endswith("_id") and isinstance(getattr(tables, named, None), Table):
            return self._name(number % self._many(named))
        if column.name in ALIKE:
            return ALIKE[column.name]
        by_type = {Boolean: False, Integer: 1, LargeBinary: self.sealed, Timestamp: LATER, Json: {}}
        return by_type.get(type(column.type), self._name(number))

    def _name(self, number: int) -> str:
        return f"{self.prefix}{number:03}"


class MeteredWalk(Walker):
    """Each call once, by who may do it, with its steps."""

    def __init__(self, cloud: Cloud, meter: Meter):
        super().__init__(cloud)
        self.meter = meter
        self.steps: list[int] = []

    def _try_strangers(self, *given: Any) -> None:
        pass

    def _try_broken_bodies(self, *given: Any) -> None:
        pass

    def _ask(self, *given: Any) -> Asked:
        ask, asked = super()._ask, list[Asked]()
        self.steps.append(self.meter.once(lambda: asked.append(ask(*given))))
        return asked[0]


def walk_steps(cloud: Cloud, meter: Meter) -> dict[str, int]:
    """By number and route; of some walks the least."""
    walked: list[Sequence[int]] = []
    for _ in range(TRIES):
        walker = MeteredWalk(cloud, meter)
        walker.walk(WALK)
        wrong = [asked.told for call, asked in walker.record.done if asked.answer.status >= 400 and call.status is None]
        assert wrong == []
        walked.append(walker.steps)
    least = map(min, zip(*walked, strict=True))
    return {
        f"{number}. {call.route} {call.variant}": steps
        for number, (call, steps) in enumerate(zip(WALK.calls, least, strict=True))
        if call.route not in GROWING
    }


class Admin:
    """Who administers the domain of a filling."""

    def __init__(self, cloud: Cloud, domain_id: str):
        self.cloud, self.domain_id = cloud, domain_id
        identity = cloud.core.identity
        self.user_id: str = identity.users.create(
            SYSTEM, {"name": "a-chief", "password": PASSWORD, "domain_id": domain_id}
        )["id"]
        (self.role_id,) = [role["id"] for role in identity.roles.list(SYSTEM, Query({"name": "admin"})).records]
        identity.grants.create(SYSTEM, Grant("user", self.user_id, "domain", domain_id, self.role_id))
        self.token = self.sign_in({"domain": {"id": domain_id}})

    def sign_in(self, scope: Any) -> str:
        user = {"id": self.user_id, "password": PASSWORD}
        auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
        answer = self.cloud("POST", "/identity/v3/auth/tokens", None, {"auth": auth})
        assert answer.status == 201, answer.body
        return answer.headers["X-Subject-Token"]

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        answer = self.cloud(method, f"/identity/v3/{path}", token or self.token, body)
        assert answer.status < 300, (method, path, answer.status, answer.body)
        return answer.json if answer.body else None

    def once(self, noun: str, **values: Any) -> None:
        """Made and deleted."""
        made = self.ask("POST", f"{noun}s", {noun: {"domain_id": self.domain_id, **values}})[noun]["id"]
        self.ask("DELETE", f"{noun}s/{made}")

    def calls(self) -> Mapping[str, MeterCall]:
        grant = f"projects/a001/users/a002/roles/{self.role_id}"

        def granted() -> None:
            self.ask("PUT", grant)
            self.ask("DELETE", grant)

        def in_and_out() -> None:
            token = self.sign_in({"domain": {"id": self.domain_id}})
            headers = {"x-subject-token": token}
            assert self.cloud("GET", "/identity/v3/auth/tokens", self.token, None, headers).status == 200
            assert self.cloud("DELETE", "/identity/v3/auth/tokens", self.token, None, headers).status == 204

        return {
            "a user": lambda: self.once("user", name="a-once", password=PASSWORD),
            "a group": lambda: self.once("group", name="a-once"),
            "a project": lambda: self.once("project", name="a-once"),
            "a grant": granted,
            "a sign-in": in_and_out,
        }


def reads_of(cloud: Cloud, admin: Admin) -> Iterator[tuple[str, MeterCall]]:
    for who, token, paths in (("cloud", cloud.tokens["admin"], READS), ("domain", admin.token, OF_A_DOMAIN)):
        for path in paths:
            url = path.format(domain=admin.domain_id)
            yield f"{path} by the {who}'s", lambda url=url, token=token: admin.ask("GET", url, None, token)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    found = Cloud(start=False)
    yield found
    found.close()


def test_what_other_domains_have_costs_nothing(cloud: Cloud) -> None:
    own = Filling(cloud, "a", A_PAGE)
    admin, meter = Admin(cloud, own.domain_id), Meter(cloud)
    calls = {**dict(reads_of(cloud, admin)), **admin.calls()}
    few = {name: meter.steps(call) for name, call in calls.items()} | walk_steps(cloud, meter)
    Filling(cloud, "z", OTHERS)
    many = {name: meter.steps(call) for name, call in calls.items()} | walk_steps(cloud, meter)
    assert grown(few, many) == {}, "steps before and after"


def test_what_a_domain_has_costs_one_thing_of_it_nothing(cloud: Cloud) -> None:
    own = Filling(cloud, "a", A_PAGE)
    admin, meter = Admin(cloud, own.domain_id), Meter(cloud)
    of_one = {name: call for name, call in reads_of(cloud, admin) if "a001" in name}
    calls = {**of_one, **admin.calls()}
    few = {name: meter.steps(call) for name, call in calls.items()}
    Filling(cloud, "z", OTHERS, own.domain_id)
    many = {name: meter.steps(call) for name, call in calls.items()}
    assert grown(few, many) == {}, "steps before and after"
