"""Authentication: from credentials to a token. A refusal never says what was wrong: that is for the log only."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from skyloom.access import SYSTEM, Caller
from skyloom.identity.errors import (
    AttributeInvalid,
    AuthenticationFailed,
    NotOfToken,
    ScopeNotAllowed,
    TokenInvalid,
    TokenNotFound,
)
from skyloom.identity.model import AccessToken, ApplicationCredential, Project, Trust, User
from skyloom.identity.oauth1 import SignedCall
from skyloom.identity.passwords import Passwords
from skyloom.identity.service.auth.log_in import LogIn
from skyloom.identity.service.auth.named import Named
from skyloom.identity.service.auth.passcodes import Passcode, Passcodes
from skyloom.identity.service.auth.receipts import Receipts, fulfils
from skyloom.identity.service.auth.request import AuthRequest, DomainRef, Identity, Scope, TotpUser, UserRef
from skyloom.identity.service.credentials import Credentials, KeyPair
from skyloom.identity.service.directories import Directories
from skyloom.identity.service.oauth1 import OAuth1
from skyloom.identity.service.registry import Ground
from skyloom.identity.service.tokens.sessions import Granted, Sessions
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.signatures import SignedRequest, is_signed, is_signed_text
from skyloom.identity.store.delegations import Delegations
from skyloom.identity.store.federation import Protocol
from skyloom.identity.times import time_of
from skyloom.identity.tokens import ScopeKind, Token, audit_id, methods_mask, microseconds

log = logging.getLogger(__name__)
SIGNATURE_LIFE_S = 900


@dataclass(slots=True)
class _Proven:
    """What the methods of one request have established so far. `call`: the request itself, for one that is signed."""

    caller: Caller
    call: SignedCall | None = None
    user: User | None = None
    methods: list[str] = field(default_factory=list)
    chain: str | None = None
    expires_at: datetime | None = None
    credential: ApplicationCredential | None = None
    passcodes: list[Passcode] = field(default_factory=list)
    access_token: AccessToken | None = None
    identity_provider_id: str | None = None
    protocol_id: str | None = None
    thumbprint: str | None = None

    def settle(self, user: User | None, *methods: str) -> None:
        if user is None or not user.enabled or not user.domain_enabled:
            raise AuthenticationFailed()
        if self.user is not None and self.user.id != user.id:
            raise AuthenticationFailed()
        self.user = user
        self.methods += methods

    def end(self, at: datetime | None) -> None:
        """No method makes longer what another has bounded."""
        self.expires_at = min((end for end in (self.expires_at, at) if end is not None), default=None)


@dataclass(frozen=True, slots=True)
class _Target:
    """What a token is for. `is_default`: nobody asked for it, so without a role there the token has no scope. `place`:
    the project or domain, where it has just been read."""

    kind: ScopeKind
    id: str = ""
    trust: Trust | None = None
    is_default: bool = False
    place: Project | None = field(default=None, compare=False)


UNSCOPED = _Target(ScopeKind.UNSCOPED)


def _placed(kind: ScopeKind, place: Project | None) -> _Target:
    if place is None:
        raise AuthenticationFailed()
    return _Target(kind, place.id, place=place)


class AuthService:
    def __init__(
        self,
        ground: Ground,
        sessions: Sessions,
        delegations: Delegations,
        directories: Directories,
        credentials: Credentials,
        oauth1: OAuth1,
        passwords: Passwords,
        log_in: LogIn,
        passcodes: Passcodes,
        receipts: Receipts,
        settings: IdentitySettings,
    ):
        self.ground = ground
        self.db = ground.db
        self.principals = ground.principals
        self.sessions = sessions
        self.delegations = delegations
        self.credentials = credentials
        self.oauth1 = oauth1
        self.passwords = passwords
        self.log_in = log_in
        self.passcodes = passcodes
        self.receipts = receipts
        self.named = Named(ground.db, ground.principals, directories, sessions.freshness)
        self.settings = settings
        self._prove: Mapping[str, Callable[[Identity, _Proven], None]] = {
            "password": self._prove_password,
            "token": self._prove_token,
            "totp": self._prove_totp,
            "application_credential": self._prove_application_credential,
            "mapped": self._prove_mapped,
            "oauth1": self._prove_oauth1,
        }

    def issue(self, caller: Caller, request: AuthRequest, call: SignedCall | None = None, receipt: str = "") -> Granted:
        """A new token. `receipt`: of methods that came before. Raises AuthenticationFailed without saying what was
        wrong, and MethodsMissing."""
        proven = _Proven(caller, call)
        for method in dict.fromkeys(request.identity.methods):
            prove = self._prove.get(method)
            if prove is None:
                raise AuthenticationFailed()
            prove(request.identity, proven)
        if proven.user is None:
            raise AuthenticationFailed()
        self.passcodes.spend(proven.passcodes)
        proven.methods = list(self.receipts.check(proven.user, proven.methods, receipt))
        generation = self.sessions.freshness.generation()
        return self._issue(generation, caller, proven, self._target(generation, request.scope, proven))

    def issue_signed(self, caller: Caller, request: SignedRequest) -> Granted:
        """The token of who signed an EC2 request; asked for by the gateway, which needs its own right to ask."""
        self.ground.policy.require(caller, "identity:ec2tokens_validate")
        self._check_fresh(request)
        return self._issue_for_key(caller, request.access, lambda pair: is_signed(request, pair.secret))

    def issue_for_text(self, caller: Caller, access: str, text: str, signature: str) -> Granted:
        """As `issue_signed`, of S3: `text` is the string to sign in base64."""
        self.ground.policy.require(caller, "identity:s3tokens_validate")
        return self._issue_for_key(caller, access, lambda pair: is_signed_text(text, signature, pair.secret))

    def issue_mapped(self, caller: Caller, user_id: str, by: Protocol, expires_at: datetime | None) -> Granted:
        """The unscoped token of a user whom an identity provider has proven; it ends at `expires_at` at the latest."""
        proven = _Proven(caller, identity_provider_id=by.idp_id, protocol_id=by.id, expires_at=expires_at)
        proven.settle(self.principals.user(self.db.read(), user_id), "mapped")
        assert proven.user is not None
        proven.methods = list(self.receipts.check(proven.user, proven.methods, ""))
        return self._issue(self.sessions.freshness.generation(), caller, proven, UNSCOPED)

    def issue_bound(self, caller: Caller, user_id: str, project_id: str, thumbprint: str) -> Granted:
        """The token of a user who has proven to have a certificate: good together with it only."""
        proven = _Proven(caller, thumbprint=thumbprint)
        proven.settle(self.principals.user(self.db.read(), user_id), "oauth2_credential")
        assert proven.user is not None
        if not fulfils(proven.user.options, proven.methods):
            raise AuthenticationFailed()
        generation, target = self.sessions.freshness.generation(), _Target(ScopeKind.PROJECT, project_id)
        return self._issue(generation, caller, proven, target)

    def _issue_for_key(self, caller: Caller, access: str, is_right: Callable[[KeyPair], bool]) -> Granted:
        found = self.credentials.key_pair(self.db.read(), access)
        if found is None or not is_right(found[1]):
            raise AuthenticationFailed()
        row, pair = found
        proven = _Proven(caller)
        proven.settle(self.principals.user(self.db.read(), row["user_id"]), "ec2credential")
        if pair.app_cred_id is not None:
            self._bind(proven, pair.app_cred_id, row["project_id"])
        target = _Target(ScopeKind.PROJECT, row["project_id"])
        if pair.trust_id is not None:
            target = self._trust_target(pair.trust_id, proven)
        return self._issue(self.sessions.freshness.generation(), caller, proven, target)

    def _bind(self, proven: _Proven, credential_id: str, project_id: str) -> None:
        """What was made by an application credential is good for no more than that one, and for no longer."""
        assert proven.user is not None
        found = self.delegations.credential(self.db.read(), credential_id)
        if found is None or (found.user_id, found.project_id) != (proven.user.id, project_id):
            raise AuthenticationFailed()
        if found.expires_at is not None and found.expires_at <= self.db.clock.now():
            raise AuthenticationFailed()
        proven.credential, proven.expires_at = found, found.expires_at

    def _issue(self, generation: int, caller: Caller, proven: _Proven, target: _Target) -> Granted:
        assert proven.user is not None
        if not self.log_in.rules.is_enabled(proven.user):
            raise AuthenticationFailed()
        now = self.db.clock.now()
        trust, user_id = target.trust, proven.user.id
        if trust is not None and trust.impersonation:
            user_id = trust.trustor_user_id
        ends = [proven.expires_at, trust.expires_at if trust else None]
        token = Token(
            format=1,
            user_id=user_id,
            methods=methods_mask(proven.methods),
            scope=target.kind,
            scope_id=target.id,
            issued_us=microseconds(now),
            expires_us=microseconds(
                min([now + timedelta(seconds=self.settings.token_life_s), *(end for end in ends if end is not None)])
            ),
            audit_ids=(audit_id(), proven.chain) if proven.chain else (audit_id(),),
            application_credential_id=proven.credential.id if proven.credential else None,
            trust_id=trust.id if trust else None,
            access_token_id=proven.access_token.id if proven.access_token else None,
            identity_provider_id=proven.identity_provider_id,
            protocol_id=proven.protocol_id,
            thumbprint=proven.thumbprint,
        )
        granted = self.sessions.grant(generation, self.sessions.pack(token), token, proven.user, target.place)
        if granted is None and target.is_default:
            return self._issue(generation, caller, proven, UNSCOPED)
        if granted is None and trust is not None:
            raise ScopeNotAllowed(f"Trust {trust.id} cannot be used: its trustor or a role that it hands on is gone.")
        if granted is None:
            log.info("%s: user %s has no role in the scope it asked for", caller.request_id, user_id)
            raise AuthenticationFailed()
        if trust is not None and trust.remaining_uses is not None:
            self._take_use(trust)
        if "token" not in proven.methods:
            self.log_in.note_activity(proven.user)
        return granted

    def _take_use(self, trust: Trust) -> None:
        with self.db.begin(SYSTEM) as tx:
            if not self.delegations.take_use(tx, trust.id):
                raise ScopeNotAllowed(f"Trust {trust.id} has no use left.")
            tx.record("identity:authenticate", "trust", trust.id)

    # -- the methods

    def _prove_password(self, identity: Identity, proven: _Proven) -> None:
        assert identity.password is not None
        ref = identity.password.user
        user = self.log_in.by_password(self.named.user(ref), _called(ref), ref.password or "")
        proven.settle(user, "password")

    def _prove_token(self, identity: Identity, proven: _Proven) -> None:
        assert identity.token is not None
        self._take_token("token", self._granted(identity.token.id), proven)

    def _prove_mapped(self, identity: Identity, proven: _Proven) -> None:
        """The older way to a scope: the unscoped token of a federated user."""
        assert identity.mapped is not None
        granted = self._granted(identity.mapped.id)
        if granted.federated is None:
            raise AuthenticationFailed()
        self._take_token("mapped", granted, proven)

    def _granted(self, text: str) -> Granted:
        try:
            return self.sessions.granted(text)
        except TokenInvalid as error:
            raise TokenNotFound() from error

    def _take_token(self, method: str, granted: Granted, proven: _Proven) -> None:
        token = granted.token
        if token.thumbprint is not None:
            raise NotOfToken("A token that is bound to a certificate cannot be exchanged; get another one by it.")
        if token.is_delegated or token.is_of_key_pair:
            raise NotOfToken("A token got by a delegation cannot be exchanged; use the delegation again.")
        proven.settle(granted.user, method, *token.method_names)
        proven.chain = token.audit_ids[-1]
        proven.end(token.expires_at)
        proven.identity_provider_id, proven.protocol_id = token.identity_provider_id, token.protocol_id

    def _prove_totp(self, identity: Identity, proven: _Proven) -> None:
        """The passcode of this time step or the one before."""
        assert identity.totp is not None
        ref = identity.totp.user
        user = self.named.user(ref)
        codes = self.passcodes.fitting(user, ref.passcode)
        if not self.log_in.lockout.admits("totp", user, _called(ref), bool(codes), bool(codes)):
            raise AuthenticationFailed()
        proven.settle(user, "totp")
        proven.passcodes += codes

    def _prove_application_credential(self, identity: Identity, proven: _Proven) -> None:
        method, sql = identity.application_credential, self.db.read()
        assert method is not None
        if method.id is not None:
            credential = self.delegations.credential(sql, method.id)
        elif method.user is not None and method.name is not None:
            owner = self.named.user(method.user)
            credential = self.delegations.credential_named(sql, owner.id, method.name) if owner else None
        else:
            raise AttributeInvalid(
                "An application credential is named by its id, or by its name and user.",
                field="auth.identity.application_credential",
            )
        if not self.passwords.verify(method.secret, credential.secret_hash if credential else None):
            raise AuthenticationFailed()
        assert credential is not None
        if method.user is not None and not _is_named(method.user, self.principals.user(sql, credential.user_id)):
            raise AuthenticationFailed()
        if credential.expires_at is not None and credential.expires_at <= self.db.clock.now():
            raise AuthenticationFailed()
        proven.settle(self.principals.user(sql, credential.user_id), "application_credential")
        proven.credential = credential
        proven.end(credential.expires_at)

    def _prove_oauth1(self, identity: Identity, proven: _Proven) -> None:
        if proven.call is None:
            raise AuthenticationFailed()
        access_token = self.oauth1.prove(proven.caller, proven.call)
        proven.settle(self.principals.user(self.db.read(), access_token.authorizing_user_id), "oauth1")
        proven.access_token = access_token
        proven.end(access_token.expires_at)

    def _check_fresh(self, request: SignedRequest) -> None:
        """A signature counts for a quarter of an hour, so that a stolen one is soon worth nothing."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        text = request.params.get("X-Amz-Date") or request.params.get("Timestamp") or headers.get("x-amz-date")
        if text is None:
            raise AuthenticationFailed()
        try:
            at = time_of(text, "Timestamp")
        except AttributeInvalid as error:
            raise AuthenticationFailed() from error
        if abs((self.db.clock.now() - at).total_seconds()) > SIGNATURE_LIFE_S:
            raise AuthenticationFailed()

    # -- the scope

    def _target(self, generation: int, scope: Scope | str | None, proven: _Proven) -> _Target:
        """The scope asked for; without a word of it the credential's project, or the user's default one if usable."""
        assert proven.user is not None
        if proven.access_token is not None:
            if proven.credential is not None:
                raise AuthenticationFailed()
            return _Target(ScopeKind.PROJECT, proven.access_token.project_id)
        if proven.credential is not None:
            own = _Target(ScopeKind.PROJECT, proven.credential.project_id)
            if isinstance(scope, Scope) and self._asked(generation, scope, proven) != own:
                raise AuthenticationFailed()
            return own
        if isinstance(scope, str) or (scope is not None and scope.unscoped is not None):
            return UNSCOPED
        if scope is not None:
            return self._asked(generation, scope, proven)
        default = proven.user.default_project_id
        if default and "token" not in proven.methods:
            return _Target(ScopeKind.PROJECT, default, is_default=True)
        return UNSCOPED

    def _asked(self, generation: int, scope: Scope, proven: _Proven) -> _Target:
        asked = [part for part in (scope.project, scope.domain, scope.system, scope.trust) if part is not None]
        if len(asked) != 1:
            raise AttributeInvalid("The scope names one of project, domain, system and OS-TRUST:trust.", field="scope")
        if scope.trust is not None:
            return self._trust_target(scope.trust.id, proven)
        if scope.project is not None:
            return _placed(ScopeKind.PROJECT, self.named.project(generation, scope.project))
        if scope.domain is not None:
            return _placed(ScopeKind.DOMAIN, self.named.domain(generation, scope.domain))
        if scope.system is not None and scope.system.get("all"):
            return _Target(ScopeKind.SYSTEM, "all")
        raise AuthenticationFailed()

    def _trust_target(self, trust_id: str, proven: _Proven) -> _Target:
        assert proven.user is not None
        trust = self.delegations.trust(self.db.read(), trust_id)
        if trust is None or (trust.expires_at is not None and trust.expires_at <= self.db.clock.now()):
            raise AuthenticationFailed()
        if trust.trustee_user_id != proven.user.id:
            raise ScopeNotAllowed(f"Trust {trust_id} is for another user.")
        if trust.project_id is None:
            return _Target(ScopeKind.UNSCOPED, trust=trust)
        return _Target(ScopeKind.PROJECT, trust.project_id, trust)


def _is_named(ref: UserRef, user: User | None) -> bool:
    """Whether all that a request says of the user is true of this one."""
    if user is None or ref.id not in (None, user.id) or ref.name not in (None, user.name):
        return False
    domain = ref.domain or DomainRef()
    return domain.id in (None, user.domain_id) and domain.name in (None, user.domain_name)


def _called(ref: UserRef | TotpUser) -> str:
    """By what name the user is looked for."""
    domain = ref.domain or DomainRef()
    return ref.id or f"{ref.name}@{domain.id or domain.name}"
