"""What this cloud believes of a SAML response, and each thing for which it believes nothing."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from saml2 import BINDING_HTTP_POST, class_name, saml, samlp, xmldsig
from saml2.client import Saml2Client
from saml2.config import Config as Saml2Config

from skyloom.clock import Clock, VirtualClock
from skyloom.identity.drivers.saml import SamlServiceProvider, documents, signing, xmlsec
from skyloom.identity.drivers.saml.documents import Refused
from tests.parts.saml import ATTRIBUTES, HERE, PROVIDER, Provider, at, read, signing_pair

pytestmark = pytest.mark.needs("xmlsec1")


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider(VirtualClock(), signing_pair())


@pytest.fixture(scope="module")
def stranger() -> Provider:
    """Somebody else with a key, who says to be the provider."""
    return Provider(VirtualClock(), signing_pair())


KEYSTONE = {"allows_sha1": True, "needs_audience": False}


def refused(provider: Provider, text: bytes, **trust: bool) -> str:
    with pytest.raises(Refused) as error:
        read(provider, text, **trust)
    return str(error.value)


def test_a_right_response_says_who_it_is(provider):
    found = read(provider, provider.response())
    assert found.issuer == PROVIDER.entity_id
    assert found.in_response_to is None
    assert {name: found.attributes[name] for name in ATTRIBUTES} == ATTRIBUTES
    assert found.attributes["REMOTE_USER"] == ["anna"]
    assert found.attributes["MELLON_IDP"] == [PROVIDER.entity_id]


def test_the_assertion_counts_for_as_long_as_all_of_it_does(provider):
    found = read(provider, provider.response(life_s=300))
    assert (found.ends_at - provider.clock.now()).total_seconds() == 300 + 60
    assert found.session_ends_at == provider.clock.now() + timedelta(hours=1)


def test_an_attribute_has_its_friendly_name_too_but_never_that_of_another(provider):
    def spoil(response: Any) -> None:
        attributes = response.assertion[0].attribute_statement[0].attribute
        attributes[0].friendly_name = "person"
        attributes[1].friendly_name = "openstack_user"

    found = read(provider, provider.response(spoil))
    assert found.attributes["person"] == ["anna"]
    assert found.attributes["openstack_user"] == ["anna"]


def test_the_response_may_be_signed_instead_of_the_assertion(provider):
    draft = provider.issuing.draft(PROVIDER, provider.says())
    text = signing.signed(provider.pair, draft).encode()
    assert read(provider, text).attributes["openstack_user"] == ["anna"]
    assert "does not hold" in refused(provider, text.replace(b"anna", b"anno"))


# -- signatures


def test_without_a_signature_nothing_is_believed(provider):
    draft = provider.issuing.draft(PROVIDER, provider.says())
    assert "neither the response nor its assertion is signed" in refused(provider, str(draft).encode())


def test_a_changed_assertion_is_refused(provider):
    assert "does not hold" in refused(provider, provider.response().replace(b">anna<", b">root<"))


def test_a_stranger_s_signature_is_refused_though_it_brings_its_certificate(provider, stranger):
    text = stranger.response()
    assert b"X509Certificate" in text
    assert "does not hold" in refused(provider, text)


def test_a_weak_signature_is_refused(provider):
    def algorithms(sign: str, digest: str) -> bytes:
        text = provider.response().decode()
        text = text.replace("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", sign)
        return text.replace("http://www.w3.org/2001/04/xmlenc#sha256", digest).encode()

    strong = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256"
    for weak in (xmldsig.SIG_RSA_SHA1, "http://www.w3.org/2000/09/xmldsig#hmac-sha1"):
        assert "too weak" in refused(provider, algorithms(weak, strong[1]))
    assert "too weak" in refused(provider, algorithms(strong[0], xmldsig.DIGEST_SHA1))


# -- signature wrapping: the signed assertion stays somewhere, another one is to be read

ASSERTION = re.compile(rb"<(\w+):Assertion .*</\1:Assertion>", re.DOTALL)


def _forged(right: bytes, new_id: bytes) -> bytes:
    """The assertion of `right`, saying another name under another id, without its signature."""
    found = ASSERTION.search(right)
    assert found is not None
    unsigned = re.sub(rb"<(\w+):Signature>.*</\1:Signature>", b"", found[0], flags=re.DOTALL)
    return re.sub(rb' ID="[^"]*"', b' ID="' + new_id + b'"', unsigned, count=1).replace(b">anna<", b">root<")


def _placed(right: bytes) -> dict[str, bytes]:
    """The known ways to wrap: where the forged assertion is, and where the signed one hides."""
    signed_part = ASSERTION.search(right)
    assert signed_part is not None
    signed_text, forged = signed_part[0], _forged(right, b"_forged")
    own_id = re.search(rb' ID="([^"]*)"', signed_text)
    assert own_id is not None
    signature = re.search(rb"<(\w+):Signature>.*</\1:Signature>", signed_text, re.DOTALL)
    assert signature is not None
    tail = b"</" + re.match(rb"<(\w+:Assertion)", signed_text)[1] + b">"  # type: ignore[index]
    extensions = b'<x:Extensions xmlns:x="urn:oasis:names:tc:SAML:2.0:protocol">' + signed_text + b"</x:Extensions>"
    return {
        "beside, before": right.replace(signed_text, forged + signed_text),
        "beside, after": right.replace(signed_text, signed_text + forged),
        "the signed one inside the forged one": right.replace(signed_text, forged.replace(tail, signed_text + tail)),
        "the signed one in the extensions": right.replace(signed_text, extensions + forged),
        "the forged one holds the signature with the signed one as its object": right.replace(
            signed_text,
            forged.replace(
                tail,
                signature[0].replace(
                    b"</" + signature[1] + b":Signature>",
                    b"<"
                    + signature[1]
                    + b":Object>"
                    + signed_text.replace(signature[0], b"")
                    + b"</"
                    + signature[1]
                    + b":Object></"
                    + signature[1]
                    + b":Signature>",
                )
                + tail,
            ),
        ),
        "the same id twice": right.replace(signed_text, _forged(right, own_id[1]) + signed_text),
        "the signature moved to the response": right.replace(signed_text, signature[0] + _forged(right, b"_forged")),
    }


@pytest.mark.parametrize("way", list(_placed(b'<a:Assertion ID="x"><b:Signature></b:Signature></a:Assertion>')))
def test_signature_wrapping_is_refused(provider, way):
    right = provider.response()
    text = _placed(right)[way]
    assert text != right
    assert b">root<" in text
    refused(provider, text)


def test_what_may_stand_once_does_not_stand_twice(provider):
    right = provider.response()
    text = re.sub(rb"(<(\w+):Destination.*?>)|(<(\w+):Status>.*</\4:Status>)", rb"\g<0>\g<0>", right, flags=re.DOTALL)
    assert text != right
    assert "holds twice" in refused(provider, text)


# -- the document


def test_document_types_and_entities_are_refused(provider):
    right = provider.response()
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    outside = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    for declared in (bomb, outside, b"<!DOCTYPE x>", b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'):
        assert "declares a type or entities" in refused(provider, declared + right)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"<a><!-- b --></a>", "comments or processing instructions"),
        (b"<a><?b c?></a>", "comments or processing instructions"),
        (b"<a>" * 100 + b"</a>" * 100, "elements deep"),
        (b"<a", "not well-formed"),
        (b"<a>\xff</a>", "not well-formed"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "not in UTF-8"),
        ("<a/>".encode("utf-16-le"), "not in UTF-8"),
        (b"<a>" + b" " * documents.LIMIT_BYTES + b"</a>", "bytes"),
        (b"<a/>", "no SAML response"),
    ],
)
def test_a_document_that_two_parsers_could_read_differently_is_refused(provider, text, reason):
    assert reason in refused(provider, text)


def test_a_name_cut_by_a_comment_is_refused(provider):
    """Some readers see `anna@cloud.test` up to the comment only, and the signature holds either way."""
    text = provider.response(subject="anna@cloud.test.example.com")
    assert "comments" in refused(provider, text.replace(b"anna@cloud.test", b"anna@cloud.test<!-- -->"))


# -- for whom, from whom, and when

Spoil = Callable[[Any], None]


def _set(path: str, value: Any) -> Spoil:
    def spoil(response: Any) -> None:
        *steps, name = path.split(".")
        for step in steps:
            response = response[int(step)] if step.isdigit() else getattr(response, step)
        setattr(response, name, value)

    return spoil


DATA = "assertion.0.subject.subject_confirmation.0.subject_confirmation_data"
CONDITIONS = "assertion.0.conditions"
NOW = VirtualClock()
FAILED = samlp.Status(status_code=samlp.StatusCode(value=samlp.STATUS_RESPONDER))
CONDITION = saml.Condition(extension_attributes={"{http://www.w3.org/2001/XMLSchema-instance}type": "x"})
SPOILT: dict[str, tuple[Spoil, str]] = {
    "another audience": (
        _set(f"{CONDITIONS}.audience_restriction.0.audience", [saml.Audience(text="https://other.test/sp")]),
        "for the audience",
    ),
    "no audience": (_set(f"{CONDITIONS}.audience_restriction", []), "names no audience"),
    "no conditions": (_set(CONDITIONS, None), "names no audience"),
    "one of two restrictions is for others": (
        _set(
            f"{CONDITIONS}.audience_restriction",
            [
                saml.AudienceRestriction(audience=[saml.Audience(text=text)])
                for text in (HERE.entity_id, "https://other.test/sp")
            ],
        ),
        "for the audience",
    ),
    "another destination": (_set("destination", "https://other.test/consumer"), "the response is for"),
    "no destination": (_set("destination", None), "the response is for None"),
    "another recipient": (_set(f"{DATA}.recipient", "https://other.test/consumer"), "the assertion is for"),
    "no recipient": (_set(f"{DATA}.recipient", None), "the assertion is for None"),
    "no confirmation of a bearer": (
        _set("assertion.0.subject.subject_confirmation.0.method", saml.SCM_SENDER_VOUCHES),
        "no confirmation",
    ),
    "another issuer": (_set("assertion.0.issuer", saml.Issuer(text="https://other.test/idp")), "is of https://other"),
    "another issuer of the response": (_set("issuer", saml.Issuer(text="https://other.test/idp")), "is of https://ot"),
    "ended": (_set(f"{DATA}.not_on_or_after", at(NOW, -61)), "the confirmation ended"),
    "without an end": (_set(f"{DATA}.not_on_or_after", None), "must end"),
    "conditions ended": (_set(f"{CONDITIONS}.not_on_or_after", at(NOW, -61)), "the assertion ended"),
    "session ended": (_set("assertion.0.authn_statement.0.session_not_on_or_after", at(NOW, -61)), "session ended"),
    "not yet": (_set(f"{CONDITIONS}.not_before", at(NOW, 61)), "counts from"),
    "made long ago": (_set("issue_instant", at(NOW, -601)), "was made at"),
    "made in the future": (_set("issue_instant", at(NOW, 61)), "was made at"),
    "no authentication": (_set("assertion.0.authn_statement", []), "nothing of an authentication"),
    "failed": (_set("status", FAILED), "answered urn"),
    "other requests": (_set("in_response_to", "_one"), "name different requests"),
    "other requests the other way": (_set(f"{DATA}.in_response_to", "_one"), "name different requests"),
    "an unknown condition": (_set(f"{CONDITIONS}.condition", [CONDITION]), "a condition that is unknown"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_response_is_refused_though_well_signed(provider, what):
    spoil, reason = SPOILT[what]
    assert reason in refused(provider, provider.response(spoil))


def _with_one_part_less(text: str) -> Iterator[tuple[str, str]]:
    """Every element, attribute and text taken away in turn, outside the signature's template."""
    count = len(list(ElementTree.fromstring(text).iter()))
    for number in range(1, count):
        for part in ("element", "text", *list(ElementTree.fromstring(text).iter())[number].attrib):
            root = ElementTree.fromstring(text)
            element = list(root.iter())[number]
            if xmldsig.NAMESPACE in element.tag:
                continue
            if part == "element":
                next(each for each in root.iter() if element in list(each)).remove(element)
            elif part == "text":
                element.text = None
            else:
                del element.attrib[part]
            yield f"{element.tag} {part}", ElementTree.tostring(root, encoding="unicode")


