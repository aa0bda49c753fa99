"""The driver of OpenID Connect: an access token by `Authorization: Bearer`, or a browser's authorization code flow.

The browser's way is bound at both ends: a sealed state (provider, dashboard, nonce, PKCE verifier, end) goes along in
the URL, and a cookie holds what the state has the hash of, so nobody can end a way that another began. The
state counts once; that is the service's to see to.
"""

import base64
import hashlib
import hmac
import logging
import secrets
import threading
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import msgspec
from cryptography.fernet import InvalidToken

from skyloom.clock import Clock
from skyloom.identity.drivers.federation_contract import (
    Arrival,
    Challenge,
    OidcOptions,
    Once,
    Proven,
    Seal,
)
from skyloom.identity.drivers.oidc import claims as checks
from skyloom.identity.drivers.oidc.claims import Claims, Key, KeyUnknown
from skyloom.identity.drivers.oidc.web import Refused, Web
from skyloom.identity.errors import AssertionInvalid, IdentityProviderAway

log = logging.getLogger(__name__)
WAY_LIFE_S = 600
"""How long a browser may be away at its provider."""
DISCOVERY_LIFE_S = 3600.0
NEW_KEYS_AFTER_S = 10.0
"""So often at most are keys asked for anew because a token names one that is not known."""
MOST_TOKEN_CHARACTERS = 16_384
AWAY_S = 2.0
"""For so long nobody asks again after the provider did not answer."""


class State(msgspec.Struct, frozen=True, tag="oidc-state"):
    """What a browser carries to its provider and back, sealed."""

    idp_id: str
    protocol_id: str
    origin: str
    nonce: str
    verifier: str
    cookie_hash: str
    ends_s: float


