"""May a user do that, and why: the policy's answer for a user and a scope, as an operator asks it."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skyloom.access import Caller, Policy
from skyloom.access.explain import DEFAULT, Answered, explain, ways
from skyloom.db import Database, Sql
from skyloom.errors import NotFound
from skyloom.identity.model import SYSTEM_ID, Project, User
from skyloom.identity.service.provenance import Held, Provenance
from skyloom.identity.store.grants import Grants
from skyloom.identity.store.principals import Principals

DEFAULT_DOMAIN = "default"


class NothingToExplain(NotFound):
    code = "policy.nothing_to_explain"


@dataclass(frozen=True)
class Question:
    """`user`, `project` and `domain` are ids or names; names of users and projects are those of `of_domain`. Without a
    scope the token is an unscoped one. `target`: attributes of the thing that the action is done to."""

    user: str
    action: str
    project: str | None = None
    domain: str | None = None
    system: bool = False
    of_domain: str = DEFAULT_DOMAIN
    target: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Explained:
    """`origin`: "default", or the file and line of the rule. `missing`: in each way that would do."""

    allowed: bool
    user: User
    scope: str
    roles: Sequence[Held]
    rule: str
    origin: str
    checks: Answered
    missing: Sequence[Sequence[str]]


def explained(db: Database, policy: Policy, question: Question) -> Explained:
    """Raises NothingToExplain for a user, scope or action that is not there."""
    if question.action not in policy.rules.texts:
        near = difflib.get_close_matches(question.action, policy.rules.texts, 1, 0.7)
        raise NothingToExplain(f"There is no action {question.action}{f'; {near[0]} is like it' if near else ''}.")
    sql, principals, grants = db.read(), Principals(db.clock), Grants(db.clock)
    user = _user(sql, principals, question)
    project, domain = _scope(sql, principals, question)
    kind, target_id = "", ""
    if project is not None:
        kind, target_id = "project", project.id
    elif domain is not None:
        kind, target_id = "domain", domain.id
    elif question.system:
        kind, target_id = "system", SYSTEM_ID
    roles = Provenance(principals, grants).roles(sql, user.id, kind, target_id) if kind else []
    caller = Caller(
        user_id=user.id,
        user_name=user.name,
        user_domain_id=user.domain_id,
        project_id=project.id if project else None,
        project_domain_id=project.domain_id if project else "",
        domain_id=domain.id if domain else None,
        system=question.system,
        roles=frozenset(role.name.lower() for role in roles),
    )
    answered = explain(policy.rules, question.action, caller, question.target, policy.origins)
    return Explained(
        allowed=policy.allows(caller, question.action, question.target),
        user=user,
        scope=_told(project, domain, question.system),
        roles=roles,
        rule=policy.rules.texts[question.action],
        origin=policy.origins.get(question.action, DEFAULT),
        checks=answered.parts[0],
        missing=[] if answered.holds else ways(answered),
    )


def _user(sql: Sql, principals: Principals, question: Question) -> User:
    found = (
        principals.user(sql, question.user)
        or principals.user_named(sql, question.user, question.of_domain, None)
        or principals.user_named(sql, question.user, None, question.of_domain)
    )
    if found is None:
        raise NothingToExplain(f"There is no user {question.user} by id, nor by name in domain {question.of_domain}.")
    return found


def _scope(sql: Sql, principals: Principals, question: Question) -> tuple[Project | None, Project | None]:
    if question.project is not None:
        found = (
            principals.project(sql, question.project)
            or principals.project_named(sql, question.project, question.of_domain, None)
            or principals.project_named(sql, question.project, None, question.of_domain)
        )
        if found is None or found.is_domain:
            raise NothingToExplain(
                f"There is no project {question.project} by id, nor by name in domain {question.of_domain}."
            )
        return found, None
    if question.domain is not None:
        found = principals.project(sql, question.domain) or principals.domain_named(sql, question.domain)
        if found is None or not found.is_domain:
            raise NothingToExplain(f"There is no domain {question.domain}, by id or by name.")
        return None, found
    return None, None


def _told(project: Project | None, domain: Project | None, is_system: bool) -> str:
    if project is not None:
        return f"project {project.name} ({project.id})"
    if domain is not None:
        return f"domain {domain.name} ({domain.id})"
    return "the system" if is_system else "no scope"