def test_a_response_that_lacks_anything_is_read_or_refused_and_never_an_accident(provider):
    draft = provider.issuing.draft(PROVIDER, provider.says())
    assertion = draft.assertion[0]
    assertion.signature = signing.template(assertion.id, signing.STRONG, provider.pair.certificate_pem)
    tried, believed = 0, set()
    for what, text in _with_one_part_less(str(draft)):
        tried += 1
        if f' ID="{assertion.id}"' in text:
            text = xmlsec.sign(text, class_name(assertion), assertion.id, provider.pair.key_pem)
        try:
            read(provider, text.encode())
            believed.add(what.rpartition("}")[2])
        except Refused:
            continue
    assert tried > 60
    for needed in (
        "Conditions",
        "AudienceRestriction",
        "Audience",
        "Subject",
        "SubjectConfirmation",
        "Status",
        "Issuer",
    ):
        assert not {each for each in believed if each.startswith(f"{needed} e")} - {"Issuer element"}, believed


def test_metadata_that_lack_anything_are_read_or_refused_and_never_an_accident(provider):
    asking, believed = SamlServiceProvider(provider.pair, provider.clock), 0
    for _, text in _with_one_part_less(provider.metadata):
        try:
            asking.check_metadata(text)
            believed += 1
        except Refused:
            continue
    assert believed