class OidcDriver:
    def __init__(self, options: OidcOptions, seal: Seal, clock: Clock):
        self.options = options
        self.seal = seal
        self.clock = clock
        self.web = Web(options.ca_file)
        self._lock = threading.Lock()
        self._document: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, list[Key]] | None = None
        self._away_until = float("-inf")

    def answer(self, arrival: Arrival) -> Proven | Challenge:
        if not arrival.is_browser:
            return self._bearer(arrival)
        return self._end(arrival) if "state" in arrival.query else self._begin(arrival)

    def is_author(self, envelope: bytes) -> bool:
        return False

    def close(self) -> None:
        return

    # -- access tokens

    def _bearer(self, arrival: Arrival) -> Proven:
        scheme, _, text = arrival.headers.get("authorization", "").partition(" ")
        text = text.strip()
        if scheme.lower() != "bearer" or not text or len(text) > MOST_TOKEN_CHARACTERS:
            raise AssertionInvalid()
        accepted = frozenset({self.options.client_id, *self.options.audiences})
        if text.count(".") == 2 and not self._is_opaque(text):
            claims = self._signed(text)
            checks.check_audience(claims, accepted)
        elif self.options.has_opaque_tokens:
            claims = self._introspected(text, accepted)
        else:
            raise AssertionInvalid()
        return Proven(checks.attributes_of(claims, self.options.issuer))

    def _is_opaque(self, text: str) -> bool:
        """Three words with dots between them that are no JWT."""
        try:
            jwt.get_unverified_header(text)
        except jwt.PyJWTError:
            return True
        return False

    def _introspected(self, text: str, accepted: Collection[str]) -> Claims:
        """RFC 7662. A token that names no audience is for the client that it was issued to."""
        fields = {"token": text, "token_type_hint": "access_token"}
        try:
            found = self.web.post(
                self._endpoint("introspection_endpoint"), fields, self.options.client_id, self.options.client_secret
            )
        except Refused as error:
            raise IdentityProviderAway("The identity provider does not tell us about tokens.", 30) from error
        if found.get("active") is not True:
            raise AssertionInvalid()
        claims = {"iss": self.options.issuer, "aud": found.get("client_id"), **found}
        checks.check(claims, self.options.issuer, self.clock.now(), self.options.leeway_s)
        checks.check_audience(claims, accepted)
        return claims

    def _signed(self, text: str) -> Claims:
        """What a token of this issuer says that is valid now; for whom it is is not looked at yet."""
        try:
            claims = checks.signed(text, self._public_keys(DISCOVERY_LIFE_S), self.options.algorithms)
        except KeyUnknown:
            try:
                claims = checks.signed(text, self._public_keys(NEW_KEYS_AFTER_S), self.options.algorithms)
            except KeyUnknown as error:
                raise AssertionInvalid() from error
        checks.check(claims, self.options.issuer, self.clock.now(), self.options.leeway_s)
        return claims

    # -- browsers

    def _begin(self, arrival: Arrival) -> Challenge:
        nonce, verifier, cookie = (secrets.token_urlsafe(32) for _ in range(3))
        state = State(
            idp_id=arrival.idp_id,
            protocol_id=arrival.protocol_id,
            origin=arrival.origin or "",
            nonce=nonce,
            verifier=verifier,
            cookie_hash=_hash(cookie),
            ends_s=self.clock.now().timestamp() + WAY_LIFE_S,
        )
        query = {
            "response_type": "code",
            "client_id": self.options.client_id,
            "redirect_uri": arrival.url,
            "scope": " ".join(self.options.scopes),
            "state": self.seal.seal(msgspec.json.encode(state)).decode(),
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        mark = "&" if "?" in endpoint else "?"
        kept = _cookie(arrival.url, state.cookie_hash, cookie, WAY_LIFE_S)
        headers = [("Location", f"{endpoint}{mark}{urlencode(query)}"), kept]
        return Challenge(302, headers)

    def _end(self, arrival: Arrival) -> Proven:
        state = self._state(arrival)
        if "error" in arrival.query:
            log.info("the identity provider says %r", arrival.query["error"][0][:100])
            raise AssertionInvalid()
        if arrival.query.get("iss", [self.options.issuer]) != [self.options.issuer]:
            raise AssertionInvalid()
        code = arrival.query.get("code", [])
        if len(code) != 1:
            raise AssertionInvalid()
        claims = self._exchanged(code[0], arrival.url, state)
        once = Once(f"oidc {state.nonce}", datetime.fromtimestamp(state.ends_s + 1, UTC))
        return Proven(
            checks.attributes_of(claims, self.options.issuer),
            origin=state.origin,
            once=[once],
            headers=[_cookie(arrival.url, state.cookie_hash, "", 0)],
        )

    def _state(self, arrival: Arrival) -> State:
        sealed = arrival.query["state"]
        try:
            state = msgspec.json.decode(self.seal.open(sealed[0].encode()), type=State)
        except (InvalidToken, msgspec.DecodeError) as error:
            raise AssertionInvalid() from error
        is_ours = (state.idp_id, state.protocol_id) == (arrival.idp_id, arrival.protocol_id)
        if len(sealed) != 1 or not is_ours or state.ends_s <= self.clock.now().timestamp():
            raise AssertionInvalid()
        if not hmac.compare_digest(_hash(_cookie_of(arrival, state.cookie_hash)), state.cookie_hash):
            raise AssertionInvalid()
        return state

    def _exchanged(self, code: str, url: str, state: State) -> Claims:
        """The claims of the ID token that the code is worth, and of the user's own page at the provider."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": url,
            "code_verifier": state.verifier,
        }
        endpoint = self._endpoint("token_endpoint")
        try:
            found = self.web.post(endpoint, fields, self.options.client_id, self.options.client_secret)
        except Refused as error:
            log.info("a code was refused: %s", error)
            raise AssertionInvalid() from error
        text, access = found.get("id_token"), found.get("access_token")
        if not isinstance(text, str) or len(text) > MOST_TOKEN_CHARACTERS:
            raise AssertionInvalid()
        claims = self._signed(text)
        checks.check_identity(claims, self.options.client_id, state.nonce)
        if not isinstance(access, str):
            return claims
        return {**self._told(access, claims["sub"]), **claims}

    def _told(self, access: str, subject: str) -> Claims:
        """What the userinfo endpoint says of the same subject; nothing where there is no such endpoint."""
        endpoint = self.options.userinfo_endpoint or self._discovered().get("userinfo_endpoint")
        if not isinstance(endpoint, str):
            return {}
        try:
            found = self.web.get(endpoint, access)
        except Refused as error:
            log.info("userinfo: %s", error)
            raise AssertionInvalid() from error
        if found.get("sub") != subject:
            raise AssertionInvalid()
        return found

    # -- the provider

    def _endpoint(self, name: str) -> str:
        found = getattr(self.options, name) or self._discovered().get(name)
        if not isinstance(found, str):
            raise IdentityProviderAway(f"The identity provider names no {name}; an administrator sets it.", 300)
        return found

    def _discovered(self) -> Mapping[str, Any]:
        """OpenID Connect Discovery, kept for an hour."""
        with self._lock:
            now = self.clock.monotonic()
            if self._document is None or now - self._document[0] > DISCOVERY_LIFE_S:
                url = f"{self.options.issuer.rstrip('/')}/.well-known/openid-configuration"
                document = self._fetched(url)
                if document.get("issuer") != self.options.issuer:
                    raise IdentityProviderAway("The identity provider calls itself by another issuer than ours.", 300)
                self._document = (now, document)
            return self._document[1]

    def _public_keys(self, at_most_s: float) -> list[Key]:
        """The provider's keys, asked for anew when they are older than that."""
        url = self._endpoint("jwks_uri")
        with self._lock:
            now = self.clock.monotonic()
            if self._keys is None or now - self._keys[0] > at_most_s:
                self._keys = (now, checks.keys_of(self._fetched(url)))
            return self._keys[1]

    def _fetched(self, url: str) -> Mapping[str, Any]:
        """One asks, the others wait for that; while the provider is away, they are told so at once."""
        if self.clock.monotonic() < self._away_until:
            raise IdentityProviderAway("The identity provider does not answer now; try again later.")
        try:
            return self.web.get(url)
        except (Refused, IdentityProviderAway) as error:
            self._away_until = self.clock.monotonic() + AWAY_S
            if isinstance(error, IdentityProviderAway):
                raise
            raise IdentityProviderAway("The identity provider does not say how it is spoken to.", 30) from error


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _challenge(verifier: str) -> str:
    """RFC 7636: S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _cookie_name(cookie_hash: str) -> str:
    """One for each way, so that two windows do not end each other's."""
    return f"skyloom-sso-{cookie_hash[:16]}"


def _cookie(url: str, cookie_hash: str, value: str, life_s: int) -> tuple[str, str]:
    name, parts = _cookie_name(cookie_hash), urlsplit(url)
    secure = "; Secure" if parts.scheme == "https" else ""
    return "Set-Cookie", f"{name}={value}; Path={parts.path}; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}"


def _cookie_of(arrival: Arrival, cookie_hash: str) -> str:
    try:
        found = SimpleCookie(arrival.headers.get("cookie", "")).get(_cookie_name(cookie_hash))
    except CookieError as error:
        raise AssertionInvalid() from error
    return found.value if found else ""
