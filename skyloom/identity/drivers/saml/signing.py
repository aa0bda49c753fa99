"""Signatures: made with our key, which touches no disk, and checked with a peer's certificates, never with those that
a message brings along."""

import re
from collections.abc import Sequence, Set
from typing import Any
from xml.etree.ElementTree import Element

from saml2 import class_name, xmldsig

from skyloom.identity.drivers.saml import xmlsec
from skyloom.identity.drivers.saml.documents import Refused, walk
from skyloom.identity.saml import SigningPair

GOOD_ID = re.compile(r"[\w.\-]{1,255}")
DSIG = f"{{{xmldsig.NAMESPACE}}}"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SIGNATURES = {f"{MORE}{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)}
DIGESTS = {xmldsig.DIGEST_SHA256, xmldsig.DIGEST_SHA384, xmldsig.DIGEST_SHA512}
STRONG = (xmldsig.SIG_RSA_SHA256, xmldsig.DIGEST_SHA256)
SHA1 = {xmldsig.SIG_RSA_SHA1, xmldsig.DIGEST_SHA1}
CANONICAL = {xmldsig.TRANSFORM_C14N, xmldsig.TRANSFORM_C14N_WITH_COMMENTS}
RESPONSE = "{urn:oasis:names:tc:SAML:2.0:protocol}Response"
ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"
ENCRYPTED = "{http://www.w3.org/2001/04/xmlenc#}EncryptedData"
_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
ISSUER = f"{_SAML}Issuer"
REPEATABLE = {
    f"{_SAML}Attribute",
    f"{_SAML}AttributeStatement",
    f"{_SAML}AttributeValue",
    f"{_SAML}Audience",
    f"{_SAML}AudienceRestriction",
    f"{_SAML}AuthenticatingAuthority",
    f"{_SAML}SubjectConfirmation",
    f"{DSIG}Transform",
    f"{DSIG}X509Certificate",
}
"""What may stand several times in one element; of anything else a reader might take the first or the last."""


def signed(pair: SigningPair, message: Any, part: Any = None) -> str:
    """`message` (of pysaml2) as XML without a declaration, with `part` of it, or itself, signed."""
    part = message if part is None else part
    part.signature = template(part.id, STRONG, pair.certificate_pem)
    text = xmlsec.sign(str(message), class_name(part), part.id, pair.key_pem)
    return text.partition("?>")[2].strip() if text.startswith("<?xml") else text


def template(part_id: str, algorithms: tuple[str, str], certificate_pem: str) -> Any:
    """A signature (of pysaml2) that is still to be filled in; `algorithms`: of signature and digest."""
    sign, digest = algorithms
    transforms = [xmldsig.Transform(algorithm=each) for each in (xmldsig.TRANSFORM_ENVELOPED, xmldsig.TRANSFORM_C14N)]
    reference = xmldsig.Reference(
        uri=f"#{part_id}",
        transforms=xmldsig.Transforms(transform=transforms),
        digest_method=xmldsig.DigestMethod(algorithm=digest),
        digest_value=xmldsig.DigestValue(),
    )
    signed_info = xmldsig.SignedInfo(
        canonicalization_method=xmldsig.CanonicalizationMethod(algorithm=xmldsig.TRANSFORM_C14N),
        signature_method=xmldsig.SignatureMethod(algorithm=sign),
        reference=[reference],
    )
    return xmldsig.Signature(
        signed_info=signed_info, signature_value=xmldsig.SignatureValue(), key_info=key_info(certificate_pem)
    )


def key_info(certificate_pem: str) -> Any:
    certificate = xmldsig.X509Certificate(text="".join(certificate_pem.splitlines()[1:-1]))
    return xmldsig.KeyInfo(x509_data=[xmldsig.X509Data(x509_certificate=certificate)])


def check_shape(document: Element, response: Element, allows_sha1: bool = False) -> None:
    """One assertion, right below the response, and signatures that can only be for what stands around them.

    That makes signature wrapping impossible whatever a verifier looks up by id: there is no second assertion to read,
    no id twice in the document, and no signature anywhere but in the response and in that assertion.
    """
    if response.tag != RESPONSE:
        raise Refused("this is no SAML response")
    tags = [element.tag for element, _ in walk(document)]
    if ENCRYPTED in tags:
        raise Refused("the assertion is encrypted; this cloud publishes no key for that")
    if tags.count(RESPONSE) != 1 or tags.count(ASSERTION) != 1 or response.find(ASSERTION) is None:
        raise Refused("a response must hold one assertion, as a child of its own")
    for element, _ in walk(response):
        inner = [child.tag for child in element if child.tag not in REPEATABLE]
        if len(inner) != len(set(inner)):
            raise Refused(f"{element.tag} holds twice what it may hold once")
    ids = [value for element, _ in walk(document) for name, value in element.attrib.items() if _names_an_id(name)]
    if len(ids) != len(set(ids)):
        raise Refused("an id occurs twice")
    if not all(GOOD_ID.fullmatch(each) for each in ids):
        raise Refused("an id is empty, or holds what none may hold")
    places = [response, *response.findall(ASSERTION)]
    held = [(place, signature) for place in places for signature in place.findall(f"{DSIG}Signature")]
    if not held:
        raise Refused("neither the response nor its assertion is signed")
    if tags.count(f"{DSIG}Signature") != len(held) or len({id(place) for place, _ in held}) != len(held):
        raise Refused("there is a signature where none belongs")
    for place, signature in held:
        _check_signature_shape(place, signature, SHA1 if allows_sha1 else frozenset())


def _names_an_id(name: str) -> bool:
    return name.rpartition("}")[2].lower() == "id"


def _check_signature_shape(place: Element, signature: Element, also: Set[str]) -> None:
    """Enveloped, of the element that it stands in and of nothing else, by strong algorithms (or those in `also`)."""
    info = signature.find(f"{DSIG}SignedInfo")
    references = [element for element, _ in walk(signature) if element.tag == f"{DSIG}Reference"]
    if info is None or signature.find(f"{DSIG}Object") is not None:
        raise Refused("a signature has nothing that is signed, or an object of its own")
    if [reference.get("URI") for reference in references] != [f"#{place.get('ID', '')}"]:
        raise Refused("a signature refers to something else than what it stands in")
    for element, tag, allowed in (
        (info, "SignatureMethod", SIGNATURES | also),
        (references[0], "DigestMethod", DIGESTS | also),
        (info, "CanonicalizationMethod", CANONICAL),
    ):
        method = element.find(f"{DSIG}{tag}")
        if method is None or method.get("Algorithm") not in allowed:
            raise Refused(f"a signature's {tag} is {None if method is None else method.get('Algorithm')}: too weak")
    transforms = [each.get("Algorithm") for each in references[0].findall(f"{DSIG}Transforms/{DSIG}Transform")]
    if transforms[:1] != [xmldsig.TRANSFORM_ENVELOPED] or not set(transforms[1:]) <= CANONICAL:
        raise Refused("a signature changes what it signs in an unknown way")


def check_signatures(text: bytes, response: Any, certificates: Sequence[str]) -> None:
    """Every signature of the response (of pysaml2) that is in `text`; raises Refused. Its shape was checked before.

    `certificates`: DER in base64; of a provider that changes its key there are several.
    """
    for part in (response, *response.assertion):
        if part.signature:
            _check_signature(text, part, certificates)


def _check_signature(text: bytes, part: Any, certificates: Sequence[str]) -> None:
    for number, certificate in enumerate(certificates, 1):
        try:
            pem = f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"
            xmlsec.verify(text, class_name(part), part.id, pem.encode())
            return
        except Refused:
            if number == len(certificates):
                raise