@pytest.mark.parametrize(
    ("path", "seconds"),
    [
        (f"{DATA}.not_on_or_after", -59),
        (f"{CONDITIONS}.not_on_or_after", -59),
        (f"{CONDITIONS}.not_before", 59),
        ("issue_instant", 59),
    ],
)
def test_clocks_may_differ_a_little(provider, path, seconds):
    read(provider, provider.response(_set(path, at(NOW, seconds))))


def test_the_request_is_told_when_both_name_it(provider):
    def spoil(response: Any) -> None:
        _set("in_response_to", "_one")(response)
        _set(f"{DATA}.in_response_to", "_one")(response)

    assert read(provider, provider.response(spoil)).in_response_to == "_one"


def test_a_keystone_s_response_counts_where_one_is_expected(provider):
    """It signs by SHA-1 and has no conditions at all; whom it is for, its recipient says."""
    draft = provider.issuing.draft(PROVIDER, provider.says())
    assertion = draft.assertion[0]
    assertion.conditions = None
    # its ids may begin with a digit, which the schema does not allow
    assertion.id = "48c49d496c27407c958b6d4225c456ac"
    weak = (xmldsig.SIG_RSA_SHA1, xmldsig.DIGEST_SHA1)
    assertion.signature = signing.template(assertion.id, weak, provider.pair.certificate_pem)
    text = xmlsec.sign(str(draft), class_name(assertion), assertion.id, provider.pair.key_pem).encode()
    found = read(provider, text, allows_sha1=True, needs_audience=False)
    assert found.attributes["openstack_user"] == ["anna"]
    assert "does not hold" in refused(provider, text.replace(b">anna<", b">root<"), **KEYSTONE)
    assert "too weak" in refused(provider, text, needs_audience=False)
    assert "names no audience" in refused(provider, text, allows_sha1=True)
    stranger = provider.response(_set(f"{DATA}.recipient", "https://other.test/consumer"))
    assert "the assertion is for" in refused(provider, stranger, **KEYSTONE)


