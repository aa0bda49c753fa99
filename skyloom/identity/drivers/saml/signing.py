"""Signatures: made with our key, which touches no disk, and checked with a peer's certificates, never with those that
a message brings along."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

from saml2 import class_name
from saml2.sigver import CryptoBackend, SecurityContext, SignatureError, SigverError, pem_format, pre_signature_part
from saml2.validate import NotValid
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

from skyloom.identity.drivers.saml.documents import Refused, walk
from skyloom.identity.errors import SamlMissing
from skyloom.identity.saml import SigningPair

LIMIT_S = 20
MOST_CHARACTERS = 300
OK = re.compile(r"^(Verification status: )?OK$", re.MULTILINE)
DSIG = "{http://www.w3.org/2000/09/xmldsig#}"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SIGNATURES = {f"{MORE}{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)}
DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
}
RESPONSE = "{urn:oasis:names:tc:SAML:2.0:protocol}Response"
ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"
ENCRYPTED = "{http://www.w3.org/2001/04/xmlenc#}EncryptedData"
_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
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


class Xmlsec(CryptoBackend):
    """In the place of pysaml2's own: documents and keys are handed over in memory, and it must end in time."""

    def __init__(self) -> None:
        program = shutil.which("xmlsec1")
        if program is None:
            raise SamlMissing()
        self.program = program

    def sign_statement(self, statement: Any, node_name: str, key_file: str, node_id: str) -> str:
        found = self._run("--sign", "--privkey-pem", key_file, *_id(node_name, node_id), text=str(statement).encode())
        if found.returncode != 0:
            raise SignatureError(found.stderr.decode(errors="replace"))
        return found.stdout.decode()

    def validate_signature(self, signedtext: str, cert_file: str, cert_type: str, node_name: str, node_id: str) -> bool:
        """`raw-x509-cert` alone is enabled, so a key that the document itself brings is not looked at."""
        ways = ["--enabled-reference-uris", "same-doc", "--enabled-key-data", "raw-x509-cert"]
        key = ["--pubkey-cert-pem", cert_file]
        found = self._run("--verify", *ways, *key, *_id(node_name, node_id), text=signedtext.encode())
        told = found.stderr.decode(errors="replace")
        if found.returncode != 0 or not OK.search(told):
            raise SignatureError(told)
        return True

    def _run(self, *words: str, text: bytes) -> subprocess.CompletedProcess[bytes]:
        with in_memory(text) as path:
            command = [self.program, *words, *_taking_the_only_key(self.program), path]
            return subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)


@cache
def _taking_the_only_key(program: str) -> Sequence[str]:
    """From 1.3 on xmlsec wants to be told so; before it does not know the word."""
    told = subprocess.run([program, "--version"], capture_output=True, timeout=LIMIT_S, check=True).stdout.decode()
    number = re.search(r"(\d+)\.(\d+)", told)
    return ["--lax-key-search"] if number and (int(number[1]), int(number[2])) >= (1, 3) else []


def _id(node_name: str, node_id: str) -> list[str]:
    return ["--id-attr:ID", node_name, "--node-id", node_id]


@contextmanager
def in_memory(content: bytes) -> Iterator[str]:
    """A path at which programs that we start find the content; it is on no disk and ends with the block."""
    descriptor = os.memfd_create("saml", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


def signed(pair: SigningPair, message: Any, part: Any = None) -> str:
    """`message` (of pysaml2) as XML, with `part` of it, or itself, signed."""
    part = message if part is None else part
    certificate = "".join(pair.certificate_pem.splitlines()[1:-1])
    part.signature = pre_signature_part(part.id, certificate, digest_alg=DIGEST_SHA256, sign_alg=SIG_RSA_SHA256)
    with in_memory(pair.key_pem) as path:
        text: str = Xmlsec().sign_statement(str(message), class_name(part), path, part.id)
    return text.partition("?>")[2].strip() if text.startswith("<?xml") else text


def check_shape(document: Element, response: Element) -> None:
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
    places = [response, *response.findall(ASSERTION)]
    held = [(place, signature) for place in places for signature in place.findall(f"{DSIG}Signature")]
    if not held:
        raise Refused("neither the response nor its assertion is signed")
    if tags.count(f"{DSIG}Signature") != len(held) or len({id(place) for place, _ in held}) != len(held):
        raise Refused("there is a signature where none belongs")
    for place, signature in held:
        _check_signature_shape(place, signature)


def _names_an_id(name: str) -> bool:
    return name.rpartition("}")[2].lower() == "id"


def _check_signature_shape(place: Element, signature: Element) -> None:
    method = signature.find(f"{DSIG}SignedInfo/{DSIG}SignatureMethod")
    references = [element for element, _ in walk(signature) if element.tag == f"{DSIG}Reference"]
    if method is None or method.get("Algorithm") not in SIGNATURES:
        raise Refused(f"signed by {method.get('Algorithm') if method is not None else 'nothing'}, which is too weak")
    if [reference.get("URI") for reference in references] != [f"#{place.get('ID')}"]:
        raise Refused("a signature refers to something else than what it stands in")
    digest = references[0].find(f"{DSIG}DigestMethod")
    if digest is None or digest.get("Algorithm") not in DIGESTS:
        raise Refused("a digest is of an algorithm that is too weak")


@dataclass(frozen=True)
class _File:
    name: str


class _Certificates:
    """In the place of pysaml2's metadata store: these certificates, whoever the message says to be from."""

    def __init__(self, paths: Sequence[str]):
        self.paths = paths

    def certs(self, entity_id: str, descriptor: str, use: str) -> list[tuple[str, _File]]:
        return [("", _File(path)) for path in self.paths]


def check_signatures(text: bytes, response: Any, certificates: Sequence[str]) -> None:
    """Every signature of the response (of pysaml2) that is in `text`; raises Refused. Its shape was checked before."""
    with ExitStack() as files:
        paths = [files.enter_context(in_memory(pem_format(certificate))) for certificate in certificates]
        context = SecurityContext(Xmlsec(), metadata=_Certificates(paths), only_use_keys_in_metadata=True)
        for part in (response, *response.assertion):
            if part.signature:
                try:
                    context.check_signature(part, class_name(part), text.decode(), must=True)
                except (SigverError, NotValid, subprocess.TimeoutExpired) as error:
                    raise Refused(f"the signature of the {part.c_tag} does not hold: {_told(error)}") from error


def _told(error: Exception) -> str:
    """In a line, and without the document, which pysaml2 hands along."""
    cause = error.args[0] if error.args else ""
    words = cause.get("message", "") if isinstance(cause, dict) else str(cause)
    return " ".join(f"{type(error).__name__} {words}".split())[:MOST_CHARACTERS]
