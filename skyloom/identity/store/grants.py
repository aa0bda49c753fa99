"""The SQL of role assignments, group memberships, implied roles and tags."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, not_, null, or_, select, union_all

from skyloom.clock import Clock
from skyloom.db import Sql, Timestamp
from skyloom.db.batches import AT_ONCE, batched
from skyloom.identity.model import Grant
from skyloom.identity.tables import (
    assignment,
    federated_membership,
    group,
    implied_role,
    membership,
    project,
    project_tag,
    role,
    user,
)


@dataclass(frozen=True, slots=True)
class Place:
    parent_id: str
    domain_id: str
    is_domain: bool


TABLES = {"user": user, "group": group, "project": project, "role": role}
TREE = select(project.c.id, project.c.parent_id, project.c.domain_id, project.c.is_domain)
_these = TREE.where(project.c.id.in_(bindparam("ids", expanding=True)))
_up, _down, _next = _these.cte(recursive=True), _these.cte(recursive=True), project.alias("next")
_columns = (_next.c.id, _next.c.parent_id, _next.c.domain_id, _next.c.is_domain)
ABOVE = select(_up.union(select(*_columns).join(_up, _next.c.id == _up.c.parent_id)))
BELOW = select(_down.union(select(*_columns).join(_down, _next.c.parent_id == _down.c.id)))
_these_roles = implied_role.c.prior_role_id.in_(bindparam("ids", expanding=True))
_rules = select(implied_role.c.prior_role_id, implied_role.c.implied_role_id).where(_these_roles).cte(recursive=True)
_further = implied_role.alias("further")
RULES_FROM = select(
    _rules.union(
        select(_further.c.prior_role_id, _further.c.implied_role_id).join(
            _rules, _further.c.prior_role_id == _rules.c.implied_role_id
        )
    )
)
_priors = select(role.c.id).where(role.c.id == bindparam("wanted")).cte(recursive=True)
LEADING_TO = select(
    _priors.union(select(implied_role.c.prior_role_id).join(_priors, implied_role.c.implied_role_id == _priors.c.id))
)
OF_DOMAINS = select(role.c.id).where(role.c.id.in_(bindparam("ids", expanding=True)), role.c.domain_id != "")
KEY = [column == bindparam(f"k_{column.name}") for column in assignment.primary_key.columns]
GET = select(assignment.c.role_id).where(and_(*KEY))
REMOVE = delete(assignment).where(and_(*KEY))
ADD = insert(assignment)
# by an administrator for good, and by identity providers for a time
memberships = union_all(
    select(membership.c.user_id, membership.c.group_id, null().cast(Timestamp).label("expires_at")),
    select(federated_membership.c.user_id, federated_membership.c.group_id, federated_membership.c.expires_at).where(
        federated_membership.c.expires_at > bindparam("now")
    ),
).subquery()
MEMBERS = select(memberships.c.user_id).where(memberships.c.group_id == bindparam("g"))
GROUPS = select(memberships.c.group_id, memberships.c.expires_at).where(memberships.c.user_id == bindparam("u"))
IS_MEMBER = MEMBERS.where(memberships.c.user_id == bindparam("u"))
JOINED = select(membership.c.user_id).where(
    membership.c.group_id == bindparam("g"), membership.c.user_id == bindparam("u")
)


class Grants:
    def __init__(self, clock: Clock | None = None):
        self.clock = clock or Clock()

    def has(self, sql: Sql, grant: Grant) -> bool:
        return sql.execute(GET, _key(grant)).first() is not None

    def add(self, sql: Sql, grant: Grant) -> None:
        """Idempotent."""
        if not self.has(sql, grant):
            sql.execute(ADD, grant.columns())

    def remove(self, sql: Sql, grant: Grant) -> bool:
        return sql.execute(REMOVE, _key(grant)).rowcount > 0

    def find(self, sql: Sql, **known: Any) -> list[Grant]:
        """Those with the given columns' values (a list: any of them), in the order of the key."""
        return self._find(sql, known)

    def find_within(self, sql: Sql, domain_id: str | None, **known: Any) -> list[Grant]:
        """Those of `find` that are on this domain or its projects; None: all."""
        is_narrow = not known.keys().isdisjoint(("actor_id", "target_id"))
        return self._find(sql, known, () if domain_id is None else (_within(domain_id, is_narrow),))

    def _find(self, sql: Sql, known: Mapping[str, Any], also: Sequence[ColumnElement[bool]] = ()) -> list[Grant]:
        many = next((name for name, value in known.items() if isinstance(value, list) and len(value) > AT_ONCE), None)
        if many is not None:
            found = [grant for some in batched(known[many]) for grant in self._find(sql, {**known, many: some}, also)]
            return sorted(found, key=lambda grant: tuple(grant.columns().values()))
        tests = [_test(assignment.c[name], value) for name, value in known.items() if value is not None]
        statement = select(assignment).where(*tests, *also).order_by(*assignment.primary_key.columns)
        return [Grant(**row._mapping) for row in sql.execute(statement)]

    def forget(self, sql: Sql, kind: str, *ids: str) -> None:
        """All assignments of actors or on targets that go away."""
        actor = and_(assignment.c.actor_kind == kind, assignment.c.actor_id.in_(ids))
        target = and_(assignment.c.target_kind == kind, assignment.c.target_id.in_(ids))
        sql.execute(delete(assignment).where(or_(actor, target)))

    def tree(self, sql: Sql) -> dict[str, Place]:
        """Every project and domain by its id."""
        return _places(sql.execute(TREE))

    def above(self, sql: Sql, ids: Iterable[str]) -> dict[str, Place]:
        """These projects and domains, and all that they lie below."""
        return _joined(_places(sql.execute(ABOVE, {"ids": some})) for some in batched(ids))

    def below(self, sql: Sql, ids: Iterable[str]) -> dict[str, Place]:
        """These projects and domains, and all that lies below them."""
        return _joined(_places(sql.execute(BELOW, {"ids": some})) for some in batched(ids))

    def of_domains(self, sql: Sql, role_ids: Iterable[str]) -> set[str]:
        """Those of these roles that belong to a domain."""
        return {role_id for some in batched(role_ids) for role_id in sql.execute(OF_DOMAINS, {"ids": some}).scalars()}

    def members_of(self, sql: Sql, group_ids: Sequence[str]) -> dict[str, list[str]]:
        """User ids by group."""
        found: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
        statement = select(memberships.c.group_id, memberships.c.user_id).distinct().order_by(memberships.c.user_id)
        for some in batched(group_ids):
            for row in sql.execute(statement.where(memberships.c.group_id.in_(some)), {"now": self.clock.now()}):
                found[row.group_id].append(row.user_id)
        return found

    def names(self, sql: Sql, kind: str, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Name and domain id by id; of a user, group, role or project (domains are among these)."""
        table = TABLES[kind]
        named = select(table.c.id, table.c.name, table.c.domain_id)
        rows = (row for some in batched(set(ids)) for row in sql.execute(named.where(table.c.id.in_(some))))
        return {row.id: (row.name, row.domain_id) for row in rows}

    # -- groups

    def members(self, sql: Sql, group_id: str) -> list[str]:
        return list(dict.fromkeys(sql.execute(MEMBERS, {"g": group_id, "now": self.clock.now()}).scalars()))

    def groups(self, sql: Sql, user_id: str) -> list[str]:
        return list(self.groups_until(sql, user_id))

    def groups_until(self, sql: Sql, user_id: str) -> dict[str, datetime | None]:
        """The user's groups, and when each membership ends; None: never."""
        found: dict[str, datetime | None] = {}
        for row in sql.execute(GROUPS, {"u": user_id, "now": self.clock.now()}):
            known, end = found.get(row.group_id, row.expires_at), row.expires_at
            found[row.group_id] = None if known is None or end is None else max(known, end)
        return found

    def is_member(self, sql: Sql, user_id: str, group_id: str) -> bool:
        found = sql.execute(IS_MEMBER, {"g": group_id, "u": user_id, "now": self.clock.now()})
        return found.first() is not None

    def join(self, sql: Sql, user_id: str, group_id: str) -> None:
        if sql.execute(JOINED, {"g": group_id, "u": user_id}).first() is None:
            sql.execute(insert(membership), {"user_id": user_id, "group_id": group_id})

    def leave(self, sql: Sql, user_id: str, group_id: str) -> bool:
        was_member = self.is_member(sql, user_id, group_id)
        for table in (membership, federated_membership):
            sql.execute(delete(table).where(table.c.user_id == user_id, table.c.group_id == group_id))
        return was_member

    # -- implied roles

    def implied(self, sql: Sql, prior_role_id: str | None = None) -> list[tuple[str, str]]:
        statement = select(implied_role.c.prior_role_id, implied_role.c.implied_role_id)
        if prior_role_id is not None:
            statement = statement.where(implied_role.c.prior_role_id == prior_role_id)
        return [(row.prior_role_id, row.implied_role_id) for row in sql.execute(statement)]

    def implied_by(self, sql: Sql, role_ids: Iterable[str]) -> dict[str, list[str]]:
        """What each of these roles implies, and each that they imply, however far."""
        rules = {tuple(row) for some in batched(role_ids) for row in sql.execute(RULES_FROM, {"ids": some})}
        found: dict[str, list[str]] = {}
        for prior, implied in sorted(rules):
            found.setdefault(prior, []).append(implied)
        return found

    def leading_to(self, sql: Sql, role_id: str) -> list[str]:
        """The role, if it is there, and all that imply it, however far."""
        return list(sql.execute(LEADING_TO, {"wanted": role_id}).scalars())

    def imply(self, sql: Sql, prior_role_id: str, implied_role_id: str) -> None:
        if (prior_role_id, implied_role_id) not in self.implied(sql, prior_role_id):
            values = {"prior_role_id": prior_role_id, "implied_role_id": implied_role_id}
            sql.execute(insert(implied_role), values)

    def imply_no_more(self, sql: Sql, prior_role_id: str, implied_role_id: str) -> bool:
        both = (implied_role.c.prior_role_id == prior_role_id, implied_role.c.implied_role_id == implied_role_id)
        return sql.execute(delete(implied_role).where(*both)).rowcount > 0

    # -- tags of projects

    def tags(self, sql: Sql, project_ids: Sequence[str]) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {project_id: [] for project_id in project_ids}
        statement = select(project_tag).where(project_tag.c.project_id.in_(project_ids)).order_by(project_tag.c.name)
        for row in sql.execute(statement):
            found[row.project_id].append(row.name)
        return found

    def tag_test(self, word: str, tags: Sequence[str]) -> ColumnElement[bool]:
        """Whether a project has all (`tags`), any, not all or none of the tags."""
        held = [
            project.c.id.in_(select(project_tag.c.project_id).where(project_tag.c.name == tag)) for tag in set(tags)
        ]
        test = or_(*held) if word.endswith("-any") else and_(*held)
        return not_(test) if word.startswith("not-") else test

    def set_tags(self, sql: Sql, project_id: str, tags: Sequence[str]) -> None:
        sql.execute(delete(project_tag).where(project_tag.c.project_id == project_id))
        if tags:
            sql.execute(insert(project_tag), [{"project_id": project_id, "name": tag} for tag in dict.fromkeys(tags)])

    # -- what a domain holds

    def drop_domain(self, sql: Sql, domain_id: str) -> None:
        """Remove the users, groups, projects and roles of a domain with all that hangs on them."""
        for kind, ids in self.of_domain(sql, domain_id).items():
            for start in range(0, len(ids), 500):
                some = ids[start : start + 500]
                if kind != "role":
                    self.forget(sql, kind, *some)
                sql.execute(delete(TABLES[kind]).where(TABLES[kind].c.id.in_(some)))
        self.forget(sql, "domain", domain_id)

    def of_domain(self, sql: Sql, domain_id: str) -> dict[str, list[str]]:
        """Ids of the users, groups, projects and roles of a domain."""
        return {
            kind: list(sql.execute(select(table.c.id).where(table.c.domain_id == domain_id)).scalars())
            for kind, table in TABLES.items()
        }


def _places(rows: Iterable[Any]) -> dict[str, Place]:
    return {row.id: Place(row.parent_id, row.domain_id, row.is_domain) for row in rows}


def _joined(parts: Iterable[dict[str, Place]]) -> dict[str, Place]:
    return {place_id: place for part in parts for place_id, place in part.items()}


def _key(grant: Grant) -> dict[str, Any]:
    return {f"k_{name}": value for name, value in grant.columns().items()}


def _within(domain_id: str, is_narrow: bool) -> ColumnElement[bool]:
    """SQLite takes it as it stands: few assignments are asked for their domain, or else the domain for its projects."""
    projects = select(project.c.id).where(project.c.domain_id == domain_id)
    of_domain: ColumnElement[bool] = assignment.c.target_id.in_(projects)
    if is_narrow:
        of_domain = projects.where(project.c.id == assignment.c.target_id).exists()
    return or_(
        and_(assignment.c.target_kind == "domain", assignment.c.target_id == domain_id),
        and_(assignment.c.target_kind == "project", of_domain),
    )


def _test(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    return column.in_(value) if isinstance(value, list) else column == value