def test_another_implementation_believes_what_we_issue(provider, tmp_path):
    """pysaml2's own service provider, with its own checks, by the real time."""
    here = Provider(Clock(), provider.pair)
    config = Saml2Config().load(
        {
            "entityid": HERE.entity_id,
            "xmlsec_binary": "/usr/bin/xmlsec1",
            "metadata": {"inline": [here.metadata]},
            "allow_unknown_attributes": True,
            "service": {
                "sp": {
                    "endpoints": {"assertion_consumer_service": [(HERE.consumer_url, BINDING_HTTP_POST)]},
                    "allow_unsolicited": True,
                    "want_assertions_signed": True,
                    "want_response_signed": False,
                }
            },
        }
    )
    field = b64encode(here.response()).decode()
    found = Saml2Client(config).parse_authn_request_response(field, BINDING_HTTP_POST)
    assert found.ava == ATTRIBUTES
    assert found.name_id.text == "anna"


# -- how it comes


def test_a_form_s_field_is_base64(provider):
    asking = SamlServiceProvider(provider.pair, provider.clock)
    peer = asking.check_metadata(provider.metadata)
    text = provider.response()
    assert asking.read_form(HERE, peer, b64encode(text).decode()) == asking.read(HERE, peer, text)
    for bad in ("ä", "a" * 600_000, "<a/>"):
        with pytest.raises(Refused):
            asking.read_form(HERE, peer, bad)


