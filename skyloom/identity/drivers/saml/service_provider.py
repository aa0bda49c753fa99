"""This cloud as a service provider: it asks an identity provider who somebody is, and believes few of the answers."""

import zlib
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_PAOS, md, saml, samlp, xmldsig

from skyloom.clock import Clock
from skyloom.identity.drivers.saml import envelopes, signing
from skyloom.identity.drivers.saml.documents import LIMIT_BYTES, Refused, parse
from skyloom.identity.drivers.saml.instants import instant, shown
from skyloom.identity.drivers.saml.metadata import PeerMetadata
from skyloom.identity.drivers.saml.metadata import read as read_metadata
from skyloom.identity.saml import Assertion, ServiceProviderParty, SigningPair

SKEW = timedelta(seconds=60)
"""So far may the clocks of an identity provider and of this cloud be apart."""
AGE = timedelta(minutes=10)
NAME = ("REMOTE_USER", "MELLON_NAME_ID")
ISSUER = ("Shib-Identity-Provider", "MELLON_IDP")
"""What mod_shib and mod_auth_mellon call the subject and the identity provider, so mappings made for them fit here."""


class SamlServiceProvider:
    """`allows_sha1` and `needs_audience`: for providers that know no better, such as Keystone."""

    def __init__(self, pair: SigningPair, clock: Clock, allows_sha1: bool = False, needs_audience: bool = True):
        self.pair = pair
        self.clock = clock
        self.allows_sha1 = allows_sha1
        self.needs_audience = needs_audience

    def check_metadata(self, metadata: str, entity_id: str | None = None) -> PeerMetadata:
        """What the metadata say; raises Refused where they cannot be used."""
        return read_metadata(metadata, entity_id, self.clock.now())

    # -- asking

    def redirect(self, here: ServiceProviderParty, peer: PeerMetadata, request_id: str) -> str:
        """The URL to which a browser goes with a signed request (HTTP redirect binding)."""
        url = _sign_on(peer, BINDING_HTTP_REDIRECT)
        packed = zlib.compressobj(wbits=-15)
        message = packed.compress(str(self._request(here, url, request_id)).encode()) + packed.flush()
        query = urlencode({"SAMLRequest": b64encode(message).decode(), "SigAlg": xmldsig.SIG_RSA_SHA256})
        signature = urlencode({"Signature": b64encode(self._signature(query.encode())).decode()})
        return f"{url}{'&' if '?' in url else '?'}{query}&{signature}"

    def form(self, here: ServiceProviderParty, peer: PeerMetadata, request_id: str) -> tuple[str, str]:
        """The URL to which a browser posts, and the value of the field SAMLRequest (HTTP POST binding)."""
        url = _sign_on(peer, BINDING_HTTP_POST)
        message = signing.signed(self.pair, self._request(here, url, request_id))
        return url, b64encode(message.encode()).decode()

    def envelope(self, here: ServiceProviderParty, request_id: str, relay_state: str) -> str:
        """The request for an enhanced client, which finds the identity provider itself."""
        message = signing.signed(self.pair, self._request(here, None, request_id, BINDING_PAOS))
        return envelopes.request(message, here.entity_id, here.consumer_url, relay_state)

    def _request(
        self, here: ServiceProviderParty, url: str | None, request_id: str, answer_by: str = BINDING_HTTP_POST
    ) -> Any:
        return samlp.AuthnRequest(
            id=request_id,
            version="2.0",
            issue_instant=shown(self.clock.now()),
            destination=url,
            protocol_binding=answer_by,
            assertion_consumer_service_url=here.consumer_url,
            issuer=saml.Issuer(text=here.entity_id),
            name_id_policy=samlp.NameIDPolicy(allow_create="true"),
        )

    def _signature(self, data: bytes) -> bytes:
        key = serialization.load_pem_private_key(self.pair.key_pem, None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())

    def metadata(self, browser: ServiceProviderParty, client: ServiceProviderParty) -> str:
        """What an identity provider wants to know of this cloud, which is one entity to it."""
        role = md.SPSSODescriptor(
            protocol_support_enumeration=samlp.NAMESPACE,
            authn_requests_signed="true",
            want_assertions_signed="true",
            key_descriptor=[key_descriptor(self.pair)],
            assertion_consumer_service=[
                _consumer(BINDING_HTTP_POST, browser, 0),
                _consumer(BINDING_PAOS, client, 1),
            ],
        )
        return str(md.EntityDescriptor(entity_id=browser.entity_id, spsso_descriptor=[role]))

    # -- believing

    def read_form(self, here: ServiceProviderParty, peer: PeerMetadata, field: str) -> Assertion:
        """The value of the field SAMLResponse that a browser brought; raises Refused."""
        if len(field) > 2 * LIMIT_BYTES:
            raise Refused(f"the response has more than {LIMIT_BYTES} bytes")
        try:
            text = b64decode("".join(field.split()), validate=True)
        except (NotBase64, ValueError) as error:
            raise Refused("the response is not in base64") from error
        return self.read(here, peer, text)

    def read_envelope(self, here: ServiceProviderParty, peer: PeerMetadata, text: bytes) -> tuple[Assertion, str]:
        """What an enhanced client brought, and the relay state of it; raises Refused."""
        document = parse(text)
        message, relay_state = envelopes.opened(document)
        return self._read(here, peer, text, document, message), relay_state

    def read(self, here: ServiceProviderParty, peer: PeerMetadata, text: bytes) -> Assertion:
        """What the response says, when everything in it is right for `here` and now; raises Refused.

        Whether its request was ours, and whether it was here before, is for the caller to see.
        """
        document = parse(text)
        return self._read(here, peer, text, document, document)

    def _read(
        self, here: ServiceProviderParty, peer: PeerMetadata, text: bytes, document: Element, message: Element
    ) -> Assertion:
        signing.check_shape(document, message, self.allows_sha1)
        response = _typed(message)
        _check_status(response)
        _check_issuer("response", response.issuer, peer, is_needed=False)
        assertion = response.assertion[0]
        _check_issuer("assertion", assertion.issuer, peer, is_needed=True)
        signing.check_signatures(text, response, peer.certificates)
        if response.destination != here.consumer_url:
            raise Refused(f"the response is for {response.destination}, not for {here.consumer_url}")
        now = self.clock.now()
        if not now - AGE < instant(response.issue_instant or "") < now + SKEW:
            raise Refused(f"the response was made at {response.issue_instant}; it is {shown(now)} here")
        asked, until = _confirmed(assertion, here, now)
        if response.in_response_to != asked:
            raise Refused("the response and its assertion name different requests")
        ends_at = min(until, self._check_conditions(assertion.conditions, here, now) or until)
        session_ends_at = _check_session(assertion, now)
        attributes = {**_attributes(assertion), **_names(assertion.subject.name_id, peer)}
        return Assertion(assertion.id, peer.entity_id, asked, ends_at + SKEW, session_ends_at, attributes)

    def _check_conditions(self, conditions: Any, here: ServiceProviderParty, now: datetime) -> datetime | None:
        """Until when they hold; None: they do not say."""
        if self.needs_audience and (conditions is None or not conditions.audience_restriction):
            raise Refused("the assertion names no audience")
        if conditions is None:
            return None
        for restriction in conditions.audience_restriction:
            audience = {_text(each) for each in restriction.audience}
            if here.entity_id not in audience:
                raise Refused(f"the assertion is for the audience {sorted(audience)}, not for {here.entity_id}")
        if conditions.condition or conditions.extension_elements:
            raise Refused("the assertion has a condition that is unknown here")
        if conditions.not_before is not None and instant(conditions.not_before) > now + SKEW:
            raise Refused(f"the assertion counts from {conditions.not_before} on; it is {shown(now)} here")
        if conditions.not_on_or_after is None:
            return None
        return _unended("assertion", conditions.not_on_or_after, now)


