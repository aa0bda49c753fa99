"""From a token to its caller: what each request passes through, so it is cached until identity data change."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from skyloom.access import Caller
from skyloom.access.vault import Vault
from skyloom.identity.access_rules import allows
from skyloom.identity.errors import RequestNotAllowed, TokenInvalid, TokenNotFound
from skyloom.identity.model import AccessRule, ApplicationCredential, Project, Role, Trust, User
from skyloom.identity.service.directories import Directories
from skyloom.identity.service.registry import Ground
from skyloom.identity.service.token_keys import TokenKeys
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.delegations import Delegations
from skyloom.identity.tokens import ScopeKind, Token, microseconds


@dataclass(frozen=True, slots=True)
class Granted:
    """A valid token with all that is read for it: what a token's body shows and a caller is made of.

    `fresh_until_us`: later, a directory must be asked again for what is said here. `drawn` keeps what was rendered of
    it, which lives as long as the grant.
    """

    text: str
    token: Token
    user: User
    roles: Sequence[Role]
    project: Project | None = None
    domain: Project | None = None
    credential: ApplicationCredential | None = None
    trust: Trust | None = None
    generation: int = -1
    fresh_until_us: int | None = None
    caller: Caller = field(init=False)
    drawn: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "caller", _caller(self))

    @property
    def is_system(self) -> bool:
        return self.token.scope is ScopeKind.SYSTEM

    @property
    def access_rules(self) -> Sequence[AccessRule] | None:
        return self.credential.access_rules if self.credential else None


class Sessions:
    def __init__(
        self,
        ground: Ground,
        delegations: Delegations,
        directories: Directories,
        vault: Vault,
        settings: IdentitySettings,
    ):
        self.ground = ground
        self.db = ground.db
        self.principals = ground.principals
        self.delegations = delegations
        self.directories = directories
        self.settings = settings
        self.keys = TokenKeys(ground.db, vault, settings)
        self._cache: OrderedDict[str, Granted] = OrderedDict()
        self._cache_lock = threading.Lock()

    # -- a token as it comes

    def authenticate(self, text: str, method: str, path: str) -> Caller:
        """Who comes with this X-Auth-Token, for this request; raises TokenInvalid, RequestNotAllowed."""
        granted = self.granted(text)
        if granted.access_rules is not None and not allows(granted.access_rules, method, path):
            raise RequestNotAllowed()
        return granted.caller

    def granted(self, text: str) -> Granted:
        """The token if it is valid now; raises TokenInvalid. Cached until any identity data change: one small read."""
        generation = self.principals.generation(self.db.read())
        cached, now_us = self._cache.get(text), microseconds(self.db.clock.now())
        if (
            cached is not None
            and cached.generation == generation
            and cached.token.expires_us > now_us
            and (cached.fresh_until_us is None or cached.fresh_until_us > now_us)
        ):
            return cached
        found = self._read(text, generation, 0)
        with self._cache_lock:
            self._cache[text] = found
            while len(self._cache) > self.settings.cached_tokens:
                self._cache.popitem(last=False)
        return found

    def validate(self, caller: Caller, text: str, action: str, also_expired: bool) -> Granted:
        """What GET /v3/auth/tokens shows of the token `text`; TokenNotFound when it is not valid.

        `also_expired`: a token that ended within the settings' window counts, too.
        """
        granted = self._subject(text, also_expired)
        self.ground.policy.require(caller, action, {"target.token.user_id": granted.user.id})
        return granted

    def revoke(self, caller: Caller, text: str) -> None:
        granted = self._subject(text, False)
        action, audit_id = "identity:revoke_token", granted.token.audit_ids[0]
        self.ground.policy.require(caller, action, {"target.token.user_id": granted.user.id})
        with self.ground.change(caller, action, "token", audit_id) as tx:
            self.principals.revoke(tx, audit_id, granted.token.expires_at, self.db.clock.now())

    def _subject(self, text: str, also_expired: bool) -> Granted:
        try:
            if also_expired:
                return self._read(text, -1, self.settings.expired_window_s * 1_000_000)
            return self.granted(text)
        except TokenInvalid as error:
            raise TokenNotFound() from error

    def _read(self, text: str, generation: int, window_us: int) -> Granted:
        token = self.keys.unpack(text)
        if token.expires_us + window_us <= microseconds(self.db.clock.now()):
            raise TokenInvalid()
        found = self.grant(text, token)
        if found is None or self.principals.is_revoked(self.db.read(), token.audit_ids):
            raise TokenInvalid()
        return replace(found, generation=generation, fresh_until_us=self._fresh_until_us(found))

    def _fresh_until_us(self, granted: Granted) -> int | None:
        """Of a token that a directory's user has part in."""
        trust = granted.trust
        users = {granted.user.id, *((trust.trustor_user_id, trust.trustee_user_id) if trust else ())}
        now_us = microseconds(self.db.clock.now())
        ends = [end for user_id in users if (end := self.directories.ends_us(user_id, now_us)) is not None]
        return min(ends, default=None)

    # -- what a token grants now

    def grant(self, text: str, token: Token, proven: User | None = None) -> Granted | None:
        """The token with its user, scope and roles as they are now; None when they no longer carry it.

        `proven`: who has just authenticated, which spares reading the user again.
        """
        user = proven if proven and proven.id == token.user_id else self._user(token.user_id, token)
        if user is None:
            return None
        if token.trust_id is not None:
            return self._grant_trust(text, token, user, token.trust_id)
        sql = self.db.read()
        if token.scope is ScopeKind.UNSCOPED:
            return Granted(text, token, user, ())
        if token.scope is ScopeKind.SYSTEM:
            roles = self.principals.roles_on_system(sql, user.id)
            return Granted(text, token, user, roles) if roles else None
        scope = self.principals.project(sql, token.scope_id)
        if scope is None or not scope.enabled or scope.is_domain != (token.scope is ScopeKind.DOMAIN):
            return None
        if token.scope is ScopeKind.DOMAIN:
            roles = self.principals.roles_on_domain(sql, user.id, scope.id)
            return Granted(text, token, user, roles, domain=scope) if roles else None
        roles = self.principals.roles_on_project(sql, user.id, scope.id)
        credential = None
        if token.application_credential_id is not None:
            credential = self.delegations.credential(sql, token.application_credential_id)
            if credential is None:
                return None
            allowed = {role.id for role in self.principals.roles(sql, credential.role_ids)}
            roles = [role for role in roles if role.id in allowed]
        return Granted(text, token, user, roles, project=scope, credential=credential) if roles else None

    def _grant_trust(self, text: str, token: Token, user: User, trust_id: str) -> Granted | None:
        """A trust carries while both users are there and its first trustor still has every role that it hands on."""
        sql = self.db.read()
        trust = self.delegations.trust(sql, trust_id)
        if trust is None or (trust.expires_at is not None and trust.expires_at <= self.db.clock.now()):
            return None
        others = {trust.trustor_user_id, trust.trustee_user_id} - {user.id}
        if any(self._user(user_id, token) is None for user_id in others):
            return None
        if trust.project_id is None:
            return Granted(text, token, user, (), trust=trust)
        project = self.principals.project(sql, trust.project_id)
        if project is None or not project.enabled:
            return None
        roles = self.principals.roles(sql, trust.role_ids)
        held = {role.id for role in self.principals.roles_on_project(sql, self.first_trustor(trust), project.id)}
        if not roles or not held.issuperset(role.id for role in roles):
            return None
        return Granted(text, token, user, roles, project=project, trust=trust)

    def first_trustor(self, trust: Trust) -> str:
        """Of a trust made from another one: the user whose roles it all began with."""
        sql, first = self.db.read(), trust
        while first.redelegated_trust_id is not None:
            above = self.delegations.trust(sql, first.redelegated_trust_id)
            if above is None:
                break
            first = above
        return first.trustor_user_id

    def _user(self, user_id: str, token: Token) -> User | None:
        """The user if its tokens of that time count."""
        self.directories.look(user_id)
        user = self.principals.user(self.db.read(), user_id)
        if user is None or not user.enabled or not user.domain_enabled:
            return None
        if user.tokens_not_before is not None and token.issued_at < user.tokens_not_before:
            return None
        return user

    def pack(self, token: Token) -> str:
        return self.keys.pack(token)


def _caller(granted: Granted) -> Caller:
    project, domain, user, token = granted.project, granted.domain, granted.user, granted.token
    return Caller(
        user_id=user.id,
        user_name=user.name,
        user_domain_id=user.domain_id,
        project_id=project.id if project else None,
        project_name=project.name if project else "",
        project_domain_id=project.domain_id if project else "",
        domain_id=domain.id if domain else None,
        domain_name=domain.name if domain else "",
        system=granted.is_system,
        roles=frozenset(role.name.lower() for role in granted.roles),
        audit_ids=token.audit_ids,
        is_bound=token.is_of_key_pair
        or granted.trust is not None
        or (granted.credential is not None and not granted.credential.unrestricted),
        trust_id=token.trust_id,
        application_credential_id=token.application_credential_id,
        by_key_pair=token.is_of_key_pair,
    )