def test_an_envelope_is_read_and_cannot_hide_another_assertion(provider):
    asking = SamlServiceProvider(provider.pair, provider.clock)
    peer = asking.check_metadata(provider.metadata)
    envelope = provider.issuing.envelope(PROVIDER, provider.says(), "ss:mem:1").encode()
    found, relay_state = asking.read_envelope(HERE, peer, envelope)
    assert found.attributes["openstack_user"] == ["anna"]
    assert relay_state == "ss:mem:1"

    signed_part = ASSERTION.search(envelope)
    assert signed_part is not None
    hidden = envelope.replace(signed_part[0], _forged(envelope, b"_forged"))
    hidden = hidden.replace(b"<S:Header>", b"<S:Header>" + signed_part[0])
    for bad in (hidden, envelope.replace(b"S:Body", b"S:Torso"), b"<a/>"):
        with pytest.raises(Refused):
            asking.read_envelope(HERE, peer, bad)


# -- metadata


def test_metadata_that_cannot_be_used_are_refused(provider):
    asking = SamlServiceProvider(provider.pair, provider.clock)
    right = provider.metadata
    certificate = re.search(r"<ns1:X509Certificate>([^<]*)<", right)
    assert certificate is not None
    spoilt = {
        "<!DOCTYPE x>" + right: "declares a type",
        right.replace("IDPSSODescriptor", "SPSSODescriptor"): "no SAML 2.0 identity provider",
        right.replace('use="signing"', 'use="encryption"'): "no certificate",
        right.replace(certificate[1], "AAAA"): "certificate that is none",
        right.replace("https://provider.test/sso", "javascript:alert(1)").replace(
            "bindings:URI", "bindings:HTTP-POST"
        ): ("an http or https URL"),
        right.replace("entityID=", f'validUntil="{at(provider.clock, -1)}" entityID='): "valid until",
        "<a/>": "0 entities",
    }
    for text, reason in spoilt.items():
        assert text != right
        with pytest.raises(Refused, match=reason):
            asking.check_metadata(text)
    with pytest.raises(Refused, match="0 entities https://other"):
        asking.check_metadata(right, "https://other.test/idp")
    assert asking.check_metadata(right, PROVIDER.entity_id).entity_id == PROVIDER.entity_id
