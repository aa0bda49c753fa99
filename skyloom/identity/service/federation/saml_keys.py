"""The key with which this cloud signs SAML requests and assertions, made once and sealed at rest."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from skyloom.access import SYSTEM
from skyloom.access.vault import Vault
from skyloom.db import Database
from skyloom.identity.saml import SigningPair
from skyloom.identity.store.saml import SamlStore

YEARS = 10
"""Other clouds and providers keep the certificate, and look at the key in it, not at its end."""
BITS = 2048
LONG = 1 << 158
"""Makes all serial numbers, and so all certificates, of one length."""
BACKDATE = timedelta(hours=1)


class SamlKeys:
    def __init__(self, db: Database, vault: Vault):
        self.db = db
        self.vault = vault
        self.store = SamlStore()
        self._pair: SigningPair | None = None

    def ensure(self) -> None:
        """Make the pair at the first start of a cloud; of processes that start at once, one does."""
        if self.store.pair(self.db.read()) is not None:
            return
        key, certificate = _made(self.db.clock.now())
        with self.db.begin(SYSTEM) as tx:
            tx.lock("saml_key")
            if self.store.pair(tx) is None:
                self.store.add_pair(tx, self.vault.seal(key), certificate, self.db.clock.now())

    def pair(self) -> SigningPair:
        if self._pair is None:
            found = self.store.pair(self.db.read())
            if found is None:
                self.ensure()
                return self.pair()
            self._pair = SigningPair(self.vault.open(found.sealed_key), found.certificate)
        return self._pair


def _made(now: datetime) -> tuple[bytes, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Skyloom identity, SAML")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number() | LONG)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, certificate.public_bytes(pem).decode()
