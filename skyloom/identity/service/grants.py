"""Role assignments, memberships and implied roles."""

from collections.abc import Sequence
from typing import Any

from skyloom.access import Caller
from skyloom.identity.errors import AttributeInvalid, Duplicate, NoSuch, RoleNotAllowed
from skyloom.identity.model import Grant, Match, Record
from skyloom.identity.service.directories import Directories
from skyloom.identity.service.directory import Groups, Roles, Users
from skyloom.identity.service.projects import Domains, Projects
from skyloom.identity.service.registry import Ground, Query, Registry
from skyloom.identity.store.grants import Grants
from skyloom.identity.times import shown_time

PROHIBITED = "admin"
"""No role may imply this one: who could make implications could then make anybody an administrator."""


class GrantService:
    def __init__(
        self,
        ground: Ground,
        grants: Grants,
        directories: Directories,
        users: Users,
        groups: Groups,
        roles: Roles,
        projects: Projects,
        domains: Domains,
    ):
        self.ground = ground
        self.db = ground.db
        self.grants = grants
        self.directories = directories
        self.users = users
        self.groups = groups
        self.roles = roles
        self.projects = projects
        self.domains = domains

    # -- assignments

    def create(self, caller: Caller, grant: Grant) -> None:
        self._require(caller, "create", grant)
        self.directories.look(grant.actor_id, 0)
        with self._begin(caller, _action("create", grant), grant.role_id, _whose(grant)) as tx:
            self.grants.add(tx, grant)

    def revoke(self, caller: Caller, grant: Grant) -> None:
        self._require(caller, "revoke", grant)
        with self._begin(caller, _action("revoke", grant), grant.role_id, _whose(grant)) as tx:
            if not self.grants.remove(tx, grant):
                raise _not_assigned(grant)
            is_group = grant.actor_kind == "group"
            users = self.grants.members(tx, grant.actor_id) if is_group else [grant.actor_id]
            self.ground.revoke(tx, *[{"user_id": user_id, **_ended(grant)} for user_id in users])

    def check(self, caller: Caller, grant: Grant) -> None:
        self._require(caller, "check", grant)
        if not self.grants.has(self.db.read(), grant):
            raise _not_assigned(grant)

    def roles_of(self, caller: Caller, grant: Grant) -> Sequence[Record]:
        """The roles that the actor of `grant` has directly on its target (`role_id` is not looked at)."""
        self._require(caller, "list", grant, with_role=False)
        sql = self.db.read()
        known = {name: value for name, value in grant.columns().items() if name != "role_id"}
        return self.roles.these(sql, [found.role_id for found in self.grants.find(sql, **known)])

    def _require(self, caller: Caller, verb: str, grant: Grant, with_role: bool = True) -> None:
        """The caller may, and the actor, the target and the role exist."""
        asked: list[tuple[Registry, str]] = [
            (self.users if grant.actor_kind == "user" else self.groups, grant.actor_id)
        ]
        if grant.target_kind != "system":
            asked.append((self.domains if grant.target_kind == "domain" else self.projects, grant.target_id))
        if with_role:
            asked.append((self.roles, grant.role_id))
        found = self._allowed(caller, _action(verb, grant), {}, *asked)
        if verb == "create":
            _check_domain(found[-1], grant.target_kind, found[1] if grant.target_kind != "system" else None)

    def _allowed(
        self, caller: Caller, action: str, target: dict[str, Any], *asked: tuple[Registry, str]
    ) -> list[Record]:
        """What is asked for, if the caller may; that something is not there is told only to who might."""
        found = [(registry, record_id, registry.known(record_id)) for registry, record_id in asked]
        for registry, _, record in found:
            target |= registry.target(record or {})
        self.ground.policy.require(caller, action, target)
        for registry, record_id, record in found:
            if record is None:
                raise registry.missing(record_id)
        return [record for _, _, record in found if record is not None]

    # -- memberships

    def join(self, caller: Caller, user_id: str, group_id: str) -> None:
        self._change_membership(caller, "identity:add_user_to_group", user_id, group_id)
        with self._begin(caller, "identity:add_user_to_group", group_id, (user_id,)) as tx:
            self.grants.join(tx, user_id, group_id)

    def leave(self, caller: Caller, user_id: str, group_id: str) -> None:
        self._change_membership(caller, "identity:remove_user_from_group", user_id, group_id)
        with self._begin(caller, "identity:remove_user_from_group", group_id, (user_id,)) as tx:
            if not self.grants.leave(tx, user_id, group_id):
                raise NoSuch("user", f"{user_id} in group {group_id}")
            self.ground.revoke(tx, {"user_id": user_id})

    def check_member(self, caller: Caller, user_id: str, group_id: str) -> None:
        self._membership(caller, "identity:check_user_in_group", user_id, group_id)
        if not self.directories.is_member(user_id, group_id):
            raise NoSuch("user", f"{user_id} in group {group_id}")

    def members(self, caller: Caller, group_id: str, asked: Query) -> Sequence[Record]:
        self._allowed(caller, "identity:list_users_in_group", {}, (self.groups, group_id))
        place = self.directories.place(group_id)
        if place is not None:
            # no user of a directory has what the words ask for: a password's end, or an id at a provider
            found = [] if asked.words else _fitting(self.directories.members_of(place), asked)
            return _of_own_domain(caller, found)
        sql = self.db.read()
        return _of_own_domain(caller, self.users.these(sql, self.grants.members(sql, group_id), asked))

    def groups_of(self, caller: Caller, user_id: str, asked: Query) -> Sequence[Record]:
        self._allowed(caller, "identity:list_groups_for_user", {"user_id": user_id}, (self.users, user_id))
        place = self.directories.place(user_id)
        if place is not None:
            found = _of_own_domain(caller, _fitting(self.directories.groups_of(place), asked))
            return [{**group, "membership_expires_at": None} for group in found]
        sql = self.db.read()
        ends = self.grants.groups_until(sql, user_id)
        found = _of_own_domain(caller, self.groups.these(sql, list(ends), asked))
        return [{**group, "membership_expires_at": shown_time(ends[group["id"]])} for group in found]

    def projects_of(self, caller: Caller, user_id: str, asked: Query) -> Sequence[Record]:
        """Those on which the user has a role, the disabled ones too."""
        self._allowed(caller, "identity:list_user_projects", {"target.user.id": user_id}, (self.users, user_id))
        self.directories.look(user_id)
        sql = self.db.read()
        ids = [project.id for project in self.ground.principals.projects_of(sql, user_id, also_disabled=True)]
        return self.projects.these(sql, ids, asked)

    def own_projects(self, caller: Caller) -> Sequence[Record]:
        """What the caller can scope a token to."""
        self.ground.policy.require(caller, "identity:get_auth_projects")
        sql = self.db.read()
        return self.projects.these(sql, [one.id for one in self.ground.principals.projects_of(sql, caller.user_id)])

    def own_domains(self, caller: Caller) -> Sequence[Record]:
        self.ground.policy.require(caller, "identity:get_auth_domains")
        sql = self.db.read()
        return self.domains.these(sql, [one.id for one in self.ground.principals.domains_of(sql, caller.user_id)])

    def has_system(self, caller: Caller) -> bool:
        self.ground.policy.require(caller, "identity:get_auth_system")
        return bool(self.ground.principals.roles_on_system(self.db.read(), caller.user_id))

    def _change_membership(self, caller: Caller, action: str, user_id: str, group_id: str) -> None:
        self._membership(caller, action, user_id, group_id)
        for place in (self.directories.place(user_id), self.directories.place(group_id)):
            if place is not None:
                self.directories.refuse_write(place.domain_id)

    def _membership(self, caller: Caller, action: str, user_id: str, group_id: str) -> None:
        self._allowed(caller, action, {}, (self.users, user_id), (self.groups, group_id))

    # -- implied roles

    def imply(self, caller: Caller, prior_role_id: str, implied_role_id: str) -> tuple[Record, Record]:
        self.ground.policy.require(caller, "identity:create_implied_role")
        prior, implied = self.roles.show(prior_role_id), self.roles.show(implied_role_id)
        if implied["name"].lower() == PROHIBITED or prior_role_id == implied_role_id:
            raise RoleNotAllowed(f"Role {implied_role_id} cannot be an implied role of {prior_role_id}.")
        if prior["domain_id"] is None and implied["domain_id"] is not None:
            raise RoleNotAllowed(f"Role {implied_role_id} belongs to a domain, so no role of all domains can imply it.")
        with self._begin(caller, "identity:create_implied_role", prior_role_id) as tx:
            if (prior_role_id, implied_role_id) in self.grants.implied(tx, prior_role_id):
                raise Duplicate("implied_role", f"{prior_role_id} implies {implied_role_id}")
            self.grants.imply(tx, prior_role_id, implied_role_id)
        return prior, implied

    def imply_no_more(self, caller: Caller, prior_role_id: str, implied_role_id: str) -> None:
        self.ground.policy.require(caller, "identity:delete_implied_role")
        with self._begin(caller, "identity:delete_implied_role", prior_role_id) as tx:
            if not self.grants.imply_no_more(tx, prior_role_id, implied_role_id):
                raise NoSuch("implied_role", f"{prior_role_id} implies {implied_role_id}")

    def get_implied(self, caller: Caller, prior_role_id: str, implied_role_id: str) -> tuple[Record, Record]:
        self.ground.policy.require(caller, "identity:get_implied_role")
        if (prior_role_id, implied_role_id) not in self.grants.implied(self.db.read(), prior_role_id):
            raise NoSuch("implied_role", f"{prior_role_id} implies {implied_role_id}")
        return self.roles.show(prior_role_id), self.roles.show(implied_role_id)

    def implied_by(self, caller: Caller, prior_role_id: str) -> tuple[Record, list[Record]]:
        """The role, and those that it implies by itself."""
        self.ground.policy.require(caller, "identity:list_implied_roles")
        prior, sql = self.roles.show(prior_role_id), self.db.read()
        return prior, list(self.roles.these(sql, [implied for _, implied in self.grants.implied(sql, prior_role_id)]))

    def inferences(self, caller: Caller) -> list[tuple[Record, list[Record]]]:
        """All roles that imply others, each with those."""
        self.ground.policy.require(caller, "identity:list_role_inference_rules")
        sql = self.db.read()
        pairs = self.grants.implied(sql)
        roles = {role["id"]: role for role in self.roles.these(sql, [role_id for pair in pairs for role_id in pair])}
        found: dict[str, list[Record]] = {}
        for prior, implied in pairs:
            found.setdefault(prior, []).append(roles[implied])
        return [(roles[prior], implied) for prior, implied in found.items()]

    def _begin(self, caller: Caller, action: str, noun_id: str, things: Sequence[str] | None = None) -> Any:
        return self.ground.change(caller, action, "group" if action.endswith("group") else "role", noun_id, things)


