"""What authentication reads: users, scopes, the roles that count in a scope. Every statement is built once."""

import operator
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)

from skyloom.clock import Clock
from skyloom.db import Reader, Sql
from skyloom.db.batches import batched
from skyloom.identity.model import SYSTEM_ID, Project, Role, User
from skyloom.identity.tables import (
    assignment,
    federated_membership,
    identity_change,
    identity_generation,
    implied_role,
    membership,
    project,
    role,
    user,
)

domain = project.alias("domain")
GROUPS_UNTIL = (
    select(func.min(federated_membership.c.expires_at))
    .where(federated_membership.c.user_id == user.c.id, federated_membership.c.expires_at > bindparam("now"))
    .scalar_subquery()
)
USER_COLUMNS = select(
    user.c.id,
    user.c.domain_id,
    domain.c.name.label("domain_name"),
    user.c.name,
    user.c.enabled,
    domain.c.enabled.label("domain_enabled"),
    user.c.default_project_id,
    user.c.password_hash,
    user.c.password_expires_at,
    user.c.tokens_not_before,
    user.c.password_chosen_at,
    user.c.created_at,
    user.c.last_active_at,
    user.c.options,
    user.c.is_federated,
    GROUPS_UNTIL.label("groups_until"),
).join(domain, domain.c.id == user.c.domain_id)
USER_BY_ID = USER_COLUMNS.where(user.c.id == bindparam("user_id"))
# A domain's own row has no domain, so its name is found by the key of (domain_id, name).
IN_DOMAIN_NAMED = and_(domain.c.domain_id == "", domain.c.name == bindparam("domain"))
USER_NAMED = USER_COLUMNS.where(user.c.name == bindparam("name"), user.c.is_federated.is_(False))
USER_BY_NAME = USER_NAMED.where(user.c.domain_id == bindparam("domain"))
USER_BY_NAMES = USER_NAMED.where(IN_DOMAIN_NAMED)
PROJECT_COLUMNS = select(
    project, domain.c.name.label("domain_name"), domain.c.enabled.label("domain_enabled")
).outerjoin(domain, domain.c.id == project.c.domain_id)
PROJECT_BY_ID = PROJECT_COLUMNS.where(project.c.id == bindparam("project_id"))
PROJECT_NAMED = PROJECT_COLUMNS.where(project.c.name == bindparam("name"), project.c.is_domain.is_(False))
PROJECT_BY_NAME = PROJECT_NAMED.where(project.c.domain_id == bindparam("domain"))
PROJECT_BY_NAMES = PROJECT_NAMED.where(IN_DOMAIN_NAMED)
DOMAIN_BY_NAME = PROJECT_COLUMNS.where(project.c.name == bindparam("name"), project.c.domain_id == "")

# the project, its parents, and at the root of the tree its domain
ancestry = select(project.c.id, project.c.parent_id).where(project.c.id == bindparam("target_id")).cte(recursive=True)
above = project.alias("above")
ancestry = ancestry.union(select(above.c.id, above.c.parent_id).join(ancestry, above.c.id == ancestry.c.parent_id))

GROUPS_NOW = union_all(
    select(membership.c.group_id).where(membership.c.user_id == bindparam("user_id")),
    select(federated_membership.c.group_id).where(
        federated_membership.c.user_id == bindparam("user_id"),
        federated_membership.c.expires_at > bindparam("now"),
    ),
)
BY_ITSELF = and_(assignment.c.actor_kind == "user", assignment.c.actor_id == bindparam("user_id"))
BY_GROUPS = and_(assignment.c.actor_kind == "group", assignment.c.actor_id.in_(GROUPS_NOW))
ACTOR = or_(BY_ITSELF, BY_GROUPS)
ANCESTRY = select(ancestry.c.id)
# With the groups and the places as values each assignment is found by the whole key. Inside of one statement they are
# guesses to an engine, which may then read all that the user has, or all that anybody has there.
COUNTS_THERE = and_(
    assignment.c.inherited == (assignment.c.target_id != bindparam("target_id")),
    assignment.c.target_id.in_(bindparam("places", expanding=True)),
    assignment.c.target_kind.in_(bindparam("kinds", expanding=True)),
)
"""On the target itself, or inherited from above."""
OWN = select(assignment.c.role_id).where(BY_ITSELF, COUNTS_THERE)
OF_GROUPS = select(assignment.c.role_id).where(
    assignment.c.actor_kind == "group",
    assignment.c.actor_id.in_(bindparam("group_ids", expanding=True)),
    COUNTS_THERE,
)


def _with_implied(given: Any) -> Any:
    """The given roles and all that they imply, however far; a domain's own roles count only by what they imply."""
    roles = given.cte(recursive=True)
    roles = roles.union(
        select(implied_role.c.implied_role_id).join(roles, implied_role.c.prior_role_id == roles.c.role_id)
    )
    named = select(role.c.id, role.c.name).join(roles, roles.c.role_id == role.c.id)
    return named.where(role.c.domain_id == "").order_by(role.c.name)


