"""Application credentials: a secret of its own for a program that works for a user in one project."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from skyloom.access import Caller
from skyloom.identity.errors import AttributeInvalid, Duplicate, NoSuch, NotOfToken, RuleInUse
from skyloom.identity.model import AccessRule, ApplicationCredential, Record
from skyloom.identity.passwords import Passwords
from skyloom.identity.resources import Name
from skyloom.identity.service.credentials import refuse_bound
from skyloom.identity.service.registry import Ground
from skyloom.identity.store.delegations import Delegations
from skyloom.identity.times import later

MAX_RULES = 50


class RoleRef(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None


class NewAccessRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By `id` one that the user has already, or a new one by the other three."""

    id: str | None = None
    service: Name | None = None
    method: Annotated[str, msgspec.Meta(pattern=r"^(POST|GET|HEAD|PATCH|PUT|DELETE)\Z")] | None = None
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern="^/.*")] | None = None


class NewApplicationCredential(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    description: str | None = None
    secret: str | None = None
    expires_at: str | None = None
    roles: list[RoleRef] | None = None
    unrestricted: bool = False
    access_rules: list[NewAccessRule] | None = None
    project_id: str | None = None


class ApplicationCredentials:
    def __init__(self, ground: Ground, store: Delegations, passwords: Passwords):
        self.ground = ground
        self.db = ground.db
        self.store = store
        self.passwords = passwords

    def create(self, caller: Caller, user_id: str, want: NewApplicationCredential) -> Record:
        """The record with the secret in plain: the only time it is shown."""
        self._require(caller, "create_application_credential", user_id)
        refuse_bound(caller)
        if caller.project_id is None:
            raise NotOfToken("An application credential is made with a token that is scoped to its project.")
        if len(want.access_rules or ()) > MAX_RULES:
            raise AttributeInvalid(f"There are at most {MAX_RULES} access rules.", field="access_rules")
        secret = want.secret or secrets.token_urlsafe(64)
        held = self.store.rules(self.db.read(), user_id)
        rules = None
        if want.access_rules is not None:
            meant = (_rule(ref, user_id, held) for ref in want.access_rules)
            rules = list({(rule.service, rule.method, rule.path): rule for rule in meant}.values())
        expires_at = self._within(caller, rules, later(want.expires_at, "expires_at", self.db.clock.now()))
        new = ApplicationCredential(
            id=uuid.uuid4().hex,
            user_id=user_id,
            project_id=caller.project_id,
            name=want.name,
            description=want.description or "",
            secret_hash=self.passwords.hash(secret),
            role_ids=tuple(self._roles(caller, want.roles)),
            unrestricted=want.unrestricted,
            expires_at=expires_at,
            access_rules=rules,
        )
        known = {rule.id for rule in held}
        with self._change(caller, "create_application_credential", "application_credential", new.id) as tx:
            if self.store.credential_named(tx, user_id, want.name) is not None:
                raise Duplicate("application_credential", want.name)
            for rule in rules or ():
                if rule.id not in known:
                    self.store.add_rule(tx, rule)
            self.store.add_credential(tx, new)
        return {**self._shown([new])[0], "secret": secret}

    def get(self, caller: Caller, user_id: str, credential_id: str) -> Record:
        return self._shown([self._one(caller, "get_application_credential", user_id, credential_id)])[0]

    def list(self, caller: Caller, user_id: str, name: str | None) -> Sequence[Record]:
        self._require(caller, "list_application_credentials", user_id)
        found = self.store.credentials(self.db.read(), user_id)
        return self._shown([credential for credential in found if name in (None, credential.name)])

    def delete(self, caller: Caller, user_id: str, credential_id: str) -> None:
        self._one(caller, "delete_application_credential", user_id, credential_id)
        refuse_bound(caller)
        with self._change(caller, "delete_application_credential", "application_credential", credential_id) as tx:
            self.store.remove_credential(tx, credential_id)

    # -- access rules, which live on when their credential is gone

    def rules(self, caller: Caller, user_id: str) -> Sequence[AccessRule]:
        self._require(caller, "list_access_rules", user_id)
        return self.store.rules(self.db.read(), user_id)

    def rule(self, caller: Caller, user_id: str, rule_id: str, action: str = "get_access_rule") -> AccessRule:
        self._require(caller, action, user_id)
        found = next((rule for rule in self.store.rules(self.db.read(), user_id) if rule.id == rule_id), None)
        if found is None:
            raise NoSuch("access_rule", rule_id)
        return found

    def delete_rule(self, caller: Caller, user_id: str, rule_id: str) -> None:
        self.rule(caller, user_id, rule_id, "delete_access_rule")
        with self._change(caller, "delete_access_rule", "access_rule", rule_id) as tx:
            if self.store.rule_is_used(tx, rule_id):
                raise RuleInUse(
                    f"Access rule {rule_id} is used by an application credential; delete that credential first."
                )
            self.store.remove_rule(tx, rule_id)

    # -- what they are made of

    def _roles(self, caller: Caller, wanted: Sequence[RoleRef] | None) -> Sequence[str]:
        """Ids of the wanted roles, which the token must carry; all that it carries where none is named."""
        assert caller.project_id is not None
        principals, sql = self.ground.principals, self.db.read()
        held = principals.roles_on_project(sql, caller.user_id, caller.project_id)
        held = [role for role in held if role.name.lower() in caller.roles]
        ids = []
        for ref in wanted or [RoleRef(id=role.id) for role in held]:
            found = next((role for role in held if ref.id == role.id or (not ref.id and ref.name == role.name)), None)
            if found is None:
                raise AttributeInvalid("A role of the application credential is not held.", field="roles")
            ids.append(found.id)
        if not ids:
            raise AttributeInvalid("An application credential has at least one role.", field="roles")
        return ids

    def _within(
        self, caller: Caller, rules: Sequence[AccessRule] | None, expires_at: datetime | None
    ) -> datetime | None:
        """When what is made by another application credential ends; refuses what may do more than that one."""
        if caller.application_credential_id is None:
            return expires_at
        above = self.store.credential(self.db.read(), caller.application_credential_id)
        if above is None:
            raise NotOfToken("The application credential that this token came by is gone.")
        if above.access_rules is not None:
            allowed = {rule.id for rule in above.access_rules}
            if rules is None or not allowed.issuperset(rule.id for rule in rules):
                raise NotOfToken("An application credential with access rules makes others with rules of its own only.")
        return min((end for end in (above.expires_at, expires_at) if end is not None), default=None)

    def _one(self, caller: Caller, action: str, user_id: str, credential_id: str) -> ApplicationCredential:
        self._require(caller, action, user_id)
        found = self.store.credential(self.db.read(), credential_id)
        if found is not None:
            self._require(caller, action, found.user_id)
        if found is None or found.user_id != user_id:
            raise NoSuch("application_credential", credential_id)
        return found

    def _shown(self, found: Sequence[ApplicationCredential]) -> Sequence[Record]:
        wanted = {role_id for credential in found for role_id in credential.role_ids}
        roles = {role.id: role for role in self.ground.principals.roles(self.db.read(), sorted(wanted))}
        return [
            {
                "id": credential.id,
                "user_id": credential.user_id,
                "project_id": credential.project_id,
                "name": credential.name,
                "description": credential.description or None,
                "expires_at": credential.expires_at.strftime("%Y-%m-%dT%H:%M:%S.%f") if credential.expires_at else None,
                "unrestricted": credential.unrestricted,
                "roles": [
                    {"id": role_id, "name": roles[role_id].name, "domain_id": None}
                    for role_id in credential.role_ids
                    if role_id in roles
                ],
                "system": None,
                **({} if credential.access_rules is None else {"access_rules": shown_rules(credential.access_rules)}),
            }
            for credential in found
        ]

    def _require(self, caller: Caller, action: str, user_id: str) -> None:
        target = {"user_id": user_id, "target.user.id": user_id}
        self.ground.policy.require(caller, f"identity:{action}", target)
        if caller.trust_id or caller.access_token_id:
            raise NotOfToken("A token got by a trust or OAuth has nothing to do with application credentials.")

    def _change(self, caller: Caller, action: str, noun: str, noun_id: str) -> Any:
        return self.ground.change(caller, f"identity:{action}", noun, noun_id)


def shown_rules(rules: Sequence[AccessRule]) -> list[Record]:
    return [{"id": rule.id, "service": rule.service, "method": rule.method, "path": rule.path} for rule in rules]


def _rule(ref: NewAccessRule, user_id: str, held: Sequence[AccessRule]) -> AccessRule:
    """The rule that is meant: one the user has, or a new one."""
    if ref.id is not None:
        found = next((rule for rule in held if rule.id == ref.id), None)
        if found is None:
            raise NoSuch("access_rule", ref.id)
        return found
    if ref.service is None or ref.method is None or ref.path is None:
        raise AttributeInvalid("An access rule has an id, or service, method and path.", field="access_rules")
    wanted = (ref.service, ref.method, ref.path)
    same = next((rule for rule in held if (rule.service, rule.method, rule.path) == wanted), None)
    return same or AccessRule(uuid.uuid4().hex, user_id, *wanted)
