"""Keys, parties and responses for tests of SAML: a response that is right, to be spoilt in one way each."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from skyloom.clock import Clock
from skyloom.identity.drivers.saml import SamlIdentityProvider, SamlServiceProvider, signing
from skyloom.identity.saml import IdentityProviderParty, ServiceProviderParty, SigningPair, Statement

HERE = ServiceProviderParty("https://cloud.test/sp", "https://cloud.test/consumer")
PROVIDER = IdentityProviderParty("https://provider.test/idp", "https://provider.test/sso")
ATTRIBUTES = {"openstack_user": ["anna"], "openstack_roles": ["member", "reader"]}


def signing_pair() -> SigningPair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "saml.test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1))
        .not_valid_after(datetime(2036, 1, 1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return SigningPair(private, certificate.public_bytes(pem).decode())


class Provider:
    """An identity provider with a key of its own, and what a service provider knows of it."""

    def __init__(self, clock: Clock, pair: SigningPair):
        self.pair = pair
        self.clock = clock
        self.issuing = SamlIdentityProvider(pair, clock)
        self.metadata = self.issuing.metadata(PROVIDER)

    def says(self, **more: Any) -> Statement:
        said = {
            "recipient": HERE.consumer_url,
            "audience": HERE.entity_id,
            "subject": "anna",
            "attributes": ATTRIBUTES,
            "life_s": 300,
            "session_ends_at": self.clock.now() + timedelta(hours=1),
        }
        return Statement(**{**said, **more})

    def response(
        self, spoil: Callable[[Any], None] = lambda response: None, pair: SigningPair | None = None, **more: Any
    ) -> bytes:
        """A response for HERE; `spoil` changes the draft before it is signed with `pair`, or the own key."""
        draft = self.issuing.draft(PROVIDER, self.says(**more))
        spoil(draft)
        return signing.signed(pair or self.pair, draft, draft.assertion[0]).encode()


def at(clock: Clock, seconds: float) -> str:
    return (clock.now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(provider: Provider, text: bytes, **trust: bool) -> Any:
    asking = SamlServiceProvider(provider.pair, provider.clock, **trust)
    return asking.read(HERE, asking.check_metadata(provider.metadata), text)