def key_descriptor(pair: SigningPair) -> Any:
    return md.KeyDescriptor(use="signing", key_info=signing.key_info(pair.certificate_pem))


def _consumer(binding: str, here: ServiceProviderParty, index: int) -> Any:
    default = "true" if index == 0 else None
    return md.AssertionConsumerService(
        binding=binding, location=here.consumer_url, index=str(index), is_default=default
    )


def _sign_on(peer: PeerMetadata, binding: str) -> str:
    url = peer.sign_on.get(binding)
    if url is None:
        raise Refused(f"the identity provider {peer.entity_id} has no address for {binding}")
    return url


def _typed(root: Element) -> Any:
    response = samlp.Response()
    response.harvest_element_tree(root)
    return response


def _check_status(response: Any) -> None:
    code = response.status.status_code if response.status else None
    if response.version != "2.0" or code is None or code.value != samlp.STATUS_SUCCESS:
        inner = code.status_code.value if code and code.status_code else ""
        raise Refused(f"the identity provider answered {code.value if code else None} {inner}")


def _check_issuer(what: str, issuer: Any, peer: PeerMetadata, is_needed: bool) -> None:
    if issuer is None and not is_needed:
        return
    if issuer is None or issuer.format not in (None, saml.NAMEID_FORMAT_ENTITY):
        raise Refused(f"the {what} does not say of which entity it is")
    if _text(issuer) != peer.entity_id:
        raise Refused(f"the {what} is of {_text(issuer)}, not of {peer.entity_id}")


