"""A SAML2 protocol of an identity provider, as the federation seam wants it: by browser, by ECP, and unasked (K2K).

What a request of ours must be known by when its answer comes goes sealed with the client: in a cookie, so that nobody
can bring another person's browser the end of his own way, or in the relay state of an enhanced client.
"""

import html
import logging
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec
from cryptography.fernet import InvalidToken
from saml2 import BINDING_HTTP_REDIRECT

from skyloom.clock import Clock
from skyloom.identity.drivers.federation_contract import Arrival, Challenge, Once, Proven, SamlOptions, Seal
from skyloom.identity.drivers.saml import envelopes
from skyloom.identity.drivers.saml.documents import Refused, parse
from skyloom.identity.drivers.saml.metadata import PeerMetadata
from skyloom.identity.drivers.saml.service_provider import SamlServiceProvider
from skyloom.identity.drivers.saml.signing import ASSERTION, ISSUER
from skyloom.identity.errors import AssertionInvalid, AttributeInvalid
from skyloom.identity.saml import Assertion, ServiceProviderParty, SigningPair

log = logging.getLogger(__name__)
PAOS = "application/vnd.paos+xml"
METADATA = "application/samlmetadata+xml"
WAY = timedelta(minutes=15)
"""So long may somebody take to sign in at the identity provider."""
FORM = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Sign in</title></head>
<body onload="document.forms[0].submit()"><form method="post" action="{url}">
<input type="hidden" name="SAMLRequest" value="{request}">
<noscript><button>Go on to your identity provider</button></noscript></form></body></html>
"""


class Way(msgspec.Struct, array_like=True, frozen=True, tag="saml2"):
    """Of a request that is under way. The tag tells it from whatever else was sealed."""

    request_id: str
    idp_id: str
    protocol_id: str
    origin: str | None
    ends_at: datetime


class SamlFederation:
    """Raises AttributeInvalid where the provider's metadata cannot be used."""

    def __init__(self, options: SamlOptions, pair: SigningPair, seal: Seal, clock: Clock):
        self.options = options
        self.seal = seal
        self.clock = clock
        self.provider = SamlServiceProvider(pair, clock, options.allows_sha1, options.needs_audience)
        try:
            self.entity_id = self._peer().entity_id
        except Refused as error:
            raise AttributeInvalid(
                f"The identity provider's metadata cannot be used: {error}.", field="config.options.metadata"
            ) from error

    def _peer(self) -> PeerMetadata:
        """Read anew each time, for the metadata may end."""
        return self.provider.check_metadata(self.options.metadata, self.options.entity_id)

    def answer(self, arrival: Arrival) -> Proven | Challenge:
        """Raises AssertionInvalid; the log has the reason."""
        try:
            if arrival.is_browser:
                field = arrival.form.get("SAMLResponse")
                return self._browser_came(arrival, field[0]) if field else self._send_browser(arrival)
            if arrival.method == "POST" and arrival.headers.get("content-type", "").startswith(PAOS):
                return self._client_came(arrival)
            if PAOS in arrival.headers.get("accept", "") and arrival.headers.get("paos"):
                return self._ask_client(arrival)
            if METADATA in arrival.headers.get("accept", "") or "metadata" in arrival.query:
                return self._describe(arrival)
            raise Refused("neither a browser nor an enhanced client asks, and no response was brought")
        except Refused as error:
            log.warning("protocol %s of identity provider %s: %s", arrival.protocol_id, arrival.idp_id, error)
            raise AssertionInvalid() from error

    def is_author(self, envelope: bytes) -> bool:
        """Raises AssertionInvalid for what is no envelope."""
        try:
            message, _ = envelopes.opened(parse(envelope))
        except Refused as error:
            log.warning("an enhanced client's envelope: %s", error)
            raise AssertionInvalid() from error
        issuer = message.find(f"{ASSERTION}/{ISSUER}")
        return issuer is not None and (issuer.text or "").strip() == self.entity_id

    def close(self) -> None:
        """It has no connections."""

    def _describe(self, arrival: Arrival) -> Challenge:
        """This cloud's own metadata, for the provider: they are at the address that is its entity id."""
        text = self.provider.metadata(self._party(arrival, arrival.url), self._party(arrival, arrival.client_url))
        return Challenge(200, [("Content-Type", METADATA)], text.encode())

    def _party(self, arrival: Arrival, consumer_url: str) -> ServiceProviderParty:
        return ServiceProviderParty(self.options.own_entity_id or arrival.client_url, consumer_url)

    # -- browsers

    def _send_browser(self, arrival: Arrival) -> Challenge:
        way, here, peer = self._way(arrival), self._party(arrival, arrival.url), self._peer()
        headers = [("Set-Cookie", _cookie(arrival, way.request_id, self._sealed(way), WAY))]
        if BINDING_HTTP_REDIRECT in peer.sign_on:
            url = self.provider.redirect(here, peer, way.request_id)
            return Challenge(302, [("Location", url), *headers])
        url, request = self.provider.form(here, peer, way.request_id)
        page = FORM.format(url=html.escape(url), request=html.escape(request))
        return Challenge(200, [("Content-Type", "text/html; charset=utf-8"), *headers], page.encode())

    def _browser_came(self, arrival: Arrival, field: str) -> Proven:
        assertion = self.provider.read_form(self._party(arrival, arrival.url), self._peer(), field)
        request_id = assertion.in_response_to or ""
        cookies = dict(each.strip().partition("=")[::2] for each in arrival.headers.get("cookie", "").split(";"))
        way = self._opened(arrival, request_id, cookies.get(_cookie_name(request_id), ""))
        gone = ("Set-Cookie", _cookie(arrival, request_id, "", timedelta(0)))
        return _proven(assertion, way, [gone])

    # -- enhanced clients

    def _ask_client(self, arrival: Arrival) -> Challenge:
        way = self._way(arrival)
        here = self._party(arrival, arrival.client_url)
        envelope = self.provider.envelope(here, way.request_id, self._sealed(way))
        return Challenge(200, [("Content-Type", PAOS), ("Cache-Control", "no-store")], envelope.encode())

    def _client_came(self, arrival: Arrival) -> Proven:
        here = self._party(arrival, arrival.consumer_url or arrival.client_url)
        assertion, relay_state = self.provider.read_envelope(here, self._peer(), arrival.body)
        if assertion.in_response_to is None:
            if not self.options.accepts_unasked:
                raise Refused("nobody had asked for the response")
            return _proven(assertion, None, ())
        return _proven(assertion, self._opened(arrival, assertion.in_response_to, relay_state), ())

    # -- what is under way

    def _way(self, arrival: Arrival) -> Way:
        ends_at = self.clock.now() + WAY
        return Way(f"_{uuid.uuid4().hex}", arrival.idp_id, arrival.protocol_id, arrival.origin, ends_at)

    def _sealed(self, way: Way) -> str:
        return self.seal.seal(msgspec.json.encode(way)).decode()

    def _opened(self, arrival: Arrival, request_id: str, sealed: str) -> Way:
        try:
            way = msgspec.json.decode(self.seal.open(sealed.encode()), type=Way)
        except (InvalidToken, msgspec.MsgspecError, UnicodeError) as error:
            raise Refused("the client brings no request of ours that this would be the answer to") from error
        if (way.request_id, way.idp_id, way.protocol_id) != (request_id, arrival.idp_id, arrival.protocol_id):
            raise Refused(f"the response answers {request_id}, and the client had been sent with {way.request_id}")
        if way.ends_at <= self.clock.now():
            raise Refused("the client was away for too long")
        return way


def _proven(assertion: Assertion, way: Way | None, headers: Sequence[tuple[str, str]]) -> Proven:
    once = [Once(f"saml assertion {assertion.issuer} {assertion.id}", assertion.ends_at)]
    if way is not None:
        once.append(Once(f"saml request {way.request_id}", way.ends_at))
    origin = way.origin if way else None
    return Proven(assertion.attributes, origin, once, headers, assertion.session_ends_at)


def _cookie_name(request_id: str) -> str:
    return f"skyloom-saml{request_id}"


def _cookie(arrival: Arrival, request_id: str, value: str, life: timedelta) -> str:
    """The answer comes as a form of another site, so the cookie must be allowed to come along from there."""
    at = urlsplit(arrival.url)
    across = "; Secure; SameSite=None" if at.scheme == "https" else ""
    return f"{_cookie_name(request_id)}={value}; Path={at.path}; Max-Age={int(life.total_seconds())}; HttpOnly{across}"
