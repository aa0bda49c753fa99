"""An identity provider's metadata: which certificates it signs with and where it is asked."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_SOAP, md, samlp

from skyloom.identity.drivers.saml.documents import Refused, parse
from skyloom.identity.drivers.saml.instants import instant

ENTITY = f"{{{md.NAMESPACE}}}EntityDescriptor"
BINDINGS = {BINDING_HTTP_REDIRECT, BINDING_HTTP_POST, BINDING_SOAP}


@dataclass(frozen=True, slots=True)
class PeerMetadata:
    """`certificates`: DER in base64. `sign_on`: URLs by binding."""

    entity_id: str
    certificates: Sequence[str]
    sign_on: Mapping[str, str]


def read(text: str, entity_id: str | None, now: datetime) -> PeerMetadata:
    """The identity provider of that entity id (None: the only one) in `text`; raises Refused."""
    root = parse(text.encode())
    entities = [root] if root.tag == ENTITY else root.findall(f".//{ENTITY}")
    found = [each for each in entities if entity_id in (None, each.get("entityID"))]
    if len(found) != 1:
        raise Refused(f"the metadata describe {len(found)} entities {entity_id or ''}, where one was looked for")
    for holder in {id(each): each for each in (root, found[0])}.values():
        if (end := holder.get("validUntil")) is not None and instant(end) <= now:
            raise Refused(f"the metadata were valid until {end} only")
    entity = md.EntityDescriptor()
    entity.harvest_element_tree(found[0])
    roles = [
        role
        for role in entity.idpsso_descriptor
        if samlp.NAMESPACE in (role.protocol_support_enumeration or "").split()
    ]
    if not entity.entity_id or len(roles) != 1:
        raise Refused("the metadata describe no SAML 2.0 identity provider")
    certificates = [text for key in roles[0].key_descriptor if key.use in (None, "signing") for text in _of(key)]
    if not certificates:
        raise Refused("the metadata name no certificate that the identity provider signs with")
    sign_on = {each.binding: each.location for each in roles[0].single_sign_on_service if each.binding in BINDINGS}
    if bad := [url for url in sign_on.values() if not (url or "").startswith(("https://", "http://"))]:
        raise Refused(f"the metadata name {bad[0]} as an address; it must be an http or https URL")
    return PeerMetadata(entity.entity_id, certificates, sign_on)


def _of(key: Any) -> list[str]:
    held = key.key_info.x509_data if key.key_info else []
    return [_checked("".join((data.x509_certificate.text or "").split())) for data in held if data.x509_certificate]


def _checked(certificate: str) -> str:
    try:
        x509.load_der_x509_certificate(b64decode(certificate, validate=True))
    except (NotBase64, ValueError) as error:
        raise Refused(f"the metadata hold a certificate that is none: {error}") from error
    return certificate
