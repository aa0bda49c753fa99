"""This cloud as an identity provider: it vouches for its users at other clouds (bursting, "K2K")."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from saml2 import BINDING_URI, md, saml, samlp

from skyloom.clock import Clock
from skyloom.identity.drivers.saml import envelopes, signing
from skyloom.identity.drivers.saml.instants import shown
from skyloom.identity.drivers.saml.service_provider import key_descriptor
from skyloom.identity.saml import Contact, IdentityProviderParty, Organization, SigningPair, Statement

LANGUAGE = "en"


class SamlIdentityProvider:
    def __init__(self, pair: SigningPair, clock: Clock):
        self.pair = pair
        self.clock = clock

    def response(self, here: IdentityProviderParty, statement: Statement) -> str:
        """A response with a signed assertion, as XML without a declaration."""
        response = self.draft(here, statement)
        return signing.signed(self.pair, response, response.assertion[0])

    def envelope(self, here: IdentityProviderParty, statement: Statement, relay_state: str) -> str:
        """The same as an enhanced client posts it to the service provider."""
        return envelopes.unasked_response(self.response(here, statement), relay_state)

    def draft(self, here: IdentityProviderParty, statement: Statement) -> Any:
        """The response as pysaml2 has it, unsigned."""
        return samlp.Response(
            id=_new_id(),
            version="2.0",
            issue_instant=shown(self.clock.now()),
            destination=statement.recipient,
            issuer=_issuer(here),
            status=samlp.Status(status_code=samlp.StatusCode(value=samlp.STATUS_SUCCESS)),
            assertion=[self._assertion(here, statement)],
        )

    def _assertion(self, here: IdentityProviderParty, statement: Statement) -> Any:
        now, end = shown(self.clock.now()), shown(self.clock.now() + timedelta(seconds=statement.life_s))
        data = saml.SubjectConfirmationData(recipient=statement.recipient, not_on_or_after=end)
        confirmation = saml.SubjectConfirmation(method=saml.SCM_BEARER, subject_confirmation_data=data)
        name = saml.NameID(text=statement.subject, format=saml.NAMEID_FORMAT_UNSPECIFIED)
        conditions = saml.Conditions(not_on_or_after=end)
        if statement.audience is not None:
            audience = saml.Audience(text=statement.audience)
            conditions.audience_restriction = [saml.AudienceRestriction(audience=[audience])]
        context = saml.AuthnContext(
            authn_context_class_ref=saml.AuthnContextClassRef(text=saml.AUTHN_PASSWORD),
            authenticating_authority=[saml.AuthenticatingAuthority(text=here.entity_id)],
        )
        return saml.Assertion(
            id=_new_id(),
            version="2.0",
            issue_instant=now,
            issuer=_issuer(here),
            subject=saml.Subject(name_id=name, subject_confirmation=[confirmation]),
            conditions=conditions,
            authn_statement=[
                saml.AuthnStatement(
                    authn_instant=now,
                    session_index=_new_id(),
                    session_not_on_or_after=shown(statement.session_ends_at),
                    authn_context=context,
                )
            ],
            attribute_statement=[
                saml.AttributeStatement(
                    attribute=[_attribute(name, values) for name, values in statement.attributes.items() if values]
                )
            ],
        )

    def metadata(self, here: IdentityProviderParty) -> str:
        """What a service provider must know of this cloud."""
        role = md.IDPSSODescriptor(
            protocol_support_enumeration=samlp.NAMESPACE,
            key_descriptor=[key_descriptor(self.pair)],
            name_id_format=[md.NameIDFormat(text=saml.NAMEID_FORMAT_UNSPECIFIED)],
            single_sign_on_service=[md.SingleSignOnService(binding=BINDING_URI, location=here.sso_url)],
            organization=_organization(here.organization) if here.organization else None,
            contact_person=[_contact(here.contact)] if here.contact else [],
        )
        return str(md.EntityDescriptor(entity_id=here.entity_id, idpsso_descriptor=[role]))


def _new_id() -> str:
    return f"_{uuid.uuid4().hex}"


def _issuer(here: IdentityProviderParty) -> Any:
    return saml.Issuer(text=here.entity_id, format=saml.NAMEID_FORMAT_ENTITY)


def _attribute(name: str, values: Sequence[str]) -> Any:
    return saml.Attribute(
        name=name,
        name_format=saml.NAME_FORMAT_URI,
        attribute_value=[saml.AttributeValue(text=value) for value in values],
    )


def _organization(shown_as: Organization) -> Any:
    return md.Organization(
        organization_name=[md.OrganizationName(text=shown_as.name, lang=LANGUAGE)],
        organization_display_name=[md.OrganizationDisplayName(text=shown_as.display_name, lang=LANGUAGE)],
        organization_url=[md.OrganizationURL(text=shown_as.url, lang=LANGUAGE)],
    )


def _contact(person: Contact) -> Any:
    def part(kind: Any, text: str) -> Any:
        return kind(text=text) if text else None

    return md.ContactPerson(
        contact_type=person.type,
        company=part(md.Company, person.company),
        given_name=part(md.GivenName, person.name),
        sur_name=part(md.SurName, person.surname),
        email_address=[md.EmailAddress(text=person.email)] if person.email else [],
        telephone_number=[md.TelephoneNumber(text=person.telephone)] if person.telephone else [],
    )
