"""OAuth 1: a consumer asks with a request token, a user authorizes it, an access token lets the consumer act as the
user in one project with some of the user's roles."""

import hmac
import secrets
import string
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from skyloom.access import Caller
from skyloom.access.vault import Vault
from skyloom.db import Contradiction, Tx
from skyloom.db.types import EPOCH
from skyloom.identity.errors import AttributeInvalid, NoSuch, NotOfToken, OAuthInvalid, OAuthRefused
from skyloom.identity.model import AccessToken, Record, RequestToken
from skyloom.identity.oauth1 import LIFE_S, Claims, SignedCall, claims
from skyloom.identity.service.application_credentials import RoleRef
from skyloom.identity.service.credentials import Consumers
from skyloom.identity.service.directory import Roles
from skyloom.identity.service.registry import Ground
from skyloom.identity.settings import IdentitySettings
from skyloom.identity.store.oauth1 import OAuthStore

VERIFIER = string.ascii_letters + string.digits
VERIFIER_LENGTH = 8
"""Short, because a user may have to read it out."""
Issued = tuple[str, str, datetime | None]
"""A token's id, its secret in plain (the only time that it is shown), and its end."""


class OAuth1:
    def __init__(
        self,
        ground: Ground,
        store: OAuthStore,
        consumers: Consumers,
        roles: Roles,
        vault: Vault,
        settings: IdentitySettings,
    ):
        self.ground = ground
        self.db = ground.db
        self.store = store
        self.consumers = consumers
        self.roles = roles
        self.vault = vault
        self.settings = settings

    # -- what a consumer does, by its signature

    def request_token(self, caller: Caller, call: SignedCall, project_id: str) -> Issued:
        said = claims(call)
        consumer_id = said.one("oauth_consumer_key")
        if not project_id:
            raise OAuthInvalid("The header Requested-Project-Id names the project that is asked for.")
        secret = self.consumers.secret(self.db.read(), consumer_id)
        if secret is None:
            raise NoSuch("consumer", consumer_id)
        self._check(said, secret)
        project = self.ground.principals.project(self.db.read(), project_id)
        if project is None or project.is_domain:
            raise NoSuch("project", project_id)
        plain = secrets.token_hex(16)
        end = self._end(self.settings.request_token_duration)
        sealed = self.vault.seal(plain.encode())
        new = RequestToken(uuid.uuid4().hex, consumer_id, project_id, sealed, None, None, (), end)
        with self._use(caller.as_user(consumer_id), said) as tx:
            self.store.add_request_token(tx, new, self.db.clock.now())
            tx.record("identity:create_request_token", "request_token", new.id)
        return new.id, plain, end

    def access_token(self, caller: Caller, call: SignedCall) -> Issued:
        """The access token in exchange for the request token, which goes."""
        said = claims(call)
        consumer_id, verifier = said.one("oauth_consumer_key"), said.one("oauth_verifier")
        request = self._request_token(said.one("oauth_token"))
        if request.consumer_id != consumer_id:
            raise OAuthRefused("The request token is another consumer's.")
        self._check(said, self._secret_of(consumer_id), self._opened(request.sealed_secret))
        if request.sealed_verifier is None or request.authorizing_user_id is None:
            raise OAuthRefused("No user has authorized the request token yet.")
        if not hmac.compare_digest(self._opened(request.sealed_verifier).encode(), verifier.encode()):
            raise OAuthRefused("The verifier is not the one that the user got when authorizing.")
        plain = secrets.token_hex(16)
        new = AccessToken(
            id=uuid.uuid4().hex,
            consumer_id=consumer_id,
            authorizing_user_id=request.authorizing_user_id,
            project_id=request.project_id,
            sealed_secret=self.vault.seal(plain.encode()),
            role_ids=request.role_ids,
            expires_at=self._end(self.settings.access_token_duration),
        )
        with self._use(caller.as_user(new.authorizing_user_id), said) as tx:
            if not self.store.take_request_token(tx, request):
                raise NoSuch("request_token", request.id)
            self.store.add_access_token(tx, new)
            tx.record("identity:create_access_token", "access_token", new.id)
        return new.id, plain, new.expires_at

    def prove(self, caller: Caller, call: SignedCall) -> AccessToken:
        """The access token that a log-in is signed with; raises OAuthRefused."""
        said = claims(call)
        found = self.store.access_token(self.db.read(), said.one("oauth_token"))
        if found is None or found.consumer_id != said.one("oauth_consumer_key"):
            raise OAuthRefused("There is no such access token of the consumer.")
        if found.expires_at is not None and found.expires_at <= self.db.clock.now():
            raise OAuthRefused("The access token has expired; have a new one authorized.")
        self._check(said, self._secret_of(found.consumer_id), self._opened(found.sealed_secret))
        with self._use(caller.as_user(found.authorizing_user_id), said) as tx:
            tx.record("identity:authenticate", "access_token", found.id)
        return found

    def _check(self, said: Claims, consumer_secret: str, token_secret: str = "") -> None:
        if not said.is_signed(consumer_secret, token_secret):
            raise OAuthRefused("The signature is not valid.")
        if not said.is_fresh(self.db.clock.now().timestamp()):
            raise OAuthRefused(f"The timestamp is more than {LIFE_S} s away from now; set the clock.")

    @contextmanager
    def _use(self, caller: Caller, said: Claims) -> Iterator[Tx]:
        """A transaction that keeps the nonce of a request; raises OAuthRefused where it was used before."""
        signed_at = EPOCH + timedelta(seconds=said.timestamp_s)
        token, kept = said.parameters.get("oauth_token", ""), timedelta(seconds=LIFE_S)
        try:
            with self.db.begin(caller) as tx:
                self.store.use_nonce(
                    tx, said.one("oauth_consumer_key"), token, said.one("oauth_nonce"), signed_at, kept
                )
                yield tx
        except Contradiction as error:
            raise OAuthRefused("The nonce was used before; sign each request anew.") from error

    # -- what a user does

    def authorize(self, caller: Caller, request_token_id: str, wanted: Sequence[RoleRef]) -> str:
        """The verifier, which the user hands to the consumer; the project must give the user the roles."""
        self.ground.policy.require(caller, "identity:authorize_request_token")
        _refuse_delegated(caller)
        request = self._request_token(request_token_id)
        if not wanted:
            raise AttributeInvalid("Authorize at least one role; an access token without any is good for nothing.")
        held = self.ground.principals.roles_on_project(self.db.read(), caller.user_id, request.project_id)
        role_ids = []
        for ref in wanted:
            role = next((role for role in held if ref.id == role.id or (not ref.id and ref.name == role.name)), None)
            if role is None:
                raise OAuthRefused("You do not have a role that you want to authorize in the project.")
            role_ids.append(role.id)
        verifier = "".join(secrets.choice(VERIFIER) for _ in range(VERIFIER_LENGTH))
        sealed = self.vault.seal(verifier.encode())
        action = "identity:authorize_request_token"
        with self.ground.change(caller, action, "request_token", request_token_id) as tx:
            if not self.store.authorize(tx, request_token_id, caller.user_id, list(dict.fromkeys(role_ids)), sealed):
                raise NoSuch("request_token", request_token_id)
        return verifier

    def list(self, caller: Caller, user_id: str) -> Sequence[AccessToken]:
        self._require(caller, "list_access_tokens", user_id)
        return self.store.access_tokens(self.db.read(), user_id)

    def get(self, caller: Caller, user_id: str, token_id: str, action: str = "get_access_token") -> AccessToken:
        self._require(caller, action, user_id)
        found = self.store.access_token(self.db.read(), token_id)
        if found is None or found.authorizing_user_id != user_id:
            raise NoSuch("access_token", token_id)
        return found

    def delete(self, caller: Caller, user_id: str, token_id: str) -> None:
        """Ends the tokens that came by it."""
        self.get(caller, user_id, token_id, "delete_access_token")
        with self.ground.change(caller, "identity:delete_access_token", "access_token", token_id) as tx:
            self.store.remove_access_token(tx, token_id)
            self.ground.revoke(tx, {"access_token_id": token_id})

    def roles_of(self, caller: Caller, user_id: str, token_id: str) -> Sequence[Record]:
        found = self.get(caller, user_id, token_id, "list_access_token_roles")
        return self.roles.these(self.db.read(), found.role_ids)

    def role_of(self, caller: Caller, user_id: str, token_id: str, role_id: str) -> Record:
        if role_id not in self.get(caller, user_id, token_id, "get_access_token_role").role_ids:
            raise NoSuch("role", role_id)
        return self.roles.show(role_id)

    # -- what they are made of

    def _require(self, caller: Caller, action: str, user_id: str) -> None:
        self.ground.policy.require(caller, f"identity:{action}", {"user_id": user_id, "target.user.id": user_id})
        _refuse_delegated(caller)

    def _request_token(self, token_id: str) -> RequestToken:
        found = self.store.request_token(self.db.read(), token_id)
        if found is None:
            raise NoSuch("request_token", token_id)
        if found.expires_at is not None and found.expires_at <= self.db.clock.now():
            raise OAuthRefused("The request token has expired; ask for another one.")
        return found

    def _secret_of(self, consumer_id: str) -> str:
        secret = self.consumers.secret(self.db.read(), consumer_id)
        if secret is None:
            raise OAuthRefused("There is no such consumer.")
        return secret

    def _opened(self, sealed: bytes) -> str:
        return self.vault.open(sealed).decode()

    def _end(self, duration_s: int) -> datetime | None:
        return self.db.clock.now() + timedelta(seconds=duration_s) if duration_s else None


def _refuse_delegated(caller: Caller) -> None:
    if caller.is_delegated:
        raise NotOfToken("A token got by a delegation cannot be used to authorize or manage OAuth tokens.")
