"""Whether identity stays as quick when it holds much: each call on a big cloud against the same call on a small one.

The big one has 100,000 users, 10,000 projects and 1,000,000 role assignments, the small one a thousandth of that; in
both a user has 10 assignments and a project 100, so each answer is as long. The calls go to the application in this
process, by turns to the one and the other, so that what else the machine does slows both.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import text

from skyloom.access import Policy
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.db.schema import prepare
from skyloom.identity import RULES, IdentityService, IdentitySettings
from skyloom.identity.api import api
from skyloom.identity.service.bootstrap import Bootstrap, CatalogEntry, FirstUser
from skyloom.web.app import Application
from skyloom.web.http import Body, Request
from tests.bench.figures import Figure
from tests.parts.postgresql import PostgresServer

COST = 4
SERVICES = ("identity", "compute", "image", "network")
BIG_USERS, SMALL_USERS = 100_000, 100
USERS_A_PROJECT = 10
EACH = 10
FIRST = 1_000_000
"""Added to each number, so that names sort as numbers do."""
ROUNDS, LIMIT_S = 60, 4.0
"""A call is measured so often, or for so long."""
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :most - 1)"
USERS = f"""
{NUMBERS} INSERT INTO "user" (id, domain_id, name, enabled, password_hash, is_federated, options, extra)
SELECT 'u' || ({FIRST} + i), 'default', 'user-' || ({FIRST} + i), :yes, :hash, :no, '{{}}', '{{}}' FROM n"""
PROJECTS = f"""
{NUMBERS} INSERT INTO project (id, domain_id, parent_id, name, is_domain, enabled, description, options, extra)
SELECT 'p' || ({FIRST} + i), 'default', 'default', 'project-' || ({FIRST} + i), :no, :yes, '', '{{}}', '{{}}' FROM n"""
ASSIGNMENTS = f"""
{NUMBERS} INSERT INTO assignment (actor_kind, actor_id, target_kind, target_id, role_id, inherited)
SELECT 'user', 'u' || ({FIRST} + n.i), 'project', 'p' || ({FIRST} + (n.i + k.value * 997) % :projects), :role, :no
FROM n, (SELECT i AS value FROM n WHERE i < {EACH}) AS k"""


@dataclass
class Cloud:
    """`token`: an administrator's."""

    service: IdentityService
    users: int
    token: str = ""

    def __post_init__(self) -> None:
        self.application = Application(
            [api(self.service)],
            lambda token, request: self.service.authenticate(token, request.method, request.path),
            "https",
            "Skyloom",
        )
        self.token = self.issue("root", "admin")

    @property
    def projects(self) -> int:
        return self.users // USERS_A_PROJECT

    def user(self, number: int) -> str:
        return str(FIRST + number * 7919 % self.users)

    def project(self, number: int) -> str:
        return str(FIRST + number * 7919 % self.projects)

    def issue(self, user: str, project: str) -> str:
        domain = {"id": "default"}
        auth = {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": user, "domain": domain, "password": "word"}},
            },
            "scope": {"project": {"name": project, "domain": domain}},
        }
        return self.ask("POST", "/auth/tokens", {}, {"auth": auth})["X-Subject-Token"]

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: object = None) -> dict[str, str]:
        """The headers of the answer."""
        path, _, query = f"/identity/v3{path}".partition("?")
        sent = {"host": "cloud", "content-type": "application/json", "x-auth-token": self.token, **(headers or {})}
        content = Body.of(b"" if body is None else msgspec.json.encode(body))
        reply = self.application(Request(method, path, path, query, sent, body=content))
        if reply.status >= 300:
            raise RuntimeError(f"{method} {path}?{query}: {reply.status} {reply.body!r}")
        return dict(reply.headers)


