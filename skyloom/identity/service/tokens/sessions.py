"""From a token to its caller: what each request passes through, so it is cached until something it rests on changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct, field

from skyloom.access import Caller
from skyloom.access.vault import Vault
from skyloom.identity.access_rules import allows
from skyloom.identity.certificates import is_bound_to
from skyloom.identity.errors import RequestNotAllowed, TokenInvalid, TokenNotFound
from skyloom.identity.model import AccessRule, AccessToken, ApplicationCredential, Project, Role, Trust, User
from skyloom.identity.service.directories import Directories
from skyloom.identity.service.registry import Ground
from skyloom.identity.service.tokens.freshness import Freshness, Remembered
from skyloom.identity.service.tokens.keys import TokenKeys
from skyloom.identity.service.tokens.standing import Standings
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.delegations import Delegations
from skyloom.identity.store.federation import FederationStore
from skyloom.identity.store.oauth1 import OAuthStore
from skyloom.identity.tokens import ScopeKind, Token, microseconds


@dataclass(frozen=True, slots=True)
class Federated:
    """Of a token that began at an identity provider: which one, and the groups that it gave and that count still."""

    identity_provider_id: str
    protocol_id: str
    group_ids: Sequence[str]


class Granted(Struct, frozen=True):
    """A valid token with all that is read for it: what a token's body shows and a caller is made of.

    `rests_on`: ids of what was read for it besides its own; a change of any of them may end it. `drawn` keeps what was
    rendered of it, which lives as long as the grant.
    """

    text: str
    token: Token
    user: User
    roles: Sequence[Role]
    project: Project | None = None
    domain: Project | None = None
    credential: ApplicationCredential | None = None
    trust: Trust | None = None
    access_token: AccessToken | None = None
    federated: Federated | None = None
    rests_on: frozenset[str] = frozenset()
    drawn: dict[str, bytes] = field(default_factory=dict)

    @property
    def is_system(self) -> bool:
        return self.token.scope is ScopeKind.SYSTEM

    @property
    def is_bound(self) -> bool:
        """It may make no further credentials."""
        if self.credential is not None:
            return not self.credential.unrestricted
        return self.trust is not None or self.access_token is not None

    @property
    def access_rules(self) -> Sequence[AccessRule] | None:
        return self.credential.access_rules if self.credential else None


class Session(Struct, frozen=True):
    """A token as it is remembered. `fresh_until_us`: later, what is said here must be read again: a directory was
    asked, or a membership ends."""

    granted: Granted
    caller: Caller
    fresh_until_us: int | None


class Sessions:
    def __init__(
        self,
        ground: Ground,
        delegations: Delegations,
        directories: Directories,
        federation: FederationStore,
        oauth: OAuthStore,
        freshness: Freshness,
        vault: Vault,
        settings: IdentitySettings,
    ):
        self.ground = ground
        self.db = ground.db
        self.principals = ground.principals
        self.delegations = delegations
        self.directories = directories
        self.federation = federation
        self.oauth = oauth
        self.freshness = freshness
        self.standings = Standings(ground.db, ground.principals, freshness)
        self.settings = settings
        self.keys = TokenKeys(ground.db, vault, settings)
        self._cache = Remembered[str, Session](freshness, settings.cached_tokens)

    # -- a token as it comes

    def authenticate(self, text: str, method: str, path: str, certificate: bytes | None = None) -> Caller:
        """Who comes with this X-Auth-Token, for this request; raises TokenInvalid, RequestNotAllowed."""
        session = self._session(text)
        granted = session.granted
        if granted.token.thumbprint is not None and not is_bound_to(granted.token.thumbprint, certificate):
            raise TokenInvalid()
        if granted.access_rules is not None and not allows(granted.access_rules, method, path):
            raise RequestNotAllowed()
        return session.caller

    def granted(self, text: str) -> Granted:
        """The token if it is valid now; raises TokenInvalid. One small read, where it is cached and nothing changed."""
        return self._session(text).granted

    def _session(self, text: str) -> Session:
        generation, now_us = self.freshness.generation(), microseconds(self.db.clock.now())
        cached = self._cache.find(generation, text)
        if (
            cached is not None
            and cached.granted.token.expires_us > now_us
            and (cached.fresh_until_us is None or cached.fresh_until_us > now_us)
        ):
            return cached
        granted = self._read(generation, text, 0)
        found = Session(granted, _caller(granted), self._fresh_until_us(granted))
        self._cache.keep(generation, text, found, granted.rests_on | _things(granted))
        return found

    def validate(self, caller: Caller, text: str, action: str, also_expired: bool) -> Granted:
        """What GET /v3/auth/tokens shows of the token `text`; TokenNotFound when it is not valid.

        `also_expired`: a token that ended within the settings' window counts, too.
        """
        granted = self._subject(text, also_expired)
        self.ground.policy.require(caller, action, {"target.token.user_id": granted.user.id})
        return granted

    def revoke(self, caller: Caller, text: str) -> None:
        """With the first token of a chain all go that were made from it."""
        granted = self._subject(text, False)
        action, audit_ids = "identity:revoke_token", granted.token.audit_ids
        self.ground.policy.require(caller, action, {"target.token.user_id": granted.user.id})
        kind = "audit_chain_id" if len(audit_ids) == 1 else "audit_id"
        with self.ground.change(caller, action, "token", audit_ids[0]) as tx:
            self.ground.revoke(tx, {kind: audit_ids[0]})

    def _subject(self, text: str, also_expired: bool) -> Granted:
        try:
            if also_expired:
                return self._read(self.freshness.generation(), text, self.settings.expired_window_s * 1_000_000)
            return self.granted(text)
        except TokenInvalid as error:
            raise TokenNotFound() from error

    def _read(self, generation: int, text: str, window_us: int) -> Granted:
        token = self.keys.unpack(text)
        if token.expires_us + window_us <= microseconds(self.db.clock.now()):
            raise TokenInvalid()
        found = self.grant(generation, text, token)
        if found is None or self.ground.revocations.is_revoked(self.db.read(), token.audit_ids):
            raise TokenInvalid()
        return found

    def _fresh_until_us(self, granted: Granted) -> int | None:
        """Of a token that a user of a directory, or one with groups that an identity provider gave, has part in."""
        sql, trust = self.db.read(), granted.trust
        users: dict[str, User | None] = {granted.user.id: granted.user}
        if trust is not None:
            others = {trust.trustor_user_id, trust.trustee_user_id, self.first_trustor(trust)} - users.keys()
            users |= {user_id: self.principals.user(sql, user_id) for user_id in others}
        now_us = microseconds(self.db.clock.now())
        ends = [end for user_id in users if (end := self.directories.ends_us(user_id, now_us)) is not None]
        ends += [microseconds(user.groups_until) for user in users.values() if user and user.groups_until]
        return min(ends, default=None)

    # -- what a token grants now

    def grant(
        self, generation: int, text: str, token: Token, proven: User | None = None, place: Project | None = None
    ) -> Granted | None:
        """The token with its user, scope and roles as they are now; None when they no longer carry it.

        `generation`: as for Remembered. `proven`, `place`: who has just authenticated, and the scope that was just
        found; they are not read again.
        """
        user = proven
        if user is None or user.id != token.user_id:
            user = self._user(token.user_id, token)
            generation = self.freshness.generation()  # a directory may have told something new of the user
        if user is None:
            return None
        federated = self._federated(token) if token.identity_provider_id is not None else None
        if token.identity_provider_id is not None and federated is None:
            return None
        if token.trust_id is not None:
            return self._grant_trust(text, token, user, token.trust_id)
        if token.access_token_id is not None:
            return self._grant_oauth(text, token, user, token.access_token_id)
        sql = self.db.read()
        if token.scope is ScopeKind.UNSCOPED:
            return Granted(text, token, user, (), federated=federated)
        if token.scope is ScopeKind.SYSTEM:
            roles = self.standings.roles(generation, user, None)
            return Granted(text, token, user, roles, federated=federated) if roles else None
        scope = place or self.principals.project(sql, token.scope_id)
        if scope is None or not scope.enabled or scope.is_domain != (token.scope is ScopeKind.DOMAIN):
            return None
        if token.scope is ScopeKind.DOMAIN:
            roles = self.standings.roles(generation, user, scope)
            return Granted(text, token, user, roles, domain=scope, federated=federated) if roles else None
        roles = self.standings.roles(generation, user, scope)
        credential = None
        if token.application_credential_id is not None:
            credential = self.delegations.credential(sql, token.application_credential_id)
            if credential is None:
                return None
            allowed = {role.id for role in self.principals.roles(sql, credential.role_ids)}
            roles = [role for role in roles if role.id in allowed]
        if not roles:
            return None
        return Granted(text, token, user, roles, project=scope, credential=credential, federated=federated)

    def _federated(self, token: Token) -> Federated | None:
        """None: the provider is disabled or gone, or its protocol is."""
        sql, idp_id, protocol_id = self.db.read(), token.identity_provider_id or "", token.protocol_id or ""
        if not self.federation.is_open(sql, idp_id, protocol_id):
            return None
        groups = self.federation.given_groups(sql, token.user_id, idp_id, self.db.clock.now())
        return Federated(idp_id, protocol_id, list(groups))

    def _grant_trust(self, text: str, token: Token, user: User, trust_id: str) -> Granted | None:
        """A trust carries while both users are there and its first trustor still has every role that it hands on."""
        sql = self.db.read()
        trust = self.delegations.trust(sql, trust_id)
        if trust is None or (trust.expires_at is not None and trust.expires_at <= self.db.clock.now()):
            return None
        others = {trust.trustor_user_id, trust.trustee_user_id} - {user.id}
        users = [self._user(user_id, token) for user_id in others]
        chain = [trust, *self._above(trust)]
        rests_on = {each.domain_id for each in users if each is not None}
        rests_on.update(id for each in chain for id in (each.id, each.trustor_user_id, each.trustee_user_id))
        if None in users:
            return None
        if trust.project_id is None:
            return Granted(text, token, user, (), trust=trust, rests_on=frozenset(rests_on))
        project = self.principals.project(sql, trust.project_id)
        if project is None or not project.enabled:
            return None
        roles = self.principals.roles(sql, trust.role_ids)
        held = {role.id for role in self.principals.roles_on_project(sql, chain[-1].trustor_user_id, project.id)}
        if not roles or not held.issuperset(role.id for role in roles):
            return None
        return Granted(text, token, user, roles, project=project, trust=trust, rests_on=frozenset(rests_on))

    def _grant_oauth(self, text: str, token: Token, user: User, access_token_id: str) -> Granted | None:
        """The access token's roles, as far as the user has them still."""
        sql = self.db.read()
        access_token = self.oauth.access_token(sql, access_token_id)
        project = self.principals.project(sql, token.scope_id)
        if access_token is None or project is None or not project.enabled:
            return None
        handed_on = {role.id for role in self.principals.roles(sql, access_token.role_ids)}
        held = self.principals.roles_on_project(sql, user.id, project.id)
        roles = [role for role in held if role.id in handed_on]
        return Granted(text, token, user, roles, project=project, access_token=access_token) if roles else None

    def first_trustor(self, trust: Trust) -> str:
        """Of a trust made from another one: the user whose roles it all began with."""
        return [trust, *self._above(trust)][-1].trustor_user_id

    def _above(self, trust: Trust) -> list[Trust]:
        """The trusts that it was made from, the first one last."""
        sql, found = self.db.read(), list[Trust]()
        above_id = trust.redelegated_trust_id
        while above_id is not None and (above := self.delegations.trust(sql, above_id)) is not None:
            found.append(above)
            above_id = above.redelegated_trust_id
        return found

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


def _things(granted: Granted) -> set[str]:
    """What any token rests on: its user, its scope, the domains of both, and that nobody has revoked it."""
    user, credential, access_token = granted.user, granted.credential, granted.access_token
    places = [place for place in (granted.project, granted.domain) if place is not None]
    found = {user.id, user.domain_id, *granted.token.audit_ids}
    found.update(id for place in places for id in (place.id, place.domain_id))
    if credential is not None:
        found.add(credential.id)
    if access_token is not None:
        found |= {access_token.id, access_token.consumer_id}
    return found


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
        is_bound=granted.is_bound or token.is_of_key_pair,
        trust_id=token.trust_id,
        application_credential_id=token.application_credential_id,
        access_token_id=token.access_token_id,
        by_key_pair=token.is_of_key_pair,
    )
