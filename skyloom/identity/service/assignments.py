"""Lists of role assignments: as they were made, or effective: members for groups, projects for what they inherit, and
every role that is implied. The number of statements does not grow with the list, and only what can matter for what is
asked is read: the assignments of one user, or those on one project and above it, out of however many there are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from skyloom.access import Caller
from skyloom.db import Sql
from skyloom.identity.errors import AttributeInvalid
from skyloom.identity.model import SYSTEM_ID, Assignment
from skyloom.identity.service.directories import Directories
from skyloom.identity.service.projects import Projects
from skyloom.identity.service.registry import Ground
from skyloom.identity.store.grants import Grants, Place

Names = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What GET /v3/role_assignments asks for; `inherited` None: both kinds."""

    user_id: str | None = None
    group_id: str | None = None
    role_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    system: bool = False
    inherited: bool | None = None
    effective: bool = False
    include_subtree: bool = False
    include_names: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """`names`: kind (user, group, role, project) -> id -> (name, domain id); domains are among the projects."""

    assignments: Sequence[Assignment]
    names: Mapping[str, Names]


class Assignments:
    def __init__(self, ground: Ground, grants: Grants, directories: Directories, projects: Projects):
        self.ground = ground
        self.db = ground.db
        self.grants = grants
        self.directories = directories
        self.projects = projects

    def find(self, caller: Caller, wanted: Wanted) -> Found:
        self._require(caller, wanted)
        _check(wanted)
        sql = self.db.read()
        # Who administers a domain sees what is assigned in it. What is above one of its projects is of it, too.
        within = None if wanted.include_subtree else caller.domain_id
        found = self._effective(sql, wanted, within) if wanted.effective else self._direct(sql, wanted, within)
        return Found(found, self._names(sql, found) if wanted.include_names else {})

    def _require(self, caller: Caller, wanted: Wanted) -> None:
        if not wanted.include_subtree:
            target = {"target.domain_id": caller.domain_id}
            self.ground.policy.require(caller, "identity:list_role_assignments", target)
            return
        domain_id = self.projects.show(wanted.project_id)["domain_id"] if wanted.project_id else None
        target = {"target.domain_id": domain_id}
        self.ground.policy.require(caller, "identity:list_role_assignments_for_tree", target)

    # -- as they were made

    def _direct(self, sql: Sql, wanted: Wanted, within: str | None) -> list[Assignment]:
        known: dict[str, Any] = {"role_id": wanted.role_id, "inherited": wanted.inherited}
        if wanted.user_id is not None:
            known |= {"actor_kind": "user", "actor_id": wanted.user_id}
        if wanted.group_id is not None:
            known |= {"actor_kind": "group", "actor_id": wanted.group_id}
        if wanted.project_id is not None:
            below = self.ground.principals.subtree(sql, wanted.project_id) if wanted.include_subtree else {}
            known |= {"target_kind": "project", "target_id": [wanted.project_id, *below]}
        if wanted.domain_id is not None:
            known |= {"target_kind": "domain", "target_id": wanted.domain_id}
        if wanted.system:
            known |= {"target_kind": "system", "target_id": SYSTEM_ID}
        return [Assignment(grant) for grant in self.grants.find_within(sql, within, **known)]

    # -- effective

    def _effective(self, sql: Sql, wanted: Wanted, within: str | None) -> list[Assignment]:
        assignments = list(self._of_users(sql, wanted, within))
        projects = self._projects(sql, wanted, assignments)
        role_ids = {assignment.grant.role_id for assignment in assignments}
        rules = self.grants.implied_by(sql, role_ids)
        of_domains = self.grants.of_domains(sql, role_ids.union(*rules.values()))
        found = (
            made
            for assignment in assignments
            for placed in _placed(assignment, wanted, projects)
            for made in _with_implied(placed, rules, of_domains)
        )
        return list({assignment.grant: assignment for assignment in found if _fits(assignment, wanted)}.values())

    def _projects(self, sql: Sql, wanted: Wanted, assignments: Sequence[Assignment]) -> Mapping[str, Sequence[str]]:
        """The projects where these may count, each with what lies above it, the domain included."""
        if wanted.domain_id is not None or wanted.system:
            return {}
        if wanted.project_id is not None:
            tree = self._around(sql, wanted.project_id, wanted.include_subtree)
            ids: Iterable[str] = [wanted.project_id]
            if wanted.include_subtree:
                ids = self.grants.below(sql, ids)
            return {place_id: _above(place_id, tree) for place_id in ids if place_id in tree}
        grants = [assignment.grant for assignment in assignments]
        inherited = {grant.target_id for grant in grants if grant.inherited}
        direct = {grant.target_id for grant in grants if not grant.inherited and grant.target_kind == "project"}
        tree = self.grants.below(sql, inherited)
        below = {place_id: _above(place_id, tree) for place_id, place in tree.items() if not place.is_domain}
        return {**dict.fromkeys(direct, ()), **below}

    def _around(self, sql: Sql, project_id: str, include_subtree: bool) -> Mapping[str, Place]:
        """The project, what lies above it, and on demand what lies below."""
        above = self.grants.above(sql, [project_id])
        return {**above, **self.grants.below(sql, [project_id])} if include_subtree else above

    def _of_users(self, sql: Sql, wanted: Wanted, within: str | None) -> Iterator[Assignment]:
        """What users have by themselves and by their groups, of what can count on what is asked for."""
        known: dict[str, Any] = {"inherited": wanted.inherited}
        if wanted.role_id is not None:
            known["role_id"] = self.grants.leading_to(sql, wanted.role_id)
        if wanted.project_id is not None:
            known["target_kind"] = ["project", "domain"]
            known["target_id"] = list(self._around(sql, wanted.project_id, wanted.include_subtree))
        elif wanted.domain_id is not None:
            known |= {"target_kind": "domain", "target_id": wanted.domain_id}
        elif wanted.system:
            known |= {"target_kind": "system", "target_id": SYSTEM_ID}
        if wanted.user_id is None:
            grants = self.grants.find_within(sql, within, **known)
        else:
            self.directories.look(wanted.user_id)
            grants = self.grants.find_within(sql, within, actor_kind="user", actor_id=wanted.user_id, **known)
            group_ids = self.grants.groups(sql, wanted.user_id)
            grants += self.grants.find_within(sql, within, actor_kind="group", actor_id=group_ids, **known)
        yield from (Assignment(grant) for grant in grants if grant.actor_kind == "user")
        of_groups = [grant for grant in grants if grant.actor_kind == "group"]
        members = self.grants.members_of(sql, list({grant.actor_id for grant in of_groups}))
        if wanted.user_id is None:
            members |= self.directories.members_of_those(members)
        for grant in of_groups:
            for user_id in members[grant.actor_id]:
                if wanted.user_id in (None, user_id):
                    yield Assignment(replace(grant, actor_kind="user", actor_id=user_id), group_id=grant.actor_id)

    # -- names

    def _names(self, sql: Sql, found: Sequence[Assignment]) -> Mapping[str, Names]:
        ids: dict[str, set[str]] = {"user": set(), "group": set(), "role": set(), "project": set()}
        for assignment in found:
            grant = assignment.grant
            ids[grant.actor_kind].add(grant.actor_id)
            ids["role"].add(grant.role_id)
            if grant.target_kind != "system":
                ids["project"].add(grant.target_id)
        names: dict[str, Names] = {kind: self.grants.names(sql, kind, ids[kind]) for kind in ids}
        domains = {domain_id for known in names.values() for _, domain_id in known.values() if domain_id}
        names["domain"] = self.grants.names(sql, "project", domains)
        return names