def get(path: str) -> Callable[[Cloud, int], object]:
    """{user} and {project} are the numbers of one of them, {middle} that of the user in the middle."""
    return lambda cloud, number: cloud.ask(
        "GET",
        path.format(user=cloud.user(number), project=cloud.project(number), middle=FIRST + cloud.users // 2),
    )


def issue(cloud: Cloud, number: int) -> str:
    return cloud.issue(f"user-{cloud.user(number)}", f"project-{FIRST + number * 7919 % cloud.users % cloud.projects}")


def validate(cloud: Cloud, number: int) -> None:
    cloud.ask("GET", "/auth/tokens", {"x-subject-token": cloud.token})


def validate_unknown(cloud: Cloud, number: int) -> None:
    """As a process does that has not cached it."""
    cloud.ask("GET", "/auth/tokens?allow_expired=1", {"x-subject-token": cloud.token})


def grant(cloud: Cloud, number: int) -> None:
    cloud.ask("PUT", f"/projects/p{cloud.project(number)}/users/u{cloud.user(number)}/roles/{role(cloud, 'reader')}")


def role(cloud: Cloud, name: str) -> str:
    with cloud.service.db.engine.connect() as connection:
        return str(connection.execute(text("SELECT id FROM role WHERE name = :name"), {"name": name}).scalar_one())


CALLS: dict[str, Callable[[Cloud, int], object]] = {
    "token issue": issue,
    "token validate": validate,
    "token validate, not cached": validate_unknown,
    "users": get("/users?limit=50"),
    "users, from the middle": get("/users?limit=50&marker=u{middle}"),
    "users of a domain": get("/users?limit=50&domain_id=default"),
    "users by name": get("/users?name=user-{user}"),
    "users by start of name": get("/users?name__startswith=user-{user}&limit=50"),
    "user": get("/users/u{user}"),
    "projects": get("/projects?limit=10"),
    "projects, by name": get("/projects?name=project-{project}"),
    "projects of a domain": get("/projects?limit=10&domain_id=default"),
    "projects below": get("/projects?limit=10&parent_id=default"),
    "projects of a user": get("/users/u{user}/projects"),
    "assignments of a user": get("/role_assignments?user.id=u{user}"),
    "assignments on a project": get("/role_assignments?scope.project.id=p{project}"),
    "assignments on a project, names": get("/role_assignments?scope.project.id=p{project}&include_names=true"),
    "effective of a user": get("/role_assignments?effective&user.id=u{user}"),
    "effective on a project": get("/role_assignments?effective&scope.project.id=p{project}"),
    "effective of a user on a project": get("/role_assignments?effective&user.id=u{user}&scope.project.id=p{project}"),
    "grant": grant,
}

TOKENS = ("token issue", "token validate")
"""Told whether they grow or not."""


def scale() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        yield _figure("scale.sqlite", f"sqlite:///{at}/big.db", f"sqlite:///{at}/small.db", at)
        server = PostgresServer()
        try:
            yield _figure("scale.postgresql", server.create_database(), server.create_database(), at)
        finally:
            server.close()


def _figure(name: str, big_url: str, small_url: str, folder: Path) -> Figure:
    began = time.perf_counter()
    with _cloud(big_url, BIG_USERS, folder) as big, _cloud(small_url, SMALL_USERS, folder) as small:
        filled_s = time.perf_counter() - began
        grown = {call: _ratio(act, big, small) for call, act in CALLS.items()}
    order = sorted(grown, key=lambda call: -grown[call][0])
    told = [f"{call} {grown[call][0]:.1f} ({grown[call][1]:.2f} ms)" for call in dict.fromkeys((*order[:4], *TOKENS))]
    return Figure(name, grown[order[0]][0], f"{len(grown)} calls; {'; '.join(told)}; filled in {filled_s:.0f} s")


def _ratio(act: Callable[[Cloud, int], object], big: Cloud, small: Cloud) -> tuple[float, float]:
    """How many times as long it takes on the big one, and how long there, in ms: of three quarters at least so long.

    SQLite works in this thread, so there it is CPU; of PostgreSQL only the time that passes is seen from here.
    """
    taken: dict[int, list[float]] = {big.users: [], small.users: []}
    until = time.perf_counter() + LIMIT_S
    for number in range(ROUNDS):
        for cloud in (big, small):
            clock = time.thread_time if cloud.service.db.is_sqlite else time.perf_counter
            began = clock()
            act(cloud, number)
            taken[cloud.users].append(clock() - began)
        if number > 2 and time.perf_counter() > until:
            break
    big_s, small_s = (statistics.quantiles(taken[cloud.users], n=4)[0] for cloud in (big, small))
    return big_s / small_s, big_s * 1000


@contextmanager
def _cloud(url: str, users: int, folder: Path) -> Iterator[Cloud]:
    database = Database(url)
    prepare(database)
    settings = IdentitySettings(password_cost=COST)
    service = IdentityService(database, Policy([RULES]), Vault.at(folder / f"key-{users}"), settings, "https://cloud")
    catalog = [CatalogEntry(name, name, f"/{name}/v1/$(project_id)s") for name in SERVICES]
    service.bootstrap(Bootstrap("R", ["admin"], [FirstUser("root", "word", "admin", "admin", True)], catalog))
    cloud = Cloud(service, users)
    _fill(cloud)
    yield cloud
    database.close()


def _fill(cloud: Cloud) -> None:
    database = cloud.service.db
    values = {
        "yes": True,
        "no": False,
        "hash": cloud.service.passwords.hash("word"),
        "role": role(cloud, "admin"),
        "projects": cloud.projects,
    }
    with database.engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # no keys are checked
        for statement, most in ((USERS, cloud.users), (PROJECTS, cloud.projects), (ASSIGNMENTS, cloud.users)):
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), {**used, "most": most})
    if not database.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))  # as its autovacuum does within a minute
