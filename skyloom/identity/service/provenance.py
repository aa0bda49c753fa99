"""The roles of a user in a scope, and how each comes to it: as sign-in reckons them, with the reasons kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from skyloom.db import Sql
from skyloom.identity.model import Grant
from skyloom.identity.store.grants import Grants
from skyloom.identity.store.principals import Principals


@dataclass(frozen=True, slots=True)
class Held:
    """`ways`: how the role comes, each enough by itself."""

    id: str
    name: str
    ways: Sequence[str]


class Provenance:
    def __init__(self, principals: Principals, grants: Grants):
        self.principals = principals
        self.grants = grants

    def roles(self, sql: Sql, user_id: str, kind: str, target_id: str) -> Sequence[Held]:
        """On a project, a domain or the system, by name; implied roles included."""
        granted = list(self._granted(sql, user_id, kind, target_id))
        rules = self.grants.implied_by(sql, {role_id for role_id, _ in granted})
        pairs = [(prior, implied) for prior, those in rules.items() for implied in those]
        found: dict[str, list[tuple[str, Sequence[str]]]] = {}
        for role_id, way in granted:
            for implied_id, chain in _with_implied(role_id, pairs).items():
                found.setdefault(implied_id, []).append((way, chain))
        names = self.grants.names(sql, "role", [*found, *(role_id for pair in pairs for role_id in pair)])
        held = []
        for role_id, ways in found.items():
            name, domain_id = names[role_id]
            if not domain_id:
                told = [_told(way, [names[prior][0] for prior in chain]) for way, chain in ways]
                held.append(Held(role_id, name, sorted(set(told))))
        return sorted(held, key=lambda role: role.name)

    def _granted(self, sql: Sql, user_id: str, kind: str, target_id: str) -> Iterator[tuple[str, str]]:
        """(role id, how) of each assignment that counts there."""
        group_ids = self.grants.groups(sql, user_id)
        groups = self.grants.names(sql, "group", group_ids)
        above = self._above(sql, target_id) if kind == "project" else {}
        for actor_kind, actor_ids in (("user", [user_id]), ("group", group_ids)):
            if not actor_ids:
                continue
            known = {"actor_kind": actor_kind, "actor_id": actor_ids}
            grants: list[Grant] = self.grants.find(sql, **known, target_kind=kind, target_id=target_id, inherited=False)
            if above:
                grants += self.grants.find(sql, **known, target_id=list(above), inherited=True)
            for grant in grants:
                to = "direct" if actor_kind == "user" else f"by group {groups[grant.actor_id][0]}"
                yield grant.role_id, f"{to}, inherited from {above[grant.target_id]}" if grant.inherited else to

    def _above(self, sql: Sql, project_id: str) -> Mapping[str, str]:
        """The projects above and the domain, by id, as they are told."""
        found: dict[str, str] = {}
        project = self.principals.project(sql, project_id)
        for parent_id in self.principals.parents(sql, project_id):
            parent = self.principals.project(sql, parent_id)
            found[parent_id] = f"project {parent.name if parent else parent_id}"
        if project is not None:
            found[project.domain_id] = f"domain {project.domain_name}"
        return found


def _with_implied(role_id: str, pairs: Sequence[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    """The role and all that it implies, each with the roles that lead to it, the nearest first."""
    found: dict[str, Sequence[str]] = {role_id: ()}
    waiting = [role_id]
    while waiting:
        prior = waiting.pop(0)
        for implied in (implied for at, implied in pairs if at == prior and implied not in found):
            found[implied] = (prior, *found[prior])
            waiting.append(implied)
    return found


def _told(way: str, chain: Sequence[str]) -> str:
    return f"implied by {' by '.join(chain)} ({way})" if chain else way