def _check(wanted: Wanted) -> None:
    if sum((wanted.project_id is not None, wanted.domain_id is not None, wanted.system)) > 1:
        raise AttributeInvalid("Specify one of scope.project.id, scope.domain.id and scope.system, not more.")
    if wanted.user_id is not None and wanted.group_id is not None:
        raise AttributeInvalid("Specify a user or group, not both.")
    if wanted.effective and wanted.group_id is not None:
        raise AttributeInvalid("Combining effective and group filter will always result in an empty list.")
    if wanted.effective and wanted.inherited and wanted.domain_id is not None:
        raise AttributeInvalid("Combining effective, domain and inherited filters will always result in an empty list.")
    if wanted.include_subtree and wanted.project_id is None:
        raise AttributeInvalid("scope.project.id must be specified if include_subtree is also specified.")


def _placed(assignment: Assignment, wanted: Wanted, projects: Mapping[str, Sequence[str]]) -> Iterator[Assignment]:
    """Where an assignment counts: on its target, or, if inherited, on every project below that."""
    grant = assignment.grant
    if grant.inherited:
        for project_id, above in projects.items():
            if grant.target_id in above:
                made = replace(grant, target_kind="project", target_id=project_id, inherited=False)
                yield replace(assignment, grant=made, inherited_from=(grant.target_kind, grant.target_id))
    elif grant.target_kind == "project":
        if grant.target_id in projects:
            yield assignment
    elif grant.target_kind == "system":
        if wanted.project_id is None and wanted.domain_id is None:
            yield assignment
    elif wanted.project_id is None and not wanted.system and wanted.domain_id in (None, grant.target_id):
        yield assignment


def _with_implied(
    assignment: Assignment, rules: Mapping[str, Sequence[str]], of_domains: set[str]
) -> Iterator[Assignment]:
    """The assignment and those of all roles that its role implies; a domain's own roles are left out."""
    todo: list[tuple[str, str | None]] = [(assignment.grant.role_id, None)]
    seen: set[str] = set()
    while todo:
        role_id, prior = todo.pop()
        if role_id in seen:
            continue
        seen.add(role_id)
        todo += [(implied, role_id) for implied in rules.get(role_id, ())]
        if role_id not in of_domains:
            yield replace(assignment, grant=replace(assignment.grant, role_id=role_id), prior_role_id=prior)


def _fits(assignment: Assignment, wanted: Wanted) -> bool:
    return wanted.role_id in (None, assignment.grant.role_id)


def _above(place_id: str, tree: Mapping[str, Place]) -> Sequence[str]:
    found: list[str] = []
    at = tree[place_id].parent_id
    while at in tree and at not in found:
        found.append(at)
        at = tree[at].parent_id
    return found