def _text(element: Any) -> str:
    return (element.text or "").strip()


def _confirmed(assertion: Any, here: ServiceProviderParty, now: datetime) -> tuple[str | None, datetime]:
    """The request that the bearer's confirmation answers, and until when it counts."""
    subject = assertion.subject
    held = [] if subject is None else [each for each in subject.subject_confirmation if each.method == saml.SCM_BEARER]
    if len(held) != 1 or held[0].subject_confirmation_data is None:
        raise Refused("the assertion has no confirmation for its bearer, or several")
    data = held[0].subject_confirmation_data
    if data.recipient != here.consumer_url:
        raise Refused(f"the assertion is for {data.recipient}, not for {here.consumer_url}")
    if data.not_before is not None or data.not_on_or_after is None:
        raise Refused("the confirmation must end, and must not begin")
    return data.in_response_to, _unended("confirmation", data.not_on_or_after, now)


def _check_session(assertion: Any, now: datetime) -> datetime | None:
    """Until when the person's session at the identity provider holds."""
    if len(assertion.authn_statement) != 1:
        raise Refused("the assertion says nothing of an authentication, or of several")
    end = assertion.authn_statement[0].session_not_on_or_after
    return None if end is None else _unended("session", end, now)


def _unended(what: str, end: str, now: datetime) -> datetime:
    ends_at = instant(end)
    if ends_at + SKEW <= now:
        raise Refused(f"the {what} ended at {end}; it is {shown(now)} here")
    return ends_at


def _attributes(assertion: Any) -> dict[str, Sequence[str]]:
    """Every attribute by its name, and by its friendly name where no other has that for a name."""
    found: dict[str, list[str]] = {}
    friendly: dict[str, list[str]] = {}
    for attribute in (each for statement in assertion.attribute_statement for each in statement.attribute):
        values = [_text(value) for value in attribute.attribute_value]
        if not attribute.name:
            raise Refused("an attribute has no name")
        found.setdefault(attribute.name, []).extend(values)
        if attribute.friendly_name:
            friendly.setdefault(attribute.friendly_name, []).extend(values)
    return {**friendly, **found}


def _names(name_id: Any, peer: PeerMetadata) -> Mapping[str, Sequence[str]]:
    name = _text(name_id) if name_id is not None else ""
    return {**{key: [peer.entity_id] for key in ISSUER}, **{key: [name] if name else [] for key in NAME}}