def _of_own_domain(caller: Caller, records: Sequence[Record]) -> Sequence[Record]:
    return [record for record in records if caller.domain_id in (None, record["domain_id"])]


def _fitting(records: Sequence[Record], asked: Query) -> list[Record]:
    """Of a directory's records those that are asked for."""
    return [
        record
        for record in records
        if all(record.get(name) == value for name, value in asked.filters.items())
        and all(_is_like(str(record.get(match.name) or ""), match) for match in asked.matches)
    ]


def _is_like(text: str, match: Match) -> bool:
    wanted, word = match.value, match.comparison
    if word.startswith("i"):
        text, wanted, word = text.casefold(), wanted.casefold(), word[1:]
    if word == "contains":
        return wanted in text
    if word == "exact":
        return wanted == text
    return text.startswith(wanted) if word == "startswith" else text.endswith(wanted)


def _whose(grant: Grant) -> Sequence[str] | None:
    """Whose tokens a grant changes; those of a group may be anybody's."""
    return (grant.actor_id,) if grant.actor_kind == "user" else None


def _action(verb: str, grant: Grant) -> str:
    many = "s" if verb == "list" else ""
    if grant.target_kind == "system":
        return f"identity:{verb}_system_grant{many}_for_{grant.actor_kind}"
    return f"identity:{verb}_grant{many}"


def _check_domain(role: Record, kind: str, place: Record | None) -> None:
    """A domain's own role can be assigned in that domain's projects, and never on the system."""
    if role["domain_id"] is None or kind == "domain":
        return
    if kind == "system":
        raise AttributeInvalid(f"Role {role['id']} belongs to a domain and cannot be assigned on the system.")
    if place is None or role["domain_id"] != place["domain_id"]:
        raise RoleNotAllowed(f"Role {role['id']} belongs to a domain and can only be assigned inside that one.")


def _not_assigned(grant: Grant) -> NoSuch:
    return NoSuch("role_assignment", f"role {grant.role_id} of {grant.actor_kind} {grant.actor_id}")


def _ended(grant: Grant) -> dict[str, str]:
    """What the tokens have that counted by the grant; an inherited one counts in many projects."""
    if grant.target_kind == "system" or grant.inherited:
        return {"role_id": grant.role_id}
    return {"role_id": grant.role_id, f"{grant.target_kind}_id": grant.target_id}
