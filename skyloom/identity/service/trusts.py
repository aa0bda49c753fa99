"""Trusts: a user lets another one act in a project with some of its roles."""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from skyloom.access import Caller
from skyloom.identity.errors import AttributeInvalid, NoSuch, NotOfToken, ScopeNotAllowed
from skyloom.identity.model import Record, Role, Trust
from skyloom.identity.resources import Id
from skyloom.identity.service.application_credentials import RoleRef
from skyloom.identity.service.directory import Roles, Users
from skyloom.identity.service.registry import Ground
from skyloom.identity.service.tokens.sessions import Sessions
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.delegations import Delegations
from skyloom.identity.times import later

Uses = Annotated[int, msgspec.Meta(ge=1)]
Depth = Annotated[int, msgspec.Meta(ge=0)]


class NewTrust(msgspec.Struct, frozen=True):
    trustor_user_id: Id
    trustee_user_id: Id
    impersonation: bool
    project_id: Id | None = None
    roles: list[RoleRef] = []
    expires_at: str | None = None
    remaining_uses: Uses | None = None
    allow_redelegation: bool = False
    redelegation_count: Depth | None = None


class Trusts:
    def __init__(
        self,
        ground: Ground,
        store: Delegations,
        sessions: Sessions,
        users: Users,
        roles: Roles,
        settings: IdentitySettings,
    ):
        self.ground = ground
        self.db = ground.db
        self.store = store
        self.sessions = sessions
        self.users = users
        self.roles = roles
        self.settings = settings

    def create(self, caller: Caller, want: NewTrust) -> Trust:
        self.ground.policy.require(
            caller, "identity:create_trust", {"target.trust.trustor_user_id": want.trustor_user_id}
        )
        _refuse_application_credential(caller)
        if caller.access_token_id is not None:
            raise NotOfToken("A token got by OAuth cannot be handed on by a trust.")
        if want.project_id and not want.roles:
            raise ScopeNotAllowed("A trust on a project hands on at least one role; name it in roles.")
        self.users.show(want.trustee_user_id)
        above = self._above(caller)
        if want.project_id is not None:
            project = self.ground.principals.project(self.db.read(), want.project_id)
            if project is None or project.is_domain:
                raise NoSuch("project", want.project_id)
        new = Trust(
            id=uuid.uuid4().hex,
            trustor_user_id=want.trustor_user_id,
            trustee_user_id=want.trustee_user_id,
            project_id=want.project_id,
            impersonation=want.impersonation,
            role_ids=tuple(role.id for role in self._wanted_roles(want, above)),
            expires_at=later(want.expires_at, "expires_at", self.db.clock.now())
            or (above.expires_at if above else None),
            remaining_uses=want.remaining_uses,
            redelegation_count=self._depth(want, above),
            redelegated_trust_id=above.id if above else None,
        )
        if above is not None:
            _check_redelegated(new, above)
        with self._change(caller, "create_trust", new.id) as tx:
            self.store.add_trust(tx, new)
        return new

    def get(self, caller: Caller, trust_id: str, action: str = "get_trust") -> Trust:
        trust = self._one(trust_id)
        self._require(caller, action, trust)
        _refuse_application_credential(caller)
        return trust

    def list(self, caller: Caller, trustor_user_id: str | None, trustee_user_id: str | None) -> Sequence[Trust]:
        action, known = "list_trusts", {}
        if trustee_user_id:
            action, known["trustee_user_id"] = "list_trusts_for_trustee", trustee_user_id
        if trustor_user_id:
            action, known["trustor_user_id"] = "list_trusts_for_trustor", trustor_user_id
        target = {f"target.trust.{name}": value for name, value in known.items()}
        self.ground.policy.require(caller, f"identity:{action}", target)
        _refuse_application_credential(caller)
        return self.store.trusts(self.db.read(), **known)

    def delete(self, caller: Caller, trust_id: str) -> None:
        """With those made from it; its tokens end."""
        self._require(caller, "delete_trust", self._one(trust_id))
        _refuse_application_credential(caller)
        with self._change(caller, "delete_trust", trust_id) as tx:
            self.store.remove_trust(tx, trust_id)
            self.ground.revoke(tx, {"trust_id": trust_id})

    def roles_of(self, trust: Trust) -> Sequence[Record]:
        """The roles that the trust hands on, as far as they still exist."""
        return self.roles.these(self.db.read(), trust.role_ids)

    def role_of(self, caller: Caller, trust_id: str, role_id: str) -> Record:
        trust = self.get(caller, trust_id, "get_role_for_trust")
        if role_id not in trust.role_ids:
            raise NoSuch("role", role_id)
        return self.roles.show(role_id)

    # -- what they are made of

    def _above(self, caller: Caller) -> Trust | None:
        """The trust that the caller came by: the new one is made from it."""
        return None if caller.trust_id is None else self._one(caller.trust_id)

    def _wanted_roles(self, want: NewTrust, above: Trust | None) -> Sequence[Role]:
        """The roles named, which the (first) trustor must have in the project."""
        if want.project_id is None:
            return []
        trustor = self.sessions.first_trustor(above) if above else want.trustor_user_id
        held = self.ground.principals.roles_on_project(self.db.read(), trustor, want.project_id)
        found = []
        for ref in want.roles:
            role = next((role for role in held if ref.id == role.id or (not ref.id and ref.name == role.name)), None)
            if role is None:
                raise NoSuch("role", ref.id or ref.name or "")
            found.append(role)
        return found

    def _depth(self, want: NewTrust, above: Trust | None) -> int:
        """How often the new trust can be handed on."""
        if not want.allow_redelegation:
            return 0
        if want.remaining_uses is not None:
            raise AttributeInvalid("A trust that may be redelegated takes no remaining_uses.", field="remaining_uses")
        most = above.redelegation_count - 1 if above else self.settings.redelegation_limit
        depth = most if want.redelegation_count is None else want.redelegation_count
        if depth > most:
            raise ScopeNotAllowed(f"The redelegation count of {depth} is more than the {most} allowed.")
        return max(depth, 0)

    def _one(self, trust_id: str) -> Trust:
        trust = self.store.trust(self.db.read(), trust_id)
        if trust is None or trust.remaining_uses == 0:
            raise NoSuch("trust", trust_id)
        return trust

    def _require(self, caller: Caller, action: str, trust: Trust) -> None:
        target = {
            "target.trust.trustor_user_id": trust.trustor_user_id,
            "target.trust.trustee_user_id": trust.trustee_user_id,
        }
        self.ground.policy.require(caller, f"identity:{action}", target)

    def _change(self, caller: Caller, action: str, trust_id: str) -> Any:
        return self.ground.change(caller, f"identity:{action}", "trust", trust_id)


def _check_redelegated(new: Trust, above: Trust) -> None:
    if above.redelegation_count <= 0:
        raise ScopeNotAllowed(f"Trust {above.id} may not be redelegated.")
    if new.impersonation and not above.impersonation:
        raise ScopeNotAllowed("Impersonation is not allowed because the redelegated trust does not have it.")
    if new.project_id != above.project_id:
        raise ScopeNotAllowed("A redelegated trust is on the project of the trust that it is made from.")
    if not set(new.role_ids) <= set(above.role_ids):
        raise ScopeNotAllowed("Some of the requested roles are not in the redelegated trust.")
    if above.expires_at is not None and (new.expires_at is None or new.expires_at > above.expires_at):
        raise ScopeNotAllowed("The requested expiration time is later than that of the redelegated trust.")


def _refuse_application_credential(caller: Caller) -> None:
    if caller.application_credential_id is not None or caller.by_key_pair:
        raise NotOfToken("A token got by an application credential or by a key pair cannot be used for trusts.")