OWN_ROLES = _with_implied(OWN)
ROLES = _with_implied(select(OWN.union(OF_GROUPS).cte()))
ROLES_BY_ID = _with_implied(select(role.c.id.label("role_id")).where(role.c.id.in_(bindparam("ids", expanding=True))))

# the roles that count: those of the cloud, and a domain's own that imply one, however far
counting = select(role.c.id).where(role.c.domain_id == "").cte(recursive=True)
counting = counting.union(
    select(implied_role.c.prior_role_id).join(counting, implied_role.c.implied_role_id == counting.c.id)
)
COUNTS = assignment.c.role_id.in_(select(counting.c.id))

# everything below the projects and domains where the user has an inherited role (a top project's parent is its domain)
seeds = select(assignment.c.target_id).where(ACTOR, COUNTS, assignment.c.inherited.is_(True))
below = select(project.c.id).where(project.c.parent_id.in_(seeds)).cte(recursive=True)
child = project.alias("child")
below = below.union(select(child.c.id).join(below, child.c.parent_id == below.c.id))
DIRECT = select(assignment.c.target_id).where(ACTOR, COUNTS, assignment.c.inherited.is_(False))
PROJECT_IDS_OF_USER = DIRECT.where(assignment.c.target_kind == "project").union(select(below.c.id))
PROJECTS_BY_ID = PROJECT_COLUMNS.where(
    project.c.is_domain.is_(False), project.c.id.in_(bindparam("ids", expanding=True))
)
DOMAINS_OF_USER = PROJECT_COLUMNS.where(
    project.c.is_domain.is_(True),
    project.c.id.in_(DIRECT.where(assignment.c.target_kind == "domain")),
).order_by(project.c.name)

GENERATION = f"SELECT value FROM {identity_generation.name} WHERE id = 1"
ABOVE = (
    select(above.c.id, above.c.name, above.c.parent_id, above.c.is_domain)
    .join(ancestry, ancestry.c.id == above.c.id)
    .where(above.c.id != bindparam("target_id"))
)
tree = select(project.c.id).where(project.c.parent_id == bindparam("target_id")).cte(recursive=True)
leaf = project.alias("leaf")
tree = tree.union(select(leaf.c.id).join(tree, leaf.c.parent_id == tree.c.id))
SUBTREE = select(leaf.c.id, leaf.c.parent_id).join(tree, tree.c.id == leaf.c.id).where(leaf.c.is_domain.is_(False))
BUMP = (
    update(identity_generation)
    .where(identity_generation.c.id == 1)
    .values(value=identity_generation.c.value + 1)
    .returning(identity_generation.c.value)
)
ADD_CHANGE = insert(identity_change)
FORGET_CHANGES = delete(identity_change).where(identity_change.c.generation <= bindparam("last"))
CHANGES = (
    select(identity_generation.c.value, identity_change.c.generation, identity_change.c.thing)
    .outerjoin(identity_change, identity_change.c.generation > bindparam("seen"))
    .where(identity_generation.c.id == 1)
)
CHANGES_KEPT = 1000
"""Generations whose changes are kept; who saw none of so many takes everything for changed."""


COMPARISONS = {name: getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq")}
COMPARISONS |= {"lte": operator.le, "gte": operator.ge, "neq": operator.ne}


class Principals:
    def __init__(self, clock: Clock | None = None):
        self.clock = clock or Clock()

    def user(self, sql: Sql, user_id: str) -> User | None:
        return _user(sql.execute(USER_BY_ID, {"user_id": user_id, "now": self.clock.now()}).first())

    def user_named(self, sql: Sql, name: str, domain_id: str | None, domain_name: str | None) -> User | None:
        statement = USER_BY_NAMES if domain_id is None else USER_BY_NAME
        found = {"name": name, "domain": domain_id or domain_name, "now": self.clock.now()}
        return _user(sql.execute(statement, found).first())

    def project(self, sql: Sql, project_id: str) -> Project | None:
        """The project or domain of that id."""
        return _project(sql.execute(PROJECT_BY_ID, {"project_id": project_id}).first())

    def is_domain(self, sql: Sql, domain_id: str) -> bool:
        found = self.project(sql, domain_id)
        return found is not None and found.is_domain

    def project_named(self, sql: Sql, name: str, domain_id: str | None, domain_name: str | None) -> Project | None:
        statement = PROJECT_BY_NAMES if domain_id is None else PROJECT_BY_NAME
        return _project(sql.execute(statement, {"name": name, "domain": domain_id or domain_name}).first())

    def domain_named(self, sql: Sql, name: str) -> Project | None:
        return _project(sql.execute(DOMAIN_BY_NAME, {"name": name}).first())

    def roles_on_project(self, sql: Sql, user_id: str, project_id: str) -> list[Role]:
        places = list(sql.execute(ANCESTRY, {"target_id": project_id}).scalars())
        return self._roles(sql, user_id, ["project", "domain"], project_id, places)

    def roles_on_domain(self, sql: Sql, user_id: str, domain_id: str) -> list[Role]:
        return self._roles(sql, user_id, ["domain"], domain_id, [domain_id])

    def roles_on_system(self, sql: Sql, user_id: str) -> list[Role]:
        return self._roles(sql, user_id, ["system"], SYSTEM_ID, [SYSTEM_ID])

    def roles(self, sql: Sql, role_ids: Sequence[str]) -> list[Role]:
        """These roles and those they imply."""
        return [Role(row.id, row.name) for row in sql.execute(ROLES_BY_ID, {"ids": list(role_ids)})]

    def projects_of(self, sql: Sql, user_id: str, also_disabled: bool = False) -> list[Project]:
        """Those on which the user has a role, by name.

        In two steps, for an engine that cannot guess how few projects these are reads all there are.
        """
        asked, found = {"user_id": user_id, "now": self.clock.now()}, list[Project]()
        for ids in batched(sql.execute(PROJECT_IDS_OF_USER, asked).scalars()):
            found += _projects(sql.execute(PROJECTS_BY_ID, {"ids": ids}), also_disabled)
        return sorted(found, key=operator.attrgetter("name"))

    def domains_of(self, sql: Sql, user_id: str) -> list[Project]:
        return _projects(sql.execute(DOMAINS_OF_USER, {"user_id": user_id, "now": self.clock.now()}))

    def parents(self, sql: Sql, project_id: str) -> list[str]:
        """Ids of the projects above, the nearest first; the domain at the root is not one of them."""
        rows = {row.id: row for row in sql.execute(ABOVE, {"target_id": project_id}) if not row.is_domain}
        own = self.project(sql, project_id)
        found, at = [], own.parent_id if own else ""
        while at in rows:
            found.append(at)
            at = rows[at].parent_id
        return found

    def subtree(self, sql: Sql, project_id: str) -> dict[str, str]:
        """Ids of all projects below, each with its parent's."""
        return {row.id: row.parent_id for row in sql.execute(SUBTREE, {"target_id": project_id})}

    def generation(self, reader: Reader) -> int:
        """A number that grows with every change of identity data: what was cached under an older one is stale.

        Every request asks for it.
        """
        return reader.number(GENERATION)

    def bump(self, sql: Sql, things: Collection[str] | None = None) -> None:
        """Begin a generation, in which `things` change (ids, and words such as "catalog"); None: it may be anything."""
        generation: int = sql.execute(BUMP).scalar_one()
        if things is not None:
            sql.execute(ADD_CHANGE, [{"generation": generation, "thing": thing} for thing in {*things} or {""}])
            sql.execute(FORGET_CHANGES, {"last": generation - CHANGES_KEPT})

    def changes(self, sql: Sql, seen: int) -> tuple[int, dict[int, set[str]]]:
        """The generation now, and the things that changed after generation `seen`, by generation. One that is missing
        was of everything."""
        rows, found = sql.execute(CHANGES, {"seen": seen}).all(), dict[int, set[str]]()
        for row in rows:
            if row.generation is not None:
                found.setdefault(row.generation, set()).add(row.thing)
        return rows[0].value if rows else seen, found

    def _roles(self, sql: Sql, user_id: str, kinds: list[str], target_id: str, places: list[str]) -> list[Role]:
        """`places`: the target, and what it inherits from."""
        asked: dict[str, Any] = {"user_id": user_id, "kinds": kinds, "target_id": target_id, "places": places}
        group_ids = list(sql.execute(GROUPS_NOW, {"user_id": user_id, "now": self.clock.now()}).scalars())
        rows = sql.execute(ROLES, {**asked, "group_ids": group_ids}) if group_ids else sql.execute(OWN_ROLES, asked)
        return [Role(row.id, row.name) for row in rows]


def expiry_test(comparison: str, end: datetime) -> ColumnElement[bool]:
    """Of the users whose password expires before, at or after `end`; `comparison` is one of COMPARISONS."""
    found: ColumnElement[bool] = COMPARISONS[comparison](user.c.password_expires_at, end)
    return found


def _user(row: Sequence[Any] | None) -> User | None:
    """The columns stand in the order of the fields."""
    return None if row is None else User(*row)


def _projects(rows: Iterable[Row[Any]], also_disabled: bool = False) -> list[Project]:
    found = map(_project, rows)
    return [place for place in found if place and (place.enabled or also_disabled)]


def _project(row: Row[Any] | None) -> Project | None:
    if row is None:
        return None
    return Project(
        id=row.id,
        name=row.name,
        domain_id=row.domain_id,
        domain_name=row.domain_name or "",
        parent_id=row.parent_id,
        is_domain=row.is_domain,
        enabled=row.enabled and row.domain_enabled is not False,
    )
